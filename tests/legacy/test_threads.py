"""The threads of the drop-in's iterators: when they start, and that they end."""

import gc
import itertools
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from imggen import legacy
from imggen.errors import OptionError
from imggen.workers.thread_map import ThreadMap

of_others = set()


def names():
    return {
        thread.name
        for thread in threading.enumerate()
        if thread.name.startswith("imggen") and thread not in of_others
    }


def arrays(num=40):
    return np.random.default_rng(num).uniform(0, 255, (num, 9, 8, 3)).astype("float32")


def soon(condition, seconds=5):
    """Whether a condition holds before the time is up."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(autouse=True)
def no_threads_of_others():
    """What other tests have left behind does not count: TensorFlow keeps sequences for ever."""
    gc.collect()
    of_others.clear()
    soon(lambda: not names(), seconds=1)
    of_others.update(threading.enumerate())


def flow(**options):
    generator = legacy.ImageDataGenerator(rotation_range=10)
    return generator.flow(arrays(), batch_size=20, seed=1, **options)


def test_threads_start_with_the_first_batch_and_no_sooner():
    iterator = flow(workers=3)
    assert len(iterator) == 2
    iterator.on_epoch_end()
    iterator.reset()
    assert names() == set()
    next(iterator)
    assert 1 <= len(names()) <= 3


@pytest.mark.parametrize("workers", [0, 1])
def test_the_caller_alone_needs_no_threads(workers):
    iterator = flow(workers=workers)
    next(iterator)
    iterator[1]
    assert names() == set()


def test_the_same_threads_make_all_batches():
    iterator = flow(workers=3)
    for _ in range(20):
        next(iterator)
    first = names()
    for index in itertools.islice(itertools.cycle(range(2)), 20):
        iterator[index]
    assert names() == first
    assert len(first) <= 3


def test_threads_end_with_the_iterator():
    iterators = [flow(workers=3) for _ in range(4)]
    for iterator in iterators:
        next(iterator)
    assert names()
    del iterator, iterators
    gc.collect()
    assert soon(lambda: not names())


def test_threads_end_when_another_number_of_workers_is_set():
    iterator = flow(workers=3)
    next(iterator)
    iterator.workers = 0
    assert soon(lambda: not names())
    next(iterator)
    assert names() == set()


def test_an_error_in_a_thread_reaches_the_caller_and_the_next_batch_can_be_made():
    threads = ThreadMap(3)

    def invert(number):
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        threads.map(invert, [1, 2, 0, 4])
    assert threads.map(invert, [1, 2, 4]) == [1, 0.5, 0.25]


def test_of_several_errors_the_first_in_order_is_raised():
    def fail(number):
        time.sleep(0.05 if number == 1 else 0)
        raise ValueError(f"number {number}")

    with pytest.raises(ValueError, match="number 1"):
        ThreadMap(4).map(fail, [1, 2, 3, 4])


@pytest.mark.parametrize("count", [0, 1, 2, 7, None])
def test_results_come_in_the_order_of_the_items(count):
    def late(number):
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * 2

    assert ThreadMap(count).map(late, range(20)) == list(range(0, 40, 2))
    assert ThreadMap(count).map(late, []) == []


def test_threads_work_side_by_side():
    meeting = threading.Barrier(3, timeout=20)
    assert ThreadMap(3).map(lambda _: meeting.wait() >= 0, range(3)) == [True] * 3


@pytest.mark.parametrize("count", [-1, 0.5, "4", False])
def test_what_is_no_number_of_threads_is_refused(count):
    with pytest.raises(OptionError, match="whole number of 0 or more, or None"):
        ThreadMap(count)


def run_script(script):
    """Runs it in a process of its own; one that hangs fails."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": "numpy"},  # starts soonest
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_can_make_the_batch_that_its_parent_makes():
    lines = run_script(
        """
        import os, zlib
        import numpy as np
        from imggen import legacy

        x = np.random.default_rng(0).uniform(0, 255, (20, 9, 8, 3)).astype("float32")
        generator = legacy.ImageDataGenerator(rotation_range=10)
        iterator = generator.flow(x, batch_size=10, seed=1, workers=3)
        next(iterator)  # the parent has threads, which a child has not
        child = os.fork()
        os.write(1, b"%d\\n" % zlib.crc32(next(iterator).tobytes()))
        os.write(1, b"%d\\n" % zlib.crc32(next(iterator).tobytes()))
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """
    )
    assert len(lines) == 4
    assert len(set(lines)) == 2


def test_a_program_that_leaves_its_iterator_open_ends():
    lines = run_script(
        """
        import numpy as np
        from imggen import legacy

        iterator = legacy.ImageDataGenerator().flow(np.zeros((20, 9, 8, 3)), workers=3)
        print(len(next(iterator)))
        """
    )
    assert lines == ["20"]
