"""Threads that share samples or files among them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, final
from weakref import WeakValueDictionary

from imggen.workers.options import count_workers
from imggen.workers.pools import hold_opencv_to_one_thread

# Enough that no thread waits for long while another does its last one.
_SHARES_A_THREAD = 4
_ITEMS_AT_A_TIME = 16

T = TypeVar("T")
Item = TypeVar("Item")

# Called now and then with what is being done, how many are done, and how many there are in all.
Progress = Callable[[str, int, int], object]


@final
class Threads:
    """Calls a function for many items, on threads that all iterators of the process share.

    Args:
        count: The number of threads. 0 or 1: the caller does it all. None: as many as there are
            usable cores.

    Raises:
        OptionError: ``count`` is not a whole number of 0 or more.

    Example:
        >>> Threads(2).map(abs, [-1, 2, -3])
        [1, 2, 3]
    """

    def __init__(self, count: int | None) -> None:
        self.count = count_workers(count)
        self._executor: ThreadPoolExecutor | None = None
        self._process_id = os.getpid()

    def submit(self, function: Callable[[Item], T], item: Item) -> Future[T]:
        """Has ``function`` called for one item, after all that was asked for before."""
        return self._started().submit(function, item)

    def map(
        self,
        function: Callable[[Item], T],
        items: Iterable[Item],
        meanwhile: Callable[[], object] = lambda: None,
    ) -> list[T]:
        """Returns what ``function`` returns for each item, in the order of the items.

        Args:
            function: What to call.
            items: What to call it for.
            meanwhile: Called while the threads are at work.

        Raises:
            Exception: The first that ``function`` raises, in the order of the items.
        """
        if self.count < 2:
            return [function(item) for item in items]
        results = self._started().map(
            lambda share: [function(item) for item in share], self.shares(list(items))
        )
        meanwhile()
        return [result for share in results for result in share]

    def shares(self, items: list[Item]) -> list[list[Item]]:
        """Parts of ``items``, in order: to hand over a few at a time costs less than one by one."""
        size = max(1, len(items) // (_SHARES_A_THREAD * self.count))
        return [items[start : start + size] for start in range(0, len(items), size)]

    def in_order(self, function: Callable[[Item], T], items: Iterable[Item]) -> Iterator[T]:
        """As ``map``, one result after the other; few wait at any time."""
        if self.count < 2:
            yield from map(function, items)
            return
        executor = self._started()
        waiting: deque[Future[T]] = deque()
        try:
            for item in items:
                waiting.append(executor.submit(function, item))
                if len(waiting) > 2 * self.count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def each(
        self,
        what: str,
        function: Callable[[Item], T],
        items: Sequence[Item],
        progress: Progress | None = None,
    ) -> Iterator[T]:
        """As ``in_order``, for many items that take little time each.

        Args:
            what: What is being done, for ``progress``.
            function: What to call.
            items: What to call it for.
            progress: Called after every few items.
        """
        starts = range(0, len(items), _ITEMS_AT_A_TIME)
        shares = (items[start : start + _ITEMS_AT_A_TIME] for start in starts)
        done = 0
        for results in self.in_order(lambda share: [function(item) for item in share], shares):
            done += len(results)
            if progress is not None:
                progress(what, done, len(items))
            yield from results

    def _started(self) -> ThreadPoolExecutor:
        process_id = os.getpid()
        if self._executor is None or self._process_id != process_id:
            self._process_id = process_id
            self._executor = _executors.setdefault(
                (process_id, self.count),
                ThreadPoolExecutor(self.count, thread_name_prefix="imggen"),
            )
            hold_opencv_to_one_thread(self._executor)
        return self._executor


# Under TensorFlow Keras never lets go of an iterator, so that threads of its own would pile up. By
# process, since a fork has none of its parent's threads.
_executors: WeakValueDictionary[tuple[int, int], ThreadPoolExecutor] = WeakValueDictionary()
