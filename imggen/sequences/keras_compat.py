"""Everything that looks at Keras from the inside: its call frames, and the order of its calls.

Keras 3 tells a PyDataset little about the pass that it is making. Each workaround below states its
reason and the condition under which it can be removed; the tests of sequences and of the drop-in
show when a new Keras breaks one.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Literal, NamedTuple, final

import keras
import numpy as np
import numpy.typing as npt

from imggen.workers import usable_cores

_ADAPTER_MODULE = "keras.src.trainers.data_adapters.py_dataset_adapter"
_GENERATOR_MODULE = "keras.src.trainers.data_adapters.generator_data_adapter"
_TORCH_WORKER_MODULE = "torch.utils.data._utils.worker"


def called_by_keras() -> bool:
    """Returns whether the calling method was called by Keras, and not by the user's own code.

    Reason: Keras and the user ask for batches by the same ``__getitem__``, and mean different
    things by it. Remove when Keras fetches batches through a method of its own.
    """
    return _package_of_caller() == "keras"


class WrapperRequest(NamedTuple):
    """A request of Keras to a user's own PyDataset, which asks a sequence for batches in turn.

    Attributes:
        pass_of: The object that makes the pass; None if it is unknown, as in another process, or if
            the request is not part of a pass.
        is_first: Whether it is known to be the first request of the pass.
        is_last: Whether it is known to be the last one.
        is_in_process: Whether this is a worker process of Keras.
        order: The batches of the pass in the order in which Keras asks the user's own PyDataset
            for them; None if it is unknown.
    """

    pass_of: object | None
    is_first: bool = False
    is_last: bool = False
    is_in_process: bool = False
    order: Sequence[int] | None = None


def find_wrapper_request() -> WrapperRequest | None:
    """Returns the request of Keras to a user's own PyDataset that is being served, or None.

    Reason: the PyDataset only passes on indices, which Keras shuffles, requests from several
    threads or processes, and requests early to see the shapes of the batches. Which pass a request
    belongs to is known to the code of Keras further up the stack. Remove when Keras passes the
    epoch to ``__getitem__``.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if module == _ADAPTER_MODULE:
            return _read_request(frame)
        if module == _TORCH_WORKER_MODULE:
            return WrapperRequest(None, is_in_process=True)
        frame = frame.f_back
    return None


def _read_request(frame: FrameType) -> WrapperRequest | None:
    name = frame.f_code.co_name
    if name == "_finite_generator":
        names = frame.f_locals
        order, index = names["indices"], names["i"]
        return WrapperRequest(names["self"], index == order[0], index == order[-1], order=order)
    if name == "get_index":
        # A pool of threads makes one pass; the thread that has started it is its owner.
        owner = getattr(threading.current_thread(), "_parent", None)
        return WrapperRequest(owner, is_in_process=owner is None)
    if name == "_infinite_generator":
        return None
    return WrapperRequest(None)  # Keras looks at the shapes


def adapter_being_created() -> Any:
    """Returns the adapter of Keras whose constructor reads an attribute of a PyDataset, or None.

    Call it in a function that is called by the property.
    """
    frame = sys._getframe(3)
    is_constructor = frame.f_code.co_name == "__init__"
    if is_constructor and frame.f_globals.get("__name__") == _ADAPTER_MODULE:
        return frame.f_locals.get("self")
    return None


def iterator_of_fit() -> Any:
    """Returns the iterator of the ``fit`` that is being started, or None.

    Call it where ``adapter_being_created`` returns an adapter.

    Reason: a callback may stop ``fit`` at the last batch of an epoch, and Keras then calls nothing
    at the end of the epoch. Only its iterator knows how many batches it has trained on. Remove when
    Keras calls ``on_epoch_end`` for such an epoch.
    """
    frame: FrameType | None = sys._getframe(3)
    iterator = None
    while frame is not None and frame.f_code.co_name in ("__init__", "get_data_adapter"):
        iterator, frame = frame.f_locals.get("self"), frame.f_back
    is_fit = frame is not None and frame.f_code.co_name == "fit"
    return iterator if is_fit and hasattr(iterator, "_steps_seen") else None


class Trainer(NamedTuple):
    """A model whose method is being started.

    Attributes:
        model: The model.
        class_weight: The class weights of ``fit``, or None.
        purpose: The method that reads the sequence; "evaluate" for the validation in ``fit``.
        steps: The number of batches to evaluate; None: all.
    """

    model: Any
    class_weight: Any
    purpose: Literal["fit", "evaluate", "predict"]
    steps: int | None = None


def find_trainer() -> Trainer | None:
    """Returns the model whose method is being started, and its class weights.

    Call it where ``adapter_being_created`` returns an adapter.

    Reason: Keras pairs the targets of several outputs with those of a model by position or by
    sorted name, and gives a sample with several classes the weight of the first; and padded
    batches need other weights for training than for evaluation. A PyDataset is not told which
    model it is for, and for what. Remove when it is.
    """
    frame: FrameType | None = sys._getframe(3)
    weights = None if frame is None else frame.f_locals.get("class_weight")
    while frame is not None and frame.f_code.co_name in ("__init__", "get_data_adapter"):
        frame = frame.f_back
    if frame is None:
        return None
    names = frame.f_locals
    model = names.get("self")
    match frame.f_code.co_name:
        case "fit" if "epoch_iterator" in names:  # that of the training data is created first
            return Trainer(model, weights, "evaluate", names.get("validation_steps"))
        case "evaluate":
            return Trainer(model, weights, "evaluate", names.get("steps"))
        case "fit":
            return Trainer(model, weights, "fit")
        case "predict":
            return Trainer(model, weights, "predict")
    return None


