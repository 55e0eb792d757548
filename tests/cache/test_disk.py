"""cache=FOLDER: the same pixels, whatever happens to files, folders and processes."""

import contextlib
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import imggen
from imggen.cache import clear_stores, open_cache
from imggen.cache.disk import DiskCache
from tests.helpers.images import through_jpeg

ROOT = Path(__file__).parents[2]


def pixels(index):
    return np.random.default_rng(index).integers(0, 256, (6, 5, 3), dtype=np.uint8)


class Files:
    """Ten files, and the number of times that each was loaded."""

    def __init__(self, folder):
        self.paths = [str(folder / f"{index}.raw") for index in range(10)]
        for index, path in enumerate(self.paths):
            Path(path).write_text(str(index))
        self.loaded = []

    def cache(self, folder, about="as they are"):
        return DiskCache(folder, about, len(self.paths), self.paths.__getitem__)

    def load(self, index):
        self.loaded.append(index)
        return pixels(int(Path(self.paths[index]).read_text().replace("+", "99")))

    def served(self, number):
        return pixels(number)

    def through(self, cache, order=range(10)):
        """Gets all samples, checks them, and returns those that had to be loaded."""
        self.loaded = []
        for index in order:
            expected = self.served(int(Path(self.paths[index]).read_text().replace("+", "99")))
            got = cache.get(index, lambda index=index: self.load(index))
            assert got.dtype == expected.dtype
            assert np.array_equal(got, expected)
        cache.flush()
        return self.loaded


class PackedFiles(Files):
    """The same, stored as JPEGs."""

    def cache(self, folder, about="as they are"):
        return open_cache(
            imggen.Cache(folder, "jpeg"),
            about,
            len(self.paths),
            self.paths.__getitem__,
            color_mode="rgb",
            same_size=True,
        )

    def served(self, number):
        return through_jpeg(pixels(number))


@pytest.fixture
def files(tmp_path):
    (tmp_path / "files").mkdir()
    return Files(tmp_path / "files")


@pytest.fixture
def packed_files(tmp_path):
    (tmp_path / "packed").mkdir()
    return PackedFiles(tmp_path / "packed")


def only_store(folder):
    (store,) = folder.glob("[!.]*")
    return store


def flip_bits(file, seed):
    content = bytearray(file.read_bytes())
    rng = random.Random(seed)
    for _ in range(rng.choice([1, 3])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def test_each_file_is_loaded_once_by_all_users_of_a_folder(files, tmp_path):
    first, second = files.cache(tmp_path / "kept"), files.cache(tmp_path / "kept")

    assert files.through(first) == list(range(10))
    assert files.through(first) == []
    assert files.through(second, [9, 0, 5]) == [9, 0, 5]  # it has not looked since
    assert files.through(second) == []
    assert files.through(files.cache(tmp_path / "kept")) == []


def test_a_relative_folder_stays_the_same_in_another_working_directory(
    files, tmp_path, monkeypatch
):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "first")
    cache = files.cache("cached")
    monkeypatch.chdir(tmp_path / "second")

    assert files.through(cache) == list(range(10))
    assert files.through(pickle.loads(pickle.dumps(cache))) == []
    assert files.through(files.cache(tmp_path / "first" / "cached")) == []
    assert os.listdir(tmp_path / "second") == []


def test_each_packed_file_is_loaded_once_by_all_users_of_a_folder(packed_files, tmp_path):
    first, second = (packed_files.cache(tmp_path / "kept") for _ in range(2))

    assert packed_files.through(first) == list(range(10))
    assert packed_files.through(first) == []
    assert packed_files.through(second, [9, 0, 5]) == [9, 0, 5]  # it has not looked since
    assert packed_files.through(second) == []
    assert packed_files.through(packed_files.cache(tmp_path / "kept")) == []


