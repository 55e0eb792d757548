"""Decoded images kept in memory, so that later epochs do not decode."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.errors import OptionError, SampleError
from imggen.forks import mend_in_child

_SHARE_OF_MEMORY = 0.8


@final
class RamCache:
    """Holds each sample's array as loaded, before augmentation.

    Memory is taken as samples come in: num_samples × height × width × channels bytes when full.
    Safe for several threads; not shared between processes.
    """

    def __init__(self, num_samples: int) -> None:
        self._num_samples = num_samples
        self.after_fork()
        mend_in_child(self)
        self._arrays: npt.NDArray[Any] | None = None
        self._filled: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)

    def after_fork(self) -> None:
        """Gives a forked process a lock of its own."""
        self._lock = threading.Lock()

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Returns sample ``index``, not to be written to, calling ``load`` the first time.

        Raises:
            OptionError: All samples together would not fit into this machine's memory.
            SampleError: A sample of another shape or dtype than the first.
        """
        arrays = self._arrays
        if arrays is not None and self._filled[index]:
            return _read_only(arrays[index])
        array = load()
        with self._lock:
            arrays = self._arrays
            if arrays is None:
                arrays = _room_for(self._num_samples, array)
                self._filled = np.zeros(self._num_samples, dtype=bool)
                self._arrays = arrays  # last: it tells other threads that both are there
        if array.shape != arrays.shape[1:] or array.dtype != arrays.dtype:
            raise SampleError(
                f"Sample {index} is {array.dtype} of shape {array.shape}, others are "
                f"{arrays.dtype} of shape {arrays.shape[1:]}; a cached set needs one shape and "
                "dtype."
            )
        # Two threads may both load a sample; they write the same bytes.
        arrays[index] = array
        self._filled[index] = True
        return _read_only(arrays[index])

    def flush(self) -> None:
        """Does nothing: memory is where everything is already."""

    def clear(self) -> None:
        """Lets go of all samples."""
        with self._lock:
            self._arrays = None

    def __getstate__(self) -> dict[str, int]:
        return {"num_samples": self._num_samples}  # a copy elsewhere starts empty

    def __setstate__(self, state: dict[str, int]) -> None:
        self.__init__(**state)


def _read_only(view: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view.flags.writeable = False
    return view


def _room_for(num_samples: int, sample: npt.NDArray[Any]) -> npt.NDArray[Any]:
    size = num_samples * sample.nbytes
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # systems that do not say
        memory = None
    if memory is not None and size > _SHARE_OF_MEMORY * memory:
        raise OptionError(
            f'cache="ram" would take {size / 2**30:.1f} GiB for {num_samples} samples of '
            f"{sample.nbytes} bytes; this machine has {memory / 2**30:.1f} GiB. Use a smaller "
            "image_size, or no cache."
        )
    # Pages that are never written to take no memory.
    return np.empty((num_samples, *sample.shape), dtype=sample.dtype)
