"""Links among the files of a split, and files that replace them."""

import os

import pytest

from imggen import Manifest, split_directory, undo_split
from imggen.core import StringColumn
from imggen.errors import ImggenWarning
from tests.helpers.images import write_images


@pytest.fixture
def linked(tmp_path):
    """Two classes of eight, one of them a link to a file next to them."""
    photos = write_images(tmp_path / "photos", {"cat": 8, "dog": 8})
    (tmp_path / "store").mkdir()
    os.rename(photos / "cat/000.png", tmp_path / "store/000.png")
    (photos / "cat/000.png").symlink_to("../../store/000.png")
    return photos


def moved(target):
    (found,) = target.rglob("cat/000.png")
    return found


def test_a_file_that_replaced_a_moved_link_is_moved_back_unchanged(linked, tmp_path):
    split_directory(linked, tmp_path / "out", mode="move")
    link = moved(tmp_path / "out")
    link.unlink()
    link.write_bytes(b"edited")
    undo_split(tmp_path / "out")

    assert not (linked / "cat/000.png").is_symlink()
    assert (linked / "cat/000.png").read_bytes() == b"edited"


def test_a_file_that_replaced_a_link_before_the_move_is_moved_unchanged(
    linked, tmp_path, monkeypatch
):
    def interrupt(*_):
        (linked / "cat/000.png").unlink()
        (linked / "cat/000.png").write_bytes(b"edited")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # planned, and interrupted before the first file
        patch.setattr("imggen.export.steps._Worker.do", interrupt)
        with pytest.raises(KeyboardInterrupt):
            split_directory(linked, tmp_path / "out", mode="move")
    with pytest.warns(ImggenWarning, match="have changed since the split was planned"):
        split_directory(linked, tmp_path / "out", mode="move")

    assert moved(tmp_path / "out").read_bytes() == b"edited"
    assert not (linked / "cat/000.png").exists()


def test_a_link_that_reaches_a_moved_file_by_another_path_points_to_it(tmp_path):
    write_images(tmp_path / "elsewhere", {"dog": 8})
    write_images(tmp_path / "photos", {"cat": 8})
    (tmp_path / "photos/dog").symlink_to("../elsewhere/dog")
    (tmp_path / "photos/cat/link.png").symlink_to(tmp_path / "elsewhere/dog/003.png")
    before = (tmp_path / "elsewhere/dog/003.png").read_bytes()
    split_directory(tmp_path / "photos", tmp_path / "out", (0.5, 0.5), mode="move")

    (link,) = (tmp_path / "out").rglob("link.png")
    assert link.is_symlink()
    assert link.read_bytes() == before


def test_deeper_class_folders_of_a_table_are_not_duplicated(tmp_path):
    write_images(tmp_path / "a" / "b", {"cat": 6, "dog": 6})
    paths = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.png"))
    labels = [int("dog" in path) for path in paths]
    manifest = Manifest(tmp_path, StringColumn.of(paths), labels, ("cat", "dog"))
    split_directory(manifest, tmp_path / "out", (0.5, 0.5))

    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.png"))
    assert len(found) == 12
    assert {path.rpartition("/")[0] for path in found} == {
        "train/cat",
        "train/dog",
        "val/cat",
        "val/dog",
    }
