"""The files of a cache folder: the bytes of arrays, and a journal of their locations.

    about.txt      the settings that determined the pixels
    pixels.bin     the bytes of all arrays, one after the other
    journal.bin    a record for each array: its key, location, shape and checksums

Writers append under a file lock: first the bytes, then the records. A writer that is killed in
between leaves orphaned bytes, or an incomplete record, which the next writer truncates. No location
is ever overwritten, so arrays that a reader has found stay valid.
"""

from __future__ import annotations

import math
import mmap
import os
import stat
import weakref
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

KEY_FILE = "about.txt"
_JOURNAL, _PIXELS, _LOCK = "journal.bin", "pixels.bin", "lock"
# In the order of their deletion: without the key file, a folder may not be recognized as a cache.
FILES = (_JOURNAL, _PIXELS, KEY_FILE, _LOCK)

_RECORD = np.dtype(
    [
        ("key", "V16"),
        ("offset", "<u8"),
        ("shape", "<u4", (3,)),
        ("dtype", "S4"),
        ("checksum", "<u4"),
        ("check", "<u4"),
    ]
)


class ArrayLocation(NamedTuple):
    """The location of an array in a file.

    Attributes:
        pixels: The file.
        offset: The position of its first byte.
        shape: The shape of the array.
        dtype: The dtype of the array.
        checksum: The CRC-32 of its bytes.
    """

    pixels: _Pixels
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    checksum: int

    def read(self) -> npt.NDArray[Any] | None:
        """Returns the array, memory-mapped and read-only; None if it is incomplete."""
        num_bytes = math.prod(self.shape) * self.dtype.itemsize
        found = self.pixels.read(self.offset, self.offset + num_bytes)
        return None if found is None else found.view(self.dtype).reshape(self.shape)


@final
class _Pixels:
    """A file of arrays, kept open so that its arrays stay valid after the file is deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        weakref.finalize(self, self._file.close)
        self._mapped: npt.NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)

    @property
    def num_bytes(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def is_current(self) -> bool:
        """Whether the file was neither deleted nor replaced."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def read(self, start: int, stop: int) -> npt.NDArray[np.uint8] | None:
        mapped = self._mapped
        if stop > len(mapped):
            if stop > self.num_bytes:
                return None
            held = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            self._mapped = mapped = np.frombuffer(held, dtype=np.uint8)
        return mapped[start:stop]


@final
class Journal:
    """The arrays in one folder, by key of 16 bytes.

    Several processes may share the folder. Not safe for several threads, except for
    ``ArrayLocation.read``.

    Args:
        folder: The folder, which is created if missing.
        cache_key: The settings that determined the pixels, written to the folder for people.

    Attributes:
        was_broken: Whether the journal had an invalid record; all records behind it are lost.

    Raises:
        OSError: The folder cannot be created, read or written to.
    """

    def __init__(self, folder: Path, cache_key: str) -> None:
        from filelock import FileLock

        self._folder = folder
        self._cache_key = cache_key
        self._file = folder / _JOURNAL
        self._lock = FileLock(folder / _LOCK)
        self._pixels: _Pixels | None = None
        self._records = np.zeros(0, dtype=_RECORD)
        self._row_of: dict[bytes, int] = {}
        self.was_broken = False
        with self._locked():
            pass

    def __len__(self) -> int:
        """The number of arrays that this process knows."""
        return len(self._row_of)

    @property
    def num_bytes(self) -> int:
        """The number of bytes of arrays on the disk, including orphaned bytes."""
        return 0 if self._pixels is None else self._pixels.num_bytes

    def find(self, key: bytes) -> ArrayLocation | None:
        """Returns the location of the array of a key, or None."""
        row = self._row_of.get(key)
        if row is None or self._pixels is None:
            return None
        record = self._records[row]
        return ArrayLocation(
            self._pixels,
            int(record["offset"]),
            tuple(int(side) for side in record["shape"] if side),
            np.dtype(record["dtype"].decode()),
            int(record["checksum"]),
        )

    def append(
        self,
        arrays: Mapping[bytes, npt.NDArray[Any]],
        limit: int | None = None,
        timeout: float = -1,
    ) -> int:
        """Writes arrays, except those that another process has written in the meantime.

        Args:
            arrays: The arrays by key.
            limit: The maximum number of bytes of all arrays. None: no limit.
            timeout: Seconds to wait for other writers. -1: no limit.

        Returns:
            The number of arrays that were skipped because of the limit.

        Raises:
            TimeoutError: Another writer took longer than ``timeout``.
            OSError: For example, the disk is full; earlier arrays are kept.
        """
        with self._locked(timeout):
            missing = {key: array for key, array in arrays.items() if key not in self._row_of}
            num_missing = len(missing)
            if limit is not None:
                missing = _take_within(missing, limit - self.num_bytes)
            records = np.zeros(len(missing), dtype=_RECORD)
            with (self._folder / _PIXELS).open("r+b") as file:
                end = file.seek(0, os.SEEK_END)
                try:
                    for record, (key, array) in zip(records, missing.items(), strict=True):
                        pixels = np.ascontiguousarray(array).tobytes()
                        record["key"] = np.void(key)
                        record["offset"] = file.tell()
                        record["shape"][: array.ndim] = array.shape
                        record["dtype"] = array.dtype.str.encode()
                        record["checksum"] = zlib.crc32(pixels)
                        file.write(pixels)
                    file.flush()
                except OSError:
                    file.truncate(end)
                    raise
            records["check"] = _compute_checksums(records)
            with self._file.open("ab") as file:
                file.write(records.tobytes())
            self._read_new_records()
        return num_missing - len(missing)

    def forget(self, key: bytes) -> None:
        """Removes an array whose bytes are damaged; it may be appended again."""
        self._row_of.pop(key, None)

    @contextmanager
    def _locked(self, timeout: float = -1) -> Iterator[None]:
        while True:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._lock.acquire(timeout=timeout):
                if not (self._folder / _LOCK).exists():
                    continue  # the folder and its lock were deleted during the wait
                if self._pixels is None or not self._pixels.is_current():
                    self._open_files()
                self._read_new_records()
                yield
                return

    def _open_files(self) -> None:
        """Opens the files, or creates them, after the known ones were deleted."""
        (self._folder / KEY_FILE).write_text(self._cache_key + "\n", encoding="utf-8")
        (self._folder / _PIXELS).touch()
        self._pixels = _Pixels(self._folder / _PIXELS)
        self._reset()

    def _reset(self) -> None:
        self._records = np.zeros(0, dtype=_RECORD)
        self._row_of = {}

    def _read_new_records(self) -> None:
        """Reads new records; truncates the journal at an invalid one."""
        with self._file.open("a+b") as file:
            if file.seek(0, os.SEEK_END) < self._records.nbytes:
                self._reset()
            known = len(self._records)
            file.seek(self._records.nbytes)
            content = file.read()
            records = _parse_records(content)
            self.was_broken |= len(content) - records.nbytes >= _RECORD.itemsize
            if records.nbytes != len(content):
                file.truncate(self._records.nbytes + records.nbytes)
        if len(records):
            self._records = np.concatenate([self._records, records])
            self._row_of.update(zip(records["key"].tolist(), range(known, 2**63), strict=False))


