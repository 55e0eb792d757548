"""Whole batches gathered from a cache in a folder: only arrays that were compared, never others."""

import zlib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

import imggen
from imggen.cache import clear_stores, disk
from imggen.cache.disk import DiskCache
from tests.helpers.caches import store_in

ROWS = np.array([3, 0, 9, 3])


def arrays_of(shape=(6, 5, 3), dtype=np.uint8, count=10):
    return np.random.default_rng(1).integers(0, 256, (count, *shape)).astype(dtype)


@pytest.fixture
def open_cache(tmp_path):
    paths = [tmp_path / f"{index}.raw" for index in range(10)]
    for index, path in enumerate(paths):
        path.write_text(str(index))
    return lambda **options: DiskCache(
        tmp_path / "kept", "", 10, lambda index: str(paths[index]), **options
    )


def fill(cache, arrays, order=range(10)):
    """Gets samples, compares them, and returns those that had to be loaded."""
    loaded = []
    for index in order:
        got = cache.get(index, lambda index=index: loaded.append(index) or arrays[index].copy())
        assert got.dtype == arrays[index].dtype
        assert np.array_equal(got, arrays[index])
    cache.flush()
    return loaded


def gathered(cache, rows=ROWS):
    found = cache.find_rows(np.asarray(rows))
    return None if found is None else found.stack[found.rows]


@pytest.mark.parametrize("shape", [(6, 5, 3), (4,)], ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_batches_are_gathered_once_all_their_arrays_were_compared(open_cache, shape, dtype):
    arrays = arrays_of(shape, dtype)
    cache = open_cache()
    assert fill(cache, arrays, reversed(range(10))) == list(reversed(range(10)))
    assert gathered(cache) is None  # not yet read back
    fill(cache, arrays, [3, 0])
    assert gathered(cache) is None
    fill(cache, arrays, [9])

    assert np.array_equal(gathered(cache), arrays[ROWS])
    assert gathered(cache, [3, 1]) is None
    found = cache.find_rows(ROWS)
    assert not found.stack.flags.writeable
    assert np.shares_memory(found.stack, cache.get(9, lambda: pytest.fail("it is stored")))
    cache.clear()
    assert gathered(cache) is None
    assert fill(cache, arrays) == []
    assert np.array_equal(gathered(cache), arrays[ROWS])


@pytest.mark.filterwarnings("ignore:The cache:imggen.errors.ImggenWarning")
def test_a_damaged_array_is_not_gathered_until_it_is_stored_again(open_cache, tmp_path):
    arrays = arrays_of()
    fill(open_cache(), arrays)
    file = store_in(tmp_path / "kept") / "pixels.bin"
    content = bytearray(file.read_bytes())
    content[9 * 90 + 7] ^= 1
    file.write_bytes(content)

    cache = open_cache()
    assert fill(cache, arrays) == [9]
    assert gathered(cache) is None
    assert np.array_equal(gathered(cache, [3, 0]), arrays[[3, 0]])
    assert fill(cache, arrays) == []
    assert np.array_equal(gathered(cache), arrays[ROWS])


def test_each_array_is_compared_once_per_opening(photos, tmp_path, monkeypatch):
    compared = []
    counting = SimpleNamespace(crc32=lambda data: compared.append(1) or zlib.crc32(data))
    monkeypatch.setattr(disk, "zlib", counting)
    manifest = imggen.scan(photos)
    options = {"image_size": (8, 8), "cache": tmp_path / "kept", "workers": 0, "shuffle": False}
    for _ in range(2):  # filled; opened again
        compared.clear()
        with imggen.ImageSequence(manifest, **options) as sequence:
            served = [np.concatenate([x for x, _ in sequence]).tobytes() for _ in range(4)]
            sequence.batch_maker.samples.cache.flush()
            served += [np.concatenate([x for x, _ in sequence]).tobytes() for _ in range(4)]
            assert sequence.batch_maker.samples.find_rows(np.arange(4)) is not None
        assert len(set(served)) == 1
        assert len(compared) == manifest.num_samples


def test_arrays_of_another_shape_file_or_place_are_served_one_by_one(open_cache, tmp_path):
    arrays = list(arrays_of())
    arrays[4] = arrays[4][:, :4].copy()  # the offsets of all that follow are no multiples
    cache = open_cache()
    fill(cache, arrays)
    for _ in range(2):
        assert fill(cache, arrays) == []
    assert np.array_equal(gathered(cache, [0, 3, 2]), np.stack([arrays[at] for at in (0, 3, 2)]))
    assert gathered(cache, [0, 4]) is None
    assert gathered(cache, [0, 5]) is None

    cache = open_cache()
    fill(cache, arrays, range(4))
    clear_stores(tmp_path / "kept")
    fill(cache, arrays)  # the first four stay in the deleted file
    assert fill(cache, arrays) == []
    assert gathered(cache, [0, 3]) is not None
    assert gathered(cache, [0, 6]) is None


def test_the_map_grows_with_the_file(open_cache):
    arrays = arrays_of()
    other = open_cache()
    fill(other, arrays, range(2))
    cache = open_cache()
    assert fill(cache, arrays, range(2)) == []
    fill(other, arrays, range(2, 10))
    assert np.array_equal(gathered(cache, [1, 0]), arrays[[1, 0]])
    fill(cache, arrays, range(2, 10))  # loads them, finds them written, and reads them
    fill(cache, arrays)

    assert np.array_equal(gathered(cache), arrays[ROWS])


def test_threads_never_gather_other_rows(open_cache):
    arrays = arrays_of()
    fill(open_cache(), arrays)

    def is_right(cache, seed):
        for index in np.random.default_rng(seed).integers(0, 10, 40).tolist():
            rows = np.array([index, 3])
            got = gathered(cache, rows)
            if got is not None and not np.array_equal(got, arrays[rows]):
                return False
            cache.get(index, lambda: None)
        return True

    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            cache = open_cache()
            assert all(pool.map(is_right, [cache] * 4, range(4)))