def test_a_changed_packed_file_is_loaded_again(packed_files, tmp_path):
    packed_files.through(packed_files.cache(tmp_path / "kept"))
    Path(packed_files.paths[4]).write_text("44")

    assert packed_files.through(packed_files.cache(tmp_path / "kept")) == [4]


def test_arrays_that_wait_to_be_written_are_found(files, tmp_path):
    cache = files.cache(tmp_path / "kept")
    for _ in range(2):
        cache.get(3, lambda: files.load(3))
    assert files.loaded == [3]


@pytest.mark.parametrize("change", ["size", "time", "path"])
def test_a_changed_file_is_loaded_again(files, tmp_path, change):
    files.through(files.cache(tmp_path / "kept"))
    path = Path(files.paths[4])
    if change == "size":
        path.write_text("44")
    elif change == "time":
        path.write_text("+")
        os.utime(path, ns=(1, 1))
    else:
        path.unlink()
        files.paths[4] = str(path.with_name("other.raw"))
        Path(files.paths[4]).write_text("+")

    assert files.through(files.cache(tmp_path / "kept")) == [4]


def test_other_settings_have_separate_pixels(files, tmp_path):
    files.through(files.cache(tmp_path / "kept", "larger"))
    assert files.through(files.cache(tmp_path / "kept", "smaller")) == list(range(10))
    assert len(list((tmp_path / "kept").glob("[!.]*"))) == 2


def test_shapes_and_dtypes_may_differ_from_file_to_file(files, tmp_path):
    arrays = [np.float32([[1.5, np.nan]]), np.uint8([7]), np.int32([[[1]], [[-2]]])]
    for _ in range(2):
        cache = files.cache(tmp_path / "kept")
        for index, array in enumerate(arrays):
            got = cache.get(index, lambda array=array: array)
            assert got.dtype == array.dtype
            assert np.array_equal(got, array, equal_nan=array.dtype.kind == "f")
        cache.flush()


def test_arrays_cannot_be_written_to(files, tmp_path):
    cache = files.cache(tmp_path / "kept")
    for _ in range(2):
        for index in range(3):
            with pytest.raises(ValueError, match="read-only"):
                cache.get(index, lambda index=index: files.load(index))[0] = 0
        cache.flush()


@pytest.mark.filterwarnings("ignore:The cache:imggen.errors.ImggenWarning")
@pytest.mark.parametrize("name", ["pixels.bin", "journal.bin"])
@pytest.mark.parametrize("seed", range(12))
def test_corrupted_bytes_are_never_served(files, tmp_path, name, seed):
    files.through(files.cache(tmp_path / "kept"))
    flip_bits(only_store(tmp_path / "kept") / name, seed)

    assert files.through(files.cache(tmp_path / "kept"))
    assert files.through(files.cache(tmp_path / "kept")) == []


@pytest.mark.filterwarnings("ignore:The cache:imggen.errors.ImggenWarning")
@pytest.mark.parametrize("name", ["pixels.bin", "journal.bin"])
@pytest.mark.parametrize("seed", range(8))
def test_corrupted_bytes_of_a_jpeg_are_never_served(packed_files, tmp_path, name, seed):
    packed_files.through(packed_files.cache(tmp_path / "kept"))
    flip_bits(only_store(tmp_path / "kept") / name, seed)

    assert packed_files.through(packed_files.cache(tmp_path / "kept"))
    assert packed_files.through(packed_files.cache(tmp_path / "kept")) == []


@pytest.mark.filterwarnings("ignore:The cache:imggen.errors.ImggenWarning")
@pytest.mark.parametrize("name", ["pixels.bin", "journal.bin"])
@pytest.mark.parametrize("share", [0, 0.33, 0.99])
def test_truncated_files_of_jpegs_are_filled_again(packed_files, tmp_path, name, share):
    packed_files.through(packed_files.cache(tmp_path / "kept"))
    file = only_store(tmp_path / "kept") / name
    os.truncate(file, int(file.stat().st_size * share))

    assert packed_files.through(packed_files.cache(tmp_path / "kept"))
    assert packed_files.through(packed_files.cache(tmp_path / "kept")) == []


