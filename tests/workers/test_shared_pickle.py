"""Large arrays of a pickled object are mapped by the processes that load it."""

import errno
import gc
import multiprocessing
import os
import pickle
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from imggen.workers import SharedPickle, shared_pickle

LARGE = 1 << 16

pytestmark = pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="reads its own files from /proc"
)


def make_contents():
    """Returns large and small arrays, read-only and not, one of them twice."""
    fixed, free = np.arange(LARGE), np.ones((300, 400), np.uint8, order="F")
    fixed.flags.writeable = False
    return {
        "fixed": fixed,
        "free": free,
        "again": fixed,
        "small": np.arange(9),
        "text": "x" * LARGE,
    }


def assert_same(loaded):
    expected = make_contents()
    for name in ("fixed", "free", "small"):
        np.testing.assert_array_equal(loaded[name], expected[name])
        assert loaded[name].flags.writeable == expected[name].flags.writeable
        assert loaded[name].flags.f_contiguous == expected[name].flags.f_contiguous
    assert loaded["again"] is loaded["fixed"]
    assert loaded["text"] == expected["text"]


def list_files():
    """Returns the targets of this process's open files."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:  # that of the listing
            continue
    return found


def list_opened(before):
    """Returns the open files that were not open before; earlier tests may close theirs late."""
    return list((Counter(list_files()) - Counter(before)).elements())


def test_large_arrays_are_in_a_file_without_a_name():
    shared = SharedPickle.dump(make_contents())
    assert any(name.endswith("(deleted)") for name in list_files())
    first, second = shared.load(), shared.load()
    assert_same(first)
    first["free"][:] = 7  # a copy of its own
    assert_same(second)
    with open("/proc/self/maps") as maps:
        assert sum("(deleted)" in line and " rw-p " in line for line in maps) >= 2


def test_closing_frees_the_file_and_keeps_what_was_loaded():
    before = list_files()
    shared = SharedPickle.dump(make_contents())
    loaded = shared.load()
    shared.close()
    shared.close()
    assert_same(loaded)
    del loaded
    gc.collect()
    assert list_opened(before) == []


def test_what_has_no_large_arrays_needs_no_file():
    before = list_files()
    shared = SharedPickle.dump({"a": np.arange(5), "b": [None, "text"]})
    assert list_opened(before) == []
    assert shared.load()["a"].tolist() == [0, 1, 2, 3, 4]


def refuse(_file, _content):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_without_room_every_process_gets_a_copy(monkeypatch):
    before = list_files()
    monkeypatch.setattr(shared_pickle, "write_all", refuse)
    shared = SharedPickle.dump(make_contents())
    assert list_opened(before) == []
    assert_same(shared.load())
    assert_same(pickle.loads(pickle.dumps(shared)).load())


@pytest.mark.parametrize("reason", ["little room", "no folder"])
def test_without_shared_memory_the_file_is_a_temporary_one(monkeypatch, tmp_path, reason):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if reason == "little room":
        monkeypatch.setattr(shared_pickle, "_free_bytes", lambda _: 1000)
    else:
        monkeypatch.setattr(shared_pickle, "IN_MEMORY", Path("/no/such/folder"))
    shared = SharedPickle.dump(make_contents())
    assert any(name.startswith(str(tmp_path)) for name in list_files())
    assert os.listdir(tmp_path) == []
    assert_same(shared.load())


def test_other_pickles_hold_all():
    copied = pickle.loads(pickle.dumps(SharedPickle.dump(make_contents())))
    assert_same(copied.load())


def receive(shared, results):
    """Loads and changes an array in a worker process."""
    loaded = shared.load()
    loaded["free"][:] = 3
    with open("/proc/self/maps") as maps:
        is_mapped = any("(deleted)" in line for line in maps)
    results.put((is_mapped, int(loaded["fixed"].sum()), int(loaded["free"].sum())))


def test_a_spawned_process_maps_the_file():
    spawn = multiprocessing.get_context("spawn")
    shared, results = SharedPickle.dump(make_contents()), spawn.SimpleQueue()
    worker = spawn.Process(target=receive, args=(shared, results))
    worker.start()
    is_mapped, total, changed = results.get()
    worker.join()
    assert (is_mapped, total, changed) == (True, LARGE * (LARGE - 1) // 2, 3 * 300 * 400)
    assert_same(shared.load())
