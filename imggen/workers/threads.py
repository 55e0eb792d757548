"""Threads that call functions in the order of submission; the number at work may change."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, final

T = TypeVar("T")

Job = tuple[Future[Any], Callable[[int], Any]]


@final
class Threads:
    """Calls functions on threads; unlike ``concurrent.futures``, on a number that may change.

    The threads refer to this object, and to a function only until its result is there.

    Args:
        num_threads: The number of threads; ``start_threads`` starts them.
    """

    def __init__(self, num_threads: int) -> None:
        self._num_threads = num_threads
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._most_working = num_threads
        self._num_working = 0
        self._is_stopped = False
        # Safe in a finalizer, which may interrupt a thread that has the lock.
        self._wakes: SimpleQueue[bool] = SimpleQueue()
        self._ends: SimpleQueue[None] = SimpleQueue()

    def submit(self, function: Callable[[int], T], most_working: int) -> Future[T]:
        """Schedules a call, after all earlier ones.

        Args:
            function: Called with the number of threads that are working.
            most_working: The largest number of threads that work from now on.

        Raises:
            RuntimeError: The threads were stopped.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._is_stopped:
                raise RuntimeError("cannot schedule a batch on threads that were stopped")
            self._waiting.append((future, function))
            self._most_working = most_working
            num_woken = max(0, min(most_working - self._num_working, len(self._waiting)))
            self._num_working += num_woken
        for _ in range(num_woken):
            self._wakes.put(True)
        return future

    def stop(self) -> None:
        """Cancels the calls that wait, and lets the threads end; does not wait for them."""
        if self._is_stopped:
            return
        self._is_stopped = True
        while self._waiting:
            try:
                future, _ = self._waiting.popleft()
            except IndexError:  # a thread was faster
                break
            future.cancel()
        for _ in range(self._num_threads):
            self._wakes.put(False)

    def wait(self) -> None:
        """Waits until the threads, which were stopped, have ended."""
        # ``Thread.join`` would do, but Python records each thread of unknown origin that calls it,
        # such as those of TensorFlow, and never forgets it.
        for _ in range(self._num_threads):
            self._ends.get()
        for _ in range(self._num_threads):
            self._ends.put(None)  # for others that wait

    def run(self, on_idle: Callable[[], object], idle_seconds: float | None) -> None:
        """Works until the threads are stopped; called on each thread."""
        try:
            while self._is_woken(on_idle, idle_seconds):
                while (job := self._next_job()) is not None:
                    _call(job, self._num_working)
                    del job
        finally:
            self._ends.put(None)

    def _is_woken(self, on_idle: Callable[[], object], idle_seconds: float | None) -> bool:
        while True:
            try:
                return self._wakes.get(timeout=idle_seconds)
            except Empty:
                on_idle()

    def _next_job(self) -> Job | None:
        with self._lock:
            if self._num_working <= self._most_working:
                try:
                    return self._waiting.popleft()
                except IndexError:
                    pass
            self._num_working -= 1
            return None


def _call(job: Job, num_working: int) -> None:
    future, function = job
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(num_working)
    except BaseException as err:  # noqa: BLE001 - raised where the result is asked for
        future.set_exception(err)
        del future, job  # the traceback of the error refers to this frame
    else:
        future.set_result(result)


def start_threads(
    num_threads: int, on_idle: Callable[[], object], idle_seconds: float | None
) -> Threads:
    """Starts threads.

    Raises:
        RuntimeError: The system refuses to start that many, or Python is exiting.
    """
    if not threading.main_thread().is_alive():
        raise RuntimeError("cannot start threads while Python is exiting")
    threads = Threads(num_threads)
    # Python joins the threads at exit, unless they are daemons. ``pools`` stops them before that by
    # a private hook; without it, joining them would take forever. To leave the choice to Python
    # would make it record the calling thread; see ``Threads.wait``.
    is_daemon = not hasattr(threading, "_register_atexit")
    try:
        for number in range(num_threads):
            threading.Thread(
                target=threads.run,
                args=(on_idle, idle_seconds),
                name=f"imggen_{number}",
                daemon=is_daemon,
            ).start()
    except RuntimeError:
        threads.stop()
        raise
    return threads
