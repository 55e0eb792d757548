"""Sizes of splits: ratios of all samples, or fixed counts of every class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.core import is_whole, shorten
from imggen.data import SPLIT_NAMES, split_name, split_names, to_values
from imggen.errors import SplitError

Ratios = Sequence[float] | Mapping[str, float] | npt.NDArray[np.floating]
Counts = Sequence[int] | Mapping[str, int] | npt.NDArray[np.integer]

DEFAULT_RATIOS = (0.7, 0.15, 0.15)

# The samples that val and test may exceed their shares by, to have one of a small class.
_MAX_SURPLUS = 1.0


@final
@dataclass(frozen=True)
class Shares:
    """The requested sizes of splits.

    Attributes:
        names: The name of each split.
        ratios: The share of each split, shape (num_splits,), summing to 1. None: fixed counts.
        counts: Without ratios, the samples of every stratum in each split but the first, which gets
            the rest.
    """

    names: tuple[str, ...]
    ratios: npt.NDArray[np.float64] | None = None
    counts: tuple[int, ...] = ()

    @property
    def priority(self) -> tuple[int, ...]:
        """The numbers of the splits in order of importance: train, val, test, then all others."""
        known = [self.names.index(name) for name in SPLIT_NAMES if name in self.names]
        return (*known, *(number for number in range(len(self.names)) if number not in known))

    def exact_counts(self, totals: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Computes the samples of each stratum in each split, before rounding.

        Args:
            totals: The number of samples in each stratum, shape (num_strata,).

        Returns:
            Shape (num_strata, num_splits); rows sum to ``totals``.
        """
        if self.ratios is not None:
            return totals[:, None] * self.ratios[None, :]
        fixed = np.where(totals[:, None] > 0, np.array(self.counts), 0)
        return np.column_stack([totals - fixed.sum(axis=1), fixed]).astype(np.float64)

    def __str__(self) -> str:
        if self.ratios is not None:
            return f"by the ratios {tuple(self.ratios.tolist())}"
        return f"with the counts {dict(zip(self.names[1:], self.counts, strict=True))}"


def parse_shares(ratios: Any, counts: Any) -> Shares:
    """Validates ``ratios=`` and ``counts=``, of which one is given.

    Raises:
        SplitError: Either is invalid, or both are given.
    """
    if counts is None:
        return _parse_ratios(ratios)
    is_default = isinstance(ratios, tuple) and ratios == DEFAULT_RATIOS
    if ratios is not None and not is_default:
        raise SplitError(
            f"Both ratios={shorten(ratios)} and counts={shorten(counts)} are given. Pass one of "
            "them."
        )
    return _parse_counts(counts)


def round_quotas(
    exact: npt.NDArray[np.float64], priority: Sequence[int] = ()
) -> npt.NDArray[np.int64]:
    """Rounds to integers within one of ``exact``, and keeps the sums of rows.

    scikit-learn's StratifiedShuffleSplit keeps a class within one sample for a single cut, but not
    for the two cuts that three splits need; so all splits are rounded here at once. The rounding
    error of one stratum is carried to the next, so that the totals stay close to their shares too.

    Strata that are too small for every split go first, so that larger ones make up for them: the
    first split of ``priority`` gets at least one sample of each, and the next splits do as long as
    their totals stay close to their shares.

    Args:
        exact: Shape (num_strata, num_splits); rows sum to whole numbers.
        priority: The splits in order of importance. Empty: all are alike.

    Returns:
        The same shape.
    """
    rounded = np.floor(exact + 1e-9).astype(np.int64)
    totals = np.rint(exact.sum(axis=1)).astype(np.int64)
    carry = np.zeros(exact.shape[1])
    is_small = (rounded == 0).any(axis=1) & (len(priority) > 0)
    for row in np.lexsort([np.where(is_small, totals, 0), ~is_small]).tolist():
        fractions = np.maximum(exact[row] - rounded[row], 0.0)
        left = int(totals[row] - rounded[row].sum())
        eligible = np.where(fractions > 1e-9, fractions + carry, -np.inf)
        for rank, split in enumerate(priority):
            is_wanted = rank == 0 or eligible[split] > -_MAX_SURPLUS
            if rounded[row, split] == 0 and fractions[split] > 1e-9 and is_wanted:
                eligible[split] = np.finfo(np.float64).max / (rank + 1)
        chosen = np.argsort(-eligible, kind="stable")[:left]
        rounded[row, chosen] += 1
        carry += exact[row] - rounded[row]
    return rounded


def _parse_ratios(ratios: Any) -> Shares:
    names, values = _parse_named(ratios, "ratios", "numbers such as (0.7, 0.15, 0.15)", SPLIT_NAMES)
    try:
        shares = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as err:
        raise SplitError(f"ratios={shorten(ratios)} must be numbers: {err}.") from err
    if not shares.size or not np.all(np.isfinite(shares)) or np.any(shares <= 0):
        raise SplitError(
            f"ratios={shorten(tuple(values))} must all be greater than 0. Leave out empty splits."
        )
    if not math.isclose(shares.sum(), 1.0, abs_tol=1e-6):
        raise SplitError(
            f"ratios={shorten(tuple(values))} sum to {shares.sum():g}; they must sum to 1."
        )
    return Shares(names, ratios=shares / shares.sum())


def _parse_counts(counts: Any) -> Shares:
    names, values = _parse_named(
        counts, "counts", "whole numbers such as (20, 20), for val and test", SPLIT_NAMES[1:]
    )
    if "train" in names:
        raise SplitError(
            f"counts={shorten(counts)} name 'train', which gets all other samples. Name other "
            "splits only."
        )
    if not values or not all(is_whole(value, 1) for value in values):
        raise SplitError(f"counts={shorten(counts)} must be whole numbers of 1 or more.")
    return Shares(("train", *names), counts=tuple(map(int, values)))


def _parse_named(
    given: Any, option: str, expected: str, known: tuple[str, ...]
) -> tuple[tuple[str, ...], list[Any]]:
    """Returns the names of the splits and their numbers, from a mapping or a sequence."""
    if isinstance(given, Mapping):
        if not all(isinstance(name, str) for name in given):
            raise SplitError(f"{option}={shorten(given)} must map the names of splits to numbers.")
        split_names(given, f"mapping of {option}")
        return tuple(map(split_name, given)), list(given.values())
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise SplitError(f"{option}={shorten(given)} must be {expected}.")
    values = to_values(given, option, SplitError)
    if not 1 <= len(values) <= len(known):
        raise SplitError(
            f"{option}={shorten(tuple(values))} has {len(values)} numbers; expected 1 to "
            f"{len(known)}, for {', '.join(known[:-1])} and {known[-1]}. For other splits, pass a "
            f"mapping from name to {'share' if option == 'ratios' else 'number'}."
        )
    return known[: len(values)], values
