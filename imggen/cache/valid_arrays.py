"""The arrays of a disk cache whose bytes were compared with their checksum."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.cache.journal import ArrayLocation
from imggen.cache.packed import StackedRows
from imggen.workers import register_after_fork


class _Stack(NamedTuple):
    """Arrays of one shape and dtype as rows of one memory-mapped array.

    Attributes:
        first: The location of one of them, which decides the file, the shape and the dtype.
        arrays: The part of the file that is mapped, read-only, shape (any number, *shape).
        row_after: The row of each sample, plus one; 0 for samples that are not in the stack.
    """

    first: ArrayLocation
    arrays: npt.NDArray[Any]
    row_after: npt.NDArray[np.int64]


@final
class ValidArrays:
    """Valid arrays by the number of their sample, from which whole batches can be gathered.

    Arrays of one size are stored at multiples of it, so those that agree with the first in
    shape and dtype are rows of one array. All others are found one by one. Safe for several
    threads.

    Args:
        num_samples: The number of samples.
    """

    def __init__(self, num_samples: int) -> None:
        self._num_samples = num_samples
        # Replaced as a whole, so that threads never see a stack with the rows of another one.
        self._stack: _Stack | None = None
        self._others: dict[int, ArrayLocation] = {}
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Gives a forked process its own lock."""
        self._lock = threading.Lock()

    def get(self, index: int) -> npt.NDArray[Any] | None:
        """Returns the array of a sample, memory-mapped and read-only; None if there is none."""
        stack = self._stack
        if stack is not None:
            after = stack.row_after.item(index)
            if 0 < after <= len(stack.arrays):
                # An array even where a sample is a single number.
                return stack.arrays[after - 1, ...]
        location = self._others.get(index)
        return None if location is None else location.read()

    def find_rows(self, indices: npt.NDArray[np.int64]) -> StackedRows | None:
        """Returns samples as rows of the stack, without a copy; None if not all are in it."""
        stack = self._stack
        if stack is None or not len(indices):
            return None
        after = stack.row_after[indices]
        # Another thread may have added rows to a larger stack in the meantime.
        if after.min() == 0 or after.max() > len(stack.arrays):
            return None
        return StackedRows(stack.arrays, after - 1)

    def add(self, index: int, location: ArrayLocation) -> None:
        """Adds the array of a sample, whose bytes have been read and compared."""
        with self._lock:
            stack = self._stack if self._stack is not None else self._begin(location)
            row = None if stack is None else _find_row(stack.first, location)
            if stack is None or row is None:
                self._others[index] = location
                return
            if row >= len(stack.arrays):  # the file has grown
                stack = stack._replace(arrays=_map_rows(location))
            self._stack = stack
            stack.row_after[index] = row + 1

    def clear(self) -> None:
        """Forgets all arrays."""
        with self._lock:
            self._stack, self._others = None, {}

    def _begin(self, first: ArrayLocation) -> _Stack | None:
        """Returns an empty stack; None where arrays have no place in one."""
        if first.offset % first.num_bytes:
            return None
        with suppress(MemoryError):
            row_after = np.zeros(self._num_samples, np.int64)
            return _Stack(first, _map_rows(first), row_after)
        return None


def _find_row(first: ArrayLocation, location: ArrayLocation) -> int | None:
    """Returns the row of an array in the stack of another one; None if it cannot be there."""
    row, rest = divmod(location.offset, location.num_bytes)
    kinds = [(one.pixels, one.shape, one.dtype) for one in (first, location)]
    return row if rest == 0 and kinds[0] == kinds[1] else None


def _map_rows(location: ArrayLocation) -> npt.NDArray[Any]:
    """Returns all that is mapped of a file as arrays of the kind of one of them."""
    mapped = location.pixels.mapped
    num_rows = len(mapped) // location.num_bytes
    rows = mapped[: num_rows * location.num_bytes].view(location.dtype)
    return rows.reshape(num_rows, *location.shape)
