"""``imggen split``: options, files, output and errors."""

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


# To folders.


def test_classes_are_split_70_15_15_by_default(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 20), *numbered("dog", 20))
    result = invoke("split", photos, tmp_path / "out")

    assert result.exit_code == 0, result.stderr
    assert rows(result.output) == [
        ["cat", "14", "3", "3"],
        ["dog", "14", "3", "3"],
        ["all", "28", "6", "6"],
    ]
    assert len(part_of(tmp_path / "out")) == 40


def test_the_program_writes_the_same_splits_as_the_function(photos, tmp_path):
    result = program("split", photos, tmp_path / "out", *HALVES, "--seed", 5)
    imggen.split_directory(photos, tmp_path / "same", HALF, seed=5)

    assert (result.returncode, result.stderr) == (0, "")
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
def test_a_ratio_of_0_leaves_out_the_split(photos, tmp_path, ratio, parts):
    result = invoke("split", photos, tmp_path / "out", "--ratio", *ratio)

    assert result.exit_code == 0, result.stderr
    assert visible_in(tmp_path / "out") == sorted(parts)
    assert rows(result.output)[-1] == ["all", *map(str, parts.values())]


@pytest.mark.parametrize(
    ("count", "parts"), [((1, 2), "10 2 4"), ((2, 0), "12 4"), ((0, 3), "10 6")]
)
def test_count_sets_the_size_of_val_and_test_per_class(photos, tmp_path, count, parts):
    result = invoke("split", photos, tmp_path / "out", "--count", *count)

    assert result.exit_code == 0, result.stderr
    assert rows(result.output)[-1] == ["all", *parts.split()]


def test_kfold_makes_folds(photos, tmp_path):
    result = invoke("split", photos, tmp_path / "out", "--kfold", 4)

    assert result.exit_code == 0, result.stderr
    assert visible_in(tmp_path / "out") == ["fold_0", "fold_1", "fold_2", "fold_3"]
    assert rows(result.output)[-1] == ["all", "4", "4", "4", "4"]


@pytest.mark.parametrize("mode", ["--copy", "--move", "--symlink", "--hardlink"])
def test_every_mode_has_an_option(photos, tmp_path, mode):
    before = files_in(photos)
    result = invoke("split", photos, tmp_path / "out", *HALVES, mode)
    found = list((tmp_path / "out").rglob("*.png"))

    assert result.exit_code == 0, result.stderr
    assert {without_part(name): data for name, data in files_in(tmp_path / "out").items()} == before
    assert files_in(photos) == ({} if mode == "--move" else before)
    assert {(path.is_symlink(), path.stat().st_nlink) for path in found} == {
        (mode == "--symlink", 2 if mode == "--hardlink" else 1)
    }


def test_oversample_repeats_images_of_rare_classes(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 10), *numbered("dog", 5))
    result = invoke("split", photos, tmp_path / "out", "--ratio", 0.6, 0.4, 0, "--oversample")

    assert result.exit_code == 0, result.stderr
    assert rows(result.output) == [["cat", "6", "4"], ["dog", "6", "2"], ["all", "12", "6"]]


def test_without_stratification_ratios_hold_for_the_whole_set(photos, tmp_path):
    result = invoke("split", photos, tmp_path / "out", *HALVES, "--no-stratify", "--seed", 1)

    assert rows(result.output)[-1] == ["all", "8", "4", "4"]
    assert rows(result.output)[0] != ["cat", "4", "2", "2"]


def test_split_prints_the_largest_deviation_from_the_ratios(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 20), *numbered("dog", 10))
    result = invoke("split", photos, tmp_path / "out", "--ratio", 0.75, 0.25, 0).output

    assert re.search(
        r"^largest deviation from its ratio: dog in (train: [78] of 10 \((70|80)\.0%\) for 75\.0%|"
        r"val: [23] of 10 \((20|30)\.0%\) for 25\.0%)$",
        result,
        flags=re.MULTILINE,
    )


def test_sidecar_files_are_counted(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 8), "cat/000.txt", "cat/001.json")
    result = invoke("split", photos, tmp_path / "out", *HALVES).output

    assert "8 images in" in result
    assert "also copied: 2 sidecar files" in result


def test_the_same_command_resumes_an_interrupted_run(photos, tmp_path):
    line = ["split", photos, tmp_path / "out", *HALVES, "--move"]
    invoke(*line)
    moved = next(iter(files_in(tmp_path / "out")))
    (tmp_path / "out" / moved).rename(photos / without_part(moved))
    result = program(*line)

    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out" / moved).is_file()
    assert files_in(photos) == {}


