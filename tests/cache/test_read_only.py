"""Cache folders where nothing can be written: a read-only disk, a folder of another user."""

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest

from imggen.cache import Cache, clear_stores, list_stores, open_cache
from imggen.errors import CacheError, ImggenWarning
from tests.helpers.disks import remount

ROOT = Path(__file__).parents[2]


class Numbers:
    """Files that hold their numbers; each is "decoded" to an array of it."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.paths = [str(folder / str(number)) for number in range(6)]
        for number, path in enumerate(self.paths):
            Path(path).write_text(str(number))

    def served(self, folder, rows=range(6), pack="raw"):
        """Gets the rows and checks them; returns those that had to be loaded."""
        loaded = []

        def load(row):
            loaded.append(row)
            return np.full((8, 8, 3), int(Path(self.paths[row]).read_text()) * 40, np.uint8)

        cache = open_cache(
            Cache(folder, pack), "x", 6, self.paths.__getitem__, color_mode="rgb", same_size=True
        )
        for row in rows:
            assert cache.get(row, lambda row=row: load(row))[0, 0].tolist() == [row * 40] * 3
        cache.flush()
        return loaded


def entries(folder):
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def numbers(tmp_path):
    return Numbers(tmp_path / "files")


@pytest.fixture
def read_only(small_disk):
    """Makes the disk read-only, and writable again at the end."""
    yield lambda: remount(small_disk, "ro")
    remount(small_disk, "rw")


@pytest.mark.parametrize("pack", ["raw", "jpeg"])
def test_a_finished_cache_on_a_read_only_disk_is_served(numbers, small_disk, read_only, pack):
    numbers.served(small_disk / "kept", pack=pack)
    for lock in small_disk.glob("kept/*/lock"):  # as after a copy to an image of a container
        lock.unlink()
    before = entries(small_disk)
    read_only()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert numbers.served(small_disk / "kept", pack=pack) == []
        (store,) = list_stores(small_disk / "kept")
    assert store.num_images == 6
    assert entries(small_disk) == before
    with pytest.raises(CacheError, match="cannot be deleted: Read-only file system"):
        clear_stores(small_disk / "kept")


def test_an_unfinished_cache_on_a_read_only_disk_is_served_as_far_as_it_goes(
    numbers, small_disk, read_only
):
    numbers.served(small_disk / "kept", range(4))
    read_only()
    with pytest.warns(ImggenWarning, match=r"kept.* cannot be written to; images that it") as told:
        assert numbers.served(small_disk / "kept", [*range(6)] * 2) == [4, 5, 4, 5]
    assert len(told) == 1


def test_half_a_record_on_a_read_only_disk_is_ignored(numbers, small_disk, read_only):
    numbers.served(small_disk / "kept")
    (journal,) = small_disk.glob("kept/*/journal.bin")
    with journal.open("ab") as file:
        file.write(b"half")
    read_only()
    assert numbers.served(small_disk / "kept") == []


def test_an_empty_folder_on_a_read_only_disk_is_an_error(numbers, small_disk, read_only):
    read_only()
    with pytest.raises(CacheError, match=r"cannot be used: .*Read-only .* can be written to"):
        numbers.served(small_disk / "kept")


# Runs as another user, who owns nothing and may not be able to read the code, which is therefore
# imported before.
AS_NOBODY = """
import os, sys, tempfile, warnings
sys.path.insert(0, os.getcwd())
from pathlib import Path
from tests.cache.test_read_only import Numbers
with tempfile.TemporaryDirectory() as folder:
    Numbers(Path(folder, "files")).served(Path(folder, "kept"))
os.setgid(65534)
os.setuid(65534)
numbers = Numbers.__new__(Numbers)
numbers.paths = sorted(map(str, Path(sys.argv[1]).iterdir()))
warnings.simplefilter("error")
print(numbers.served(Path(sys.argv[2])))
"""


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs root")
def test_a_folder_of_another_user_is_served():
    with tempfile.TemporaryDirectory() as folder:  # others cannot enter tmp_path
        os.chmod(folder, 0o755)
        files, kept = Path(folder, "files"), Path(folder, "kept")
        Numbers(files).served(kept)
        for path in kept.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        before = entries(kept)
        command = [sys.executable, "-c", AS_NOBODY, str(files), str(kept)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.stdout == "[]\n", done.stderr
        assert entries(kept) == before
