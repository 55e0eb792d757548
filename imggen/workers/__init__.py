"""imggen.workers"""

from imggen.workers.buffer_pool import Buffers
from imggen.workers.fork_safety import register_after_fork
from imggen.workers.pools import Key, opencv_on_one_thread
from imggen.workers.prefetcher import Prefetcher, queue_size, usable_cores
from imggen.workers.thread_map import Progress, Threads

__all__ = [
    "Buffers",
    "Key",
    "Prefetcher",
    "Progress",
    "Threads",
    "opencv_on_one_thread",
    "queue_size",
    "register_after_fork",
    "usable_cores",
]
