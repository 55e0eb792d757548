"""imggen duplicates: output, files and exit status."""

import json
import shutil

import pytest

import imggen
from tests.helpers.command_line import csv_rows, invoke
from tests.helpers.images import write_images
from tests.helpers.pictures import (
    photo,
    smaller,
    write_photos,
)


def test_groups_are_printed_with_the_files_to_keep_and_to_drop(album):
    result = invoke("duplicates", album)

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "keep cat/0.png",
        "  drop cat/small.png (similar)",
        "  drop dog/cut.jpg (similar)",
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
        ("dog/cut.jpg", "False"),
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
