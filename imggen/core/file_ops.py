"""One file copied, moved or linked: at once or not at all, and nothing if it is done already."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import posixpath
import shutil
from collections.abc import Iterable

from imggen.errors import ExportError

_MOST_TRIES = 3  # to copy a file that is being written to


def check_apart(target: str, *, folder: str | None = None, files: Iterable[str] = ()) -> None:
    """Checks that what is written to a folder cannot be taken for what it is made of.

    Args:
        target: The folder to write to; it may be there or not.
        folder: What is read, if all of a folder is.
        files: What is read otherwise: a table of them may stand beside its target.

    Raises:
        ExportError: They lie in one another, or ``target`` is a file.
    """
    if os.path.lexists(target) and not os.path.isdir(target):
        raise ExportError(f"{target!r} is no folder; expected one, new or empty.")
    inner = os.path.realpath(target)
    clash = next((path for path in entries(files) if path.startswith(inner + os.sep)), None)
    if folder is not None:
        outer = os.path.realpath(folder)
        clash = folder if os.path.commonpath([inner, outer]) in (inner, outer) else clash
    if clash is not None:
        raise ExportError(
            f"{target!r} and {clash!r} lie in one another, so that copies would be taken for "
            "originals. Choose a folder beside the source."
        )


def size_and_time(path: str) -> tuple[int, int]:
    """A file's size and time of change, in bytes and nanoseconds."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def copy_file(source: str, target: str, part: str, *, verify: bool = False) -> tuple[int, int]:
    """Copies to a place of its own, and puts the copy in place once it is complete.

    Args:
        source: What to copy.
        target: Where to; replaced if it is there.
        part: Where the copy lies until then, on the target's file system.
        verify: See that the copy is on the disk and the same, as the only one must be.

    Returns:
        Size and time of what was copied.

    Raises:
        OSError: It cannot be copied, or changes all the time.
    """
    for _ in range(_MOST_TRIES):
        before = size_and_time(source)
        shutil.copy2(source, part)
        if size_and_time(source) == before and os.path.getsize(part) == before[0]:
            break
    else:
        raise OSError(errno.EBUSY, "It changes while it is copied", source)
    if verify:
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        if not filecmp.cmp(source, part, shallow=False):
            raise OSError(errno.EIO, "The copy differs from the file", source)
    os.replace(part, target)
    if verify and os.name == "posix":
        folder = os.open(os.path.dirname(target) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return before


def move_file(source: str, target: str, part: str) -> None:
    """Moves a file, to another file system too; a file in both places is removed from the first.

    Args:
        source: What to move. A symbolic link is moved with what it holds.
        target: Where to.
        part: As in ``copy_file``.

    Raises:
        OSError: It cannot be moved, or both are there and differ.
    """
    if entry(source) == entry(target):
        return
    if os.path.lexists(target):
        # Done, or stopped between the copy to another file system and the removal.
        if os.path.lexists(source):
            if not is_same_file(source, target):
                raise FileExistsError(errno.EEXIST, "Another file is there", source, None, target)
            os.unlink(source)
        return
    try:
        os.rename(source, target)
    except OSError as err:
        if err.errno != errno.EXDEV:
            raise
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        else:
            copy_file(source, target, part, verify=True)
        os.unlink(source)


def move_link(source: str, target: str, link: str) -> None:
    """Moves a symbolic link, which is to hold something else there.

    Args:
        source: The link.
        target: Where to.
        link: What it is to hold there.

    Raises:
        OSError: It cannot be moved, or something else is there.
    """
    if os.path.lexists(target):
        if not os.path.lexists(source):
            return
        if not (os.path.islink(target) and os.readlink(target) == link):
            raise FileExistsError(errno.EEXIST, "Another file is there", source, None, target)
    else:
        _require(os.path.lexists(source), source)
        os.symlink(link, target)
    os.unlink(source)


def symlink_file(source: str, target: str) -> None:
    """Makes a link that holds ``source``.

    Raises:
        OSError: There is no such file, or something else in its place.
    """
    _require(os.path.exists(source), source)
    with contextlib.suppress(FileExistsError):
        os.symlink(source, target)
        return
    if not (os.path.islink(target) and os.readlink(target) == source):
        raise FileExistsError(errno.EEXIST, "Another file is there", target)


def hardlink_file(source: str, target: str) -> None:
    """Gives a file a further name; one that has it keeps it, whatever became of the first.

    Raises:
        OSError: There is no such file, or another one in its place.
    """
    if os.path.lexists(target) and not os.path.lexists(source):
        return
    with contextlib.suppress(FileExistsError):
        os.link(os.path.realpath(source), target)
        return
    if not os.path.samefile(source, target):
        raise FileExistsError(errno.EEXIST, "Another file is there", target)


def is_same_file(one: str, other: str) -> bool:
    """Whether both are files of the same bytes, or links that hold the same."""
    if os.path.islink(one) or os.path.islink(other):
        both = os.path.islink(one) and os.path.islink(other)
        return both and os.readlink(one) == os.readlink(other)
    return os.path.isfile(one) and os.path.isfile(other) and filecmp.cmp(one, other, shallow=False)


def absolute_link(path: str, link: str) -> str:
    """What a link must hold elsewhere to lead where ``link`` leads from ``path``."""
    return os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(path)), link))


def _require(is_there: bool, path: str) -> None:
    if not is_there:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def entry(path: str) -> str:
    """The name of a file without links on the way: the same name is the same file."""
    return entries([path])[0]


def entries(paths: Iterable[str]) -> list[str]:
    """As ``entry``, for many files in few folders."""
    places: dict[str, str] = {}
    found = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in places:
            places[folder] = os.path.realpath(folder)
        found.append(os.path.join(places[folder], name))
    return found


def inside(path: str, class_name: str) -> str:
    """Where a sample lies within its part: in the folder of its class, by its path there."""
    path = posixpath.normpath(path)
    if posixpath.isabs(path) or path.startswith("../"):
        path = posixpath.basename(path)
    if not class_name:
        return path
    # A table may have its class folders deeper down.
    _, found, below = f"/{path}".partition(f"/{class_name}/")
    return posixpath.join(class_name, below if found else path)
