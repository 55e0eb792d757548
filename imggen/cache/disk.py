"""Loaded images kept in a folder, for later epochs, later runs and other processes."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import warnings
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy.typing as npt

from imggen.cache.journal import Journal, Place
from imggen.core import format_bytes
from imggen.errors import CacheError, ImggenWarning
from imggen.workers import register_after_fork

_FORMAT = 1
_TITLE = "imggen cache, format "
# So many bytes wait to be written at once; a killed process loses no more than these.
_BYTES_WAITING = 8 * 2**20
_SHARE_OF_DISK = 0.95
_PATIENCE = 2.0  # seconds


class Store(NamedTuple):
    """What one folder of a cache holds.

    Attributes:
        folder: The folder.
        about: What decided the pixels, in words.
        num_images: How many images.
        num_bytes: How many bytes on disk.
    """

    folder: Path
    about: str
    num_images: int
    num_bytes: int


def stores(folder: str | os.PathLike[str]) -> list[Store]:
    """What a cache folder holds, one store for each way that images were loaded.

    Raises:
        CacheError: The folder cannot be read.
    """
    found = []
    for place in _store_folders(folder):
        try:
            about = (place / "about.txt").read_text(encoding="utf-8").strip()
            num_bytes = sum(file.stat().st_size for file in place.iterdir())
            found.append(Store(place, about, len(Journal(place, about)), num_bytes))
        except OSError as err:
            raise CacheError(f"{str(place)!r} cannot be read: {err.strerror or err}.") from err
    return found


def clear_stores(folder: str | os.PathLike[str]) -> int:
    """Deletes what a cache folder holds, and nothing else in it.

    Returns:
        The number of bytes deleted.

    Raises:
        CacheError: The folder cannot be read, or a file cannot be deleted.
    """
    num_bytes = 0
    for place in _store_folders(folder):
        try:
            about = (place / "about.txt").read_text(encoding="utf-8").strip()
            num_bytes += Journal(place, about).clear()
        except OSError as err:
            raise CacheError(f"{str(place)!r} cannot be deleted: {err.strerror or err}.") from err
    return num_bytes


def _store_folders(folder: str | os.PathLike[str]) -> list[Path]:
    try:
        return [
            place
            for place in sorted(Path(folder).iterdir())
            if (place / "about.txt").is_file()
            and (place / "about.txt").read_bytes().startswith(_TITLE.encode())
        ]
    except OSError as err:
        raise CacheError(
            f"The cache folder {os.fspath(folder)!r} cannot be read: {err.strerror or err}."
        ) from err


def _format_of(place: Path) -> int | None:
    title = (place / "about.txt").read_text(encoding="utf-8").partition("\n")[0]
    number = title.removeprefix(_TITLE)
    return int(number) if number.isdecimal() else None


@final
class DiskCache:
    """Holds each file's array as loaded, before augmentation, on a memory map.

    An array is found again if neither the file (its path, size and time of change) nor ``about``
    has changed; each cache looks at a file once. Bytes are checked against their checksum when a
    process first reads them; what does not match is loaded anew. Safe for several threads and
    several processes.

    Args:
        folder: Holds a folder for each ``about``.
        about: Everything but the file that decides the pixels, in words.
        num_samples: The number of samples.
        filepath: A sample's number to its path.
        limit: The most bytes of arrays to keep; None: 95 % of what is free on the disk.
        same_size: Whether all arrays are of one size, so that the first tells of all.

    Raises:
        CacheError: The folder cannot be made or written to.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        about: str,
        num_samples: int,
        filepath: Callable[[int], str],
        limit: int | None = None,
        *,
        same_size: bool = True,
    ) -> None:
        self._arguments = (folder, about, num_samples, filepath, limit, same_size)
        self._limit = limit
        self._is_unsized = same_size
        self.after_fork()
        register_after_fork(self)
        self._filepath = filepath
        self._num_samples = num_samples
        about = f"{_TITLE}{_FORMAT}\n{about}"
        name = hashlib.blake2b(about.encode(), digest_size=8).hexdigest()
        self._folder = Path(folder, name)
        try:
            self._journal = Journal(self._folder, about)
        except OSError as err:
            raise CacheError(
                f"The cache folder {os.fspath(folder)!r} cannot be used: {err}. Name a folder that "
                "may be written to, or pass cache=None."
            ) from err
        if self._journal.was_broken:
            _warn(self._folder, "was damaged; what follows the damage is loaded anew")
        if any(_format_of(place) != _FORMAT for place in _store_folders(folder)):
            _warn(
                Path(folder),
                "holds images in the format of another version of imggen, which are loaded anew; "
                f"imggen cache clear {os.fspath(folder)!r} deletes them",
            )
        self._places: dict[int, Place] = {}  # found and checked
        self._writer = _Writer(self._journal, self._folder, limit)
        weakref.finalize(self, self._writer.flush_if_possible)

    def after_fork(self) -> None:
        """Gives a forked process a lock of its own."""
        self._sizing = threading.Lock()

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Returns sample ``index``, not to be written to, calling ``load`` if it is not kept.

        Raises:
            CacheError: All samples together would not fit on the disk.
        """
        place = self._places.get(index)
        array = None if place is None else place.read()
        if array is not None:
            return array
        key = self._key(index)
        if key is None:  # the file is gone: whoever loads it says so
            return load()
        array = self._kept(index, key)
        if array is None:
            array = load()
            self._keep(key, array)
        view = array.view()
        view.flags.writeable = False
        return view

    @property
    def is_full(self) -> bool:
        """Whether no more images are kept: the limit is reached, or the disk is full."""
        return self._writer.is_stopped

    def flush(self) -> None:
        """Writes what waits to be written."""
        self._writer.flush()

    def clear(self) -> None:
        """Writes what waits, and lets go of the memory; the folder stays."""
        self.flush()
        self._places.clear()

    def _kept(self, index: int, key: bytes) -> npt.NDArray[Any] | None:
        found = self._writer.find(key)
        if not isinstance(found, Place):
            return found
        array = found.read()
        if array is not None and zlib.crc32(array.data) == found.checksum:
            self._places[index] = found
            return array
        self._writer.forget(key)
        _warn(self._folder, "holds an image that has been damaged since; it is loaded anew")
        return None

    def _keep(self, key: bytes, array: npt.NDArray[Any]) -> None:
        if array.ndim > 3 or 0 in array.shape or array.dtype.kind not in "buif":
            return
        if self._is_unsized:
            with self._sizing:  # nobody keeps anything before it is known to fit
                if self._is_unsized:
                    self._require_room(array.nbytes)
                    self._is_unsized = False
        self._writer.add(key, array)

    def _require_room(self, nbytes: int) -> None:
        needed = max(0, self._num_samples - len(self._journal)) * nbytes
        free = shutil.disk_usage(self._folder).free
        if needed > _SHARE_OF_DISK * free:
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

    def _key(self, index: int) -> bytes | None:
        path = os.path.abspath(self._filepath(index))
        try:
            found = os.stat(path)
        except OSError:
            return None
        identity = f"{found.st_size} {found.st_mtime_ns} ".encode() + os.fsencode(path)
        return hashlib.blake2b(identity, digest_size=16).digest()

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, self._arguments


def _reopened(*arguments: Any) -> DiskCache:
    *others, same_size = arguments
    return DiskCache(*others, same_size=same_size)


@final
class _Writer:
    """Gathers arrays and writes many at once; lets threads take turns at the journal."""

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
        """Gives a forked process a lock of its own."""
        self._lock = threading.Lock()

    def find(self, key: bytes) -> npt.NDArray[Any] | Place | None:
        """The array that waits, or the place of one that was written."""
        with self._lock:
            return self._waiting.get(key) if key in self._waiting else self._journal.find(key)

    def add(self, key: bytes, array: npt.NDArray[Any]) -> None:
        with self._lock:
            if self.is_stopped or key in self._waiting:
                return
            self._waiting[key] = array
            self._bytes_waiting += array.nbytes
            most = _BYTES_WAITING
            if self._limit is not None:
                most = min(most, self._limit - self._journal.num_bytes)
            if self._bytes_waiting >= most:
                self._write()

    def forget(self, key: bytes) -> None:
        with self._lock:
            self._journal.forget(key)

    def flush(self) -> None:
        with self._lock:
            self._write()

    def flush_if_possible(self) -> None:
        """As ``flush``, for when nobody is left who could wait.

        The collector calls it from wherever a thread happens to be, which may be amid a flush.
        """
        if self._lock.acquire(blocking=False):
            try:
                self._write(patience=_PATIENCE)
            except (TimeoutError, RuntimeError):  # filelock's word for waiting for oneself
                return
            finally:
                self._lock.release()

    def _write(self, patience: float = -1) -> None:
        waiting, self._waiting, self._bytes_waiting = self._waiting, {}, 0
        if not waiting:
            return
        try:
            num_left_out = self._journal.append(waiting, self._limit, patience)
        except TimeoutError:  # filelock's Timeout is one
            raise
        except OSError as err:
            # A full disk must not end a training.
            self.is_stopped = True
            _warn(
                self._folder,
                f"takes no more images: {err.strerror or err}; training goes on without",
            )
            return
        if num_left_out:
            self.is_stopped = True
            _warn(
                self._folder,
                f"takes no more images than {len(self._journal)}: its limit is "
                f"{self._limit} bytes; the others are loaded anew in each epoch. If files have "
                "changed since they were kept, imggen cache clear makes room",
            )


def _warn(folder: Path, what: str) -> None:
    warnings.warn(f"The cache {str(folder)!r} {what}.", ImggenWarning, stacklevel=2)
