"""A cache of the masks, boxes and keypoints of images that are cached in memory."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.cache import RamCache
from imggen.workers import register_after_fork

# Roughly the bytes of the objects that hold the arrays of a sample.
_OVERHEAD = 500


class _Targets(NamedTuple):
    masks: tuple[npt.NDArray[Any], ...]
    boxes: npt.NDArray[np.float64] | None
    keypoints: npt.NDArray[np.float64] | None


@final
class KeptTargets:
    """Masks, boxes and keypoints as loaded, before augmentation, by row.

    They take what images leave of the cache's limit; those that do not fit are loaded again in each
    epoch. Safe for several threads. A copy in another process starts empty.

    Args:
        cache: The images.
    """

    def __init__(self, cache: RamCache) -> None:
        self._cache = cache
        self._targets: dict[int, _Targets] = {}
        self._bytes_stored = 0
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Gives a forked process its own lock."""
        self._lock = threading.Lock()

    def find(self, row: int, image: npt.NDArray[Any]) -> Sample | None:
        """Returns the sample of one row, with ``image``; None if nothing is kept for it."""
        targets = self._targets.get(row)
        if targets is None:
            return None
        return Sample(image, targets.masks, (), targets.boxes, targets.keypoints)

    def keep(self, row: int, sample: Sample) -> None:
        """Keeps read-only copies of all but the images of a sample, if there is space."""
        arrays = (*sample.masks, *sample.positions)
        num_bytes = _OVERHEAD + sum(array.nbytes for array in arrays)
        if row in self._targets or not self._has_space(num_bytes):
            return
        targets = _Targets(
            tuple(_copy(mask) for mask in sample.masks),
            None if sample.boxes is None else _copy(sample.boxes),
            None if sample.keypoints is None else _copy(sample.keypoints),
        )
        with self._lock:  # another thread may have kept this row, or others, in the meantime
            if row not in self._targets and self._has_space(num_bytes):
                self._bytes_stored += num_bytes
                self._targets[row] = targets

    def clear(self) -> None:
        """Removes everything."""
        with self._lock:
            self._targets = {}
            self._bytes_stored = 0

    def _has_space(self, num_bytes: int) -> bool:
        return self._bytes_stored + num_bytes <= self._cache.bytes_left

    def __reduce__(self) -> tuple[Any, ...]:
        return KeptTargets, (self._cache,)


def _copy(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns a read-only copy, because a loader may write its next sample into ``array``."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy
