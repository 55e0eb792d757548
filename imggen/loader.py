"""Batches made ahead of time, by threads or by processes."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import signal
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic, NoReturn, TypeVar, cast, final

from imggen.errors import OptionError, WorkerError

T = TypeVar("T")

Key = tuple[int, int]  # (epoch, batch index)


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
    if not _is_whole(workers, 0):
        raise OptionError(f"workers={workers!r} must be a whole number of 0 or more, or None.")
    return workers


def queue_size(max_queue_size: int) -> int:
    """Checks ``max_queue_size=``.

    Raises:
        OptionError: It is not a whole number of 1 or more.
    """
    if not _is_whole(max_queue_size, 1):
        raise OptionError(f"max_queue_size={max_queue_size!r} must be a whole number of 1 or more.")
    return max_queue_size


@final
class Loader(Generic[T]):
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
        self._lock = threading.Lock()
        self._waiting: dict[Key, Future[T]] = {}
        self._executor: Executor | None = None
        self._process_id = os.getpid()

    def get(self, key: Key, upcoming: Sequence[Key] = ()) -> T:
        """Returns the batch ``key`` and starts on those that come next.

        Args:
            key: (epoch, batch index).
            upcoming: The keys that will be asked for next, soonest first.
        """
        if self.workers == 0:
            return self._make(*key)
        with self._lock:
            executor = self._started()
            future = self._waiting.pop(key, None) or self._submit(executor, key)
            if upcoming:
                self._look_ahead(executor, upcoming[: self.max_queue_size])
        try:
            return future.result()
        except BrokenProcessPool as err:
            raise WorkerError(
                "A worker process ended before its batch was made. Worker processes import the "
                'script anew, so training code must stand under: if __name__ == "__main__":. '
                "If it does, the process may have run out of memory: use fewer workers, or "
                "threads (use_multiprocessing=False)."
            ) from err

    def close(self) -> None:
        """Stops the workers; a later ``get`` starts new ones."""
        with self._lock:
            self._waiting.clear()
            if self._executor is not None and self._process_id == os.getpid():
                self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def _look_ahead(self, executor: Executor, keys: Sequence[Key]) -> None:
        for key in self._waiting.keys() - set(keys):
            # The order has changed since: what was not started need not be made.
            self._waiting.pop(key).cancel()
        for key in keys:
            if key not in self._waiting:
                self._waiting[key] = self._submit(executor, key)

    def _submit(self, executor: Executor, key: Key) -> Future[T]:
        if self.use_multiprocessing:
            return cast("Future[T]", executor.submit(_make_in_process, *key))
        return executor.submit(self._make, *key)

    def _started(self) -> Executor:
        if self._process_id != os.getpid():
            # In a forked child the threads are gone, and so is the hope of their results.
            self._executor, self._waiting = None, {}
            self._process_id = os.getpid()
        if self._executor is None:
            if self.use_multiprocessing:
                self._executor = self._processes()
            else:
                self._executor = ThreadPoolExecutor(self.workers, thread_name_prefix="imggen")
            weakref.finalize(self, _stop, self._executor)
            _running.add(self._executor)
        return self._executor

    def _processes(self) -> Executor:
        try:
            pickled = pickle.dumps(self._make)
        except (pickle.PicklingError, AttributeError, TypeError) as err:
            raise WorkerError(
                f"use_multiprocessing=True must send the loader and the augmentations to other "
                f"processes, and one of them cannot be pickled: {err}. Use functions defined at "
                "the top of a module instead of lambdas, or threads (use_multiprocessing=False)."
            ) from err
        # Spawned, never forked: a fork copies the locks of TensorFlow's and OpenCV's threads in
        # whatever state they are, and deadlocks.
        return ProcessPoolExecutor(
            self.workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_process,
            initargs=(pickled,),
        )

    def __getstate__(self) -> dict[str, Any]:
        return {
            "make": self._make,
            "workers": self.workers,
            "use_multiprocessing": self.use_multiprocessing,
            "max_queue_size": self.max_queue_size,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state.pop("make"), **state)


def _stop(executor: Executor) -> None:
    executor.shutdown(wait=False, cancel_futures=True)


_running: weakref.WeakSet[Executor] = weakref.WeakSet()


def _stop_all() -> None:
    for executor in list(_running):
        _stop(executor)


# At exit, concurrent.futures waits until its queues are empty: all batches that were to be made
# ahead would still be made. What is registered here, later, is called before that. threading has
# this hook for the use of concurrent.futures; without it, leaving takes longer, and that is all.
getattr(threading, "_register_atexit", lambda _: None)(_stop_all)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


# What a worker process makes batches with; set once when it starts, and only there.
_make: Callable[[int, int], Any]


def _start_process(pickled: bytes) -> None:
    global _make
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Ctrl-C reaches the whole process group; the parent stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _make = pickle.loads(pickled)
    except Exception as err:  # noqa: BLE001 - raised again with the first batch, in the parent
        reason = f"{type(err).__name__}: {err}"
        _make = functools.partial(_refuse, reason)


def _end_with_parent() -> None:
    """Ends this process when its parent is gone, even if the parent was killed outright."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _refuse(reason: str, epoch: int, index: int) -> NoReturn:
    raise WorkerError(
        f"A worker process cannot load what makes batch {index} of epoch {epoch}: {reason}. "
        "Functions for worker processes must stand at the top of a module or script, not in a "
        'notebook or under if __name__ == "__main__":. Or use threads '
        "(use_multiprocessing=False)."
    )


def _make_in_process(epoch: int, index: int) -> Any:
    return _make(epoch, index)
