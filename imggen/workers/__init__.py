"""Threads and processes that call a function for batches, samples or files.

In: a function and what to call it for. Out: its results, in order, some of them ahead of time.
How workers start, communicate and end may change here: results do not depend on it.
"""

from imggen.workers.buffer_pool import Buffers
from imggen.workers.fork_safety import register_after_fork
from imggen.workers.options import WorkerOptions, usable_cores
from imggen.workers.pools import Key, opencv_on_one_thread
from imggen.workers.prefetcher import Prefetcher
from imggen.workers.thread_map import Progress, Threads

__all__ = [
    "Buffers",
    "Key",
    "Prefetcher",
    "Progress",
    "Threads",
    "WorkerOptions",
    "opencv_on_one_thread",
    "register_after_fork",
    "usable_cores",
]
