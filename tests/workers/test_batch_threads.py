"""The number of threads that share a batch follows from what its samples cost."""

import pickle
import threading
import time

import pytest

from imggen.workers import BatchThreads

CHEAP, COSTLY = 2e-5, 6e-4  # seconds per sample


def work(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def make_threads(num_threads):
    """Threads on which nothing else on this machine counts."""
    threads = BatchThreads(num_threads, is_fixed=False)
    threads._pace._clock = time.thread_time
    return threads


def make_batches(threads, cost, num_batches=5, function=work):
    for _ in range(num_batches):
        started = threads.start()
        started.threads.map(function, [cost] * 8)
        threads.finish(started, 8)
    return threads.chosen.num_threads


def test_samples_that_cost_little_are_made_by_the_calling_thread_and_others_by_threads():
    threads = make_threads(3)
    assert threads.chosen.num_threads == 3
    assert make_batches(threads, CHEAP) == 1
    assert make_batches(threads, COSTLY) == 3
    assert make_batches(threads, CHEAP) == 1


def test_two_threads_do_not_share_a_batch_of_samples_that_cost_less_than_a_fifth_of_a_ms():
    assert make_batches(make_threads(2), 1.6e-4) == 1
    assert make_batches(make_threads(2), 2.5e-4) == 2


def test_what_is_read_ahead_counts():
    threads = make_threads(2)
    for _ in range(5):
        started = threads.start()
        threads.chosen.submit(work, 8 * COSTLY).result()
        threads.finish(started, 8)
    assert threads.chosen.num_threads == 2


def test_waiting_for_a_slow_disk_is_left_to_threads():
    threads = make_threads(2)
    assert make_batches(threads, CHEAP) == 1
    threads._pace._clock = time.perf_counter
    assert make_batches(threads, 1e-3, function=time.sleep) == 2


@pytest.mark.parametrize(("num_threads", "is_fixed"), [(3, True), (1, False), (0, False)])
def test_a_number_that_was_asked_for_is_kept(num_threads, is_fixed):
    threads = BatchThreads(num_threads, is_fixed=is_fixed)
    for cost in (CHEAP, COSTLY):
        assert make_batches(threads, cost) == num_threads


def test_a_copy_measures_again():
    threads = make_threads(3)
    make_batches(threads, CHEAP)
    assert pickle.loads(pickle.dumps(threads)).chosen.num_threads == 3


def test_an_error_of_a_sample_is_raised_and_changes_nothing():
    def fail(_):
        raise ValueError(threading.current_thread().name)

    threads = make_threads(2)
    with pytest.raises(ValueError, match="imggen"):
        make_batches(threads, CHEAP, function=fail)
    assert threads.chosen.num_threads == 2
