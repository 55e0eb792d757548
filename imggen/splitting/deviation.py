"""The deviation of splits from the requested shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imggen.data import Manifest, Splits
from imggen.splitting.ratios import Shares

if TYPE_CHECKING:
    from imggen.splitting.recipe import Recipe


class Deviation(NamedTuple):
    """The largest deviation of a class from its share in a split.

    Attributes:
        class_name: The class; None if the samples have no classes.
        split: The name of the split.
        got: The samples of the class in the split.
        wanted: The exact number that was requested.
        total: The samples of the class in all splits.
    """

    class_name: str | None
    split: str
    got: int
    wanted: float
    total: int

    def __str__(self) -> str:
        prefix = "" if self.class_name is None else f"{self.class_name} in "
        return (
            f"{prefix}{self.split}: {self.got} of {self.total} ({self.got / self.total:.1%}) for "
            f"{self.wanted / self.total:.1%}"
        )


def find_deviation(sources: Splits[Manifest], recipe: Recipe) -> Deviation | None:
    """Finds the largest deviation of splits from the shares of their recipe.

    Args:
        sources: The splits, with the files in their original places.
        recipe: The recipe. Repeats that balance classes are not counted.

    Returns:
        None if the recipe has no shares, or there are no samples.
    """
    if recipe.shares is None:
        return None
    splits = recipe.disjoint(sources)
    if recipe.oversample:
        splits = Splits(map(_drop_repeats, splits), splits.names)
    return _find_largest(splits, recipe.shares)


def _drop_repeats(manifest: Manifest) -> Manifest:
    first = {path: row for row, path in reversed(list(enumerate(manifest.paths)))}
    return manifest.take(sorted(first.values()))


def _find_largest(splits: Splits[Manifest], shares: Shares) -> Deviation | None:
    """Finds the class and split with the largest deviation from the requested share.

    Args:
        splits: The result of ``split``, by the same shares.
        shares: The requested shares.

    Returns:
        None if there are no samples.
    """
    counts = np.array(
        [list(split.class_counts.values()) or [len(split)] for split in splits], np.int64
    ).T
    totals = counts.sum(axis=1)
    present = np.flatnonzero(totals)
    if not len(present):
        return None
    wanted = shares.exact_counts(totals)[present]
    distance = np.abs(counts[present] - wanted) / totals[present, None]
    row, column = np.unravel_index(int(np.argmax(distance)), distance.shape)
    stratum = present[row]
    class_names = splits[0].class_names
    return Deviation(
        class_names[stratum] if splits[0].class_counts else None,
        splits.names[column],
        int(counts[stratum, column]),
        float(wanted[row, column]),
        int(totals[stratum]),
    )
