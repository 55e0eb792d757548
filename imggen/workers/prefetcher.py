"""Prefetching: which batches are being made, and which ones to start next."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any, Generic, TypeVar, final

from imggen.errors import WorkerError
from imggen.workers.exit_guard import EXIT_GUARD
from imggen.workers.fork_safety import register_after_fork
from imggen.workers.options import WorkerOptions
from imggen.workers.pools import BatchKey, ProcessPool, ThreadPool

T = TypeVar("T")

# Enough for training, validation and test data at the same time. Others that are idle make room:
# under TensorFlow, Keras keeps what it was given, and with it the sequences that this reads.
_MOST_RUNNING = 4
_IDLE_SECONDS = 0.5
_IDLE_SECONDS_OF_PROCESSES = 60.0  # which take seconds to start again


@final
class Prefetcher(Generic[T]):
    """Calls ``make(epoch, index)`` on workers, ahead of the caller where the next calls are known.

    The workers start with the first batch and live until the prefetcher is closed or collected;
    they are not restarted each epoch. Only when several other prefetchers were used since, an idle
    one stops its workers until its next batch. Results do not depend on the options.

    Args:
        make: Makes a batch; must be safe to call from several threads, or picklable.
        options: The workers, and the number of batches that they prefetch.
        release: Frees memory that ``make`` reuses; called when the workers stop. None: nothing.
    """

    def __init__(
        self,
        make: Callable[[int, int], T],
        options: WorkerOptions,
        release: Callable[[], object] | None = None,
    ) -> None:
        self.options = options
        self._make = make
        self._release = release
        self._last_used = 0.0
        self._pool: ThreadPool[T] | ProcessPool[T] | None = None
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Starts over: a forked process has neither the workers nor their results."""
        self._lock = threading.Lock()
        self._pending: dict[BatchKey, Future[Any]] = {}
        self._num_waiting = 0
        self._pool = None

    def get(self, key: BatchKey, upcoming: Sequence[BatchKey] = ()) -> T:
        """Returns the batch ``key`` and starts on the batches that come next.

        Args:
            key: (epoch, batch index).
            upcoming: The keys of the batches that will be requested next, soonest first.

        Raises:
            WorkerError: A worker process cannot be started or has ended, or this process is
                exiting.
        """
        with EXIT_GUARD.hold():
            return self._get(key, upcoming)

    def make(self, key: BatchKey) -> T:
        """Returns the batch ``key``, made by the calling thread if the workers are threads."""
        if self.options.use_multiprocessing:
            return self.get(key)
        with EXIT_GUARD.hold():
            return self._make(*key)

    def release(self) -> None:
        """Frees memory that ``make`` reuses, unless workers are running."""
        with self._lock:
            if self._pool is None and self._release is not None:
                self._release()

    def _get(self, key: BatchKey, upcoming: Sequence[BatchKey]) -> T:
        if self.options.num_workers == 0:
            return self._make(*key)
        pool = future = None
        try:
            with self._lock:
                self._num_waiting += 1
                self._last_used = time.monotonic()
                pool = self._get_pool()
                future = self._pending.pop(key, None) or pool.submit(key)
                if upcoming:
                    self._prefetch(pool, upcoming[: self.options.max_queue_size])
            return pool.result(future)
        except CancelledError:
            if future is None or not future.cancelled():  # an error of ``make``
                raise
        except WorkerError:
            with self._lock:
                if self._pool is pool:  # no other thread has started new workers
                    self._stop()
            raise
        finally:
            with self._lock:
                self._num_waiting -= 1
        return self._get(key, upcoming)  # another thread has closed this prefetcher

    def close(self) -> None:
        """Stops the workers; a later ``get`` starts new ones."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        self._pending.clear()
        if self._pool is not None:
            self._pool.stop()
        self._pool = None
        if self._release is not None:
            self._release()

    def _stop_if_idle(self) -> None:
        if not self._lock.acquire(blocking=False):
            return
        try:
            is_slow = self.options.use_multiprocessing
            limit = _IDLE_SECONDS_OF_PROCESSES if is_slow else _IDLE_SECONDS
            if self._num_waiting == 0 and time.monotonic() - self._last_used > limit:
                self._pending.clear()
                self._pool = None  # without waiting for batches that are being made
                if self._release is not None:
                    self._release()
        finally:
            self._lock.release()

    def _prefetch(self, pool: ThreadPool[T] | ProcessPool[T], keys: Sequence[BatchKey]) -> None:
        for key in self._pending.keys() - set(keys):  # the order has changed
            pool.drop(self._pending.pop(key))
        for key in keys:
            if key not in self._pending:
                self._pending[key] = pool.submit(key)

    def _get_pool(self) -> ThreadPool[T] | ProcessPool[T]:
        if self._pool is None:
            _stop_idle(self)
            pool = ProcessPool if self.options.use_multiprocessing else ThreadPool
            self._pool = pool(self._make, self.options.num_workers)
        return self._pool

    def __reduce__(self) -> tuple[type[Prefetcher[Any]], tuple[Any, ...]]:
        return Prefetcher, (self._make, self.options, self._release)


_started: weakref.WeakSet[Prefetcher[Any]] = weakref.WeakSet()


def _stop_idle(starting: Prefetcher[Any]) -> None:
    """Stops idle prefetchers, so that few run beside the one that starts."""
    others = [other for other in _started if other is not starting and other._pool is not None]
    others.sort(key=lambda other: -other._last_used)
    for other in others[_MOST_RUNNING - 1 :]:
        other._stop_if_idle()
    _started.add(starting)
