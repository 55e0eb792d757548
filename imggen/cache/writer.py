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
_RECORD_SIZE = 100  # bytes of a file's state that waits to be written
_LOCK_TIMEOUT = 2.0  # seconds


@final
class Writer:
    """Collects arrays and writes many at once; serializes the threads that use the journal.

    Args:
        journal: The journal.
        folder: Its folder, for warnings.
        limit: The maximum number of bytes of all arrays. None: no limit.

    Attributes:
        is_stopped: Whether no more arrays are written.
    """

    def __init__(self, journal: Journal, folder: Path, limit: int | None) -> None:
        self._journal = journal
        self._limit = limit
        self._folder = folder
        self.after_fork()
        register_after_fork(self)
        self._arrays: dict[bytes, npt.NDArray[Any]] = {}  # by content
        self._states: dict[bytes, bytes] = {}  # their contents
        self._bytes_waiting = 0
        self.is_stopped = False

    def after_fork(self) -> None:
        """Gives a forked process its own lock."""
        self._lock = threading.Lock()

    def find_state(self, state: bytes) -> npt.NDArray[Any] | ArrayLocation | None:
        """Returns the array if it waits to be written, or its location if it was written."""
        with self._lock:
            waiting = self._arrays.get(self._states.get(state, b""))
            return self._journal.find_state(state) if waiting is None else waiting

    def find_content(self, content: bytes) -> npt.NDArray[Any] | ArrayLocation | None:
        """Same as ``find_state``, by the content of the file."""
        with self._lock:
            waiting = self._arrays.get(content)
            return self._journal.find_content(content) if waiting is None else waiting

    def add(self, content: bytes, array: npt.NDArray[Any]) -> None:
        """Adds an array to those that wait; writes them if they are many."""
        with self._lock:
            if self.is_stopped or content in self._arrays:
                return
            if not self._journal.is_writable:
                self._stop("cannot be written to; images that it lacks are loaded in each epoch")
                return
            self._arrays[content] = array
            write_size = _WRITE_SIZE
            if self._limit is not None:
                write_size = min(write_size, self._limit - self._journal.num_bytes)
            self._add_bytes(array.nbytes, write_size)

    def add_state(self, state: bytes, content: bytes) -> None:
        """Adds the state of a file to those that wait, for an array that was added before."""
        with self._lock:
            if not self.is_stopped and self._journal.is_writable and state not in self._states:
                self._states[state] = content
                self._add_bytes(_RECORD_SIZE, _WRITE_SIZE)

    def _add_bytes(self, num_bytes: int, write_size: int) -> None:
        self._bytes_waiting += num_bytes
        if self._bytes_waiting >= write_size:
            self._write()

    def forget(self, location: ArrayLocation) -> None:
        """Removes an array whose bytes are damaged."""
        with self._lock:
            self._journal.forget(location)

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
        arrays, self._arrays = self._arrays, {}
        states, self._states = self._states, {}
        self._bytes_waiting = 0
        if not arrays and not states:
            return
        try:
            num_skipped = self._journal.append(arrays, states, self._limit, timeout)
        except TimeoutError:  # filelock's Timeout is a subclass
            raise
        except OSError as err:
            # A full disk must not end a training.
            self._stop(
                f"stores no more images: {err.strerror or err}; the others are loaded again in "
                "each epoch"
            )
            return
        if num_skipped:
            self._stop(
                f"stores no more images than {self._journal.num_arrays}: its limit is "
                f"{self._limit} bytes; the others are loaded again in each epoch. If files have "
                "changed since they were stored, imggen cache clear frees space"
            )

    def _stop(self, reason: str) -> None:
        self.is_stopped = True
        warn_of_cache(self._folder, reason)


def warn_of_cache(folder: Path, what: str) -> None:
    """Warns about a cache folder."""
    warn_user(f"The cache {str(folder)!r} {what}.")
