"""What Keras, or a loop of the user's own, asks a sequence for: which pass that is part of."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Sequence
from typing import Any


def called_by_keras() -> bool:
    """Whether the caller of the method that asks is Keras, and not the user's own code."""
    caller = sys._getframe(2).f_globals.get("__name__", "")
    return str(caller).partition(".")[0] == "keras"


class ManualEpochTracker:
    """A training loop of the user's own: ``for index in range(len(sequence))``."""

    def __init__(self, num_batches: int) -> None:
        self._num_batches = num_batches
        self.forget()

    def forget(self) -> None:
        """Starts afresh."""
        self._asked: set[int] = set()
        self._last = -2

    def ask(self, index: int) -> tuple[int, bool]:
        """Takes down a request; what follows is known from the second request in order."""
        in_order = index == self._last + 1
        self._asked.add(index)
        self._last = index
        return index, in_order

    def after(self, position: int) -> int | None:
        """What will be asked for after the request at ``position``; None: this pass is over."""
        return position + 1 if position + 1 < self._num_batches else None

    def complete(self) -> bool:
        """Whether all batches were asked for."""
        return len(self._asked) == self._num_batches


class KerasEpochTracker:
    """Makes out, from what Keras asks for, which pass it is in and what it will want next.

    Keras 3 tells a PyDataset little. It fetches early batches before the first epoch to see their
    shapes; it calls ``on_epoch_end`` once before training starts; with ``steps_per_epoch`` one
    pass spans several of its epochs, and TensorFlow reads ahead across their borders. So neither
    calls nor hooks are counted: an epoch is over when every batch of a pass was asked for and
    ``on_epoch_end`` follows.

    ``fit`` also shuffles the order of whole batches with Python's global ``random``, so that
    training would depend on who else drew from it. The sequence has an order of its own, so that
    shuffle is undone: the batch asked for first is batch 0, and so on. It is recognised beyond
    doubt: repeated from a copy of the random state, it must lead to the very state that is there.
    This can go when Keras lets a PyDataset decline the shuffle.
    """

    def __init__(self, num_batches: int) -> None:
        self._num_batches = num_batches
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Starts afresh, with no pass under way."""
        self._state_before: tuple[Any, ...] | None = None
        self._start([])

    def may_begin(self) -> None:
        """The length was read: the next request may be the first of a pass."""
        self._state_before = random.getstate()

    def ask(self, index: int) -> tuple[int, bool]:
        """Takes down a request.

        Returns:
            The batch to serve, and whether the batches after it will follow in order.
        """
        with self._lock:
            state_before, self._state_before = self._state_before, None
            if state_before is not None:
                self._begin(index, state_before)
            self._asked.add(index)
            position = self._position_of.get(index)
            if position is None:  # in an order unknown
                return index, False
            self._next = position + 1
            return position, True

    def after(self, position: int) -> int | None:
        """What Keras will ask for after the request at ``position``; None: this pass is over."""
        with self._lock:
            return self._order[position + 1] if position + 1 < len(self._order) else None

    def complete(self) -> bool:
        """Whether all batches of the pass were asked for."""
        with self._lock:
            return len(self._asked) == self._num_batches

    def _begin(self, first: int, state_before: tuple[Any, ...]) -> None:
        """Starts a pass if ``first`` is its first request, and not the next of the one under way.

        Something else may have read the length in the middle of a pass.
        """
        state = random.getstate()
        if state != state_before:
            shuffle = random.Random()  # noqa: S311 - Keras's own choice, repeated
            shuffle.setstate(state_before)
            order = list(range(self._num_batches))
            shuffle.shuffle(order)
            if order[0] == first and shuffle.getstate() == state:
                self._start(order)
                return
        if self._asked and self._position_of.get(first) == self._next:
            return
        if first == 0:
            self._start(range(self._num_batches))
        elif self._position_of or first in self._asked:
            self._start([])  # in an order unknown

    def _start(self, order: Sequence[int]) -> None:
        self._order = order
        self._position_of = {index: position for position, index in enumerate(order)}
        self._next = 0
        self._asked: set[int] = set()

    def __reduce__(self) -> tuple[type[KerasEpochTracker], tuple[int]]:
        return KerasEpochTracker, (self._num_batches,)  # a copy is in no pass
