"""Commands never overwrite their input, and report all that they skip."""

import shutil

import pytest

from tests.helpers.command_line import invoke
from tests.helpers.images import write_images


@pytest.fixture
def table(photos):
    """A table of the images, with an additional column."""
    rows = [f"{p.parent.name}/{p.name},{p.parent.name},p{p.stem}" for p in photos.rglob("*.png")]
    file = photos / "table.csv"
    file.write_text("\n".join(["path,label,patient", *sorted(rows)]) + "\n")
    return file


def test_a_table_never_overwrites_its_source(table):
    before = table.read_bytes()
    result = invoke("split", table, "--manifest", table)

    assert result.exit_code == 2
    assert "is inside SRC" in result.stderr
    assert table.read_bytes() == before


def test_a_foreign_metadata_file_next_to_a_table_is_kept(photos, tmp_path):
    (tmp_path / "out.csv.json").write_text('{"mine": 1}')
    result = invoke("split", photos, "--manifest", tmp_path / "out.csv")

    assert result.exit_code == 1
    assert "was not written by imggen" in result.stderr
    assert (tmp_path / "out.csv.json").read_text() == '{"mine": 1}'
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "line",
    [["split", "{photos}", "out", "--report"], ["scan", "{photos}", "--html"]],
    ids=["split", "scan"],
)
def test_a_page_never_overwrites_an_image(photos, line):
    picture = photos / "cat/000.png"
    before = picture.read_bytes()
    result = invoke(*(word.format(photos=photos) for word in line), picture)

    assert result.exit_code == 1
    assert "must end in .html" in result.stderr
    assert picture.read_bytes() == before


def test_a_row_without_a_group_is_an_error(table):
    table.write_text(table.read_text().replace("p003", ""))
    result = invoke("split", table, table.parent.parent / "out", "--group-by", "patient")

    assert result.exit_code == 2
    assert "2 of 16 rows have no group" in result.stderr


def test_a_missing_column_is_an_error_that_lists_the_columns(table):
    result = invoke("split", table, table.parent.parent / "out", "--group-by", "patinet")

    assert result.exit_code == 2
    assert "no such column. It has ['path', 'label', 'patient']" in result.stderr


def test_hashes_in_a_table_are_computed_again(photos, tmp_path):
    assert invoke("split", photos, "--manifest", tmp_path / "one.csv").exit_code == 0
    before = (tmp_path / "one.csv").read_text()
    shutil.copy(photos / "cat/001.png", photos / "cat/000.png")
    assert invoke("split", tmp_path / "one.csv", "--manifest", tmp_path / "two.csv").exit_code == 0

    hashes = {
        line.split(",")[0]: line.split(",")[-1]
        for line in (tmp_path / "two.csv").read_text().splitlines()
    }
    assert hashes['"cat/000.png"'] == hashes['"cat/001.png"']
    assert hashes['"cat/000.png"'] not in before.split('"cat/000.png"')[1].split("\n")[0]


def test_a_split_whose_files_have_all_vanished_is_reported(photos, tmp_path):
    assert invoke("split", photos, tmp_path / "out", "--move").exit_code == 0
    for file in (tmp_path / "out").rglob("*.png"):
        file.unlink()
    result = invoke("split", photos, tmp_path / "out", "--move")

    assert result.exit_code == 1
    assert "16 files vanished after the split was planned" in result.stderr
    assert not result.exception or isinstance(result.exception, SystemExit)


def test_leaks_outside_class_folders_are_found(photos, tmp_path):
    train = write_images(tmp_path / "train", {"cat": 5, "dog": 5})
    val = write_images(tmp_path / "val", {"bird": 3, "fish": 3}, size=(30, 40))
    shutil.copy(train / "dog/002.png", val / "loose.png")
    result = invoke("leaks", train, val)

    assert result.exit_code == 1
    assert "1 image in more than one split" in result.output


def test_splits_without_classes_are_compared(tmp_path):
    train = write_images(tmp_path / "train", {"cat": 5, "dog": 5})
    (tmp_path / "test").mkdir()
    shutil.copy(train / "dog/002.png", tmp_path / "test/x.png")

    assert "1 image in more than one split" in invoke("leaks", train, tmp_path / "test").output


def test_images_that_cannot_be_compared_are_reported(tmp_path):
    train = write_images(tmp_path / "train", {"cat": 5})
    val = write_images(tmp_path / "val", {"dog": 5}, size=(30, 40))
    (val / "dog/broken.png").write_bytes(b"broken")
    (val / "notes.txt").write_text("x")
    result = invoke("leaks", train, val)

    assert "cannot decode, compared by bytes only: val/dog/broken.png" in result.stderr
    assert "skipped: 1 not an image (.txt)" in result.stderr
