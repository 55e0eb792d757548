"""imggen scan: output, files and exit status."""

import json
import shutil

import pytest

from tests.helpers.command_line import csv_rows, invoke
from tests.helpers.images import write_images


def test_a_page_and_a_table_are_written_and_named(photos, tmp_path):
    result = invoke("scan", photos, "--html", tmp_path / "a.html", "-o", tmp_path / "a.csv")

    assert result.exit_code == 0
    assert result.output.splitlines()[-2:] == [
        f"Wrote a table of 16 images to {tmp_path / 'a.csv'}",
        f"Wrote a page to {tmp_path / 'a.html'}",
    ]
    assert len(csv_rows(tmp_path / "a.csv")) == 16
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_one_image_is_counted_as_one(tmp_path):
    result = invoke("scan", write_images(tmp_path, {"cat": 1}))

    assert "1 image in 1 class" in result.output


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


@pytest.mark.parametrize("verb", ["scan", "verify", "duplicates", "split"])
def test_an_edited_table_without_the_folder_of_its_images_is_explained(verb, photos, tmp_path):
    table, edited = tmp_path / "all.csv", tmp_path / "edited.csv"
    invoke("scan", photos, "--manifest", table)
    lines = table.read_text().splitlines(keepends=True)
    edited.write_text("".join(lines[:-2]))
    target = [f"{tmp_path}-split", "--dry-run"] if verb == "split" else []

    result = invoke(verb, edited, *target)
    assert result.exit_code == 1
    assert str(tmp_path / "cat" / "000.png") in result.stderr
    assert ".json" in result.stderr
    if verb != "split":
        assert "copy its .json file as well, to 'edited.csv.json'" in result.stderr

    shutil.copy(f"{table}.json", f"{edited}.json")
    assert invoke(verb, edited, *target).exit_code == 0


def test_a_table_of_which_one_file_exists_is_read(photos, tmp_path):
    table = photos / "some.csv"
    table.write_text("path\nnone.png\ncat/000.png\n")
    assert "2 images" in invoke("scan", table).stdout