@pytest.mark.parametrize("name", ["pixels.bin", "journal.bin"])
def test_damage_causes_a_warning(files, tmp_path, name):
    files.through(files.cache(tmp_path / "kept"))
    file = only_store(tmp_path / "kept") / name
    content = bytearray(file.read_bytes())
    content[50] ^= 1
    file.write_bytes(content)

    with pytest.warns(imggen.errors.ImggenWarning, match="damaged"):
        files.through(files.cache(tmp_path / "kept"))


@pytest.mark.filterwarnings("ignore:The cache:imggen.errors.ImggenWarning")
@pytest.mark.parametrize("name", ["pixels.bin", "journal.bin"])
@pytest.mark.parametrize("share", [0, 0.33, 0.99])
def test_truncated_files_are_filled_again(files, tmp_path, name, share):
    files.through(files.cache(tmp_path / "kept"))
    file = only_store(tmp_path / "kept") / name
    os.truncate(file, int(file.stat().st_size * share))

    assert files.through(files.cache(tmp_path / "kept"))
    assert files.through(files.cache(tmp_path / "kept")) == []


def test_threads_may_share_a_cache(files, tmp_path):
    cache = files.cache(tmp_path / "kept")
    failed = []

    def ask(seed):
        order = list(range(10)) * 20
        random.Random(seed).shuffle(order)
        try:
            for index in order:
                assert np.array_equal(
                    cache.get(index, lambda index=index: files.load(index)), pixels(index)
                )
        except BaseException as err:  # noqa: BLE001
            failed.append(err)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


# Fills a cache, in a new process for each line of the input if there is any.
FILLING = """
import os, sys, time
from pathlib import Path
import imggen.cache.writer as writer
import tests.cache.test_disk
writer._WRITE_SIZE = 200  # write often
kind = getattr(tests.cache.test_disk, sys.argv[3])
files = kind.__new__(kind)
files.paths = [str(path) for path in sorted(Path(sys.argv[1]).iterdir())]
files.loaded = []

def fill():
    cache = files.cache(sys.argv[2])
    print(os.getpid(), flush=True)
    for index in range(len(files.paths)):
        cache.get(index, lambda: files.load(index))
        time.sleep(0.002)
    cache.flush()

if sys.argv[4] == "once":
    fill()
else:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            fill()
            os._exit(0)
        os.waitpid(child, 0)
        print("over", flush=True)
"""


