"""The current epoch of a sequence, and the epoch that each request for a batch belongs to."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import context
from multiprocessing.heap import BufferWrapper
from typing import Any, final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from imggen.sequences.index_passes import IndexPasses, IndexRequest
from imggen.sequences.keras_compat import WrapperRequest
from imggen.workers import register_after_fork, register_before_fork


@final
@dataclass
class _WrapperPass:
    """A pass of Keras over a user's own PyDataset that asks for batches by index."""

    epoch: int
    asked: set[int] = field(default_factory=set)


@final
class EpochTracker:
    """Holds the current epoch, and finds the epoch of requests by index.

    Safe for several threads. A copy in another process is at the same epoch, and in no pass.

    Args:
        num_batches: The number of batches in an epoch.
        epoch: The current epoch.
        shared: For a copy in a worker process: memory shared with the original and other copies,
            which holds how often copies were asked for each batch.
        asked_before: These numbers at the time of the copy. Other copies may have been asked for
            some batches, in a pass that was broken off.
        start: The batch with which a pass over the current epoch begins.
    """

    def __init__(
        self,
        num_batches: int,
        epoch: int = 0,
        shared: BufferWrapper | None = None,
        asked_before: npt.NDArray[np.int64] | None = None,
        start: int = 0,
    ) -> None:
        self._num_batches = num_batches
        self._epoch = epoch
        self._next_index = 0
        self._lock = threading.RLock()
        self._shared: BufferWrapper | None = None
        self._asked_before = asked_before
        self._start_as_copy(shared)
        if start:
            self.begin_at(epoch, start)
        register_before_fork(self)
        register_after_fork(self)

    def before_fork(self) -> None:
        """Shares memory with the copy in the new process."""
        with self._lock:
            self._count_epochs_of_copies()
            if self._shared is None:
                self._shared = BufferWrapper(8 * self._num_batches)
                self._of_copies = _counts(self._shared)
                self._of_copies[:] = 0
                self._counted = self._of_copies.copy()
            self._asked_at_fork = self._of_copies.copy()

    def after_fork(self) -> None:
        """Starts over as a copy; another thread may have held the lock during the fork."""
        self._lock = threading.RLock()
        shared, self._shared = self._shared, None
        self._asked_before = self._asked_at_fork
        self._start_as_copy(shared)

    @property
    def epoch(self) -> int:
        """The current epoch, which a pass serves that begins now. May be set."""
        with self._lock:
            self._count_epochs_of_copies()
            return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        with self._lock:
            self._epoch = epoch
            if self._shared is not None:
                self._counted = self._of_copies.copy()
            self._start_over()

    @property
    def position(self) -> tuple[int, int]:
        """The current epoch, and the batch with which a pass over it begins."""
        with self._lock:
            return self.epoch, self._start

    def begin_at(self, epoch: int, start: int) -> None:
        """Sets the current epoch, of which the batches before ``start`` count as served."""
        with self._lock:
            self.epoch = epoch
            if start:
                self._start = self._next_index = start
                self._by_index.begin_at(epoch, start)

    @property
    def served(self) -> int:
        """The epoch of the batch that was served last; before the first, the current epoch."""
        with self._lock:
            self._count_epochs_of_copies()
            return self._served

    @served.setter
    def served(self, epoch: int) -> None:
        self._served = epoch

    def finish(self, epoch: int) -> bool:
        """Records that a pass over ``epoch`` is complete.

        Returns:
            Whether the current epoch has advanced: only the first of several passes over the same
            epoch advances it.
        """
        with self._lock:
            is_current = epoch == self._epoch
            if is_current:
                self._epoch += 1
                self._start = 0
            return is_current

    def next_index(self) -> int:
        """Returns 0, 1, 2, ... with each call, and 0 again after the last batch."""
        with self._lock:
            index = self._next_index
            self._next_index = (index + 1) % self._num_batches
            return index

    def note_len(self) -> None:
        """Records that the number of batches was asked for, as at the beginning of a loop."""
        self._is_after_len = True

    def ask(
        self, index: int, wrapper: WrapperRequest | None, *, is_look: bool = False
    ) -> IndexRequest:
        """Finds the epoch of a request by index, and advances the epoch that it completes.

        Args:
            index: The batch.
            is_look: Whether it was named by a negative index.
            wrapper: The request of Keras to a user's own PyDataset that this request serves, or
                None.

        Returns:
            The request; ``is_complete`` tells whether it has advanced the current epoch.
        """
        with self._lock:
            self._count_epochs_of_copies()
            is_after_len, self._is_after_len = self._is_after_len, False
            if wrapper is not None:
                request = self._ask_in_wrapper(index, wrapper)
            elif is_look:
                request = self._by_index.look(index, self._epoch)
            else:
                request = self._by_index.ask(index, self._epoch, is_after_len=is_after_len)
            return request._replace(is_complete=request.is_complete and self.finish(request.epoch))

    def following(self, index: int, wrapper: WrapperRequest, count: int) -> Sequence[int] | None:
        """Returns the batches that a user's own PyDataset will ask for next, at most ``count``.

        Args:
            index: The batch that it has asked for last.
            wrapper: The request of Keras that this request serves.
            count: The number of batches.

        Returns:
            The batches in order; None if they are unknown.
        """
        if wrapper.order is None:
            return None
        with self._lock:
            later = len(self._in_wrappers[wrapper.pass_of].asked)
        if later > len(wrapper.order) or wrapper.order[later - 1] != index:
            return None  # it asks in an order of its own
        return wrapper.order[later : later + count]

    def close_pass(self) -> None:
        """Ends a complete pass by index: no further request looks back at it."""
        with self._lock:
            self._by_index.close()

    def _ask_in_wrapper(self, index: int, wrapper: WrapperRequest) -> IndexRequest:
        if wrapper.pass_of is None:
            epoch = self._epoch
            counts, before = self._of_original, self._asked_before
            if wrapper.is_in_process and counts is not None and before is not None:
                # Workers of torch may live for several epochs.
                epoch += int(counts[index] - before[index])
                counts[index] += 1
            return IndexRequest(epoch, False, False)
        current = self._in_wrappers.get(wrapper.pass_of)
        if current is None or wrapper.is_first:
            current = self._in_wrappers[wrapper.pass_of] = _WrapperPass(self._epoch)
        current.asked.add(index)
        is_complete = wrapper.is_last or len(current.asked) == self._num_batches
        return IndexRequest(current.epoch, False, is_complete)

    def _count_epochs_of_copies(self) -> None:
        """Advances the epoch if copies in worker processes have been asked for all its batches."""
        if self._shared is not None:
            completed = int((self._of_copies - self._counted).min())
            self._epoch += completed
            self._counted += completed
            if completed:
                self._served = self._epoch - 1
                self._start = 0

    def _start_as_copy(self, shared: BufferWrapper | None) -> None:
        self._of_original = None if shared is None else _counts(shared)
        self._start_over()

    def _start_over(self) -> None:
        self._served = self._epoch
        self._start = 0
        self._next_index = 0
        self._is_after_len = False
        self._by_index = IndexPasses(self._num_batches)
        self._in_wrappers: WeakKeyDictionary[object, _WrapperPass] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[type[EpochTracker], tuple[Any, ...]]:
        if context.get_spawning_popen() is None:
            return EpochTracker, (self._num_batches, self.epoch, None, None, self._start)
        self.before_fork()  # a worker that is not forked is about to start
        return EpochTracker, (self._num_batches, self.epoch, self._shared, self._asked_at_fork)


def _counts(shared: BufferWrapper) -> npt.NDArray[np.int64]:
    return np.frombuffer(shared.create_memoryview(), np.int64)
