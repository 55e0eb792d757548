"""The choice between all threads and the calling one, by the cost of a sample.

Batches are the same either way. ``imggen.workers.pace`` is for threads that each make a batch; here
they share the samples of one, since the state of random draws passes from batch to batch.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import final

from imggen.workers import ThreadMap

# Seconds per sample. Of a sample that takes less, most is Python code, which one thread runs at a
# time: with gray images of 48 by 48, a second thread takes a third more CPU time and gains nothing.
_CHEAP = 1e-4
_WAITING = 4  # times the limit that a batch may take, or it waits for a slow disk
_MARGIN = 2  # to use all threads again, a sample must cost more
_NUM_BATCHES = 256  # from one comparison to the next


class _State(Enum):
    ALL = auto()
    ALL_BEFORE_TRIAL = auto()  # nothing is read ahead, or the trial would cost too little
    TRIAL = auto()
    ONE = auto()


@final
class ThreadChoice:
    """Chooses all threads or the calling one, batch by batch.

    Args:
        all_threads: All threads.
        is_fixed: Always choose them.

    Example:
        >>> choice = ThreadChoice(ThreadMap(2), is_fixed=False)
        >>> for seconds in (0.001, 0.001, 0.002):
        ...     choice.record(seconds, seconds, num_samples=32)
        >>> choice.threads.num_threads
        1
    """

    def __init__(self, all_threads: ThreadMap, *, is_fixed: bool) -> None:
        self.all_threads = all_threads
        self._one = ThreadMap(1)
        self._is_fixed = is_fixed or all_threads.num_threads < 2
        self._state = _State.ALL
        self._num_left = 0

    def __reduce__(self) -> tuple[Callable[..., ThreadChoice], tuple[int, bool]]:
        # In another process, a sample may cost more or less.
        return _make, (self.all_threads.num_threads, self._is_fixed)

    @property
    def threads(self) -> ThreadMap:
        """The threads for the next batch."""
        return self._one if self._state in (_State.TRIAL, _State.ONE) else self.all_threads

    @property
    def reads_ahead(self) -> bool:
        """Whether they read the batch after it ahead."""
        return self._state is _State.ALL

    def record(self, seconds: float, processor_seconds: float, num_samples: int) -> None:
        """Records how long they took for a batch.

        Args:
            seconds: From start to end.
            processor_seconds: The time of the calling thread on a processor.
            num_samples: The number of samples in the batch.
        """
        if self._is_fixed or num_samples == 0:
            return
        cost = processor_seconds / (_CHEAP * num_samples)
        is_quick = seconds < _WAITING * _CHEAP * num_samples
        match self._state:
            case _State.ALL:
                self._num_left -= 1
                if is_quick and self._num_left <= 0:
                    self._state = _State.ALL_BEFORE_TRIAL
            case _State.ALL_BEFORE_TRIAL:
                self._state = _State.TRIAL
            case _State.TRIAL if is_quick and cost < 1:
                self._state = _State.ONE
            case _State.ONE if cost < _MARGIN:
                pass
            case _:
                self._state, self._num_left = _State.ALL, _NUM_BATCHES


def _make(num_threads: int, is_fixed: bool) -> ThreadChoice:
    return ThreadChoice(ThreadMap(num_threads), is_fixed=is_fixed)
