"""The files of a cache folder: bytes of arrays, and a journal of what stands where.

    about.txt     what decided the pixels, in words
    pixels.bin    the bytes of one array after the other
    journal.bin   a record for each array: its key, its place, its shape, and checksums

Writers append under a file lock: first the bytes, then the records. One that is killed in between
leaves bytes that nothing speaks of, or a piece of a record, which the next one cuts off. No place
is ever written twice, so what a reader has found stays what it was.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

# In the order in which they may go: without its title, a folder is no longer taken for a cache.
FILES = ("journal.bin", "pixels.bin", "lock", "about.txt")

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
        offset: Of its first byte.
        shape: Of the array.
        dtype: Of the array.
        checksum: CRC-32 of its bytes.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    checksum: int

    @property
    def stop(self) -> int:
        """The offset after its last byte."""
        return self.offset + int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


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

        folder.mkdir(parents=True, exist_ok=True)
        self._pixels_file = folder / "pixels.bin"
        self._journal_file = folder / "journal.bin"
        self._lock = FileLock(folder / "lock")
        self._records = np.zeros(0, dtype=_RECORD)
        self._row_of: dict[bytes, int] = {}
        self.was_broken = False
        self._mapped: npt.NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)
        with self._locked():
            (folder / "about.txt").write_text(about + "\n", encoding="utf-8")
            self._pixels_file.touch()

    def __len__(self) -> int:
        """The number of arrays, as far as this process has read."""
        return len(self._row_of)

    @property
    def num_bytes(self) -> int:
        """The bytes that arrays take on the disk, those included that nothing speaks of."""
        return os.path.getsize(self._pixels_file)

    def find(self, key: bytes) -> Place | None:
        """Where the array of a key stands, or None."""
        row = self._row_of.get(key)
        if row is None:
            return None
        return _place(self._records[row])

    def read(self, place: Place) -> npt.NDArray[Any] | None:
        """The array at a place, mapped and not to be written to; None if it is not all there."""
        mapped = self._mapped
        if place.stop > len(mapped):
            if place.stop > os.path.getsize(self._pixels_file):
                return None
            self._mapped = mapped = np.memmap(self._pixels_file, dtype=np.uint8, mode="r")
        return mapped[place.offset : place.stop].view(place.dtype).reshape(place.shape)

    def append(self, arrays: Mapping[bytes, npt.NDArray[Any]], limit: int | None = None) -> int:
        """Writes arrays, but for those that some process has written in the meantime.

        Args:
            arrays: By key.
            limit: The most bytes that all arrays may take. None: any number.

        Returns:
            How many were left out because of the limit.

        Raises:
            OSError: Such as that the disk is full; what was there before is there still.
        """
        with self._locked():
            missing = {key: array for key, array in arrays.items() if key not in self._row_of}
            num_missing = len(missing)
            if limit is not None:
                missing = _fitting(missing, limit - self.num_bytes)
            records = np.zeros(len(missing), dtype=_RECORD)
            with self._pixels_file.open("r+b") as file:
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
            with self._journal_file.open("ab") as file:
                file.write(records.tobytes())
            self._catch_up()
        return num_missing - len(missing)

    def forget(self, key: bytes) -> None:
        """Takes out an array whose bytes are others than were written; it may be appended anew."""
        self._row_of.pop(key, None)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock:
            self._catch_up()
            yield

    def _catch_up(self) -> None:
        """Reads what was written since; cuts off what is no record."""
        known = len(self._records)
        with self._journal_file.open("a+b") as file:
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


def _place(record: Any) -> Place:
    return Place(
        int(record["offset"]),
        tuple(int(side) for side in record["shape"] if side),
        np.dtype(record["dtype"].decode()),
        int(record["checksum"]),
    )


def _checks(records: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """A checksum for each record; of all at once, since a journal may hold millions."""
    body = records.view(np.uint8).reshape(len(records), _RECORD.itemsize)[:, :-4]
    weights = np.arange(1, 2 * body.shape[1], 2, dtype=np.uint32)  # odd: no change cancels itself
    sums = np.einsum("ij,j->i", body, weights, dtype=np.uint32, casting="unsafe")
    return np.asarray(sums + np.uint32(1))  # a record of zeros is none
