"""imggen duplicates, leaks, verify and scan: output, files and exit status."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import imggen
from imggen.cli import main
from tests.helpers.images import write_images
from tests.helpers.pictures import (
    JPEG,
    PNG,
    cropped,
    data_of,
    listing,
    photo,
    smaller,
    write_photos,
)


def invoke(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def program(*arguments, **options) -> subprocess.CompletedProcess:
    """Runs imggen with a strict UTF-8 stdout, as in most locales."""
    command = [sys.executable, "-m", "imggen", *map(os.fspath, arguments)]
    env = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    return subprocess.run(command, capture_output=True, check=False, env=env, **options)


def csv_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        return list(csv.DictReader(text))


def paths_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


ODD_NAMES = ["line\nbreak [red].png", os.fsdecode(b"caf\xe9 \xff.png"), "-o.png", "猫 🐈.png"]
PRINTED = ["line\\nbreak [red].png", "caf\\udce9 \\udcff.png", "-o.png", "猫 🐈.png"]


@pytest.fixture
def album(tmp_path) -> Path:
    """Images 0 (with a small and a cropped copy), 1 (with an equal file) and 2."""
    data = data_of(photo(1), "PNG")
    return write_photos(
        tmp_path / "album",
        {
            "cat/0.png": 0,
            "cat/1.png": data,
            "cat/small.png": smaller(photo(0)),
            "dog/1 again.png": data,
            "dog/2.png": 2,
            "dog/cut.png": cropped(photo(0), left=0.05),
        },
    )


@pytest.fixture
def parts(tmp_path) -> Path:
    """train, val and test: image 1 is in all of them, 2 in train and val."""
    data = data_of(photo(1), "PNG")
    pictures = {
        "train": {"cat/0.png": 0, "cat/1.png": data, "dog/2.png": 2},
        "val": {"cat/1.png": data, "dog/2 small.png": smaller(photo(2)), "dog/3.png": 3},
        "test": {"cat/1.png": data, "dog/4.png": 4},
    }
    for name, some in pictures.items():
        write_photos(tmp_path / "parts" / name, some)
    return tmp_path / "parts"


@pytest.fixture
def mixed(tmp_path) -> Path:
    """Two classes of four valid images; two faults and a remark."""
    folder = write_images(tmp_path / "mixed", {"cat": 4, "dog": 4})
    more = {"cat/empty.png": b"", "dog/half.jpg": JPEG[:900], "dog/other.jpg": PNG}
    return write_photos(folder, more)


# All verbs.


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (["duplicates", "nowhere"], "'nowhere' does not exist; expected a folder"),
        (["duplicates", "photos", "--threshold", "0"], r"threshold=0\.0 must be a number above 0"),
        (["duplicates", "photos", "--threshold", "95"], r"threshold=95\.0 must be a number"),
        (["duplicates", "photos", "--workers", "-1"], "workers=-1"),
        (["duplicates", "photos", "-o", "found.txt"], r"found\.txt' must end in \.csv or \.json"),
        (["duplicates", "photos", "-o", "no/found.csv"], r"Cannot write 'no/found\.csv'"),
        (
            ["duplicates", "photos", "--html", "no/found.html"],
            r"Cannot write 'no/found\.html'",
        ),
        (["leaks", "photos", "nowhere"], "'nowhere' does not exist; expected a folder"),
        (["leaks", "photos"], "expects train/ and at least one of val/"),
        (["leaks", "photos", "copy", "--threshold", "2"], r"threshold=2\.0"),
        (["leaks", "photos", "copy", "-o", "found.txt"], r"found\.txt'"),
        (["leaks", "photos", "copy", "--fix", "found.csv"], "would be empty: all its images"),
        (["verify", "nowhere"], "'nowhere' does not exist; expected a folder"),
        (["verify", "empty"], "Found 0 images in 'empty'"),
        (["verify", "photos", "-o", "found.xls"], r"found\.xls'"),
        (["preview", "nowhere", "-o", "found.png"], "'nowhere' does not exist; expected a folder"),
        (["preview", "photos", "-o", "found.txt"], r"'found\.txt' must end in \.png"),
        (
            ["preview", "photos", "-o", "no/found.png"],
            r"Cannot write 'no/found\.png': the folder does",
        ),
        (["preview", "photos", "-o", "no/found.html"], r"Cannot write 'no/found\.html'"),
        (
            ["preview", "photos", "-o", "a.png", "--policy", "strng"],
            "augment='strng' is not a preset",
        ),
        (["scan", "photos", "--html", "no/found.html"], r"Cannot write 'no/found\.html'"),
        (["scan", "photos", "-o", "found.txt"], r"found\.txt'"),
        (["scan", "broken", "-o", "found.csv"], "None of the 1 files in 'broken'"),
    ],
)
def test_errors_are_printed_on_one_line_with_exit_status_1(
    photos, tmp_path, monkeypatch, line, reason
):
    shutil.copytree(photos, tmp_path / "copy")
    (tmp_path / "empty").mkdir()
    write_photos(tmp_path / "broken", {"cat/a.png": b"broken"})
    monkeypatch.chdir(tmp_path)
    before = paths_in(tmp_path)
    result = invoke(*line)

    assert result.exit_code == 1
    assert re.fullmatch(rf"Error: .*{reason}.*\n", result.stderr)
    assert paths_in(tmp_path) == before


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (["duplicates"], "DIR"),
        (["verify"], "DIR"),
        (["leaks"], "Pass the folders of the splits"),
        (["leaks", "a/x", "b/x", "c/x", "d/x"], "Several folders have the same name"),
        (["duplicates", "photos", "--threshold", "much"], "'much'"),
        (["duplicates", "photos", "--treshold", "1"], "--treshold"),
        (["verify", "photos", "--quarantine"], "--quarantine"),
        (["preview", "photos"], "--output"),
        (["scan", "photos", "--html"], "--html"),
    ],
)
def test_usage_errors_name_the_argument_with_exit_status_2(line, named):
    result = invoke(*line)

    assert result.exit_code == 2
    assert named in result.stderr
    assert result.stdout == ""


def test_no_verb_for_files_imports_keras(album, parts):
    code = (
        "import sys; from click.testing import CliRunner; from imggen.cli import main\n"
        "album, parts, page = sys.argv[1:]\n"
        "for line in (['duplicates', album, '--html', page], ['leaks', parts], ['verify', album],\n"
        "             ['scan', album, '--html', page]):\n"
        "    assert CliRunner().invoke(main, line).exit_code in (0, 1)\n"
        "print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", code, album, parts, album.with_suffix(".html")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "False False"


@pytest.mark.parametrize(
    ("verb", "status"), [("duplicates", 1), ("leaks", 1), ("verify", 1), ("scan", 0)]
)
def test_names_that_are_not_utf_8_are_printed_and_written(tmp_path, verb, status):
    data = b"no image" if verb == "verify" else data_of(photo(0), "PNG")
    for part in ("train", "val"):
        write_photos(tmp_path / part, {f"cat/{name}": data for name in ODD_NAMES})
    write_photos(tmp_path / "val", {"cat/other.png": 1})
    folders = [tmp_path / "train", tmp_path / "val"] if verb == "leaks" else [tmp_path / "val"]
    page = [] if verb in ("leaks", "verify") else ["--html", tmp_path / "out.html"]
    result = program(verb, *folders, "-o", tmp_path / "out.csv", *page)
    rows = csv_rows(tmp_path / "out.csv")

    assert (result.returncode, result.stderr) == (status, b"")
    if verb != "scan":
        assert all(name in result.stdout.decode("utf-8") for name in PRINTED)
    assert {os.path.basename(row["path"]) for row in rows} >= set(ODD_NAMES)
    assert (tmp_path / "out.html").exists() == bool(page)


@pytest.mark.parametrize(
    "verb",
    [
        "duplicates",
        "leaks",
        "verify",
        "scan",
    ],
)
def test_output_paths_may_be_names_that_are_not_utf_8(tmp_path, verb):
    odd = os.fsdecode(b"\xff\xe9 \n")
    data = b"broken" if verb == "verify" else data_of(photo(0), "PNG")
    for part in ("train", "val"):
        write_photos(tmp_path / odd / part, {"cat/a.png": data, f"cat/{part}.png": ord(part[0])})
    folders = ["train", "val"] if verb == "leaks" else ["train"]
    write = {
        "duplicates": ["-o", f"{odd}.json", "--html", f"{odd}.html"],
        "leaks": ["-o", f"{odd}.json", "--fix", f"{odd}.csv"],
        "verify": ["-o", f"{odd}.json", "--quarantine", f"aside {odd}"],
        "scan": ["-o", f"{odd}.json", "--html", f"{odd}.html", "--save", f"{odd}.csv"],
    }[verb]
    result = program(verb, *(tmp_path / odd / name for name in folders), *write, cwd=tmp_path)

    assert (result.returncode, result.stderr) == (0, b"")
    assert all((tmp_path / name).exists() for name in write[1::2])


# imggen duplicates


def test_groups_are_printed_with_the_files_to_keep_and_to_drop(album):
    result = invoke("duplicates", album)

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "keep cat/0.png",
        "  drop cat/small.png (similar)",
        "  drop dog/cut.png (similar)",
        "keep cat/1.png",
        "  drop dog/1 again.png (identical)",
        "6 files, 2 groups, 3 files to drop",
    ]


def test_no_duplicates_give_exit_status_0(photos):
    result = invoke("duplicates", photos)

    assert (result.exit_code, result.output) == (0, "16 files, 0 groups, 0 files to drop\n")


def test_exact_finds_the_same_bytes_only(album):
    result = invoke("duplicates", album, "--exact")

    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "6 files, 1 group, 1 file to drop"


def test_the_threshold_is_passed_on(album):
    found = imggen.find_duplicates(imggen.scan(album), threshold=1)

    assert f", {len(found.groups)} group" in invoke("duplicates", album, "--threshold", 1).output
    assert (
        invoke("duplicates", album).output
        == invoke("duplicates", album, "--threshold", 0.95).output
    )


@pytest.mark.parametrize("name", ["found.csv", "found.json"])
def test_all_groups_are_written_to_a_file(album, tmp_path, name):
    invoke("duplicates", album, "-o", tmp_path / name)
    file = tmp_path / name
    rows = csv_rows(file) if name.endswith("csv") else json.loads(file.read_text())["rows"]

    assert [(row["path"], str(row["keep"])) for row in rows] == [
        ("cat/0.png", "True"),
        ("cat/small.png", "False"),
        ("dog/cut.png", "False"),
        ("cat/1.png", "True"),
        ("dog/1 again.png", "False"),
    ]


def test_a_page_of_the_groups_is_drawn(album, tmp_path):
    invoke("duplicates", album, "--html", tmp_path / "found.html")
    page = (tmp_path / "found.html").read_text(encoding="utf-8")

    assert page.count('class="keep"') == 2
    assert page.count('class="drop"') == 3


def test_more_than_twenty_groups_are_truncated_and_counted(tmp_path):
    write_images(tmp_path / "in", {"cat": 23}, size=(4, 4))
    shutil.copytree(tmp_path / "in" / "cat", tmp_path / "in" / "dog")
    result = invoke("duplicates", tmp_path / "in", "--exact", "-o", tmp_path / "found.csv")

    assert result.output.count("keep ") == 20
    assert "... and 3 more groups; -o FILE writes all\n" in result.output
    assert len(csv_rows(tmp_path / "found.csv")) == 46


def test_files_that_cannot_be_read_are_named_on_stderr(album):
    (album / "cat" / "broken.png").write_bytes(b"broken")
    result = invoke("duplicates", album)

    assert result.stderr == "cannot read cat/broken.png\n"
    assert "7 files, 2 groups" in result.stdout


def test_a_folder_without_classes_is_accepted(tmp_path):
    write_photos(tmp_path, {"a.png": 0, "deep/er/b.png": smaller(photo(0))})

    assert "2 files, 1 group" in invoke("duplicates", tmp_path).output


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_saved_manifest_is_accepted_as_the_source(album, tmp_path, name):
    imggen.scan(album).save(tmp_path / name)

    assert invoke("duplicates", tmp_path / name).output == invoke("duplicates", album).output


def test_any_table_with_paths_is_accepted_as_the_source(album):
    (album / "table.csv").write_text("path,label\ncat/0.png,x\ncat/small.png,y\ndog/2.png,x\n")
    result = invoke("duplicates", album / "table.csv")

    assert result.output.splitlines()[0] == "keep cat/0.png"
    assert result.output.splitlines()[-1] == "3 files, 1 group, 1 file to drop"


# imggen leaks


LEAKS = [
    "drop train: train/cat/1.png",
    "drop val: val/cat/1.png",
    "keep test: test/cat/1.png",
    "",
    "drop train: train/dog/2.png",
    "keep val: val/dog/2 small.png",
    "",
    "8 files, 2 images in more than one split",
]


def printed(result) -> list[list[str]]:
    """The lines of each leak, sorted, and the last line; the order of files does not matter."""
    leaks, _, last = result.output.rstrip("\n").rpartition("\n\n")
    return [sorted(leak.splitlines()) for leak in leaks.split("\n\n")] + [[last]]


def test_leaks_are_printed_with_the_split_that_keeps_the_image(parts):
    result = invoke("leaks", parts / "train", parts / "val", parts / "test")

    assert result.exit_code == 1
    assert printed(result) == [sorted(LEAKS[:3]), sorted(LEAKS[4:6]), LEAKS[7:]]


def test_the_folder_that_contains_the_splits_is_accepted(parts):
    each = invoke("leaks", parts / "train", parts / "val", parts / "test")

    assert printed(invoke("leaks", parts)) == printed(each)


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_table_of_all_splits_is_accepted(parts, tmp_path, name):
    imggen.scan(parts, class_names=["train", "val", "test"]).to_frame().rename(
        columns={"label": "split"}
    ).pipe(
        lambda frame: imggen.Manifest.from_frame(
            frame, root=str(parts), y_col=None, split_col="split"
        )
    ).save(tmp_path / name)

    assert printed(invoke("leaks", tmp_path / name)) == printed(invoke("leaks", parts))


def test_a_split_into_folders_has_no_leaks_if_duplicates_were_kept_together(album, tmp_path):
    apart = ["split", album, tmp_path / "out", "--ratio", 0.5, 0.5, 0]
    together = invoke(*apart, "--near-duplicates")

    assert together.exit_code == 0
    assert invoke("leaks", tmp_path / "out").exit_code == 0


def test_no_leaks_give_exit_status_0(photos, tmp_path):
    other = write_images(tmp_path / "other", {"cat": 3}, size=(30, 30))
    result = invoke("leaks", photos, other)

    assert (result.exit_code, result.output) == (
        0,
        "19 files, 0 images in more than one split\n",
    )


def test_exact_finds_leaks_of_the_same_bytes_only(parts):
    assert "8 files, 1 image" in invoke("leaks", parts, "--exact").output


def test_folders_of_the_same_name_are_train_val_and_test_in_this_order(parts, tmp_path):
    for place, name in (("a", "test"), ("b", "train"), ("c", "val")):
        shutil.copytree(parts / name, tmp_path / place / "images")
    result = invoke("leaks", *(tmp_path / place / "images" for place in "abc"))

    assert result.exit_code == 1
    assert {line for line in result.output.splitlines() if line.startswith("keep")} == {
        "keep test: c/images/cat/1.png",
        "keep test: c/images/dog/2 small.png",
    }


@pytest.mark.parametrize("name", ["found.csv", "found.json"])
def test_all_leaks_are_written_to_a_file(parts, tmp_path, name):
    invoke("leaks", parts, "-o", tmp_path / name)
    file = tmp_path / name
    rows = csv_rows(file) if name.endswith("csv") else json.loads(file.read_text())["rows"]

    assert sorted((row["split"], row["path"], str(row["is_dropped"])) for row in rows) == [
        ("test", "test/cat/1.png", "False"),
        ("train", "train/cat/1.png", "True"),
        ("train", "train/dog/2.png", "True"),
        ("val", "val/cat/1.png", "True"),
        ("val", "val/dog/2 small.png", "False"),
    ]


@pytest.mark.parametrize("name", ["fixed.csv", "fixed.parquet"])
def test_fix_writes_a_manifest_without_leaks(parts, tmp_path, name):
    result = invoke("leaks", parts, "--fix", tmp_path / name)
    fixed = imggen.Manifest.load(tmp_path / name)

    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == f"manifest without leaks: {tmp_path / name}"
    assert sorted(zip(fixed.splits, fixed.paths, strict=True)) == [
        ("test", "test/cat/1.png"),
        ("test", "test/dog/4.png"),
        ("train", "train/cat/0.png"),
        ("val", "val/dog/2 small.png"),
        ("val", "val/dog/3.png"),
    ]
    assert invoke("leaks", tmp_path / name).exit_code == 0


def test_more_than_twenty_leaks_are_truncated_and_counted(tmp_path):
    write_images(tmp_path / "train", {"cat": 23}, size=(4, 4))
    shutil.copytree(tmp_path / "train", tmp_path / "val")
    result = invoke("leaks", tmp_path / "train", tmp_path / "val", "--exact")

    assert result.output.count("keep ") == 20
    assert "... and 3 more; -o FILE writes all\n" in result.output
    assert "46 files, 23 images" in result.output


# imggen verify


def test_findings_are_printed_in_order_of_path_before_the_counts(mixed):
    result = invoke("verify", mixed)

    assert result.exit_code == 1
    first, second, third, last = result.output.splitlines()
    assert first == "empty: cat/empty.png: the file has 0 bytes"
    assert second.startswith("truncated: dog/half.jpg: ")
    assert third == "wrong extension: dog/other.jpg: PNG in a .jpg file"
    assert last == (
        "11 files, 2 cannot be used for training (1 empty, 1 truncated, 1 wrong extension)"
    )


def test_valid_images_give_exit_status_0(photos):
    result = invoke("verify", photos)

    assert (result.exit_code, result.output) == (0, "16 files, 0 cannot be used for training\n")


def test_unusual_images_give_exit_status_0(photos):
    write_photos(photos, {"cat/other.jpg": PNG})

    assert invoke("verify", photos).exit_code == 0


def test_skipped_files_are_printed(photos):
    (photos / "cat" / "notes.txt").write_text("x")

    assert "skipped: 1 not an image (.txt)\n" in invoke("verify", photos).output


def test_more_than_twenty_findings_are_truncated_and_counted(photos, tmp_path):
    write_photos(photos, {f"cat/{number}.jpg": b"" for number in range(23)})
    result = invoke("verify", photos, "-o", tmp_path / "found.csv")

    assert result.output.count("empty: ") == 20
    assert "... and 3 more; -o FILE writes all\n" in result.output
    assert len(csv_rows(tmp_path / "found.csv")) == 23


@pytest.mark.parametrize("name", ["found.csv", "found.json"])
def test_all_findings_are_written_to_a_file(mixed, tmp_path, name):
    invoke("verify", mixed, "-o", tmp_path / name)
    file = tmp_path / name
    rows = csv_rows(file) if name.endswith("csv") else json.loads(file.read_text())["rows"]

    assert [(row["path"], row["problem"]) for row in rows] == [
        ("cat/empty.png", "empty"),
        ("dog/half.jpg", "truncated"),
        ("dog/other.jpg", "wrong extension"),
    ]


def test_quarantine_moves_unusable_files_and_gives_exit_status_0(mixed, tmp_path):
    result = invoke("verify", mixed, "--quarantine", tmp_path / "aside")

    assert result.exit_code == 0
    assert result.output.endswith(f"2 files moved to {tmp_path / 'aside'}\n")
    assert paths_in(tmp_path / "aside") == [
        "cat",
        "cat/empty.png",
        "dog",
        "dog/half.jpg",
        "quarantine.csv",
    ]
    assert invoke("verify", mixed).exit_code == 0


def test_a_quarantine_in_the_folder_is_refused(mixed):
    result = invoke("verify", mixed, "--quarantine", mixed / "aside")

    assert result.exit_code == 1
    assert "Choose a folder outside it" in result.stderr
    assert not (mixed / "aside").exists()


def test_without_faults_no_quarantine_folder_is_created(photos, tmp_path):
    result = invoke("verify", photos, "--quarantine", tmp_path / "aside")

    assert result.exit_code == 0
    assert not (tmp_path / "aside").exists()


def test_a_table_is_accepted_as_the_source(mixed, tmp_path):
    listing(mixed, "cat/000.png", "cat/empty.png").save(tmp_path / "m.csv")
    result = invoke("verify", tmp_path / "m.csv", "--quarantine", tmp_path / "aside")

    assert result.exit_code == 0
    assert "2 files, 1 cannot be used for training (1 empty)" in result.output
    assert (tmp_path / "aside" / "cat" / "empty.png").exists()


# imggen scan


def test_a_page_and_a_table_are_written_and_named(photos, tmp_path):
    result = invoke("scan", photos, "--html", tmp_path / "a.html", "-o", tmp_path / "a.csv")

    assert result.exit_code == 0
    assert result.output.splitlines()[-2:] == [
        f"written: {tmp_path / 'a.csv'}",
        f"written: {tmp_path / 'a.html'}",
    ]
    assert len(csv_rows(tmp_path / "a.csv")) == 16
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_table_of_a_scan_has_size_mode_and_format(photos, tmp_path):
    invoke("scan", photos, "-o", tmp_path / "a.json")
    row = json.loads((tmp_path / "a.json").read_text())["rows"][0]

    assert row.pop("num_bytes") == (photos / "cat" / "000.png").stat().st_size
    assert row == {
        "path": "cat/000.png",
        "label": "cat",
        "width": 20,
        "height": 24,
        "mode": "RGB",
        "format": "PNG",
        "num_frames": 1,
    }


def test_without_a_page_or_table_no_image_is_opened(photos):
    for path in photos.glob("*/*.png"):
        path.write_bytes(b"broken")

    assert invoke("scan", photos).exit_code == 0
