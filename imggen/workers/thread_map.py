"""Calls of a function for many samples or files, on threads."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, final
from weakref import WeakValueDictionary

from imggen.workers.options import count_workers
from imggen.workers.pools import limit_opencv_to_one_thread

# Few enough that the overhead is small, and enough that the threads finish at about the same time.
_CHUNKS_PER_THREAD = 4
_ITEMS_PER_PROGRESS = 16

T = TypeVar("T")
Item = TypeVar("Item")

# Called with the name of the task, the number of items done, and the number of items in all.
Progress = Callable[[str, int, int], object]


@final
class ThreadMap:
    """Calls a function for many items, on threads.

    All objects with the same number of threads share their threads.

    Args:
        num_threads: The number of threads. 0 or 1: the calling thread. None: one per usable core.
        run: Called on a thread with a function and its argument, to call it. None: it is called
            directly.

    Raises:
        OptionError: ``num_threads`` is not a whole number of 0 or more.

    Example:
        >>> ThreadMap(2).map(abs, [-1, 2, -3])
        [1, 2, 3]
    """

    def __init__(
        self,
        num_threads: int | None,
        run: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    ) -> None:
        self.num_threads = count_workers(num_threads)
        self._run = run
        self._executor: ThreadPoolExecutor | None = None
        self._process_id = os.getpid()

    def submit(self, function: Callable[[Item], T], item: Item) -> Future[T]:
        """Schedules a call of ``function`` for one item, after all earlier calls."""
        return self._get_executor().submit(self._run_with(function), item)

    def map(
        self,
        function: Callable[[Item], T],
        items: Iterable[Item],
        meanwhile: Callable[[], object] = lambda: None,
    ) -> list[T]:
        """Returns the result of ``function`` for each item, in the order of the items.

        Args:
            function: The function to call.
            items: Its arguments, one per call.
            meanwhile: Called while the threads are working; not without threads.

        Raises:
            Exception: The first error of ``function``, in the order of the items.
        """
        if self.num_threads < 2:
            return [function(item) for item in items]

        def call(chunk: list[Item]) -> list[T]:
            return [function(item) for item in chunk]

        results = self._get_executor().map(self._run_with(call), self.chunks(list(items)))
        meanwhile()
        return [result for chunk in results for result in chunk]

    def chunks(self, items: list[Item]) -> list[list[Item]]:
        """Splits ``items`` into chunks, in order: to submit a chunk costs as much as an item."""
        size = max(1, len(items) // (_CHUNKS_PER_THREAD * self.num_threads))
        return [items[start : start + size] for start in range(0, len(items), size)]

    def imap(self, function: Callable[[Item], T], items: Iterable[Item]) -> Iterator[T]:
        """Yields the results of ``map`` one by one, and keeps only a few of them waiting."""
        if self.num_threads < 2:
            yield from map(function, items)
            return
        executor, call = self._get_executor(), self._run_with(function)
        pending: deque[Future[T]] = deque()
        try:
            for item in items:
                pending.append(executor.submit(call, item))
                if len(pending) > 2 * self.num_threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def imap_with_progress(
        self,
        task: str,
        function: Callable[[Item], T],
        items: Sequence[Item],
        progress: Progress | None = None,
    ) -> Iterator[T]:
        """Yields the results of ``imap``, for many items that take little time each.

        Args:
            task: The name of the task, for ``progress``.
            function: The function to call.
            items: Its arguments, one per call.
            progress: Called after every few items.
        """
        return self.imap_slices(
            task, lambda chunk: [function(item) for item in chunk], items, progress
        )

    def imap_slices(
        self,
        task: str,
        function: Callable[[Sequence[Item]], list[T]],
        items: Sequence[Item],
        progress: Progress | None = None,
    ) -> Iterator[T]:
        """Yields the results of a function that is called for slices of the items.

        Args:
            task: The name of the task, for ``progress``.
            function: Returns a result per item of a slice.
            items: The items.
            progress: Called after every few items.
        """
        starts = range(0, len(items), _ITEMS_PER_PROGRESS)
        chunks = (items[start : start + _ITEMS_PER_PROGRESS] for start in starts)
        done = 0
        for results in self.imap(function, chunks):
            done += len(results)
            if progress is not None:
                progress(task, done, len(items))
            yield from results

    def _run_with(self, function: Callable[[Item], T]) -> Callable[[Item], T]:
        return function if self._run is None else functools.partial(self._run, function)

    def _get_executor(self) -> ThreadPoolExecutor:
        process_id = os.getpid()
        if self._executor is None or self._process_id != process_id:
            self._process_id = process_id
            self._executor = _executors.setdefault(
                (process_id, self.num_threads),
                ThreadPoolExecutor(self.num_threads, thread_name_prefix="imggen"),
            )
            limit_opencv_to_one_thread(self._executor)
        return self._executor


# Shared, since TensorFlow keeps every iterator until the process ends, and threads of their own
# would accumulate. By process, since a fork does not inherit the threads of its parent.
_executors: WeakValueDictionary[tuple[int, int], ThreadPoolExecutor] = WeakValueDictionary()
