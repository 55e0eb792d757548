"""Everything that looks at Keras from the inside: its call frames, and the order of its calls.

Keras 3 tells a PyDataset little about the pass that it is making. Each workaround below states its
reason and the condition under which it can be removed; the tests of sequences and of the drop-in
show when a new Keras breaks one.
"""

from __future__ import annotations

import sys
import threading


def called_by_keras() -> bool:
    """Returns whether the calling method was called by Keras, and not by the user's own code.

    Reason: Keras and the user ask for batches by the same ``__getitem__``, and mean different
    things by it. Remove when Keras fetches batches through a method of its own.
    """
    return _package_of_caller() == "keras"


def called_by_keras_reset() -> bool:
    """Returns whether Keras calls ``on_epoch_end`` only to tidy up before training starts.

    Reason: ``EpochIterator.reset`` calls the hook after Keras has fetched the first batches to see
    their shapes; in an epoch of one or two batches, these are all of them. Remove when ``reset``
    no longer calls the hook.
    """
    # on_epoch_end of the sequence, called by that of Keras's adapter, called by reset
    return sys._getframe(3).f_code.co_name == "reset"


def refuse_tf_keras() -> None:
    """Raises an error if the calling method was called by tf_keras, which is Keras 2.

    Reason: tf_keras does not know PyDataset and would ask an iterator for batches without end.
    Remove when TensorFlow no longer supports ``TF_USE_LEGACY_KERAS``.

    Raises:
        TypeError: The caller is tf_keras.
    """
    if _package_of_caller() == "tf_keras":
        raise TypeError(
            "This iterator works with Keras 3, and a model of tf_keras (Keras 2) asks for its "
            "batches. Unset TF_USE_LEGACY_KERAS and import keras, or use the ImageDataGenerator of "
            "tf_keras."
        )


def next_batch_in_keras(index: int) -> int | None:
    """Returns the batch that Keras will ask for after ``index``; None: the last one, or unknown.

    Call it in ``__getitem__``.

    Reason: ``fit`` shuffles the order of whole batches, and only the generator in Keras that asks
    for them knows it. Reading files ahead needs the next index; without it, batches are the same
    but take longer. Remove when Keras passes the order on, or leaves it to the PyDataset.
    """
    order = sys._getframe(2).f_locals.get("indices")  # of PyDatasetAdapter._finite_generator
    if not isinstance(order, list | range) or index not in order:
        return None
    position = order.index(index) + 1
    return order[position] if position < len(order) else None


class ManualEpochTracker:
    """Follows a training loop of the user's own: ``for index in range(len(sequence))``."""

    def __init__(self, num_batches: int) -> None:
        self._num_batches = num_batches
        self.reset()

    def reset(self) -> None:
        """Starts over, with no batch asked for."""
        self._asked: set[int] = set()
        self._last = -2

    def ask(self, index: int) -> bool:
        """Records a request; returns whether it follows the one before it in order."""
        is_in_order = index == self._last + 1
        self._asked.add(index)
        self._last = index
        return is_in_order

    def is_complete(self) -> bool:
        """Returns whether all batches were asked for."""
        return len(self._asked) == self._num_batches


class KerasEpochTracker:
    """Counts the requests of a pass that Keras makes, to serve batches in the sequence's order.

    ``fit`` shuffles the order of whole batches with Python's global ``random``, so that training
    would depend on whatever else draws from it. The sequence has an order of its own. So the index
    that Keras asks for is ignored: the first request of a pass gets batch 0, the second one batch
    1, and so on. A pass starts with the first request after Keras has read ``num_batches``, and
    consists of the requests that come from the same call frame: TensorFlow may still be prefetching
    for a ``fit`` that was interrupted.

    Neither calls nor hooks mark an epoch by themselves: Keras fetches early batches to see their
    shapes, calls ``on_epoch_end`` before training starts, and with ``steps_per_epoch`` spreads one
    pass over several of its epochs, across whose boundaries TensorFlow prefetches. So an epoch is
    complete when every batch of a pass was asked for and ``on_epoch_end`` follows.

    Remove when Keras lets a PyDataset decline the shuffle and tells it the epoch.
    """

    def __init__(self, num_batches: int) -> None:
        self._num_batches = num_batches
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Starts over, with no pass under way."""
        self._may_begin = False
        self._caller: int | None = None
        self._num_requests = 0

    def expect_pass(self) -> None:
        """Records that Keras has read ``num_batches``: the next request begins a pass."""
        self._may_begin = True

    def ask(self) -> int | None:
        """Records a request; call it in ``__getitem__``.

        Returns:
            The batch to serve, after which the others follow in order; None: the request is not
            part of the latest pass, and gets the batch that it names.
        """
        caller = id(sys._getframe(2))
        with self._lock:
            if self._may_begin:
                self._may_begin = False
                self._caller, self._num_requests = caller, 0
            if caller != self._caller or self._num_requests == self._num_batches:
                return None
            self._num_requests += 1
            return self._num_requests - 1

    def is_complete(self) -> bool:
        """Returns whether all batches of the pass were asked for."""
        with self._lock:
            return self._num_requests == self._num_batches

    def __reduce__(self) -> tuple[type[KerasEpochTracker], tuple[int]]:
        return KerasEpochTracker, (self._num_batches,)  # a copy is in no pass


def _package_of_caller() -> str:
    """Returns the package that has called the method that calls a function of this module."""
    module = sys._getframe(3).f_globals.get("__name__", "")
    return str(module).partition(".")[0]