def test_a_command_other_than_the_interrupted_one_is_refused(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    result = program("split", photos, tmp_path / "out", *HALVES, "--seed", 1)

    assert result.returncode == 1
    assert re.fullmatch(r"Error: .* was made with seed=0 \(now 1\)\. .*\n", result.stderr)


def test_the_resuming_command_may_spell_out_the_default_ratios(photos, tmp_path):
    write_files(photos, *numbered("cat", 20), *numbered("dog", 20))
    invoke("split", photos, tmp_path / "out")

    assert invoke("split", photos, tmp_path / "out", "--ratio", 0.7, 0.15, 0.15).exit_code == 0


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="there is no Ctrl+C to send")
def test_ctrl_c_prints_no_traceback_and_the_same_command_resumes(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 2000))
    line = ["split", photos, tmp_path / "out", *HALVES]
    with subprocess.Popen(
        [sys.executable, "-m", "imggen", *map(str, line)], stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not (tmp_path / "out" / PLAN / "scratch").exists():
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        result = process.communicate()[1]

    assert "Traceback" not in result
    assert process.returncode in (0, 1)
    assert program(*line).returncode == 0
    assert len(part_of(tmp_path / "out")) == 2000


# --dry-run.


@pytest.mark.parametrize("more", [[], ["--move"], ["--kfold", 2], ["--stable"]])
def test_a_dry_run_prints_each_step_and_touches_nothing(tmp_path, more):
    photos = write_files(tmp_path / "photos", *numbered("cat", 40), "cat/000.txt")
    before = everything_in(tmp_path), files_in(photos)
    result = invoke("split", photos, tmp_path / "out", *more, "--dry-run")
    mode = "move" if more == ["--move"] else "copy"
    steps = re.findall(rf"^{mode} (\S+) -> (\S+)$", result.stdout, flags=re.MULTILINE)

    assert result.exit_code == 0, result.stderr
    assert (everything_in(tmp_path), files_in(photos)) == before
    assert {source for source, _ in steps} == set(files_in(photos))
    assert len(steps) == (82 if "--kfold" in more else 41)


def test_a_dry_run_predicts_the_run(photos, tmp_path):
    line = ["split", photos, tmp_path / "out", *HALVES]
    result = invoke(*line, "--dry-run").output
    invoke(*line)

    assert sorted(re.findall(r" -> (\S+)$", result, flags=re.MULTILINE)) == sorted(
        files_in(tmp_path / "out")
    )


def test_a_dry_run_writes_no_table(photos, tmp_path):
    result = invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES, "--dry-run")

    assert result.exit_code == 0
    assert rows(result.output)[-1] == ["all", "8", "4", "4"]
    assert os.listdir(tmp_path) == ["photos"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_unusual_names_are_split_and_printed(tmp_path, name):
    text = os.fsdecode(name)
    names = [f"{text}/{text}", *numbered(text, 7), *numbered("#", 8)]
    photos = write_files(tmp_path / "photos", *names)
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    line = ("split", photos, tmp_path / "out", *HALVES)
    result = program(*line, "--dry-run", env=environment)

    assert (result.returncode, result.stderr) == (0, "")
    assert len(rows(result.stdout)) == 3
    assert invoke(*line).exit_code == 0
    assert len(part_of(tmp_path / "out")) == 16


@pytest.mark.parametrize("name", [b"caf\xe9 \xff", b"line\nbreak"])
def test_the_class_with_the_largest_deviation_may_have_an_unusual_name(tmp_path, name):
    text = os.fsdecode(name)
    photos = write_files(tmp_path / "photos", *numbered(text, 7), *numbered("x", 8))
    result = program(
        *("split", photos, tmp_path / "out", *HALVES),
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert re.search(
        r"^largest deviation from its ratio: .* in .*%$", result.stdout, flags=re.MULTILINE
    )


# --manifest.


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_table_lists_each_image_with_its_label_split_and_hash(photos, tmp_path, name):
    result = invoke("split", photos, "--manifest", tmp_path / name, *HALVES)
    manifest = imggen.Manifest.load(tmp_path / name)
    frame = manifest.to_frame()

    assert result.exit_code == 0, result.stderr
    assert f"manifest: {tmp_path / name}\n" in result.output
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


def test_a_table_has_groups_if_images_stay_together(photos, tmp_path):
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


def test_a_table_agrees_with_the_folders(photos, tmp_path):
    invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES)
    invoke("split", photos, tmp_path / "out", *HALVES)

    assert {row["path"]: row["split"] for row in rows_of(tmp_path / "m.csv")} == part_of(
        tmp_path / "out"
    )


def test_a_table_of_folds_names_the_fold_that_validates_on_each_image(photos, tmp_path):
    result = invoke("split", photos, "--manifest", tmp_path / "m.csv", "--kfold", 4)
    table = rows_of(tmp_path / "m.csv")

    assert result.exit_code == 0, result.stderr
    assert sorted(row["path"] for row in table) == sorted(files_in(photos))
    assert sorted(row["split"] for row in table) == sorted(f"fold_{k % 4}" for k in range(16))


def test_a_table_of_splits_is_exported_by_these_splits(photos, tmp_path):
    invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES, "--seed", 9)
    manifest = imggen.Manifest.load(tmp_path / "m.csv")
    imggen.split_directory(manifest, tmp_path / "out", None)

    assert dict(zip(manifest.paths, manifest.splits, strict=True)) == part_of(tmp_path / "out")


