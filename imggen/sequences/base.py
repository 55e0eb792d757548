"""What every imggen sequence shares: epochs, workers and the dealings with Keras.

Nothing in here knows what a batch holds.
"""

from __future__ import annotations

import operator
import sys
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, Self, TypeVar

import keras

from imggen.core import check_whole
from imggen.errors import OptionError
from imggen.sequences.keras_compat import KerasEpochTracker, ManualEpochTracker, called_by_keras
from imggen.workers import Key, Prefetcher, WorkerOptions

T = TypeVar("T")


class EpochSequence(keras.utils.PyDataset, Generic[T]):  # type: ignore[misc]  # Keras is untyped
    """A PyDataset whose batches are a function of (epoch, index).

    Which epoch is being served advances when a pass is complete: at the end of ``for batch in
    sequence``, or when Keras (or a training loop of your own) calls ``on_epoch_end`` after all
    batches were asked for. Set ``epoch`` to go anywhere else.

    Every complete pass counts as an epoch, whoever makes it: ``evaluate`` and ``predict`` as well.

    Keras is given one worker, whatever ``workers`` says: the sequence has its own, which live
    across epochs, look ahead, and never fork.

    Args:
        make: Makes batch ``index`` of ``epoch``.
        num_batches: The number of batches in an epoch.
        options: Which workers, and how many batches they prefetch.
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
        # From the second epoch on, there is reason to think that another one follows.
        self._was_finished = False
        self._by_keras = KerasEpochTracker(num_batches)
        self._by_hand = ManualEpochTracker(num_batches)

    @abstractmethod
    def _serve(self, made: T) -> Any:
        """Turns what ``make`` made into what Keras trains on."""

    def _epoch_ended(self, epoch: int) -> None:
        """Called once when an epoch is complete."""

    @property
    def worker_options(self) -> WorkerOptions:
        """Which workers make the batches, and how many batches they prefetch."""
        return self._prefetcher.options

    @property
    def num_workers(self) -> int:
        """The number of threads or processes that make batches; 0: the calling thread does."""
        return self.worker_options.num_workers

    @property
    def epoch(self) -> int:
        """The epoch whose batches are served, from 0. May be set."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = check_whole("epoch", epoch, 0)
        self._by_keras.forget()
        self._by_hand.forget()

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch."""
        return len(self)

    def __len__(self) -> int:
        # Every pass of Keras starts by asking for the length.
        self._by_keras.may_begin()
        return self._num_batches

    def __getitem__(self, index: int) -> Any:
        """Returns batch ``index`` of the current epoch."""
        index = operator.index(index)
        if not -self._num_batches <= index < self._num_batches:
            raise IndexError(f"batch {index} of a sequence with {self._num_batches} batches")
        epoch, index = self._epoch, index % self._num_batches
        passes = self._by_keras if called_by_keras() else self._by_hand
        wanted, order_is_known = passes.ask(index)
        upcoming = (
            self._after((epoch, wanted), crossing=self._was_finished) if order_is_known else []
        )
        return self._serve(self._prefetcher.get((epoch, wanted), upcoming))

    def __iter__(self) -> Iterator[Any]:
        """Serves the batches of the current epoch in order, and then moves on to the next."""
        epoch = self._epoch
        yield from map(self._serve, self._in_order(epoch, crossing=self._was_finished))
        if self._epoch == epoch:
            self._finish_epoch()

    def generator(self) -> Generator[tuple[Any, ...], None, None]:
        """Yields batches for ever, epoch after epoch, starting with the current one.

        For ``fit(sequence.generator(), steps_per_epoch=...)``. Every epoch is complete and in an
        order of its own, whatever ``steps_per_epoch`` is. The generator counts epochs by itself
        and leaves ``sequence.epoch`` alone.
        """
        epoch = self._epoch
        while True:
            for made in self._in_order(epoch, crossing=True):
                batch = self._serve(made)
                # Keras takes nothing but tuples from a generator.
                yield batch if isinstance(batch, tuple) else (batch,)
            self._epoch_ended(epoch)
            epoch += 1

    @property
    def workers(self) -> int:
        """What Keras is told, always 1; see ``num_workers``."""
        return 1

    @workers.setter
    def workers(self, value: int) -> None:
        raise OptionError(f"workers={value} cannot be set later; pass it when making the sequence.")

    def on_epoch_end(self) -> None:
        """Moves on to the next epoch if all batches of this one were asked for."""
        if not called_by_keras():
            over = self._by_hand.complete()
        elif sys._getframe(2).f_code.co_name == "reset":
            # Keras tidies up like this before it starts, after a look at the first batches.
            over = False
        else:
            over = self._by_keras.complete()
        if over:
            self._finish_epoch()

    def close(self) -> None:
        """Stops the workers and lets go of what waits; a batch asked for later starts them anew.

        Under TensorFlow, Keras keeps every dataset that it was given until the process ends, and
        with it the workers: close those that are no longer needed, or use ``with``.
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

    def _in_order(self, epoch: int, *, crossing: bool) -> Iterator[T]:
        for index in range(self._num_batches):
            key = (epoch, index)
            yield self._prefetcher.get(key, self._after(key, crossing=crossing))

    def _after(self, key: Key, *, crossing: bool) -> list[Key]:
        """The batches after ``key`` that may be made ahead, in order.

        Those of the next epoch are among them only if ``crossing``: who evaluates once should not
        pay for batches that nobody asks for.
        """
        epoch, index = key
        most = self.worker_options.max_queue_size
        keys = [(epoch, following) for following in range(index + 1, self._num_batches)[:most]]
        while crossing and len(keys) < most:
            epoch += 1
            keys += [(epoch, index) for index in range(min(self._num_batches, most - len(keys)))]
        return keys
