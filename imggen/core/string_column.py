"""A column of strings in two arrays, for tables of millions of rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import final, overload

import numpy as np
import numpy.typing as npt

# File names on POSIX are bytes, not text. Python shows undecodable bytes as lone surrogates, and
# this error handler turns them back into the same bytes.
_ENCODING = ("utf-8", "surrogateescape")

_ROWS_PER_CHUNK = 65536


@final
@dataclass(frozen=True, eq=False, slots=True)
class StringColumn(Sequence[str]):
    """An immutable sequence of strings, stored as one run of bytes and row offsets.

    Ten million paths of 40 bytes take 480 MB here and about 1 GB as Python strings; pickling a
    column copies two arrays.

    Attributes:
        data: All strings in UTF-8, end to end; uint8, shape (num_bytes,).
        offsets: The start of each string, and the end of the last; int64, shape (num_rows + 1,).

    Example:
        >>> column = StringColumn.of(["cat/1.jpg", "dog/2.jpg"])
        >>> column[1], len(column)
        ('dog/2.jpg', 2)
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, strings: Iterable[str]) -> StringColumn:
        """Packs an iterable of strings."""
        return cls.of_bytes([string.encode(*_ENCODING) for string in strings])

    @classmethod
    def of_bytes(cls, strings: Sequence[bytes]) -> StringColumn:
        """Packs strings given as UTF-8 bytes, such as those from ``os.scandir(b"...")``."""
        offsets = np.zeros(len(strings) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, strings), np.int64, len(strings)), out=offsets[1:])
        return cls(np.frombuffer(b"".join(strings), dtype=np.uint8), offsets)

    def take(self, indices: npt.NDArray[np.integer]) -> StringColumn:
        """Returns the rows at ``indices``, in that order."""
        starts = self.offsets[:-1][indices]
        lengths = self.offsets[1:][indices] - starts
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        data = np.empty(offsets[-1], dtype=np.uint8)
        # In chunks, because the index of every byte takes eight bytes.
        for first in range(0, len(lengths), _ROWS_PER_CHUNK):
            rows = slice(first, min(first + _ROWS_PER_CHUNK, len(lengths)))
            low, high = offsets[rows.start], offsets[rows.stop]
            # A byte stays at the same distance from the start of its row.
            shifts = np.repeat(starts[rows] - offsets[rows], lengths[rows])
            data[low:high] = self.data[np.arange(low, high) + shifts]
        return StringColumn(data, offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> StringColumn: ...

    def __getitem__(self, index: int | slice) -> str | StringColumn:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        num_rows = self.offsets.size - 1  # without a call: samples are looked up one by one
        if not -num_rows <= index < num_rows:
            raise IndexError(f"Row {index} is out of range for a column of {num_rows} rows.")
        index %= num_rows
        start, stop = self.offsets[index], self.offsets[index + 1]
        return self.data[start:stop].tobytes().decode(*_ENCODING)

    def __iter__(self) -> Iterator[str]:
        everything = self.data.tobytes()
        for start, stop in itertools.pairwise(self.offsets.tolist()):
            yield everything[start:stop].decode(*_ENCODING)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StringColumn):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.data, other.data)

    __hash__ = None  # type: ignore[assignment]  # arrays do not hash

    def __repr__(self) -> str:
        shown = ", ".join(repr(string) for string in self[:3])
        return f"StringColumn([{shown}{', ...' if len(self) > 3 else ''}], rows={len(self)})"
