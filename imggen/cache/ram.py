"""A cache of decoded images in memory."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.cache.packed import StackedRows
from imggen.core import format_bytes
from imggen.errors import ImggenWarning, OptionError
from imggen.workers import register_after_fork

_FRACTION_OF_MEMORY = 0.8
# Control groups of version 2 and 1, on Linux: the system reports the memory of the whole machine
# to containers.
_CONTAINER_LIMIT_FILES = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


@final
class RamCache:
    """Stores each sample's array as loaded, before augmentation.

    Memory grows as samples are loaded, by the bytes of their arrays. Arrays of the shape and dtype
    of the first are rows of one array, from which whole batches can be gathered; its pages take no
    memory until they are written. Safe for several threads; not shared between processes.

    Args:
        num_samples: The number of samples.
        limit: The maximum number of bytes to store. None: 80 % of this machine's memory, or of
            the limit of its container.
        same_size: Whether all arrays have the same size, so that the first determines the total.

    Attributes:
        is_full: Whether an image was not stored, since there was no space.
    """

    def __init__(
        self, num_samples: int, limit: int | None = None, *, same_size: bool = True
    ) -> None:
        self._arguments = (num_samples, limit)
        self._same_size = same_size
        self._limit = _usable_memory() if limit is None else limit
        self._num_samples = num_samples
        # By index; None while an array is copied.
        self._arrays: dict[int, npt.NDArray[Any] | None] = {}
        # The arrays that agree with the first in shape and dtype, and which rows are written.
        self._rows: npt.NDArray[Any] | None = None
        self._is_in_rows = np.zeros(0, np.bool_)
        self._bytes_stored = 0
        self.is_full = False
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Gives a forked process its own lock."""
        self._lock = threading.Lock()

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Returns sample ``index``, read-only; calls ``load`` the first time.

        Raises:
            OptionError: The samples do not all fit.
        """
        array = self._arrays.get(index)
        if array is None and self.is_full:
            return load()
        if array is None:
            array = self._store(index, load())
        return array

    def holds(self, index: int) -> bool:
        """Whether a sample is stored."""
        return self._arrays.get(index) is not None

    def find_rows(self, indices: npt.NDArray[np.int64]) -> StackedRows | None:
        """Returns samples as rows of one array, without a copy.

        None if not all of them are stored, or if their shapes or dtypes differ.
        """
        rows, is_in_rows = self._rows, self._is_in_rows
        if rows is None or not is_in_rows[indices].all():
            return None
        stack = rows[...]
        stack.flags.writeable = False
        return StackedRows(stack, indices)

    def _store(self, index: int, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns a read-only copy, because a loader may write its next sample into ``array``."""
        with self._lock:
            if self._bytes_stored == 0 and self._same_size:
                self._check_space(array.nbytes)
                self._allocate(array)
            arrays, rows, is_in_rows = self._arrays, self._rows, self._is_in_rows
            if index in arrays:  # two threads may load the same sample
                stored = arrays[index]
                return array if stored is None else stored
            fits = self._bytes_stored + array.nbytes <= self._limit
            was_full = self.is_full  # other threads may have found it full too
            if fits:
                arrays[index] = None
                self._bytes_stored += array.nbytes
            else:
                self.is_full = True
            num_stored = len(arrays)
        if fits:  # copied outside the lock, so that threads do not wait for one another
            if rows is not None and (array.shape, array.dtype) == (rows.shape[1:], rows.dtype):
                stored = rows[index, ...]  # an array even where a sample is a single number
                stored[...] = array
                is_in_rows[index] = True
            else:
                stored = array.copy()
            stored.flags.writeable = False
            arrays[index] = stored
            return stored
        if not was_full:
            warnings.warn(
                f"The cache in memory is full: {num_stored} of {self._num_samples} images "
                f"take {format_bytes(self._bytes_stored)}, and its limit is "
                f"{format_bytes(self._limit)}. "
                "The others are loaded again in each epoch.",
                ImggenWarning,
                stacklevel=2,
            )
        return array

    def _allocate(self, first: npt.NDArray[Any]) -> None:
        # The system may refuse to reserve memory that it has not got yet; then each array is
        # stored on its own.
        with suppress(MemoryError):
            rows = np.empty((self._num_samples, *first.shape), first.dtype)
            self._is_in_rows = np.zeros(self._num_samples, np.bool_)
            self._rows = rows

    def _check_space(self, nbytes: int) -> None:
        needed = self._num_samples * nbytes
        if needed > self._limit:
            raise OptionError(
                f'cache="ram" needs {format_bytes(needed)} for {self._num_samples} samples of '
                f"{nbytes} bytes, and its limit= is {format_bytes(self._limit)}. Use a smaller "
                'image_size, a folder, pack="jpeg", or no cache.'
            )

    @property
    def bytes_left(self) -> float:
        """The number of bytes that images leave of the limit."""
        reserved = 0 if self._rows is None else self._rows.nbytes
        return self._limit - max(reserved, self._bytes_stored)

    def flush(self) -> None:
        """Does nothing, since nothing waits to be written."""

    def clear(self) -> None:
        """Removes all samples."""
        with self._lock:
            self._arrays, self._rows = {}, None
            self._bytes_stored, self.is_full = 0, False

    def __reduce__(self) -> tuple[Any, ...]:
        # The copy in another process starts empty.
        return partial(RamCache, *self._arguments, same_size=self._same_size), ()


def _usable_memory() -> float:
    limits = [float("inf")]
    with suppress(AttributeError, ValueError, OSError):  # not known on this system
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in _CONTAINER_LIMIT_FILES:
        with suppress(OSError, ValueError):  # not in a container, or "max"
            limits.append(int(Path(file).read_text(encoding="ascii")))
    return _FRACTION_OF_MEMORY * min(limits)
