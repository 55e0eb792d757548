"""``imggen split``: errors, warnings and exit status."""

import json
import os
import re

import pytest

from tests.helpers.command_line import invoke
from tests.helpers.split_files import (
    PLAN,
    program,
    write_files,
)

HALVES = ("--ratio", 0.5, 0.25, 0.25)


RATIO, COUNT, KFOLD = ("--ratio", "0.5", "0.5", "0"), ("--count", "1", "1"), ("--kfold", "2")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (["photos"], "DST"),
        (["photos", "out", "--manifest", "m.csv"], "DST"),
        ([], "SRC"),
        (["photos", "out", "--ratio"], "'--ratio' requires an argument"),
        (["photos", "out", "--ratio", "1"], "found '1'; expected two or three numbers"),
        (["photos", "out", "--ratio=x", "1"], "found 'x 1'; expected two or three numbers"),
        (["photos", "out", "--split", "0.7", "0.1", "0.1", "0.1"], "expected two or three numbers"),
        (["photos", "out", "--split", "nan", "1"], "found 'nan 1'; expected two or three numbers"),
        (["photos", "out", "--split", "0", "0", "0"], "--split: 0 leaves out a split, and all are"),
        (["photos", "out", "--counts", "0", "0"], "Pass a number above 0 for one of val, test."),
        (["photos", "out", "--count", "x", "1"], "--count"),
        (["photos", "out", "--count", "1"], "--count"),
        (["photos", "out", "--kfold", "x"], "--kfold"),
        (["photos", "out", "more"], "more"),
        (["photos", "out", "--sym"], "--sym"),
        (["photos", "out", "--report", "photos/page.html"], "photos/page.html is inside SRC"),
        (["photos", "--manifest", "photos/cat/m.csv"], "photos/cat/m.csv is inside SRC"),
        (["photos", "out", *COUNT, *RATIO], "--split cannot be combined with --counts"),
        (["photos", "out", *KFOLD, *COUNT], "--kfold cannot be combined with --split or --counts"),
        (["photos", "out", *KFOLD, *RATIO], "--kfold cannot be combined with --split or --counts"),
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
        (["--count", "-1", "1"], "whole numbers of 1 or more"),
        (["--count", "4", "4"], "'cat' has 8; train would be empty. Request .*, or pass --split"),
        (["--ratio", "-1", "1", "1"], "greater than 0"),
        (["--kfold", "1"], "--kfold 1 must be a whole number of 2 or more"),
        (["--kfold", "17"], "would be empty"),
        (["--kfold", "2", "--stable"], "Leave out --stable"),
        (["--kfold", "2", "--move"], "would be in several places, .* cannot be moved"),
        (["--oversample", "--no-stratify", "--stable", "--seed", "-1"], "--seed -1"),
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
    assert re.fullmatch(r"Warning: 1 class is too small .*'dog'.*\n", result.stderr)
    assert ".py" not in result.stderr


def test_new_files_cause_a_warning(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    write_files(photos, "cat/new.png")
    result = program("split", photos, tmp_path / "out", *HALVES)

    assert result.returncode == 0
    assert re.fullmatch(r"Warning: Not in .*: 1 image added .*'cat/new\.png'.*\n", result.stderr)


def test_changed_files_cause_a_warning(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    [copy] = (tmp_path / "out").glob("*/cat/000.png")
    copy.unlink()
    (photos / "cat" / "000.png").write_bytes(b"changed")
    result = program("split", photos, tmp_path / "out", *HALVES)

    assert result.returncode == 0
    assert re.fullmatch(r"Warning: 1 file changed .*cat/000\.png.*\n", result.stderr)


def test_vanished_files_cause_a_warning_and_exit_status_1(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    [copy] = (tmp_path / "out").glob("*/cat/000.png")
    copy.unlink()
    (photos / "cat" / "000.png").unlink()
    result = program("split", photos, tmp_path / "out", *HALVES)

    assert result.returncode == 1
    assert re.fullmatch(r"Warning: 1 file vanished .*cat/000\.png.*\n", result.stderr)


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
