"""Threads and processes that make batches: what they hand back, and what they leave behind.

Worker processes import this module, so nothing in here loads Keras before it is needed.
"""

import gc
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest

import imggen
from imggen.errors import WorkerError
from imggen.workers import pools
from imggen.workers.pools import ProcessPool, ThreadPool
from tests.helpers.images import write_images
from tests.workers.test_prefetcher import session_members

ROOT = Path(__file__).parents[2]


def add_noise(image, rng):
    return image // 2 + rng.integers(0, 100, image.shape, dtype=np.uint8)


def sequence_of(folder, **options):
    return imggen.from_directory(
        folder,
        **{"image_size": (20, 24), "batch_size": 3, "augment": add_noise, "seed": 5, **options},
    )


def messages_of(sequence) -> str:
    return sequence._prefetcher._pool._folder


def soon(condition, seconds=20):
    """Whether a condition holds before the time is up."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def large(epoch, index):
    return np.full((200, 200), 10 * epoch + index, dtype="float32")


# What processes hand back


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"label_mode": "input", "rescale": 1 / 255},
        {"label_mode": None, "dtype": "uint8", "data_format": "channels_first"},
        {"on_error": "skip"},
    ],
    ids=str,
)
def test_processes_make_the_bits_that_the_caller_makes(photos, options):
    if "on_error" in options:
        (photos / "cat" / "003.png").write_bytes(b"broken")

    def served(**workers):
        with sequence_of(photos, **options, **workers) as sequence:
            batches = [batch for _ in range(2) for batch in sequence]
        return [batch if isinstance(batch, tuple) else (batch,) for batch in batches]

    with pytest.warns(match="could not be read") if "on_error" in options else nullcontext():
        alone = served(workers=0)
        shared = served(workers=2, use_multiprocessing=True)
    for wanted, came in zip(alone, shared, strict=True):
        assert [part.dtype for part in came] == [part.dtype for part in wanted]
        assert [part.shape for part in came] == [part.shape for part in wanted]
        assert [part.tobytes() for part in came] == [part.tobytes() for part in wanted]


def test_batches_from_processes_may_be_kept_and_written_to(photos):
    with sequence_of(photos, workers=2, use_multiprocessing=True, label_mode="input") as sequence:
        kept = [batch for _ in range(2) for batch in sequence]
    copies = [x.copy() for x, _ in kept]
    kept[0][0][:] = -1

    assert kept[0][1].max() == -1  # x itself is the target
    for (x, _), copy in zip(kept[1:], copies[1:], strict=True):
        np.testing.assert_array_equal(x, copy)


def test_worker_processes_have_loaded_no_keras_and_no_backend(photos):
    with sequence_of(photos, workers=1, use_multiprocessing=True) as sequence:
        sequence[0]
        executor = sequence._prefetcher._pool._executor
        loaded = executor.submit(eval, "list(__import__('sys').modules)").result()

    assert "imggen.loading.batch_maker" in loaded
    assert not {"keras", "tensorflow", "torch", "jax", "pandas", "sklearn"} & set(loaded)


def test_worker_processes_use_one_opencv_thread(photos):
    with sequence_of(photos, workers=2, use_multiprocessing=True) as sequence:
        sequence[0]
        executor = sequence._prefetcher._pool._executor
        assert executor.submit(eval, "__import__('cv2').getNumThreads()").result() == 1


# What is left behind


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("photos"), {"cat": 8, "dog": 8})


def started(folder):
    sequence = sequence_of(folder, workers=2, use_multiprocessing=True, max_queue_size=4)
    sequence[0], sequence[1]  # the second one in order has others made ahead
    return sequence, messages_of(sequence)


def test_closing_leaves_no_messages_and_no_processes(folder):
    sequence, messages = started(folder)
    processes = list(sequence._prefetcher._pool._executor._processes)
    assert os.path.isdir(messages)
    sequence.close()

    assert not os.path.exists(messages)
    assert not any(os.path.exists(f"/proc/{process}") for process in processes)


def test_a_sequence_that_is_dropped_leaves_no_messages_and_no_processes(folder):
    sequence, messages = started(folder)
    processes = list(sequence._prefetcher._pool._executor._processes)
    del sequence
    gc.collect()

    assert soon(lambda: not os.path.exists(messages))
    assert soon(lambda: not any(os.path.exists(f"/proc/{process}") for process in processes))


def test_no_message_stays_once_its_batch_is_served(folder):
    sequence, messages = started(folder)
    with sequence:
        for index in range(2, len(sequence)):
            sequence[index]
        assert os.listdir(messages) == []


def test_what_was_made_ahead_in_vain_is_thrown_away():
    pool = ProcessPool(large, 1)
    futures = [pool.submit((0, index)) for index in range(4)]
    assert pool.result(futures[3])[0, 0] == 3  # by now the others are made
    assert len(os.listdir(pool._folder)) == 3
    for future in futures[:3]:
        pool.drop(future)

    assert os.listdir(pool._folder) == []
    pool.stop()
    assert not os.path.exists(pool._folder)


def test_what_is_dropped_while_it_is_made_is_thrown_away():
    pool = ProcessPool(large, 1)
    futures = [pool.submit((0, index)) for index in range(30)]
    for future in futures[:-1]:
        pool.drop(future)
    pool.result(futures[-1])

    assert soon(lambda: os.listdir(pool._folder) == [])
    pool.stop()


def test_an_error_leaves_no_message(photos):
    (photos / "cat" / "003.png").write_bytes(b"broken")
    with sequence_of(
        photos, workers=1, use_multiprocessing=True, shuffle=False, batch_size=16
    ) as sequence:
        with pytest.raises(OSError, match=r"003\.png"):
            sequence[0]
        assert os.listdir(messages_of(sequence)) == []


ENDINGS = {
    "the end of the script": "",
    "an error": "raise RuntimeError('on purpose')",
    "sys.exit": "sys.exit(3)",
    "kill -9": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "an interrupt": "os.kill(os.getpid(), signal.SIGINT); time.sleep(5)",
    "os._exit": "os._exit(0)",
}


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="reads the process table from /proc")
@pytest.mark.parametrize("ending", ENDINGS)
def test_however_a_program_ends_no_messages_and_no_processes_are_left(tmp_path, folder, ending):
    script = tmp_path / "script.py"
    lines = """
        import os, signal, sys, time
        from tests.workers.test_pools import large, messages_of
        from imggen.workers import Prefetcher, WorkerOptions

        if __name__ == "__main__":
            options = WorkerOptions(workers=2, use_multiprocessing=True, max_queue_size=4)
            loader = Prefetcher(large, options)
            loader.get((0, 0), [(0, index) for index in range(1, 5)])
            time.sleep(0.2)
            print(loader._pool._folder, len(os.listdir(loader._pool._folder)), flush=True)
    """
    script.write_text(textwrap.dedent(lines) + f"    {ENDINGS[ending]}\n")
    parent = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "numpy"},
    )
    shown, _ = parent.communicate(timeout=60)
    messages, count = shown.decode().split()

    assert int(count) > 0
    assert soon(lambda: session_members(parent.pid) == [])
    assert not os.path.exists(messages)


def test_a_worker_that_is_killed_leaves_no_messages_once_the_pool_is_stopped():
    pool = ProcessPool(large, 1)
    futures = [pool.submit((0, index)) for index in range(20)]
    pool.result(futures[0])
    (process,) = pool._executor._processes
    os.kill(process, signal.SIGKILL)
    with pytest.raises(WorkerError, match="ended before its batch was made"):
        pool.result(pool.submit((0, 21)) if futures[-1].done() else futures[-1])
    pool.stop()

    assert not os.path.exists(pool._folder)


KILLED = """
import faulthandler, os, signal, time
from imggen.errors import WorkerError
from imggen.workers.pools import ProcessPool
from tests.workers.test_pools import slow