def test_names_that_are_not_utf_8_are_written_to_csv_but_not_to_parquet(tmp_path):
    name = os.fsdecode(b"cat/\xff.png")
    photos = write_files(tmp_path / "photos", name, *numbered("dog", 3))
    shares = ("--ratio", 0.5, 0.5, 0, "--no-stratify")
    csv_told = invoke("split", photos, "--manifest", tmp_path / "m.csv", *shares)
    result = invoke("split", photos, "--manifest", tmp_path / "m.parquet", *shares)

    assert csv_told.exit_code == 0, csv_told.stderr
    assert name in {row["path"] for row in rows_of(tmp_path / "m.csv")}
    assert result.exit_code == 1
    assert "Save as .csv" in result.stderr


def test_a_table_may_have_a_name_that_is_not_utf_8(photos, tmp_path):
    result = program(
        *("split", photos, "--manifest", tmp_path / os.fsdecode(b"\xff.csv"), *HALVES),
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )

    assert (result.returncode, result.stderr) == (0, "")


# --near-duplicates and --report.


@pytest.fixture
def album(tmp_path) -> Path:
    """Two classes of eight images; cat/3.png has a smaller copy."""
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
def test_an_image_and_its_smaller_copy_stay_in_one_split(album, tmp_path, more):
    result = invoke("split", album, tmp_path / "out", *HALVES, *more, "--near-duplicates")
    parts = part_of(tmp_path / "out")

    assert result.exit_code == 0, result.stderr
    assert "kept 1 group of duplicates together; " in result.output
    assert parts["cat/3.png"] == parts["cat/copy.png"]


def test_split_prints_how_many_groups_would_be_separated(album, tmp_path):
    seen = set()
    for seed in range(12):
        parts = imggen.split(imggen.scan(album), HALF, seed=seed)
        is_torn = sum({"cat/3.png", "cat/copy.png"} & {*part.paths} != set() for part in parts) > 1
        if is_torn not in seen:
            line = ("split", album, tmp_path / "out", *HALVES, "--seed", seed, "--near-duplicates")
            result = invoke(*line, "--dry-run").output
            assert f"without this, {is_torn:d} of them would be in" in result
            seen.add(is_torn)
    assert seen == {False, True}


def test_a_table_lists_near_duplicates_in_one_split(album, tmp_path):
    result = invoke("split", album, "--manifest", tmp_path / "m.csv", *HALVES, "--near-duplicates")
    row_of = {row["path"]: row for row in rows_of(tmp_path / "m.csv")}

    assert "kept 1 group of duplicates together" in result.output
    assert row_of["cat/3.png"]["split"] == row_of["cat/copy.png"]["split"]
    assert row_of["cat/3.png"]["group"] == row_of["cat/copy.png"]["group"]
    assert len({row["group"] for row in row_of.values()}) == 16


def test_split_reports_that_there_are_no_near_duplicates(photos, tmp_path):
    result = invoke("split", photos, tmp_path / "out", *HALVES, "--near-duplicates").output

    assert "kept 0 groups of duplicates together; without this, 0 of them" in result
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
def test_a_report_shows_every_split_with_images(album, monkeypatch, line, names, more):
    monkeypatch.chdir(album.parent)
    result = invoke("split", "album", *line, *more, "--report", "page.html")
    page = Path("page.html").read_text("utf-8")

    assert result.exit_code == 0, result.stderr
    assert re.findall(r"<h3>(.*?)</h3>", page) == names.split()
    assert len(set(re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page))) >= 10
    assert ("Groups of duplicates: 1." in shown_in(Path("page.html"))) == bool(more)
    assert ("were not searched for" in shown_in(Path("page.html"))) == (not more)


