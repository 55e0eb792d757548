"""Numbers for the strings of a column, equal for equal strings, without making Python strings."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.core.string_column import StringColumn

_ROWS_PER_CHUNK = 8192
# Odd, so that multiplying loses no bits (the golden ratio times 2**64).
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
# By the bytes of a string that are left: the bits of the next eight bytes that belong to it.
_MASKS = np.array([(1 << 8 * left) - 1 for left in range(9)], np.uint64)


class StringNumbers(NamedTuple):
    """The strings of a column as numbers.

    Attributes:
        numbers: The number of each row's string, in order of first appearance from 0; int64, shape
            (num_rows,).
        first_rows: The row of the first appearance of each number.
    """

    numbers: npt.NDArray[np.int64]
    first_rows: npt.NDArray[np.int64]


def number_strings(column: StringColumn) -> StringNumbers:
    """Numbers the strings of a column in order of first appearance.

    Example:
        >>> number_strings(StringColumn.of(["b", "a", "b"])).numbers.tolist()
        [0, 1, 0]
    """
    hashes = _hash_rows(column)
    ordered = np.sort(hashes)
    if not (ordered[1:] == ordered[:-1]).any():
        every = np.arange(len(column))
        return StringNumbers(every, every)
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    # The sort is stable: the first of equal hashes is the row where they appear first.
    leaders = np.empty(len(column), np.int64)
    leaders[order] = order[begins][np.cumsum(begins) - 1]
    if not _are_equal(column, leaders):  # different strings with the same hash
        return _number_bytes(column)
    is_first = leaders == np.arange(len(column))
    return StringNumbers((np.cumsum(is_first) - 1)[leaders], np.flatnonzero(is_first))


def _hash_rows(column: StringColumn) -> npt.NDArray[np.uint64]:
    """Hashes each string, eight bytes at a time; shape (num_rows,)."""
    hashes = np.empty(len(column), np.uint64)
    for first in range(0, len(column), _ROWS_PER_CHUNK):
        offsets = column.offsets[first : first + _ROWS_PER_CHUNK + 1]
        padded = np.zeros(offsets[-1] - offsets[0] + 8, np.uint8)
        padded[:-8] = column.data[offsets[0] : offsets[-1]]
        words = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))
        starts, left = offsets[:-1] - offsets[0], np.diff(offsets)
        found, rows = left.astype(np.uint64), np.arange(len(left))
        while len(rows):
            found[rows] ^= words[starts] & _MASKS[np.minimum(left, 8)]
            found[rows] *= _FACTOR
            found[rows] ^= found[rows] >> np.uint64(29)
            is_longer = left > 8
            rows, starts, left = rows[is_longer], starts[is_longer] + 8, left[is_longer] - 8
        hashes[first : first + len(found)] = found
    return hashes


def _are_equal(column: StringColumn, others: npt.NDArray[np.int64]) -> bool:
    """Whether the string of each row equals that of another row."""
    rows = np.flatnonzero(others != np.arange(len(column)))
    return all(
        column.take(rows[first : first + _ROWS_PER_CHUNK])
        == column.take(others[rows[first : first + _ROWS_PER_CHUNK]])
        for first in range(0, len(rows), _ROWS_PER_CHUNK)
    )


def _number_bytes(column: StringColumn) -> StringNumbers:
    number_of: dict[bytes, int] = {}
    data = column.data
    numbers = np.array(
        [
            number_of.setdefault(data[start:stop].tobytes(), len(number_of))
            for start, stop in itertools.pairwise(column.offsets.tolist())
        ],
        np.int64,
    )
    _, first_rows = np.unique(numbers, return_index=True)
    return StringNumbers(numbers, first_rows)
