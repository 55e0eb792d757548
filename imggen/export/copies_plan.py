"""The plan of augmented copies: how many of each image, and their paths."""

from __future__ import annotations

import os
import posixpath
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from imggen.core import is_relative_path
from imggen.data import Manifest
from imggen.errors import ExportError, OptionError
from imggen.export.names import TargetNames, unpacked_path

_MAX_FILES = 10**7  # of which each takes memory


class CopiesStep(NamedTuple):
    """One original and its copies.

    Attributes:
        row: The index of the original in the manifest.
        source: Its path, relative to the source.
        original: Its path, relative to the target.
        stem: The path of each copy, relative to the target, up to its number.
        class_name: Its class, or "".
        num_copies: The number of its copies.
    """

    row: int
    source: str
    original: str
    stem: str
    class_name: str
    num_copies: int

    @property
    def copies(self) -> list[str]:
        """The paths of the copies, relative to the target."""
        return [self.stem + suffix for suffix in _copy_suffixes(self.original, self.num_copies)]


def _copy_suffixes(path: str, num_copies: int) -> list[str]:
    extension = os.path.splitext(path)[1]
    ending = extension if extension.lower() in (".jpg", ".jpeg") else ".png"
    return [f"-{extension[1:]}-aug{number}{ending}" for number in range(num_copies)]


def count_copies(manifest: Manifest, copies: int, *, balance: bool) -> list[int]:
    """Returns the number of copies of each image.

    Raises:
        OptionError: There would be more files than ``_MAX_FILES``.
    """
    counts = [len(manifest)]
    if balance and manifest.labels is not None:
        counts = np.bincount(manifest.labels, minlength=manifest.num_classes).tolist()
    goal = max(counts) * (1 + copies)
    if goal * sum(map(bool, counts)) > _MAX_FILES:  # before a list of them is made
        raise OptionError(
            f"copies={copies} would make more than {_MAX_FILES:,} files. Make fewer copies, "
            "or augment while training, which needs no files."
        )
    if not balance or manifest.labels is None:
        return [copies] * len(manifest)
    numbers = np.zeros(len(manifest), np.int64)
    for label in np.flatnonzero(counts):
        each, rest = divmod(goal - counts[label], counts[label])
        rows = np.flatnonzero(manifest.labels == label)
        numbers[rows] = each + (np.arange(len(rows)) < rest)
    return list(map(int, numbers))


def plan_copies(manifest: Manifest, numbers: list[int], folder: str) -> list[CopiesStep]:
    """Plans the copies of all images.

    Raises:
        ExportError: A path would be outside the target, or is too long for it.
    """
    taken = TargetNames(folder)
    originals = []  # before the copies, so that they keep their names
    classes = [""] * len(manifest)
    if manifest.labels is not None:
        classes = [manifest.class_names[label] for label in manifest.labels]
    for row, path in enumerate(map(unpacked_path, manifest.paths, classes)):
        if not is_relative_path(posixpath.normpath(path)):
            raise ExportError(
                f"Cannot write a copy of {manifest.filepath(row)!r}, which is outside "
                f"{manifest.root!r}. Use a root that contains all images."
            )
        originals.append(taken.reserve(posixpath.normpath(path)))
    steps = []
    for row, (path, original, class_name, num_copies) in enumerate(
        zip(manifest.paths, originals, classes, numbers, strict=True)
    ):
        stem = taken.reserve_copies(
            posixpath.splitext(original)[0], _copy_suffixes(original, num_copies)
        )
        steps.append(CopiesStep(row, path, original, stem, class_name, num_copies))
    return steps


def is_record(value: object) -> TypeGuard[tuple[str, list[Any]]]:
    """Whether a line of the journal holds a path and the parameters of its copies."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], list)
        and all(
            isinstance(copy, list) and all(isinstance(step, dict) for step in copy)
            for copy in value[1]
        )
    )
