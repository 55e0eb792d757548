"""Sidecars: files with the name of an image and another extension."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from collections.abc import Callable, Container
from typing import NamedTuple

from imggen.data import Manifest
from imggen.export.path_keys import path_key


class Sidecar(NamedTuple):
    """A file that goes where its image goes.

    Attributes:
        path: Its path, relative to the manifest's root.
        rows: The samples that it belongs to, at least one.
        suffix: The rest of its name after the image's name without extension.
    """

    path: str
    rows: list[int]
    suffix: str


def find_sidecars(manifest: Manifest) -> list[Sidecar]:
    """Finds the sidecars of all samples, such as ``1.txt`` and ``1.jpg.json`` for ``1.jpg``.

    Sidecars are in the folder of their image, are not hidden, and are not samples themselves. Their
    names may differ in case (``img.txt`` for ``IMG.JPG``) or in the encoding of accents, unless
    that is the name of another image or of another sidecar.

    Returns:
        The sidecars, in order of path.
    """
    rows_of: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    samples = set()
    for row, path in enumerate(manifest.paths):
        folder, name = posixpath.split(path)
        rows_of[folder][posixpath.splitext(name)[0]].append(row)
        samples.add(path)
    found = []
    for folder in sorted(rows_of):
        by_stem = dict(rows_of[folder])
        by_key: dict[str, list[int]] = defaultdict(list)
        for known, rows in by_stem.items():
            by_key[path_key(known)] += rows
        names = sorted(
            name
            for name in _list_files(os.path.join(manifest.root, folder))
            if posixpath.join(folder, name) not in samples and not name.startswith(".")
        )
        exact = {name: stem for name in names if (stem := _find_stem(name, by_stem)) is not None}
        taken = {path_key(name) for name in exact}
        for name in names:
            path, match = posixpath.join(folder, name), exact.get(name)
            if match is not None:
                found.append(Sidecar(path, by_stem[match], name[len(match) :]))
            elif path_key(name) not in taken:
                match = _find_stem(name, by_key, path_key)
                if match is not None:
                    found.append(Sidecar(path, by_key[path_key(match)], name[len(match) :]))
                    taken.add(path_key(name))
    return found


def _find_stem(name: str, stems: Container[str], key: Callable[[str], str] = str) -> str | None:
    """Returns the name without its last extensions whose key is one of ``stems``."""
    while key(name) not in stems:
        shorter = posixpath.splitext(name)[0]
        if shorter == name or shorter.startswith("."):
            return None
        name = shorter
    return name


def _list_files(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if _is_file(entry)]
    except OSError:  # a missing folder in a table; reported when its images are read
        return []


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a cycle of links
        return False