def calling_generator() -> int | None:
    """Returns the identity of the generator that has called the calling method, or None.

    Reason: Keras makes each pass by a generator of its own, reads ``num_batches`` in it, and may
    read batches early by another one, whose requests are not part of the pass. Remove when Keras
    tells a PyDataset that a pass begins.
    """
    frame = sys._getframe(2)
    return id(frame) if frame.f_code.co_flags & inspect.CO_GENERATOR else None


class EndOfEpoch(NamedTuple):
    """A call of ``on_epoch_end`` by Keras.

    Attributes:
        is_reset: Whether training has not begun: Keras has only looked at shapes.
        num_steps: The number of batches that Keras has trained on; 0 if it is unknown.
    """

    is_reset: bool
    num_steps: int


def read_end_of_epoch() -> EndOfEpoch:
    """Returns what Keras has done when it calls ``on_epoch_end``, the calling method.

    Reason: ``EpochIterator.reset`` calls the hook after Keras has fetched the first batches to see
    their shapes, and TensorFlow fetches batches that a broken-off epoch does not use. Remove when
    ``reset`` no longer calls the hook and Keras passes the number of steps.
    """
    frame = sys._getframe(3)  # of EpochIterator, by way of the adapter
    steps = getattr(frame.f_locals.get("self"), "_steps_seen", 0)
    return EndOfEpoch(frame.f_code.co_name == "reset", steps)


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
    """Returns the batch that Keras will ask for after ``index``, to read it ahead.

    None after the last one, if it is unknown, or if it should not be read ahead.

    Call it in ``__getitem__``.

    Reason: ``fit`` shuffles the order of whole batches, and only the generator in Keras that asks
    for them knows it. Reading files ahead needs the next index; without it, batches are the same
    but take longer. Remove when Keras passes the order on, or leaves it to the PyDataset.
    """
    order = sys._getframe(2).f_locals.get("indices")  # of PyDatasetAdapter._finite_generator
    if not isinstance(order, list | range) or index not in order or uses_all_cores():
        return None
    position = order.index(index) + 1
    return order[position] if position < len(order) else None


def uses_all_cores() -> bool:
    """Returns whether Keras computes on all cores at once, on threads that wait for each other.

    Reason: torch divides an operation into one equal part per core, and its threads spin while they
    wait for the last part. A thread of ours beside them delays each operation, and the spinning
    delays ours: with two of each on two cores, ``fit`` took half as long again as the model and the
    batches one after the other. TensorFlow and JAX divide operations into more parts than threads,
    and gain from ours. Remove when torch does, too.
    """
    if keras.backend.backend() != "torch":
        return False
    torch = sys.modules["torch"]
    # Of an empty tensor, since copying a value to a GPU would wait for its work.
    is_on_processor = keras.ops.empty((0,)).device.type == "cpu"
    return bool(is_on_processor and torch.get_num_threads() >= usable_cores())


def as_trainable(batch: Any) -> Any:
    """Returns a batch that ``fit`` takes on every backend: on TensorFlow, lists become tuples.

    Reason: Keras passes PyDatasets on to ``tf.data``, whose generators cannot yield lists. Remove
    when Keras converts lists inside batches itself.
    """
    return _with_tuples(batch) if keras.backend.backend() == "tensorflow" else batch


def is_peeking() -> bool:
    """Returns whether the calling generator method serves Keras's first look under TensorFlow.

    Reason: Keras keeps the first two batches of a generator, and TensorFlow keeps them until the
    process ends. See ``PeekedArray``. Remove when Keras or TensorFlow drops them.
    """
    frame = sys._getframe(3)
    return (
        frame.f_code.co_name == "peek_and_restore"
        and frame.f_globals.get("__name__") == _GENERATOR_MODULE
        and keras.backend.backend() == "tensorflow"
    )


@final
class PeekedArray:
    """An array that is released once it was read; if it is read again, it is made again.

    Args:
        array: The array.
        make: Makes the same array.
    """

    def __init__(self, array: npt.NDArray[Any], make: Callable[[], npt.NDArray[Any]]) -> None:
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self._array: npt.NDArray[Any] | None = array
        self._make = make

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        array, self._array = self._array, None
        return np.array(self._make() if array is None else array, dtype=dtype, copy=copy)


def _with_tuples(batch: Any) -> Any:
    if isinstance(batch, list | tuple) and not hasattr(batch, "_fields"):
        return tuple(_with_tuples(element) for element in batch)
    if isinstance(batch, dict):
        return {name: _with_tuples(element) for name, element in batch.items()}
    return batch


def _package_of_caller() -> str:
    """Returns the package that has called the method that calls a function of this module."""
    module = sys._getframe(3).f_globals.get("__name__", "")
    return str(module).partition(".")[0]
