"""Names of files and folders in the target, where names may collide."""

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

_MAX_NAME_LENGTH = 255  # bytes, on every usual file system


def check_folder_names(split_names: Sequence[str], class_names: Sequence[str]) -> None:
    """Checks that names of splits and classes are valid names of visible folders.

    Raises:
        ExportError: One is not.
    """
    # Names of folds, which are generated, contain a slash.
    splits = [name for name in split_names if not re.fullmatch(r"fold_\d+/(train|val)", name)]
    for kind, names in (("splits", splits), ("classes", class_names)):
        invalid = [name for name in names if not name or name[0] == "." or {*"/\0"} & {*name}]
        if invalid:
            raise ExportError(
                f"The {kind} {invalid[:5]} cannot be names of folders, or would be hidden. Rename "
                "them, or write a manifest instead of folders."
            )


@final
class TargetNames:
    """The paths that are taken, compared as on a case-insensitive file system."""

    def __init__(self) -> None:
        # The sidecar at each path; None for an image, which never shares its path.
        self._taken: dict[str, str | None] = {}
        # The next number for each path, so that a thousand equal names do not take a million
        # attempts.
        self._numbers: dict[str, int] = {}

    def reserve(self, path: str, sidecars: Sequence[Sidecar]) -> str:
        """Reserves a path for an image, numbered if its path or a sidecar's is already taken.

        Args:
            path: The preferred path of the image.
            sidecars: Its sidecars; images may share some.
        """
        suffixes = [sidecar.suffix for sidecar in sidecars]
        first = self._numbers.get(path_key(path), 1)
        for number, candidate in enumerate(_candidates(path, suffixes, first), first):
            stem = posixpath.splitext(candidate)[0]
            sidecar_keys = {path_key(stem + sidecar.suffix): sidecar.path for sidecar in sidecars}
            is_free = path_key(candidate) not in self._taken and all(
                self._taken.get(key, owner) == owner for key, owner in sidecar_keys.items()
            )
            if is_free:
                self._taken |= {path_key(candidate): None, **sidecar_keys}
                self._numbers[path_key(path)] = number + 1
                return candidate
        raise AssertionError("unreachable: numbers are endless")


def path_key(path: str) -> str:
    """Returns a text that is equal for paths that some file systems do not distinguish."""
    return unicodedata.normalize("NFC", path).casefold()


def _candidates(path: str, suffixes: list[str], first: int) -> Iterator[str]:
    """Yields the path, and then numbered paths from 2."""
    stem, extension = posixpath.splitext(path)
    folder, name = posixpath.split(stem)
    longest = max(len(os.fsencode(suffix)) for suffix in [extension, *suffixes])
    for number in itertools.count(first):
        if number == 1:
            yield path
            continue
        room = _MAX_NAME_LENGTH - len(f"-{number}") - longest
        while name and len(os.fsencode(name)) > room:
            name = name[:-1]
        yield posixpath.join(folder, f"{name}-{number}{extension}")
