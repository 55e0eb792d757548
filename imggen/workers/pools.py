"""The threads or processes that make batches: how they start, return results and end."""

from __future__ import annotations

import functools
import multiprocessing
import os
import shutil
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Generic, NoReturn, TypeVar, final

from imggen.errors import WorkerError
from imggen.workers.fork_safety import register_after_fork
from imggen.workers.pace import Pace
from imggen.workers.pickling import pickle_function
from imggen.workers.shared_memory import SharedMemoryMessage, create_message_folder, write_message
from imggen.workers.shared_pickle import SharedPickle
from imggen.workers.threads import start_threads

T = TypeVar("T")

BatchKey = tuple[int, int]  # (epoch, batch index)

_SECONDS_BETWEEN_PROBES = 1.0


@final
class ThreadPool(Generic[T]):
    """Calls ``make(epoch, index)`` on threads, on as many at a time as ``pace`` says.

    A pool of several threads limits OpenCV to one thread per call.

    Args:
        make: Makes a batch.
        workers: The number of threads. All start here.
        pace: Says how many of them work. None: all.
        on_idle: Called on a thread each time that it had nothing to do for ``idle_seconds``.
        idle_seconds: See ``on_idle``. None: never.
    """

    def __init__(
        self,
        make: Callable[[int, int], T],
        workers: int,
        pace: Pace | None = None,
        on_idle: Callable[[], object] = lambda: None,
        idle_seconds: float | None = None,
    ) -> None:
        self._make = make
        self._pace = pace or Pace(workers)
        self._threads = start_threads(workers, on_idle, idle_seconds)
        _stop_with(self, self._threads, self._threads.stop)
        if workers > 1:
            limit_opencv_to_one_thread(self)

    def submit(self, key: BatchKey) -> Future[T]:
        """Schedules a batch."""
        return self._threads.submit(
            functools.partial(_measure, self._pace, self._make, key), self._pace.num_threads
        )

    def result(self, future: Future[Any]) -> T:
        """Waits for a batch."""
        made: T = future.result()
        return made

    def drop(self, future: Future[Any]) -> None:
        """Discards a batch; one that was not started is never made."""
        future.cancel()

    def stop(self) -> None:
        """Stops the threads and waits until they have ended."""
        self._threads.stop()
        self._threads.wait()


def _measure(pace: Pace, make: Callable[[int, int], T], key: BatchKey, num_working: int) -> T:
    return pace.measure_batch(make, key, num_working)  # the caller works, too


