"""Modes of split_directory: copy, move and links."""

import os
from pathlib import Path

import pytest

from imggen import split_directory
from imggen.errors import ExportError, OptionError
from tests.helpers.split_files import (
    HALF,
    MODES,
    everything_in,
    files_in,
    part_of,
    visible_in,
    without_part,
)


def inodes_in(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_ino, path.lstat().st_mtime_ns)
        for path in folder.rglob("*.png")
    }


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_puts_every_file_into_one_split(photos, tmp_path, mode):
    before = files_in(photos)
    split_directory(photos, tmp_path / "out", HALF, mode=mode)
    made = files_in(tmp_path / "out")

    assert len(made) == 16
    assert {without_part(name): data for name, data in made.items()} == before


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_the_same_splits(photos, tmp_path, mode):
    split_directory(photos, tmp_path / "copied", HALF, seed=3)
    parts = split_directory(photos, tmp_path / "out", HALF, seed=3, mode=mode)

    assert part_of(tmp_path / "out") == part_of(tmp_path / "copied")
    assert all(os.path.isfile(path) for part in parts for path in part.filepaths)


@pytest.mark.parametrize("mode", MODES)
def test_a_second_call_touches_no_file(photos, tmp_path, mode):
    split_directory(photos, tmp_path / "out", HALF, mode=mode)
    before = inodes_in(tmp_path / "out"), everything_in(tmp_path)
    split_directory(photos, tmp_path / "out", HALF, mode=mode)

    assert (inodes_in(tmp_path / "out"), everything_in(tmp_path)) == before


@pytest.mark.parametrize("mode", ["copy", "symlink", "hardlink"])
def test_only_moving_removes_files_from_the_source(photos, tmp_path, mode):
    before = files_in(photos), everything_in(photos)
    split_directory(photos, tmp_path / "out", HALF, mode=mode)

    assert (files_in(photos), everything_in(photos)) == before


def test_moving_leaves_the_folders_of_the_source_empty(photos, tmp_path):
    split_directory(photos, tmp_path / "out", HALF, mode="move")

    assert everything_in(photos) == ["cat", "dog"]


def test_moving_within_a_file_system_renames_files(photos, tmp_path):
    before = inodes_in(photos)
    split_directory(photos, tmp_path / "out", HALF, mode="move")

    assert {without_part(name): found for name, found in inodes_in(tmp_path / "out").items()} == (
        before
    )


def test_moving_to_another_file_system_keeps_bytes_times_and_permissions(photos, other_disk):
    for number, path in enumerate(sorted(photos.glob("*/*"))):
        os.utime(path, ns=(1, 1_000_000_000_123_456_789 + number))
        path.chmod(0o640)
    before = files_in(photos)
    times = {str(path.relative_to(photos)): path.stat().st_mtime_ns for path in photos.glob("*/*")}
    split_directory(photos, other_disk / "out", HALF, mode="move")
    moved = {without_part(name): other_disk / "out" / name for name in files_in(other_disk / "out")}

    assert {name: path.read_bytes() for name, path in moved.items()} == before
    assert {name: path.stat().st_mtime_ns for name, path in moved.items()} == times
    assert {path.stat().st_mode & 0o777 for path in moved.values()} == {0o640}
    assert everything_in(photos) == ["cat", "dog"]


def test_a_copy_is_an_independent_file(photos, tmp_path):
    split_directory(photos, tmp_path / "out", HALF, mode="copy")
    copies = list((tmp_path / "out").rglob("*.png"))

    assert {(path.is_symlink(), path.stat().st_nlink) for path in copies} == {(False, 1)}


def test_hard_links_are_the_same_files(photos, tmp_path):
    split_directory(photos, tmp_path / "out", HALF, mode="hardlink")

    for name in files_in(tmp_path / "out"):
        assert os.path.samefile(tmp_path / "out" / name, photos / without_part(name))
        assert not (tmp_path / "out" / name).is_symlink()


def test_symbolic_links_are_absolute_even_for_a_relative_source(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    split_directory("photos", "out", HALF, mode="symlink")

    for name in files_in(tmp_path / "out"):
        assert os.readlink(tmp_path / "out" / name) == str(photos / without_part(name))


def test_a_hard_link_of_a_symbolic_link_is_one_of_its_file(photos, tmp_path):
    (photos / "cat" / "000.png").rename(tmp_path / "elsewhere.png")
    (photos / "cat" / "000.png").symlink_to(tmp_path / "elsewhere.png")
    split_directory(photos, tmp_path / "out", HALF, mode="hardlink")
    [link] = (tmp_path / "out").glob("*/cat/000.png")

    assert not link.is_symlink()
    assert os.path.samefile(link, tmp_path / "elsewhere.png")


def test_hard_links_to_another_file_system_are_refused(photos, other_disk):
    with pytest.raises(ExportError, match="different file systems") as caught:
        split_directory(photos, other_disk / "out", HALF, mode="hardlink")

    assert repr(str(photos)) in str(caught.value)
    assert repr(str(other_disk / "out")) in str(caught.value)
    assert files_in(other_disk) == {}


def test_another_mode_can_be_chosen_after_hard_links_were_refused(photos, other_disk):
    with pytest.raises(ExportError, match='Use mode="copy" or "symlink"'):
        split_directory(photos, other_disk / "out", HALF, mode="hardlink")
    split_directory(photos, other_disk / "out", HALF, mode="symlink")

    assert len(files_in(other_disk / "out")) == 16


def test_an_unknown_mode_is_an_option_error_and_writes_no_file(photos, tmp_path):
    with pytest.raises(OptionError, match="Did you mean 'symlink'"):
        split_directory(photos, tmp_path / "out", HALF, mode="symlnk")

    assert visible_in(tmp_path) == ["photos"]
