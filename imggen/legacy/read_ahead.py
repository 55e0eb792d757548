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


@final
class ReadAhead:
    """Holds the images that are being loaded for one batch, until the next batch is requested."""

    def __init__(self) -> None:
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Starts over: a forked process has no threads that would finish a load."""
        self._lock = threading.Lock()
        self._loads: dict[str, _Load] = {}
        self._earlier_loads: dict[str, _Load] = {}

    def __reduce__(self) -> tuple[type[ReadAhead], tuple[()]]:
        return ReadAhead, ()  # a copy has no load under way

    def start(
        self,
        paths: list[str],
        settings: Hashable,
        load: Callable[[str], Pixels],
        threads: ThreadMap,
    ) -> None:
        """Starts to load a batch; drops all batches but this one and the one before it.

        Args:
            paths: The path of each image in the batch.
            settings: Everything else that determines its pixels.
            load: Loads one of them.
            threads: The threads that call ``load``.
        """
        loads: dict[str, _Load] = {}
        for chunk in threads.chunks(paths):
            future = threads.submit(lambda chunk: _load_all(load, chunk, settings), chunk)
            loads.update(dict.fromkeys(chunk, future))
        with self._lock:
            # The batch before this one may not be complete yet.
            dropped, self._earlier_loads, self._loads = self._earlier_loads, self._loads, loads
        for future in dropped.values():
            future.cancel()

    def take(self, path: str, settings: Hashable) -> Pixels | None:
        """Returns the pixels of a file, and waits for them; None if they must be loaded now.

        That is so if their load was not started, or if the file or the settings have changed.

        Raises:
            Exception: The error that loading the image has raised.
        """
        future = self._loads.pop(path, None) or self._earlier_loads.pop(path, None)
        # Waiting for a load that was not started could deadlock: the calling thread may be the one
        # that would start it.
        if future is None or future.cancel():
            return None
        loaded = future.result()
        outcome = loaded.by_path[path]
        if loaded.settings != settings or outcome.state != _find_state(path):
            return None
        if isinstance(outcome.pixels, Exception):
            raise outcome.pixels
        return outcome.pixels


class _Outcome(NamedTuple):
    """A loaded image.

    Attributes:
        state: The state of the file before it was loaded.
        pixels: Its pixels, or the error that loading has raised.
    """

    state: _State
    pixels: Pixels | Exception


class _Loaded(NamedTuple):
    settings: Hashable
    by_path: dict[str, _Outcome]


# The size and modification time of a file; None if there is no file.
_State = tuple[int, int] | None
_Load = Future[_Loaded]


def _load_all(load: Callable[[str], Pixels], paths: list[str], settings: Hashable) -> _Loaded:
    outcomes: dict[str, _Outcome] = {}
    for path in paths:
        state = _find_state(path)
        try:
            outcomes[path] = _Outcome(state, load(path))
        except Exception as err:  # noqa: BLE001 - raised when this image is taken
            outcomes[path] = _Outcome(state, err)
    return _Loaded(settings, outcomes)


def _find_state(path: str) -> _State:
    try:
        found = os.stat(path)
    except (OSError, ValueError, TypeError):  # loading the file raises the error
        return None
    return found.st_size, found.st_mtime_ns
