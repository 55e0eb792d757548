"""A pool of reusable batch buffers.

A batch of 32 images of 224×224 takes 19 MB as float32. Memory of that size goes back to the system
when it is freed, and the next batch waits while the system clears new pages: measured, up to a
fifth of the time of a first epoch.
"""

from __future__ import annotations

import math
import sys
import sysconfig
import threading
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.workers.fork_safety import register_after_fork

# The sys.getrefcount of an object that only a list refers to; it differs between Python versions.
_probe = [object()]
_UNUSED = sys.getrefcount(_probe[0])

# Arrays begin at multiples of this number of bytes: TensorFlow and JAX copy others.
_ALIGNMENT = 64


class _Memory(np.ndarray[Any, Any]):
    """Bytes of a buffer.

    A view of an array refers to the array that owns the memory, unless that is of another class:
    then views refer to the buffer, whose references are counted.
    """


def has_exact_reference_counts() -> bool:
    """Returns whether ``sys.getrefcount`` counts every reference at once.

    Free-threaded builds of Python count the references of other threads separately, and defer some.
    """
    return not sysconfig.get_config_var("Py_GIL_DISABLED")


@final
class BufferPool:
    """Allocates arrays in memory that it reuses once an array is no longer referenced.

    Whatever holds an array, a view of it, or anything that shares its memory (a tensor, a memory
    view) holds a reference to the buffer, so memory in use is never reused. Safe for several
    threads. Where reference counts are not exact, every array gets memory of its own.

    Args:
        capacity: The largest number of buffers to keep track of. A buffer that is dropped from the
            pool lives as long as its arrays do.

    Example:
        >>> buffers = BufferPool(capacity=2)
        >>> first = buffers.empty((2, 3), np.float32)
        >>> address = first.ctypes.data
        >>> del first
        >>> buffers.empty((2, 3), np.float32).ctypes.data == address
        True
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._is_reusing = has_exact_reference_counts()
        self._buffers: list[npt.NDArray[Any]] = []
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Replaces the lock, which another thread may have held during the fork."""
        self._lock = threading.Lock()

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Returns an array with arbitrary contents, like ``np.empty``."""
        wanted = np.dtype(dtype)
        if not self._is_reusing:
            return np.empty(shape, wanted)
        with self._lock:
            # The one used last first: its memory may still be in the processor's cache.
            for position in reversed(range(len(self._buffers))):
                if sys.getrefcount(self._buffers[position]) > _UNUSED:
                    continue
                buffer = self._buffers[position]
                if buffer.shape == shape and buffer.dtype == wanted:
                    self._buffers.append(self._buffers.pop(position))
                    return buffer[...]
            buffer = _allocate(shape, wanted)
            self._buffers = [*self._buffers, buffer][-self._capacity :]
            return buffer[...]

    def clear(self) -> None:
        """Drops all buffers."""
        with self._lock:
            self._buffers = []

    def __reduce__(self) -> tuple[type[BufferPool], tuple[int]]:
        return BufferPool, (self._capacity,)


def _allocate(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Returns an array in aligned memory of its own."""
    memory = _Memory(math.prod(shape) * dtype.itemsize + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return np.ndarray(shape, dtype, memory, start)
