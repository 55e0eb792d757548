"""Copies, moves and links of one file: atomic, and safe to repeat."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imggen.core.file_ops import (
    absolute_link,
    copy_file,
    hardlink_file,
    is_same_file,
    move_file,
    move_link,
    size_and_mtime,
    symlink_file,
)


@pytest.fixture
def source(tmp_path) -> Path:
    """A file with its own bytes, time and mode."""
    path = tmp_path / "source"
    path.write_bytes(bytes(range(256)) * 40)
    os.utime(path, ns=(10**18, 10**18 + 123_456_789))
    path.chmod(0o640)
    return path


@pytest.fixture(params=["this disk", "another disk"])
def target(request, tmp_path) -> Path:
    """A path without a file, on the disk of the source or another one."""
    if request.param == "another disk":
        return request.getfixturevalue("other_disk") / "target"
    return tmp_path / "target"


def part_of(target: Path) -> str:
    return f"{target}.part"


def missing(call, *arguments) -> None:
    with pytest.raises(OSError) as caught:
        call(*map(str, arguments))
    assert caught.value.errno == errno.ENOENT


# Copies.


@pytest.mark.parametrize("verify", [False, True])
def test_a_copy_has_the_bytes_the_time_and_the_mode(source, target, verify):
    told = copy_file(str(source), str(target), part_of(target), verify=verify)

    assert target.read_bytes() == source.read_bytes()
    assert told == size_and_mtime(str(target)) == (10_240, 10**18 + 123_456_789)
    assert target.stat().st_mode & 0o777 == 0o640
    assert source.is_file()
    assert not os.path.exists(part_of(target))


def test_a_copy_replaces_an_existing_file(source, target):
    target.write_bytes(b"old")
    copy_file(str(source), str(target), part_of(target))

    assert target.read_bytes() == source.read_bytes()


def test_leftovers_of_an_earlier_copy_are_overwritten(source, target):
    Path(part_of(target)).write_bytes(b"x" * 100_000)
    copy_file(str(source), str(target), part_of(target))

    assert target.read_bytes() == source.read_bytes()
    assert not os.path.exists(part_of(target))


def test_a_missing_file_is_not_copied(tmp_path, target):
    missing(copy_file, tmp_path / "gone", target, part_of(target))

    assert not target.exists()


def test_a_copy_without_space_keeps_the_existing_file(tmp_path, small_disk):
    (tmp_path / "large").write_bytes(bytes(2**20))
    (small_disk / "target").write_bytes(b"old")
    with pytest.raises(OSError, match="No space left"):
        copy_file(str(tmp_path / "large"), str(small_disk / "target"), str(small_disk / "part"))

    assert (small_disk / "target").read_bytes() == b"old"


TOUCHED = "import os, sys\nfor second in range(10**9): os.utime(sys.argv[1], (second, second))"


def test_a_file_that_keeps_changing_is_not_copied(tmp_path):
    busy = tmp_path / "busy"
    busy.write_bytes(bytes(32 * 2**20))
    before = size_and_mtime(str(busy))
    writer = subprocess.Popen([sys.executable, "-c", TOUCHED, str(busy)])
    try:
        while size_and_mtime(str(busy)) == before:
            time.sleep(0.01)
        with pytest.raises(OSError, match="keeps changing while it is copied"):
            copy_file(str(busy), str(tmp_path / "target"), str(tmp_path / "part"))
    finally:
        writer.kill()
        writer.wait()

    assert not (tmp_path / "target").exists()


WRITTEN_TO_ONCE = """
import sys
from imggen.core.file_ops import copy_file

source, target = sys.argv[1:]
left = 1

def write(event, _):
    global left
    if event == "shutil.copyfile" and left:
        left = 0
        with open(source, "ab") as file:
            file.write(b" and more")

