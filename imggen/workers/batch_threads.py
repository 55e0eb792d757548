"""Threads that share the samples of one batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeVar, final

from imggen.workers.pace import Clocks, Pace
from imggen.workers.thread_map import ThreadMap

# Threads that share a batch wait for each other at its end. On two cores, two of them made as many
# images of 155 µs per second as one, with a fifth more processor time, and 1.2 times as many of
# 280 µs. So there are fewer of them than of threads that make a batch each.
_SHARE_OF_THREADS = 0.6

T = TypeVar("T")
Item = TypeVar("Item")


class StartedBatch(NamedTuple):
    """A batch that is being made.

    Attributes:
        threads: The threads that make it.
        clocks: The clocks at its start.
    """

    threads: ThreadMap
    clocks: Clocks


@final
class BatchThreads:
    """The threads that make each batch: one per 0.13 ms that a sample costs; see ``Pace``.

    ``Prefetcher`` is for threads that make a batch each. Batches are the same either way.

    Args:
        num_threads: The largest number of threads. 0 or 1: the calling thread. None: one per usable
            core.
        is_fixed: Always use that many.

    Example:
        >>> threads = BatchThreads(2, is_fixed=False)
        >>> for _ in range(3):
        ...     started = threads.start()
        ...     batch = started.threads.map(abs, range(32))
        ...     threads.finish(started, num_samples=32)
        >>> threads.chosen.num_threads
        1
    """

    def __init__(self, num_threads: int | None, *, is_fixed: bool) -> None:
        self.all_threads = ThreadMap(num_threads)
        self._is_fixed = is_fixed or self.all_threads.num_threads < 2
        self._pace = Pace(self.all_threads.num_threads)
        self._costs: list[float] = []  # of what the threads have done since the last batch
        self._chosen = self.all_threads if self._is_fixed else ThreadMap(num_threads, self._run)

    def __reduce__(self) -> tuple[Callable[..., BatchThreads], tuple[int, bool]]:
        # In another process, a sample may cost more or less.
        return _make, (self.all_threads.num_threads, self._is_fixed)

    @property
    def chosen(self) -> ThreadMap:
        """The threads for the next batch."""
        number = self._pace.num_threads
        if number != self._chosen.num_threads and not self._is_fixed:
            self._chosen = ThreadMap(number, self._run)
        return self._chosen

    def start(self) -> StartedBatch:
        """Returns the threads for a batch that the calling thread makes with them."""
        return StartedBatch(self.chosen, self._pace.read_clocks())

    def finish(self, started: StartedBatch, num_samples: int) -> None:
        """Records the cost of a batch: of the threads, and of the thread that calls both methods.

        Args:
            started: What ``start`` has returned.
            num_samples: The number of samples in the batch.
        """
        costs, self._costs = self._costs, []
        if self._is_fixed:
            return
        now = self._pace.read_clocks()
        cost = now.cpu - started.clocks.cpu
        if started.threads.num_threads < 2:  # otherwise it has waited for the threads
            cost = max(cost, (now.wall - started.clocks.wall) / 2)
        self._pace.record(_SHARE_OF_THREADS * (cost + sum(costs)), num_samples)

    def _run(self, function: Callable[[Item], T], item: Item) -> T:
        done, cost = self._pace.measure(functools.partial(function, item), self._pace.num_threads)
        self._costs.append(cost)
        return done


def _make(num_threads: int, is_fixed: bool) -> BatchThreads:
    return BatchThreads(num_threads, is_fixed=is_fixed)
