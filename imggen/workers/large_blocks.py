"""Memory of large arrays that the process keeps, even where TensorFlow returns it to the system.

Each ``tf.data.Dataset.from_generator``, and so each ``fit`` with a ``PyDataset``, sets
``mallopt(M_MMAP_THRESHOLD, 128 KiB)`` on Python 3.11 and later (seen in TensorFlow 2.21). From then
on, threads get new memory from the system for every decoded photograph and give it back: about 580
page faults per image of 500×375, which took 1.2 ms of processor time, as long as decoding it.
To be removed once TensorFlow no longer does that.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Callable
from typing import Any

# From malloc.h of the GNU C library.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# The value that the GNU C library itself arrives at once a program has freed an array of 32 MiB.
_MMAP_THRESHOLD = 1 << 25
# The library would take twice as much. Threads of TensorFlow that have copied batches of 20 MB then
# keep up to 64 MiB each, and a process grew by 250 MB over a few calls of `fit`.
_TRIM_THRESHOLD = 1 << 25


def keep_big_blocks() -> None:
    """Sets the limits of the GNU C library again that TensorFlow, if it is loaded, has lowered.

    Takes about a microsecond. Does nothing with other C libraries.
    """
    if "tensorflow" in sys.modules:
        mallopt = _find_mallopt()
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
            mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD)


@functools.cache
def _find_mallopt() -> Callable[[int, int], Any] | None:
    try:
        if not (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return None
    except (AttributeError, ValueError):  # Windows; macOS and musl
        return None
    mallopt: Callable[[int, int], Any] = ctypes.CDLL(None).mallopt
    return mallopt
