"""The records of a cache's journal: where an array is, and by which key it is found.

Each array has a record by the content of its file, which holds for moved and copied files, and
records by the state of the files that had this content, which need not be read to be recognized.
"""

from __future__ import annotations

import functools
import io
import math

import numpy as np
import numpy.typing as npt

RECORD = np.dtype(
    [
        ("key", "V16"),
        ("offset", "<u8"),
        ("shape", "<u4", (3,)),
        ("dtype", "S4"),
        ("checksum", "<u4"),
        ("check", "<u4"),
    ]
)
_RECORDS_AT_ONCE = 2**20
# The kind of a key is the lowest bit of its first byte.
_CONTENT_BIT = 1


def state_key(digest: bytes) -> bytes:
    """Returns the key of 16 bytes for the state of a file: its path, size, times and inode."""
    return bytes([digest[0] & ~_CONTENT_BIT]) + digest[1:16]


def content_key(digest: bytes) -> bytes:
    """Returns the key of 16 bytes for the content of a file."""
    return bytes([digest[0] | _CONTENT_BIT]) + digest[1:16]


def select_rows(records: npt.NDArray[np.void], *, content: bool) -> npt.NDArray[np.int64]:
    """Returns the rows of the records of one kind of key."""
    first = np.frombuffer(records["key"].tobytes(), np.uint8)[::16]
    return np.flatnonzero((first & _CONTENT_BIT) == int(content))


def read_records(file: io.RawIOBase) -> tuple[npt.NDArray[np.void], bool]:
    """Reads records from the position of a file, up to the first that is invalid or incomplete.

    Returns:
        The records, and whether one is invalid. Reads no more of the file than valid records and
        a bounded rest.
    """
    found = []
    while True:
        content = _read(file, _RECORDS_AT_ONCE * RECORD.itemsize)
        num_whole = len(content) // RECORD.itemsize
        records = np.frombuffer(content[: num_whole * RECORD.itemsize], dtype=RECORD)
        bad = np.flatnonzero(records["check"] != compute_checks(records))
        found.append(records[: bad[0]] if len(bad) else records)
        if len(bad) or num_whole < _RECORDS_AT_ONCE:
            return np.concatenate(found), bool(len(bad))


def _read(file: io.RawIOBase, num_bytes: int) -> bytes:
    chunks = []
    while num_bytes > 0 and (chunk := file.read(num_bytes)):
        chunks.append(chunk)
        num_bytes -= len(chunk)
    return b"".join(chunks)


def compute_checks(records: npt.NDArray[np.void]) -> npt.NDArray[np.uint32]:
    """Computes the checksum of each record; vectorized, since there may be millions."""
    body = records.view(np.uint8).reshape(len(records), RECORD.itemsize)[:, :-4]
    weights = np.arange(
        1, 2 * body.shape[1], 2, dtype=np.uint32
    )  # odd, so that no change of a byte cancels out
    sums = np.einsum("ij,j->i", body, weights, dtype=np.uint32, casting="unsafe")
    return np.asarray(sums + np.uint32(1))  # a record of zeros is invalid


def find_end(records: npt.NDArray[np.void]) -> int:
    """Returns the position after the last byte of all arrays."""
    end = 0
    for record in records[records["offset"] == records["offset"].max(initial=0)]:
        dtype = parse_dtype(record["dtype"])
        sides = [int(side) for side in record["shape"] if side]
        num_bytes = 0 if dtype is None else math.prod(sides) * dtype.itemsize
        end = max(end, int(record["offset"]) + num_bytes)
    return end


@functools.lru_cache(maxsize=256)
def parse_dtype(name: bytes) -> np.dtype[np.generic] | None:
    """Returns the dtype of a record; None if no array of this dtype is stored."""
    try:
        dtype = np.dtype(name.decode("ascii"))
    except (TypeError, ValueError, SyntaxError):
        return None
    return dtype if dtype.kind in "buif" else None
