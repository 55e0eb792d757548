"""Exact search for 64-bit hashes that differ in a few bits, without comparing all pairs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import numpy.typing as npt

_QUERY_BATCH_SIZE = 512
_COMPARISON_BATCH_SIZE = 1 << 20


class Matches(NamedTuple):
    """Pairs of a query and a hash that is near to it; three arrays of the same length.

    Attributes:
        query: int64, positions in the queries.
        row: int64, positions in the hashes.
        distance: uint8, the number of bits that differ.
    """

    query: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    distance: npt.NDArray[np.uint8]


class _Probes(NamedTuple):
    """The buckets to search: an entry for each band and each change of its bits.

    Attributes:
        shift: uint64, the right shift that moves the band to the lowest bits.
        mask: uint64, the bits of the band after the shift.
        flip: uint64, the bits to change.
        table: int64, the position of the band's first bucket in ``HashIndex.starts``.
    """

    shift: npt.NDArray[np.uint64]
    mask: npt.NDArray[np.uint64]
    flip: npt.NDArray[np.uint64]
    table: npt.NDArray[np.int64]


class _Band(NamedTuple):
    """A range of the bits of a hash, and the number of them that may differ for it to match."""

    shift: int
    width: int
    radius: int

    @property
    def mask(self) -> int:
        return (1 << self.width) - 1


@final
@dataclass(frozen=True, eq=False)
class HashIndex:
    """Multi-index hashing: the hashes are sorted into buckets by each of three bands of bits.

    Two hashes that differ in at most 8 bits differ in at most 2 bits of one of the bands, by the
    pigeonhole principle. So for each way to change up to 2 bits of a band of the query, only the
    one bucket of the changed band has to be searched. Three bands of 21 bits, rather than four of
    16, make buckets so much smaller that a tenth of the comparisons remains for 8 million hashes.

    An index takes 36 bytes per hash and 34 MB; searching takes about 100 MB more.

    Attributes:
        radius: The largest number of differing bits.
        num_hashes: The number of hashes.
        in_buckets: uint64, shape (3 * num_hashes,): the hashes in bucket order of each band.
        rows: int32, same shape: the positions of these hashes.
        starts: int32: the starts of the buckets of each band, and the end of the last.

    Source: Norouzi, Punjani, Fleet: Fast Search in Hamming Space with Multi-Index Hashing, 2012.

    Example:
        >>> index = HashIndex.build(np.array([0b0000, 0b0111], np.uint64), radius=2)
        >>> [found.row.tolist() for found in index.search(np.array([0b0001], np.uint64))]
        [[0, 1]]
    """

    radius: int
    num_hashes: int
    in_buckets: npt.NDArray[np.uint64]
    rows: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int32]

    @classmethod
    def build(cls, hashes: npt.NDArray[np.uint64], radius: int) -> HashIndex:
        """Sorts at most 700 million hashes into buckets, for a radius from 0 to about 12."""
        bands = _build_bands(radius)
        in_buckets = np.empty(len(bands) * len(hashes), np.uint64)
        rows = np.empty(len(in_buckets), np.int32)
        starts = []
        for number, band in enumerate(bands):
            keys = (hashes >> np.uint64(band.shift) & np.uint64(band.mask)).astype(np.int32)
            order = np.argsort(keys, kind="stable")
            part = slice(number * len(hashes), (number + 1) * len(hashes))
            in_buckets[part], rows[part] = hashes[order], order
            ends = np.cumsum(np.bincount(keys, minlength=1 << band.width))
            starts.append(np.concatenate([[0], ends]).astype(np.int32) + np.int32(part.start))
        return cls(radius, len(hashes), in_buckets, rows, np.concatenate(starts))

    def search(self, queries: npt.NDArray[np.uint64]) -> Iterator[Matches]:
        """Finds the hashes that differ from each query in at most ``radius`` bits.

        Args:
            queries: Shape (num_queries,).

        Yields:
            The matches of successive queries, sorted by query and row, each (query, row) once and
            all matches of a query together. A batch has at most a million comparisons, or those of
            one query.
        """
        probes = _build_probes(_build_bands(self.radius))
        for first in range(0, len(queries), _QUERY_BATCH_SIZE):
            batch = queries[first : first + _QUERY_BATCH_SIZE]
            keys = batch[:, None] >> probes.shift & probes.mask ^ probes.flip
            slots = keys.astype(np.int64) + probes.table
            starts = self.starts[slots]
            sizes = self.starts[slots + 1] - starts
            to_compare = np.cumsum(sizes.sum(axis=1, dtype=np.int64))
            cuts = np.flatnonzero(np.diff(to_compare // _COMPARISON_BATCH_SIZE)) + 1
            for low, high in itertools.pairwise([0, *cuts.tolist(), len(batch)]):
                found = self._compare(batch[low:high], starts[low:high], sizes[low:high])
                yield Matches(found.query + (first + low), found.row, found.distance)

    def _compare(
        self,
        queries: npt.NDArray[np.uint64],
        starts: npt.NDArray[np.int32],
        sizes: npt.NDArray[np.int32],
    ) -> Matches:
        """Compares queries with all hashes in the buckets at ``starts``, (num_queries, probes)."""
        query, probe = np.nonzero(sizes)
        size = sizes[query, probe]
        skipped = np.cumsum(size, dtype=np.int64) - size
        position = np.repeat(starts[query, probe] - skipped, size) + np.arange(
            size.sum(dtype=np.int64)
        )
        query = np.repeat(query, size)
        differing = self.in_buckets[position] ^ queries[query]
        distance = np.bitwise_count(differing)
        is_near = distance <= self.radius
        query, position, distance = query[is_near], position[is_near], distance[is_near]
        differing = differing[is_near]
        # A pair that several bands match is kept for the first of them.
        matched_by = position // self.num_hashes if self.num_hashes else position
        is_new = np.ones(len(position), bool)
        for number, band in enumerate(_build_bands(self.radius)):
            in_band = np.bitwise_count(differing & np.uint64(band.mask << band.shift))
            is_new &= (matched_by <= number) | (in_band > band.radius)
        query, row, distance = query[is_new], self.rows[position[is_new]], distance[is_new]
        order = np.lexsort((row, query))
        return Matches(query[order], row[order].astype(np.int64), distance[order])


def _build_bands(radius: int) -> list[_Band]:
    # If at most r bits differ, one of three bands has at most r // 3 of them; and if each of the
    # first r % 3 + 1 bands has more than its radius, one of the others has less than r // 3.
    return [
        _Band(42, 22, radius // 3),
        _Band(21, 21, radius // 3 - (radius % 3 < 1)),
        _Band(0, 21, radius // 3 - (radius % 3 < 2)),
    ]


def _build_probes(bands: list[_Band]) -> _Probes:
    rows = []
    table = 0
    for band in bands:
        rows += [
            (band.shift, band.mask, sum(1 << bit for bit in bits), table)
            for num_bits in range(band.radius + 1)
            for bits in itertools.combinations(range(band.width), num_bits)
        ]
        table += (1 << band.width) + 1
    shift, mask, flip, tables = np.array(rows, np.uint64).T
    return _Probes(shift, mask, flip, tables.astype(np.int64))
