"""A cache of loaded images in a folder, for later epochs, later runs and other processes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
import weakref
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.cache.file_state import State, find_state
from imggen.cache.journal import ArrayLocation, Journal
from imggen.cache.packed import StackedRows
from imggen.cache.store_files import (
    FILES,
    JOURNAL,
    KEY_FILE,
    PIXELS,
    count_arrays,
    delete_files,
    is_regular_file,
)
from imggen.cache.store_state import StoreState, VersionedAddress
from imggen.cache.valid_arrays import ValidArrays
from imggen.cache.writer import Writer, warn_of_cache
from imggen.core import InputFile, format_bytes, mark_folder, unmark_folder
from imggen.errors import CacheError
from imggen.stores import share_reads
from imggen.workers import register_after_fork

_FORMAT = 2
_TITLE = "imggen cache, format "
_MAX_KEY_BYTES = 2**20
# Only folders with such a name are stores.
_STORE_NAME = re.compile(r"[0-9a-f]{16}")
_FRACTION_OF_DISK = 0.95


class Store(NamedTuple):
    """The images in a cache folder that were loaded with the same settings.

    Attributes:
        folder: The folder of these images.
        cache_key: The settings that determined the pixels.
        num_images: The number of images; files with the same content count once.
        num_bytes: The number of bytes on disk.
    """

    folder: Path
    cache_key: str
    num_images: int
    num_bytes: int


def list_stores(folder: str | os.PathLike[str]) -> list[Store]:
    """Lists the stores of a cache folder, one for each set of settings. Writes nothing.

    Raises:
        CacheError: The folder cannot be read.
    """
    found = []
    for subfolder in _find_store_folders(folder):
        try:
            num_bytes = sum(os.lstat(subfolder / name).st_size for name in os.listdir(subfolder))
            num_images = count_arrays(subfolder)
        except OSError as err:
            raise CacheError(f"{str(subfolder)!r} cannot be read: {err.strerror or err}.") from err
        cache_key = _read_key(subfolder) or "(settings unknown: about.txt is damaged)"
        found.append(Store(subfolder, cache_key, num_images, num_bytes))
    return found


def clear_stores(folder: str | os.PathLike[str]) -> int:
    """Deletes the stores of a cache folder, and no other files.

    Works for damaged stores too. Does not follow symbolic links.

    Returns:
        The number of bytes deleted.

    Raises:
        CacheError: The folder cannot be read, or a file cannot be deleted; all others are deleted.
    """
    num_bytes = 0
    failures = []
    for subfolder in _find_store_folders(folder):
        try:
            num_bytes += delete_files(subfolder)
        except OSError as err:
            failures.append(f"{str(subfolder)!r} cannot be deleted: {err.strerror or err}.")
    unmark_folder(folder, "cache")
    if failures:
        raise CacheError(" ".join(failures[:3]))
    return num_bytes


def _has_other_formats(folder: str | os.PathLike[str]) -> bool:
    """Whether a cache folder has stores of another version of imggen.

    Raises:
        CacheError: The folder cannot be read.
    """
    titles = {(_read_key(store) or "").partition("\n")[0] for store in _find_store_folders(folder)}
    formats = {title.removeprefix(_TITLE) for title in titles}
    return any(number.isdecimal() and number != str(_FORMAT) for number in formats)


def _find_store_folders(folder: str | os.PathLike[str]) -> list[Path]:
    try:
        return [subfolder for subfolder in sorted(Path(folder).iterdir()) if _is_store(subfolder)]
    except OSError as err:
        raise CacheError(
            f"The cache folder {os.fspath(folder)!r} cannot be read: {err.strerror or err}."
        ) from err


def _is_store(subfolder: Path) -> bool:
    if not _STORE_NAME.fullmatch(subfolder.name) or not _is_folder(subfolder):
        return False
    # Any of its files may be damaged, or deleted already by a process that was killed.
    return (
        (_read_key(subfolder) or "").startswith(_TITLE)
        or any(is_regular_file(subfolder / name) for name in (JOURNAL, PIXELS))
        or set(os.listdir(subfolder)) <= set(FILES)
    )


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _read_key(subfolder: Path) -> str | None:
    file = subfolder / KEY_FILE
    if not is_regular_file(file):
        return None
    try:
        content = InputFile(file, CacheError).read_bytes(_MAX_KEY_BYTES)
    except CacheError:
        return None
    return content.decode(errors="replace").strip()


@final
class DiskCache:
    """Stores each file's array as loaded, before augmentation, in a memory-mapped file.

    A stored array is used as long as neither the content of its file nor ``cache_key`` changes.
    A file whose path, size, times and inode are known is not read; another one, such as a file
    that was moved, copied or touched, is hashed once. Each cache checks a file when it first
    serves it, and not again. Bytes are compared with their checksum when a process first reads
    them; damaged arrays are loaded again. A folder that cannot be written to is only read. Safe
    for several threads and several processes.

    Args:
        folder: The folder, with a subfolder for each ``cache_key``.
        cache_key: Describes all that determines the pixels besides the file.
        num_samples: The number of samples.
        filepath: Returns the path of a sample, with the version of its file if that is known; or
            the bytes of the file.
        limit: The maximum number of bytes of arrays. None: 95 % of the free disk space.
        same_size: Whether all arrays have the same size, so that the first determines the total.
        shape: The shape of every array; others are damaged. None: unknown.

    Raises:
        CacheError: The folder cannot be created or read; or has no images of this ``cache_key`` and
            cannot be written to.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        cache_key: str,
        num_samples: int,
        filepath: Callable[[int], str | bytes | VersionedAddress],
        limit: int | None = None,
        *,
        same_size: bool = True,
        shape: tuple[int, ...] | None = None,
    ) -> None:
        whole_path = os.path.abspath(folder)  # the working directory may change later
        self._reopen = partial(
            DiskCache,
            whole_path,
            cache_key,
            num_samples,
            filepath,
            limit,
            same_size=same_size,
            shape=shape,
        )
        self._shape = shape
        self._limit = limit
        self._needs_size_check = same_size
        self.after_fork()
        register_after_fork(self)
        self._filepath = filepath
        self._num_samples = num_samples
        cache_key = f"{_TITLE}{_FORMAT}\n{cache_key}"
        name = hashlib.blake2b(cache_key.encode(), digest_size=8).hexdigest()
        self._folder = Path(whole_path, name)
        try:
            self._journal = Journal(self._folder, cache_key)
        except (OSError, NotImplementedError) as err:
            reason = getattr(err, "strerror", None) or err
            raise CacheError(
                f"The cache folder {os.fspath(folder)!r} cannot be used: {reason}. Choose a "
                "folder that can be written to, or pass cache=None."
            ) from err
        mark_folder(folder, "cache")
        if self._journal.was_broken:
            warn_of_cache(self._folder, "was damaged; images behind the damage are loaded again")
        if _has_other_formats(folder):
            warn_of_cache(
                Path(folder),
                "has images in the format of another version of imggen, which are loaded again; "
                f"imggen cache clear {os.fspath(folder)!r} deletes them",
            )
        self._valid = ValidArrays(num_samples)
        self._was_full = self._journal.num_arrays >= num_samples
        self._checked: dict[int, bytes] = {}  # the keys of remote files, which are asked for once
        self._missing: set[int] = set()  # neither stored nor to be stored
        self._writer = Writer(self._journal, self._folder, limit)
        weakref.finalize(self, self._writer.flush_if_possible)

    def after_fork(self) -> None:
        """Gives a forked process its own lock."""
        self._size_check = threading.Lock()

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Returns sample ``index``, read-only; calls ``load`` if it is not stored.

        Raises:
            CacheError: The samples do not all fit on the disk.
        """
        array = self._valid.get(index)
        if array is not None:
            return array
        if index in self._missing:
            return _view_read_only(load())
        if (key := self._checked.get(index)) is not None:
            array = self._read_valid(index, self._writer.find_state(key))
            if array is not None:
                return _view_read_only(array)
        file = find_state(self._filepath(index))
        if file is None:  # the file is missing, which loading it reports
            return load()
        if isinstance(file, StoreState):
            with share_reads():  # the content is compared, and decoded
                array = self._get_or_load(index, file, load)
            self._checked[index] = file.key
            return array
        return self._get_or_load(index, file, load)

    def _get_or_load(
        self, index: int, file: State, load: Callable[[], npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        array = self._read_stored(index, file)
        if array is None:
            array = load()
            self._store(file, array)
            if self._writer.is_stopped:
                self._missing.add(index)
        return _view_read_only(array)

    def holds(self, index: int) -> bool:
        """Whether a sample is stored; before it is first served, whether all of them may be."""
        return self._was_full or index in self._checked or self._valid.get(index) is not None

    def find_rows(self, indices: npt.NDArray[np.int64]) -> StackedRows | None:
        """Returns samples as rows of one array, without a copy.

        None until all of them are stored and compared with their checksums, or if their shapes or
        dtypes differ.
        """
        return self._valid.find_rows(indices)

    @property
    def is_full(self) -> bool:
        """Whether no more images are stored: by the limit, or on a full or read-only disk."""
        return self._writer.is_stopped

    def flush(self) -> None:
        """Writes arrays that wait to be written."""
        self._writer.flush()

    def clear(self) -> None:
        """Writes waiting arrays and releases memory; the folder stays."""
        self.flush()
        self._valid.clear()
        self._checked.clear()
        self._missing.clear()

    def _read_stored(self, index: int, file: State) -> npt.NDArray[Any] | None:
        array = self._read_valid(index, self._writer.find_state(file.key))
        if array is not None:
            return array
        content = file.read_content()
        if content is None:
            return None
        array = self._read_valid(index, self._writer.find_content(content))
        if array is not None and file.is_settled():
            self._writer.add_state(file.key, content)
        return array

    def _read_valid(
        self, index: int, found: npt.NDArray[Any] | ArrayLocation | None
    ) -> npt.NDArray[Any] | None:
        if not isinstance(found, ArrayLocation):
            return found
        array = found.read()
        has_shape = self._shape is None or found.shape == self._shape
        if array is not None and has_shape and zlib.crc32(array.data) == found.checksum:
            self._valid.add(index, found)
            return array
        self._writer.forget(found)
        warn_of_cache(self._folder, "has a damaged image, which is loaded again")
        return None

    def _store(self, file: State, array: npt.NDArray[Any]) -> None:
        content = file.read_content()
        if content is None or not file.is_unchanged():
            return
        if array.ndim > 3 or 0 in array.shape or array.dtype.kind not in "buif":
            return
        if self._needs_size_check and self._journal.is_writable:
            with self._size_check:  # no thread stores an array before the total is known to fit
                if self._needs_size_check:
                    self._check_space(array.nbytes)
                    self._needs_size_check = False
        self._writer.add(content, array)
        if file.is_settled():
            self._writer.add_state(file.key, content)

    def _check_space(self, nbytes: int) -> None:
        needed = max(0, self._num_samples - self._journal.num_arrays) * nbytes
        free = shutil.disk_usage(self._folder).free
        if needed > _FRACTION_OF_DISK * free:
            raise CacheError(
                f"{self._num_samples} images of {nbytes} bytes need {format_bytes(needed)} in "
                f"{str(self._folder)!r}, which has {format_bytes(free)} free. Use another disk, "
                'a smaller image_size, pack="jpeg", or no cache.'
            )
        if self._limit is not None and self._num_samples * nbytes > self._limit:
            raise CacheError(
                f"{self._num_samples} images of {nbytes} bytes take "
                f"{format_bytes(self._num_samples * nbytes)}, and limit={self._limit} allows "
                f"{format_bytes(self._limit)} in {str(self._folder)!r}. Raise it, or use a "
                'smaller image_size, pack="jpeg", or no cache.'
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reopen, ()


def _view_read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