def test_a_report_shows_new_paths_and_settings(album, tmp_path):
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
    result = invoke("split", "album", *into, *more, "--dry-run", "--report", "page.html")
    page = Path("page.html").read_text("utf-8")
    Path("page.html").unlink()

    assert result.exit_code == 0, result.stderr
    assert len(re.findall("<h3>", page)) == (2 if "--kfold" in into else 3)
    assert "data:image/jpeg" in page
    assert (everything_in(album.parent), files_in(album)) == before


def test_a_report_can_be_added_by_the_same_command(album, tmp_path):
    line = ("split", album, tmp_path / "out", *HALVES, "--near-duplicates", "--move")
    invoke(*line, "--report", tmp_path / "page.html")
    files = files_in(tmp_path / "out")
    result = invoke(*line, "--report", tmp_path / "again.html")

    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "page.html").read_bytes()
    assert files_in(tmp_path / "out") == files


def test_unreadable_files_are_in_the_report_by_name(tmp_path):
    folder = write_files(tmp_path / "in", *numbered("cat", 4))
    result = invoke("split", folder, tmp_path / "out", *HALVES, "--report", tmp_path / "page.html")

    assert result.exit_code == 0, result.stderr
    assert "000.png" in shown_in(tmp_path / "page.html")


@pytest.mark.parametrize("name", [b"caf\xe9 \xff", b"line\nbreak", b"<b>&amp;"])
def test_unusual_names_are_escaped_in_the_report(album, tmp_path, name):
    text = os.fsdecode(name)
    (album / "cat" / "3.png").rename(album / "cat" / f"{text}.png")
    (album / "cat").rename(album / text)
    folder = album.rename(tmp_path / text)
    result = invoke(
        *("split", folder, tmp_path / f"{text}-out", *HALVES, "--near-duplicates"),
        *("--report", tmp_path / f"{text}.html"),
    )

    assert result.exit_code == 0, result.output
    shown = shown_in(tmp_path / f"{text}.html")
    assert shown.count(printable(text)) >= 5


@pytest.mark.parametrize("into", [["out"], ["--manifest", "m.csv"]])
def test_an_unwritable_report_is_an_error_on_one_line(album, monkeypatch, into):
    monkeypatch.chdir(album.parent)
    result = invoke("split", "album", *into, "--report", "no/page.html")

    assert result.exit_code == 1
    assert re.fullmatch(r"Error: .*no/page\.html.*\n", result.stderr)


# A table as the source.


@pytest.fixture
def table(tmp_path) -> Path:
    """32 files in one folder, with two labels, two columns of 0 and 1, and four per patient."""
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
    result = invoke("split", table, tmp_path / "out", *HALVES)

    assert result.exit_code == 0, result.stderr
    assert rows(result.output)[:2] == [["ill", "8", "4", "4"], ["well", "8", "4", "4"]]
    assert sorted(part_of(tmp_path / "out")) == sorted(
        f"{'well' if number % 2 else 'ill'}/scans/{number:03d}.png" for number in range(32)
    )


def test_a_table_may_be_parquet(table, tmp_path):
    pd.read_csv(table).to_parquet(table.with_suffix(".parquet"))
    for name, ending in (("a", ".csv"), ("b", ".parquet")):
        result = invoke("split", table.with_suffix(ending), tmp_path / name, *HALVES)
        assert result.exit_code == 0, result.stderr

    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")


def test_a_table_saved_by_scan_is_split_like_its_folder(photos, tmp_path):
    (tmp_path / "tables").mkdir()
    invoke("scan", photos, "--save", tmp_path / "tables" / "m.csv")
    result = invoke("split", tmp_path / "tables" / "m.csv", tmp_path / "a", *HALVES)
    invoke("split", photos, tmp_path / "b", *HALVES)

    assert result.exit_code == 0, result.stderr
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")


def test_a_split_of_a_table_is_resumed(table, tmp_path):
    for _ in range(2):
        result = invoke(
            *("split", table, tmp_path / "out", *HALVES, "--move"),
            *("--group-by", "patient", "--stratify-by", "cough"),
        )
        assert result.exit_code == 0, result.stderr

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


