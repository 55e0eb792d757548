"""Folders as scans see them: those of a disk, and those of a listing of a store or an archive."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from types import MappingProxyType
from typing import Protocol, final

from imggen.core import describe_mark, describe_output
from imggen.errors import ScanError, StoreError
from imggen.stores import (
    find_uri,
    is_elsewhere,
    list_files,
    normalize_address,
    parse_address,
    split_archive,
)


class Entry(Protocol):
    """An entry of a folder: an ``os.DirEntry[bytes]``, or one of a listing."""

    @property
    def name(self) -> bytes:
        """The name."""

    @property
    def path(self) -> bytes:
        """The path with the folder."""

    def is_dir(self) -> bool:
        """Whether it is a folder."""

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a file."""


class FolderTree(ABC):
    """Folders and what is in them. Paths are bytes, since names are not always valid text.

    Attributes:
        versions: The version (an ETag) of each file of a remote store, by the value that
            ``identify`` returns for its path.
    """

    versions: Mapping[Hashable, str] = MappingProxyType({})

    @abstractmethod
    def scandir(self, folder: bytes) -> AbstractContextManager[Iterator[Entry]]:
        """Lists a folder.

        Raises:
            OSError: It cannot be listed.
        """

    @abstractmethod
    def is_folder(self, path: bytes) -> bool:
        """Whether a path is that of a folder."""

    @abstractmethod
    def identify(self, folder: bytes) -> Hashable:
        """Returns a value that no other folder has, whatever the path to it."""

    @abstractmethod
    def describe_output(self, folder: bytes) -> str | None:
        """Returns the kind of output of imggen that a folder is; None for other folders."""


@final
class LocalTree(FolderTree):
    """The folders of the disk."""

    def scandir(self, folder: bytes) -> AbstractContextManager[Iterator[Entry]]:
        """Lists a folder."""
        return os.scandir(folder)

    def is_folder(self, path: bytes) -> bool:
        """Whether a path is that of a folder, or of a link to one."""
        return os.path.isdir(path)

    def identify(self, folder: bytes) -> Hashable:
        """Returns the device and the number of a folder."""
        status = os.stat(folder)
        return status.st_dev, status.st_ino

    def describe_output(self, folder: bytes) -> str | None:
        """Looks for the marks of imggen."""
        return describe_output(os.fsdecode(folder))


@final
class ListedTree(FolderTree):
    """The folders of the names in a store or an archive, listed once.

    Args:
        root: The URI or the archive.

    Raises:
        ScanError: It cannot be listed.
    """

    def __init__(self, root: str) -> None:
        self._root = os.fsencode(root).rstrip(b"/")
        self._folders: dict[bytes, dict[bytes, bool]] = {}  # name to whether it is a folder
        try:
            listed = list_files(root)
        except StoreError as err:
            raise ScanError(str(err)) from err
        versions: dict[Hashable, str] = {}
        for file in listed:
            path = os.fsencode(file.name)
            self._add(path)
            versions[path] = file.identity.version
        if find_uri(root) is not None and split_archive(root) is None:
            self.versions = versions

    def _add(self, path: bytes) -> None:
        folder, _, name = path.rpartition(b"/")
        self._open(folder).setdefault(name, False)

    def _open(self, folder: bytes) -> dict[bytes, bool]:
        found = self._folders.get(folder)
        if found is None:
            found = self._folders[folder] = {}
            if folder:
                parent, _, name = folder.rpartition(b"/")
                self._open(parent)[name] = True
        return found

    def scandir(self, folder: bytes) -> AbstractContextManager[Iterator[Entry]]:
        """Lists a folder."""
        inside = self._folders.get(self._locate(folder), {})
        return nullcontext(
            _ListedEntry(name, os.path.join(folder, name), is_folder)
            for name, is_folder in inside.items()
        )

    def is_folder(self, path: bytes) -> bool:
        """Whether names begin with a path."""
        return self._locate(path) in self._folders

    def identify(self, folder: bytes) -> Hashable:
        """Returns the path."""
        return self._locate(folder)

    def describe_output(self, folder: bytes) -> str | None:
        """Looks for the marks of imggen among the files of a folder."""
        names = self._folders.get(self._locate(folder), {})
        found = (describe_mark(os.fsdecode(name)) for name in names)
        return next((mark for mark in found if mark is not None), None)

    def holds(self, path: bytes) -> bool:
        """Whether a path leads into this tree."""
        path = _normalize(path)
        return path == self._root or path.startswith(self._root + b"/")

    def _locate(self, path: bytes) -> bytes:
        return _normalize(path)[len(self._root) + 1 :]


class _ListedEntry:
    __slots__ = ("_is_folder", "name", "path")

    def __init__(self, name: bytes, path: bytes, is_folder: bool) -> None:
        self.name, self.path, self._is_folder = name, path, is_folder

    def is_dir(self) -> bool:
        return self._is_folder

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        del follow_symlinks  # there are no links
        return not self._is_folder


_LOCAL = LocalTree()
_kept_trees: ContextVar[list[ListedTree] | None] = ContextVar("_kept_trees", default=None)


@contextmanager
def keep_listings() -> Iterator[None]:
    """Lists each store and archive at most once while the block runs."""
    if _kept_trees.get() is not None:
        yield
        return
    token = _kept_trees.set([])
    try:
        yield
    finally:
        _kept_trees.reset(token)


def find_tree(root: str) -> FolderTree:
    """Returns the tree that a folder is in, which lists a store or an archive.

    Raises:
        ScanError: It cannot be listed.
        MissingExtraError: See ``imggen.stores.read``.
    """
    if os.path.isdir(root) or not (is_elsewhere(root) or split_archive(root)):
        return _LOCAL
    root = normalize_address(root)
    kept = _kept_trees.get()
    for tree in kept or ():
        if tree.holds(os.fsencode(root)):
            return tree
    tree = ListedTree(root)
    if kept is not None:
        kept.append(tree)
    return tree


def existing_folder(directory: str | os.PathLike[str]) -> str:
    """Returns a path as text, if there is such a folder, archive, or part of a remote store.

    Raises:
        ScanError: There is none.
    """
    root = parse_address(directory)
    tree = find_tree(root)
    if tree.is_folder(os.fsencode(root)):
        return root
    if isinstance(tree, ListedTree):
        raise ScanError(f"{root!r} is empty or does not exist; expected images.")
    fact = "is a file" if os.path.exists(root) else "does not exist"
    raise ScanError(f"{root!r} {fact}; expected a folder with images, relative to {os.getcwd()!r}.")


def list_names(folder: str) -> list[str]:
    """Returns the names of all files and folders in a folder, sorted."""
    with find_tree(folder).scandir(os.fsencode(folder)) as entries:
        return sorted(os.fsdecode(entry.name) for entry in entries)


def _normalize(path: bytes) -> bytes:
    return os.fsencode(normalize_address(os.fsdecode(path)))
