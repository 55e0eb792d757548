"""Read-ahead: the files of the next batch are decoded while the current one is in use.

An image has random parameters only once its batch is requested, but its pixels are in its file.
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


class ImageKey(NamedTuple):
    """Everything that determines the pixels of an image.

    Attributes:
        path: The path of its file.
        state: The size and modification time of the file; None if there is no file.
        settings: The settings for decoding.
    """

    path: str
    state: tuple[int, int] | None
    settings: Hashable

    @classmethod
    def of(cls, path: str, settings: Hashable) -> ImageKey:
        """Returns the key of a file in its present state."""
        try:
            found = os.stat(path)
        except (OSError, ValueError, TypeError):  # loading the file raises the error
            return cls(path, None, settings)
        return cls(path, (found.st_size, found.st_mtime_ns), settings)


@final
class ReadAhead:
    """Holds the images that are being loaded for one batch, until the next batch is requested."""

    def __init__(self) -> None:
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Starts over: a forked process has no threads that would finish a load."""
        self._lock = threading.Lock()
        self._loads: dict[ImageKey, _Load] = {}
        self._earlier_loads: dict[ImageKey, _Load] = {}

    def __reduce__(self) -> tuple[type[ReadAhead], tuple[()]]:
        return ReadAhead, ()  # a copy has no load under way

    def start(
        self, keys: list[ImageKey], load: Callable[[ImageKey], Pixels], threads: ThreadMap
    ) -> None:
        """Starts to load a batch; drops all batches but this one and the one before it.

        Args:
            keys: The key of each image in the batch.
            load: Loads one of them.
            threads: The threads that call ``load``.
        """
        loads: dict[ImageKey, _Load] = {}
        for chunk in threads.chunks(keys):
            future = threads.submit(lambda chunk: _load_all(load, chunk), chunk)
            loads.update(dict.fromkeys(chunk, future))
        with self._lock:
            # The batch before this one may not be complete yet.
            dropped, self._earlier_loads, self._loads = self._earlier_loads, self._loads, loads
        for future in dropped.values():
            future.cancel()

    def take(self, key: ImageKey) -> Pixels | None:
        """Returns the pixels of an image, and waits for them; None if its load was not started.

        Raises:
            Exception: The error that loading the image has raised.
        """
        with self._lock:
            future = self._loads.pop(key, None) or self._earlier_loads.pop(key, None)
        # Waiting for a load that was not started could deadlock: the calling thread may be the one
        # that would start it.
        if future is None or future.cancel():
            return None
        outcome = future.result()[key]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


_Load = Future[dict[ImageKey, Pixels | Exception]]


def _load_all(
    load: Callable[[ImageKey], Pixels], keys: list[ImageKey]
) -> dict[ImageKey, Pixels | Exception]:
    """Returns the pixels of each image, or the error that loading it has raised."""
    outcomes: dict[ImageKey, Pixels | Exception] = {}
    for key in keys:
        try:
            outcomes[key] = load(key)
        except Exception as err:  # noqa: BLE001 - raised when this image is taken
            outcomes[key] = err
    return outcomes