if __name__ == "__main__":
    faulthandler.dump_traceback_later(40, exit=True)
    pool = ProcessPool(slow, 1)
    print(pool._folder, flush=True)
    futures = [pool.submit((0, index)) for index in range(9)]
    pool.result(futures[0])
    for future in futures[5:8]:
        pool.drop(future)  # as when the order changes
    (process,) = pool._executor._processes
    os.kill(process, signal.SIGKILL)
    try:
        pool.result(futures[8])
    except WorkerError:
        os._exit(0)
    os._exit(1)
"""


def slow(epoch, index):
    time.sleep(0.3)


def test_a_worker_that_is_killed_after_batches_were_dropped_is_an_error_and_not_a_hang(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    shutil.rmtree(done.stdout.strip())  # neither parent nor worker came to it
    assert done.returncode == 0, done.stderr


# OpenCV's own threads


@pytest.fixture
def opencv_threads(monkeypatch):
    """Four threads for OpenCV, whatever this machine has, and no pool that limits it to one."""
    # TensorFlow keeps sequences of earlier tests forever, and they keep limiting it.
    monkeypatch.setattr(pools, "_opencv_limit", pools._OpenCVThreadLimit())
    before = cv2.getNumThreads()
    cv2.setNumThreads(4)
    yield 4
    cv2.setNumThreads(before)


def test_opencv_keeps_to_one_thread_while_several_of_ours_are_there(folder, opencv_threads):
    sequence = sequence_of(folder, workers=2)
    assert cv2.getNumThreads() == opencv_threads
    sequence[0]
    assert cv2.getNumThreads() == 1
    sequence.close()
    gc.collect()
    assert cv2.getNumThreads() == opencv_threads


def test_opencv_has_its_threads_back_when_the_last_sequence_is_gone(folder, opencv_threads):
    sequences = [sequence_of(folder, workers=2) for _ in range(3)]
    for sequence in sequences:
        sequence[0]
    del sequence
    while sequences:
        assert cv2.getNumThreads() == 1
        sequences.pop()
        gc.collect()
    assert cv2.getNumThreads() == opencv_threads


@pytest.mark.parametrize(
    "options",
    [{"workers": 0}, {"workers": 1}, {"workers": 2, "use_multiprocessing": True}],
    ids=str,
)
def test_opencv_is_left_alone_where_no_threads_of_ours_are_beside_it(
    folder, opencv_threads, options
):
    with sequence_of(folder, **options) as sequence:
        sequence[0]
        assert cv2.getNumThreads() == opencv_threads
    assert cv2.getNumThreads() == opencv_threads


def test_a_number_of_opencv_threads_that_the_user_sets_stays(folder, opencv_threads):
    with sequence_of(folder, workers=2) as sequence:
        sequence[0]
        cv2.setNumThreads(3)
        sequence[1]
        assert cv2.getNumThreads() == 3
    gc.collect()
    assert cv2.getNumThreads() == 3


def test_a_restarted_pool_limits_opencv_again(folder, opencv_threads):
    sequence = sequence_of(folder, workers=2)
    for _ in range(3):
        sequence[0]
        assert cv2.getNumThreads() == 1
        sequence.close()
        gc.collect()
        assert cv2.getNumThreads() == opencv_threads


def test_pools_started_and_ended_side_by_side_leave_opencv_its_threads(opencv_threads):
    def come_and_go():
        for _ in range(20):
            pool = ThreadPool(lambda epoch, index: index, 2)
            pool.result(pool.submit((0, 1)))
            pool.stop()

    threads = [threading.Thread(target=come_and_go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert cv2.getNumThreads() == opencv_threads


FORK = """
import os, signal, threading
from imggen.workers import pools

held, wait = threading.Event(), threading.Event()

def hold():
    with pools._opencv_limit.lock:
        held.set()
        wait.wait(30)

thread = threading.Thread(target=hold)
thread.start()
assert held.wait(30)
child = os.fork()
if child == 0:
    signal.alarm(5)
    pool = pools.ThreadPool(lambda epoch, index: index, 2)
    os._exit(pool.result(pool.submit((0, 0))))
wait.set()
thread.join()
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_while_opencv_is_being_held_can_start_threads_of_its_own():
    done = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def die(epoch, index):
    os._exit(1)


def test_a_batch_that_the_executor_has_lost_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(pools, "_SECONDS_BETWEEN_PROBES", 0.01)
    pool = ProcessPool(die, 1)
    with pytest.raises(WorkerError, match="ended before its batch was made"):
        pool.result(pool.submit((0, 0)))
    with pytest.raises(WorkerError, match="ended before its batch was made"):
        pool.result(Future())
    pool.stop()


def test_all_processes_start_before_a_batch_is_scheduled():
    before = set(multiprocessing.active_children())
    pool = ProcessPool(die, 3)
    assert len(set(multiprocessing.active_children()) - before) == 3
    pool.stop()
