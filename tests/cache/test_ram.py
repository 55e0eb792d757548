"""The cache of decoded images."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from imggen.cache import RamCache
from imggen.errors import ImggenWarning, OptionError


def image(value: int, shape=(4, 5, 3), dtype=np.uint8) -> np.ndarray:
    return np.full(shape, value, dtype)


def test_each_sample_is_loaded_once():
    cache = RamCache(3)
    loaded = []

    def load(index):
        loaded.append(index)
        return image(index)

    for index in [0, 1, 2, 2, 1, 0, 1]:
        cache.get(index, lambda index=index: load(index))

    assert loaded == [0, 1, 2]


def test_a_stored_sample_is_the_loaded_one():
    cache = RamCache(10)
    pixels = np.random.default_rng(0).integers(0, 256, (10, 6, 7, 3), dtype=np.uint8)
    for index in range(10):
        cache.get(index, lambda index=index: pixels[index].copy())

    kept = [cache.get(index, lambda: image(0)) for index in range(10)]

    np.testing.assert_array_equal(kept, pixels)


def test_a_sample_of_zeros_counts_as_loaded():
    cache = RamCache(2)
    cache.get(1, lambda: image(0))

    assert not cache.get(1, lambda: image(9)).any()


@pytest.mark.parametrize("reads", [1, 2, 3])
def test_returned_arrays_are_read_only(reads):
    cache = RamCache(1)
    for _ in range(reads):
        with pytest.raises(ValueError, match="read-only"):
            cache.get(0, lambda: image(7))[:] = 99

    assert (cache.get(0, lambda: image(1)) == 7).all()


def test_changing_a_loaded_array_does_not_change_the_cache():
    cache = RamCache(1)
    loaded = image(7)
    cache.get(0, lambda: loaded)
    loaded[:] = 99

    assert (cache.get(0, lambda: loaded) == 7).all()


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_arrays_of_any_rank_and_dtype_are_kept(dtype):
    cache = RamCache(2)
    cache.get(0, lambda: np.ones((2, 3, 4, 5), dtype))
    kept = cache.get(0, lambda: np.zeros((2, 3, 4, 5), dtype))

    assert kept.dtype == dtype
    assert kept.all()


def test_samples_may_differ_in_shape_and_dtype():
    cache = RamCache(3, same_size=False)
    others = [image(1), image(2, shape=(5, 4, 1)), image(3, dtype=np.float32)]
    for index, other in enumerate(others):
        cache.get(index, other.copy)

    for index, other in enumerate(others):
        kept = cache.get(index, lambda: pytest.fail("it is kept already"))
        assert kept.dtype == other.dtype
        assert np.array_equal(kept, other)


def test_samples_that_do_not_fit_are_loaded_again_with_one_warning():
    cache = RamCache(5, limit=2 * image(0).nbytes, same_size=False)
    loaded = []

    def get(index):
        def load():
            loaded.append(index)
            return image(index)

        assert (cache.get(index, load) == index).all()

    get(0)
    get(1)
    with pytest.warns(ImggenWarning, match=r"is full: 2 of 5 images take"):
        get(2)
    for index in [3, 2, 1, 0]:  # warnings are errors
        get(index)
    assert loaded == [0, 1, 2, 3, 2]


def test_a_sample_that_could_not_be_loaded_is_tried_again():
    cache = RamCache(1)

    def fail():
        raise OSError("not now")

    with pytest.raises(OSError, match="not now"):
        cache.get(0, fail)

    assert (cache.get(0, lambda: image(4)) == 4).all()


def test_threads_get_the_right_samples():
    cache = RamCache(50)
    wanted = np.random.default_rng(1).integers(0, 50, 4000).tolist()

    def is_right(index):
        return bool((cache.get(index, lambda: image(index, shape=(16, 16, 3))) == index).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, wanted))


def test_a_pickled_cache_starts_empty():
    cache = RamCache(1000)
    for index in range(1000):
        cache.get(index, lambda: image(7))
    pickled = pickle.dumps(cache)
    copied = pickle.loads(pickled)

    assert len(pickled) < 500
    assert (copied.get(999, lambda: image(8)) == 8).all()


def test_a_set_larger_than_memory_is_refused_before_it_is_taken():
    cache = RamCache(10**8)
    sample = np.zeros((1024, 1024), np.uint8)

    with pytest.raises(
        OptionError,
        match=r'cache="ram" needs 95\.4 TiB for 100000000 samples of 1048576 bytes, and '
        r"its limit= is \d+\.\d GiB\. Use a smaller image_size, a folder, .* or no cache\.",
    ):
        cache.get(0, lambda: sample)


def test_a_set_with_more_samples_than_memory_has_bytes_is_refused_the_same_way():
    with pytest.raises(OptionError, match='cache="ram" needs'):
        RamCache(10**15).get(0, lambda: image(0, shape=(1, 1, 1)))


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads Linux's /proc")
def test_memory_grows_with_the_samples():
    before = resident_bytes()
    cache = RamCache(8000)
    cache.get(4000, lambda: image(1, shape=(256, 256, 1)))

    # All samples together are 500 MiB.
    assert resident_bytes() - before < 50 * 2**20


def test_samples_of_one_shape_are_rows_of_one_array_once_all_are_stored():
    cache = RamCache(4)
    for index in (2, 0, 3):
        cache.get(index, lambda index=index: image(index))

    assert cache.find_rows(np.array([0, 1])) is None
    stack, rows = cache.find_rows(np.array([3, 2, 3]))
    assert stack[rows][:, 0, 0, 0].tolist() == [3, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        stack[0] = 1
    assert np.shares_memory(stack, cache.get(2, lambda: image(9)))

    cache.clear()
    assert cache.find_rows(np.array([3])) is None
    assert (cache.get(3, lambda: image(8)) == 8).all()
    assert cache.find_rows(np.array([3])).stack[3].max() == 8


@pytest.mark.parametrize("other", [image(2, shape=(5, 4, 3)), image(2, dtype=np.float32)])
def test_samples_of_another_shape_or_dtype_are_not_in_the_array(other):
    cache = RamCache(2, same_size=True)
    cache.get(0, lambda: image(1))
    cache.get(1, other.copy)

    assert cache.find_rows(np.array([0])) is not None
    assert cache.find_rows(np.array([0, 1])) is None
    assert cache.get(1, lambda: image(9)).dtype == other.dtype


def test_samples_are_stored_one_by_one_where_the_system_reserves_no_memory_for_all():
    cache = RamCache(2**50, limit=2**62)  # 60 PiB

    assert (cache.get(7, lambda: image(3)) == 3).all()
    assert (cache.get(7, lambda: image(4)) == 3).all()
    assert cache.find_rows(np.array([7])) is None
