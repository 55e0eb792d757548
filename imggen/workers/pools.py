"""The threads or processes that make batches: how they start, hand back and end."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import shutil
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Generic, NoReturn, TypeVar, final

from imggen.errors import WorkerError
from imggen.workers.fork_safety import register_after_fork
from imggen.workers.shared_memory import SharedMemoryMessage, pack, parcels_folder

T = TypeVar("T")

Key = tuple[int, int]  # (epoch, batch index)


@final
class ThreadPool(Generic[T]):
    """Calls ``make(epoch, index)`` on threads.

    While it has several, OpenCV uses one thread a call: its own would only be in their way.
    """

    def __init__(self, make: Callable[[int, int], T], workers: int) -> None:
        self._make = make
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="imggen")
        _stop_with(self, self._executor)
        if workers > 1:
            hold_opencv_to_one_thread(self._executor)

    def submit(self, key: Key) -> Future[T]:
        """Starts on a batch."""
        return self._executor.submit(self._make, *key)

    def result(self, future: Future[Any]) -> T:
        """Waits for a batch."""
        made: T = future.result()
        return made

    def drop(self, future: Future[Any]) -> None:
        """Gives up a batch: if it was not started, it is not made."""
        future.cancel()

    def stop(self) -> None:
        """Ends the threads, and waits for it."""
        self._executor.shutdown(wait=True, cancel_futures=True)


@final
class ProcessPool(Generic[T]):
    """Calls ``make(epoch, index)`` in processes, and hands back through shared memory.

    Raises:
        WorkerError: ``make`` cannot be pickled.
    """

    def __init__(self, make: Callable[[int, int], T], workers: int) -> None:
        try:
            pickled = pickle.dumps(make)
        except (pickle.PicklingError, AttributeError, TypeError) as err:
            raise WorkerError(
                f"use_multiprocessing=True must send the loader and the augmentations to other "
                f"processes, and one of them cannot be pickled: {err}. Use functions defined at "
                "the top of a module instead of lambdas, or threads (use_multiprocessing=False)."
            ) from err
        self._folder = parcels_folder()
        # Spawned, never forked: a fork copies the locks of TensorFlow's and OpenCV's threads in
        # whatever state they are, and deadlocks.
        self._executor = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_process,
            initargs=(pickled, self._folder),
        )
        _stop_with(self, self._executor, self._folder)

    def submit(self, key: Key) -> Future[SharedMemoryMessage]:
        """Starts on a batch.

        Raises:
            WorkerError: A process has ended, and with it all of them.
        """
        try:
            return self._executor.submit(_make_in_process, *key)
        except BrokenProcessPool as err:
            raise _ended() from err

    def result(self, future: Future[Any]) -> T:
        """Waits for a batch.

        Raises:
            WorkerError: The process that was to make it has ended.
        """
        try:
            made: T = future.result().open()
        except BrokenProcessPool as err:
            raise _ended() from err
        return made

    def drop(self, future: Future[Any]) -> None:
        """Gives up a batch, which is made and thrown away."""
        # Never cancelled: if a worker dies, Python 3.11 stumbles over a future that was, and lets
        # all others wait for ever.
        future.add_done_callback(_discard)

    def stop(self) -> None:
        """Ends the processes, and waits for it."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def _ended() -> WorkerError:
    return WorkerError(
        "A worker process ended before its batch was made. Worker processes import the script "
        'anew, so training code must stand under: if __name__ == "__main__":. If it does, the '
        "process may have run out of memory: use fewer workers, or threads "
        "(use_multiprocessing=False)."
    )


def _discard(future: Future[SharedMemoryMessage]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().discard()


def _stop_with(pool: object, executor: Executor, folder: str | None = None) -> None:
    """Has the workers end when ``pool`` is gone, or Python leaves."""
    stop = weakref.finalize(pool, _stop, executor, folder, os.getpid())
    stop.atexit = False
    _running[executor] = stop


def _stop(executor: Executor, folder: str | None, process_id: int) -> None:
    if process_id == os.getpid():  # a fork has a copy of the executor, but no workers
        executor.shutdown(wait=False, cancel_futures=True)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


_running: weakref.WeakKeyDictionary[Executor, weakref.finalize[Any, Any]] = (
    weakref.WeakKeyDictionary()
)


def _stop_all() -> None:
    for stop in list(_running.values()):
        stop()


# At exit, concurrent.futures waits until its queues are empty: all batches that were to be made
# ahead would still be made. What is registered here, later, is called before that. threading has
# this hook for the use of concurrent.futures; without it, leaving takes longer, and that is all.
getattr(threading, "_register_atexit", lambda _: None)(_stop_all)


@final
class _OpenCV:
    """How many hold OpenCV to one thread, and how many threads it had before."""

    def __init__(self) -> None:
        self.holders = 0
        self.threads_before = 1
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Gives a forked process a lock of its own."""
        # Whoever is gone may be collected while the lock is held, by the thread that holds it.
        self.lock = threading.RLock()

    def take_hold(self) -> None:
        import cv2

        with self.lock:
            if self.holders == 0:
                self.threads_before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self.holders += 1

    def let_go(self) -> None:
        import cv2

        with self.lock:
            self.holders -= 1
            if self.holders == 0 and cv2.getNumThreads() == 1:  # else somebody has set it since
                cv2.setNumThreads(self.threads_before)


_opencv = _OpenCV()


def hold_opencv_to_one_thread(holder: object) -> None:
    """Has OpenCV use one thread a call until ``holder`` is gone, and what it used before then.

    OpenCV keeps as many threads as there are cores, for one call at a time; several of our own
    keep all cores busy already, and its threads burn time as they wait for work.
    """
    _opencv.take_hold()
    weakref.finalize(holder, _opencv.let_go).atexit = False


@contextmanager
def opencv_on_one_thread() -> Iterator[None]:
    """As ``hold_opencv_to_one_thread``, for as long as the context lasts."""
    _opencv.take_hold()
    try:
        yield
    finally:
        _opencv.let_go()


# What a worker process makes batches with; set once when it starts, and only there.
_make: Callable[[int, int], Any]
_folder: str


def _start_process(pickled: bytes, folder: str) -> None:
    global _make, _folder
    import cv2

    _folder = folder
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Ctrl-C reaches the whole process group; the parent stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
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
        shutil.rmtree(_folder, ignore_errors=True)
        os._exit(1)


def _refuse(reason: str, epoch: int, index: int) -> NoReturn:
    raise WorkerError(
        f"A worker process cannot load what makes batch {index} of epoch {epoch}: {reason}. "
        "Functions for worker processes must stand at the top of a module or script, not in a "
        'notebook or under if __name__ == "__main__":. Or use threads '
        "(use_multiprocessing=False)."
    )


def _make_in_process(epoch: int, index: int) -> SharedMemoryMessage:
    return pack(_make(epoch, index), _folder)
