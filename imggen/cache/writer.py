"""The writes of a disk cache: many arrays at once, by one thread at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, final

import numpy.typing as npt

from imggen.cache.journal import ArrayLocation, Journal
from imggen.core import warn_user
from imggen.workers import register_after_fork

# Arrays are written when they have this many bytes; a killed process loses no more than these.
_WRITE_SIZE = 8 * 2**20
_LOCK_TIMEOUT = 2.0  # seconds


@final
class Writer:
    """Collects arrays and writes many at once; serializes the threads that use the journal."""

    def __init__(self, journal: Journal, folder: Path, limit: int | None) -> None:
        self._journal = journal
        self._limit = limit
        self._folder = folder
        self.after_fork()
        register_after_fork(self)
        self._waiting: dict[bytes, npt.NDArray[Any]] = {}
        self._bytes_waiting = 0
        self.is_stopped = False

    def after_fork(self) -> None:
        """Gives a forked process its own lock."""
        self._lock = threading.Lock()

    def find(self, key: bytes) -> npt.NDArray[Any] | ArrayLocation | None:
        """Returns the array if it waits to be written, or its location if it was written."""
        with self._lock:
            return self._waiting.get(key) if key in self._waiting else self._journal.find(key)

    def add(self, key: bytes, array: npt.NDArray[Any]) -> None:
        """Adds an array to those that wait; writes them if they are many."""
        with self._lock:
            if self.is_stopped or key in self._waiting:
                return
            self._waiting[key] = array
            self._bytes_waiting += array.nbytes
            write_size = _WRITE_SIZE
            if self._limit is not None:
                write_size = min(write_size, self._limit - self._journal.num_bytes)
            if self._bytes_waiting >= write_size:
                self._write()

    def forget(self, key: bytes) -> None:
        """Removes an array whose bytes are damaged."""
        with self._lock:
            self._journal.forget(key)

    def flush(self) -> None:
        """Writes the arrays that wait."""
        with self._lock:
            self._write()

    def flush_if_possible(self) -> None:
        """Same as ``flush``, but gives up if another thread or process holds the lock.

        The garbage collector calls it in any thread and at any time, even during a flush.
        """
        if self._lock.acquire(blocking=False):
            try:
                self._write(timeout=_LOCK_TIMEOUT)
            except (TimeoutError, RuntimeError):  # from filelock, if this thread holds the lock
                return
            finally:
                self._lock.release()

    def _write(self, timeout: float = -1) -> None:
        waiting, self._waiting, self._bytes_waiting = self._waiting, {}, 0
        if not waiting:
            return
        try:
            num_skipped = self._journal.append(waiting, self._limit, timeout)
        except TimeoutError:  # filelock's Timeout is a subclass
            raise
        except OSError as err:
            # A full disk must not end a training.
            self.is_stopped = True
            warn_of_cache(
                self._folder,
                f"stores no more images: {err.strerror or err}; the others are loaded again in "
                "each epoch",
            )
            return
        if num_skipped:
            self.is_stopped = True
            warn_of_cache(
                self._folder,
                f"stores no more images than {len(self._journal)}: its limit is "
                f"{self._limit} bytes; the others are loaded again in each epoch. If files have "
                "changed since they were stored, imggen cache clear frees space",
            )


def warn_of_cache(folder: Path, what: str) -> None:
    """Warns about a cache folder."""
    warn_user(f"The cache {str(folder)!r} {what}.")
