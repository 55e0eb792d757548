"""A disk that fills up, and writers that are killed: what is half written is removed."""

import os
import warnings

import numpy as np
import pytest

from imggen.cache import Cache, journal, open_cache
from imggen.cache.records import RECORD
from imggen.errors import ImggenWarning
from tests.cache.test_stale import Texts
from tests.helpers.caches import store_in

NUM_FILES = 30


class Noise:
    """Files whose arrays take 30 × 20 KiB, raw, and about half of that as JPEG."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.paths = [folder / f"{number}.bmp" for number in range(NUM_FILES)]
        for number, path in enumerate(self.paths):
            Texts.write(path, f"{number:02}")

    def array(self, row):
        rng = np.random.default_rng(int(self.paths[row].read_text()))
        return rng.integers(0, 256, (80, 85, 3), dtype=np.uint8)

    def open(self, folder, pack="raw"):
        return open_cache(
            Cache(folder, pack, limit=2**30),
            "noise",
            NUM_FILES,
            lambda row: str(self.paths[row]),
            color_mode="rgb",
            same_size=False,
        )

    def served(self, cache):
        loaded = []
        for row in range(NUM_FILES):
            got = cache.get(row, lambda row=row: loaded.append(row) or self.array(row))
            assert got.shape == (80, 85, 3)
        cache.flush()
        return loaded


@pytest.fixture
def noise(tmp_path):
    return Noise(tmp_path / "files")


def known_bytes(store):
    records = np.frombuffer((store / "journal.bin").read_bytes(), RECORD)
    sizes = {int(r["offset"]): int(np.prod([side for side in r["shape"] if side])) for r in records}
    return sum(sizes.values())


@pytest.mark.parametrize("pack", ["raw", "jpeg"])
@pytest.mark.parametrize("free", [0, 2_000, 30_000, 150_000])
def test_a_disk_that_fills_up_gets_its_bytes_back(noise, small_disk, monkeypatch, pack, free):
    monkeypatch.setattr("imggen.cache.writer._WRITE_SIZE", 50_000)
    cache = noise.open(small_disk / "kept", pack)
    with open(small_disk / "filler", "wb") as filler:
        filler.write(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize - free))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(2):
            noise.served(cache)
    (warning,) = [one for one in told if one.category is ImggenWarning]
    assert "stores no more images: No space left on device" in str(warning.message)
    store = store_in(small_disk / "kept")
    assert (store / "pixels.bin").stat().st_size == known_bytes(store)
    assert not (store / "unfinished").exists()

    (small_disk / "filler").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # raw arrays take more than the disk has
        noise.served(noise.open(small_disk / "kept", pack))
    assert (store / "pixels.bin").stat().st_size == known_bytes(store)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_write_that_fails_at_any_file_leaves_nothing(noise, tmp_path, monkeypatch, failing):
    """The mark, the arrays or the records cannot be written, after some of their bytes."""
    cache = noise.open(tmp_path / "kept")
    for row in range(3):
        cache.get(row, lambda row=row: noise.array(row))
    cache.flush()
    store = store_in(tmp_path / "kept")
    sizes = {path.name: path.stat().st_size for path in store.iterdir()}
    real, calls = journal.append_bytes, []

    def fails(path, chunks):
        calls.append(path)
        if len(calls) != failing + 1:
            return real(path, chunks)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "append_bytes", fails)
    cache.get(5, lambda: noise.array(5))
    with pytest.warns(ImggenWarning, match="stores no more images: No space left on device"):
        cache.flush()
    assert {path.name: path.stat().st_size for path in store.iterdir()} == sizes
    assert np.array_equal(cache.get(5, lambda: noise.array(5)), noise.array(5))


def kill_at(monkeypatch, num_calls):
    """Stops a write at its n-th file, as if the process were killed."""
    real, calls = journal.append_bytes, []

    def stop(path, chunks):
        calls.append(path)
        if len(calls) == num_calls:
            with path.open("ab") as file:
                file.write(b"".join(chunks)[:-7])
            os._exit(0)
        real(path, chunks)

    monkeypatch.setattr(journal, "append_bytes", stop)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("num_calls", [1, 2, 3])
def test_the_next_writer_truncates_what_a_killed_one_has_left(
    noise, tmp_path, monkeypatch, num_calls
):
    kept = tmp_path / "kept"
    first = noise.open(kept)
    first.get(0, lambda: noise.array(0))
    first.flush()
    store = store_in(kept)
    size = (store / "pixels.bin").stat().st_size
    child = os.fork()
    if child == 0:
        try:
            kill_at(monkeypatch, num_calls)
            cache = noise.open(kept)
            cache.get(1, lambda: noise.array(1))
            cache.flush()
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert (store / "unfinished").exists()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache = noise.open(kept)
    assert (store / "pixels.bin").stat().st_size == size == known_bytes(store)
    assert not (store / "unfinished").exists()
    assert noise.served(cache) == list(range(1, NUM_FILES))
    assert noise.served(noise.open(kept)) == []
