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
    """Holds what is being loaded for one batch, until that batch or another one is asked for."""

    def __init__(self) -> None:
        self.after_fork()
        mend_in_child(self)

    def after_fork(self) -> None:
        """Starts afresh: in a forked process there are no threads that would finish a load."""
        self._lock = threading.Lock()
        self._key: Hashable = None
        self._loads: dict[int, Future[dict[int, Pixels]]] = {}

    def start(
        self, key: Hashable, samples: list[int], load: Callable[[int], Pixels], threads: Threads
    ) -> None:
        """Starts to load ``samples``, and forgets what was loaded before.

        Args:
            key: What, besides the sample, decides the pixels.
            samples: The samples of the next batch.
            load: Loads one of them.
            threads: Who does it.
        """
        loads = {}
        for share in threads.shares(samples):
            future = threads.submit(lambda share: {each: load(each) for each in share}, share)
            loads.update(dict.fromkeys(share, future))
        with self._lock:
            dropped, self._loads, self._key = self._loads, loads, key
        for future in dropped.values():
            future.cancel()

    def take(self, key: Hashable, sample: int) -> Pixels | None:
        """The pixels of a sample, waited for if need be; None if nobody has begun to load it.

        Raises:
            Exception: What loading it has raised.
        """
        with self._lock:
            future = self._loads.pop(sample, None) if key == self._key else None
        return None if future is None else future.result()[sample]
