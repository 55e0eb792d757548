"""Decoded images kept in memory, so that later epochs do not decode."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, final

import numpy.typing as npt

from imggen.core import format_bytes
from imggen.errors import ImggenWarning, OptionError
from imggen.workers import register_after_fork

_SHARE_OF_MEMORY = 0.8
# Control groups of version 2 and 1, on Linux: containers see the memory of the whole machine.
_LIMITS_OF_CONTAINERS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


@final
class RamCache:
    """Holds each sample's array as loaded, before augmentation.

    Memory is taken as samples come in, as many bytes as their arrays have. Safe for several
    threads; not shared between processes.

    Args:
        num_samples: The number of samples.
        limit: The most bytes to hold; None: 80 % of this machine's memory, or of what a
            container may use.
        same_size: Whether all arrays are of one size, so that the first tells of all.

    Attributes:
        is_full: Whether an image was not kept, for want of room.
    """

    def __init__(
        self, num_samples: int, limit: int | None = None, *, same_size: bool = True
    ) -> None:
        self._arguments = (num_samples, limit)
        self._same_size = same_size
        self._limit = _memory_to_use() if limit is None else limit
        self._num_samples = num_samples
        self._arrays: dict[int, npt.NDArray[Any]] = {}
        self._bytes_held = 0
        self.is_full = False
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Gives a forked process a lock of its own."""
        self._lock = threading.Lock()

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Returns sample ``index``, not to be written to, calling ``load`` the first time.

        Raises:
            OptionError: All samples together would not fit.
        """
        array = self._arrays.get(index)
        if array is None and self.is_full:
            return load()
        if array is None:
            array = load().copy()  # a loader may write its next sample into the same array
            array.flags.writeable = False
            self._keep(index, array)
        return array

    def _keep(self, index: int, array: npt.NDArray[Any]) -> None:
        with self._lock:
            if self._bytes_held == 0 and self._same_size:
                self._require_room(array.nbytes)
            if index in self._arrays:  # two threads may load the same sample
                return
            if self._bytes_held + array.nbytes <= self._limit:
                self._arrays[index] = array
                self._bytes_held += array.nbytes
                return
            was_full, self.is_full = self.is_full, True  # other threads may have come as far
            num_held = len(self._arrays)
        if not was_full:
            warnings.warn(
                f"The cache in memory is full: {num_held} of {self._num_samples} images take "
                f"{format_bytes(self._bytes_held)}, and its limit is {format_bytes(self._limit)}. "
                "The others are loaded anew in each epoch.",
                ImggenWarning,
                stacklevel=2,
            )

    def _require_room(self, nbytes: int) -> None:
        needed = self._num_samples * nbytes
        if needed > self._limit:
            raise OptionError(
                f'cache="ram" would take {format_bytes(needed)} for {self._num_samples} samples of '
                f"{nbytes} bytes, and may take {format_bytes(self._limit)} (limit=). Use a smaller "
                'image_size, a folder, pack="jpeg", or no cache.'
            )

    def flush(self) -> None:
        """Does nothing: memory is where everything is already."""

    def clear(self) -> None:
        """Lets go of all samples."""
        with self._lock:
            self._arrays = {}
            self._bytes_held, self.is_full = 0, False

    def __reduce__(self) -> tuple[Any, ...]:
        return _empty, (*self._arguments, self._same_size)


def _empty(num_samples: int, limit: int | None, same_size: bool) -> RamCache:
    """A copy elsewhere: it starts empty."""
    return RamCache(num_samples, limit, same_size=same_size)


def _memory_to_use() -> float:
    found = [float("inf")]
    with suppress(AttributeError, ValueError, OSError):  # systems that do not say
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in _LIMITS_OF_CONTAINERS:
        with suppress(OSError, ValueError):  # no container, or "max"
            found.append(int(Path(file).read_text(encoding="ascii")))
    return _SHARE_OF_MEMORY * min(found)
