"""Iterative stratification of groups and of samples with several labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

# Limits of the improvements after the greedy assignment; few are needed, and each examines every
# unit, or every pair of units.
_MAX_CHANGES = 200
_MAX_UNITS_TO_SWAP = 500
_IMPOSSIBLE = np.iinfo(np.int64).max


def assign_units(
    units: npt.NDArray[np.int64],
    samples: npt.NDArray[np.int64],
    strata: npt.NDArray[np.integer],
    wanted: npt.NDArray[np.int64],
    rng: np.random.Generator,
    *,
    exclusive: bool,
) -> npt.NDArray[np.int64]:
    """Assigns every unit to a split, so that each split gets as close to its quotas as possible.

    Iterative stratification: the rarest stratum is distributed first, large units before small
    ones, each to the split that lacks the largest share of its quota; then the next rarest stratum
    of the remaining units. Moves and swaps of units then improve the result. All sums are integers,
    so that every machine gets the same result.

    Source: Sechidis, Tsoumakas, Vlahavas: On the Stratification of Multi-Label Data (2011).

    Args:
        units: The unit of each sample, from 0; shape (num_samples,).
        samples: The sample of each membership in a stratum; shape (num_memberships,).
        strata: The stratum of each membership. The last stratum holds all samples, so that the
            sizes of the splits are balanced too.
        wanted: The quota of each stratum and split; shape (num_strata, num_splits).
        rng: Breaks ties.
        exclusive: Whether each sample is in one stratum besides the last. The sizes then follow
            from the strata and only break ties: other groups must not compensate for one that is
            too large.

    Returns:
        The split of each sample, shape (num_samples,).
    """
    from scipy.sparse import coo_array

    shape = (int(units.max()) + 1, len(wanted))
    counts = coo_array((np.ones(len(samples), np.int64), (units[samples], strata)), shape).tocsr()
    counts.sum_duplicates()
    split_of = _distribute(counts, wanted, rng)
    weights = (1 << 32) // np.maximum(wanted.sum(axis=1), 1)
    if exclusive:
        weights[-1] = max(1, weights[-1] >> 8)
    _improve(counts, wanted, weights, split_of)
    return split_of[units]


def _distribute(
    counts: Any, wanted: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    num_units, num_strata = counts.shape
    sizes = np.asarray(counts[:, [-1]].todense()).ravel()
    shuffled = rng.permutation(num_units)
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    by_stratum = counts[order].tocsc()
    by_stratum.sort_indices()
    # Lists, not arrays: a unit is in few strata, and short arrays are slow.
    starts, left = counts.indptr.tolist(), np.asarray(counts.sum(axis=0)).ravel().tolist()
    columns, values = memoryview(counts.indices), memoryview(counts.data)
    wanted_lists, lacks = wanted.tolist(), wanted.T.tolist()
    lacks_in_all = wanted.sum(axis=0).tolist()
    split_of = [-1] * num_units
    waiting = {stratum for stratum in range(num_strata) if left[stratum]}
    while waiting:
        rarest = min(waiting, key=lambda stratum: (left[stratum], stratum))
        waiting.discard(rarest)
        here = slice(by_stratum.indptr[rarest], by_stratum.indptr[rarest + 1])
        units, numbers = order[by_stratum.indices[here]].tolist(), by_stratum.data[here].tolist()
        for unit, count in zip(units, numbers, strict=True):
            if split_of[unit] >= 0:
                continue
            split = _neediest(rarest, lacks, wanted_lists[rarest], count, lacks_in_all)
            split_of[unit] = split
            lack = lacks[split]
            start, stop = starts[unit], starts[unit + 1]
            members = values[start:stop].tolist()
            for column, number in zip(columns[start:stop].tolist(), members, strict=True):
                lack[column] -= number
                left[column] -= number
            lacks_in_all[split] -= sum(members)
    return np.array(split_of, np.int64)


def _neediest(
    stratum: int, lacks: list[list[int]], wanted: list[int], count: int, lacks_in_all: list[int]
) -> int:
    """Chooses the split that lacks the largest share of its quota, among those with room.

    Shares, not counts, so that every split gets large and small units: by counts, the largest split
    would get all large units. Of equal splits, the first is chosen.
    """
    best = -1
    highest: tuple[bool, float, int] = (False, 0.0, 0)
    for split, quota in enumerate(wanted):
        missing = lacks[split][stratum]
        share = missing / quota if quota else missing - 1.0
        need = (missing >= count, share, lacks_in_all[split])
        if best < 0 or need > highest:
            best, highest = split, need
    return best


def _improve(
    counts: Any,
    wanted: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int64],
    split_of: npt.NDArray[np.int64],
) -> None:
    """Brings the splits closer to their quotas, by moving single units and swapping pairs.

    An empty split first gets the unit whose move costs least, if there are enough units.
    """
    balance = _Balance(counts, wanted, weights, split_of)
    for split in np.flatnonzero(balance.members == 0).tolist():
        move = balance.best_move([split])
        if move.cost < _IMPOSSIBLE:
            balance.apply(move)
    overlap = None
    for _ in range(_MAX_CHANGES):
        change = balance.best_move(range(wanted.shape[1]))
        if change.cost >= 0 and len(split_of) <= _MAX_UNITS_TO_SWAP:
            if overlap is None:
                overlap = (counts.multiply(weights) @ counts.T).toarray()
            change = balance.best_swap(overlap)
        if change.cost >= 0:
            return
        balance.apply(change)


class _Change(NamedTuple):
    """A move of a unit, or a swap of two.

    Attributes:
        cost: The change of the misfit; below 0 it improves.
        unit: The unit that moves.
        split: Its new split.
        other: The unit that takes its place; None for a mere move.
    """

    cost: int
    unit: int
    split: int
    other: int | None = None


@final
class _Balance:
    """The current assignment, and the cost of every change to it.

    The misfit is the sum of squared differences between counts and quotas, weighted so that a
    stratum counts by its share.
    """

    def __init__(
        self,
        counts: Any,
        wanted: npt.NDArray[np.int64],
        weights: npt.NDArray[np.int64],
        split_of: npt.NDArray[np.int64],
    ) -> None:
        self._counts, self._weights, self._part_of = counts, weights, split_of
        self._by_stratum = counts.tocsc()
        self._sizes = np.asarray(counts[:, [-1]].todense()).ravel()
        squares = counts.multiply(counts) @ weights
        excess = -wanted.copy()
        for split in range(wanted.shape[1]):
            excess[:, split] += np.asarray(counts[split_of == split].sum(axis=0)).ravel()
        self.members = np.bincount(split_of, minlength=wanted.shape[1])
        # By split and unit: the excess of a split, added up over the samples of a unit.
        self._pulls = np.ascontiguousarray((counts @ (weights[:, None] * excess)).T)
        # By unit: the cost of leaving its split, which ``_pulls`` adds to.
        self._leaving = squares - self._pulls[split_of, np.arange(len(split_of))]

    def best_move(self, splits: Sequence[int]) -> _Change:
        """Finds the move of a unit to one of ``splits`` with the lowest cost; empties no split."""
        is_fixed = (self.members < 2)[self._part_of] if (self.members < 2).any() else None
        best = _Change(_IMPOSSIBLE, 0, splits[0])
        for split in splits:
            costs = self._pulls[split] + self._leaving  # half of them
            if is_fixed is not None:
                costs[is_fixed] = _IMPOSSIBLE
            unit = int(np.argmin(costs))
            cost = _IMPOSSIBLE if costs[unit] == _IMPOSSIBLE else 2 * int(costs[unit])
            if (cost, unit) < best[:2]:  # of equal changes, that of the first unit is made
                best = _Change(cost, unit, split)
        return best

    def best_swap(self, overlap: npt.NDArray[np.int64]) -> _Change:
        """Finds the swap of two units with the lowest cost.

        Args:
            overlap: The weighted products of units' counts, shape (num_units, num_units).
        """
        costs = 2 * (self._pulls + self._leaving).T
        one_way = costs[:, self._part_of]
        # Shared members cancel out; swaps within one split change nothing.
        costs = one_way + one_way.T - 4 * overlap
        unit, other = divmod(int(np.argmin(costs)), len(costs))
        return _Change(int(costs[unit, other]), unit, int(self._part_of[other]), other)

    def apply(self, change: _Change) -> None:
        """Applies a change."""
        origin = int(self._part_of[change.unit])
        self._move(change.unit, change.split)
        if change.other is not None:
            self._move(change.other, origin)

    def _move(self, unit: int, split: int) -> None:
        entries = slice(self._counts.indptr[unit], self._counts.indptr[unit + 1])
        origin = int(self._part_of[unit])
        # By unit: the change of the pull of its new split, which that of its old one loses.
        change = np.zeros_like(self._sizes)
        for stratum, number in zip(
            self._counts.indices[entries].tolist(), self._counts.data[entries].tolist(), strict=True
        ):
            weighted = self._weights[stratum] * number
            if stratum == len(self._weights) - 1:  # of all units
                change += self._sizes * weighted
            else:
                here = slice(*self._by_stratum.indptr[stratum : stratum + 2])
                change[self._by_stratum.indices[here]] += self._by_stratum.data[here] * weighted
        self._pulls[origin] -= change
        self._pulls[split] += change
        signs = np.zeros(len(self._pulls), np.int64)
        signs[origin], signs[split] = 1, -1
        change *= signs[self._part_of]
        self._leaving += change
        self._leaving[unit] += self._pulls[origin, unit] - self._pulls[split, unit]
        self.members[origin] -= 1
        self.members[split] += 1
        self._part_of[unit] = split
