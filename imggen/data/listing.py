"""Listing of folders: images and subfolders, and skipped files counted by reason."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import final

from imggen.core import StringColumn, describe_mark, shorten
from imggen.data.folder_trees import Entry, FolderTree, find_tree
from imggen.data.system_names import find_system_name, is_cvs_folder
from imggen.decode import image_extensions
from imggen.errors import OptionError, ScanError

# The first characters of names that may not be an image's in spite of its extension.
_SPECIAL = b".~"
# Extensions of system files, if they are in a user's list.
_SYSTEM_EXTENSIONS = {b".db", b".ini", b".bin"}


@final
@dataclass
class FolderLister:
    """Lists images and folders below ``root``, and counts what it skips.

    Attributes:
        tree: The folders of the disk, or those of a listing.
        root: The folder, as bytes, since names are not always valid text.
        extensions: The extensions of images, in lower case, including the dot.
        skipped: The number of skipped files and folders, by reason.
        excluded: The identities of folders that are left out: those of masks.
    """

    tree: FolderTree
    root: bytes
    extensions: frozenset[bytes]
    skipped: Counter[str] = field(default_factory=Counter)
    excluded: frozenset[Hashable] = frozenset()

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
                    f"extensions holds {shorten(extension)}; expected strings such as '.jpg'."
                )
        tree = find_tree(root)
        return cls(
            tree,
            os.fsencode(root),
            frozenset(os.fsencode("." + extension.lower().lstrip(".")) for extension in wanted),
            excluded=frozenset(
                tree.identify(os.fsencode(folder))
                for folder in exclude
                if find_tree(folder) is tree
            ),
        )

    def skip(self, reason: str, count: int = 1) -> None:
        """Counts skipped files or folders."""
        if count:
            self.skipped[reason] += count

    def summary(self) -> str:
        """Returns the counts of skipped files as the end of a sentence; empty if there are none."""
        listed = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items())
        return f"; skipped: {listed}" if listed else ""

    def folders(self, under: bytes, *, with_outputs: bool = False) -> list[bytes]:
        """Returns the names of the folders of images in ``root/under``; counts nothing.

        Hidden folders and those of a system are not among them; those that imggen wrote only
        with ``with_outputs``.
        """
        found = []
        for name, kind in self._entries(under):
            if kind is _Kind.FOLDER:
                path = os.path.join(self.root, under, name)
                is_excluded = bool(self.excluded) and self.tree.identify(path) in self.excluded
                if not is_excluded and (with_outputs or self.tree.describe_output(path) is None):
                    found.append(name)
        return sorted(found)

    def is_folder(self, under: bytes, name: bytes) -> bool:
        """Returns whether ``root/under`` has a folder of this name, of whatever kind."""
        path = os.path.join(self.root, under, name)
        is_entry = os.path.basename(name) == name not in (b"", b".", b"..")
        if not is_entry or not self.tree.is_folder(path):
            return False
        return self.tree.identify(path) not in self.excluded

    def count_loose_images(self, under: bytes, used: Collection[bytes] = ()) -> int:
        """Counts the images directly in ``root/under``; skips all that is not a folder of images.

        Args:
            under: The folder.
            used: The names of folders that are listed, whatever their kind.
        """
        count = 0
        for name, kind in self._entries(under):
            if name in used:
                continue
            if kind is _Kind.IMAGE:
                count += 1
            elif kind is _Kind.FOLDER:
                output = self.tree.describe_output(os.path.join(self.root, under, name))
                if output is not None:
                    self._skip_output(output)
            else:
                self.skip(kind)
        return count

    def images(self, under: bytes) -> list[bytes]:
        """Returns the paths, relative to ``root``, of all images at any depth in ``root/under``.

        Raises:
            ScanError: A folder cannot be listed.
        """
        found: list[bytes] = []
        usual = self.extensions - _SYSTEM_EXTENSIONS
        # Folders to list, each with the identities of its parents: following a link to a parent
        # would add other classes to this one, and never end.
        waiting = [(under, self._parent_identities(under))]
        while waiting:
            folder, parents = waiting.pop()
            identity = self.tree.identify(os.path.join(self.root, folder))
            if identity in parents:
                self.skip("link to a parent folder")
                continue
            if identity in self.excluded and folder:
                continue
            prefix = folder + b"/" if folder else b""
            names: list[bytes] = []
            subfolders: list[bytes] = []
            skipped: list[str] = []
            output = None
            with self._scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    # Most entries are plain images; a function call for each takes twice as long.
                    if (
                        (name[-4:] in usual or name[-5:] in usual)
                        and name[0] not in _SPECIAL
                        and entry.is_file(follow_symlinks=False)
                    ):
                        names.append(name)
                        continue
                    kind = self._classify(entry)
                    if kind is _Kind.FOLDER:
                        subfolders.append(name)
                    elif kind is _Kind.IMAGE:
                        names.append(name)
                    else:
                        skipped.append(kind)
                        output = output or describe_mark(os.fsdecode(name))
            if output is not None and folder != under:
                self._skip_output(output)
                continue
            self.skipped.update(skipped)
            waiting += [(prefix + name, parents | {identity}) for name in subfolders]
            names.sort()  # the caller's sort is faster on sorted runs
            found += [prefix + name for name in names]
        return found

    def find_versions(self, paths: Iterable[bytes]) -> StringColumn | None:
        """Returns the versions (ETags) of files of a remote store; None for other files."""
        versions = self.tree.versions
        if not versions:
            return None
        return StringColumn.of(
            versions.get(self.tree.identify(os.path.join(self.root, path)), "") for path in paths
        )

    def _parent_identities(self, under: bytes) -> frozenset[Hashable]:
        parts = under.split(b"/") if under else []
        folders = [os.path.join(self.root, *parts[:depth]) for depth in range(len(parts))]
        return frozenset(map(self.tree.identify, folders))

    def _entries(self, under: bytes) -> Iterator[tuple[bytes, _Kind | str]]:
        """Yields each name in ``root/under`` with its kind, or the reason to skip it."""
        with self._scandir(under) as entries:
            for entry in entries:
                yield entry.name, self._classify(entry)

    def _scandir(self, under: bytes) -> AbstractContextManager[Iterator[Entry]]:
        folder = os.path.join(self.root, under)
        try:
            return self.tree.scandir(folder)
        except PermissionError as err:
            raise ScanError(
                f"The folder {os.fsdecode(folder)!r} cannot be listed ({err.strerror}). Allow "
                "reading it, or move it away."
            ) from err

    def _skip_output(self, output: str) -> None:
        self.skip(f"folder written by imggen ({output})")

    def _classify(self, entry: Entry) -> _Kind | str:
        if entry.name.startswith(b"."):
            return "hidden"
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:  # a circular link, or one through something that is not a folder
            is_folder = is_file = False
        system_name = find_system_name(os.fsdecode(entry.name))
        if is_folder and entry.name == b"CVS" and is_cvs_folder(os.fsdecode(entry.path)):
            system_name = "CVS"
        if system_name is not None:
            return f"system {'folder' if is_folder else 'file'} ({system_name})"
        if is_folder:
            return _Kind.FOLDER
        extension = os.path.splitext(entry.name)[1].lower()
        if extension not in self.extensions:
            return f"not an image ({os.fsdecode(extension) or 'no extension'})"
        return _Kind.IMAGE if is_file else "broken link or special file"


class _Kind(Enum):
    FOLDER = "folder"
    IMAGE = "image"
