"""Objects handed from one process to another by way of shared memory.

A pipe takes a batch in pieces of 64 KiB, each of which waits for the reader. Here the arrays are
written once into a file that stands in memory, the reader maps that file, and only what is small
goes through the pipe. Where there is no room for the file, everything does.
"""

from __future__ import annotations

import mmap
import os
import pickle
import tempfile
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, final

# What Linux keeps in memory; other systems hold a file that is soon gone in their file cache.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of its own there


@final
@dataclass(frozen=True)
class SharedMemoryMessage:
    """An object on its way.

    Attributes:
        pickled: The object without its arrays, or with them if there is no file.
        file: Where the arrays are, or None.
        lengths: Of each array, in bytes; each starts at a multiple of 64.
    """

    pickled: bytes
    file: str | None
    lengths: tuple[int, ...]

    def open(self) -> Any:
        """The object; its arrays stand in the shared memory, which goes when they do."""
        if self.file is None:
            return pickle.loads(self.pickled)
        with open(self.file, "r+b") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0))
        self.discard()
        arrays, start = [], 0
        for length in self.lengths:
            arrays.append(mapped[start : start + length])
            start += length + _padding(length)
        return pickle.loads(self.pickled, buffers=arrays)

    def discard(self) -> None:
        """Takes the name off the file; the memory goes with the last array in it."""
        if self.file is not None:
            Path(self.file).unlink(missing_ok=True)


def parcels_folder() -> str:
    """Makes the folder for the files; whoever asked for it removes it."""
    in_memory = _IN_MEMORY.is_dir() and os.access(_IN_MEMORY, os.W_OK)
    return tempfile.mkdtemp(prefix="imggen-", dir=_IN_MEMORY if in_memory else None)


def pack(contents: object, folder: str) -> SharedMemoryMessage:
    """Writes the arrays in ``contents`` into a new file in ``folder``."""
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
                _write(file, array)
                _write(file, memoryview(bytes(_padding(array.nbytes))))
    except OSError:  # no room: containers often have 64 MB for this
        if name is not None:
            Path(name).unlink(missing_ok=True)
        return SharedMemoryMessage(pickle.dumps(contents), None, ())
    return SharedMemoryMessage(pickled, name, lengths)


def _write(file: FileIO, content: memoryview) -> None:
    while len(content) > 0:  # the system may take less than it is given
        content = content[file.write(content) :]


def _padding(length: int) -> int:
    return -length % 64
