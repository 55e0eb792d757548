"""Caches in folders follow the contents of files, not only their sizes and times."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from imggen.cache import file_state
from imggen.cache.disk import DiskCache
from imggen.cache.file_state import FileState

OLD = 1_000_000_000 * 10**9


class Texts:
    """Files of one size and time, each of which is "decoded" to the codes of its characters."""

    def __init__(self, folder, contents="abcd"):
        folder.mkdir(exist_ok=True)
        self.paths = [folder / f"{number}.bmp" for number in range(len(contents))]
        for path, content in zip(self.paths, contents, strict=True):
            self.write(path, content * 4)
        self.num_loads = 0

    @staticmethod
    def write(path, text):
        path.write_text(text)
        os.utime(path, ns=(OLD, OLD))

    def load(self, index):
        self.num_loads += 1
        return np.frombuffer(self.paths[index].read_bytes(), np.uint8).copy()

    def served(self, folder):
        """The texts from a new cache, and the number of files that were loaded for it."""
        self.num_loads = 0
        cache = DiskCache(folder, "texts", len(self.paths), lambda index: str(self.paths[index]))
        got = [
            cache.get(index, lambda index=index: self.load(index)).tobytes().decode()
            for index in range(len(self.paths))
        ]
        cache.flush()
        return got, self.num_loads


def replace(path, text):
    """As rsync -t, cp -p and unpacked archives do: another file with the same size and time."""
    Texts.write(path.with_name("other"), text)
    os.replace(path.with_name("other"), path)


def exchange(one, other):
    os.rename(one, one.with_name("t"))
    os.rename(other, one)
    os.rename(one.with_name("t"), other)


def link(path, text):
    Texts.write(path.parent.parent / "other", text)
    path.unlink()
    os.link(path.parent.parent / "other", path)


def symlink(path, text):
    Texts.write(path.parent.parent / "other", text)
    path.unlink()
    os.symlink(path.parent.parent / "other", path)


def edit_in_place(path, text):
    with path.open("r+") as file:
        file.write(text)
    os.utime(path, ns=(OLD, OLD))


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("change", [replace, link, symlink, edit_in_place, Texts.write])
def test_another_content_of_the_same_size_and_time_is_loaded(
    tmp_path, monkeypatch, change, settled
):
    if settled:  # as after two seconds
        monkeypatch.setattr(file_state, "_MIN_AGE_NS", -1)
    files = Texts(tmp_path / "files")
    assert files.served(tmp_path / "kept") == (["aaaa", "bbbb", "cccc", "dddd"], 4)
    change(files.paths[1], "xbbx")
    assert files.served(tmp_path / "kept") == (["aaaa", "xbbx", "cccc", "dddd"], 1)
    assert files.served(tmp_path / "kept") == (["aaaa", "xbbx", "cccc", "dddd"], 0)
    change(files.paths[1], "bbbb")  # as a restored backup
    assert files.served(tmp_path / "kept") == (["aaaa", "bbbb", "cccc", "dddd"], 0)


def test_files_that_exchange_names_exchange_their_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(file_state, "_MIN_AGE_NS", -1)
    files = Texts(tmp_path / "files")
    files.served(tmp_path / "kept")
    exchange(files.paths[0], files.paths[3])
    assert files.served(tmp_path / "kept") == (["dddd", "bbbb", "cccc", "aaaa"], 0)


def test_an_edit_right_after_the_load_is_found_even_if_no_time_changes(tmp_path, monkeypatch):
    """Times have a resolution of milliseconds to seconds: both versions may have the same."""
    real = os.stat

    def coarse(path, *args, **kwargs):
        found = real(path, *args, **kwargs)
        if str(path).endswith(".bmp"):
            return os.stat_result(
                [*found][:10],
                {"st_mtime_ns": OLD, "st_ctime_ns": found.st_ctime_ns // 10**9 * 10**9},
            )
        return found

    files = Texts(tmp_path / "files")
    monkeypatch.setattr(os, "stat", coarse)
    files.served(tmp_path / "kept")
    edit_in_place(files.paths[2], "yyyy")
    assert files.served(tmp_path / "kept") == (["aaaa", "bbbb", "yyyy", "dddd"], 1)


def move(files, folder):
    shutil.move(files.paths[0].parent, folder)


def copy_with_times(files, folder):
    shutil.copytree(files.paths[0].parent, folder)


def copy_without_times(files, folder):
    shutil.copytree(files.paths[0].parent, folder, copy_function=shutil.copyfile)


@pytest.mark.parametrize("how", [move, copy_with_times, copy_without_times])
def test_a_moved_or_copied_dataset_is_not_loaded_again(tmp_path, monkeypatch, how):
    monkeypatch.setattr(file_state, "_MIN_AGE_NS", -1)
    files = Texts(tmp_path / "files")
    expected, _ = files.served(tmp_path / "kept")
    size = next(tmp_path.glob("kept/*/pixels.bin")).stat().st_size
    how(files, tmp_path / "there")
    files.paths = [tmp_path / "there" / path.name for path in files.paths]
    reads = count_reads(monkeypatch)
    for num_read in (4, 0):  # the new places are known from then on
        reads.clear()
        assert files.served(tmp_path / "kept") == (expected, 0)
        assert len(reads) == num_read
    assert next(tmp_path.glob("kept/*/pixels.bin")).stat().st_size == size


def count_reads(monkeypatch):
    reads = []
    real = FileState.read_content

    def counted(self):
        reads.append(self.path)
        return real(self)

    monkeypatch.setattr(FileState, "read_content", counted)
    return reads


@pytest.mark.parametrize("touch", [Path.touch, lambda path: path.chmod(0o600)])
def test_a_change_of_times_or_rights_alone_loads_nothing(tmp_path, monkeypatch, touch):
    monkeypatch.setattr(file_state, "_MIN_AGE_NS", -1)
    files = Texts(tmp_path / "files")
    expected, _ = files.served(tmp_path / "kept")
    touch(files.paths[2])
    assert files.served(tmp_path / "kept") == (expected, 0)


def test_the_same_bytes_with_another_extension_are_loaded(tmp_path):
    """An extension may determine how a file is decoded."""
    files = Texts(tmp_path / "files")
    files.served(tmp_path / "kept")
    files.paths[0] = files.paths[0].rename(files.paths[0].with_suffix(".png"))
    assert files.served(tmp_path / "kept") == (["aaaa", "bbbb", "cccc", "dddd"], 1)


def test_a_file_that_changes_while_it_is_loaded_is_not_stored(tmp_path):
    files = Texts(tmp_path / "files")
    cache = DiskCache(tmp_path / "kept", "texts", 4, lambda index: str(files.paths[index]))

    def load():
        array = files.load(1)
        edit_in_place(files.paths[1], "BBBB")
        return array

    assert cache.get(1, load).tobytes() == b"bbbb"
    cache.flush()
    assert files.served(tmp_path / "kept") == (["aaaa", "BBBB", "cccc", "dddd"], 4)


def test_cached_epochs_look_at_no_file(tmp_path, monkeypatch):
    """Each file is found once per cache; after that, no call depends on it."""
    monkeypatch.setattr(file_state, "_MIN_AGE_NS", -1)
    files = Texts(tmp_path / "files")
    files.served(tmp_path / "kept")
    cache = DiskCache(tmp_path / "kept", "texts", 4, lambda index: str(files.paths[index]))
    reads, found = count_reads(monkeypatch), []
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **kwargs: found.append(path) or real(path))
    for num_found in (4, 0, 0):
        found.clear()
        for index in range(4):
            cache.get(index, lambda index=index: files.load(index))
        assert len([path for path in found if str(path).endswith(".bmp")]) == num_found
    assert reads == []
