"""Images that have several labels, or other annotations that contradict each other."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.data import Manifest
from imggen.stores import open_file

_Rows = npt.NDArray[np.int64]


class Conflict(NamedTuple):
    """An image whose rows contradict each other.

    Attributes:
        rows: All rows of the manifest that show the image; sorted.
        columns: What differs: "label", "target", "boxes", "keypoints" or "mask".
    """

    rows: tuple[int, ...]
    columns: tuple[str, ...]


def find_conflicts(
    manifest: Manifest,
    groups: Sequence[Sequence[int]],
    exact: _Rows,
    files: _Rows,
) -> tuple[Conflict, ...]:
    """Finds images whose rows have different labels or other annotations.

    Labels and targets are compared between all rows of an image. Boxes, keypoints and masks, which
    a crop or another size changes, are compared between files with the same bytes.

    Args:
        manifest: The samples.
        groups: The rows of each group of duplicates.
        exact: For each row, the first row with the same bytes.
        files: For each row, the first row that lists the same file.

    Returns:
        The conflicts, ordered by their first row.
    """
    images = list_images(groups, files)
    rows = np.array(sorted(row for image in images for row in image), np.int64)
    values = dict(_list_annotations(manifest, rows))
    position = {row: place for place, row in enumerate(rows.tolist())}
    conflicts = []
    for image in images:
        columns = []
        for name, column in values.items():
            is_geometric = name not in ("label", "target")
            found: dict[int, set[object]] = {}
            for row in image:
                key = int(exact[row]) if is_geometric else 0
                found.setdefault(key, set()).add(column[position[row]])
            if any(len(different) > 1 for different in found.values()):
                columns.append(name)
        if columns:
            conflicts.append(Conflict(image, tuple(columns)))
    return tuple(conflicts)


def list_images(groups: Sequence[Sequence[int]], files: _Rows) -> list[tuple[int, ...]]:
    """Returns the rows of each image that has several: of duplicates, or of one file.

    Args:
        groups: The rows of each group of duplicates.
        files: For each row, the first row that lists the same file.

    Returns:
        Sorted rows, ordered by the first.
    """
    image_of_file = np.arange(len(files))
    for group in groups:
        image_of_file[list(group)] = group[0]
    image_of = image_of_file[files]
    order = np.argsort(image_of, kind="stable")
    starts = np.flatnonzero(np.diff(image_of[order], prepend=-1))
    rows = np.split(order, starts[1:])
    return sorted(tuple(some.tolist()) for some in rows if len(some) > 1)


def _list_annotations(manifest: Manifest, rows: _Rows) -> Iterator[tuple[str, list[object]]]:
    """Yields the name of each kind of annotation, and a comparable value for each of the rows."""
    if manifest.labels is not None:
        yield "label", manifest.labels[rows].tolist()
    if manifest.targets is not None:
        yield "target", list(map(tuple, manifest.targets.values[rows].tolist()))
    if manifest.boxes is not None:
        yield "boxes", list(zip(*manifest.boxes.take(rows).to_cells(), strict=True))
    if manifest.keypoints is not None:
        yield "keypoints", list(manifest.keypoints.take(rows).to_cells())
    if manifest.masks is not None:
        masks = [manifest.masks[row] for row in rows.tolist()]
        contents = {mask: _hash_mask(os.path.join(manifest.root, mask)) for mask in set(masks)}
        yield "mask", [contents[mask] for mask in masks]


def _hash_mask(path: str) -> str:
    """Returns a hash of the content of a file; its path if it cannot be read."""
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return path
