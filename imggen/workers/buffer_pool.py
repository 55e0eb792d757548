"""Memory for batches, used again once nobody holds the batch that stood in it.

A batch of 32 images of 224×224 is 19 MB of float32. Memory of that size is given back to the system
when it is freed, and the next batch waits for the system to clear other pages: measured, up to a
fifth of the time of a first epoch.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.workers.fork_safety import register_after_fork

# What sys.getrefcount says of something that one list alone holds: Pythons differ in this.
_probe = [object()]
_UNUSED = sys.getrefcount(_probe[0])


@final
class Buffers:
    """Hands out arrays, and their memory anew when they are gone.

    Whoever holds an array, a part of it, or what was made of it without a copy (a tensor, a memory
    view) holds a reference to the buffer, so that nothing in use is ever handed out. Safe for
    several threads.

    Args:
        most: How many buffers to know of at a time; those that are forgotten live as long as their
            arrays do.

    Example:
        >>> buffers = Buffers(most=2)
        >>> first = buffers.empty((2, 3), np.float32)
        >>> address = first.ctypes.data
        >>> del first
        >>> buffers.empty((2, 3), np.float32).ctypes.data == address
        True
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._buffers: list[npt.NDArray[Any]] = []
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Gives a forked process a lock of its own."""
        self._lock = threading.Lock()

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array as ``np.empty`` makes it: with anything in it."""
        wanted = np.dtype(dtype)
        with self._lock:
            for position in range(len(self._buffers)):
                if sys.getrefcount(self._buffers[position]) > _UNUSED:
                    continue
                buffer = self._buffers[position]
                if buffer.shape == shape and buffer.dtype == wanted:
                    self._buffers.append(self._buffers.pop(position))
                    return buffer[...]
            buffer = np.empty(shape, wanted)
            self._buffers = [*self._buffers, buffer][-self._most :]
            return buffer[...]

    def clear(self) -> None:
        """Forgets all buffers."""
        with self._lock:
            self._buffers = []

    def __reduce__(self) -> tuple[type[Buffers], tuple[int]]:
        return Buffers, (self._most,)