sys.addaudithook(write)
copy_file(source, target, target + ".part")
"""


def test_a_file_that_changes_once_while_it_is_copied_is_copied_again(source, target):
    data = source.read_bytes()
    command = [sys.executable, "-c", WRITTEN_TO_ONCE, str(source), str(target)]
    subprocess.run(command, check=True)

    assert source.read_bytes() == target.read_bytes() == data + b" and more"


# Moves.


def test_a_moved_file_is_only_at_its_target(source, target):
    data, before = source.read_bytes(), size_and_mtime(str(source))
    move_file(str(source), str(target), part_of(target))

    assert target.read_bytes() == data
    assert size_and_mtime(str(target)) == before
    assert not source.exists()
    assert not os.path.exists(part_of(target))


def test_a_finished_move_can_be_repeated(source, target):
    move_file(str(source), str(target), part_of(target))
    move_file(str(source), str(target), part_of(target))

    assert target.is_file()


def test_a_move_that_stopped_before_the_removal_is_completed(source, target):
    data = source.read_bytes()
    target.write_bytes(data)
    move_file(str(source), str(target), part_of(target))

    assert target.read_bytes() == data
    assert not source.exists()


@pytest.mark.parametrize("other", [b"other", b"x" * 10_240], ids=["shorter", "as long"])
def test_another_file_at_the_target_stops_a_move_and_both_stay(source, target, other):
    data = source.read_bytes()
    target.write_bytes(other)
    with pytest.raises(FileExistsError, match="Another file exists"):
        move_file(str(source), str(target), part_of(target))

    assert (source.read_bytes(), target.read_bytes()) == (data, other)


def test_a_missing_file_is_not_moved(tmp_path, target):
    missing(move_file, tmp_path / "gone", target, part_of(target))

    assert not target.exists()


@pytest.mark.parametrize("way", ["source", "folder/../source"])
def test_a_file_that_is_moved_onto_itself_stays(source, tmp_path, way):
    (tmp_path / "folder").mkdir()
    target = tmp_path / way
    data = source.read_bytes()
    move_file(str(source), str(target), part_of(target))

    assert source.read_bytes() == data


def test_a_link_is_moved_as_a_link_to_the_same_file(source, target, tmp_path):
    (tmp_path / "link").symlink_to("source")
    held = absolute_link(str(tmp_path / "link"), "source")
    move_link(str(tmp_path / "link"), str(target), held)

    assert os.readlink(target) == str(source)
    assert not os.path.lexists(tmp_path / "link")
    assert source.is_file()


def test_a_link_in_both_places_is_removed_from_the_source(source, target, tmp_path):
    (tmp_path / "link").symlink_to("source")
    target.symlink_to(source)
    move_link(str(tmp_path / "link"), str(target), str(source))

    assert os.readlink(target) == str(source)
    assert not os.path.lexists(tmp_path / "link")


def test_a_link_to_another_file_at_the_target_stops_a_move(source, target, tmp_path):
    (tmp_path / "other").write_bytes(source.read_bytes())
    (tmp_path / "link").symlink_to("source")
    target.symlink_to(tmp_path / "other")
    with pytest.raises(FileExistsError):
        move_link(str(tmp_path / "link"), str(target), str(source))

    assert os.readlink(tmp_path / "link") == "source"
    assert os.readlink(target) == str(tmp_path / "other")


def test_a_missing_link_is_not_moved(source, target, tmp_path):
    missing(move_link, tmp_path / "gone", target, source)

    assert not os.path.lexists(target)


# Links.


@pytest.mark.parametrize("make", [symlink_file, hardlink_file])
def test_a_symbolic_link_may_be_created_twice(source, tmp_path, make):
    target = tmp_path / "target"
    make(str(source), str(target))
    make(str(source), str(target))

    assert target.samefile(source)
    assert target.is_symlink() == (make is symlink_file)


@pytest.mark.parametrize("make", [symlink_file, hardlink_file])
def test_a_link_replaces_no_other_file(source, tmp_path, make):
    (tmp_path / "target").write_bytes(source.read_bytes())
    with pytest.raises(FileExistsError, match="Another file exists"):
        make(str(source), str(tmp_path / "target"))

    assert not (tmp_path / "target").samefile(source)


@pytest.mark.parametrize("make", [symlink_file, hardlink_file])
def test_a_link_to_a_missing_file_is_not_created(tmp_path, make):
    missing(make, tmp_path / "gone", tmp_path / "target")

    assert not os.path.lexists(tmp_path / "target")


def test_a_hard_link_of_a_link_is_one_of_its_file(source, tmp_path):
    (tmp_path / "link").symlink_to("source")
    hardlink_file(str(tmp_path / "link"), str(tmp_path / "target"))

    assert not (tmp_path / "target").is_symlink()
    assert source.stat().st_nlink == 2


def test_a_hard_link_stays_when_its_source_is_gone(source, tmp_path):
    hardlink_file(str(source), str(tmp_path / "target"))
    source.unlink()
    hardlink_file(str(source), str(tmp_path / "target"))

    assert (tmp_path / "target").is_file()


def test_a_hard_link_to_another_disk_is_an_error(source, other_disk):
    with pytest.raises(OSError) as caught:
        hardlink_file(str(source), str(other_disk / "target"))

    assert caught.value.errno == errno.EXDEV


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [("b", "in/b"), ("../b", "b"), ("./deep/../b", "in/b"), ("/b", "/b")],
)
def test_the_absolute_target_of_a_link_is_the_same_file(tmp_path, link, leads_to):
    (tmp_path / "in").mkdir()
    (tmp_path / "way").symlink_to("in")

    assert absolute_link(str(tmp_path / "way" / "a"), link) == str(tmp_path / leads_to)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("a", "a too", True),
        ("a", "as long", False),
        ("link", "link too", True),
        ("link", "other link", False),
        ("link", "a", False),
        ("a", "link", False),
        ("folder", "folder", False),
        ("a", "gone", False),
    ],
)
def test_files_with_the_same_bytes_and_links_with_the_same_target_are_the_same(
    tmp_path, one, other, is_same
):
    for name, data in (("a", b"aaa"), ("a too", b"aaa"), ("as long", b"bbb")):
        (tmp_path / name).write_bytes(data)
        os.utime(tmp_path / name, (0, 0))
    for name, held in (("link", "a"), ("link too", "a"), ("other link", "a too")):
        (tmp_path / name).symlink_to(held)
    (tmp_path / "folder").mkdir()

    assert is_same_file(str(tmp_path / one), str(tmp_path / other)) == is_same


def test_a_file_that_replaced_a_link_is_not_lost(source, target, tmp_path):
    (tmp_path / "link").symlink_to("source")
    target.write_bytes(b"edited")
    with pytest.raises(FileExistsError):
        move_link(str(tmp_path / "link"), str(target), str(source))

    assert target.read_bytes() == b"edited"
    assert os.readlink(tmp_path / "link") == "source"
