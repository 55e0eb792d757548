"""Batches made ahead of time: which are in the making, and which to start on next."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar, final

from imggen.core import is_whole
from imggen.errors import OptionError, WorkerError
from imggen.workers.fork_safety import register_after_fork
from imggen.workers.pools import Key, ProcessPool, ThreadPool

T = TypeVar("T")


def usable_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_count(workers: int | None) -> int:
    """The number of workers that ``workers=`` asks for; None: as many as there are usable cores.

    Raises:
        OptionError: It is not a whole number of 0 or more, or None.
    """
    if workers is None:
        return usable_cores()
    if not is_whole(workers, 0):
        raise OptionError(f"workers={workers!r} must be a whole number of 0 or more, or None.")
    return workers


def queue_size(max_queue_size: int) -> int:
    """Checks ``max_queue_size=``.

    Raises:
        OptionError: It is not a whole number of 1 or more.
    """
    if not is_whole(max_queue_size, 1):
        raise OptionError(f"max_queue_size={max_queue_size!r} must be a whole number of 1 or more.")
    return max_queue_size


@final
class Prefetcher(Generic[T]):
    """Calls ``make(epoch, index)`` on workers, ahead of the caller where it knows what comes next.

    The workers start with the first batch and live until the loader is closed or collected: none
    is made anew each epoch. Results do not depend on ``workers``.

    Args:
        make: Makes a batch; must be safe to call from several threads, or picklable.
        workers: The number of workers. 0: make batches in the calling thread. None: as many as
            there are usable cores.
        use_multiprocessing: Processes (started by "spawn") rather than threads. Only for
            augmentations or loaders that hold the interpreter lock.
        max_queue_size: The number of batches that may wait, made or in the making.

    Raises:
        OptionError: Numbers out of range.
    """

    def __init__(
        self,
        make: Callable[[int, int], T],
        *,
        workers: int | None,
        use_multiprocessing: bool,
        max_queue_size: int,
    ) -> None:
        self.workers = worker_count(workers)
        self.use_multiprocessing = bool(use_multiprocessing)
        self.max_queue_size = queue_size(max_queue_size)
        self._make = make
        self._pool: ThreadPool[T] | ProcessPool[T] | None = None
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Starts afresh: in a forked child the workers are gone, and so is what they would make."""
        self._lock = threading.Lock()
        self._waiting: dict[Key, Future[Any]] = {}
        self._pool = None

    def get(self, key: Key, upcoming: Sequence[Key] = ()) -> T:
        """Returns the batch ``key`` and starts on those that come next.

        Args:
            key: (epoch, batch index).
            upcoming: The keys that will be asked for next, soonest first.

        Raises:
            WorkerError: A worker process cannot be started, or has ended.
        """
        if self.workers == 0:
            return self._make(*key)
        pool = None
        try:
            with self._lock:
                pool = self._started()
                future = self._waiting.pop(key, None) or pool.submit(key)
                if upcoming:
                    self._look_ahead(pool, upcoming[: self.max_queue_size])
            return pool.result(future)
        except WorkerError:
            with self._lock:
                if self._pool is pool:  # and nobody else has started new ones
                    self._stop()
            raise

    def close(self) -> None:
        """Stops the workers; a later ``get`` starts new ones."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        self._waiting.clear()
        if self._pool is not None:
            self._pool.stop()
        self._pool = None

    def _look_ahead(self, pool: ThreadPool[T] | ProcessPool[T], keys: Sequence[Key]) -> None:
        for key in self._waiting.keys() - set(keys):
            # The order has changed since: what was not started need not be made.
            pool.drop(self._waiting.pop(key))
        for key in keys:
            if key not in self._waiting:
                self._waiting[key] = pool.submit(key)

    def _started(self) -> ThreadPool[T] | ProcessPool[T]:
        if self._pool is None:
            pool = ProcessPool if self.use_multiprocessing else ThreadPool
            self._pool = pool(self._make, self.workers)
        return self._pool

    def __getstate__(self) -> dict[str, Any]:
        return {
            "make": self._make,
            "workers": self.workers,
            "use_multiprocessing": self.use_multiprocessing,
            "max_queue_size": self.max_queue_size,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state.pop("make"), **state)
