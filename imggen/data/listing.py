"""Listing of folders: images and subfolders, and skipped files counted by reason."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import final

from imggen.decode import image_extensions
from imggen.errors import OptionError, ScanError

_DOT = ord(".")
_SYSTEM_NAMES = {b"__macosx", b"thumbs.db", b"desktop.ini", b"$recycle.bin"}


@final
@dataclass
class FolderLister:
    """Lists images and folders below ``root``, and counts what it skips.

    Attributes:
        root: The folder, as bytes, since names are not always valid text.
        extensions: The extensions of images, in lower case, including the dot.
        skipped: The number of skipped files and folders, by reason.
        excluded: The identities of folders that are left out: those of masks.
    """

    root: bytes
    extensions: frozenset[bytes]
    skipped: Counter[str] = field(default_factory=Counter)
    excluded: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def create(
        cls, root: str, extensions: Collection[str] | None, exclude: Collection[str] = ()
    ) -> FolderLister:
        """Prepares to list ``root``; ``extensions=None`` takes every format that Pillow reads.

        Folders below ``root`` that are in ``exclude`` are left out.

        Raises:
            OptionError: An extension is not a string.
        """
        wanted = image_extensions() if extensions is None else list(extensions)
        for extension in wanted:
            if not isinstance(extension, str):
                raise OptionError(
                    f"extensions holds {extension!r}; expected strings such as '.jpg'."
                )
        return cls(
            os.fsencode(root),
            frozenset(os.fsencode("." + extension.lower().lstrip(".")) for extension in wanted),
            excluded=frozenset(_identity(os.fsencode(folder)) for folder in exclude),
        )

    def skip(self, reason: str, count: int = 1) -> None:
        """Counts skipped files or folders."""
        if count:
            self.skipped[reason] += count

    def summary(self) -> str:
        """Returns the counts of skipped files as the end of a sentence; empty if there are none."""
        listed = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items())
        return f"; skipped: {listed}" if listed else ""

    def folders(self, under: bytes) -> list[bytes]:
        """Returns the names of the visible folders in ``root/under``; counts nothing."""
        names = sorted(name for name, kind in self._entries(under) if kind is _Kind.FOLDER)
        if not self.excluded:
            return names
        folder = os.path.join(self.root, under)
        return [
            name for name in names if _identity(os.path.join(folder, name)) not in self.excluded
        ]

    def count_loose_images(self, under: bytes) -> int:
        """Counts the images directly in ``root/under``; skips everything else but folders."""
        count = 0
        for _, kind in self._entries(under):
            if kind is _Kind.IMAGE:
                count += 1
            elif isinstance(kind, str):
                self.skip(kind)
        return count

    def images(self, under: bytes) -> list[bytes]:
        """Returns the paths, relative to ``root``, of all images at any depth in ``root/under``.

        Raises:
            ScanError: A folder cannot be listed.
        """
        found: list[bytes] = []
        usual = self.extensions - {os.path.splitext(name)[1] for name in _SYSTEM_NAMES}
        # Folders to list, each with the identities of its parents: following a link to a parent
        # would add other classes to this one, and never end.
        waiting = [(under, self._parent_identities(under))]
        while waiting:
            folder, parents = waiting.pop()
            identity = _identity(os.path.join(self.root, folder))
            if identity in parents:
                self.skip("link to a parent folder")
                continue
            if identity in self.excluded and folder:
                continue
            prefix = folder + b"/" if folder else b""
            names: list[bytes] = []
            with self._scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    # Most entries are plain images; a function call for each takes twice as long.
                    if (
                        (name[-4:] in usual or name[-5:] in usual)
                        and name[0] != _DOT
                        and entry.is_file(follow_symlinks=False)
                    ):
                        names.append(name)
                        continue
                    kind = self._classify(entry)
                    if kind is _Kind.FOLDER:
                        waiting.append((prefix + name, parents | {identity}))
                    elif kind is _Kind.IMAGE:
                        names.append(name)
                    else:
                        self.skip(kind)
            names.sort()  # the caller's sort is faster on sorted runs
            found += [prefix + name for name in names]
        return found

    def _parent_identities(self, under: bytes) -> frozenset[tuple[int, int]]:
        parts = under.split(b"/") if under else []
        folders = [os.path.join(self.root, *parts[:depth]) for depth in range(len(parts))]
        return frozenset(map(_identity, folders))

    def _entries(self, under: bytes) -> Iterator[tuple[bytes, _Kind | str]]:
        """Yields each name in ``root/under`` with its kind, or the reason to skip it."""
        with self._scandir(under) as entries:
            for entry in entries:
                yield entry.name, self._classify(entry)

    def _scandir(self, under: bytes) -> AbstractContextManager[Iterator[os.DirEntry[bytes]]]:
        folder = os.path.join(self.root, under)
        try:
            return os.scandir(folder)
        except PermissionError as err:
            raise ScanError(
                f"The folder {os.fsdecode(folder)!r} cannot be listed ({err.strerror}). Allow "
                "reading it, or move it away."
            ) from err

    def _classify(self, entry: os.DirEntry[bytes]) -> _Kind | str:
        if entry.name.startswith(b"."):
            return "hidden"
        if entry.name.lower() in _SYSTEM_NAMES:
            return "system file"
        try:
            if entry.is_dir():
                return _Kind.FOLDER
            is_file = entry.is_file()
        except OSError:  # a circular link, or one through something that is not a folder
            is_file = False
        extension = os.path.splitext(entry.name)[1].lower()
        if extension not in self.extensions:
            return f"not an image ({os.fsdecode(extension) or 'no extension'})"
        return _Kind.IMAGE if is_file else "broken link or special file"


class _Kind(Enum):
    FOLDER = "folder"
    IMAGE = "image"


def existing_folder(directory: str | os.PathLike[str]) -> str:
    """Returns a path as text, if there is a folder.

    Raises:
        ScanError: There is none.
    """
    root = os.fspath(directory)
    if not os.path.isdir(root):
        fact = "is a file" if os.path.exists(root) else "does not exist"
        raise ScanError(
            f"{root!r} {fact}; expected a folder with images, relative to {os.getcwd()!r}."
        )
    return root


def _identity(path: bytes) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
