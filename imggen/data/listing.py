"""What is in a folder: its images and folders, and what is neither, counted by reason."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import final

from imggen.errors import OptionError, ScanError

# Formats that Pillow recognises by name but cannot turn into pixels without a program or a plugin
# that it does not bring along (Ghostscript, a GRIB handler, ...).
_NOT_DECODABLE = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}

_DOT = ord(".")
_SYSTEM_NAMES = {b"__macosx", b"thumbs.db", b"desktop.ini", b"$recycle.bin"}


def image_extensions() -> frozenset[str]:
    """The lower-case extensions, with the dot, of every format that Pillow reads.

    Example:
        >>> {".jpg", ".png", ".webp", ".tif"} <= image_extensions()
        True
    """
    from PIL import Image

    Image.init()
    return frozenset(
        extension
        for extension, kind in Image.registered_extensions().items()
        if (kind in Image.OPEN or kind == "MPO") and kind not in _NOT_DECODABLE  # read as JPEG
    )


@final
@dataclass
class Walk:
    """Lists folders below ``root`` and counts what it passes over.

    Attributes:
        root: The folder, as bytes: names need not be text.
        extensions: Those of images, in lower case, with the dot.
        passed_over: How many files and folders were left out, by reason.
    """

    root: bytes
    extensions: frozenset[bytes]
    skipped: Counter[str] = field(default_factory=Counter)

    @classmethod
    def over(cls, root: str, extensions: Collection[str] | None) -> Walk:
        """Prepares to list ``root``; ``extensions`` None takes every format that Pillow reads."""
        if isinstance(extensions, str):
            raise OptionError(
                f"extensions={extensions!r} is one string; pass a list such as ['.jpg']."
            )
        wanted = image_extensions() if extensions is None else extensions
        return cls(
            os.fsencode(root),
            frozenset(os.fsencode("." + extension.lower().lstrip(".")) for extension in wanted),
        )

    def pass_over(self, reason: str, count: int = 1) -> None:
        """Counts what is left out."""
        if count:
            self.skipped[reason] += count

    def summary(self) -> str:
        """What was passed over so far, to put at the end of a message."""
        listed = ", ".join(f"{count} × {reason}" for reason, count in self.skipped.items())
        return f"; passed over {listed}" if listed else ""

    def folders(self, under: bytes) -> list[bytes]:
        """The names of the visible folders in ``root/under``; counts nothing."""
        return sorted(name for name, kind in self._entries(under) if kind is _Kind.FOLDER)

    def loose_images(self, under: bytes) -> int:
        """The number of images directly in ``root/under``; passes over all but folders."""
        loose = 0
        for _, kind in self._entries(under):
            if kind is _Kind.IMAGE:
                loose += 1
            elif isinstance(kind, str):
                self.pass_over(kind)
        return loose

    def images(self, under: bytes) -> list[bytes]:
        """The paths, relative to root, of all images at any depth in ``root/under``."""
        found: list[bytes] = []
        usual = self.extensions - {os.path.splitext(name)[1] for name in _SYSTEM_NAMES}
        # Folders to list, each with the identities of the folders above it: what a link back to
        # one of those leads to would be taken for part of this class, and never end.
        waiting = [(under, self._identities_above(under))]
        while waiting:
            folder, above = waiting.pop()
            identity = _identity(os.path.join(self.root, folder))
            if identity in above:
                self.pass_over("link to a folder above")
                continue
            prefix = folder + b"/" if folder else b""
            names: list[bytes] = []
            with self._listing(folder) as entries:
                for entry in entries:
                    name = entry.name
                    # Most are plain images; to call something for each takes twice as long.
                    if (
                        (name[-4:] in usual or name[-5:] in usual)
                        and name[0] != _DOT
                        and entry.is_file(follow_symlinks=False)
                    ):
                        names.append(name)
                        continue
                    kind = self._kind(entry)
                    if kind is _Kind.FOLDER:
                        waiting.append((prefix + name, above | {identity}))
                    elif kind is _Kind.IMAGE:
                        names.append(name)
                    else:
                        self.pass_over(kind)
            names.sort()  # what is nearly sorted in the end is sorted sooner
            found += [prefix + name for name in names]
        return found

    def _identities_above(self, under: bytes) -> frozenset[tuple[int, int]]:
        parts = under.split(b"/") if under else []
        places = [os.path.join(self.root, *parts[:depth]) for depth in range(len(parts))]
        return frozenset(map(_identity, places))

    def _entries(self, under: bytes) -> Iterator[tuple[bytes, _Kind | str]]:
        """Each name in ``root/under`` with what it is, or the reason to pass over it."""
        with self._listing(under) as entries:
            for entry in entries:
                yield entry.name, self._kind(entry)

    def _listing(self, under: bytes) -> AbstractContextManager[Iterator[os.DirEntry[bytes]]]:
        place = os.path.join(self.root, under)
        try:
            return os.scandir(place)
        except PermissionError as err:
            raise ScanError(
                f"The folder {os.fsdecode(place)!r} may not be listed ({err.strerror}); allow "
                "reading it, or move it away."
            ) from err

    def _kind(self, entry: os.DirEntry[bytes]) -> _Kind | str:
        if entry.name.startswith(b"."):
            return "hidden"
        if entry.name.lower() in _SYSTEM_NAMES:
            return "system file"
        try:
            if entry.is_dir():
                return _Kind.FOLDER
            is_file = entry.is_file()
        except OSError:  # a link in a circle, or through something that is no folder
            is_file = False
        extension = os.path.splitext(entry.name)[1].lower()
        if extension not in self.extensions:
            return f"no image ({os.fsdecode(extension) or 'no extension'})"
        return _Kind.IMAGE if is_file else "broken link or special file"


class _Kind(Enum):
    FOLDER = "folder"
    IMAGE = "image"


def _identity(place: bytes) -> tuple[int, int]:
    status = os.stat(place)
    return status.st_dev, status.st_ino
