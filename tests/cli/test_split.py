"""``imggen split``: what it takes, makes, prints and refuses."""

import csv
import hashlib
import html
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import imggen
from imggen.cli import main
from imggen.core.text import printable
from tests.helpers.pictures import photo, smaller, write_photos
from tests.helpers.split_files import (
    HALF,
    ODD_NAMES,
    PLAN,
    everything_in,
    files_in,
    numbered,
    part_of,
    program,
    visible_in,
    without_part,
    write_files,
)

HALVES = ("--ratio", 0.5, 0.25, 0.25)


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def rows(output: str) -> list[list[str]]:
    """The words in each line of a drawn table."""
    return [re.findall(r"[^\s│]+", line) for line in output.splitlines() if "│" in line]


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as table:
        return list(csv.DictReader(table))


# Into folders.


def test_without_options_classes_are_shared_out_70_15_15(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 20), *numbered("dog", 20))
    told = invoke("split", photos, tmp_path / "out")

    assert told.exit_code == 0, told.stderr
    assert rows(told.output) == [
        ["cat", "14", "3", "3"],
        ["dog", "14", "3", "3"],
        ["all", "28", "6", "6"],
    ]
    assert len(part_of(tmp_path / "out")) == 40


def test_the_program_makes_what_the_function_makes(photos, tmp_path):
    told = program("split", photos, tmp_path / "out", *HALVES, "--seed", 5)
    imggen.split_directory(photos, tmp_path / "same", HALF, seed=5)

    assert (told.returncode, told.stderr) == (0, "")
    assert files_in(tmp_path / "out") == files_in(tmp_path / "same")


@pytest.mark.parametrize(
    ("ratio", "parts"),
    [
        ((0.5, 0.5, 0), {"train": 8, "val": 8}),
        ((0.75, 0, 0.25), {"train": 12, "test": 4}),
        ((0, 0.25, 0.75), {"val": 4, "test": 12}),
        ((1, 0, 0), {"train": 16}),
    ],
)
def test_a_share_of_0_is_no_such_part(photos, tmp_path, ratio, parts):
    told = invoke("split", photos, tmp_path / "out", "--ratio", *ratio)

    assert told.exit_code == 0, told.stderr
    assert visible_in(tmp_path / "out") == sorted(parts)
    assert rows(told.output)[-1] == ["all", *map(str, parts.values())]


@pytest.mark.parametrize(
    ("count", "parts"), [((1, 2), "10 2 4"), ((2, 0), "12 4"), ((0, 3), "10 6")]
)
def test_count_gives_val_and_test_so_many_of_every_class(photos, tmp_path, count, parts):
    told = invoke("split", photos, tmp_path / "out", "--count", *count)

    assert told.exit_code == 0, told.stderr
    assert rows(told.output)[-1] == ["all", *parts.split()]


def test_kfold_makes_folds(photos, tmp_path):
    told = invoke("split", photos, tmp_path / "out", "--kfold", 4)

    assert told.exit_code == 0, told.stderr
    assert visible_in(tmp_path / "out") == ["fold_0", "fold_1", "fold_2", "fold_3"]
    assert rows(told.output)[-1] == ["all", "4", "4", "4", "4"]


@pytest.mark.parametrize("mode", ["--copy", "--move", "--symlink", "--hardlink"])
def test_every_way_has_an_option(photos, tmp_path, mode):
    before = files_in(photos)
    told = invoke("split", photos, tmp_path / "out", *HALVES, mode)
    found = list((tmp_path / "out").rglob("*.png"))

    assert told.exit_code == 0, told.stderr
    assert {without_part(name): data for name, data in files_in(tmp_path / "out").items()} == before
    assert files_in(photos) == ({} if mode == "--move" else before)
    assert {(path.is_symlink(), path.stat().st_nlink) for path in found} == {
        (mode == "--symlink", 2 if mode == "--hardlink" else 1)
    }


def test_oversample_repeats_images_of_rare_classes(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 10), *numbered("dog", 5))
    told = invoke("split", photos, tmp_path / "out", "--ratio", 0.6, 0.4, 0, "--oversample")

    assert told.exit_code == 0, told.stderr
    assert rows(told.output) == [["cat", "6", "4"], ["dog", "6", "2"], ["all", "12", "6"]]


def test_without_stratify_shares_hold_for_the_whole(photos, tmp_path):
    told = invoke("split", photos, tmp_path / "out", *HALVES, "--no-stratify", "--seed", 1)

    assert rows(told.output)[-1] == ["all", "8", "4", "4"]
    assert rows(told.output)[0] != ["cat", "4", "2", "2"]


