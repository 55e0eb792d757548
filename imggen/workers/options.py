"""The options of workers, as one value."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import final

from imggen.core import check_at_most, check_optional_whole, check_whole

_MAX_WORKERS = 1000
# Prefetched batches are held in memory.
_MAX_QUEUE_SIZE = 100_000


def usable_cores() -> int:
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count_workers(workers: int | None) -> int:
    """Returns the number of workers that ``workers=`` asks for; None: one per usable core.

    Raises:
        OptionError: It is not a whole number from 0 to 1000, or None.
    """
    count = check_optional_whole("workers", workers, 0)
    if count is None:
        return usable_cores()
    check_at_most("workers", count, _MAX_WORKERS, "each is a thread or a process")
    return count


@final
@dataclass(frozen=True)
class WorkerOptions:
    """The workers that make batches, and the number of batches that they prefetch.

    Attributes:
        workers: The number of processes, or the largest number of threads. Fewer threads work
            where samples are cheap: one for samples of less than about 0.15 ms, and none for
            batches that cost less than handing them to a thread; the calling thread makes these. 0:
            the calling thread makes all batches. None: one per usable core. While torch trains on
            the processor with one thread per core, they work in turns with it: beside its threads,
            which wait for each other, they would slow both down.
        use_multiprocessing: Use processes (started by "spawn") rather than threads. Only worth it
            for augmentations or loaders that hold the interpreter lock.
        max_queue_size: The largest number of batches that are waiting or being made, 1 or more.

    Raises:
        OptionError: A number is out of range.

    Example:
        >>> WorkerOptions(workers=4, use_multiprocessing=False, max_queue_size=10).num_workers
        4
    """

    workers: int | None
    use_multiprocessing: bool
    max_queue_size: int

    def __post_init__(self) -> None:
        count_workers(self.workers)
        check_whole("max_queue_size", self.max_queue_size, 1)
        check_at_most(
            "max_queue_size", self.max_queue_size, _MAX_QUEUE_SIZE, "these batches are in memory"
        )

    @property
    def num_workers(self) -> int:
        """The number of threads or processes; 0: the calling thread."""
        return count_workers(self.workers)

    @property
    def max_prefetched(self) -> int:
        """The largest number of batches that are prefetched; 0 without workers."""
        return self.max_queue_size if self.num_workers else 0
