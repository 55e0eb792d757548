"""Who goes where, where several samples stay together or one has several labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# Moves that mend what was decided too early; few are needed, and each looks at every unit.
_MOST_MOVES = 200


def assign_units(
    units: npt.NDArray[np.int64],
    samples: npt.NDArray[np.int64],
    strata: npt.NDArray[np.integer],
    wanted: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Gives every unit a part, so that each part gets as near to what it wants as it can.

    Iterative stratification: the rarest stratum is shared out first, large units before small
    ones, each to the part that lacks most of it, by share; then the next rarest of what is left.
    What that leaves uneven is mended by moving single units. All in whole numbers, so that no
    machine rounds otherwise.

    Source: Sechidis, Tsoumakas, Vlahavas: On the Stratification of Multi-Label Data (2011).

    Args:
        units: The unit of each sample, from 0; shape (num_samples,).
        samples: Of each membership in a stratum, the sample; shape (num_memberships,).
        strata: And the stratum. The last one holds all samples, so that sizes are kept too.
        wanted: How many of each stratum a part is to get; shape (num_strata, num_parts).
        rng: Decides between equals.

    Returns:
        The part of each sample, shape (num_samples,).
    """
    from scipy.sparse import coo_array

    shape = (int(units.max()) + 1, len(wanted))
    counts = coo_array((np.ones(len(samples), np.int64), (units[samples], strata)), shape).tocsr()
    counts.sum_duplicates()
    part_of = _share_out(counts, wanted, rng)
    weights = (1 << 20) // np.maximum(wanted.sum(axis=1), 1)
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
    """Moves units, one at a time, while that brings the parts nearer to what they want.

    A part that got nothing is given the unit that does least harm there.
    """
    num_parts = wanted.shape[1]
    squares = counts.multiply(counts) @ weights
    excess = -wanted.copy()
    for part in range(num_parts):
        excess[:, part] += np.asarray(counts[part_of == part].sum(axis=0)).ravel()
    for _ in range(_MOST_MOVES):
        members = np.bincount(part_of, minlength=num_parts)
        empty = np.flatnonzero(members == 0)
        best: tuple[int, int, int] | None = None  # change of the misfit, unit, part
        for part in empty[:1] if len(empty) else range(num_parts):
            towards = weights * excess[:, part]
            for origin in range(num_parts):
                # The last unit stays where it is.
                if origin == part or members[origin] < 2:
                    continue
                candidates = np.flatnonzero(part_of == origin)
                change = 2 * (counts[candidates] @ (towards - weights * excess[:, origin]))
                change += 2 * squares[candidates]
                least = int(np.argmin(change))
                found = (int(change[least]), int(candidates[least]), int(part))
                best = found if best is None else min(best, found)
        if best is None or (best[0] >= 0 and not len(empty)):
            return
        _, unit, part = best
        moved = np.asarray(counts[[unit]].todense()).ravel()
        excess[:, part_of[unit]] -= moved
        excess[:, part] += moved
        part_of[unit] = part