def test_split_tells_what_is_furthest_from_its_share(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 20), *numbered("dog", 10))
    told = invoke("split", photos, tmp_path / "out", "--ratio", 0.75, 0.25, 0).output

    assert re.search(
        r"^largest deviation from its ratio: dog in (train: [78] of 10 \((70|80)\.0%\) for 75\.0%|"
        r"val: [23] of 10 \((20|30)\.0%\) for 25\.0%)$",
        told,
        flags=re.MULTILINE,
    )


def test_files_that_go_along_are_counted(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 8), "cat/000.txt", "cat/001.json")
    told = invoke("split", photos, tmp_path / "out", *HALVES).output

    assert "8 images in" in told
    assert "also copied: 2 sidecar files" in told


def test_an_interrupted_run_goes_on_with_the_same_line(photos, tmp_path):
    line = ["split", photos, tmp_path / "out", *HALVES, "--move"]
    invoke(*line)
    moved = next(iter(files_in(tmp_path / "out")))
    (tmp_path / "out" / moved).rename(photos / without_part(moved))
    told = program(*line)

    assert (told.returncode, told.stderr) == (0, "")
    assert (tmp_path / "out" / moved).is_file()
    assert files_in(photos) == {}


def test_another_line_than_the_interrupted_one_is_refused(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    told = program("split", photos, tmp_path / "out", *HALVES, "--seed", 1)

    assert told.returncode == 1
    assert re.fullmatch(r"Error: .* was made with seed=0 \(now 1\)\. .*\n", told.stderr)


def test_the_default_shares_may_be_named_by_the_line_that_goes_on(photos, tmp_path):
    write_files(photos, *numbered("cat", 20), *numbered("dog", 20))
    invoke("split", photos, tmp_path / "out")

    assert invoke("split", photos, tmp_path / "out", "--ratio", 0.7, 0.15, 0.15).exit_code == 0


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="there is no Ctrl+C to send")
def test_ctrl_c_ends_without_a_traceback_and_the_same_line_goes_on(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 2000))
    line = ["split", photos, tmp_path / "out", *HALVES]
    with subprocess.Popen(
        [sys.executable, "-m", "imggen", *map(str, line)], stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not (tmp_path / "out" / PLAN / "scratch").exists():
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        told = process.communicate()[1]

    assert "Traceback" not in told
    assert process.returncode in (0, 1)
    assert program(*line).returncode == 0
    assert len(part_of(tmp_path / "out")) == 2000


# --dry-run.


@pytest.mark.parametrize("more", [[], ["--move"], ["--kfold", 2], ["--stable"]])
def test_a_dry_run_prints_each_step_and_touches_nothing(tmp_path, more):
    photos = write_files(tmp_path / "photos", *numbered("cat", 40), "cat/000.txt")
    before = everything_in(tmp_path), files_in(photos)
    told = invoke("split", photos, tmp_path / "out", *more, "--dry-run")
    mode = "move" if more == ["--move"] else "copy"
    steps = re.findall(rf"^{mode} (\S+) -> (\S+)$", told.stdout, flags=re.MULTILINE)

    assert told.exit_code == 0, told.stderr
    assert (everything_in(tmp_path), files_in(photos)) == before
    assert {source for source, _ in steps} == set(files_in(photos))
    assert len(steps) == (82 if "--kfold" in more else 41)


def test_a_dry_run_foretells_what_is_done(photos, tmp_path):
    line = ["split", photos, tmp_path / "out", *HALVES]
    told = invoke(*line, "--dry-run").output
    invoke(*line)

    assert sorted(re.findall(r" -> (\S+)$", told, flags=re.MULTILINE)) == sorted(
        files_in(tmp_path / "out")
    )


def test_a_dry_run_of_a_table_writes_none(photos, tmp_path):
    told = invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES, "--dry-run")

    assert told.exit_code == 0
    assert rows(told.output)[-1] == ["all", "8", "4", "4"]
    assert os.listdir(tmp_path) == ["photos"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_split_printed_and_foretold(tmp_path, name):
    text = os.fsdecode(name)
    names = [f"{text}/{text}", *numbered(text, 7), *numbered("#", 8)]
    photos = write_files(tmp_path / "photos", *names)
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    line = ("split", photos, tmp_path / "out", *HALVES)
    told = program(*line, "--dry-run", env=environment)

    assert (told.returncode, told.stderr) == (0, "")
    assert len(rows(told.stdout)) == 3
    assert invoke(*line).exit_code == 0
    assert len(part_of(tmp_path / "out")) == 16


@pytest.mark.parametrize("name", [b"caf\xe9 \xff", b"line\nbreak"])
def test_the_class_that_is_furthest_off_may_have_an_odd_name(tmp_path, name):
    text = os.fsdecode(name)
    photos = write_files(tmp_path / "photos", *numbered(text, 7), *numbered("x", 8))
    told = program(
        *("split", photos, tmp_path / "out", *HALVES),
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )

    assert (told.returncode, told.stderr) == (0, "")
    assert re.search(
        r"^largest deviation from its ratio: .* in .*%$", told.stdout, flags=re.MULTILINE
    )


# --manifest.


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_table_lists_each_image_with_its_label_part_and_hash(photos, tmp_path, name):
    told = invoke("split", photos, "--manifest", tmp_path / name, *HALVES)
    manifest = imggen.Manifest.load(tmp_path / name)
    frame = manifest.to_frame()

    assert told.exit_code == 0, told.stderr
    assert f"manifest: {tmp_path / name}\n" in told.output
    assert list(frame.columns) == ["path", "label", "split", "hash"]
    assert list(map(os.path.dirname, frame["path"])) == list(frame["label"])
    assert list(frame["hash"]) == [
        hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in manifest.filepaths
    ]
    assert frame.groupby(["label", "split"]).size().to_dict() == {
        (label, part): count
        for label in ("cat", "dog")
        for part, count in (("train", 4), ("val", 2), ("test", 2))
    }


def test_a_table_has_groups_where_something_stays_together(photos, tmp_path):
    invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES, "--group-by", r"/(\d+)")
    table = rows_of(tmp_path / "m.csv")

    assert list(table[0]) == ["path", "label", "group", "split", "hash"]
    assert {row["group"] for row in table} == {f"{number:03d}" for number in range(8)}
    assert len({(row["group"], row["split"]) for row in table}) == 8


