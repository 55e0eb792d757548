"""The files of the batch that comes next, decoded while this one is finished and trained on.

What chance does to an image is not known before its batch is asked for; what is in its file is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, final

import numpy.typing as npt

from imggen.forks import mend_in_child
from imggen.legacy.threads import Threads

Pixels = npt.NDArray[Any]


@final
class ReadAhead:
    """Holds what is being loaded for one batch, until the batch after it is asked for."""

    def __init__(self) -> None:
        self.after_fork()
        mend_in_child(self)

    def after_fork(self) -> None:
        """Starts afresh: in a forked process there are no threads that would finish a load."""
        self._lock = threading.Lock()
        self._loads: dict[_Wanted, _Load] = {}
        self._earlier_loads: dict[_Wanted, _Load] = {}

    def start(
        self, key: Hashable, samples: list[int], load: Callable[[int], Pixels], threads: Threads
    ) -> None:
        """Starts to load ``samples``; what was started before the last time is forgotten.

        Args:
            key: What, besides the sample, decides the pixels.
            samples: The samples of the next batch.
            load: Loads one of them.
            threads: Who does it.
        """
        loads: dict[_Wanted, _Load] = {}
        for share in threads.shares(samples):
            future = threads.submit(lambda share: _outcomes(load, share), share)
            loads.update({(key, sample): future for sample in share})
        with self._lock:
            # The threads may not have got round yet to all of what was started last.
            dropped, self._earlier_loads, self._loads = self._earlier_loads, self._loads, loads
        for future in dropped.values():
            future.cancel()

    def take(self, key: Hashable, sample: int) -> Pixels | None:
        """The pixels of a sample, waited for if need be; None if nobody has begun to load it.

        Raises:
            Exception: What loading it has raised.
        """
        with self._lock:
            wanted = (key, sample)
            future = self._loads.pop(wanted, None) or self._earlier_loads.pop(wanted, None)
        # To wait for what was not begun could mean to wait for oneself: the threads that would
        # begin it may be those that ask.
        if future is None or future.cancel():
            return None
        outcome = future.result()[sample]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


_Wanted = tuple[Hashable, int]
_Load = Future[dict[int, Pixels | Exception]]


def _outcomes(load: Callable[[int], Pixels], samples: list[int]) -> dict[int, Pixels | Exception]:
    """What loading each of the samples has returned or raised."""
    outcomes: dict[int, Pixels | Exception] = {}
    for sample in samples:
        try:
            outcomes[sample] = load(sample)
        except Exception as err:  # noqa: BLE001 - raised by whoever takes this sample
            outcomes[sample] = err
    return outcomes