@final
class ProcessPool(Generic[T]):
    """Calls ``make(epoch, index)`` in processes, which return results through shared memory.

    Raises:
        WorkerError: ``make`` cannot be pickled, or a process has ended.
    """

    def __init__(self, make: Callable[[int, int], T], workers: int) -> None:
        self._shared = pickle_function(
            make, "use_multiprocessing=True", "threads (use_multiprocessing=False)"
        )
        self._folder = create_message_folder()
        # Spawned, not forked: a fork copies the locks of TensorFlow's and OpenCV's threads in
        # whatever state they are, and deadlocks.
        self._executor = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_process,
            initargs=(self._shared, self._folder),
        )
        _stop_with(
            self, self._executor, functools.partial(_stop_processes, self._executor, self._folder)
        )
        # All processes start here. Otherwise the executor starts them as batches are scheduled, and
        # waits forever for one that it starts while it stops the others because one has died.
        for _ in range(workers):
            self._submit(int)

    def submit(self, key: BatchKey) -> Future[SharedMemoryMessage]:
        """Schedules a batch.

        Raises:
            WorkerError: A process has ended, which ends the whole pool.
        """
        return self._submit(_make_in_process, *key)

    def _submit(self, function: Callable[..., Any], *args: int) -> Future[Any]:
        try:
            return self._executor.submit(function, *args)
        except BrokenProcessPool as err:
            raise _worker_ended() from err

    def result(self, future: Future[Any]) -> T:
        """Waits for a batch.

        Raises:
            WorkerError: The process that was making it has ended.
        """
        # Where a process dies while a batch is being scheduled, the executor may lose the batch,
        # which is never made. It refuses all later calls.
        while not wait([future], _SECONDS_BETWEEN_PROBES).done:
            self._submit(int)
        try:
            made: T = future.result().read()
        except BrokenProcessPool as err:
            raise _worker_ended() from err
        return made

    def drop(self, future: Future[Any]) -> None:
        """Discards a batch once it is made."""
        # Not cancelled: when a worker dies, Python 3.11 raises an internal error for a cancelled
        # future, and all other futures wait forever. Remove when 3.11 is no longer supported.
        future.add_done_callback(_discard)

    def stop(self) -> None:
        """Stops the processes and waits until they have ended."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._shared.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _worker_ended() -> WorkerError:
    return WorkerError(
        "A worker process ended before its batch was made. Worker processes import the main script "
        'again, so put training code under: if __name__ == "__main__":. If it is there already, '
        "the process may have run out of memory: use fewer workers, or threads "
        "(use_multiprocessing=False)."
    )


def _discard(future: Future[SharedMemoryMessage]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().discard()


def _stop_with(pool: object, workers: object, stop: Callable[[], object]) -> None:
    """Calls ``stop``, which does not wait, when ``pool`` is collected, or when Python exits."""
    finalizer = weakref.finalize(pool, _stop, stop, os.getpid())
    finalizer.atexit = False
    _running[workers] = finalizer


def _stop(stop: Callable[[], object], process_id: int) -> None:
    if process_id == os.getpid():  # a fork has a copy of the pool, but no workers
        stop()


def _stop_processes(executor: Executor, folder: str) -> None:
    executor.shutdown(wait=False, cancel_futures=True)
    shutil.rmtree(folder, ignore_errors=True)


_running: weakref.WeakKeyDictionary[object, weakref.finalize[Any, Any]] = (
    weakref.WeakKeyDictionary()
)


def _stop_all() -> None:
    for stop in list(_running.values()):
        stop()


# At exit, concurrent.futures waits until its queues are empty, and so would make all batches that
# are scheduled. Functions registered later, like this one, are called first. The hook is private
# to concurrent.futures; without it, exiting only takes longer.
getattr(threading, "_register_atexit", lambda _: None)(_stop_all)


@final
class _OpenCVThreadLimit:
    """Counts the objects that limit OpenCV to one thread, and restores its threads after the last.

    Attributes:
        holders: The number of objects.
        threads_before: The number of OpenCV's threads before the first of them.
    """

    def __init__(self) -> None:
        self.holders = 0
        self.threads_before = 1
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Replaces the lock, which another thread may have held during the fork."""
        # Reentrant: a holder may be collected while its thread has the lock.
        self.lock = threading.RLock()

    def acquire(self) -> None:
        import cv2

        with self.lock:
            if self.holders == 0:
                self.threads_before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self.holders += 1

    def release(self) -> None:
        import cv2

        with self.lock:
            self.holders -= 1
            if self.holders == 0 and cv2.getNumThreads() == 1:  # the user has not changed it since
                cv2.setNumThreads(self.threads_before)


_opencv_limit = _OpenCVThreadLimit()


def limit_opencv_to_one_thread(holder: object) -> None:
    """Limits OpenCV to one thread per call until ``holder`` is collected.

    OpenCV has one thread per core for a single call at a time. Several threads of our own keep all
    cores busy already, and OpenCV's threads would waste time while they wait for work.
    """
    _opencv_limit.acquire()
    weakref.finalize(holder, _opencv_limit.release).atexit = False


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Limits OpenCV to one thread per call inside the context."""
    _opencv_limit.acquire()
    try:
        yield
    finally:
        _opencv_limit.release()


# The function and the folder of a worker process, set once when it starts.
_make: Callable[[int, int], Any]
_folder: str


def _start_process(shared: SharedPickle, folder: str) -> None:
    global _make, _folder
    import cv2

    _folder = folder
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Ctrl-C reaches the whole process group; the parent stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    try:
        _make = shared.load()
        shared.close()
    except Exception as err:  # noqa: BLE001 - raised with the first batch, in the parent
        reason = f"{type(err).__name__}: {err}"
        _make = functools.partial(_fail_to_make, reason)


def _end_with_parent() -> None:
    """Ends this process when its parent has ended, even if the parent was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(_folder, ignore_errors=True)
        os._exit(1)


def _fail_to_make(reason: str, epoch: int, index: int) -> NoReturn:
    raise WorkerError(
        f"A worker process cannot load the function that makes batch {index} of epoch {epoch}: "
        f"{reason}. Define functions for worker processes at the top level of a module or script, "
        'not in a notebook or under if __name__ == "__main__":. Or use threads '
        "(use_multiprocessing=False)."
    )


def _make_in_process(epoch: int, index: int) -> SharedMemoryMessage:
    return write_message(_make(epoch, index), _folder)
