"""Files that are read in ranges: the local ones here, and the interface of all."""

from __future__ import annotations

import errno
import io
import os
from abc import ABC, abstractmethod
from typing import NamedTuple, final

from imggen.errors import StoreError

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0)  # which is on Windows alone


@final
class Identity(NamedTuple):
    """The state of a file; another content has another one.

    Attributes:
        size: In bytes.
        version: The time of the last change of a local file, or the ETag or version of an object.
    """

    size: int
    version: str


class ByteSource(ABC):
    """A file whose bytes can be read from any place; safe for several threads.

    Attributes:
        address: The path or URI.
        buffer_size: The number of bytes that ``open`` reads at once.
    """

    address: str
    buffer_size: int

    @abstractmethod
    def identity(self) -> Identity:
        """Returns the state of the file.

        Raises:
            OSError: It cannot be found.
        """

    @abstractmethod
    def read(self) -> bytes:
        """Returns all bytes.

        Raises:
            OSError: They cannot be read.
        """

    @abstractmethod
    def read_range(self, offset: int, length: int) -> bytes:
        """Returns a range of bytes.

        Raises:
            OSError: They cannot be read; a ``StoreError`` if the file ends before.
        """

    def open(self) -> io.BufferedReader:
        """Opens the file for reading in large pieces."""
        return io.BufferedReader(_RangeFile(self), self.buffer_size)

    def check_length(self, data: bytes, offset: int, length: int) -> bytes:
        """Returns bytes that were read, if there are as many as expected."""
        if len(data) != length:
            raise StoreError.of(
                self.address,
                f"it ends before byte {offset + length}, and is truncated or has been replaced",
            )
        return data


@final
class LocalFile(ByteSource):
    """A file on a mounted disk."""

    buffer_size = 1 << 14

    def __init__(self, address: str) -> None:
        self.address = address

    def identity(self) -> Identity:
        """Returns the size, and the time of the last change with the number of the file."""
        found = os.stat(self.address)
        return Identity(found.st_size, f"{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}")

    def read(self) -> bytes:
        """Returns all bytes."""
        with open(self.address, "rb", buffering=0) as file:
            return file.readall()

    def read_range(self, offset: int, length: int) -> bytes:
        """Returns a range of bytes; each call opens the file, which takes microseconds."""
        descriptor = os.open(self.address, _FLAGS)
        try:
            # An address may claim any place and any length.
            if offset + length > os.fstat(descriptor).st_size:
                return self.check_length(b"", offset, length)
            os.lseek(descriptor, offset, os.SEEK_SET)
            data = os.read(descriptor, length)
            while len(data) < length and (more := os.read(descriptor, length - len(data))):
                data += more
        finally:
            os.close(descriptor)
        return self.check_length(data, offset, length)


@final
class _RangeFile(io.RawIOBase):
    """A file object that reads ranges."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._size = source.identity().size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, "Negative position")  # zipfile expects it of small files
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        buffer[:length] = self._source.read_range(self._position, length)
        self._position += length
        return length
