"""The files of the batch that comes next, decoded while this one is finished and trained on.

What chance does to an image is not known before its batch is asked for; what is in its file is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, NamedTuple, final

import numpy.typing as npt

from imggen.workers import ThreadMap, register_after_fork

Pixels = npt.NDArray[Any]


class Key(NamedTuple):
    """All that decides the pixels of an image.

    Attributes:
        path: Of its file.
        state: The file's size and time of change; None if there is none.
        settings: How it is decoded.
    """

    path: str
    state: tuple[int, int] | None
    settings: Hashable

    @classmethod
    def of(cls, path: str, settings: Hashable) -> Key:
        """The key of a file as it is now."""
        try:
            found = os.stat(path)
        except (OSError, ValueError, TypeError):  # for whoever loads it to complain about
            return cls(path, None, settings)
        return cls(path, (found.st_size, found.st_mtime_ns), settings)


@final
class ReadAhead:
    """Holds what is being loaded for one batch, until the batch after it is asked for."""

    def __init__(self) -> None:
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Starts afresh: in a forked process there are no threads that would finish a load."""
        self._lock = threading.Lock()
        self._loads: dict[Key, _Load] = {}
        self._earlier_loads: dict[Key, _Load] = {}

    def start(self, keys: list[Key], load: Callable[[Key], Pixels], threads: ThreadMap) -> None:
        """Starts to load a batch; what was started before the last time is forgotten.

        Args:
            keys: All that decides the pixels of each of its images.
            load: Loads one of them.
            threads: Who does it.
        """
        loads: dict[Key, _Load] = {}
        for share in threads.chunks(keys):
            future = threads.submit(lambda share: _outcomes(load, share), share)
            loads.update(dict.fromkeys(share, future))
        with self._lock:
            # The threads may not have got round yet to all of what was started last.
            dropped, self._earlier_loads, self._loads = self._earlier_loads, self._loads, loads
        for future in dropped.values():
            future.cancel()

    def take(self, key: Key) -> Pixels | None:
        """The pixels of an image, waited for if need be; None if nobody has begun to load it.

        Raises:
            Exception: What loading it has raised.
        """
        with self._lock:
            future = self._loads.pop(key, None) or self._earlier_loads.pop(key, None)
        # To wait for what was not begun could mean to wait for oneself: the threads that would
        # begin it may be those that ask.
        if future is None or future.cancel():
            return None
        outcome = future.result()[key]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


_Load = Future[dict[Key, Pixels | Exception]]


def _outcomes(load: Callable[[Key], Pixels], keys: list[Key]) -> dict[Key, Pixels | Exception]:
    """What loading each of the images has returned or raised."""
    outcomes: dict[Key, Pixels | Exception] = {}
    for key in keys:
        try:
            outcomes[key] = load(key)
        except Exception as err:  # noqa: BLE001 - raised by whoever takes this image
            outcomes[key] = err
    return outcomes
