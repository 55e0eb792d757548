"""Threads of which some may rest."""

import threading
import time

import pytest

from imggen.workers.threads import start_threads


def at_work(num_threads, limits):
    """How many calls run at the same time, after a submission with each of these limits."""
    threads = start_threads(num_threads, lambda: None, None)
    gate, lock, running = threading.Event(), threading.Semaphore(0), []

    def call(_):
        running.append(threading.get_ident())
        lock.release()
        gate.wait(20)

    futures = [threads.submit(call, limit) for limit in limits]
    expected = min(max(limits), num_threads)
    for _ in range(expected):
        assert lock.acquire(timeout=20)
    assert not lock.acquire(timeout=0.02)
    gate.set()
    for future in futures:
        future.result(timeout=20)
    threads.stop()
    threads.wait()
    return len(running), expected


def test_no_more_threads_work_than_the_limit_of_the_latest_call():
    assert at_work(4, [1] * 6) == (6, 1)
    assert at_work(4, [2] * 6) == (6, 2)
    assert at_work(3, [1, 1, 1, 3]) == (4, 3)  # threads that rest take what waits


def test_calls_that_wait_are_canceled_and_threads_end_once_stopped():
    threads = start_threads(1, lambda: None, None)
    gate, started = threading.Event(), threading.Event()
    first = threads.submit(lambda _: started.set() or gate.wait(20), 1)
    second = threads.submit(lambda _: None, 1)
    assert started.wait(20)
    threads.stop()
    gate.set()
    threads.wait()
    assert first.result() is True
    assert second.cancelled()
    with pytest.raises(RuntimeError, match="stopped"):
        threads.submit(lambda _: None, 1)


def test_a_thread_of_unknown_origin_starts_and_stops_threads_without_being_recorded():
    """As those of TensorFlow, which Python would never forget."""
    import _thread

    done = threading.Event()
    before = threading.active_count()

    def use():
        threads = start_threads(2, lambda: None, None)
        got.append(threads.submit(lambda _: 7, 2).result(timeout=20))
        threads.stop()
        threads.wait()
        known.append(threading._active.get(_thread.get_ident()))
        done.set()

    got, known = [], []
    _thread.start_new_thread(use, ())
    assert done.wait(20)
    assert (got, known) == ([7], [None])
    assert threading.active_count() <= before + 2  # those that have just ended


def test_an_idle_thread_says_so():
    idle = threading.Event()
    threads = start_threads(1, idle.set, 0.001)
    assert idle.wait(20)
    threads.stop()
    threads.wait()


def test_threads_rest_once_the_limit_is_lower():
    threads = start_threads(2, lambda: None, None)
    gate, both, most = threading.Event(), threading.Barrier(3), []
    working = threading.Lock()

    def occupy(_):
        both.wait(20)
        gate.wait(20)

    def call(_):
        most.append(working.acquire(blocking=False))
        gate.wait(0.01)
        time.sleep(0.002)
        working.release()

    first = [threads.submit(occupy, 2) for _ in range(2)]
    both.wait(20)
    later = [threads.submit(call, 1) for _ in range(6)]
    gate.set()
    for future in first + later:
        future.result(timeout=20)
    threads.stop()
    threads.wait()
    assert most == [True] * 6
