"""A column of strings in two arrays, for tables of millions of rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final, overload

import numpy as np
import numpy.typing as npt

from imggen.errors import ManifestError

# File names on POSIX are bytes, not text. Python shows undecodable bytes as lone surrogates, and
# this error handler turns them back into the same bytes.
_ENCODING = ("utf-8", "surrogateescape")

_ARROW_TYPES = frozenset({"string", "binary", "string_view", "binary_view"})

# The strings that are packed or unpacked at once, and the rows that are copied at once: few enough
# for the processor's cache.
_STRINGS_PER_CHUNK = 65536
_ROWS_PER_CHUNK = 2048


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
        remaining = iter(strings)
        chunks = iter(lambda: list(itertools.islice(remaining, _STRINGS_PER_CHUNK)), [])
        return cls.concatenate(list(map(_pack, chunks)))

    @classmethod
    def of_bytes(cls, strings: Sequence[bytes]) -> StringColumn:
        """Packs strings given as UTF-8 bytes, such as those from ``os.scandir(b"...")``."""
        offsets = np.zeros(len(strings) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, strings), np.int64, len(strings)), out=offsets[1:])
        return cls(np.frombuffer(b"".join(strings), dtype=np.uint8), offsets)

    @classmethod
    def from_arrow(cls, array: Any) -> StringColumn:
        """Copies an Arrow array of text or of bytes, without making Python strings.

        Args:
            array: A ``pyarrow.Array`` or ``ChunkedArray`` for which ``is_arrow_text`` is true.

        Raises:
            ManifestError: A value is missing, or the array holds something else than text or
                bytes, or text that is not valid UTF-8.

        Example:
            >>> import pyarrow as pa
            >>> StringColumn.from_arrow(pa.array(["a", "b"]).dictionary_encode())
            StringColumn(['a', 'b'], rows=2)
        """
        if not is_arrow_text(array):
            raise ManifestError(f"The array is of the type {array.type}; expected text or bytes.")
        return cls.concatenate([_view_chunk(chunk) for chunk in getattr(array, "chunks", [array])])

    def to_arrow(self) -> Any:
        """Returns the strings as a ``pyarrow.LargeStringArray``, which shares their memory.

        Raises:
            UnicodeError: A string is not valid UTF-8, which Arrow requires.
        """
        import pyarrow as pa

        buffers = [None, *map(pa.py_buffer, (self.offsets, self.data))]
        array = pa.Array.from_buffers(pa.large_string(), len(self), buffers)
        try:
            array.validate(full=True)
        except pa.ArrowInvalid as err:
            row = next(row for row, text in enumerate(self) if not _is_utf8(text))
            raise UnicodeError(f"{self[row]!r} in row {row}") from err
        return array

    @classmethod
    def repeat(cls, string: str, num_rows: int) -> StringColumn:
        """Makes a column that holds the same string in every row."""
        encoded = np.frombuffer(string.encode(*_ENCODING), np.uint8)
        return cls(np.tile(encoded, num_rows), np.arange(num_rows + 1) * len(encoded))

    @classmethod
    def concatenate(cls, columns: Sequence[StringColumn]) -> StringColumn:
        """Concatenates the rows of several columns."""
        offsets = np.zeros(sum(map(len, columns)) + 1, np.int64)
        first, start = 0, 0
        for column in columns:
            shifted = offsets[first + 1 : first + 1 + len(column)]
            shifted[:] = column.offsets[1:]
            shifted += start - int(column.offsets[0])
            first, start = first + len(column), int(offsets[first + len(column)])
        parts = [column.data[column.offsets[0] : column.offsets[-1]] for column in columns]
        return cls(np.concatenate([np.empty(0, np.uint8), *parts]), offsets)

    def take(self, indices: npt.NDArray[np.integer]) -> StringColumn:
        """Returns the rows at ``indices``, in that order."""
        starts = self.offsets[:-1][indices]
        return self.cut(starts, self.offsets[1:][indices] - starts)

    def cut(self, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> StringColumn:
        """Returns parts of the strings.

        Args:
            starts: The position of each part in ``data``, shape (num_rows,).
            lengths: The bytes of each part.
        """
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        data = np.empty(offsets[-1], dtype=np.uint8)
        # A byte stays at the same distance from the start of its row.
        shifts = starts - offsets[:-1]
        # In chunks, because the index of every byte takes eight bytes.
        for first in range(0, len(lengths), _ROWS_PER_CHUNK):
            rows = slice(first, min(first + _ROWS_PER_CHUNK, len(lengths)))
            low, high = offsets[rows.start], offsets[rows.stop]
            positions = np.repeat(shifts[rows], lengths[rows])
            positions += np.arange(low, high)
            data[low:high] = self.data[positions]
        return StringColumn(data, offsets)

    def replace(self, rows: npt.NDArray[np.integer], strings: Sequence[str]) -> StringColumn:
        """Returns the column with other strings at ``rows``."""
        if not len(rows):
            return self
        sources = np.arange(len(self))
        sources[rows] = np.arange(len(self), len(self) + len(rows))
        return StringColumn.concatenate([self, StringColumn.of(strings)]).take(sources)

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
        chunks = map(self._unpack, range(0, len(self), _STRINGS_PER_CHUNK))
        return itertools.chain.from_iterable(chunks)

    def _unpack(self, first: int) -> list[str]:
        """Returns the strings of the chunk that begins at a row."""
        offsets = self.offsets[first : first + _STRINGS_PER_CHUNK + 1]
        encoded = self.data[offsets[0] : offsets[-1]].tobytes()
        ends = itertools.pairwise((offsets - offsets[0]).tolist())
        if encoded.isascii():
            text = encoded.decode("ascii")
            return [text[start:stop] for start, stop in ends]
        return [encoded[start:stop].decode(*_ENCODING) for start, stop in ends]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StringColumn):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.data, other.data)

    __hash__ = None  # type: ignore[assignment]  # arrays do not hash

    def __repr__(self) -> str:
        shown = ", ".join(repr(string) for string in self[:3])
        return f"StringColumn([{shown}{', ...' if len(self) > 3 else ''}], rows={len(self)})"


def is_arrow_text(array: Any) -> bool:
    """Whether a value is an Arrow array of text or of bytes, in any of their types."""
    kind: Any = getattr(array, "type", None)
    if not hasattr(array, "null_count") or not hasattr(kind, "num_fields"):
        return False
    if str(kind).startswith("dictionary<"):
        kind = kind.value_type
    return str(kind).removeprefix("large_") in _ARROW_TYPES


def _view_chunk(array: Any) -> StringColumn:
    """Returns a column that shares the memory of an Arrow array."""
    import pyarrow as pa

    is_text = "string" in str(array.type)
    wide = pa.large_string() if is_text else pa.large_binary()
    narrow = pa.string() if is_text else pa.binary()
    if pa.types.is_dictionary(array.type):  # whose rows may be more than 2 GiB in all
        array = pa.DictionaryArray.from_arrays(array.indices, array.dictionary.cast(wide))
        array = array.dictionary_decode()
    if array.type not in (wide, narrow):  # with a view of each value
        array = array.cast(wide)
    if array.null_count:
        raise ManifestError(f"{array.null_count} of {len(array)} values are missing.")
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as err:
        raise ManifestError(f"The array is broken: {err}.") from err
    _, offsets, data = array.buffers()
    dtype: Any = np.int64 if array.type == wide else np.int32
    if offsets is None or len(array) == 0:
        return StringColumn.of([])
    rows = np.frombuffer(offsets, dtype)[array.offset : array.offset + len(array) + 1]
    return StringColumn(np.frombuffer(b"" if data is None else data, np.uint8), rows)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pack(strings: Sequence[str]) -> StringColumn:
    """Packs strings by way of one text, in which null characters separate them."""
    encoded = np.frombuffer("\0".join([*strings, ""]).encode(*_ENCODING), np.uint8)
    is_end = encoded == 0
    ends = np.flatnonzero(is_end)
    if len(ends) != len(strings):  # a string has null characters of its own
        return StringColumn.of_bytes([string.encode(*_ENCODING) for string in strings])
    offsets = np.zeros(len(strings) + 1, np.int64)
    np.subtract(ends, np.arange(len(ends)), out=offsets[1:])
    return StringColumn(encoded[~is_end], offsets)
