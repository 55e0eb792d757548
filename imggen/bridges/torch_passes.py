"""The passes that torch's ``DataLoader`` makes over a dataset, and the epoch of each.

A ``DataLoader`` only asks a dataset for items by index, in worker processes that were forked or
spawned when a pass began or, with ``persistent_workers``, several passes before. It tells neither
the dataset nor its copies when a pass begins or ends. An epoch that is set in the parent does not
reach a worker, and counting requests in workers goes wrong after a pass that was broken off, since
its batches were made ahead.

But each pass has an iterator in the parent, which is on the call stack when it starts a worker or
fetches an item itself, counts the batches that were handed out, and calls its own ``_reset`` before
the next pass of persistent workers. So each iterator gets an epoch, in memory that it shares with
its workers. The parent changes it only while no batch is awaited: whatever workers still make for
the pass before is dropped by the iterator.

Remove when a ``DataLoader`` tells its dataset that a pass begins.
"""

from __future__ import annotations

import functools
import sys
import threading
import weakref
from collections import deque
from dataclasses import dataclass
from multiprocessing.heap import BufferWrapper
from types import FrameType
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.bridges.batch_source import BatchSource

_LOADER_MODULE = "torch.utils.data.dataloader"
# Functions of Keras that read a batch or two to find their shapes.
_INSPECTING_FUNCTIONS = ("_symbolic_build", "get_tf_dataset")


@final
class SharedEpoch:
    """The epoch of a pass, and whether it was read, in memory shared with worker processes."""

    def __init__(self) -> None:
        self._memory = BufferWrapper(16)
        self._values[:] = 0

    def write(self, epoch: int) -> None:
        """Sets the epoch of a pass that begins."""
        self._values[0] = epoch

    def read(self) -> int:
        """Returns the epoch; called by workers."""
        self._values[1] = 1
        return int(self._values[0])

    @property
    def was_read(self) -> bool:
        """Whether a worker has asked for it."""
        return bool(self._values[1])

    @property
    def _values(self) -> npt.NDArray[np.int64]:
        return np.frombuffer(self._memory.create_memoryview(), np.int64, count=2)


@final
@dataclass(eq=False)
class LoaderPass:
    """A pass of an iterator of a ``DataLoader``.

    Attributes:
        epoch: Its epoch.
        shared: The epoch for the workers; None: there are none.
        is_settled: Whether the end of the pass was recorded, or does not matter.
        next_index: The batch after the one that was asked for last.
        num_asked: The number of batches that were asked for; only without workers.
    """

    epoch: int
    shared: SharedEpoch | None
    is_settled: bool
    next_index: int = 0
    num_asked: int = 0


