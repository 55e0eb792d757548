"""The files of a cache folder: bytes of arrays, and a journal of what stands where.

    about.txt     what decided the pixels, in words
    pixels.bin    the bytes of one array after the other
    journal.bin   a record for each array: its key, its place, its shape, and checksums

Writers append under a file lock: first the bytes, then the records. One that is killed in between
leaves bytes that nothing speaks of, or a piece of a record, which the next one cuts off. No place
is ever written twice, so what a reader has found stays what it was.
"""

from __future__ import annotations

import math
import mmap
import os
import weakref
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

_ABOUT, _JOURNAL, _PIXELS, _LOCK = "about.txt", "journal.bin", "pixels.bin", "lock"

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


class Place(NamedTuple):
    """Where an array stands.

    Attributes:
        pixels: The file.
        offset: Of its first byte.
        shape: Of the array.
        dtype: Of the array.
        checksum: CRC-32 of its bytes.
    """

    pixels: _Pixels
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    checksum: int

    def read(self) -> npt.NDArray[Any] | None:
        """The array, mapped and not to be written to; None if it is not all there."""
        num_bytes = math.prod(self.shape) * self.dtype.itemsize
        found = self.pixels.read(self.offset, self.offset + num_bytes)
        return None if found is None else found.view(self.dtype).reshape(self.shape)


@final
class _Pixels:
    """A file of arrays, held open: what was found in it stays right when the file is deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        weakref.finalize(self, self._file.close)
        self._mapped: npt.NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)

    @property
    def num_bytes(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def is_in_place(self) -> bool:
        """Whether it has not been deleted, nor another one put in its place."""
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

    Several processes may share the folder; threads must take turns, but for ``read``.

    Args:
        folder: Made if it is not there.
        about: What decided the pixels, for whoever looks into the folder.

    Attributes:
        was_broken: Whether something in the journal was no record; what followed it is lost.

    Raises:
        OSError: The folder cannot be made, read or written to.
    """

    def __init__(self, folder: Path, about: str) -> None:
        from filelock import FileLock

        self._folder = folder
        self._about = about
        self._file = folder / _JOURNAL
        self._lock = FileLock(folder / _LOCK)
        self._pixels: _Pixels | None = None
        self._records = np.zeros(0, dtype=_RECORD)
        self._row_of: dict[bytes, int] = {}
        self.was_broken = False
        with self._locked():
            pass

    def __len__(self) -> int:
        """The number of arrays, as far as this process has read."""
        return len(self._row_of)

    @property
    def num_bytes(self) -> int:
        """The bytes that arrays take on the disk, those included that nothing speaks of."""
        return 0 if self._pixels is None else self._pixels.num_bytes

    def find(self, key: bytes) -> Place | None:
        """Where the array of a key stands, or None."""
        row = self._row_of.get(key)
        if row is None or self._pixels is None:
            return None
        record = self._records[row]
        return Place(
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
        patience: float = -1,
    ) -> int:
        """Writes arrays, but for those that some process has written in the meantime.

        Args:
            arrays: By key.
            limit: The most bytes that all arrays may take. None: any number.
            patience: Seconds to wait for other writers; -1: as long as it takes.

        Returns:
            How many were left out because of the limit.

        Raises:
            TimeoutError: Another writer took longer than that.
            OSError: Such as that the disk is full; what was there before is there still.
        """
        with self._locked(patience):
            missing = {key: array for key, array in arrays.items() if key not in self._row_of}
            num_missing = len(missing)
            if limit is not None:
                missing = _fitting(missing, limit - self.num_bytes)
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
            records["check"] = _checks(records)
            with self._file.open("ab") as file:
                file.write(records.tobytes())
            self._catch_up()
        return num_missing - len(missing)

    def forget(self, key: bytes) -> None:
        """Takes out an array whose bytes are others than were written; it may be appended anew."""
        self._row_of.pop(key, None)

    def clear(self) -> int:
        """Deletes all files; returns how many bytes they had.

        Raises:
            OSError: One of them cannot be deleted.
        """
        num_bytes = 0
        with self._locked():
            # Without its title, a folder is no longer taken for a cache; so that goes last.
            for name in (_JOURNAL, _PIXELS, _ABOUT):
                num_bytes += (self._folder / name).stat().st_size
                (self._folder / name).unlink()
        (self._folder / _LOCK).unlink(missing_ok=True)
        self._folder.rmdir()
        return num_bytes

    @contextmanager
    def _locked(self, patience: float = -1) -> Iterator[None]:
        while True:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._lock.acquire(timeout=patience):
                if not (self._folder / _LOCK).exists():
                    continue  # the folder was cleared while we waited, and the lock with it
                if self._pixels is None or not self._pixels.is_in_place():
                    self._start_anew()
                self._catch_up()
                yield
                return

    def _start_anew(self) -> None:
        """Begins with the files that are there, or none: those known so far have been deleted."""
        (self._folder / _ABOUT).write_text(self._about + "\n", encoding="utf-8")
        (self._folder / _PIXELS).touch()
        self._pixels = _Pixels(self._folder / _PIXELS)
        self._forget_all()

    def _forget_all(self) -> None:
        self._records = np.zeros(0, dtype=_RECORD)
        self._row_of = {}

    def _catch_up(self) -> None:
        """Reads what was written since; cuts off what is no record."""
        with self._file.open("a+b") as file:
            if file.seek(0, os.SEEK_END) < self._records.nbytes:
                self._forget_all()
            known = len(self._records)
            file.seek(known * _RECORD.itemsize)
            content = file.read()
            records = np.frombuffer(
                content[: len(content) // _RECORD.itemsize * _RECORD.itemsize], dtype=_RECORD
            )
            bad = np.flatnonzero(records["check"] != _checks(records))
            if len(bad):
                self.was_broken = True
                records = records[: bad[0]]
            if records.nbytes != len(content):
                file.truncate(known * _RECORD.itemsize + records.nbytes)
        if len(records):
            self._records = np.concatenate([self._records, records])
            self._row_of.update(zip(records["key"].tolist(), range(known, 2**63), strict=False))


def _fitting(arrays: Mapping[bytes, npt.NDArray[Any]], room: int) -> dict[bytes, npt.NDArray[Any]]:
    """The first of the arrays, as many as there is room for."""
    fitting = {}
    for key, array in arrays.items():
        room -= array.nbytes
        if room < 0:
            break
        fitting[key] = array
    return fitting


def _checks(records: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """A checksum for each record; of all at once, since a journal may hold millions."""
    body = records.view(np.uint8).reshape(len(records), _RECORD.itemsize)[:, :-4]
    weights = np.arange(1, 2 * body.shape[1], 2, dtype=np.uint32)  # odd: no change cancels itself
    sums = np.einsum("ij,j->i", body, weights, dtype=np.uint32, casting="unsafe")
    return np.asarray(sums + np.uint32(1))  # a record of zeros is none
