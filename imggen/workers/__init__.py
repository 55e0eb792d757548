"""Threads and processes that call a function for batches, samples or files.

In: a function and what to call it for. Out: its results, in order, some of them ahead of time.
``run_shards`` also has the processes of a Ray cluster. How workers start, communicate and end may
change here: results do not depend on it.
"""

from imggen.workers.batch_threads import BatchThreads
from imggen.workers.buffer_pool import BufferPool
from imggen.workers.exit_guard import EXIT_GUARD
from imggen.workers.fork_safety import register_after_fork, register_before_fork
from imggen.workers.large_blocks import keep_big_blocks
from imggen.workers.options import WorkerOptions, usable_cores
from imggen.workers.pickling import pickle_function
from imggen.workers.pools import BatchKey, single_threaded_opencv
from imggen.workers.prefetcher import Prefetcher
from imggen.workers.shards import Engine, check_engine, map_slices, run_shards
from imggen.workers.shared_folder import SharedFolder
from imggen.workers.shared_pickle import SharedPickle
from imggen.workers.thread_map import Progress, ThreadMap

__all__ = [
    "EXIT_GUARD",
    "BatchKey",
    "BatchThreads",
    "BufferPool",
    "Engine",
    "Prefetcher",
    "Progress",
    "SharedFolder",
    "SharedPickle",
    "ThreadMap",
    "WorkerOptions",
    "check_engine",
    "keep_big_blocks",
    "map_slices",
    "pickle_function",
    "register_after_fork",
    "register_before_fork",
    "run_shards",
    "single_threaded_opencv",
    "usable_cores",
]
