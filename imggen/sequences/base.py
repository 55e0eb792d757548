"""The base of every imggen sequence: epochs, workers and Keras integration.

Nothing in this module depends on the contents of a batch.
"""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, Self, TypeVar

import keras

from imggen.core import check_whole
from imggen.errors import OptionError
from imggen.sequences.keras_compat import (
    KerasEpochTracker,
    ManualEpochTracker,
    called_by_keras,
    called_by_keras_reset,
)
from imggen.workers import BatchKey, Prefetcher, WorkerOptions

T = TypeVar("T")


class EpochSequence(keras.utils.PyDataset, Generic[T]):  # type: ignore[misc]  # Keras is untyped
    """A PyDataset whose batches are a function of (epoch, index).

    The current epoch advances when a pass is complete: at the end of ``for batch in sequence``, or
    when Keras (or a training loop of your own) calls ``on_epoch_end`` after all batches were
    requested. Every complete pass counts as an epoch, also in ``evaluate`` and ``predict``. Set
    ``epoch`` to serve any other epoch.

    Keras is told to use one worker: the sequence has its own workers, which live across epochs,
    prefetch, and are never forked.

    Args:
        make: Makes batch ``index`` of ``epoch``.
        num_batches: The number of batches in an epoch.
        options: The workers, and the number of batches that they prefetch.
    """

    def __init__(
        self, make: Callable[[int, int], T], num_batches: int, options: WorkerOptions
    ) -> None:
        super().__init__(
            workers=1, use_multiprocessing=False, max_queue_size=options.max_queue_size
        )
        self._prefetcher = Prefetcher(make, options)
        self._epoch = 0
        self._num_batches = num_batches
        # After a complete epoch, another one is likely to follow.
        self._was_finished = False
        self._by_keras = KerasEpochTracker(num_batches)
        self._by_hand = ManualEpochTracker(num_batches)

    @abstractmethod
    def _serve(self, made: T) -> Any:
        """Converts a result of ``make`` to what Keras trains on."""

    def _epoch_ended(self, epoch: int) -> None:
        """Is called once when an epoch is complete."""

    @property
    def worker_options(self) -> WorkerOptions:
        """The workers that make the batches, and the number of batches that they prefetch."""
        return self._prefetcher.options

    @property
    def num_workers(self) -> int:
        """The number of threads or processes that make batches; 0: the calling thread."""
        return self.worker_options.num_workers

    @property
    def epoch(self) -> int:
        """The epoch whose batches are served, from 0. May be set."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = check_whole("epoch", epoch, 0)
        self._by_keras.reset()
        self._by_hand.reset()

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch."""
        if called_by_keras():
            self._by_keras.expect_pass()
        return self._num_batches

    def __len__(self) -> int:
        return self._num_batches

    def __getitem__(self, index: int) -> Any:
        """Returns batch ``index`` of the current epoch."""
        index = operator.index(index)
        if not -self._num_batches <= index < self._num_batches:
            raise IndexError(f"batch {index} of a sequence with {self._num_batches} batches")
        key = (self._epoch, index % self._num_batches)
        if called_by_keras():
            position = self._by_keras.ask()
            is_in_order = position is not None
            key = key if position is None else (self._epoch, position)
        else:
            is_in_order = self._by_hand.ask(key[1])
        upcoming = self._following(key, into_next=self._was_finished) if is_in_order else []
        return self._serve(self._prefetcher.get(key, upcoming))

    def __iter__(self) -> Iterator[Any]:
        """Serves the batches of the current epoch in order, then advances to the next epoch."""
        epoch = self._epoch
        yield from map(self._serve, self._in_order(epoch, into_next=self._was_finished))
        if self._epoch == epoch:
            self._finish_epoch()

    def generator(self) -> Generator[tuple[Any, ...], None, None]:
        """Yields batches without end, epoch after epoch, starting with the current epoch.

        For ``fit(sequence.generator(), steps_per_epoch=...)``. Every epoch is complete and in an
        order of its own, whatever ``steps_per_epoch`` is. The generator counts epochs by itself
        and does not change ``sequence.epoch``.
        """
        epoch = self._epoch
        while True:
            for made in self._in_order(epoch, into_next=True):
                batch = self._serve(made)
                # From a generator, Keras accepts only tuples.
                yield batch if isinstance(batch, tuple) else (batch,)
            self._epoch_ended(epoch)
            epoch += 1

    @property
    def workers(self) -> int:
        """The number of workers that Keras is told to use, always 1; see ``num_workers``."""
        return 1

    @workers.setter
    def workers(self, value: int) -> None:
        raise OptionError(
            f"workers={value} cannot be set later; pass it when creating the sequence."
        )

    def on_epoch_end(self) -> None:
        """Advances to the next epoch if all batches of the current one were requested."""
        if called_by_keras_reset():
            return
        tracker = self._by_keras if called_by_keras() else self._by_hand
        if tracker.is_complete():
            self._finish_epoch()

    def close(self) -> None:
        """Stops the workers and frees prefetched batches; the next request restarts the workers.

        Under TensorFlow, Keras keeps every dataset that it was given, and with it the workers,
        until the process ends: close sequences that are no longer needed, or use ``with``.
        """
        self._prefetcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _finish_epoch(self) -> None:
        self._was_finished = True
        ended = self._epoch
        self.epoch = ended + 1
        self._epoch_ended(ended)

    def _in_order(self, epoch: int, *, into_next: bool) -> Iterator[T]:
        for index in range(self._num_batches):
            key = (epoch, index)
            yield self._prefetcher.get(key, self._following(key, into_next=into_next))

    def _following(self, key: BatchKey, *, into_next: bool) -> list[BatchKey]:
        """Returns the keys of the batches to prefetch after ``key``, in order.

        They continue into the next epochs only if ``into_next``: a single ``evaluate`` should not
        pay for batches that are never used.
        """
        epoch, index = key
        size = self.worker_options.max_queue_size
        keys = [(epoch, following) for following in range(index + 1, self._num_batches)[:size]]
        while into_next and len(keys) < size:
            epoch += 1
            keys += [(epoch, index) for index in range(min(self._num_batches, size - len(keys)))]
        return keys
