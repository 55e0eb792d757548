"""Prefetching: which batches are being made, and which ones to start next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar, final

from imggen.errors import WorkerError
from imggen.workers.exit_guard import EXIT_GUARD
from imggen.workers.fork_safety import register_after_fork
from imggen.workers.options import WorkerOptions
from imggen.workers.pools import BatchKey, ProcessPool, ThreadPool

T = TypeVar("T")


@final
class Prefetcher(Generic[T]):
    """Calls ``make(epoch, index)`` on workers, ahead of the caller where the next calls are known.

    The workers start with the first batch and live until the prefetcher is closed or collected;
    they are not restarted each epoch. Results do not depend on the options.

    Args:
        make: Makes a batch; must be safe to call from several threads, or picklable.
        options: The workers, and the number of batches that they prefetch.
    """

    def __init__(self, make: Callable[[int, int], T], options: WorkerOptions) -> None:
        self.options = options
        self._make = make
        self._pool: ThreadPool[T] | ProcessPool[T] | None = None
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Starts over: a forked process has neither the workers nor their results."""
        self._lock = threading.Lock()
        self._pending: dict[BatchKey, Future[Any]] = {}
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

    def _get(self, key: BatchKey, upcoming: Sequence[BatchKey]) -> T:
        if self.options.num_workers == 0:
            return self._make(*key)
        pool = None
        try:
            with self._lock:
                pool = self._get_pool()
                future = self._pending.pop(key, None) or pool.submit(key)
                if upcoming:
                    self._prefetch(pool, upcoming[: self.options.max_queue_size])
            return pool.result(future)
        except WorkerError:
            with self._lock:
                if self._pool is pool:  # no other thread has started new workers
                    self._stop()
            raise

    def close(self) -> None:
        """Stops the workers; a later ``get`` starts new ones."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        self._pending.clear()
        if self._pool is not None:
            self._pool.stop()
        self._pool = None

    def _prefetch(self, pool: ThreadPool[T] | ProcessPool[T], keys: Sequence[BatchKey]) -> None:
        for key in self._pending.keys() - set(keys):  # the order has changed
            pool.drop(self._pending.pop(key))
        for key in keys:
            if key not in self._pending:
                self._pending[key] = pool.submit(key)

    def _get_pool(self) -> ThreadPool[T] | ProcessPool[T]:
        if self._pool is None:
            pool = ProcessPool if self.options.use_multiprocessing else ThreadPool
            self._pool = pool(self._make, self.options.num_workers)
        return self._pool

    def __reduce__(self) -> tuple[type[Prefetcher[Any]], tuple[Any, ...]]:
        return Prefetcher, (self._make, self.options)