def test_stratify_by_keeps_the_ratios_of_another_column(table, tmp_path):
    result = invoke("split", table, tmp_path / "out", *HALVES, "--stratify-by", "clinic")

    assert result.exit_code == 0, result.stderr
    assert shares_of(tmp_path / "out", column(table, "clinic")) == {
        ("train", "north"): 4,
        ("val", "north"): 2,
        ("test", "north"): 2,
        ("train", "south"): 12,
        ("val", "south"): 6,
        ("test", "south"): 6,
    }


def test_stratify_by_keeps_the_ratios_of_several_labels(table, tmp_path):
    result = invoke(
        *("split", table, tmp_path / "out", *HALVES),
        *("--stratify-by", "cough", "--stratify-by", "fever"),
    )

    assert result.exit_code == 0, result.stderr
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
    result = invoke("split", table, tmp_path / "out", *chosen)

    assert result.exit_code == code
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
    assert os.listdir(tmp_path) == ["in"]


def test_labels_other_than_0_and_1_are_refused(table, tmp_path):
    frame = pd.read_csv(table)
    frame.assign(fever=range(32)).to_csv(table, index=False)
    result = invoke(
        *("split", table, tmp_path / "out", "--stratify-by", "cough", "--stratify-by", "fever")
    )

    assert result.exit_code == 1
    assert "values other than 0 and 1" in result.stderr


def test_stratify_by_requires_a_table(photos, tmp_path):
    result = invoke("split", photos, tmp_path / "out", "--stratify-by", "label")

    assert result.exit_code == 2
    assert "--stratify-by needs a table" in result.stderr


@pytest.mark.parametrize("seed", range(3))
def test_group_by_accepts_a_column_of_the_table(table, tmp_path, seed):
    result = invoke(
        "split", table, tmp_path / "out", *HALVES, "--group-by", "patient", "--seed", seed
    )

    assert result.exit_code == 0, result.stderr
    assert len(shares_of(tmp_path / "out", column(table, "patient"))) == 8


def test_a_row_without_a_group_is_refused(table, tmp_path):
    frame = pd.read_csv(table)
    frame.loc[5, "patient"] = ""
    frame.to_csv(table, index=False)
    result = invoke("split", table, tmp_path / "out", "--group-by", "patient")

    assert result.exit_code == 2
    assert "1 of 32 rows have no group, such as row 5" in result.stderr
    assert os.listdir(tmp_path) == ["in"]


def test_a_table_is_not_overwritten(table):
    before = table.read_bytes()
    result = invoke("split", table, "--manifest", table)

    assert result.exit_code == 2
    assert "is inside SRC" in result.stderr
    assert table.read_bytes() == before


def test_group_by_accepts_a_regular_expression(tmp_path):
    names = [f"{name}/p{number // 3}_{number}.png" for name in ("a", "b") for number in range(24)]
    photos = write_files(tmp_path / "photos", *names)
    result = invoke("split", photos, tmp_path / "out", *HALVES, "--group-by", r"p(\d+)_")
    found = {
        (Path(name).name.partition("_")[0], part)
        for name, part in part_of(tmp_path / "out").items()
    }

    assert result.exit_code == 0, result.stderr
    assert len(found) == 8


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        ("(", "valid regular expression"),
        ("patient", "is not found in 16 of 16 paths"),
        ("parent", "a single group of each class"),
    ],
)
def test_impossible_groups_are_refused(photos, tmp_path, by, reason):
    result = invoke("split", photos, tmp_path / "out", "--group-by", by)

    assert result.exit_code == 1
    assert re.fullmatch(rf"Error: .*{reason}.*\n", result.stderr)
    assert os.listdir(tmp_path) == ["photos"]


def test_a_table_may_be_next_to_its_target(table):
    result = program("split", "t.csv", "out", *HALVES, cwd=table.parent)

    assert (result.returncode, result.stderr) == (0, "")
    assert len(part_of(table.parent / "out")) == 32


# --undo.


def test_undo_moves_files_back(photos, tmp_path):
    before = files_in(photos)
    invoke("split", photos, tmp_path / "out", *HALVES, "--move")
    result = program("split", "--undo", tmp_path / "out")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "moved 16 files back\n"
    assert files_in(photos) == before
    assert os.listdir(tmp_path) == ["photos"]


@pytest.mark.parametrize("what", ["never split", "copied"])
def test_undo_of_a_copy_is_refused(photos, tmp_path, what):
    if what == "copied":
        invoke("split", photos, tmp_path / "out", *HALVES)
    result = program("split", "--undo", tmp_path / "out")

    assert result.returncode == 1
    assert re.fullmatch(r"Error: .*which alone can be undone\.\n", result.stderr)