def test_a_table_makes_no_folder_and_moves_no_file(photos, tmp_path):
    before = everything_in(photos)
    invoke("split", photos, "--manifest", tmp_path / "m.csv")

    assert everything_in(photos) == before
    assert sorted(os.listdir(tmp_path)) == ["m.csv", "m.csv.json", "photos"]


def test_a_table_says_what_the_folders_would_hold(photos, tmp_path):
    invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES)
    invoke("split", photos, tmp_path / "out", *HALVES)

    assert {row["path"]: row["split"] for row in rows_of(tmp_path / "m.csv")} == part_of(
        tmp_path / "out"
    )


def test_a_table_of_folds_names_the_fold_that_validates_on_each_image(photos, tmp_path):
    told = invoke("split", photos, "--manifest", tmp_path / "m.csv", "--kfold", 4)
    table = rows_of(tmp_path / "m.csv")

    assert told.exit_code == 0, told.stderr
    assert sorted(row["path"] for row in table) == sorted(files_in(photos))
    assert sorted(row["split"] for row in table) == sorted(f"fold_{k % 4}" for k in range(16))


def test_a_table_that_was_split_is_split_to_folders_by_its_parts(photos, tmp_path):
    invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES, "--seed", 9)
    manifest = imggen.Manifest.load(tmp_path / "m.csv")
    imggen.split_directory(manifest, tmp_path / "out", None)

    assert dict(zip(manifest.paths, manifest.splits, strict=True)) == part_of(tmp_path / "out")


def test_names_that_are_no_text_go_to_csv_and_not_to_parquet(tmp_path):
    name = os.fsdecode(b"cat/\xff.png")
    photos = write_files(tmp_path / "photos", name, *numbered("dog", 3))
    shares = ("--ratio", 0.5, 0.5, 0, "--no-stratify")
    csv_told = invoke("split", photos, "--manifest", tmp_path / "m.csv", *shares)
    told = invoke("split", photos, "--manifest", tmp_path / "m.parquet", *shares)

    assert csv_told.exit_code == 0, csv_told.stderr
    assert name in {row["path"] for row in rows_of(tmp_path / "m.csv")}
    assert told.exit_code == 1
    assert "Save as .csv" in told.stderr


def test_a_table_may_have_a_name_that_is_no_text(photos, tmp_path):
    told = program(
        *("split", photos, "--manifest", tmp_path / os.fsdecode(b"\xff.csv"), *HALVES),
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )

    assert (told.returncode, told.stderr) == (0, "")


# --near-duplicates and --report.


