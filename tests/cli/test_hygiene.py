"""The verbs that check folders: errors, output files and unusual names."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.command_line import csv_rows, invoke
from tests.helpers.pictures import (
    data_of,
    photo,
    write_photos,
)


def program(*arguments, **options) -> subprocess.CompletedProcess:
    """Runs imggen with a strict UTF-8 stdout, as in most locales."""
    command = [sys.executable, "-m", "imggen", *map(os.fspath, arguments)]
    env = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    return subprocess.run(command, capture_output=True, check=False, env=env, **options)


def paths_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


ODD_NAMES = ["line\nbreak [red].png", os.fsdecode(b"caf\xe9 \xff.png"), "-o.png", "猫 🐈.png"]
PRINTED = ["line\\nbreak [red].png", "caf\\udce9 \\udcff.png", "-o.png", "猫 🐈.png"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (["duplicates", "nowhere"], "'nowhere' does not exist; expected a folder"),
        (
            ["duplicates", "photos", "--threshold", "0"],
            r"--threshold 0\.0 must be a number above 0",
        ),
        (["duplicates", "photos", "--threshold", "95"], r"--threshold 95\.0 must be a number"),
        (["duplicates", "photos", "--workers", "-1"], "--workers -1"),
        (["duplicates", "photos", "-o", "found.txt"], r"found\.txt' must end in \.csv or \.json"),
        (["duplicates", "photos", "-o", "no/found.csv"], r"Cannot write 'no/found\.csv'"),
        (
            ["duplicates", "photos", "--html", "no/found.html"],
            r"Cannot write 'no/found\.html'",
        ),
        (["leaks", "photos", "nowhere"], "'nowhere' does not exist; expected a folder"),
        (["leaks", "nowhere"], "'nowhere' does not exist; expected a folder with train, val"),
        (["leaks", "photos"], "imggen expects train/ and at least one of val/"),
        (["leaks", "photos", "copy", "--threshold", "2"], r"--threshold 2\.0"),
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
            "--augment strng is not a preset",
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
        (["duplicates"], "SRC"),
        (["verify"], "SRC"),
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


def test_no_verb_for_files_imports_keras(album, splits):
    code = (
        "import sys; from click.testing import CliRunner; from imggen.cli import main\n"
        "album, splits, page = sys.argv[1:]\n"
        "for line in (['duplicates', album, '--html', page], ['leaks', splits],\n"
        "             ['verify', album], ['scan', album, '--html', page]):\n"
        "    assert CliRunner().invoke(main, line).exit_code in (0, 1)\n"
        "print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", code, album, splits, album.with_suffix(".html")]
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
