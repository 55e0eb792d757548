"""What files and folders are called in the target, where names may meet."""

from __future__ import annotations

import itertools
import os
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import final

from imggen.errors import ExportError
from imggen.export.sidecars import Sidecar

_LONGEST_NAME = 255  # bytes, on every usual file system


def check_folder_names(split_names: Sequence[str], class_names: Sequence[str]) -> None:
    """Refuses what is no name of a folder, or leads out of the target.

    Raises:
        ExportError: A part or a class has such a name.
    """
    # Folds are folders in folders; their names are made here.
    parts = [name for name in split_names if not re.fullmatch(r"fold_\d+/(train|val)", name)]
    for kind, names in (("parts", parts), ("classes", class_names)):
        bad = [name for name in names if not name or name[0] == "." or {*"/\0"} & {*name}]
        if bad:
            raise ExportError(
                f"The {kind} {bad[:5]} cannot be names of folders, or would be hidden. Rename "
                "them, or write a manifest in place of folders."
            )


@final
class TargetNames:
    """The paths that are taken, as a file system that takes no notice of case sees them."""

    def __init__(self) -> None:
        # What is taken, and by which sidecar; images have a path to themselves.
        self._taken: dict[str, str | None] = {}
        # Where to go on counting, so that a thousand files of one name are not a million tries.
        self._numbers: dict[str, int] = {}

    def free(self, path: str, sidecars: Sequence[Sidecar]) -> str:
        """Takes a path for an image, with a number in it if it or a sidecar's is taken already.

        Args:
            path: Where the image is to be, if that is free.
            sidecars: What is to be beside it; images may share some.
        """
        endings = [sidecar.ending for sidecar in sidecars]
        first = self._numbers.get(_key(path), 1)
        for number, candidate in enumerate(_candidates(path, endings, first), first):
            stem = posixpath.splitext(candidate)[0]
            beside = {_key(stem + sidecar.ending): sidecar.path for sidecar in sidecars}
            is_free = _key(candidate) not in self._taken and all(
                self._taken.get(key, owner) == owner for key, owner in beside.items()
            )
            if is_free:
                self._taken |= {_key(candidate): None, **beside}
                self._numbers[_key(path)] = number + 1
                return candidate
        raise AssertionError("numbers do not end")


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _candidates(path: str, endings: list[str], first: int) -> Iterator[str]:
    """The path, as number 1, and then numbered ones."""
    stem, extension = posixpath.splitext(path)
    folder, name = posixpath.split(stem)
    longest = max(len(os.fsencode(ending)) for ending in [extension, *endings])
    for number in itertools.count(first):
        if number == 1:
            yield path
            continue
        room = _LONGEST_NAME - len(f"-{number}") - longest
        while name and len(os.fsencode(name)) > room:
            name = name[:-1]
        yield posixpath.join(folder, f"{name}-{number}{extension}")