@final
class LoaderPasses:
    """The passes over one dataset in the parent.

    Args:
        source: Holds the epoch of a pass that begins.
    """

    def __init__(self, source: BatchSource) -> None:
        self._source = source
        self._num_batches = len(source)
        self._lock = threading.RLock()
        self._by_iterator: weakref.WeakKeyDictionary[Any, LoaderPass] = weakref.WeakKeyDictionary()
        # Filled by finalizers, which may run in any thread.
        self._ended: deque[LoaderPass] = deque()

    def find_current(self) -> LoaderPass | None:
        """Returns the pass that the calling thread fetches an item for, or None."""
        iterator = _find_iterator("_next_data")
        if iterator is None:
            return None
        with self._lock:
            return self._by_iterator.get(iterator) or self._begin(iterator, None)

    def find_worker_epoch(self) -> SharedEpoch | None:
        """Returns the epoch for a worker process that is being started, or None."""
        iterator = _find_iterator("__init__")
        if iterator is None:
            return None
        with self._lock:
            current = self._by_iterator.get(iterator)
            if current is None:
                current = self._begin(iterator, SharedEpoch())
                self._follow_resets(iterator)
            return current.shared

    def note_asked(self, current: LoaderPass, index: int) -> None:
        """Records that a batch of a pass without workers was handed out."""
        current.next_index = index + 1
        current.num_asked += 1
        if current.num_asked == self._num_batches:
            self._settle(current)

    def settle(self) -> None:
        """Finishes the epochs of the passes that are complete by now."""
        with self._lock:
            complete = [
                current
                for iterator, current in self._by_iterator.items()
                if _is_complete(vars(iterator), self._num_batches)
            ]
            while self._ended:
                complete.append(self._ended.popleft())
            for current in complete:
                self._settle(current)

    def forget(self) -> None:
        """Keeps the passes under way from finishing an epoch."""
        with self._lock:
            self.settle()
            for current in self._by_iterator.values():
                current.is_settled = True

    def _begin(self, iterator: Any, shared: SharedEpoch | None) -> LoaderPass:
        self.settle()
        current = LoaderPass(self._source.epoch, shared, is_settled=_is_inspection_by_keras())
        if shared is not None:
            shared.write(current.epoch)
        self._by_iterator[iterator] = current
        # The attributes of an iterator show how far it got, even after it is deleted.
        at_end = functools.partial(_note_end, vars(iterator), current, self._num_batches)
        weakref.finalize(iterator, at_end, self._ended).atexit = False
        return current

    def _begin_next(self, iterator: Any) -> None:
        """Begins the next pass of an iterator whose workers are kept."""
        with self._lock:
            self.settle()
            current = self._by_iterator[iterator]
            current.epoch = self._source.epoch
            current.is_settled = _is_inspection_by_keras()
            if current.shared is not None:
                current.shared.write(current.epoch)

    def _follow_resets(self, iterator: Any) -> None:
        passes, reference = weakref.ref(self), weakref.ref(iterator)
        inner = vars(iterator).get("_reset")  # of another dataset that the workers have

        def reset(loader: Any, first_iter: bool = False) -> None:
            resetting: Any = reference()
            followed = passes()
            if not first_iter and followed is not None:
                followed._begin_next(resetting)
            if inner is None:
                type(resetting)._reset(resetting, loader, first_iter)
            else:
                inner(loader, first_iter)

        iterator._reset = reset

    def _settle(self, current: LoaderPass) -> None:
        """Finishes the epoch of a complete pass."""
        # Workers of any ``DataLoader`` are copies of this process, and have the dataset, too.
        if current.shared is not None and not current.shared.was_read:
            return
        if not current.is_settled:
            current.is_settled = True
            self._source.finish_epoch(current.epoch)


def _is_complete(attributes: dict[str, Any], num_batches: int) -> bool:
    """Whether an iterator with these attributes has handed out all of its items."""
    sampler = attributes["_index_sampler"]
    expected = len(sampler) if hasattr(sampler, "__len__") else num_batches
    return bool(attributes["_num_yielded"] >= expected)


def _note_end(
    attributes: dict[str, Any], current: LoaderPass, num_batches: int, ended: deque[LoaderPass]
) -> None:
    if _is_complete(attributes, num_batches):
        ended.append(current)


def _find_iterator(function: str) -> Any:
    """Returns the iterator of a ``DataLoader`` that is further up the call stack, or None.

    Args:
        function: The method of it that is running.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == function and frame.f_globals.get("__name__") == _LOADER_MODULE:
            found = frame.f_locals.get("self")
            if hasattr(found, "_index_sampler") and hasattr(found, "_num_yielded"):
                return found
        frame = frame.f_back
    return None


def _is_inspection_by_keras() -> bool:
    """Whether the pass that begins is one in which Keras only inspects shapes.

    Such a pass is no epoch, even if the dataset has no more batches than Keras inspects.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name in _INSPECTING_FUNCTIONS:
            module = str(frame.f_globals.get("__name__", ""))
            if module.partition(".")[0] == "keras":
                return True
        frame = frame.f_back
    return False
