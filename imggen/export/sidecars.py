"""Sidecars: files with the name of an image and another extension."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from typing import NamedTuple

from imggen.data import Manifest


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

    Sidecars are in the folder of their image, are not hidden, and are not samples themselves.

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
        by_stem = rows_of[folder]
        for name in sorted(_list_files(os.path.join(manifest.root, folder))):
            path = posixpath.join(folder, name)
            if path in samples or name.startswith("."):
                continue
            stem = name
            while stem not in by_stem and "." in stem:
                stem = posixpath.splitext(stem)[0]
                if stem.startswith("."):
                    break
            if stem in by_stem:
                found.append(Sidecar(path, by_stem[stem], name[len(stem) :]))
    return found


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
