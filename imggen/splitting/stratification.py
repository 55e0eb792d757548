"""Who goes where, where several samples stay together or one has several labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

# Changes that mend what was decided too early; few are needed, and each looks at every unit, or at
# every pair of them.
_MOST_CHANGES = 200
_MOST_UNITS_TO_SWAP = 500
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
    """Gives every unit a part, so that each part gets as near to what it wants as it can.

    Iterative stratification: the rarest stratum is shared out first, large units before small
    ones, each to the part that lacks most of it, by share; then the next rarest of what is left.
    What that leaves uneven is mended by moves and swaps of units. All in whole numbers, so that no
    machine rounds otherwise.

    Source: Sechidis, Tsoumakas, Vlahavas: On the Stratification of Multi-Label Data (2011).

    Args:
        units: The unit of each sample, from 0; shape (num_samples,).
        samples: Of each membership in a stratum, the sample; shape (num_memberships,).
        strata: And the stratum. The last one holds all samples, so that sizes are kept too.
        wanted: How many of each stratum a part is to get; shape (num_strata, num_parts).
        rng: Decides between equals.
        exclusive: Whether each sample is in one stratum besides the last. Sizes follow from those
            then and decide between equals only: where a large group spoils them, the others are
            not to mend that.

    Returns:
        The part of each sample, shape (num_samples,).
    """
    from scipy.sparse import coo_array

    shape = (int(units.max()) + 1, len(wanted))
    counts = coo_array((np.ones(len(samples), np.int64), (units[samples], strata)), shape).tocsr()
    counts.sum_duplicates()
    part_of = _share_out(counts, wanted, rng)
    weights = (1 << 32) // np.maximum(wanted.sum(axis=1), 1)
    if exclusive:
        weights[-1] = max(1, weights[-1] >> 8)
    _mend(counts, wanted, weights, part_of)
    return part_of[units]


def _share_out(
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
    # Lists, not arrays: a unit is in few strata, and arrays cost most where they are short.
    wanted_lists, lacks = wanted.tolist(), wanted.tolist()
    lacks_in_all = wanted.sum(axis=0).tolist()
    part_of = [-1] * num_units
    waiting = {stratum for stratum in range(num_strata) if left[stratum]}
    while waiting:
        rarest = min(waiting, key=lambda stratum: (left[stratum], stratum))
        waiting.discard(rarest)
        here = slice(by_stratum.indptr[rarest], by_stratum.indptr[rarest + 1])
        found = zip(order[by_stratum.indices[here]], by_stratum.data[here].tolist(), strict=True)
        for unit, count in found:
            if part_of[unit] >= 0:
                continue
            part = _neediest(lacks[rarest], wanted_lists[rarest], count, lacks_in_all)
            part_of[unit] = part
            for place in range(starts[unit], starts[unit + 1]):
                lacks[columns[place]][part] -= values[place]
                lacks_in_all[part] -= values[place]
                left[columns[place]] -= values[place]
    return np.array(part_of, np.int64)


def _neediest(lack: list[int], wanted: list[int], count: int, lacks_in_all: list[int]) -> int:
    """The part that lacks the greatest share of what it wants, of those that have room.

    By share, so that every part gets large units and small ones: by number, the largest part
    would get all the large ones.
    """

    def need(part: int) -> tuple[bool, float, int, int]:
        share = lack[part] / wanted[part] if wanted[part] else lack[part] - 1.0
        return lack[part] >= count, share, lacks_in_all[part], -part

    return max(range(len(lack)), key=need)


def _mend(
    counts: Any,
    wanted: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int64],
    part_of: npt.NDArray[np.int64],
) -> None:
    """Brings the parts nearer to what they want, by moving single units and swapping pairs.

    A part that got nothing is given the unit that does least harm there first, if there are enough.
    """
    parts = _Parts(counts, wanted, weights, part_of)
    for part in np.flatnonzero(parts.members == 0).tolist():
        move = parts.best_move([part])
        if move.gain < _IMPOSSIBLE:
            parts.make(move)
    overlap = None
    for _ in range(_MOST_CHANGES):
        change = parts.best_move(range(wanted.shape[1]))
        if change.gain >= 0 and len(part_of) <= _MOST_UNITS_TO_SWAP:
            if overlap is None:
                overlap = (counts.multiply(weights) @ counts.T).toarray()
            change = parts.best_swap(overlap)
        if change.gain >= 0:
            return
        parts.make(change)


class _Change(NamedTuple):
    """A unit that moves, or two that change places.

    Attributes:
        gain: By how much the misfit changes; below 0 it gets better.
        unit: What moves.
        part: Where to.
        other: What moves from there to where ``unit`` was; None for nothing.
    """

    gain: int
    unit: int
    part: int
    other: int | None = None


@final
class _Parts:
    """Who is where, and what each change of that would do.

    The misfit is the sum of squares of what parts have too much or too little of each stratum,
    weighted so that a stratum counts by its share.
    """

    def __init__(
        self,
        counts: Any,
        wanted: npt.NDArray[np.int64],
        weights: npt.NDArray[np.int64],
        part_of: npt.NDArray[np.int64],
    ) -> None:
        self._counts, self._weights, self._part_of = counts, weights, part_of
        self._squares = counts.multiply(counts) @ weights
        self._excess = -wanted.copy()
        for part in range(wanted.shape[1]):
            self._excess[:, part] += np.asarray(counts[part_of == part].sum(axis=0)).ravel()
        self.members = np.bincount(part_of, minlength=wanted.shape[1])

    def best_move(self, parts: Sequence[int]) -> _Change:
        """The unit whose move to one of ``parts`` gains most; the last of a part stays."""
        gains = self._gains()[:, list(parts)]
        gains[self.members[self._part_of] < 2] = _IMPOSSIBLE
        unit, place = divmod(int(np.argmin(gains)), len(parts))
        return _Change(int(gains[unit, place]), unit, parts[place])

    def best_swap(self, overlap: npt.NDArray[np.int64]) -> _Change:
        """The two units whose swap gains most.

        Args:
            overlap: The weighted products of units' counts, shape (num_units, num_units).
        """
        one_way = self._gains()[:, self._part_of]
        # What both bring along cancels out; of units in one part nothing is gained.
        gains = one_way + one_way.T - 4 * overlap
        unit, other = divmod(int(np.argmin(gains)), len(gains))
        return _Change(int(gains[unit, other]), unit, int(self._part_of[other]), other)

    def make(self, change: _Change) -> None:
        """Carries out a change."""
        origin = int(self._part_of[change.unit])
        self._move(change.unit, change.part)
        if change.other is not None:
            self._move(change.other, origin)

    def _gains(self) -> npt.NDArray[np.int64]:
        """How the misfit changes if a unit moves to a part, shape (num_units, num_parts)."""
        pulls = self._counts @ (self._weights[:, None] * self._excess)
        own = pulls[np.arange(len(pulls)), self._part_of]
        gains: npt.NDArray[np.int64] = 2 * (pulls - own[:, None] + self._squares[:, None])
        return gains

    def _move(self, unit: int, part: int) -> None:
        moved = np.asarray(self._counts[[unit]].todense()).ravel()
        origin = self._part_of[unit]
        self._excess[:, origin] -= moved
        self._excess[:, part] += moved
        self.members[origin] -= 1
        self.members[part] += 1
        self._part_of[unit] = part
