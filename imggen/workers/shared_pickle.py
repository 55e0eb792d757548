"""Pickled functions whose large arrays all worker processes map from one file."""

from __future__ import annotations

import mmap
import os
import pickle
import tempfile
import weakref
from collections.abc import Sequence
from multiprocessing import context, reduction
from typing import IO, Any, final

from imggen.workers.shared_memory import IN_MEMORY, padding, write_all

# Smaller arrays are copied: a mapping takes whole pages.
_MIN_BYTES = 1 << 16


@final
class SharedPickle:
    """A pickled object for processes that are being started.

    Its large arrays are written to a file without a name, whose descriptor the processes inherit.
    They map it: arrays that they only read take no memory of their own, and what they write to is
    copied page by page. The file vanishes with the last process that has it, even if all are
    killed. Where there is no room for it, and on Windows, each process gets a copy of the arrays.

    Args:
        pickled: The object without the arrays in ``file``.
        file: The arrays, or None.
        lengths: The length of each array in bytes; each starts at a multiple of 64.
    """

    def __init__(self, pickled: bytes, file: IO[bytes] | None, lengths: Sequence[int]) -> None:
        self._pickled, self._file, self._lengths = pickled, file, tuple(lengths)
        if file is not None:
            weakref.finalize(self, file.close)

    @classmethod
    def dump(cls, contents: object) -> SharedPickle:
        """Pickles an object, which may change afterwards."""
        arrays: list[memoryview] = []

        def keep(buffer: pickle.PickleBuffer) -> bool:
            array = buffer.raw()
            is_large = array.nbytes >= _MIN_BYTES
            if is_large:
                arrays.append(array)
            return not is_large  # true: it is pickled with the rest

        pickled = pickle.dumps(contents, protocol=5, buffer_callback=keep)
        if not arrays:
            return cls(pickled, None, ())
        file = _write_file(arrays)
        if file is None:
            return cls(pickle.dumps(contents, protocol=5), None, ())
        return cls(pickled, file, [array.nbytes for array in arrays])

    def load(self) -> Any:
        """Returns the object."""
        if self._file is None:
            return pickle.loads(self._pickled)
        mapped = memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY))
        arrays, start = [], 0
        for length in self._lengths:
            arrays.append(mapped[start : start + length])
            start += length + padding(length)
        return pickle.loads(self._pickled, buffers=arrays)

    def close(self) -> None:
        """Closes the file in this process; no other process can be started with it."""
        if self._file is not None:
            self._file.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._file is None:
            return SharedPickle, (self._pickled, None, ())
        if context.get_spawning_popen() is None:  # for no process that could inherit the file
            return SharedPickle, (pickle.dumps(self.load(), protocol=5), None, ())
        descriptor = reduction.DupFd(self._file.fileno())
        return _receive, (self._pickled, descriptor, self._lengths)


def _receive(pickled: bytes, descriptor: Any, lengths: Sequence[int]) -> SharedPickle:
    return SharedPickle(pickled, os.fdopen(descriptor.detach(), "rb"), lengths)


def _write_file(arrays: Sequence[memoryview]) -> IO[bytes] | None:
    """Writes arrays to a file without a name; None if there is no room for it."""
    if os.name == "nt":  # where processes do not inherit descriptors
        return None
    num_bytes = sum(array.nbytes for array in arrays)
    for folder in (IN_MEMORY, tempfile.gettempdir()):
        try:
            if folder is IN_MEMORY and _free_bytes(folder) < 2 * num_bytes:
                continue  # others need shared memory, too
            file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - kept open
        except OSError:  # there is no such folder
            continue
        try:
            for array in arrays:
                write_all(file, array)
                write_all(file, memoryview(bytes(padding(array.nbytes))))
        except OSError:  # no room
            file.close()
            continue
        return file
    return None


def _free_bytes(folder: str | os.PathLike[str]) -> int:
    free = os.statvfs(folder)
    return free.f_bavail * free.f_frsize
