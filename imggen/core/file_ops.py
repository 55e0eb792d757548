"""Copies, moves and links of single files: atomic, and safe to repeat."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import posixpath
import shutil
from collections.abc import Iterable

from imggen.errors import ExportError

_MAX_ATTEMPTS = 3  # at copying a file that is being written to


def check_not_nested(target: str, *, folder: str | None = None, files: Iterable[str] = ()) -> None:
    """Checks that neither the source nor the target of an export contains the other.

    Args:
        target: The folder to write to; need not exist.
        folder: The source, if everything in a folder is read.
        files: The source otherwise: the files of a table, whose root may contain the target.

    Raises:
        ExportError: One contains the other, or ``target`` is a file.
    """
    if os.path.lexists(target) and not os.path.isdir(target):
        raise ExportError(f"{target!r} is not a folder; expected a new or empty one.")
    inner = os.path.realpath(target)
    clash = next((path for path in resolve_parents(files) if path.startswith(inner + os.sep)), None)
    if folder is not None:
        outer = os.path.realpath(folder)
        clash = folder if os.path.commonpath([inner, outer]) in (inner, outer) else clash
    if clash is not None:
        raise ExportError(
            f"One of {target!r} and {clash!r} contains the other, so copies would be taken for "
            "originals. Choose a folder outside the source."
        )


def size_and_mtime(path: str) -> tuple[int, int]:
    """Returns a file's size in bytes and its modification time in nanoseconds."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def copy_file(source: str, target: str, temporary: str, *, verify: bool = False) -> tuple[int, int]:
    """Copies a file to a temporary path, and renames the copy once it is complete.

    Args:
        source: The file to copy.
        target: The path of the copy; replaced if it exists.
        temporary: The path of the incomplete copy, on the target's file system.
        verify: Flush the copy to the disk and compare it, as must be done before ``source`` is
            removed.

    Returns:
        Size and modification time of the file that was copied.

    Raises:
        OSError: The file cannot be copied, or keeps changing.
    """
    for _ in range(_MAX_ATTEMPTS):
        before = size_and_mtime(source)
        shutil.copy2(source, temporary)
        if size_and_mtime(source) == before and os.path.getsize(temporary) == before[0]:
            break
    else:
        raise OSError(errno.EBUSY, "The file keeps changing while it is copied", source)
    if verify:
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        if not filecmp.cmp(source, temporary, shallow=False):
            raise OSError(errno.EIO, "The copy differs from the original", source)
    os.replace(temporary, target)
    if verify and os.name == "posix":
        folder = os.open(os.path.dirname(target) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return before


def move_file(source: str, target: str, temporary: str) -> None:
    """Moves a file, also between file systems; a duplicate at ``source`` is removed.

    Args:
        source: The file to move. The target of a symbolic link is not changed.
        target: Its new path.
        temporary: As in ``copy_file``.

    Raises:
        OSError: The file cannot be moved, or both exist and differ.
    """
    if resolve_parent(source) == resolve_parent(target):
        return
    if os.path.lexists(target):
        # Moved already, or interrupted between the copy to another file system and the removal.
        if os.path.lexists(source):
            if not is_same_file(source, target):
                raise FileExistsError(errno.EEXIST, "Another file exists", source, None, target)
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
            copy_file(source, target, temporary, verify=True)
        os.unlink(source)


def move_link(source: str, target: str, link: str) -> None:
    """Moves a symbolic link and changes its target.

    Args:
        source: The link.
        target: Its new path.
        link: The path that it points to there.

    Raises:
        OSError: The link cannot be moved, or another file exists at ``target``.
    """
    if os.path.lexists(target):
        if not os.path.lexists(source):
            return
        if not (os.path.islink(target) and os.readlink(target) == link):
            raise FileExistsError(errno.EEXIST, "Another file exists", source, None, target)
    else:
        _require_exists(os.path.lexists(source), source)
        os.symlink(link, target)
    os.unlink(source)


def symlink_file(source: str, target: str) -> None:
    """Creates a symbolic link that points to ``source``.

    Raises:
        OSError: ``source`` does not exist, or another file exists at ``target``.
    """
    _require_exists(os.path.exists(source), source)
    with contextlib.suppress(FileExistsError):
        os.symlink(source, target)
        return
    if not (os.path.islink(target) and os.readlink(target) == source):
        raise FileExistsError(errno.EEXIST, "Another file exists", target)


def hardlink_file(source: str, target: str) -> None:
    """Creates a hard link; an existing one stays, even if ``source`` is gone.

    Raises:
        OSError: ``source`` does not exist, or another file exists at ``target``.
    """
    if os.path.lexists(target) and not os.path.lexists(source):
        return
    with contextlib.suppress(FileExistsError):
        os.link(os.path.realpath(source), target)
        return
    if not os.path.samefile(source, target):
        raise FileExistsError(errno.EEXIST, "Another file exists", target)


def is_same_file(one: str, other: str) -> bool:
    """Whether both are files with the same bytes, or symbolic links to the same path."""
    if os.path.islink(one) or os.path.islink(other):
        both = os.path.islink(one) and os.path.islink(other)
        return both and os.readlink(one) == os.readlink(other)
    return os.path.isfile(one) and os.path.isfile(other) and filecmp.cmp(one, other, shallow=False)


def absolute_link(path: str, link: str) -> str:
    """Returns the absolute path that ``link``, the target of the symbolic link ``path``, means."""
    return os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(path)), link))


def _require_exists(exists: bool, path: str) -> None:
    if not exists:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def resolve_parent(path: str) -> str:
    """Resolves symbolic links in the folder of a path, but not the file itself.

    Equal results mean the same directory entry.
    """
    return resolve_parents([path])[0]


def resolve_parents(paths: Iterable[str]) -> list[str]:
    """Same as ``resolve_parent``, for many files in few folders."""
    resolved: dict[str, str] = {}
    found = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in resolved:
            resolved[folder] = os.path.realpath(folder)
        found.append(os.path.join(resolved[folder], name))
    return found


def class_folder_path(path: str, class_name: str) -> str:
    """Returns the path of a sample in a tree of class folders: ``class/path in the class``."""
    path = posixpath.normpath(path)
    if posixpath.isabs(path) or path.startswith("../"):
        path = posixpath.basename(path)
    if not class_name:
        return path
    # In a table, class folders may be nested deeper.
    _, found, below = f"/{path}".partition(f"/{class_name}/")
    return posixpath.join(class_name, below if found else path)