@pytest.mark.parametrize(
    "line",
    [
        ["out", "--dry-run"],
        ["out", "--manifest", "m.csv"],
        ["out", "--report", "page.html"],
        ["photos", "out"],
    ],
)
def test_undo_accepts_only_one_folder(photos, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    invoke("split", "photos", "out", *HALVES, "--move")
    before = everything_in(tmp_path)
    result = invoke("split", "--undo", *line)

    assert result.exit_code == 2
    assert "--undo expects only the folder that files were moved to." in result.stderr
    assert everything_in(tmp_path) == before


# Errors, warnings and exit status.

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
def test_usage_errors_name_the_argument_with_exit_status_2(
    photos, tmp_path, monkeypatch, line, named
):
    monkeypatch.chdir(tmp_path)
    result = invoke("split", *line)

    assert result.exit_code == 2
    assert named in result.stderr
    assert result.stdout == ""
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
def test_an_impossible_split_is_an_error_and_touches_no_file(photos, tmp_path, line, reason):
    result = invoke("split", photos, tmp_path / "out", *line)

    assert result.exit_code == 1
    assert re.fullmatch(rf"Error: .*{reason}.*\n", result.stderr)
    assert os.listdir(tmp_path) == ["photos"]


@pytest.mark.parametrize("name", ["m.xls", "no/m.csv"])
def test_an_unwritable_table_is_an_error_on_one_line(photos, tmp_path, name):
    result = invoke("split", photos, "--manifest", tmp_path / name)

    assert result.exit_code == 1
    assert re.fullmatch(rf"Error: .*{re.escape(name)}.*\n", result.stderr)
    assert os.listdir(tmp_path) == ["photos"]


def test_warnings_are_lines_on_stderr_without_source_locations(photos, tmp_path):
    for path in sorted((photos / "dog").iterdir())[1:]:
        path.unlink()
    result = program("split", photos, tmp_path / "out", *HALVES)

    assert result.returncode == 0
    assert re.fullmatch(r"Warning: 1 classes are too small .*'dog'.*\n", result.stderr)
    assert ".py" not in result.stderr


def test_new_files_cause_a_warning(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    write_files(photos, "cat/new.png")
    result = program("split", photos, tmp_path / "out", *HALVES)

    assert result.returncode == 0
    assert re.fullmatch(r"Warning: 1 images .*'cat/new\.png'.*\n", result.stderr)


def test_changed_files_cause_a_warning(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    [copy] = (tmp_path / "out").glob("*/cat/000.png")
    copy.unlink()
    (photos / "cat" / "000.png").write_bytes(b"changed")
    result = program("split", photos, tmp_path / "out", *HALVES)

    assert result.returncode == 0
    assert re.fullmatch(r"Warning: 1 files have changed .*cat/000\.png.*\n", result.stderr)


def test_vanished_files_cause_a_warning_and_exit_status_1(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    [copy] = (tmp_path / "out").glob("*/cat/000.png")
    copy.unlink()
    (photos / "cat" / "000.png").unlink()
    result = program("split", photos, tmp_path / "out", *HALVES)

    assert result.returncode == 1
    assert re.fullmatch(r"Warning: 1 files have vanished .*cat/000\.png.*\n", result.stderr)


def test_an_edited_copy_is_an_error_on_one_line(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    [copy] = (tmp_path / "out").glob("*/cat/000.png")
    copy.write_bytes(b"edited")
    result = program("split", photos, tmp_path / "out", *HALVES)

    assert result.returncode == 1
    assert re.fullmatch(r"Error: .*The copy has been edited: .*cat/000\.png'.*\n", result.stderr)
    assert copy.read_bytes() == b"edited"


def test_a_broken_plan_is_an_error_on_one_line(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES, "--move")
    file = tmp_path / "out" / PLAN / "plan.jsonl"
    metadata, *steps = file.read_text("ascii").splitlines()
    file.write_text("\n".join([json.dumps({**json.loads(metadata), "version": 99}), *steps]))
    for line in (
        ["split", photos, tmp_path / "out", *HALVES],
        ["split", "--undo", tmp_path / "out"],
    ):
        result = program(*line)

        assert result.returncode == 1
        assert re.fullmatch(r"Error: The plan .*plan\.jsonl' cannot be read: .*\n", result.stderr)