def count_arrays(folder: Path) -> int:
    """Returns the number of arrays in a folder, without a lock; 0 if its journal is damaged.

    Raises:
        OSError: The journal exists and cannot be read.
    """
    try:
        records = _parse_records((folder / _JOURNAL).read_bytes())
    except FileNotFoundError:
        return 0
    return len(np.unique(records["key"]))


def delete_files(folder: Path) -> int:
    """Deletes the files of a cache folder, and the folder if it has no others.

    Waits for a process that is writing to it, unless the lock itself is damaged. Other files, and
    links in place of files, stay.

    Returns:
        The number of bytes deleted.

    Raises:
        OSError: A file cannot be deleted.
    """
    from filelock import FileLock

    num_bytes = 0
    with ExitStack() as stack:
        with suppress(OSError, NotImplementedError):
            stack.enter_context(FileLock(folder / _LOCK))
        for name in FILES:
            if is_regular_file(folder / name):
                size = (folder / name).stat().st_size
                (folder / name).unlink()
                num_bytes += size
    with suppress(OSError):  # it has other files
        folder.rmdir()
    return num_bytes


def is_regular_file(path: Path) -> bool:
    """Whether a path is a file, not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _take_within(
    arrays: Mapping[bytes, npt.NDArray[Any]], num_bytes: int
) -> dict[bytes, npt.NDArray[Any]]:
    """Returns the first arrays that have at most ``num_bytes`` together."""
    taken = {}
    for key, array in arrays.items():
        num_bytes -= array.nbytes
        if num_bytes < 0:
            break
        taken[key] = array
    return taken


def _parse_records(content: bytes) -> npt.NDArray[Any]:
    """Returns the records up to the first that is invalid or incomplete."""
    whole = content[: len(content) // _RECORD.itemsize * _RECORD.itemsize]
    records = np.frombuffer(whole, dtype=_RECORD)
    bad = np.flatnonzero(records["check"] != _compute_checksums(records))
    return records[: bad[0]] if len(bad) else records


def _compute_checksums(records: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """Computes the checksum of each record; vectorized, since there may be millions."""
    body = records.view(np.uint8).reshape(len(records), _RECORD.itemsize)[:, :-4]
    weights = np.arange(
        1, 2 * body.shape[1], 2, dtype=np.uint32
    )  # odd, so that no change of a byte cancels out
    sums = np.einsum("ij,j->i", body, weights, dtype=np.uint32, casting="unsafe")
    return np.asarray(sums + np.uint32(1))  # a record of zeros is invalid
