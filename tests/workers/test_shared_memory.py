"""Objects handed over in shared memory: what comes out is what was put in."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imggen.loading.batch_maker import Batch
from imggen.workers.shared_memory import create_message_folder, write_message

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)


def some(*shape, dtype="float32"):
    return RNG.integers(0, 200, shape).astype(dtype)


def read_only(array):
    array.flags.writeable = False
    return array


def same(one, other) -> bool:
    if isinstance(one, np.ndarray):
        return (
            isinstance(other, np.ndarray)
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and one.tolist() == other.tolist()
        )
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    if isinstance(one, tuple | list):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


OBJECTS = {
    "an array": some(4, 6, 5, 3),
    "a batch": Batch(3, some(4, 6, 5, 3), some(4, 2), some(4), {7: "broken"}),
    "nested": {"a": [some(3), (some(2, 2, dtype="uint8"), None, "text")], "b": {1: some(5)}},
    "several dtypes": [some(3, dtype=kind) for kind in ("uint8", "int64", "float16", "complex64")],
    "with an empty one": [some(0, 3), some(4), some(2, 0, 5)],
    "empty ones alone": [some(0, 3), np.zeros(0, "uint8")],
    "no dimensions": np.float32(3) + np.zeros(()),
    "a scalar": np.float64(2.5),
    "reversed": some(5, 6)[::-1],
    "every other value": some(8, 9, 3)[::2, ::3],
    "Fortran order": np.asfortranarray(some(5, 6, 7)),
    "transposed": some(5, 6, 7).transpose(2, 0, 1),
    "a part": some(9, 8)[2:5],
    "a broadcast": np.broadcast_to(some(3), (4, 3)),
    "read-only": read_only(some(4, 4)),
    "strings": np.array(["a", "bcd", "ü"]),
    "any objects": np.array([None, {"a": 1}, "text"], dtype=object),
    "structured": np.array([(1, 2.5)], dtype=[("a", "i2"), ("b", "f8")]),
    "big-endian": some(5, dtype=">f4"),
    "bytes": b"abc" * 1000,
    "no array": {"text": [1, 2.5, None]},
    "nothing": None,
    "several large ones": [some(300, 400), some(200, 300, dtype="uint8")],
}


@pytest.mark.parametrize("name", OBJECTS)
def test_what_comes_out_is_what_was_put_in(tmp_path, name):
    assert same(write_message(OBJECTS[name], str(tmp_path)).read(), OBJECTS[name])


@pytest.mark.parametrize("name", OBJECTS)
def test_a_message_goes_through_a_pipe(tmp_path, name):
    message = pickle.loads(pickle.dumps(write_message(OBJECTS[name], str(tmp_path))))

    assert same(message.read(), OBJECTS[name])


def test_more_than_64_mib_comes_out_as_it_was_put_in(tmp_path):
    array = np.arange(20_000_000, dtype="float32").reshape(-1, 5)
    assert array.nbytes > 64 << 20
    received = write_message((array, array[:3]), str(tmp_path)).read()

    np.testing.assert_array_equal(received[0], array)
    np.testing.assert_array_equal(received[1], array[:3])


def test_what_is_one_array_stays_one_array(tmp_path):
    x = some(4, 5)
    first, second, (third,) = write_message((x, x, [x]), str(tmp_path)).read()

    assert first is second is third


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_arrays_may_be_written_to_and_share_nothing(tmp_path, dtype):
    arrays = [some(5, 7, dtype=dtype), some(3, dtype=dtype), np.asfortranarray(some(4, 4))]
    received = write_message(arrays, str(tmp_path)).read()
    received[0][:] = 1
    received[1][:] = 2
    received[2][:] = 3

    assert [np.unique(array).tolist() for array in received] == [[1], [2], [3]]
    assert not any(array.max() <= 3 for array in arrays)


def test_what_is_read_only_stays_so(tmp_path):
    assert not write_message(read_only(some(4)), str(tmp_path)).read().flags.writeable


def test_every_array_is_aligned(tmp_path):
    received = write_message(
        [some(5, dtype="uint8"), some(3), some(3, dtype="float64")], str(tmp_path)
    ).read()

    assert all(array.flags.aligned for array in received)


def test_large_arrays_do_not_go_through_the_pipe(tmp_path):
    message = write_message((some(100, 100), some(10)), str(tmp_path))

    assert len(pickle.dumps(message)) < 2000
    assert os.path.getsize(message.file) == 4 * 100 * 100 + 64  # each begins at a multiple of 64


def test_the_file_has_no_name_any_more_once_the_message_is_read(tmp_path):
    message = write_message(some(9), str(tmp_path))
    assert os.listdir(tmp_path) == [os.path.basename(message.file)]
    array = message.read()

    assert os.listdir(tmp_path) == []
    assert array.shape == (9,)


def test_a_message_that_is_discarded_leaves_no_file(tmp_path):
    message = write_message(some(9), str(tmp_path))
    message.discard()
    message.discard()

    assert os.listdir(tmp_path) == []


def test_what_has_no_arrays_needs_no_file(tmp_path):
    for name in ("no array", "nothing", "a scalar", "empty ones alone"):
        message = write_message(OBJECTS[name], str(tmp_path))
        assert message.file is None
        message.discard()
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_pickled_leaves_no_file(tmp_path):
    with pytest.raises((pickle.PicklingError, AttributeError)):
        write_message((some(9), lambda: None), str(tmp_path))

    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="reads its own memory from /proc")
def test_the_memory_goes_with_the_last_array(tmp_path):
    def mappings():
        with open("/proc/self/maps") as file:
            return sum(str(tmp_path) in line for line in file)

    received = write_message([some(3000), some(4000)], str(tmp_path)).read()
    assert mappings() == 1
    part = received[1][5:9]
    del received
    assert mappings() == 1
    del part
    assert mappings() == 0


def test_reading_leaves_no_file_descriptor_behind(tmp_path):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    for _ in range(20):
        write_message(some(3000), str(tmp_path)).read()
    assert descriptors() <= before  # fewer, if garbage of other tests was collected


def test_a_folder_is_made_for_the_one_who_asks():
    folders = [create_message_folder() for _ in range(2)]
    try:
        assert len(set(folders)) == 2
        assert all(os.stat(folder).st_mode & 0o777 == 0o700 for folder in folders)
        assert all(os.listdir(folder) == [] for folder in folders)
    finally:
        for folder in folders:
            os.rmdir(folder)


# Where there is no room

NO_ROOM = """
import os, resource, signal, sys
import numpy as np
from imggen.workers.shared_memory import write_message

folder, limit = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails with EFBIG
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
x = np.arange(50_000, dtype="float32")
message = write_message([x, x, "text", np.arange(5)], folder)
assert message.file is None
assert os.listdir(folder) == []
first, second, text, few = message.read()
assert first is second
assert text == "text"
assert (first == x).all() and (few == np.arange(5)).all()
first[:] = 1
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits of resources")
@pytest.mark.parametrize("limit", [0, 4096, 4 * 50_000 - 1, 4 * 50_000])
def test_without_room_all_goes_through_the_pipe(tmp_path, limit):
    done = subprocess.run(
        [sys.executable, "-c", NO_ROOM, tmp_path, str(limit)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr


NO_DESCRIPTORS = """
import resource, sys
import numpy as np
from imggen.workers.shared_memory import write_message

x = np.arange(50, dtype="float32")
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
message = write_message([x], sys.argv[1])
assert message.file is None
assert (message.read()[0] == x).all()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits of resources")
def test_where_no_file_can_be_made_all_goes_through_the_pipe(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", NO_DESCRIPTORS, tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
