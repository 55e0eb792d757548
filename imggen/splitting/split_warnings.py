"""Warnings of splits that deviate from the request, and of classes that a split lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import pluralize, warn_user
from imggen.data import Manifest
from imggen.splitting.ratios import Shares
from imggen.splitting.recipe import Recipe

_MAX_LISTED = 10


def warn_of_shares(got: npt.NDArray[np.int64], shares: Shares, *, stable: bool) -> None:
    """Warns if the sizes of splits deviate notably from their ratios.

    Args:
        got: The number of samples in each split.
        shares: The requested ratios.
        stable: Whether the split is stable.
    """
    ratios = shares.ratios
    if ratios is None:
        return
    have = got / got.sum()
    deviation = np.abs(have - ratios)
    is_notable = deviation.max() > 0.05 or (deviation > ratios / 2).any()
    if is_notable and deviation.max() * got.sum() >= 1:
        listed = ", ".join(
            f"{name} {share:.3f} (wanted {want:.3f})"
            for name, share, want in zip(shares.names, have, ratios, strict=True)
        )
        reason = "A stable split is random" if stable else "Groups are kept whole"
        warn_user(f"{reason}, so the shares deviate: {listed}.")


def warn_of_counts(
    manifest: Manifest, split_of: npt.NDArray[np.int64], shares: Shares, strata: npt.NDArray[Any]
) -> None:
    """Warns if groups prevent the requested counts.

    Args:
        manifest: The samples.
        split_of: The split of each sample.
        shares: The requested counts.
        strata: The stratum of each sample.
    """
    wanted = shares.exact_counts(np.bincount(strata)).astype(np.int64)
    num_splits = wanted.shape[1]
    got = np.bincount(strata * num_splits + split_of, minlength=wanted.size).reshape(wanted.shape)
    # Train gets the rest.
    deviating = np.argwhere(got[:, 1:] != wanted[:, 1:])
    if len(deviating):
        listed = []
        for stratum, column in deviating[:_MAX_LISTED].tolist():
            split = column + 1
            of = f"{manifest.class_names[stratum]!r} in " if strata is manifest.labels else ""
            name, have, want = shares.names[split], got[stratum, split], wanted[stratum, split]
            listed.append(f"{of}{name} {have} (wanted {want})")
        warn_user(f"Groups are kept whole, so the counts deviate: {', '.join(listed)}.")


def warn_of_missing_classes(
    class_names: Sequence[str],
    labels: npt.NDArray[np.integer],
    split_of: npt.NDArray[np.int64],
    shares: Shares,
    recipe: Recipe,
    *,
    noun: str,
) -> None:
    """Warns of classes that a split lacks, and first of those that training lacks.

    Args:
        class_names: The name of each class.
        labels: The class of each sample.
        split_of: The split of each sample.
        shares: The splits.
        recipe: Whether the split is stable, and whether the splits are folds.
        noun: "class", or another word for the values in ``labels``.
    """
    shape = (len(class_names), len(shares.names))
    counts = np.bincount(labels * shape[1] + split_of, minlength=shape[0] * shape[1])
    counts = counts.reshape(shape)
    totals, num_present = counts.sum(axis=1), (counts > 0).sum(axis=1)

    def list_classes(rows: npt.NDArray[np.int64], fact: str, where: npt.NDArray[np.bool_]) -> str:
        listed = (
            f"{class_names[row]!r} ({pluralize(totals[row], 'sample')}) is {fact} "
            + ", ".join(shares.names[split] for split in np.flatnonzero(where[row]).tolist())
            for row in rows[:_MAX_LISTED].tolist()
        )
        return "; ".join(listed) + (" ..." if len(rows) > _MAX_LISTED else "")

    if recipe.num_folds is not None:
        untrained = np.flatnonzero(num_present == 1)
        if len(untrained):
            warn_user(
                f"{_count(len(untrained), noun)} in one fold only, whose model never trains on "
                f"{'it' if len(untrained) == 1 else 'them'}: "
                f"{list_classes(untrained, 'in', counts > 0)}. Add samples, or leave out such "
                "classes."
            )
        short = np.flatnonzero((num_present != 1) & (num_present < shape[1]))
    else:
        train = shares.priority[0]
        untrained = np.flatnonzero((totals > 0) & (counts[:, train] == 0))
        if len(untrained):
            reason = (
                "since a stable split never moves a file because of others"
                if recipe.stable
                else "since groups are kept whole and no split may be empty"
            )
            warn_user(
                f"{_count(len(untrained), noun)} missing in {shares.names[train]}, {reason}: "
                f"{list_classes(untrained, 'in', counts > 0)}. Add samples, "
                f"{'or choose another seed' if recipe.stable else 'or make fewer splits'}."
            )
        is_trained = (totals == 0) | (counts[:, train] > 0)
        short = np.flatnonzero(is_trained & (num_present < shape[1]))
    if len(short):
        warn_user(
            f"{_count(len(short), noun)} too small to appear in every "
            f"{'split' if recipe.num_folds is None else 'fold'}: "
            f"{list_classes(short, 'missing in', counts == 0)}."
        )


def _count(number: int, noun: str) -> str:
    """Returns the number of classes and the verb, such as "2 classes are"."""
    first, _, rest = noun.partition(" ")
    counted = f"{pluralize(number, first)} {rest}".rstrip()
    return f"{counted} {'is' if number == 1 else 'are'}"
