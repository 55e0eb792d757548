"""A ``fit`` that is under way: where it has begun, and how it goes on in the middle of an epoch.

Keras tells callbacks which epoch is under way, and counts the batches of an epoch in an iterator
that only ``fit`` knows. Each function states its reason and the condition under which it can be
removed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, NamedTuple

import keras


class FitPosition(NamedTuple):
    """The first pass that a ``fit`` makes over a sequence if it begins with a later epoch than 0.

    Attributes:
        num_passes: The number of complete passes that a run from epoch 0 would have made.
        num_batches: The number of batches that it would have used of the next pass.
    """

    num_passes: int
    num_batches: int


def find_fit(iterator: Any) -> FrameType | None:
    """Returns the frame of the ``fit`` or ``evaluate`` that reads an iterator of Keras, or None.

    Reason: Keras tells callbacks, and nobody else, which epoch is under way. Remove when it tells a
    PyDataset.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name in ("fit", "evaluate"):
            module = str(frame.f_globals.get("__name__", ""))
            if module.startswith("keras.") and frame.f_locals.get("epoch_iterator") is iterator:
                return frame
        frame = frame.f_back
    return None


def iterator_under_way() -> Any:
    """Returns the iterator of Keras that calls ``on_epoch_begin``, the calling method, or None."""
    frame = sys._getframe(3)  # of EpochIterator, by way of the adapter
    iterator = frame.f_locals.get("self")
    return iterator if hasattr(iterator, "_steps_seen") else None


def begin_within_pass(iterator: Any, num_batches: int) -> bool:
    """Makes an epoch of Keras begin within a pass; called by ``on_epoch_begin``.

    Args:
        iterator: The iterator of Keras.
        num_batches: The number of batches of the pass that were used before.

    Returns:
        Whether ``steps_per_epoch`` was set for this epoch, and must be None afterwards.

    Reason: Keras counts the batches of a pass from 0, and reads its length when ``fit`` begins.
    Remove when a PyDataset can say that a pass is shorter.
    """
    iterator._current_iterator = iter(iterator._get_iterator())
    iterator._steps_seen = num_batches
    is_short = iterator.steps_per_epoch is None
    if is_short:
        iterator.steps_per_epoch = iterator._num_batches - num_batches
    return is_short


def is_in_epoch(frame: FrameType) -> bool:
    """Returns whether an epoch of a ``fit`` is under way, or the validation at its end."""
    fit = _outer_fit(frame)
    return fit is not None and "epoch" in fit.f_locals


def read_fit_position(frame: FrameType, num_batches: int) -> FitPosition | None:
    """Returns where a ``fit`` begins, or the validation that it makes; None if with epoch 0.

    Args:
        frame: The frame of the ``fit`` or ``evaluate``, in an epoch.
        num_batches: The number of batches in an epoch of the sequence.
    """
    fit = _outer_fit(frame)
    names = {} if fit is None else fit.f_locals
    first = names.get("initial_epoch") or 0
    if not first:
        return None
    iterator = frame.f_locals["epoch_iterator"]
    steps = iterator.steps_per_epoch or num_batches
    steps += -steps % iterator.steps_per_execution
    # Keras does not go on into the next pass within an epoch.
    per_pass = -(-num_batches // steps)
    num_passes, num_used = first // per_pass, first % per_pass * steps
    is_shared = names["x"] is names["validation_data"]  # their passes follow each other
    if fit is frame and not is_shared:
        return FitPosition(num_passes, num_used)
    should_evaluate, frequency = names["self"]._should_eval, names["validation_freq"]
    validations = sum(should_evaluate(epoch, frequency) for epoch in range(first))
    if fit is frame:
        return FitPosition(num_passes + validations, num_used)
    # With validation_steps, each validation breaks off, and is repeated.
    return None if is_shared or per_pass > 1 else FitPosition(validations, 0)


def _outer_fit(frame: FrameType) -> FrameType | None:
    """Returns the frame of the ``fit`` that is, or has called, a frame of ``evaluate``."""
    outer: FrameType | None = frame
    while outer is not None and outer.f_code.co_name in ("evaluate", "error_handler"):
        outer = outer.f_back
    return outer if outer is not None and outer.f_code.co_name == "fit" else None


class RunningFit(NamedTuple):
    """The ``fit`` that calls a callback.

    Attributes:
        iterator: The iterator of Keras that counts its batches.
        dataset: The PyDataset that Keras reads; None: something else.
        validation: The validation data, as passed to ``fit``.
        callbacks: The list of all callbacks.
    """

    iterator: Any
    dataset: Any
    validation: Any
    callbacks: list[Any]


def find_running_fit() -> RunningFit | None:
    """Returns the ``fit`` that has called ``on_train_begin``, the calling method, or None.

    Reason: a callback is told neither the data nor the other callbacks. Remove when it is.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        names = frame.f_locals
        if frame.f_code.co_name == "fit" and "epoch_iterator" in names:
            iterator, callbacks = names["epoch_iterator"], names.get("callbacks")
            if isinstance(callbacks, keras.callbacks.CallbackList):
                dataset = getattr(iterator.data_adapter, "py_dataset", None)
                validation = names.get("validation_data")
                return RunningFit(iterator, dataset, validation, callbacks.callbacks)
        frame = frame.f_back
    return None


def shift_steps(iterator: Any, num_steps: int) -> None:
    """Makes the next epoch of Keras begin with step ``num_steps``, and end with the usual one.

    Args:
        iterator: The iterator of Keras.
        num_steps: The number of steps of the epoch that were made before.

    Reason: callbacks get the number of each batch, and with ``steps_per_epoch``, Keras would make
    all steps. Remove when ``fit`` has an initial step.
    """
    enumerate_steps = iterator._enumerate_iterator

    def enumerate_shifted() -> Iterator[tuple[int, int, Any]]:
        del iterator._enumerate_iterator
        total = iterator.steps_per_epoch
        if total is not None:
            iterator.steps_per_epoch = total - num_steps
        for first, last, data in enumerate_steps():
            yield first + num_steps, last + num_steps, data
        if total is not None:
            iterator.steps_per_epoch = total

    iterator._enumerate_iterator = enumerate_shifted
