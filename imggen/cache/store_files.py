"""The files in the folder of a cache, whose bytes are written at once or not at all."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

from imggen.cache.records import read_records

KEY_FILE = "about.txt"
JOURNAL, PIXELS, UNFINISHED, LOCK = "journal.bin", "pixels.bin", "unfinished", "lock"
# In the order of their deletion: without the key file, a folder may not be recognized as a cache.
FILES = (JOURNAL, PIXELS, UNFINISHED, KEY_FILE, LOCK)
_DELETION_TIMEOUT = 10.0  # seconds


def count_arrays(folder: Path) -> int:
    """Returns the number of arrays in a folder, without a lock; 0 if its journal is damaged.

    Raises:
        OSError: The journal exists and cannot be read.
    """
    if not is_regular_file(folder / JOURNAL):
        return 0
    with open_file(folder / JOURNAL, "rb") as file:
        records, _ = read_records(file)
    return len(np.unique(records["offset"]))


def delete_files(folder: Path) -> int:
    """Deletes the files of a cache folder, and the folder if it has no others.

    Waits for a process that is writing to it, unless that takes long or the lock is damaged. Other
    files, and links in place of files, stay.

    Returns:
        The number of bytes deleted.

    Raises:
        OSError: A file cannot be deleted.
    """
    from filelock import FileLock

    num_bytes = 0
    with ExitStack() as stack:
        with suppress(OSError, NotImplementedError):
            stack.enter_context(FileLock(folder / LOCK).acquire(timeout=_DELETION_TIMEOUT))
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


def open_file(path: Path, mode: str) -> io.FileIO:
    """Opens a file without a buffer, whose bytes would be written later; follows no link."""
    no_follow = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    file = io.FileIO(path, mode, opener=lambda name, flags: os.open(name, flags | no_follow, 0o666))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return file


def append_bytes(path: Path, chunks: Sequence[bytes]) -> None:
    """Appends bytes; removes them again if not all can be written.

    Raises:
        OSError: For example, the disk is full.
    """
    with open_file(path, "ab") as file:
        end = file.seek(0, os.SEEK_END)
        try:
            for chunk in chunks:
                rest = memoryview(chunk)
                while rest:
                    rest = rest[file.write(rest) :]
        except BaseException:
            file.truncate(end)
            raise
