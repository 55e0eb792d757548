"""Objects handed over in shared memory: what comes out is what was put in."""

import os
import pickle
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imggen.loading.batch_maker import Batch
from imggen.workers.shared_memory import pack, parcels_folder

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
    assert same(pack(OBJECTS[name], str(tmp_path)).open(), OBJECTS[name])


@pytest.mark.parametrize("name", OBJECTS)
def test_a_parcel_goes_through_a_pipe(tmp_path, name):
    parcel = pickle.loads(pickle.dumps(pack(OBJECTS[name], str(tmp_path))))

    assert same(parcel.open(), OBJECTS[name])


def test_more_than_64_mib_comes_out_as_it_was_put_in(tmp_path):
    array = np.arange(20_000_000, dtype="float32").reshape(-1, 5)
    assert array.nbytes > 64 << 20
    opened = pack((array, array[:3]), str(tmp_path)).open()

    np.testing.assert_array_equal(opened[0], array)
    np.testing.assert_array_equal(opened[1], array[:3])


def test_what_is_one_array_stays_one_array(tmp_path):
    x = some(4, 5)
    first, second, (third,) = pack((x, x, [x]), str(tmp_path)).open()

    assert first is second is third


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_arrays_may_be_written_to_and_share_nothing(tmp_path, dtype):
    arrays = [some(5, 7, dtype=dtype), some(3, dtype=dtype), np.asfortranarray(some(4, 4))]
    opened = pack(arrays, str(tmp_path)).open()
    opened[0][:] = 1
    opened[1][:] = 2
    opened[2][:] = 3

    assert [np.unique(array).tolist() for array in opened] == [[1], [2], [3]]
    assert not any(array.max() <= 3 for array in arrays)


def test_what_is_read_only_stays_so(tmp_path):
    assert not pack(read_only(some(4)), str(tmp_path)).open().flags.writeable


def test_every_array_is_aligned(tmp_path):
    opened = pack([some(5, dtype="uint8"), some(3), some(3, dtype="float64")], str(tmp_path)).open()

    assert all(array.flags.aligned for array in opened)


def test_large_arrays_do_not_go_through_the_pipe(tmp_path):
    parcel = pack((some(100, 100), some(10)), str(tmp_path))

    assert len(pickle.dumps(parcel)) < 2000
    assert os.path.getsize(parcel.file) == 4 * 100 * 100 + 64  # each begins at a multiple of 64


def test_the_file_has_no_name_any_more_once_the_parcel_is_open(tmp_path):
    parcel = pack(some(9), str(tmp_path))
    assert os.listdir(tmp_path) == [os.path.basename(parcel.file)]
    array = parcel.open()

    assert os.listdir(tmp_path) == []
    assert array.shape == (9,)


def test_a_parcel_that_is_discarded_leaves_no_file(tmp_path):
    parcel = pack(some(9), str(tmp_path))
    parcel.discard()
    parcel.discard()

    assert os.listdir(tmp_path) == []


def test_what_has_no_arrays_needs_no_file(tmp_path):
    for name in ("no array", "nothing", "a scalar", "empty ones alone"):
        parcel = pack(OBJECTS[name], str(tmp_path))
        assert parcel.file is None
        parcel.discard()
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_pickled_leaves_no_file(tmp_path):
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pack((some(9), lambda: None), str(tmp_path))

    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="reads its own memory from /proc")
def test_the_memory_goes_with_the_last_array(tmp_path):
    def mappings():
        with open("/proc/self/maps") as file:
            return sum(str(tmp_path) in line for line in file)

    opened = pack([some(3000), some(4000)], str(tmp_path)).open()
    assert mappings() == 1
    part = opened[1][5:9]
    del opened
    assert mappings() == 1
    del part
    assert mappings() == 0


def test_opening_leaves_no_file_descriptor_behind(tmp_path):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    for _ in range(20):
        pack(some(3000), str(tmp_path)).open()
    assert descriptors() == before


def test_a_folder_is_made_for_the_one_who_asks():
    folders = [parcels_folder() for _ in range(2)]
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
from imggen.workers.shared_memory import pack

folder, limit = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails with EFBIG
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
x = np.arange(50_000, dtype="float32")
parcel = pack([x, x, "text", np.arange(5)], folder)
assert parcel.file is None
assert os.listdir(folder) == []
first, second, text, few = parcel.open()
assert first is second
assert text == "text"
assert (first == x).all() and (few == np.arange(5)).all()
first[:] = 1
"""


@pytest.mark.parametrize("limit", [0, 4096, 4 * 50_000 - 1, 4 * 50_000])
def test_without_room_all_goes_through_the_pipe(tmp_path, limit):
    assert hasattr(resource, "RLIMIT_FSIZE")
    assert hasattr(signal, "SIGXFSZ")
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
from imggen.workers.shared_memory import pack

x = np.arange(50, dtype="float32")
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
parcel = pack([x], sys.argv[1])
assert parcel.file is None
assert (parcel.open()[0] == x).all()
"""


def test_where_no_file_can_be_made_all_goes_through_the_pipe(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", NO_DESCRIPTORS, tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
