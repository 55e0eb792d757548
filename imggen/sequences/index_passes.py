"""Passes of loops that ask for batches by index, and do not say when a pass begins or ends."""

from __future__ import annotations

import threading
from typing import NamedTuple, final


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
class IndexPasses:
    """Finds the passes in a series of requests by index.

    A loop ``for index in range(len(sequence))`` begins with batch 0, goes on with the batch after
    the last one, and stays in its epoch whatever else is asked for in between. Batches that are
    asked for in any other order form a pass, too, once all of them have been asked for.

    After a loop, batch 0 begins the next epoch, and other batches may still be looked at. After a
    pass in another order, or from several threads, any request begins the next epoch. Several
    threads may begin the next pass before the last one is complete.

    Indices alone leave some cases open. Batches that are asked for before a loop may be looks, or
    the beginning of a shuffled pass, which is what they count as: a loop may then complete the
    epoch before its end, if all its later batches were among them. A loop inside a loop is one
    series of requests. ``for batch in sequence`` has no such cases.

    Not safe for several threads: the caller has a lock.

    Args:
        num_batches: The number of batches in an epoch.
    """

    def __init__(self, num_batches: int) -> None:
        self._num_batches = num_batches
        self._loop_epoch = 0
        self._next_in_loop = 0  # 0: no loop is under way
        self._looked_back_at: int | None = None
        self._threads: set[int] = set()
        self._begin(None, set())

    def ask(self, index: int, current: int) -> IndexRequest:
        """Finds the epoch of a request.

        Args:
            index: The batch.
            current: The epoch of a pass that begins now.
        """
        thread = threading.get_ident()
        if index == 0:
            self.close()
            is_in_order, epoch = True, self._epoch_of_jump(index, current, thread)
            self._loop_epoch = epoch
        elif index == self._next_in_loop:
            is_in_order, epoch = True, self._loop_epoch
        elif self._looked_back_at is not None and self._looked_back_at == current - 1:
            return IndexRequest(self._looked_back_at, False, False)
        else:
            is_in_order, epoch = False, self._epoch_of_jump(index, current, thread)
        if is_in_order:
            self._next_in_loop = index + 1
        self._threads.add(thread)
        if epoch == self._epoch:
            self._asked.add(index)
            self._has_jumps |= not is_in_order
        elif self._epoch is not None and epoch == self._epoch + 1:
            self._asked_early.add(index)
        # Batch 0 alone may be a first look, which should not pay for more batches.
        return IndexRequest(epoch, is_in_order and index > 0, self._is_complete(epoch))

    def close(self) -> None:
        """Ends a complete pass: no further request looks back at it."""
        self._looked_back_at = None

    def _is_complete(self, epoch: int) -> bool:
        is_loop = self._next_in_loop == self._num_batches
        if not is_loop and len(self._asked) < self._num_batches:
            return False
        if is_loop:
            self._looked_back_at = epoch if len(self._threads) == 1 else None
            self._next_in_loop = 0
        elif self._next_in_loop * 2 <= self._num_batches:
            self._next_in_loop = 0
        # Otherwise a loop is past its half, which is no accident of a shuffled order: it has only
        # its end to go, and its last batches had been looked at before.
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
