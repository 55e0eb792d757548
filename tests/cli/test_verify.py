"""imggen verify: output, files and exit status."""

import json
from pathlib import Path

import pytest

from tests.helpers.command_line import csv_rows, invoke
from tests.helpers.pages import Page
from tests.helpers.pictures import (
    PNG,
    listing,
    write_photos,
)


def paths_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_findings_are_printed_in_order_of_path_before_the_counts(mixed):
    result = invoke("verify", mixed)

    assert result.exit_code == 1
    first, second, third, last = result.output.splitlines()
    assert first == "empty: cat/empty.png: the file has 0 bytes (operating system)"
    assert second.startswith("truncated: dog/half.jpg: ")
    assert third == "wrong extension: dog/other.jpg: PNG in a .jpg file (signature)"
    assert last == (
        "11 files, 2 cannot be used for training (1 empty, 1 truncated); remarks: 1 wrong extension"
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
    assert "... and 3 more; -v prints all, -o FILE writes all\n" in result.output
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


def test_the_page_has_a_row_for_each_finding(mixed, tmp_path):
    invoke("verify", mixed, "--html", tmp_path / "found.html")
    text = Page((tmp_path / "found.html").read_text(encoding="utf-8")).text

    for words in ("cat/empty.png", "the file has 0 bytes", "PNG in a .jpg file", "Pillow"):
        assert words in text


def test_quarantine_moves_unusable_files_and_gives_exit_status_0(mixed, tmp_path):
    result = invoke("verify", mixed, "--quarantine", tmp_path / "aside")

    assert result.exit_code == 0
    assert result.output.endswith(f"Moved 2 files to {tmp_path / 'aside'}\n")
    assert paths_in(tmp_path / "aside") == [
        ".imggen-quarantine",
        "cat",
        "cat/empty.png",
        "dog",
        "dog/half.jpg",
        "quarantine.csv",
    ]
    assert invoke("verify", mixed).exit_code == 0


def test_kinds_that_are_not_supported_stay_and_give_exit_status_1(photos, tmp_path):
    write_photos(photos, {"cat/phone.jpg": bytes(3) + b" ftypheic" + bytes(40)})
    result = invoke("verify", photos, "--quarantine", tmp_path / "aside")

    assert result.exit_code == 1
    assert "kind not supported: cat/phone.jpg: HEIC is not supported (signature)" in result.output
    assert (photos / "cat" / "phone.jpg").exists()
    assert not (tmp_path / "aside").exists()


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
