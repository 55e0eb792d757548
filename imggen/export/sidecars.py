"""Files that belong to an image: those of the same name with another extension."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from typing import NamedTuple

from imggen.data import Manifest


class Sidecar(NamedTuple):
    """A file that goes where its image goes.

    Attributes:
        path: Relative to the manifest's root.
        rows: The samples that it belongs to, at least one.
        ending: What its name has beyond the image's name without extension.
    """

    path: str
    rows: list[int]
    ending: str


def sidecars_of(manifest: Manifest) -> list[Sidecar]:
    """Finds the sidecars of all samples: for ``1.jpg`` those like ``1.txt`` and ``1.jpg.json``.

    They lie in the same folder, are not hidden, and are no samples themselves.

    Returns:
        In order of path.
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
        for name in sorted(_files_in(os.path.join(manifest.root, folder))):
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


def _files_in(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if _is_file(entry)]
    except OSError:  # a path in a table that leads nowhere, for whoever reads it to complain about
        return []


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link in a circle
        return False
