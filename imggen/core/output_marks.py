"""The mark of folders that imggen writes, by which scans of a dataset skip them.

A folder that holds an entry ``.imggen-<kind>`` was written by imggen: an empty file, or the folder
in which an export keeps its plan.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from imggen.errors import OptionError

OutputKind = Literal["augment", "cache", "demo", "pack", "quarantine", "split", "unpack"]

_PREFIX = ".imggen-"
_DESCRIPTIONS = MappingProxyType(
    {
        "augment": "augmented copies",
        "cache": "cache",
        "demo": "demo",
        "pack": "packed set",
        "quarantine": "quarantine",
        "split": "split",
        "unpack": "incomplete copy of a packed set",
    }
)
# Caches of versions before the mark: <16 hexadecimal digits>/about.txt.
_STORE_NAME = re.compile("[0-9a-f]{16}")
_STORE_FILE, _STORE_TITLE = "about.txt", b"imggen cache, format "
# An output may be nested in folders that were created for it.
_MAX_DEPTH = 4


def mark_name(kind: str) -> str:
    """Returns the name of the entry that marks a folder.

    Raises:
        OptionError: ``kind`` is not in ``OutputKind``, so no scan would recognize it.
    """
    if kind not in _DESCRIPTIONS:
        raise OptionError.unknown("kind", kind, list(_DESCRIPTIONS))
    return _PREFIX + kind


def mark_folder(folder: str | os.PathLike[str], kind: OutputKind) -> None:
    """Marks a folder as written by imggen, unless it holds other visible files.

    A folder that cannot be written to stays unmarked.
    """
    mark = Path(folder, mark_name(kind))
    with contextlib.suppress(OSError):
        if not mark.exists() and not _holds_others(folder):
            mark.touch()


def unmark_folder(folder: str | os.PathLike[str], kind: OutputKind) -> None:
    """Removes the mark of a folder, if the folder holds other visible files by now.

    Without them the mark stays: an empty folder would be a class.
    """
    with contextlib.suppress(OSError):
        if _holds_others(folder):
            Path(folder, mark_name(kind)).unlink(missing_ok=True)


def describe_mark(name: str) -> str | None:
    """Returns the kind of output, in words, that an entry of this name marks; None if none."""
    return _DESCRIPTIONS.get(name.removeprefix(_PREFIX)) if name.startswith(_PREFIX) else None


def describe_output(folder: str | os.PathLike[str], depth: int = _MAX_DEPTH) -> str | None:
    """Returns the kind of output that a folder is, in words; None if imggen did not write it.

    A folder that holds nothing but such folders is one, too.
    """
    path = os.fspath(folder)
    for kind, description in _DESCRIPTIONS.items():
        if os.path.lexists(os.path.join(path, _PREFIX + kind)):
            return description
    if _is_unmarked_store(path):
        return _DESCRIPTIONS["cache"]
    found = None
    if depth:
        try:
            with os.scandir(path) as entries:
                # Most folders are decided by their first visible entry.
                for entry in entries:
                    if not entry.name.startswith("."):
                        found = _describe_entry(entry, depth - 1)
                        if found is None:
                            return None
        except OSError:
            return None
    return found


def _holds_others(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds visible files or folders that imggen did not write.

    Raises:
        OSError: It cannot be listed.
    """
    with os.scandir(folder) as entries:
        return any(
            not entry.name.startswith(".") and _describe_entry(entry, _MAX_DEPTH) is None
            for entry in entries
        )


def _describe_entry(entry: os.DirEntry[str], depth: int) -> str | None:
    return describe_output(entry.path, depth) if entry.is_dir(follow_symlinks=False) else None


def _is_unmarked_store(path: str) -> bool:
    if not _STORE_NAME.fullmatch(os.path.basename(os.path.normpath(path))):
        return False
    file = os.path.join(path, _STORE_FILE)
    try:
        # Opening a pipe waits for its writer.
        if not os.path.isfile(file):
            return False
        with open(file, "rb") as text:
            return text.read(len(_STORE_TITLE)) == _STORE_TITLE
    except OSError:
        return False
