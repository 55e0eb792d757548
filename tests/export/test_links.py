"""Links among the files of a split, and files that replace them."""

import os
from pathlib import Path

import pytest

from imggen import Manifest, split_directory, undo_split
from imggen.core import StringColumn
from imggen.errors import ExportError, ImggenWarning
from tests.helpers.images import write_images
from tests.helpers.split_files import (
    HALF,
    MODES,
    everything_in,
    files_in,
    numbered,
    part_of,
    write_files,
)


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
    with pytest.warns(ImggenWarning, match="changed after the split was planned"):
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


# Links in the source.


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_links_to_one_file_stay_in_one_split(tmp_path, link, seed):
    photos = write_files(tmp_path / "photos", *numbered("cat", 12))
    for number in range(12):
        name = f"{number:03d}.png"
        if link == "symlink":
            (photos / "cat" / f"link-{name}").symlink_to(name)
        else:
            (photos / "cat" / f"link-{name}").hardlink_to(photos / "cat" / name)
    split_directory(photos, tmp_path / "out", HALF, seed=seed)
    parts = part_of(tmp_path / "out")

    assert len(parts) == 24
    assert all(parts[f"cat/{n:03d}.png"] == parts[f"cat/link-{n:03d}.png"] for n in range(12))


@pytest.mark.parametrize("kind", ["relative", "absolute", "through a linked folder"])
def test_a_moved_link_points_to_its_file_and_is_restored_by_undo(tmp_path, kind):
    photos = write_files(tmp_path / "photos", *numbered("cat", 4))
    write_files(tmp_path, "elsewhere/deep/x.png")
    held = {
        "relative": "../../elsewhere/deep/x.png",
        "absolute": str(tmp_path / "elsewhere/deep/x.png"),
        "through a linked folder": "../../short/x.png",
    }[kind]
    (tmp_path / "short").symlink_to("elsewhere/deep")
    (photos / "cat" / "link.png").symlink_to(held)
    split_directory(photos, tmp_path / "new" / "out", {"all": 1.0}, mode="move")
    [moved] = (tmp_path / "new" / "out").rglob("link.png")

    assert moved.is_symlink()
    assert os.path.samefile(moved, tmp_path / "elsewhere/deep/x.png")
    undo_split(tmp_path / "new" / "out")
    assert os.readlink(photos / "cat" / "link.png") == held


@pytest.mark.parametrize("kind", ["relative", "absolute"])
def test_a_moved_link_points_to_the_moved_file(tmp_path, kind):
    photos = write_files(tmp_path / "photos", *numbered("cat", 4))
    held = "000.png" if kind == "relative" else str(photos / "cat" / "000.png")
    (photos / "cat" / "link.png").symlink_to(held)
    split_directory(photos, tmp_path / "out", {"all": 1.0}, mode="move")

    assert (tmp_path / "out" / "all" / "cat" / "link.png").read_bytes() == b"cat/000.png"


def test_undo_restores_a_moved_link_to_a_moved_file(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 4))
    (photos / "cat" / "link.png").symlink_to("000.png")
    split_directory(photos, tmp_path / "out", {"all": 1.0}, mode="move")
    undo_split(tmp_path / "out")

    assert os.readlink(photos / "cat" / "link.png") == "000.png"
    assert (photos / "cat" / "link.png").read_bytes() == b"cat/000.png"


def test_a_link_is_moved_to_another_file_system_as_a_link(tmp_path, other_disk):
    photos = write_files(tmp_path / "photos", *numbered("cat", 4))
    write_files(tmp_path, "x.png")
    (photos / "cat" / "link.png").symlink_to("../../x.png")
    split_directory(photos, other_disk / "out", {"all": 1.0}, mode="move")
    [moved] = (other_disk / "out").rglob("link.png")

    assert os.readlink(moved) == str(tmp_path / "x.png")
    assert not (photos / "cat" / "link.png").is_symlink()


@pytest.fixture
def twice(tmp_path) -> Path:
    """A folder whose class "dog" is a link to its class "cat"."""
    write_files(tmp_path / "twice", *numbered("cat", 8))
    (tmp_path / "twice" / "dog").symlink_to("cat")
    return tmp_path / "twice"


def test_moving_a_file_with_two_paths_is_refused(twice, tmp_path):
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match=r"'cat/00\d.png' and 'dog/00\d.png' are the same file"):
        split_directory(twice, tmp_path / "out", HALF, mode="move")

    assert everything_in(tmp_path) == before


def test_a_file_with_two_paths_is_copied_to_one_split(twice, tmp_path):
    split_directory(twice, tmp_path / "out", HALF)
    parts = part_of(tmp_path / "out")

    assert len(parts) == 16
    assert all(parts[name] == parts[name.replace("cat", "dog")] for name in numbered("cat", 8))


def test_files_of_a_linked_class_folder_are_moved_there_and_back(photos, tmp_path):
    (photos / "cat").rename(tmp_path / "elsewhere")
    (photos / "cat").symlink_to(tmp_path / "elsewhere")
    before = files_in(tmp_path / "elsewhere")
    split_directory(photos, tmp_path / "out", HALF, mode="move")

    assert len(files_in(tmp_path / "out")) == 16
    assert files_in(tmp_path / "elsewhere") == {}
    undo_split(tmp_path / "out")
    assert files_in(tmp_path / "elsewhere") == before


@pytest.mark.parametrize("mode", MODES)
def test_link_cycles_end(photos, tmp_path, mode):
    (photos / "cat" / "again").symlink_to(".")
    (photos / "dog" / "up").symlink_to("..")
    (photos / "dog" / "self.png").symlink_to("self.png")
    (photos / "dog" / "nowhere.png").symlink_to("nowhere")
    split_directory(photos, tmp_path / "out", HALF, mode=mode)

    assert len(files_in(tmp_path / "out")) == 16
    assert len(part_of(tmp_path / "out")) == 16