def filling(files, folder, how="once"):
    command = [sys.executable, "-c", FILLING, str(Path(files.paths[0]).parent), str(folder)]
    command += [type(files).__name__, how]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def killed_while_filling(files, folder, times):
    rng = random.Random(1)
    process = filling(files, folder, "for each line")
    for _ in range(times):
        process.stdin.write("\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        time.sleep(rng.uniform(0, 0.025))
        with contextlib.suppress(ProcessLookupError):  # it may have finished
            os.kill(child, signal.SIGKILL)
        assert process.stdout.readline() == "over\n"
        with_what_is_there = files.cache(folder)
        for index in range(10):
            got = with_what_is_there.get(index, lambda index=index: files.load(index))
            assert np.array_equal(got, files.served(index))
    process.communicate()
    assert process.returncode == 0
    files.through(files.cache(folder))
    assert files.through(files.cache(folder)) == []


def test_a_process_killed_while_filling_leaves_a_valid_cache(files, tmp_path):
    killed_while_filling(files, tmp_path / "kept", times=20)


def test_a_process_killed_while_packing_leaves_a_valid_cache(packed_files, tmp_path):
    killed_while_filling(packed_files, tmp_path / "kept", times=6)


def test_processes_may_fill_one_folder_at_once(files, tmp_path):
    processes = [filling(files, tmp_path / "kept") for _ in range(3)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0

    assert files.through(files.cache(tmp_path / "kept")) == []
    store = only_store(tmp_path / "kept")
    assert (store / "pixels.bin").stat().st_size == 10 * 6 * 5 * 3  # nothing is there twice


FULL = """
import resource, signal, sys, warnings
import numpy as np
from tests.cache.test_disk import Files
from pathlib import Path
files = Files(Path(sys.argv[1]))
cache = files.cache(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for _ in range(3):
        files.through(cache)
print(len(told), told[0].message)
"""


def test_a_full_disk_stops_caching_but_not_training(tmp_path):
    (tmp_path / "files").mkdir()
    command = [sys.executable, "-c", FULL, str(tmp_path / "files"), str(tmp_path / "kept")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 The cache ")
    assert "stores no more images: File too large; the others are loaded again" in done.stdout


def test_a_cache_that_cannot_fit_is_refused_before_it_is_filled(files, tmp_path):
    cache = DiskCache(tmp_path / "kept", "", 10**12, lambda index: files.paths[0])
    with pytest.raises(imggen.errors.CacheError, match=r"1000000000000 images .* GiB free"):
        cache.get(0, lambda: files.load(0))


def test_a_folder_that_is_cleared_while_it_is_used_never_gives_wrong_pixels(files, tmp_path):
    first = files.cache(tmp_path / "kept")
    files.through(first, range(5))
    clear_stores(tmp_path / "kept")
    files.through(files.cache(tmp_path / "kept"), reversed(range(10)))

    files.through(first)  # compares every image
    files.through(first)
    assert files.through(files.cache(tmp_path / "kept")) == []


@pytest.mark.parametrize("how", [clear_stores, shutil.rmtree])
def test_a_deleted_folder_is_created_again(files, tmp_path, how):
    cache = files.cache(tmp_path / "kept")
    files.through(cache, range(5))
    how(tmp_path / "kept")

    files.through(cache)
    assert files.through(cache) == []
    assert files.through(files.cache(tmp_path / "kept")) == [0, 1, 2, 3, 4]


def test_garbage_collection_of_a_cache_does_not_wait_for_a_flush_of_another(files, tmp_path):
    cache, other = files.cache(tmp_path / "kept"), files.cache(tmp_path / "kept")
    files.through(cache, range(5))
    other.get(7, lambda: files.load(7))
    with cache._journal._locked():  # as if the collector came by in here
        del other
    assert files.through(cache) == [5, 6, 7, 8, 9]


def test_images_in_another_versions_format_are_loaded_again_with_a_warning(files, tmp_path):
    files.through(files.cache(tmp_path / "kept"))
    old = only_store(tmp_path / "kept").rename(tmp_path / "kept" / ("0" * 16))
    text = (old / "about.txt").read_text()
    (old / "about.txt").write_text(text.replace("format 2", "format 0"))

    with pytest.warns(imggen.errors.ImggenWarning, match=r"another version of imggen.*cache clear"):
        cache = files.cache(tmp_path / "kept")
    assert files.through(cache) == list(range(10))


def test_an_unusable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        imggen.errors.CacheError, match=r"cache folder '.*file/within' cannot be used"
    ):
        open_cache(tmp_path / "file" / "within", "", 1, str, color_mode="rgb", same_size=True)


@pytest.mark.parametrize("cache", ["RAM", "Ram", "disk", "", 7, True, ["ram"]])
def test_invalid_caches_are_refused(cache):
    with pytest.raises(imggen.errors.OptionError, match=r"^cache="):
        open_cache(cache, "", 1, str, color_mode="rgb", same_size=True)


def test_custom_loaders_have_no_cache_on_disk(photos, tmp_path):
    with pytest.raises(imggen.errors.OptionError, match='Use cache="ram"'):
        imggen.ImageSequence(imggen.scan(photos), loader=np.load, cache=tmp_path / "kept")
