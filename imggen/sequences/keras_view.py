"""The light stand-in for a sequence that Keras holds, and the passes that Keras makes over it."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import Any, Protocol, final

import keras

from imggen.errors import WorkerError
from imggen.sequences.keras_compat import (
    adapter_being_created,
    calling_generator,
    find_trainer,
    iterator_of_fit,
    read_end_of_epoch,
    uses_all_cores,
)
from imggen.sequences.keras_fit import (
    begin_within_pass,
    find_fit,
    is_in_epoch,
    iterator_under_way,
    read_fit_position,
)
from imggen.sequences.pass_weights import Purpose, Weigh


class ServesKeras(Protocol):
    """A sequence, as far as Keras uses it."""

    epoch: int
    _latest_fit: LatestFit

    def begin_fit_at(self, epoch: int, batch: int) -> None:
        """Makes the next pass begin with batch ``batch`` of ``epoch``."""

    def find_position(self) -> tuple[int, int]:
        """Returns the epoch and the first batch of a pass that begins now."""

    def __len__(self) -> int: ...

    def begin_training(
        self, model: Any, class_weight: Any, purpose: Purpose, steps: int | None
    ) -> Weigh | None:
        """Checks the model; may return a function that adds sample weights to a batch."""

    def take(self, epoch: int, index: int, *, is_in_order: bool, in_turns: bool) -> Any:
        """Returns a batch."""

    def finish_epoch(self, epoch: int) -> None:
        """Records a complete pass."""

    def notify_epoch_end(self) -> None:
        """Is called at the end of each pass."""


@final
@dataclass
class _Pass:
    """A pass that Keras makes.

    Attributes:
        generator: The identity of the generator of Keras that makes it.
        epoch: Its epoch; None until the first batch was asked for.
        num_asked: The number of batches that were asked for, or that it does not serve again.
    """

    generator: int
    epoch: int | None = None
    num_asked: int = 0


def replace_in_adapter(sequence: ServesKeras) -> None:
    """Makes the adapter of Keras that is being created hold a ``KerasView`` of ``sequence``.

    Call it in the property ``workers``, which the constructor of the adapter reads.
    """
    adapter = adapter_being_created()
    if adapter is not None and adapter.py_dataset is sequence:
        trainer = find_trainer()
        weigh = None if trainer is None else sequence.begin_training(*trainer)
        if weigh is not None:
            adapter.class_weight = None
        iterator = iterator_of_fit()
        adapter.py_dataset = view = KerasView(sequence, weigh, is_fit=iterator is not None)
        if iterator is not None:
            sequence._latest_fit.begin(view, iterator)


@final
class LatestFit:
    """The latest ``fit`` of Keras over a sequence, which may end without a word to the sequence.

    A callback may stop it at any batch. If that is the last one, the epoch is complete.
    """

    def __init__(self) -> None:
        self._view: KerasView | None = None
        self._iterator: Any = None

    def begin(self, view: KerasView, iterator: Any) -> None:
        """Forgets the ``fit`` before.

        Args:
            view: What Keras holds in place of the sequence.
            iterator: The iterator of Keras that counts the batches that it trains on.
        """
        self._view, self._iterator = view, iterator

    def forget(self) -> None:
        """Releases what Keras holds."""
        self._view = self._iterator = None

    def begin_first_epoch(self) -> None:
        """Sets the epoch of the sequence if an epoch of ``fit`` has begun and nothing was read."""
        if self._view is not None:
            self._view.begin_first_epoch(self._iterator)

    def find_complete_epoch(self) -> int | None:
        """Returns the epoch whose last batch Keras has taken for training, or None."""
        view = self._view
        return None if view is None else view.find_complete_epoch(self._iterator._steps_seen)

    def __reduce__(self) -> tuple[type[LatestFit], tuple[()]]:
        return LatestFit, ()  # a copy was not given to Keras


@final
class KerasView(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """Serves the batches of a sequence to one adapter of Keras, in the sequence's own order.

    Under TensorFlow, Keras keeps each dataset that it was given until the process ends. So it is
    given this view, which does not keep the sequence alive: ``fit`` and its like do, while they
    run.

    ``fit`` shuffles the order of whole batches with Python's global ``random``, so that training
    would depend on whatever else draws from it. The sequence has an order of its own. So the index
    that Keras asks for is ignored: the first request of a pass gets batch 0, the second one batch
    1, and so on. A pass begins when a generator of Keras reads ``num_batches``, and consists of the
    requests of this generator: TensorFlow may still be prefetching for an earlier one, and Keras
    fetches early batches to see their shapes.

    A batch that was asked for may still wait in TensorFlow's queue. So a pass is complete when all
    batches were asked for and ``on_epoch_end`` follows at the end of the pass.

    Remove when Keras lets a PyDataset decline the shuffle, tells it the epoch, and drops it.

    Args:
        sequence: The sequence.
        weigh: Adds padding or sample weights to a batch; None: nothing is added.
        is_fit: Whether the passes are of ``fit``, which goes on with an epoch that was begun.
    """

    def __init__(
        self,
        sequence: ServesKeras,
        weigh: Weigh | None = None,
        *,
        is_fit: bool = False,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._weigh = weigh
        self._sequence = weakref.ref(sequence)
        self._num_batches = len(sequence)
        self._in_turns = uses_all_cores()
        self._lock = threading.Lock()
        self._pass: _Pass | None = None
        self._is_fit = is_fit
        self._has_begun = self._has_passed = False  # an epoch, and its pass
        self._start = 0  # the first batch of the next pass
        self._is_short = False  # whether the epoch under way is told to Keras as a shorter one

    def __len__(self) -> int:
        return self._num_batches

    @property
    def sequence(self) -> ServesKeras | None:
        """The sequence; None if it was deleted."""
        return self._sequence()

    def find_epoch(self) -> int | None:
        """Returns the epoch of the latest pass, or None."""
        current = self._pass
        return None if current is None else current.epoch

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch, or in the pass that a generator of Keras begins."""
        generator = calling_generator()
        if generator is None:
            return self._num_batches
        with self._lock:
            self._pass = _Pass(generator)
            start, self._start = self._start, 0
        return self._num_batches - start

    def __getitem__(self, index: int) -> Any:
        """Returns the next batch of the pass; outside of the latest pass, batch ``index``."""
        sequence = self._sequence()
        if sequence is None:
            raise WorkerError(
                "The sequence was deleted while Keras was still reading it. Keep it in a variable."
            )
        generator = calling_generator()
        with self._lock:
            current = self._pass
            is_in_pass = (
                current is not None
                and current.generator == generator
                and current.num_asked < self._num_batches
            )
            if current is not None and is_in_pass:
                if current.epoch is None:
                    current.epoch, current.num_asked = self._find_position(sequence)
                epoch, position = current.epoch, current.num_asked
                current.num_asked += 1
            else:
                epoch, position = sequence.epoch, index
        batch = sequence.take(epoch, position, is_in_order=is_in_pass, in_turns=self._in_turns)
        return batch if self._weigh is None else self._weigh(batch, epoch, position)

    def find_complete_epoch(self, num_steps: int) -> int | None:
        """Returns the epoch of a pass whose batches were all asked for and used, or None.

        Args:
            num_steps: The number of batches that Keras has used.
        """
        current = self._pass
        if current is None or min(current.num_asked, num_steps) < self._num_batches:
            return None
        return current.epoch

    def begin_first_epoch(self, iterator: Any) -> bool:
        """Sets the epoch of the sequence at the beginning of the first epoch of ``fit``.

        It stays as it is if ``fit`` begins with epoch 0: several runs of ``fit`` one after the
        other serve different epochs.

        Args:
            iterator: The iterator of Keras that reads this view.

        Returns:
            Whether an epoch is under way.
        """
        sequence = self._sequence()
        frame = None if self._has_begun or sequence is None else find_fit(iterator)
        if sequence is None or frame is None or not is_in_epoch(frame):
            return self._has_begun
        self._has_begun = True
        position = read_fit_position(frame, self._num_batches)
        if position is not None:
            sequence.begin_fit_at(position.num_passes, position.num_batches)
        return True

    def on_epoch_begin(self) -> None:
        """Sets the epoch of the sequence, the first time, and what Keras counts of it."""
        sequence = self._sequence()
        if sequence is None or self._has_passed:
            return
        iterator = iterator_under_way()
        if self.begin_first_epoch(iterator):
            self._has_passed = True
            _, start = self._find_position(sequence)
            if start:
                self._start = start
                self._is_short = begin_within_pass(iterator, start)

    def on_epoch_end(self) -> None:
        """Finishes the epoch if the pass is complete."""
        ended = read_end_of_epoch()
        if self._is_short:
            self._is_short = False
            iterator_under_way().steps_per_epoch = None
        with self._lock:
            current = self._pass
            if ended.is_reset:
                self._pass = current = None
        sequence = self._sequence()
        if sequence is not None and not ended.is_reset:
            sequence.notify_epoch_end()
        if current is None or current.num_asked < self._num_batches:
            return
        if 0 < ended.num_steps < self._num_batches:  # TensorFlow has prefetched the rest
            return
        if sequence is not None and current.epoch is not None:
            sequence.finish_epoch(current.epoch)

    def _find_position(self, sequence: ServesKeras) -> tuple[int, int]:
        epoch, start = sequence.find_position()
        return epoch, start if self._is_fit else 0
