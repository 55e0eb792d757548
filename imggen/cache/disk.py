"""A cache of loaded images in a folder, for later epochs, later runs and other processes."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import weakref
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy.typing as npt

from imggen.cache.journal import KEY_FILE, ArrayLocation, Journal
from imggen.core import format_bytes, warn_user
from imggen.errors import CacheError
from imggen.workers import register_after_fork

_FORMAT = 1
_TITLE = "imggen cache, format "
# Arrays are written when they have this many bytes; a killed process loses no more than these.
_WRITE_SIZE = 8 * 2**20
_FRACTION_OF_DISK = 0.95
_LOCK_TIMEOUT = 2.0  # seconds


class Store(NamedTuple):
    """The images in a cache folder that were loaded with the same settings.

    Attributes:
        folder: The folder of these images.
        cache_key: The settings that determined the pixels.
        num_images: The number of images.
        num_bytes: The number of bytes on disk.
    """

    folder: Path
    cache_key: str
    num_images: int
    num_bytes: int


def list_stores(folder: str | os.PathLike[str]) -> list[Store]:
    """Lists the stores of a cache folder, one for each set of settings.

    Raises:
        CacheError: The folder cannot be read.
    """
    found = []
    for subfolder in _find_store_folders(folder):
        try:
            cache_key = (subfolder / KEY_FILE).read_text(encoding="utf-8").strip()
            num_bytes = sum(file.stat().st_size for file in subfolder.iterdir())
            found.append(Store(subfolder, cache_key, len(Journal(subfolder, cache_key)), num_bytes))
        except OSError as err:
            raise CacheError(f"{str(subfolder)!r} cannot be read: {err.strerror or err}.") from err
    return found


def clear_stores(folder: str | os.PathLike[str]) -> int:
    """Deletes the stores of a cache folder, and no other files.

    Returns:
        The number of bytes deleted.

    Raises:
        CacheError: The folder cannot be read, or a file cannot be deleted.
    """
    num_bytes = 0
    for subfolder in _find_store_folders(folder):
        try:
            cache_key = (subfolder / KEY_FILE).read_text(encoding="utf-8").strip()
            num_bytes += Journal(subfolder, cache_key).clear()
        except OSError as err:
            raise CacheError(
                f"{str(subfolder)!r} cannot be deleted: {err.strerror or err}."
            ) from err
    return num_bytes


def _find_store_folders(folder: str | os.PathLike[str]) -> list[Path]:
    try:
        return [
            subfolder
            for subfolder in sorted(Path(folder).iterdir())
            if (subfolder / KEY_FILE).is_file()
            and (subfolder / KEY_FILE).read_bytes().startswith(_TITLE.encode())
        ]
    except OSError as err:
        raise CacheError(
            f"The cache folder {os.fspath(folder)!r} cannot be read: {err.strerror or err}."
        ) from err


def _read_format(subfolder: Path) -> int | None:
    title = (subfolder / KEY_FILE).read_text(encoding="utf-8").partition("\n")[0]
    number = title.removeprefix(_TITLE)
    return int(number) if number.isdecimal() else None


@final
class DiskCache:
    """Stores each file's array as loaded, before augmentation, in a memory-mapped file.

    A stored array is used as long as neither the file (its path, size and modification time) nor
    ``cache_key`` changes; each cache checks a file once. Bytes are compared with their checksum
    when a process first reads them; damaged arrays are loaded again. Safe for several threads and
    several processes.

    Args:
        folder: The folder, with a subfolder for each ``cache_key``.
        cache_key: Describes all that determines the pixels besides the file.
        num_samples: The number of samples.
        filepath: Returns the path of a sample.
        limit: The maximum number of bytes of arrays. None: 95 % of the free disk space.
        same_size: Whether all arrays have the same size, so that the first determines the total.

    Raises:
        CacheError: The folder cannot be created or written to.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        cache_key: str,
        num_samples: int,
        filepath: Callable[[int], str],
        limit: int | None = None,
        *,
        same_size: bool = True,
    ) -> None:
        self._reopen = partial(
            DiskCache, folder, cache_key, num_samples, filepath, limit, same_size=same_size
        )
        self._limit = limit
        self._needs_size_check = same_size
        self.after_fork()
        register_after_fork(self)
        self._filepath = filepath
        self._num_samples = num_samples
        cache_key = f"{_TITLE}{_FORMAT}\n{cache_key}"
        name = hashlib.blake2b(cache_key.encode(), digest_size=8).hexdigest()
        self._folder = Path(folder, name)
        try:
            self._journal = Journal(self._folder, cache_key)
        except OSError as err:
            raise CacheError(
                f"The cache folder {os.fspath(folder)!r} cannot be used: {err}. Choose a "
                "folder that can be written to, or pass cache=None."
            ) from err
        if self._journal.was_broken:
            _warn(self._folder, "was damaged; images behind the damage are loaded again")
        if any(_read_format(subfolder) != _FORMAT for subfolder in _find_store_folders(folder)):
            _warn(
                Path(folder),
                "has images in the format of another version of imggen, which are loaded again; "
                f"imggen cache clear {os.fspath(folder)!r} deletes them",
            )
        self._locations: dict[int, ArrayLocation] = {}  # with valid checksums
        self._writer = _Writer(self._journal, self._folder, limit)
        weakref.finalize(self, self._writer.flush_if_possible)

    def after_fork(self) -> None:
        """Gives a forked process its own lock."""
        self._size_check = threading.Lock()

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Returns sample ``index``, read-only; calls ``load`` if it is not stored.

        Raises:
            CacheError: The samples do not all fit on the disk.
        """
        location = self._locations.get(index)
        array = None if location is None else location.read()
        if array is not None:
            return array
        key = self._hash_file_state(index)
        if key is None:  # the file is missing, which loading it reports
            return load()
        array = self._read_stored(index, key)
        if array is None:
            array = load()
            self._store(key, array)
        view = array.view()
        view.flags.writeable = False
        return view

    @property
    def is_full(self) -> bool:
        """Whether no more images are stored: the limit is reached, or the disk is full."""
        return self._writer.is_stopped

    def flush(self) -> None:
        """Writes arrays that wait to be written."""
        self._writer.flush()

    def clear(self) -> None:
        """Writes waiting arrays and releases memory; the folder stays."""
        self.flush()
        self._locations.clear()

    def _read_stored(self, index: int, key: bytes) -> npt.NDArray[Any] | None:
        found = self._writer.find(key)
        if not isinstance(found, ArrayLocation):
            return found
        array = found.read()
        if array is not None and zlib.crc32(array.data) == found.checksum:
            self._locations[index] = found
            return array
        self._writer.forget(key)
        _warn(self._folder, "has a damaged image, which is loaded again")
        return None

    def _store(self, key: bytes, array: npt.NDArray[Any]) -> None:
        if array.ndim > 3 or 0 in array.shape or array.dtype.kind not in "buif":
            return
        if self._needs_size_check:
            with self._size_check:  # no thread stores an array before the total is known to fit
                if self._needs_size_check:
                    self._check_space(array.nbytes)
                    self._needs_size_check = False
        self._writer.add(key, array)

    def _check_space(self, nbytes: int) -> None:
        needed = max(0, self._num_samples - len(self._journal)) * nbytes
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

    def _hash_file_state(self, index: int) -> bytes | None:
        path = os.path.abspath(self._filepath(index))
        try:
            found = os.stat(path)
        except OSError:
            return None
        identity = f"{found.st_size} {found.st_mtime_ns} ".encode() + os.fsencode(path)
        return hashlib.blake2b(identity, digest_size=16).digest()

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reopen, ()


@final
class _Writer:
    """Collects arrays and writes many at once; serializes the threads that use the journal."""

    def __init__(self, journal: Journal, folder: Path, limit: int | None) -> None:
        self._journal = journal
        self._limit = limit
        self._folder = folder
        self.after_fork()
        register_after_fork(self)
        self._waiting: dict[bytes, npt.NDArray[Any]] = {}
        self._bytes_waiting = 0
        self.is_stopped = False

    def after_fork(self) -> None:
        """Gives a forked process its own lock."""
        self._lock = threading.Lock()

    def find(self, key: bytes) -> npt.NDArray[Any] | ArrayLocation | None:
        """Returns the array if it waits to be written, or its location if it was written."""
        with self._lock:
            return self._waiting.get(key) if key in self._waiting else self._journal.find(key)

    def add(self, key: bytes, array: npt.NDArray[Any]) -> None:
        with self._lock:
            if self.is_stopped or key in self._waiting:
                return
            self._waiting[key] = array
            self._bytes_waiting += array.nbytes
            write_size = _WRITE_SIZE
            if self._limit is not None:
                write_size = min(write_size, self._limit - self._journal.num_bytes)
            if self._bytes_waiting >= write_size:
                self._write()

    def forget(self, key: bytes) -> None:
        with self._lock:
            self._journal.forget(key)

    def flush(self) -> None:
        with self._lock:
            self._write()

    def flush_if_possible(self) -> None:
        """Same as ``flush``, but gives up if another thread or process holds the lock.

        The garbage collector calls it in any thread and at any time, even during a flush.
        """
        if self._lock.acquire(blocking=False):
            try:
                self._write(timeout=_LOCK_TIMEOUT)
            except (TimeoutError, RuntimeError):  # from filelock, if this thread holds the lock
                return
            finally:
                self._lock.release()

    def _write(self, timeout: float = -1) -> None:
        waiting, self._waiting, self._bytes_waiting = self._waiting, {}, 0
        if not waiting:
            return
        try:
            num_skipped = self._journal.append(waiting, self._limit, timeout)
        except TimeoutError:  # filelock's Timeout is a subclass
            raise
        except OSError as err:
            # A full disk must not end a training.
            self.is_stopped = True
            _warn(
                self._folder,
                f"stores no more images: {err.strerror or err}; the others are loaded again in "
                "each epoch",
            )
            return
        if num_skipped:
            self.is_stopped = True
            _warn(
                self._folder,
                f"stores no more images than {len(self._journal)}: its limit is "
                f"{self._limit} bytes; the others are loaded again in each epoch. If files have "
                "changed since they were stored, imggen cache clear frees space",
            )


def _warn(folder: Path, what: str) -> None:
    warn_user(f"The cache {str(folder)!r} {what}.")
