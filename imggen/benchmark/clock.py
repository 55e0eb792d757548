"""Clocks: how long one thread takes, and how often a second several do something."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import final

# Fewer have no median to speak of.
LEAST_ROUNDS = 3


@final
class Clock:
    """Milliseconds from one call to the next, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.start()

    def start(self) -> None:
        """Leaves out what came before."""
        self.last = time.perf_counter()

    def __call__(self, name: str) -> None:
        """Adds the time since the last call to what ``name`` has taken so far."""
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + 1000 * (now - self.last)
        self.last = now

    def add(self, other: Clock) -> None:
        """Adds another clock's times to these."""
        for name, taken in other.laps.items():
            self.laps[name] = self.laps.get(name, 0.0) + taken


def times_a_second(
    work: Callable[[int], object], rows: Sequence[int], threads: int, seconds: float
) -> float:
    """How often a second ``threads`` threads together do ``work`` on one of the rows."""
    turns, started = itertools.cycle(rows), time.perf_counter()

    def turn(_: int) -> float:
        count = 0
        while True:
            work(next(turns))
            count, elapsed = count + 1, time.perf_counter() - started
            if elapsed >= seconds:
                return count / elapsed

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(turn, range(threads)))
