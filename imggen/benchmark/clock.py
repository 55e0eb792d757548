"""Time measurement: the laps of one thread, and the rate of several threads."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import final

# A median of fewer is not meaningful.
MIN_ROUNDS = 3


@final
class Clock:
    """Adds up the milliseconds between calls, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.start()

    def start(self) -> None:
        """Restarts the current lap."""
        self.last = time.perf_counter()

    def __call__(self, name: str) -> None:
        """Adds the time since the last call to the lap ``name``."""
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + 1000 * (now - self.last)
        self.last = now

    def add(self, other: Clock) -> None:
        """Adds the laps of another clock."""
        for name, taken in other.laps.items():
            self.laps[name] = self.laps.get(name, 0.0) + taken


def measure_rate(
    work: Callable[[int], object], rows: Sequence[int], threads: int, seconds: float
) -> float:
    """Measures how many rows per second ``threads`` threads process together."""
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