@pytest.fixture
def album(tmp_path) -> Path:
    """Two classes of eight pictures; of cat/3.png there is a smaller copy."""
    pictures = {
        f"{name}/{n}.png": photo(n + 8 * (name == "dog"), 48)
        for n in range(8)
        for name in ("cat", "dog")
    }
    return write_photos(tmp_path / "album", pictures | {"cat/copy.png": smaller(photo(3, 48))})


def shown_in(page: Path) -> str:
    """The words of a page."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.read_text("utf-8"))))


@pytest.mark.parametrize("more", [(), ("--move",), ("--symlink",), ("--oversample",)])
def test_a_picture_and_its_smaller_copy_stay_in_one_part_and_split_says_so(album, tmp_path, more):
    told = invoke("split", album, tmp_path / "out", *HALVES, *more, "--near-duplicates")
    parts = part_of(tmp_path / "out")

    assert told.exit_code == 0, told.stderr
    assert "kept 1 group of duplicates together; " in told.output
    assert parts["cat/3.png"] == parts["cat/copy.png"]


def test_split_tells_whether_the_copy_would_be_in_another_part_otherwise(album, tmp_path):
    seen = set()
    for seed in range(12):
        parts = imggen.split(imggen.scan(album), HALF, seed=seed)
        is_torn = sum({"cat/3.png", "cat/copy.png"} & {*part.paths} != set() for part in parts) > 1
        if is_torn not in seen:
            line = ("split", album, tmp_path / "out", *HALVES, "--seed", seed, "--near-duplicates")
            told = invoke(*line, "--dry-run").output
            assert f"without this, {is_torn:d} of them would be in" in told
            seen.add(is_torn)
    assert seen == {False, True}


def test_a_table_lists_pictures_that_look_alike_in_one_part(album, tmp_path):
    told = invoke("split", album, "--manifest", tmp_path / "m.csv", *HALVES, "--near-duplicates")
    row_of = {row["path"]: row for row in rows_of(tmp_path / "m.csv")}

    assert "kept 1 group of duplicates together" in told.output
    assert row_of["cat/3.png"]["split"] == row_of["cat/copy.png"]["split"]
    assert row_of["cat/3.png"]["group"] == row_of["cat/copy.png"]["group"]
    assert len({row["group"] for row in row_of.values()}) == 16


def test_without_pictures_that_look_alike_split_says_so(photos, tmp_path):
    told = invoke("split", photos, tmp_path / "out", *HALVES, "--near-duplicates").output

    assert "kept 0 groups of duplicates together; without this, 0 of them" in told
    assert "kept together" not in invoke("split", photos, tmp_path / "b", *HALVES).output


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (["out"], "train val test"),
        (["out", "--move"], "train val test"),
        (["out", "--symlink"], "train val test"),
        (["out", "--hardlink", "--oversample"], "train val test"),
        (["out", "--count", 2, 0], "train val"),
        (["--manifest", "m.csv"], "train val test"),
        (["out", "--kfold", 3], "fold_0 fold_1 fold_2"),
        (["--manifest", "m.csv", "--kfold", 3], "fold_0 fold_1 fold_2"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--near-duplicates"]])
def test_a_report_shows_every_part_with_pictures(album, monkeypatch, line, names, more):
    monkeypatch.chdir(album.parent)
    told = invoke("split", "album", *line, *more, "--report", "page.html")
    page = Path("page.html").read_text("utf-8")

    assert told.exit_code == 0, told.stderr
    assert re.findall(r"<h3>(.*?)</h3>", page) == names.split()
    assert len(set(re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page))) >= 10
    assert ("Groups of duplicates: 1." in shown_in(Path("page.html"))) == bool(more)
    assert ("were not searched for" in shown_in(Path("page.html"))) == (not more)


def test_a_report_names_files_in_their_new_places_and_what_was_asked_for(album, tmp_path):
    line = ("split", album, tmp_path / "out", *HALVES, "--move", "--near-duplicates", "--seed", 5)
    invoke(*line, "--report", tmp_path / "page.html")
    shown = shown_in(tmp_path / "page.html")
    [copy] = (tmp_path / "out").glob("*/cat/copy.png")

    assert f" {tmp_path / 'out'} " in shown
    assert "seed 5" in shown
    assert f"all in {copy.parents[1].name}" in shown


@pytest.mark.parametrize("into", [["out"], ["--manifest", "m.csv"], ["out", "--kfold", 2]])
@pytest.mark.parametrize("more", [[], ["--near-duplicates"]])
def test_a_dry_run_writes_the_report_and_touches_nothing_else(album, monkeypatch, into, more):
    monkeypatch.chdir(album.parent)
    before = everything_in(album.parent), files_in(album)
    told = invoke("split", "album", *into, *more, "--dry-run", "--report", "page.html")
    page = Path("page.html").read_text("utf-8")
    Path("page.html").unlink()

    assert told.exit_code == 0, told.stderr
    assert len(re.findall("<h3>", page)) == (2 if "--kfold" in into else 3)
    assert "data:image/jpeg" in page
    assert (everything_in(album.parent), files_in(album)) == before


def test_a_report_can_be_drawn_by_the_same_line_later(album, tmp_path):
    line = ("split", album, tmp_path / "out", *HALVES, "--near-duplicates", "--move")
    invoke(*line, "--report", tmp_path / "page.html")
    files = files_in(tmp_path / "out")
    told = invoke(*line, "--report", tmp_path / "again.html")

    assert told.exit_code == 0, told.stderr
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "page.html").read_bytes()
    assert files_in(tmp_path / "out") == files


def test_files_that_cannot_be_drawn_are_in_the_report_by_name(tmp_path):
    folder = write_files(tmp_path / "in", *numbered("cat", 4))
    told = invoke("split", folder, tmp_path / "out", *HALVES, "--report", tmp_path / "page.html")

    assert told.exit_code == 0, told.stderr
    assert "000.png" in shown_in(tmp_path / "page.html")


@pytest.mark.parametrize("name", [b"caf\xe9 \xff", b"line\nbreak", b"<b>&amp;"])
def test_odd_names_are_in_the_report_as_text(album, tmp_path, name):
    text = os.fsdecode(name)
    (album / "cat" / "3.png").rename(album / "cat" / f"{text}.png")
    (album / "cat").rename(album / text)
    folder = album.rename(tmp_path / text)
    told = invoke(
        *("split", folder, tmp_path / f"{text}-out", *HALVES, "--near-duplicates"),
        *("--report", tmp_path / f"{text}.html"),
    )

    assert told.exit_code == 0, told.output
    shown = shown_in(tmp_path / f"{text}.html")
    assert shown.count(printable(text)) >= 5


@pytest.mark.parametrize("into", [["out"], ["--manifest", "m.csv"]])
def test_a_report_that_cannot_be_written_is_one_clear_line(album, monkeypatch, into):
    monkeypatch.chdir(album.parent)
    told = invoke("split", "album", *into, "--report", "no/page.html")

    assert told.exit_code == 1
    assert re.fullmatch(r"Error: .*no/page\.html.*\n", told.stderr)


# A table as the source.


@pytest.fixture
def table(tmp_path) -> Path:
    """32 files in one folder, with two labels, two columns of 0 and 1, and patients of 4 each."""
    write_files(tmp_path / "in", *numbered("scans", 32))
    frame = pd.DataFrame(
        {
            "path": numbered("scans", 32),
            "label": ["ill", "well"] * 16,
            "clinic": ["north"] * 8 + ["south"] * 24,
            "cough": [0, 1] * 16,
            "fever": [1] * 16 + [0] * 16,
            "words": ["some", "none"] * 16,
            "patient": [f"p{number // 4}" for number in range(32)],
        }
    )
    frame.to_csv(tmp_path / "in" / "t.csv", index=False)
    return tmp_path / "in" / "t.csv"


def test_a_table_is_split_by_its_labels(table, tmp_path):
    told = invoke("split", table, tmp_path / "out", *HALVES)

    assert told.exit_code == 0, told.stderr
    assert rows(told.output)[:2] == [["ill", "8", "4", "4"], ["well", "8", "4", "4"]]
    assert sorted(part_of(tmp_path / "out")) == sorted(
        f"{'well' if number % 2 else 'ill'}/scans/{number:03d}.png" for number in range(32)
    )


def test_a_table_may_be_parquet(table, tmp_path):
    pd.read_csv(table).to_parquet(table.with_suffix(".parquet"))
    for name, ending in (("a", ".csv"), ("b", ".parquet")):
        told = invoke("split", table.with_suffix(ending), tmp_path / name, *HALVES)
        assert told.exit_code == 0, told.stderr

    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")


def test_a_table_that_scan_saved_is_split_as_its_folder_is(photos, tmp_path):
    (tmp_path / "tables").mkdir()
    invoke("scan", photos, "--save", tmp_path / "tables" / "m.csv")
    told = invoke("split", tmp_path / "tables" / "m.csv", tmp_path / "a", *HALVES)
    invoke("split", photos, tmp_path / "b", *HALVES)

    assert told.exit_code == 0, told.stderr
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")


def test_a_table_goes_on_after_an_interruption(table, tmp_path):
    for _ in range(2):
        told = invoke(
            *("split", table, tmp_path / "out", *HALVES, "--move"),
            *("--group-by", "patient", "--stratify-by", "cough"),
        )
        assert told.exit_code == 0, told.stderr

    assert len(part_of(tmp_path / "out")) == 32


def shares_of(folder: Path, values: dict[str, object]) -> dict[tuple[str, object], int]:
    found: dict[tuple[str, object], int] = {}
    for name, part in part_of(folder).items():
        key = part, values[name.partition("/")[2]]
        found[key] = found.get(key, 0) + 1
    return found


def column(table: Path, name: str) -> dict[str, object]:
    frame = pd.read_csv(table)
    return dict(zip(frame["path"], frame[name], strict=True))


def test_stratify_by_keeps_the_shares_of_another_column(table, tmp_path):
    told = invoke("split", table, tmp_path / "out", *HALVES, "--stratify-by", "clinic")

    assert told.exit_code == 0, told.stderr
    assert shares_of(tmp_path / "out", column(table, "clinic")) == {
        ("train", "north"): 4,
        ("val", "north"): 2,
        ("test", "north"): 2,
        ("train", "south"): 12,
        ("val", "south"): 6,
        ("test", "south"): 6,
    }


def test_stratify_by_keeps_the_shares_of_each_of_several_labels(table, tmp_path):
    told = invoke(
        *("split", table, tmp_path / "out", *HALVES),
        *("--stratify-by", "cough", "--stratify-by", "fever"),
    )

    assert told.exit_code == 0, told.stderr
    for name in ("cough", "fever"):
        shares = shares_of(tmp_path / "out", column(table, name))
        assert [shares[part, 1] for part in ("train", "val", "test")] == [8, 4, 4]


@pytest.mark.parametrize(
    ("columns", "code", "reason"),
    [
        (["cough", "words"], 2, "--stratify-by: columns must hold 0 and 1"),
        (["cough", "size"], 1, "no column 'size'; its columns are"),
        (["size"], 1, "no column 'size'; its columns are"),
    ],
)
def test_columns_that_cannot_be_stratified_by_are_refused(table, tmp_path, columns, code, reason):
    chosen = [word for name in columns for word in ("--stratify-by", name)]
    told = invoke("split", table, tmp_path / "out", *chosen)

    assert told.exit_code == code
    assert reason in told.stderr
    assert "Traceback" not in told.stderr
    assert os.listdir(tmp_path) == ["in"]


def test_numbers_other_than_0_and_1_are_no_labels(table, tmp_path):
    frame = pd.read_csv(table)
    frame.assign(fever=range(32)).to_csv(table, index=False)
    told = invoke(
        *("split", table, tmp_path / "out", "--stratify-by", "cough", "--stratify-by", "fever")
    )

    assert told.exit_code == 1
    assert "values other than 0 and 1" in told.stderr


def test_stratify_by_goes_with_a_table_only(photos, tmp_path):
    told = invoke("split", photos, tmp_path / "out", "--stratify-by", "label")

    assert told.exit_code == 2
    assert "--stratify-by needs a table" in told.stderr


@pytest.mark.parametrize("seed", range(3))
def test_group_by_takes_a_column_of_the_table(table, tmp_path, seed):
    told = invoke(
        "split", table, tmp_path / "out", *HALVES, "--group-by", "patient", "--seed", seed
    )

    assert told.exit_code == 0, told.stderr
    assert len(shares_of(tmp_path / "out", column(table, "patient"))) == 8


def test_a_row_without_a_group_is_refused(table, tmp_path):
    frame = pd.read_csv(table)
    frame.loc[5, "patient"] = ""
    frame.to_csv(table, index=False)
    told = invoke("split", table, tmp_path / "out", "--group-by", "patient")

    assert told.exit_code == 2
    assert "1 of 32 rows have no group, such as row 5" in told.stderr
    assert os.listdir(tmp_path) == ["in"]


def test_a_table_is_not_written_over(table):
    before = table.read_bytes()
    told = invoke("split", table, "--manifest", table)

    assert told.exit_code == 2
    assert "is inside SRC" in told.stderr
    assert table.read_bytes() == before


def test_group_by_takes_an_expression(tmp_path):
    names = [f"{name}/p{number // 3}_{number}.png" for name in ("a", "b") for number in range(24)]
    photos = write_files(tmp_path / "photos", *names)
    told = invoke("split", photos, tmp_path / "out", *HALVES, "--group-by", r"p(\d+)_")
    found = {
        (Path(name).name.partition("_")[0], part)
        for name, part in part_of(tmp_path / "out").items()
    }

    assert told.exit_code == 0, told.stderr
    assert len(found) == 8


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        ("(", "valid regular expression"),
        ("patient", "is not found in 16 of 16 paths"),
        ("parent", "a single group of each class"),
    ],
)
def test_groups_that_cannot_be_made_are_refused(photos, tmp_path, by, reason):
    told = invoke("split", photos, tmp_path / "out", "--group-by", by)

    assert told.exit_code == 1
    assert re.fullmatch(rf"Error: .*{reason}.*\n", told.stderr)
    assert os.listdir(tmp_path) == ["photos"]


def test_a_table_may_lie_beside_the_folder_that_it_is_split_into(table):
    told = program("split", "t.csv", "out", *HALVES, cwd=table.parent)

    assert (told.returncode, told.stderr) == (0, "")
    assert len(part_of(table.parent / "out")) == 32


# --undo.


def test_undo_brings_back_what_was_moved(photos, tmp_path):
    before = files_in(photos)
    invoke("split", photos, tmp_path / "out", *HALVES, "--move")
    told = program("split", "--undo", tmp_path / "out")

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == "moved 16 files back\n"
    assert files_in(photos) == before
    assert os.listdir(tmp_path) == ["photos"]


@pytest.mark.parametrize("what", ["never split", "copied"])
def test_undo_of_what_was_not_moved_is_refused(photos, tmp_path, what):
    if what == "copied":
        invoke("split", photos, tmp_path / "out", *HALVES)
    told = program("split", "--undo", tmp_path / "out")

    assert told.returncode == 1
    assert re.fullmatch(r"Error: .*which alone can be undone\.\n", told.stderr)


@pytest.mark.parametrize(
    "line",
    [
        ["out", "--dry-run"],
        ["out", "--manifest", "m.csv"],
        ["out", "--report", "page.html"],
        ["photos", "out"],
    ],
)
def test_undo_takes_one_folder_and_no_more(photos, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    invoke("split", "photos", "out", *HALVES, "--move")
    before = everything_in(tmp_path)
    told = invoke("split", "--undo", *line)

    assert told.exit_code == 2
    assert "--undo expects only the folder that files were moved to." in told.stderr
    assert everything_in(tmp_path) == before


# What is told, and how it ends.

RATIO, COUNT, KFOLD = ("--ratio", "0.5", "0.5", "0"), ("--count", "1", "1"), ("--kfold", "2")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (["photos"], "DST"),
        (["photos", "out", "--manifest", "m.csv"], "DST"),
        ([], "SRC"),
        (["photos", "out", "--ratio", "0.5", "0.5"], "--ratio"),
        (["photos", "out", "--count", "x", "1"], "--count"),
        (["photos", "out", "--count", "1"], "--count"),
        (["photos", "out", "--kfold", "x"], "--kfold"),
        (["photos", "out", "more"], "more"),
        (["photos", "out", "--sym"], "--sym"),
        (["photos", "out", "--report", "photos/page.html"], "photos/page.html is inside SRC"),
        (["photos", "--manifest", "photos/cat/m.csv"], "photos/cat/m.csv is inside SRC"),
        (["photos", "out", *COUNT, *RATIO], "--ratio cannot be combined with --count"),
        (["photos", "out", *KFOLD, *COUNT], "--kfold cannot be combined with --ratio or --count"),
        (["photos", "out", *KFOLD, *RATIO], "--kfold cannot be combined with --ratio or --count"),
        (
            ["photos", "out", "--stratify-by", "x", "--no-stratify"],
            "--stratify-by cannot be combined with --no-stratify",
        ),
        (["photos", "--manifest", "m.csv", "--move"], "--manifest cannot be combined with --move"),
        (
            ["photos", "--manifest", "m.csv", "--symlink"],
            "--manifest cannot be combined with --symlink",
        ),
        (
            ["photos", "--manifest", "m.csv", "--hardlink"],
            "--manifest cannot be combined with --hardlink",
        ),
        (
            ["photos", "--manifest", "m.csv", *KFOLD, "--oversample"],
            "--manifest with --kfold cannot be combined with --oversample",
        ),
    ],
)
def test_a_line_that_cannot_be_understood_is_exit_code_two_and_names_what(
    photos, tmp_path, monkeypatch, line, named
):
    monkeypatch.chdir(tmp_path)
    told = invoke("split", *line)

    assert told.exit_code == 2
    assert named in told.stderr
    assert told.stdout == ""
    assert os.listdir(tmp_path) == ["photos"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (["--count", "0", "0"], "whole numbers of 1 or more"),
        (["--count", "-1", "1"], "whole numbers of 1 or more"),
        (["--count", "4", "4"], "'cat' has 8; train would be empty"),
        (["--ratio", "-1", "1", "1"], "greater than 0"),
        (["--ratio", "0", "0", "0"], "greater than 0"),
        (["--ratio", "nan", "1", "1"], "greater than 0"),
        (["--kfold", "1"], "num_folds=1 must be a whole number of 2 or more"),
        (["--kfold", "17"], "would be empty"),
        (["--kfold", "2", "--stable"], "Leave out stable="),
        (["--kfold", "2", "--move"], "would be in several places, .* cannot be moved"),
        (["--oversample", "--no-stratify", "--stable", "--seed", "-1"], "seed=-1"),
        (["--stable", "--near-duplicates"], "exclude each other"),
    ],
)
def test_what_cannot_be_made_is_one_clear_line_and_touches_nothing(photos, tmp_path, line, reason):
    told = invoke("split", photos, tmp_path / "out", *line)

    assert told.exit_code == 1
    assert re.fullmatch(rf"Error: .*{reason}.*\n", told.stderr)
    assert os.listdir(tmp_path) == ["photos"]


@pytest.mark.parametrize("name", ["m.xls", "no/m.csv"])
def test_a_table_that_cannot_be_written_is_one_clear_line(photos, tmp_path, name):
    told = invoke("split", photos, "--manifest", tmp_path / name)

    assert told.exit_code == 1
    assert re.fullmatch(rf"Error: .*{re.escape(name)}.*\n", told.stderr)
    assert os.listdir(tmp_path) == ["photos"]


def test_warnings_are_lines_on_stderr_without_the_place_in_the_code(photos, tmp_path):
    for path in sorted((photos / "dog").iterdir())[1:]:
        path.unlink()
    told = program("split", photos, tmp_path / "out", *HALVES)

    assert told.returncode == 0
    assert re.fullmatch(r"Warning: 1 classes are too small .*'dog'.*\n", told.stderr)
    assert ".py" not in told.stderr


def test_files_that_came_since_are_warned_of(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    write_files(photos, "cat/new.png")
    told = program("split", photos, tmp_path / "out", *HALVES)

    assert told.returncode == 0
    assert re.fullmatch(r"Warning: 1 images .*'cat/new\.png'.*\n", told.stderr)


def test_files_that_changed_since_are_warned_of(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    [copy] = (tmp_path / "out").glob("*/cat/000.png")
    copy.unlink()
    (photos / "cat" / "000.png").write_bytes(b"changed")
    told = program("split", photos, tmp_path / "out", *HALVES)

    assert told.returncode == 0
    assert re.fullmatch(r"Warning: 1 files have changed .*cat/000\.png.*\n", told.stderr)


def test_files_that_vanished_are_warned_of_and_exit_code_one(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    [copy] = (tmp_path / "out").glob("*/cat/000.png")
    copy.unlink()
    (photos / "cat" / "000.png").unlink()
    told = program("split", photos, tmp_path / "out", *HALVES)

    assert told.returncode == 1
    assert re.fullmatch(r"Warning: 1 files have vanished .*cat/000\.png.*\n", told.stderr)


def test_a_copy_that_somebody_has_edited_is_one_clear_line(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    [copy] = (tmp_path / "out").glob("*/cat/000.png")
    copy.write_bytes(b"edited")
    told = program("split", photos, tmp_path / "out", *HALVES)

    assert told.returncode == 1
    assert re.fullmatch(r"Error: .*The copy has been edited: .*cat/000\.png'.*\n", told.stderr)
    assert copy.read_bytes() == b"edited"


def test_a_broken_plan_is_one_clear_line(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES, "--move")
    file = tmp_path / "out" / PLAN / "plan.jsonl"
    metadata, *steps = file.read_text("ascii").splitlines()
    file.write_text("\n".join([json.dumps({**json.loads(metadata), "version": 99}), *steps]))
    for line in (
        ["split", photos, tmp_path / "out", *HALVES],
        ["split", "--undo", tmp_path / "out"],
    ):
        told = program(*line)

        assert told.returncode == 1
        assert re.fullmatch(r"Error: The plan .*plan\.jsonl' cannot be read: .*\n", told.stderr)
