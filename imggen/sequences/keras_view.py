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
from imggen.sequences.pass_weights import Purpose, Weigh


class ServesKeras(Protocol):
    """A sequence, as far as Keras uses it."""

    epoch: int
    _latest_fit: LatestFit

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
        epoch: Its epoch, once the first batch was asked for.
        num_asked: The number of batches that were asked for.
    """

    generator: int
    epoch: int = 0
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
        adapter.py_dataset = view = KerasView(sequence, weigh)
        iterator = iterator_of_fit()
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
    """

    def __init__(self, sequence: ServesKeras, weigh: Weigh | None = None) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._weigh = weigh
        self._sequence = weakref.ref(sequence)
        self._num_batches = len(sequence)
        self._in_turns = uses_all_cores()
        self._lock = threading.Lock()
        self._pass: _Pass | None = None

    def __len__(self) -> int:
        return self._num_batches

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch; a generator of Keras that reads it begins a pass."""
        generator = calling_generator()
        if generator is not None:
            with self._lock:
                self._pass = _Pass(generator)
        return self._num_batches

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
                if current.num_asked == 0:
                    current.epoch = sequence.epoch
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

    def on_epoch_end(self) -> None:
        """Finishes the epoch if the pass is complete."""
        ended = read_end_of_epoch()
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
        if sequence is not None:
            sequence.finish_epoch(current.epoch)
