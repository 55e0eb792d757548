"""Checks of paths that come from files: whether they can lead outside a folder."""

from __future__ import annotations

import os
import posixpath
from typing import TypeGuard

_MAX_NAME = 255  # characters of a file name, on every file system


def is_relative_path(path: object) -> TypeGuard[str]:
    """Whether a value is a path to something inside a folder, written without detours.

    Args:
        path: A value that was read from a file. Folders are separated by slashes.

    Example:
        >>> paths = ("cat/1.png", "../1.png", "/1.png", "a//b", "a" * 256)
        >>> [is_relative_path(path) for path in paths]
        [True, False, False, False, False]
    """
    if not isinstance(path, str) or not path or "\0" in path:
        return False
    if os.name == "nt" and (os.path.isabs(path) or os.path.splitdrive(path)[0]):
        return False
    if path in (".", "..") or path.startswith(("/", "../")):
        return False
    if len(path) > _MAX_NAME and max(map(len, path.split("/"))) > _MAX_NAME:
        return False
    return posixpath.normpath(path) == path


def is_inside(path: str, folder: str) -> bool:
    """Whether a path is a folder or inside it; both absolute and without links.

    Example:
        >>> is_inside("/data/cat", "/data"), is_inside("/database", "/data")
        (True, False)
    """
    return path == folder or path.startswith(os.path.join(folder, ""))
