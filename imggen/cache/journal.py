"""The files of a cache folder: the bytes of arrays, and a journal of their locations.

    about.txt      the settings that determined the pixels
    pixels.bin     the bytes of all arrays, one after the other
    journal.bin    records: the key, location, shape and checksums of an array
    unfinished     exists during a write: the size of pixels.bin before it

Writers append under a file lock: first the bytes, then the records. The next writer truncates what
a writer that was killed, or found the disk full, has left. No location is ever overwritten, so
arrays that a reader has found stay valid. Where nothing can be written, the files are read without
a lock.
"""

from __future__ import annotations

import math
import mmap
import os
import weakref
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.cache.records import (
    RECORD,
    compute_checks,
    find_end,
    parse_dtype,
    read_records,
    select_rows,
)
from imggen.cache.store_files import (
    JOURNAL,
    KEY_FILE,
    LOCK,
    PIXELS,
    UNFINISHED,
    append_bytes,
    is_regular_file,
    open_file,
)
from imggen.core import replace_files


class ArrayLocation(NamedTuple):
    """The location of an array in a file.

    Attributes:
        pixels: The file.
        offset: The position of its first byte.
        shape: The shape of the array.
        dtype: The dtype of the array.
        checksum: The CRC-32 of its bytes.
    """

    pixels: PixelFile
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    checksum: int

    @property
    def num_bytes(self) -> int:
        """The number of bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> npt.NDArray[Any] | None:
        """Returns the array, memory-mapped and read-only; None if it is incomplete."""
        found = self.pixels.read(self.offset, self.offset + self.num_bytes)
        return None if found is None else found.view(self.dtype).reshape(self.shape)


@final
class PixelFile:
    """A file of arrays, kept open so that its arrays stay valid after the file is deleted.

    Attributes:
        mapped: The bytes that are mapped, which grow as later ones are read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_file(path, "rb")
        weakref.finalize(self, self._file.close)
        self.mapped: npt.NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)

    @property
    def num_bytes(self) -> int:
        """The size of the file."""
        return os.fstat(self._file.fileno()).st_size

    def is_current(self) -> bool:
        """Whether the file was neither deleted nor replaced."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.lstat())
        except FileNotFoundError:
            return False

    def read(self, start: int, stop: int) -> npt.NDArray[np.uint8] | None:
        """Returns bytes, memory-mapped and read-only; None if the file has not that many."""
        mapped = self.mapped
        if stop > len(mapped):
            if stop > self.num_bytes:
                return None
            try:
                held = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError):  # no address space for it
                return None
            self.mapped = mapped = np.frombuffer(held, dtype=np.uint8)
        return mapped[start:stop]


@final
class Journal:
    """The arrays in one folder, by keys of 16 bytes.

    Several processes may share the folder. Not safe for several threads, except for
    ``ArrayLocation.read``.

    Args:
        folder: The folder, which is created if missing.
        cache_key: The settings that determined the pixels, written to the folder for people.

    Attributes:
        is_writable: Whether arrays can be written. False for a folder with arrays where nothing can
            be written, such as one on a read-only disk.
        was_broken: Whether the journal had an invalid record; all records behind it are lost.

    Raises:
        OSError: The folder cannot be created, read or written to, and has no arrays.
    """

    def __init__(self, folder: Path, cache_key: str) -> None:
        self._folder = folder
        self._cache_key = cache_key
        self._file = folder / JOURNAL
        self._pixels: PixelFile | None = None
        self._num_indexed = 0
        self._reset()
        self.is_writable = True
        self.was_broken = False
        try:
            with self._locked():
                pass
        except (OSError, NotImplementedError):
            if not self._can_be_read():
                raise
            self.is_writable = False

    @property
    def num_arrays(self) -> int:
        """The number of arrays that this process knows."""
        return len(np.unique(self._records["offset"]))

    @property
    def num_bytes(self) -> int:
        """The number of bytes of arrays on the disk, including orphaned bytes."""
        return 0 if self._pixels is None else self._pixels.num_bytes

    def find_state(self, key: bytes) -> ArrayLocation | None:
        """Returns the location of the array of a file by its state, or None."""
        row = self._row_of_state.get(key)
        return None if row is None else self._locate(row)

    def find_content(self, key: bytes) -> ArrayLocation | None:
        """Returns the location of the array of a file by its content, or None."""
        # Indexed late, since most processes find all files by their state.
        if self._num_indexed < len(self._records):
            start, self._num_indexed = self._num_indexed, len(self._records)
            self._row_of_content.update(self._index(start, content=True))
        row = self._row_of_content.get(key)
        return None if row is None else self._locate(row)

    def append(
        self,
        arrays: Mapping[bytes, npt.NDArray[Any]],
        states: Mapping[bytes, bytes],
        limit: int | None = None,
        timeout: float = -1,
    ) -> int:
        """Writes arrays, except those that another process has written in the meantime.

        Args:
            arrays: The arrays by the content of their file.
            states: For states of files, their content. Skipped if no array of it is stored.
            limit: The maximum number of bytes of all arrays. None: no limit.
            timeout: Seconds to wait for other writers. -1: no limit.

        Returns:
            The number of arrays that were skipped because of the limit.

        Raises:
            TimeoutError: Another writer took longer than ``timeout``.
            OSError: For example, the disk is full; earlier arrays are kept, and nothing else.
        """
        with self._locked(timeout):
            missing = {
                key: array for key, array in arrays.items() if self.find_content(key) is None
            }
            num_missing = len(missing)
            if limit is not None:
                missing = _take_within(missing, limit - self.num_bytes)
            if missing:
                self._append_arrays(missing)
                self._read_new_records()
            self._append_states(states)
        return num_missing - len(missing)

    def forget(self, location: ArrayLocation) -> None:
        """Removes an array whose bytes are damaged; it may be appended again."""
        self._damaged.add((location.offset, location.checksum))

    @contextmanager
    def _locked(self, timeout: float = -1) -> Iterator[None]:
        from filelock import FileLock

        while True:
            self._folder.mkdir(parents=True, exist_ok=True)
            # A new one each time, since forked processes must not use one that they inherited.
            with FileLock(self._folder / LOCK).acquire(timeout=timeout):
                if not (self._folder / LOCK).exists():
                    continue  # the folder and its lock were deleted during the wait
                if self._pixels is None or not self._pixels.is_current():
                    self._create_files()
                self._read_new_records()
                self._truncate_unfinished()
                yield
                return

    def _create_files(self) -> None:
        """Opens the files, or creates them, after the known ones were deleted."""
        text = f"{self._cache_key}\n".encode()
        file = self._folder / KEY_FILE
        with suppress(OSError):  # only people read it
            if not is_regular_file(file) or file.read_bytes() != text:
                replace_files({file: lambda place: place.write_bytes(text)})
        for name in (PIXELS, JOURNAL):
            if not os.path.lexists(self._folder / name):
                open_file(self._folder / name, "ab").close()
        self._pixels = PixelFile(self._folder / PIXELS)
        self._reset()

    def _can_be_read(self) -> bool:
        """Opens files that cannot be written; returns whether they have arrays."""
        try:
            self._pixels = PixelFile(self._folder / PIXELS)
            self._read_new_records(repair=False)
        except OSError:
            return False
        return self.num_arrays > 0

    def _reset(self) -> None:
        self._records = np.zeros(0, dtype=RECORD)
        self._row_of_state: dict[bytes, int] = {}
        self._row_of_content: dict[bytes, int] = {}
        self._num_indexed = 0
        self._damaged: set[tuple[int, int]] = set()  # offsets and checksums

    def _read_new_records(self, *, repair: bool = True) -> None:
        """Reads new records; truncates the journal at an invalid one."""
        with open_file(self._file, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size < self._records.nbytes:
                self._reset()
            file.seek(self._records.nbytes)
            records, is_broken = read_records(file)
        self.was_broken |= is_broken
        known = len(self._records)
        if len(records):
            self._records = np.concatenate([self._records, records])
            self._row_of_state.update(self._index(known, content=False))
            if self._damaged:  # an array may be written again to the same place
                new = (records["offset"].tolist(), records["checksum"].tolist())
                self._damaged.difference_update(zip(*new, strict=True))
        if repair and self._records.nbytes != size:
            with open_file(self._file, "r+b") as file:
                file.truncate(self._records.nbytes)

    def _index(self, start: int, *, content: bool) -> Iterator[tuple[bytes, int]]:
        rows = start + select_rows(self._records[start:], content=content)
        return zip(self._records["key"][rows].tolist(), rows.tolist(), strict=True)

    def _locate(self, row: int) -> ArrayLocation | None:
        record = self._records[row]
        dtype = parse_dtype(record["dtype"])
        offset, checksum = int(record["offset"]), int(record["checksum"])
        if self._pixels is None or dtype is None or (offset, checksum) in self._damaged:
            return None
        shape = tuple(int(side) for side in record["shape"] if side)
        return ArrayLocation(self._pixels, offset, shape, dtype, checksum)

    def _append_arrays(self, arrays: dict[bytes, npt.NDArray[Any]]) -> None:
        records = np.zeros(len(arrays), dtype=RECORD)
        pixels = self._folder / PIXELS
        offset = end = os.lstat(pixels).st_size
        chunks = []
        for record, (key, array) in zip(records, arrays.items(), strict=True):
            chunks.append(np.ascontiguousarray(array).tobytes())
            record["key"] = np.void(key)
            record["offset"] = offset
            record["shape"][: array.ndim] = array.shape
            record["dtype"] = array.dtype.str.encode()
            record["checksum"] = zlib.crc32(chunks[-1])
            offset += len(chunks[-1])
        mark = self._folder / UNFINISHED
        try:
            append_bytes(mark, [str(end).encode()])
            append_bytes(pixels, chunks)
            try:
                append_bytes(self._file, [_seal(records)])
            except BaseException:
                os.truncate(pixels, end)
                raise
        finally:
            with suppress(OSError):
                mark.unlink()

    def _append_states(self, states: Mapping[bytes, bytes]) -> None:
        records = np.zeros(len(states), dtype=RECORD)
        num_new = 0
        for state, content in states.items():
            location = self.find_content(content)
            if location is not None and self.find_state(state) is None:
                record = records[num_new]
                record["key"] = np.void(state)
                record["offset"] = location.offset
                record["shape"][: len(location.shape)] = location.shape
                record["dtype"] = location.dtype.str.encode()
                record["checksum"] = location.checksum
                num_new += 1
        if num_new:
            append_bytes(self._file, [_seal(records[:num_new])])
            self._read_new_records()

    def _truncate_unfinished(self) -> None:
        """Truncates the bytes of a writer that was killed."""
        mark = self._folder / UNFINISHED
        if not is_regular_file(mark):
            return
        with open_file(mark, "rb") as file:
            text = file.read(20) or b""
        if text.isdigit():
            end = max(int(text), find_end(self._records))
            with open_file(self._folder / PIXELS, "r+b") as file:
                if end < file.seek(0, os.SEEK_END):
                    file.truncate(end)
        mark.unlink()


def _seal(records: npt.NDArray[np.void]) -> bytes:
    records["check"] = compute_checks(records)
    return records.tobytes()


def _take_within(
    arrays: dict[bytes, npt.NDArray[Any]], num_bytes: int
) -> dict[bytes, npt.NDArray[Any]]:
    """Returns the first arrays that have at most ``num_bytes`` together."""
    taken = {}
    for key, array in arrays.items():
        num_bytes -= array.nbytes
        if num_bytes < 0:
            break
        taken[key] = array
    return taken
