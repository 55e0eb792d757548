"""Threads and processes that make batches ahead of time."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imggen.errors import ImageError, OptionError, WorkerError
from imggen.workers import Prefetcher, WorkerOptions, usable_cores
from imggen.workers.pools import ThreadPool

ROOT = Path(__file__).parents[2]


def square(epoch, index):
    return epoch, index * index


def fail(epoch, index):
    raise ImageError.of(f"photo-{index}.jpg", "it is broken")


def leave(epoch, index):
    os._exit(3)


def make_loader(make, **options):
    defaults = {"workers": 2, "use_multiprocessing": False, "max_queue_size": 3}
    return Prefetcher(make, WorkerOptions(**{**defaults, **options}))


def imggen_threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("imggen")}


@pytest.mark.parametrize(
    "options",
    [{"workers": 0}, {"workers": 1}, {"workers": 8}, {"use_multiprocessing": True}],
    ids=["caller", "one thread", "eight threads", "two processes"],
)
def test_any_choice_of_workers_gives_the_same(options):
    loader = make_loader(square, **options)
    keys = [(0, index) for index in range(6)]
    got = [loader.get(key, keys[place + 1 :]) for place, key in enumerate(keys)]
    loader.close()
    assert got == [(0, index * index) for index in range(6)]


@pytest.mark.parametrize("use_multiprocessing", [False, True])
def test_an_error_arrives_with_all_it_carries(use_multiprocessing):
    loader = make_loader(fail, use_multiprocessing=use_multiprocessing)
    with pytest.raises(ImageError, match=r"'photo-3.jpg': it is broken") as caught:
        loader.get((0, 3))
    loader.close()
    assert (caught.value.path, caught.value.reason) == ("photo-3.jpg", "it is broken")


def test_an_error_ahead_of_time_shows_only_when_its_batch_is_asked_for():
    loader = make_loader(lambda _, index: 1 // (2 - index))
    assert loader.get((0, 0), [(0, 1), (0, 2)]) == 0
    assert loader.get((0, 1)) == 1
    with pytest.raises(ZeroDivisionError):
        loader.get((0, 2))


def test_no_more_than_the_queue_is_made_ahead():
    made = []
    loader = make_loader(lambda _, index: made.append(index), max_queue_size=3)
    loader.get((0, 0), [(0, index) for index in range(1, 100)])
    deadline = time.monotonic() + 20
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert sorted(made) == [0, 1, 2, 3]


def test_beside_a_caller_that_uses_all_cores_each_thread_makes_one_batch_at_a_time():
    """None is started while the caller, which has a batch, is at work."""
    made = []

    def make(_, index):
        made.append(index)
        time.sleep(0.001)  # costs enough for two threads

    loader = make_loader(make)  # of two threads
    for index in range(6):
        loader.get((0, index), [(0, after) for after in range(index + 1, 6)], in_turns=True)
        ahead = [] if index % 2 else [(0, index + 1)]
        assert list(loader._pending) == ahead
        assert len(made) <= index + 1 + len(ahead)
    assert sorted(made) == [0, 1, 2, 3, 4, 5]


def test_what_was_made_ahead_is_not_made_again():
    made = []
    loader = make_loader(lambda _, index: made.append(index))
    for index in range(5):
        loader.get((0, index), [(0, after) for after in range(index + 1, 5)])
    assert sorted(made) == [0, 1, 2, 3, 4]


def test_batches_that_are_no_longer_wanted_are_not_made():
    made, is_open = [], threading.Event()

    def make(epoch, index):
        made.append((epoch, index))
        if (epoch, index) == (0, 1):
            is_open.wait(10)

    loader = make_loader(make, workers=1)
    deadline = time.monotonic() + 10
    loader.get((0, 0), [(0, 1), (0, 2), (0, 3)])
    while (0, 1) not in made and time.monotonic() < deadline:
        time.sleep(0.005)  # until it occupies the only worker
    caller = threading.Thread(target=loader.get, args=((1, 0), [(1, 1)]))
    caller.start()  # as after an interrupted epoch
    while loader._pending.keys() != {(1, 1)} and time.monotonic() < deadline:
        time.sleep(0.005)
    is_open.set()
    caller.join(10)
    loader.get((1, 1))
    loader.close()
    assert made == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_threads_live_across_epochs_and_end_with_the_loader():
    others = imggen_threads()
    loader = make_loader(square)
    for epoch in range(3):
        loader.get((epoch, 0), [(epoch, 1)])
    own = imggen_threads() - others
    assert 1 <= len(own) <= 2
    del loader
    gc.collect()
    for thread in own:
        thread.join(timeout=5)
        assert not thread.is_alive()


def test_a_closed_prefetcher_can_be_used_again():
    loader = make_loader(square)
    loader.get((0, 1))
    loader.close()
    assert loader.get((0, 3)) == (0, 9)


def test_a_prefetcher_whose_closing_was_interrupted_can_be_used_again(monkeypatch):
    def stop_and_interrupt(pool, stop=ThreadPool.stop):
        stop(pool)
        raise KeyboardInterrupt

    def make(epoch, index):
        time.sleep(0.002)  # or the caller would make batches
        return square(epoch, index)

    loader = make_loader(make)
    loader.get((0, 1))
    with monkeypatch.context() as patch:
        patch.setattr(ThreadPool, "stop", stop_and_interrupt)
        with pytest.raises(KeyboardInterrupt):
            loader.close()
    assert loader.get((0, 2)) == (0, 4)
    loader.close()


def test_a_batch_that_another_thread_waits_for_is_made_after_closing():
    has_started, may_end = threading.Event(), threading.Event()

    def wait_for_first(epoch, index):
        if index == 0:
            has_started.set()
            assert may_end.wait(timeout=20)
        return square(epoch, index)

    loader = make_loader(wait_for_first, workers=1)
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(loader.get, (0, 0))
        assert has_started.wait(timeout=20)
        second = threads.submit(loader.get, (0, 2))  # in the queue of the only worker
        while loader._num_waiting < 2:
            time.sleep(0.001)
        closing = threads.submit(loader.close)
        time.sleep(0.05)  # the queue is canceled, and the worker is waited for
        may_end.set()
        assert first.result(timeout=20) == (0, 0)
        assert second.result(timeout=20) == (0, 4)
        closing.result(timeout=20)
    loader.close()


# JAX, if an earlier test has loaded it, warns of every fork.
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_forked_child_makes_its_own_threads():
    loader = make_loader(square)
    loader.get((0, 1), [(0, 2)])
    child = os.fork()
    if child == 0:  # no assertion here: only the exit status reaches the test
        signal.alarm(10)
        os._exit(0 if loader.get((0, 2)) == (0, 4) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_function_that_cannot_be_pickled_is_refused_with_the_remedy():
    loader = make_loader(lambda _, index: index, use_multiprocessing=True)
    with pytest.raises(WorkerError, match=r"cannot be pickled.*instead of lambdas"):
        loader.get((0, 0))


def test_a_worker_process_that_dies_is_an_error_and_not_a_hang():
    loader = make_loader(leave, use_multiprocessing=True)
    with pytest.raises(WorkerError, match="ended before its batch was made"):
        loader.get((0, 0))


def leave_at_one(epoch, index):
    if index == 1:
        os._exit(1)
    return square(epoch, index)


def test_after_a_worker_process_has_died_there_are_new_ones():
    with contextlib.closing(make_loader(leave_at_one, use_multiprocessing=True)) as loader:
        for _ in range(2):
            with pytest.raises(WorkerError, match="ended before its batch was made"):
                loader.get((0, 1), [(0, 2), (0, 3)])
            assert loader.get((0, 2)) == (0, 4)


def test_a_function_that_processes_cannot_find_is_named(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            from imggen.workers import Prefetcher, WorkerOptions

            if __name__ == "__main__":
                def hidden(epoch, index):
                    return index

                options = WorkerOptions(workers=1, use_multiprocessing=True, max_queue_size=1)
                loader = Prefetcher(hidden, options)
                loader.get((0, 0))
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert "hidden" in done.stderr
    assert "at the top level of a module or script" in done.stderr


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="reads the process table from /proc")
@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_worker_process_outlives_its_parent(tmp_path, stop):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            import time
            from imggen.workers import Prefetcher, WorkerOptions
            from tests.workers.test_prefetcher import square

            if __name__ == "__main__":
                options = WorkerOptions(workers=2, use_multiprocessing=True, max_queue_size=2)
                loader = Prefetcher(square, options)
                for index in range(4):
                    loader.get((0, index), [(0, index + 1), (0, index + 2)])
                print("ready", flush=True)
                for _ in range(600):  # short sleeps: an interrupt may come just before one
                    time.sleep(0.1)
        """)
    )
    parent = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=str(ROOT),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        os.kill(parent.pid, getattr(signal, stop))
        try:
            parent.wait(timeout=30)
        finally:
            parent.kill()
    deadline = time.monotonic() + 20
    while session_members(parent.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert session_members(parent.pid) == []


def session_members(session):
    """The processes of a session, zombies aside."""
    members = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            members.append(int(name))
    return members


@pytest.mark.parametrize(
    ("option", "value"), [("workers", -1), ("workers", 1.5), ("max_queue_size", 0)]
)
def test_numbers_out_of_range_are_refused(option, value):
    with pytest.raises(OptionError, match=f"{option}={value}"):
        make_loader(square, **{option: value})


def test_no_number_of_workers_means_one_a_core():
    assert make_loader(square, workers=None).options.num_workers == usable_cores() >= 1


@pytest.mark.parametrize("use_multiprocessing", [False, True])
def test_leaving_does_not_wait_for_all_that_was_to_be_made_ahead(tmp_path, use_multiprocessing):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
            import time
            from imggen.workers import Prefetcher, WorkerOptions

            def slow(epoch, index):
                if index:
                    time.sleep(1)

            if __name__ == "__main__":
                options = WorkerOptions(1, {use_multiprocessing}, max_queue_size=30)
                loader = Prefetcher(slow, options)
                loader.get((0, 0), [(0, index) for index in range(1, 31)])
                print(time.time(), flush=True)
        """)
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=True
    )
    # One batch is in the making, and another may be on its way to a process; thirty, which would
    # take half a minute, are not made.
    assert time.time() - float(done.stdout) < 20


def test_idle_prefetchers_make_room_for_others_and_start_again(monkeypatch):
    monkeypatch.setattr("imggen.workers.prefetcher._IDLE_SECONDS", 0)
    released = []
    options = WorkerOptions(1, False, 2)
    before = imggen_threads()
    prefetchers = [
        Prefetcher(square, options, lambda number=number: released.append(number))
        for number in range(7)
    ]
    for prefetcher in prefetchers:
        prefetcher.get((0, 1), [(0, 2)])
    assert released == [0, 1, 2]  # the four that were used last go on
    assert prefetchers[0].get((0, 2)) == (0, 4)
    assert released == [0, 1, 2, 3]
    deadline = time.monotonic() + 20
    while len(imggen_threads() - before) > 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(imggen_threads() - before) == 4


def test_a_prefetcher_that_is_waited_for_is_not_idle(monkeypatch):
    monkeypatch.setattr("imggen.workers.prefetcher._IDLE_SECONDS", 0)
    gate = threading.Event()
    slow = make_loader(lambda _, index: gate.wait(20))
    waiting = threading.Thread(target=lambda: got.append(slow.get((0, 0))))
    got = []
    waiting.start()
    while slow._pool is None:
        time.sleep(0.01)
    others = [make_loader(square) for _ in range(6)]
    for other in others:
        other.get((0, 0))
    gate.set()
    waiting.join()
    assert got == [True]
