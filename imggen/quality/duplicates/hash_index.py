"""Which 64-bit hashes differ in a few bits: all of them, without comparing each with each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import numpy.typing as npt

_QUERIES_AT_A_TIME = 512
_PLACES_AT_A_TIME = 1 << 20


class Near(NamedTuple):
    """Hashes that are near to queries; three arrays of one length.

    Attributes:
        query: int64, positions in the queries.
        row: int64, positions in the hashes.
        distance: uint8, in how many bits they differ.
    """

    query: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    distance: npt.NDArray[np.uint8]


class _Probes(NamedTuple):
    """Where to look for what is near: one entry for each band and each change of its bits.

    Attributes:
        shift: uint64, how far right a hash moves for the band to be its lowest bits.
        mask: uint64, the bits of the band, then.
        flip: uint64, the bits that are changed.
        table: int64, where the starts of the band's buckets begin.
    """

    shift: npt.NDArray[np.uint64]
    mask: npt.NDArray[np.uint64]
    flip: npt.NDArray[np.uint64]
    table: npt.NDArray[np.int64]


class _Band(NamedTuple):
    """Some of the bits of a hash, and in how many of them it may differ for the band to count."""

    shift: int
    width: int
    radius: int

    @property
    def mask(self) -> int:
        return (1 << self.width) - 1


@final
@dataclass(frozen=True, eq=False)
class HashIndex:
    """Multi-index hashing: hashes in the buckets of each of three bands of their bits.

    Two hashes that differ in at most 8 bits differ in at most 2 bits of one of the bands, by the
    pigeonhole principle. So it is enough to look, for each way to change so few bits of a band of
    the query, into the one bucket where that leads. Three bands of 21 bits, rather than four of 16,
    make buckets so much smaller that for 8 million hashes a tenth is compared.

    Takes 36 bytes for each hash and 34 MB; finding needs some 100 MB more.

    Attributes:
        radius: Hashes that differ in more bits are not near.
        num_hashes: How many there are.
        in_buckets: uint64, shape (3 * num_hashes,): the hashes in the order of each band.
        rows: int32, same shape: which hash each of those is.
        starts: int32: where the buckets of each band start, and the end of the last.

    Source: Norouzi, Punjani, Fleet: Fast Search in Hamming Space with Multi-Index Hashing, 2012.

    Example:
        >>> index = HashIndex.of(np.array([0b0000, 0b0111], np.uint64), radius=2)
        >>> [near.row.tolist() for near in index.near(np.array([0b0001], np.uint64))]
        [[0, 1]]
    """

    radius: int
    num_hashes: int
    in_buckets: npt.NDArray[np.uint64]
    rows: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int32]

    @classmethod
    def of(cls, hashes: npt.NDArray[np.uint64], radius: int) -> HashIndex:
        """Sorts hashes into buckets; at most 700 million, and a radius from 0 to 12 or so."""
        bands = _bands(radius)
        in_buckets = np.empty(len(bands) * len(hashes), np.uint64)
        rows = np.empty(len(in_buckets), np.int32)
        starts = []
        for number, band in enumerate(bands):
            keys = (hashes >> np.uint64(band.shift) & np.uint64(band.mask)).astype(np.int32)
            order = np.argsort(keys, kind="stable")
            here = slice(number * len(hashes), (number + 1) * len(hashes))
            in_buckets[here], rows[here] = hashes[order], order
            ends = np.cumsum(np.bincount(keys, minlength=1 << band.width))
            starts.append(np.concatenate([[0], ends]).astype(np.int32) + np.int32(here.start))
        return cls(radius, len(hashes), in_buckets, rows, np.concatenate(starts))

    def near(self, queries: npt.NDArray[np.uint64]) -> Iterator[Near]:
        """Finds the hashes that differ from each query in at most ``radius`` bits.

        Args:
            queries: Shape (num_queries,).

        Yields:
            What is near to some of the queries, each (query, row) once, all of a query together;
            sorted by query and row. Pieces are as large as memory allows: a million comparisons, or
            one query's.
        """
        probes = _probes(_bands(self.radius))
        for first in range(0, len(queries), _QUERIES_AT_A_TIME):
            some = queries[first : first + _QUERIES_AT_A_TIME]
            keys = some[:, None] >> probes.shift & probes.mask ^ probes.flip
            slots = keys.astype(np.int64) + probes.table
            starts = self.starts[slots]
            sizes = self.starts[slots + 1] - starts
            to_compare = np.cumsum(sizes.sum(axis=1, dtype=np.int64))
            pieces = np.flatnonzero(np.diff(to_compare // _PLACES_AT_A_TIME)) + 1
            for low, high in itertools.pairwise([0, *pieces.tolist(), len(some)]):
                near = self._compare(some[low:high], starts[low:high], sizes[low:high])
                yield Near(near.query + (first + low), near.row, near.distance)

    def _compare(
        self,
        queries: npt.NDArray[np.uint64],
        starts: npt.NDArray[np.int32],
        sizes: npt.NDArray[np.int32],
    ) -> Near:
        """Compares queries with all hashes in the buckets at ``starts``, (num_queries, probes)."""
        query, probe = np.nonzero(sizes)
        size = sizes[query, probe]
        past = np.cumsum(size, dtype=np.int64) - size
        place = np.repeat(starts[query, probe] - past, size) + np.arange(size.sum(dtype=np.int64))
        query = np.repeat(query, size)
        differing = self.in_buckets[place] ^ queries[query]
        distance = np.bitwise_count(differing)
        is_new = distance <= self.radius
        query, place, distance = query[is_new], place[is_new], distance[is_new]
        differing = differing[is_new]
        # What was found by an earlier band too is left to that.
        found_by = place // self.num_hashes if self.num_hashes else place
        is_new = np.ones(len(place), bool)
        for number, band in enumerate(_bands(self.radius)):
            in_band = np.bitwise_count(differing & np.uint64(band.mask << band.shift))
            is_new &= (found_by <= number) | (in_band > band.radius)
        query, row, distance = query[is_new], self.rows[place[is_new]], distance[is_new]
        order = np.lexsort((row, query))
        return Near(query[order], row[order].astype(np.int64), distance[order])


def _bands(radius: int) -> list[_Band]:
    # Of three bands, if no more than r bits differ, one has at most r // 3; and if the first
    # r % 3 + 1 bands have more than that each, the others have less.
    return [
        _Band(42, 22, radius // 3),
        _Band(21, 21, radius // 3 - (radius % 3 < 1)),
        _Band(0, 21, radius // 3 - (radius % 3 < 2)),
    ]


def _probes(bands: list[_Band]) -> _Probes:
    found = []
    table = 0
    for band in bands:
        found += [
            (band.shift, band.mask, sum(1 << bit for bit in bits), table)
            for num_bits in range(band.radius + 1)
            for bits in itertools.combinations(range(band.width), num_bits)
        ]
        table += (1 << band.width) + 1
    shift, mask, flip, tables = np.array(found, np.uint64).T
    return _Probes(shift, mask, flip, tables.astype(np.int64))
