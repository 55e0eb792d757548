"""Names of files and folders in the target, where names may collide."""

from __future__ import annotations

import itertools
import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import final

from imggen.core import max_name_length
from imggen.errors import ExportError
from imggen.export.path_keys import path_key
from imggen.export.sidecars import Sidecar

_IS_WINDOWS = os.name == "nt"
# Names of devices, characters that are not permitted, and ends that Windows removes.
_WINDOWS_RESERVED = re.compile(
    r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*[<>:\"\\|?*\x00-\x1f].*|.*[. ]",
    re.IGNORECASE | re.DOTALL,
)
# The end of the address of an image in a packed set.
_PLACE = re.compile(r"(?:^|/)[^/]+\.tar/([^/]+)#\d+\+\d+$")
_MAX_PATH_LENGTH = 4095  # bytes, on Linux; elsewhere the system itself refuses


def check_folder_names(split_names: Sequence[str], class_names: Sequence[str]) -> None:
    """Checks that names of splits and classes are valid names of visible folders.

    Raises:
        ExportError: One is not.
    """
    # Names of folds, which are generated, contain a slash.
    splits = [name for name in split_names if not re.fullmatch(r"fold_\d+/(train|val)", name)]
    for kind, names in (("splits", splits), ("classes", class_names)):
        invalid = [name for name in names if not _is_folder_name(name)]
        if invalid:
            raise ExportError(
                f"The {kind} {invalid[:5]} cannot be names of folders, or would be hidden. Rename "
                "them, or write a manifest instead of folders."
            )


def _is_folder_name(name: str) -> bool:
    if not name or name[0] == "." or {*"/\0"} & {*name}:
        return False
    return not (_IS_WINDOWS and _WINDOWS_RESERVED.fullmatch(name))


def unpacked_path(path: str, class_name: str) -> str:
    """Returns the path that a copy has in a folder; of an image in a shard, one in its class.

    Example:
        >>> unpacked_path("train-000000.tar/00000042.jpg#1536+20480", "cat")
        'cat/00000042.jpg'
    """
    found = _PLACE.search(path)
    return posixpath.join(class_name, found[1]) if found else path


@final
class TargetNames:
    """The paths that are taken, compared as on a case-insensitive file system.

    Args:
        target: The folder that the paths are in; its file system limits the length of names.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._max_length = max_name_length(target)
        # The sidecar at each path; None for an image, which never shares its path.
        self._taken: dict[str, str | None] = {}
        # The next number for each path, so that a thousand equal names do not take a million
        # attempts.
        self._numbers: dict[str, int] = {}

    def reserve(self, path: str, sidecars: Sequence[Sidecar] = ()) -> str:
        """Reserves a path for an image, numbered if its path or a sidecar's is already taken.

        Args:
            path: The preferred path of the image.
            sidecars: Its sidecars; images may share some.

        Raises:
            ExportError: A folder of the path, or the whole path, is too long.
        """
        stem, extension = posixpath.splitext(path)
        owners = {sidecar.suffix: sidecar.path for sidecar in sidecars}
        return self._reserve(stem, {**owners, extension: None}) + extension

    def reserve_copies(self, stem: str, suffixes: Iterable[str]) -> str:
        """Reserves the paths that a stem and each suffix make; returns the stem, maybe numbered.

        Raises:
            ExportError: See ``reserve``.
        """
        return self._reserve(stem, dict.fromkeys(suffixes))

    def _reserve(self, stem: str, owners: dict[str, str | None]) -> str:
        """Reserves the paths that a stem and each suffix make.

        Args:
            stem: The preferred path without suffix.
            owners: By suffix, the only sidecar that may be there already; None for an image.
        """
        if not owners:
            return stem
        longest = max(len(os.fsencode(suffix)) for suffix in owners)
        self._check_length(stem, longest)
        first_key = path_key(stem + next(reversed(owners)))
        first = self._numbers.get(first_key, 1)
        for number in itertools.count(first):
            candidate = self._shorten(stem, "" if number == 1 else f"-{number}", longest)
            keys = {path_key(candidate + suffix): owner for suffix, owner in owners.items()}
            if all(
                key not in self._taken or (owner is not None and self._taken[key] == owner)
                for key, owner in keys.items()
            ):
                self._taken |= keys
                self._numbers[first_key] = number + 1
                break
        return candidate

    def _shorten(self, stem: str, number: str, longest: int) -> str:
        folder, name = posixpath.split(stem)
        room = self._max_length - len(number) - longest
        while len(name) > 1 and len(os.fsencode(name)) > room:
            name = name[:-1]
        return posixpath.join(folder, name + number)

    def _check_length(self, stem: str, longest: int) -> None:
        folder = posixpath.dirname(stem)
        name = max(folder.split("/"), key=lambda name: len(os.fsencode(name)))
        if len(os.fsencode(name)) > self._max_length:
            raise ExportError(
                f"The folder {name!r} has a name of more than {self._max_length} bytes, which "
                f"{self._target!r} cannot hold. Rename it, or choose another place."
            )
        name_length = min(len(os.fsencode(stem)) - len(os.fsencode(folder)) + longest, 256)
        if len(os.fsencode(os.path.join(self._target, folder))) + name_length > _MAX_PATH_LENGTH:
            raise ExportError(
                f"{stem!r} in {self._target!r} would be a path of more than {_MAX_PATH_LENGTH} "
                "bytes. Choose a target with a shorter path."
            )
