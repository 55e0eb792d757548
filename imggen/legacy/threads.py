"""Threads that share the samples of one batch among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, final

from imggen.errors import OptionError
from imggen.loader import usable_cores

T = TypeVar("T")
Item = TypeVar("Item")


@final
class Threads:
    """Calls a function for many items, on threads that live as long as this object.

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
        if count is not None and (
            isinstance(count, bool) or not isinstance(count, int) or count < 0
        ):
            raise OptionError(f"workers={count!r} must be a whole number of 0 or more, or None.")
        self.count = usable_cores() if count is None else count
        self._executor: ThreadPoolExecutor | None = None
        self._process_id = os.getpid()

    def map(self, function: Callable[[Item], T], items: Iterable[Item]) -> list[T]:
        """Returns what ``function`` returns for each item, in the order of the items.

        Raises:
            Exception: The first that ``function`` raises, in the order of the items.
        """
        if self.count < 2:
            return [function(item) for item in items]
        if self._executor is None or self._process_id != os.getpid():  # a fork has no threads
            self._executor = ThreadPoolExecutor(self.count, thread_name_prefix="imggen")
            self._process_id = os.getpid()
        return list(self._executor.map(function, items))
