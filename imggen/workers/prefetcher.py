"""Prefetching: which batches are being made, and which ones to start next."""

from __future__ import annotations

import functools
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any, Generic, TypeVar, final

from imggen.errors import WorkerError
from imggen.workers.exit_guard import EXIT_GUARD
from imggen.workers.fork_safety import register_after_fork
from imggen.workers.large_blocks import keep_big_blocks
from imggen.workers.options import WorkerOptions
from imggen.workers.pace import Pace
from imggen.workers.pools import BatchKey, ProcessPool, ThreadPool

T = TypeVar("T")

# Enough for training, validation and test data at the same time. Others that are idle make room:
# under TensorFlow, Keras keeps what it was given, and with it the sequences that this reads.
_MAX_RUNNING = 4
_IDLE_SECONDS = 0.5
_IDLE_SECONDS_OF_PROCESSES = 60.0  # which take seconds to start again
_IDLE_SECONDS_OF_KEPT = 10.0  # of what Keras may keep until the process ends


@final
class Prefetcher(Generic[T]):
    """Calls ``make(epoch, index)`` on workers, ahead of the caller where the next calls are known.

    All processes make batches. The number of threads that do depends on the cost of a sample; where
    it is low, the calling thread makes the batches itself; see ``Pace``.

    The workers start with the first batch and live until the prefetcher is closed or collected;
    they are not restarted each epoch. Only when several other prefetchers were used since, an idle
    one stops its workers until its next batch. Results do not depend on the options.

    Args:
        make: Makes a batch; must be safe to call from several threads, or picklable.
        options: The workers, and the number of batches that they prefetch.
        release: Frees memory that ``make`` reuses; called when the workers stop. None: nothing.
        batch_size: The number of samples per batch.
    """

    def __init__(
        self,
        make: Callable[[int, int], T],
        options: WorkerOptions,
        release: Callable[[], object] | None = None,
        batch_size: int = 1,
    ) -> None:
        self.options = options
        self._batch_size = batch_size
        self._pace = Pace(options.num_workers, batch_size)
        self._stops_when_idle = False
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

    def get(self, key: BatchKey, upcoming: Sequence[BatchKey] = (), *, in_turns: bool = False) -> T:
        """Returns the batch ``key`` and starts on the batches that come next.

        Args:
            key: (epoch, batch index).
            upcoming: The keys of the batches that will be requested next, soonest first.
            in_turns: The caller uses all cores between two requests, and workers beside it would
                only slow both down. They make one batch each, and no further one until the caller
                waits again.

        Raises:
            WorkerError: A worker process cannot be started or has ended, or this process is
                exiting.
        """
        if key[1] == 0:
            keep_big_blocks()
        with EXIT_GUARD.hold():
            if self.options.num_workers == 0:
                return self._make(*key)
            if self._pool is not None and not self._pending and self._pace.skips_measuring():
                self._last_used = time.monotonic()
                made = self._make(*key)
            else:
                made = self._get(key, upcoming, in_turns)
            self._pace.note_served()
            return made

    def stop_when_idle(self) -> None:
        """Stops threads from now on once no batch was asked for in 10 seconds."""
        self._stops_when_idle = True

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

    def _get(self, key: BatchKey, upcoming: Sequence[BatchKey], in_turns: bool) -> T:
        pool = future = None
        try:
            with self._lock:
                self._num_waiting += 1
                self._last_used = time.monotonic()
                pool = self._get_pool()
                self._pace.note_request()
                future = self._schedule(pool, key, upcoming, in_turns)
            if future is not None:
                return pool.result(future)
            return self._pace.measure_batch(self._make, key, num_beside=0)
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
        return self._get(key, upcoming, in_turns)  # another thread has closed this prefetcher

    def close(self) -> None:
        """Stops the workers; a later ``get`` starts new ones."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        self._pending.clear()
        pool, self._pool = self._pool, None  # first: a KeyboardInterrupt may end the wait
        if pool is not None:
            pool.stop()
        if self._release is not None:
            self._release()

    def _stop_if_idle(self, limit: float) -> None:
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._num_waiting == 0 and time.monotonic() - self._last_used > limit:
                self._pending.clear()
                self._pool = None  # without waiting for batches that are being made
                if self._release is not None:
                    self._release()
        finally:
            self._lock.release()

    def _schedule(
        self,
        pool: ThreadPool[T] | ProcessPool[T],
        key: BatchKey,
        upcoming: Sequence[BatchKey],
        in_turns: bool,
    ) -> Future[Any] | None:
        """Schedules a batch and the next ones; returns None if the caller is to make the batch."""
        future = self._pending.pop(key, None)
        num_ahead = self.options.max_queue_size
        if not self.options.use_multiprocessing and self._pace.is_in_place(in_turns=in_turns):
            num_ahead = 0
        else:
            if in_turns:
                num_ahead = min(num_ahead, 0 if future else self._pace.num_threads - 1)
            future = future or pool.submit(key)
        if upcoming:
            self._drop_all_but(upcoming[: self.options.max_queue_size], pool)
            for following in upcoming[:num_ahead]:
                if following not in self._pending:
                    self._pending[following] = pool.submit(following)
        return future

    def _drop_all_but(self, keys: Sequence[BatchKey], pool: ThreadPool[T] | ProcessPool[T]) -> None:
        for key in self._pending.keys() - set(keys):  # the order has changed
            pool.drop(self._pending.pop(key))

    def _get_pool(self) -> ThreadPool[T] | ProcessPool[T]:
        if self._pool is None:
            _stop_idle(self)
            workers = self.options.num_workers
            if self.options.use_multiprocessing:
                self._pool = ProcessPool(self._make, workers)
            else:
                stop_if_idle = functools.partial(_stop_if_idle, weakref.ref(self))
                self._pool = ThreadPool(
                    self._make, workers, self._pace, stop_if_idle, _IDLE_SECONDS_OF_KEPT
                )
        return self._pool

    def __reduce__(self) -> tuple[type[Prefetcher[Any]], tuple[Any, ...]]:
        return Prefetcher, (self._make, self.options, self._release, self._batch_size)


def _stop_if_idle(reference: weakref.ref[Prefetcher[Any]]) -> None:
    prefetcher = reference()
    if prefetcher is not None and prefetcher._stops_when_idle:
        prefetcher._stop_if_idle(_IDLE_SECONDS_OF_KEPT)


_started: weakref.WeakSet[Prefetcher[Any]] = weakref.WeakSet()


def _stop_idle(starting: Prefetcher[Any]) -> None:
    """Stops idle prefetchers, so that few run beside the one that starts."""
    others = [other for other in _started if other is not starting and other._pool is not None]
    others.sort(key=lambda other: -other._last_used)
    for other in others[_MAX_RUNNING - 1 :]:
        is_slow = other.options.use_multiprocessing
        other._stop_if_idle(_IDLE_SECONDS_OF_PROCESSES if is_slow else _IDLE_SECONDS)
    _started.add(starting)
