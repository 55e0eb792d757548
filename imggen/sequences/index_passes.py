"""Passes of loops that ask for batches by index, and do not say when a pass begins or ends."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple, final

_RUNS_THAT_ALIGN = 2


class IndexRequest(NamedTuple):
    """A request by index, and the epoch that it belongs to.

    Attributes:
        epoch: The epoch to serve.
        is_in_order: Whether the request is for the batch after the one before it.
        is_complete: Whether all batches of the epoch have now been asked for.
    """

    epoch: int
    is_in_order: bool
    is_complete: bool


@final
@dataclass
class _Loop:
    """A loop ``for index in range(len(sequence))`` that is under way."""

    epoch: int
    next_index: int = 1


@final
class IndexPasses:
    """Finds the passes in a series of requests by index.

    A loop ``for index in range(len(sequence))`` begins with batch 0, goes on with the batch after
    the last one, and stays in its epoch whatever else is asked for in between, a loop inside of it
    included. Batches that are asked for in any other order form a pass, too, once all of them have
    been asked for.

    After a loop, batch 0 begins the next epoch, and other batches may still be looked at. After a
    pass in another order, or from several threads, any request begins the next epoch. Several
    threads may begin the next pass before the last one is complete.

    Negative indices are looks, unless all batches are asked for by them. So are requests before
    batch 0, if it is asked for right after ``len(sequence)``.

    Indices alone leave some cases open. Other batches that are asked for before a loop count as the
    beginning of a shuffled pass, which the loop may then complete before its end. Two such loops
    one after the other show what they are: the third begins with batch 0. So two batches in
    backward order are taken for a loop from their third pass on. ``for batch in sequence`` has no
    such cases.

    Not safe for several threads: the caller has a lock.

    Args:
        num_batches: The number of batches in an epoch.
    """

    def __init__(self, num_batches: int) -> None:
        self._num_batches = num_batches
        self._loop: _Loop | None = None
        self._outer: _Loop | None = None  # the loop that the present one is inside of
        self._looked_back_at: int | None = None
        self._has_ended = False  # whether the request before has completed a loop
        self._from_end: set[int] = set()
        # The latest requests in order from batch 0 on, and how many such runs had several epochs.
        self._run: list[int] = []
        self._num_mixed_runs = 0
        self._threads: set[int] = set()
        self._begin(None, set())

    def ask(self, index: int, current: int, *, is_after_len: bool = False) -> IndexRequest:
        """Finds the epoch of a request.

        Args:
            index: The batch.
            current: The epoch of a pass that begins now.
            is_after_len: Whether the number of batches was asked for since the request before.
        """
        has_ended, self._has_ended = self._has_ended, False
        if index == 0:
            self._prepare_loop(current, is_after_len)
            request = self._ask(0, current)
        elif has_ended and self._outer is not None and self._outer.next_index == index:
            request = self._resume(self._outer, current)
        else:
            if has_ended:
                self._outer = None
            request = self._ask(index, current)
        if index == 0:
            self._run = [request.epoch]
        elif index == len(self._run):
            self._run.append(request.epoch)
        else:
            self._run, self._num_mixed_runs = [], 0
        return request

    def begin_at(self, epoch: int, index: int) -> None:
        """Begins a pass in which all batches before ``index`` have been asked for."""
        self._begin(epoch, set(range(index)))
        self._loop = _Loop(epoch, index)

    def look(self, index: int, current: int) -> IndexRequest:
        """Finds the epoch of a request by a negative index, which is part of no loop.

        Args:
            index: The batch, from 0.
            current: The epoch of a pass that begins now.
        """
        epoch = current
        if self._loop is not None:
            epoch = self._loop.epoch
        elif self._looked_back_at == current - 1:
            epoch = current - 1
        self._from_end.add(index)
        is_complete = len(self._from_end) == self._num_batches
        if is_complete:
            self._from_end, self._loop = set(), None
        return IndexRequest(epoch, False, is_complete)

    def close(self) -> None:
        """Ends a complete pass: no further request looks back at it, or goes on with another."""
        self._looked_back_at = self._outer = None

    def _prepare_loop(self, current: int, is_after_len: bool) -> None:
        self.close()
        if len(self._run) == self._num_batches and len(set(self._run)) > 1:
            self._num_mixed_runs += 1
        is_aligned = self._num_mixed_runs >= _RUNS_THAT_ALIGN
        if (is_after_len or is_aligned) and self._epoch == current and len(self._threads) < 2:
            self._begin(current, set())  # earlier requests were looks
            self._num_mixed_runs = 0
        self._outer = self._loop

    def _resume(self, outer: _Loop, current: int) -> IndexRequest:
        """Goes on with a loop after a loop inside of it."""
        self._outer, self._loop = None, outer
        if outer.epoch == current:
            return self._ask(outer.next_index, current)
        outer.next_index += 1
        if outer.next_index == self._num_batches:
            self._loop = None
        return IndexRequest(outer.epoch, True, False)

    def _ask(self, index: int, current: int) -> IndexRequest:
        thread, loop = threading.get_ident(), self._loop
        if index == 0:
            is_in_order, epoch = True, self._epoch_of_jump(index, current, thread)
            self._loop = _Loop(epoch)
        elif loop is not None and index == loop.next_index:
            is_in_order, epoch = True, loop.epoch
            loop.next_index += 1
        elif self._looked_back_at is not None and self._looked_back_at == current - 1:
            return IndexRequest(self._looked_back_at, False, False)
        else:
            is_in_order, epoch = False, self._epoch_of_jump(index, current, thread)
        self._threads.add(thread)
        if epoch == self._epoch:
            self._asked.add(index)
            self._has_jumps |= not is_in_order
        elif self._epoch is not None and epoch == self._epoch + 1:
            self._asked_early.add(index)
        # Batch 0 alone may be a first look, which should not pay for more batches.
        return IndexRequest(epoch, is_in_order and index > 0, self._is_complete(epoch))

    def _is_complete(self, epoch: int) -> bool:
        next_in_loop = 0 if self._loop is None else self._loop.next_index
        is_loop = next_in_loop == self._num_batches
        if not is_loop and len(self._asked) < self._num_batches:
            return False
        if is_loop:
            self._looked_back_at = epoch if len(self._threads) == 1 else None
            self._loop, self._has_ended = None, True
        elif next_in_loop * 2 <= self._num_batches:
            self._loop = None
        # Otherwise a loop is past its half, which is no accident of a shuffled order: it has only
        # its end to go, and its last batches had been looked at before.
        self._from_end = set()
        early = self._asked_early if epoch == self._epoch else set()
        self._begin(epoch + 1 if early else None, early)
        return True

    def _epoch_of_jump(self, index: int, current: int, thread: int) -> int:
        if self._epoch is None:
            return self._begin(current, set())
        was_asked = index in self._asked
        if self._epoch != current:  # another pass has ended
            is_unfinished = self._has_jumps and len(self._asked) > 1 and not was_asked
            return self._epoch if is_unfinished else self._begin(current, set())
        # Threads share a pass: the fastest may be at the next pass while the slowest is at this
        # one. They are apart by a few batches, so a batch is asked for again only near the end.
        threads = self._threads | self._threads_before
        is_early = (
            len(threads) > 1 and thread in threads and len(self._asked) * 2 > self._num_batches
        )
        return self._epoch + (was_asked and is_early)

    def _begin(self, epoch: int | None, asked: set[int]) -> int:
        self._epoch = epoch
        self._asked = asked
        self._asked_early: set[int] = set()
        self._threads_before, self._threads = self._threads, set()
        self._has_jumps = False
        return 0 if epoch is None else epoch
