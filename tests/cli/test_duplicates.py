"""imggen duplicates: output, files and exit status."""

import json
import shutil

import pytest
from PIL import Image

import imggen
from tests.helpers.command_line import csv_rows, invoke
from tests.helpers.images import write_images
from tests.helpers.pictures import (
    photo,
    smaller,
    write_photos,
)


@pytest.fixture
def unlabeled(album):
    """The album with an image in no class folder, so that there are no labels."""
    return write_photos(album, {"9.png": 9})


def test_groups_are_printed_with_the_files_to_keep_and_to_drop(unlabeled):
    result = invoke("duplicates", unlabeled)

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "keep cat/0.png",
        "  drop cat/small.png (similar)",
        "  drop dog/cut.jpg (similar)",
        "keep cat/1.png",
        "  drop dog/1 again.png (identical)",
        "7 files, 2 groups, 3 files to drop",
    ]


def test_images_with_two_labels_are_printed_first_and_none_is_to_be_dropped(album):
    write_photos(album, {"cat/2.png": 5, "cat/2b.png": smaller(photo(5))})
    result = invoke("duplicates", album)

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "different label: cat/0.png (cat), dog/cut.jpg (dog), cat/small.png (cat)",
        "different label: cat/1.png (cat), dog/1 again.png (dog)",
        "keep cat/2.png",
        "  drop cat/2b.png (similar)",
        "8 files, 3 groups, 1 file to drop, 2 conflicts",
    ]


def test_the_folders_inside_of_train_val_and_test_are_the_labels(tmp_path):
    write_photos(
        tmp_path, {"train/cat/a.png": 0, "val/cat/b.png": photo(0), "test/dog/c.png": photo(1)}
    )

    assert "keep train/cat/a.png" in invoke("duplicates", tmp_path).output
    write_photos(tmp_path, {"val/dog/d.png": photo(0)})
    first = invoke("duplicates", tmp_path).output.splitlines()[0]
    assert first == (
        "different label: train/cat/a.png (cat), val/dog/d.png (dog), val/cat/b.png (cat)"
    )


def test_images_of_which_nothing_is_visible_are_named_on_stderr(tmp_path):
    for name in ("a", "b"):
        icon = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        icon.paste((255, 255, 255, 255), (8, 8, 56, 20 if name == "a" else 56))
        write_photos(tmp_path, {f"{name}.png": icon})
    result = invoke("duplicates", tmp_path)

    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        f"nothing visible on this background, compared by bytes only: {name}.png" for name in "ab"
    ]
    assert invoke("duplicates", tmp_path, "--background", "black").stderr == ""
    refused = invoke("duplicates", tmp_path, "--background", "no color")
    assert "--background 'no color' must be" in refused.stderr


def test_no_duplicates_give_exit_status_0(photos):
    result = invoke("duplicates", photos)

    assert (result.exit_code, result.output) == (0, "16 files, 0 groups, 0 files to drop\n")


def test_exact_finds_the_same_bytes_only(unlabeled):
    result = invoke("duplicates", unlabeled, "--exact")

    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "7 files, 1 group, 1 file to drop"


def test_the_threshold_is_passed_on(album):
    found = imggen.find_duplicates(imggen.scan(album), threshold=1)

    assert f", {len(found.groups)} group" in invoke("duplicates", album, "--threshold", 1).output
    assert (
        invoke("duplicates", album).output
        == invoke("duplicates", album, "--threshold", 0.95).output
    )


@pytest.mark.parametrize("name", ["found.csv", "found.json"])
def test_all_groups_are_written_to_a_file(unlabeled, tmp_path, name):
    invoke("duplicates", unlabeled, "-o", tmp_path / name)
    file = tmp_path / name
    rows = csv_rows(file) if name.endswith("csv") else json.loads(file.read_text())["rows"]

    assert [(row["path"], str(row["keep"])) for row in rows] == [
        ("cat/0.png", "True"),
        ("cat/small.png", "False"),
        ("dog/cut.jpg", "False"),
        ("cat/1.png", "True"),
        ("dog/1 again.png", "False"),
    ]


def test_a_page_of_the_groups_is_drawn(unlabeled, tmp_path):
    invoke("duplicates", unlabeled, "--html", tmp_path / "found.html")
    page = (tmp_path / "found.html").read_text(encoding="utf-8")

    assert page.count('class="keep"') == 2
    assert page.count('class="drop"') == 3


def test_more_than_twenty_groups_are_truncated_and_counted(tmp_path):
    write_images(tmp_path / "in", {"cat": 23}, size=(4, 4))
    shutil.copytree(tmp_path / "in" / "cat", tmp_path / "in" / "dog")
    write_photos(tmp_path / "in", {"loose.png": 1})
    result = invoke("duplicates", tmp_path / "in", "--exact", "-o", tmp_path / "found.csv")

    assert result.output.count("keep ") == 20
    assert "... and 3 more groups; -v prints all, -o FILE writes all\n" in result.output
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
    (album / "table.csv").write_text("path,label\ncat/0.png,x\ncat/small.png,x\ndog/2.png,y\n")
    result = invoke("duplicates", album / "table.csv")

    assert result.output.splitlines()[0] == "keep cat/0.png"
    assert result.output.splitlines()[-1] == "3 files, 1 group, 1 file to drop"


def test_folds_have_the_labels_of_their_class_folders(tmp_path):
    photos = write_photos(tmp_path / "photos", {f"cat/{row}.png": row for row in range(4)})
    write_photos(photos, {f"dog/{row}.png": row for row in range(4, 8)})
    imggen.split_directory(photos, tmp_path / "kf", num_folds=2)
    result = invoke("duplicates", tmp_path / "kf")

    assert "different label" not in result.output
    assert result.output.splitlines()[-1] == "16 files, 8 groups, 8 files to drop"
