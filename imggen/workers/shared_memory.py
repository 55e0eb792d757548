"""Transfer of objects between processes through shared memory.

A pipe transfers a batch in pieces of 64 KiB and waits for the reader after each. Here the arrays
are written once to a file in memory, which the reader maps; only the rest goes through the pipe.
Where there is no room for the file, everything goes through the pipe.
"""

from __future__ import annotations

import mmap
import os
import pickle
import tempfile
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO, Any, final

# Linux keeps this folder in memory; elsewhere, short-lived files stay in the system's file cache.
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp creates a private folder in it


@final
@dataclass(frozen=True)
class SharedMemoryMessage:
    """An object in transfer.

    Attributes:
        pickled: The object without its arrays; with them if there is no file.
        file: The file that holds the arrays, or None.
        lengths: The length of each array in bytes; each array starts at a multiple of 64.
    """

    pickled: bytes
    file: str | None
    lengths: tuple[int, ...]

    def read(self) -> Any:
        """Returns the object and unlinks the file; the arrays stay in shared memory."""
        if self.file is None:
            return pickle.loads(self.pickled)
        with open(self.file, "r+b") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0))
        self.discard()
        arrays, start = [], 0
        for length in self.lengths:
            arrays.append(mapped[start : start + length])
            start += length + padding(length)
        return pickle.loads(self.pickled, buffers=arrays)

    def discard(self) -> None:
        """Unlinks the file; its memory is freed with the last array in it."""
        if self.file is not None:
            Path(self.file).unlink(missing_ok=True)


def create_message_folder() -> str:
    """Creates a folder for the files of messages; the caller removes it."""
    in_memory = IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK)
    return tempfile.mkdtemp(prefix="imggen-", dir=IN_MEMORY if in_memory else None)


def write_message(contents: object, folder: str) -> SharedMemoryMessage:
    """Writes the arrays in ``contents`` to a new file in ``folder``."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(contents, protocol=5, buffer_callback=buffers.append)
    arrays = [buffer.raw() for buffer in buffers]
    lengths = tuple(array.nbytes for array in arrays)
    if sum(lengths) == 0:
        return SharedMemoryMessage(pickle.dumps(contents), None, ())
    name = None
    try:
        handle, name = tempfile.mkstemp(dir=folder)
        with open(handle, "wb", buffering=0) as file:
            for array in arrays:
                write_all(file, array)
                write_all(file, memoryview(bytes(padding(array.nbytes))))
    except OSError:  # no room: containers often limit /dev/shm to 64 MB
        if name is not None:
            Path(name).unlink(missing_ok=True)
        return SharedMemoryMessage(pickle.dumps(contents), None, ())
    return SharedMemoryMessage(pickled, name, lengths)


def write_all(file: IO[bytes] | FileIO, content: memoryview) -> None:
    """Writes all bytes to an unbuffered file."""
    while len(content) > 0:  # one call may write less than it is given
        content = content[file.write(content) :]


def padding(length: int) -> int:
    """Returns the bytes up to the next multiple of 64."""
    return -length % 64
