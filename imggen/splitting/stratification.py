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
    starts, columns, values = (
        array.tolist() for array in (counts.indptr, counts.indices, counts.data)
    )
    by_stratum = counts[order].tocsc()
    by_stratum.sort_indices()
    left = np.asarray(counts.sum(axis=0)).ravel().tolist()
    # Lists, not arrays: a unit is in few strata, and short arrays are slow.
    wanted_lists, lacks = wanted.tolist(), wanted.tolist()
    lacks_in_all = wanted.sum(axis=0).tolist()
    split_of = [-1] * num_units
    waiting = {stratum for stratum in range(num_strata) if left[stratum]}
    while waiting:
        rarest = min(waiting, key=lambda stratum: (left[stratum], stratum))
        waiting.discard(rarest)
        here = slice(by_stratum.indptr[rarest], by_stratum.indptr[rarest + 1])
        found = zip(order[by_stratum.indices[here]], by_stratum.data[here].tolist(), strict=True)
        for unit, count in found:
            if split_of[unit] >= 0:
                continue
            split = _neediest(lacks[rarest], wanted_lists[rarest], count, lacks_in_all)
            split_of[unit] = split
            for entry in range(starts[unit], starts[unit + 1]):
                lacks[columns[entry]][split] -= values[entry]
                lacks_in_all[split] -= values[entry]
                left[columns[entry]] -= values[entry]
    return np.array(split_of, np.int64)


def _neediest(lack: list[int], wanted: list[int], count: int, lacks_in_all: list[int]) -> int:
    """Chooses the split that lacks the largest share of its quota, among those with room.

    Shares, not counts, so that every split gets large and small units: by counts, the largest split
    would get all large units.
    """

    def need(split: int) -> tuple[bool, float, int, int]:
        share = lack[split] / wanted[split] if wanted[split] else lack[split] - 1.0
        return lack[split] >= count, share, lacks_in_all[split], -split

    return max(range(len(lack)), key=need)


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
        self._squares = counts.multiply(counts) @ weights
        self._excess = -wanted.copy()
        for split in range(wanted.shape[1]):
            self._excess[:, split] += np.asarray(counts[split_of == split].sum(axis=0)).ravel()
        self.members = np.bincount(split_of, minlength=wanted.shape[1])

    def best_move(self, splits: Sequence[int]) -> _Change:
        """Finds the move of a unit to one of ``splits`` with the lowest cost; empties no split."""
        costs = self._costs()[:, list(splits)]
        costs[self.members[self._part_of] < 2] = _IMPOSSIBLE
        unit, column = divmod(int(np.argmin(costs)), len(splits))
        return _Change(int(costs[unit, column]), unit, splits[column])

    def best_swap(self, overlap: npt.NDArray[np.int64]) -> _Change:
        """Finds the swap of two units with the lowest cost.

        Args:
            overlap: The weighted products of units' counts, shape (num_units, num_units).
        """
        one_way = self._costs()[:, self._part_of]
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

    def _costs(self) -> npt.NDArray[np.int64]:
        """Returns the cost of moving each unit to each split, shape (num_units, num_splits)."""
        pulls = self._counts @ (self._weights[:, None] * self._excess)
        own = pulls[np.arange(len(pulls)), self._part_of]
        costs: npt.NDArray[np.int64] = 2 * (pulls - own[:, None] + self._squares[:, None])
        return costs

    def _move(self, unit: int, split: int) -> None:
        moved = np.asarray(self._counts[[unit]].todense()).ravel()
        origin = self._part_of[unit]
        self._excess[:, origin] -= moved
        self._excess[:, split] += moved
        self.members[origin] -= 1
        self.members[split] += 1
        self._part_of[unit] = split
