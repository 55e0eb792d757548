"""imggen scan: output, files and exit status."""

import json

from tests.helpers.command_line import csv_rows, invoke


def test_a_page_and_a_table_are_written_and_named(photos, tmp_path):
    result = invoke("scan", photos, "--html", tmp_path / "a.html", "-o", tmp_path / "a.csv")

    assert result.exit_code == 0
    assert result.output.splitlines()[-2:] == [
        f"Wrote a table of 16 images to {tmp_path / 'a.csv'}",
        f"Wrote a page to {tmp_path / 'a.html'}",
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
