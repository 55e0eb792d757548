"""Pace: how many threads make samples, chosen by the cost of the samples before."""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Callable
from statistics import median
from typing import NamedTuple, TypeVar, final

T = TypeVar("T")

# The code per sample that holds the interpreter lock, measured as the processor time outside of
# decoding and resizing: 30 µs of 58 for gray PNGs of 48 x 48, about 60 of 183 for JPEGs of
# 100 x 100 at 128 x 128, about 140 of 1,650 for photographs at 224 x 224. So more than 2, 3 and 12
# threads would wait for each other, on 8 cores as on 64; processes have a lock each. With 1e-4,
# small JPEGs of 125 µs were made by one thread or by two, as it happened: 8,000 or 11,500 images
# per second.
_LOCKED_SECONDS = 8e-5
# Handing a batch to a thread and waiting for it takes about 0.1 ms.
_MIN_SECONDS_SAVED = 3e-4
# A batch that the caller makes may take as little as 0.1 ms; measuring each would slow them down.
_NUM_UNMEASURED = 7
# One slow batch, such as the first, changes nothing, and costs near a limit change little.
_NUM_REMEMBERED = 5
_HYSTERESIS = 0.8


class Clocks(NamedTuple):
    """The time, and the processor time of a thread, in seconds."""

    wall: float
    cpu: float


@final
class Pace:
    """Chooses how many threads make batches, or the samples of one batch.

    There is one thread per 0.08 ms that a sample costs, rounded, at most ``max_threads``: up to
    0.08 ms of each is Python code, which only one thread runs at a time. A single thread works only
    where it saves the caller more than 0.3 ms per batch, that is, where both making a batch and the
    caller's work between two batches take longer; otherwise the caller makes the batches itself.

    The cost is processor time. Waiting for files counts, too: time that is longer than the threads
    at work would need one after the other.

    Before the first batch, nothing is known, and all threads are used. Results do not depend on the
    choice. Clocks are read per batch, never per sample. Safe for several threads.

    Args:
        max_threads: The largest number of threads.
        batch_size: The number of samples per batch, for ``measure_batch``.
        clock: Returns the time in seconds.
        cpu_clock: Returns the processor time of the calling thread in seconds.
    """

    def __init__(
        self,
        max_threads: int,
        batch_size: int = 1,
        clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self.num_threads = max_threads
        self._max_threads = max_threads
        self._batch_size = batch_size
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._costs: deque[float] = deque(maxlen=_NUM_REMEMBERED)  # seconds per sample
        self._pauses: deque[float] = deque(maxlen=_NUM_REMEMBERED)
        self._served_at: float | None = None
        self._batch_cost = self._pause = float("inf")
        self._num_unmeasured = 0

    def is_in_place(self, *, in_turns: bool = False) -> bool:
        """Returns whether the caller makes the batches itself.

        Args:
            in_turns: A thread would only work while the caller waits for it.
        """
        seconds_saved = 0.0 if in_turns else min(self._batch_cost, self._pause)
        return self.num_threads == 1 and seconds_saved < _MIN_SECONDS_SAVED

    def skips_measuring(self) -> bool:
        """Returns whether the caller makes the next batch itself, without its being recorded.

        Seven of eight such batches in turn are not, once there are enough measurements.
        """
        if not self.is_in_place() or len(self._costs) < _NUM_REMEMBERED:
            return False
        self._num_unmeasured += 1
        if self._num_unmeasured <= _NUM_UNMEASURED:
            return True
        self._num_unmeasured = 0
        return False

    def note_request(self) -> None:
        """Records that the caller asks for a batch."""
        if self._served_at is not None:
            self._pauses.append(self._clock() - self._served_at)
            self._pause = median(tuple(self._pauses))

    def note_served(self) -> None:
        """Records that the caller has a batch."""
        self._served_at = self._clock()

    def measure_batch(
        self, make: Callable[[int, int], T], key: tuple[int, int], num_beside: int
    ) -> T:
        """Makes a batch and records its cost.

        Args:
            make: Makes the batch.
            key: Its arguments.
            num_beside: See ``measure``.
        """
        made, cost = self.measure(functools.partial(make, *key), num_beside)
        self.record(cost, self._batch_size)
        return made

    def measure(self, work: Callable[[], T], num_beside: int) -> tuple[T, float]:
        """Returns what ``work`` returns, and its cost in seconds.

        Args:
            work: Makes a batch, or some samples.
            num_beside: The number of other threads that run Python code meanwhile.
        """
        before = self.read_clocks()
        made = work()
        after = self.read_clocks()
        return made, max(after.cpu - before.cpu, (after.wall - before.wall) / (1 + num_beside))

    def read_clocks(self) -> Clocks:
        """Returns the time, and the processor time of the calling thread."""
        return Clocks(self._clock(), self._cpu_clock())

    def record(self, cost: float, num_samples: int) -> None:
        """Chooses the number of threads after a batch.

        Args:
            cost: The cost of the batch in seconds.
            num_samples: The number of samples in it. A batch without samples is ignored.
        """
        if num_samples == 0:
            return
        self._costs.append(cost / num_samples)
        per_sample = median(tuple(self._costs))
        self._batch_cost = per_sample * num_samples
        most = self._round(per_sample)
        if len(self._costs) == _NUM_REMEMBERED:  # fewer than now only if it is clear
            most = max(most, min(self.num_threads, self._round(per_sample / _HYSTERESIS)))
        self.num_threads = most

    def _round(self, cost: float) -> int:
        return max(1, int(min(cost / _LOCKED_SECONDS, self._max_threads) + 0.5))
