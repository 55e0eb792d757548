"""Checks of a model against the targets of a sequence, when Keras begins to train or evaluate."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from imggen.core import is_number, shorten
from imggen.errors import OptionError
from imggen.loading import BatchMaker, MultiOutputMode
from imggen.sequences.pass_weights import is_image_pass_weighted

WeighClasses = Callable[[Any], npt.NDArray[np.float32]]


def check_training(maker: BatchMaker, model: Any, class_weight: Any) -> None:
    """Refuses what Keras would pair wrongly.

    Args:
        maker: The batch maker of the sequence.
        model: The model, or whatever else asks for batches.
        class_weight: The argument of ``fit``, or None.

    Raises:
        OptionError: Targets of several outputs that do not match those of the model, or
            ``class_weight`` together with them, or for anything but the classes.
    """
    mode = maker.label_mode
    if class_weight is not None and mode.kind == "classes":
        _check_class_weight(class_weight, maker.manifest.num_classes)
    if not isinstance(mode, MultiOutputMode):
        return
    if class_weight is not None:
        raise OptionError(
            "class_weight= is for a model of one output, and these targets are for "
            f"{shorten(list(mode.modes))}. Pass a column of weights for each output, as "
            "weight_col={output: column} of from_dataframe."
        )
    _check_outputs(maker, mode, model)


def take_over_class_weight(
    maker: BatchMaker, class_weight: Any, *, has_weights: bool
) -> WeighClasses | None:
    """Returns a function that weighs targets in place of ``class_weight``.

    Args:
        maker: The batch maker of the sequence.
        class_weight: The argument of ``fit``, or None.
        has_weights: Whether batches get weights for their padding, with which Keras refuses
            ``class_weight``.

    Returns:
        The function; None if Keras can use ``class_weight``.

    Raises:
        OptionError: ``class_weight`` together with sample weights, or for other classes.
    """
    is_multi_label = maker.label_mode.kind == "multi_label"
    if class_weight is None or not (is_multi_label or has_weights):
        return None
    if maker.manifest.weights is not None:
        raise OptionError(
            "class_weight= and sample weights (weight_col=) cannot be used together. Leave "
            "out one of them."
        )
    if is_multi_label:
        return _make_weigh(maker.manifest.num_classes, class_weight)
    return functools.partial(weigh_by_class, dict(class_weight))


def weigh_by_class(class_weight: Mapping[int, float], y: Any) -> npt.NDArray[np.float32]:
    """Weighs targets as Keras does: by the largest value of a row, or by a class index.

    Raises:
        OptionError: The targets are not classes.
    """
    if not isinstance(y, np.ndarray) or y.ndim > 2:
        raise OptionError(
            "class_weight= is for targets of one class per sample. Pass sample weights, as "
            "weight_col= of from_dataframe."
        )
    rows = y.reshape(len(y), -1)
    classes = rows.argmax(axis=1) if rows.shape[1] > 1 else np.round(rows[:, 0])
    found = [class_weight.get(index, 1.0) for index in classes.astype(np.int64).tolist()]
    return np.array(found, np.float32)


def _check_class_weight(class_weight: Any, num_classes: int) -> None:
    """Refuses what Keras would ignore, such as the weights of class names."""
    known = range(num_classes)
    if isinstance(class_weight, Mapping) and all(
        index in known and is_number(weight) for index, weight in class_weight.items()
    ):
        return
    raise OptionError(
        f"class_weight={shorten(class_weight)} must map class indices, 0 to {num_classes - 1}, to "
        "numbers. Pass train.class_weight(), or look up the index of a class in "
        "train.class_indices."
    )


def _make_weigh(num_classes: int, class_weight: Any) -> WeighClasses:
    """Makes the function that weights a sample by the mean weight of its classes; 1 for none.

    Reason: Keras takes the first class of a row for its only one, and class 0 for an empty row.
    Remove when Keras refuses or supports rows of several classes.
    """
    _check_class_weight(class_weight, num_classes)
    weights = np.ones(num_classes)
    for index, weight in class_weight.items():
        weights[int(index)] = float(weight)

    def weigh(y: Any) -> npt.NDArray[np.float32]:
        shares = y.sum(axis=1, dtype=np.float64)
        means = (y @ weights) / np.where(shares > 0, shares, 1)
        return np.where(shares > 0, means, 1).astype(np.float32)

    return weigh


def _check_outputs(maker: BatchMaker, mode: MultiOutputMode, model: Any) -> None:
    """Refuses targets that Keras would pair with other outputs than those of their names."""
    structure = _output_structure(maker, mode, model)
    names, is_tuple = list(mode.modes), mode.targets_as == "tuple"
    layers = list(getattr(model, "output_names", None) or ())
    if isinstance(structure, Mapping):
        outputs = list(map(str, structure))
        if is_tuple:
            raise OptionError(
                f"The model returns a dictionary with the outputs {outputs}, and Keras would pair "
                "a tuple of targets with them by sorted name, whatever their order is. Make the "
                'sequence with targets_as="dict", the default.'
            )
        unknown = [name for name in names if name not in outputs]
        if unknown:
            raise OptionError(
                f"There are targets for the output {unknown[0]!r}, and the model has the outputs "
                f"{outputs}. Give both the same names, or leave out those targets."
            )
    elif isinstance(structure, list | tuple) and len(structure) > 1:
        is_named = set(layers) == set(names)
        if is_tuple and is_named and layers != names:
            raise OptionError(
                f"The targets are a tuple in the order {names}, and the model returns its outputs "
                f"in the order {layers}. List targets= in that order."
            )
        if not is_tuple and not is_named:
            raise OptionError(
                f"The model returns a list of outputs, whose layers are named {layers}, and Keras "
                f"would pair the targets {names} with them by sorted name. Give the layers these "
                'names, or make the sequence with targets_as="tuple", in the order of the list.'
            )
        if not is_tuple and _has_weights(maker):
            raise OptionError(
                "The model returns a list of outputs, for which Keras does not accept a dictionary "
                f'of sample weights. Make the sequence with targets_as="tuple" and list targets= '
                f"in the order {layers}."
            )
    elif structure is not None:
        raise OptionError(
            f"The model has one output, and these targets are for {names}. Pass y_col= and "
            "label_mode= for one of them, or make a model of several outputs."
        )


def _has_weights(maker: BatchMaker) -> bool:
    manifest = maker.manifest
    has_own = manifest.weights is not None or any(
        output.weights is not None for output in manifest.outputs.values()
    )
    return has_own or is_image_pass_weighted(maker)


def _output_structure(maker: BatchMaker, mode: MultiOutputMode, model: Any) -> Any:
    """Returns what a model returns: a dictionary, a list or one tensor; None if unknown."""
    if not isinstance(model, keras.Model):
        return None
    structure = getattr(model, "_outputs_struct", None)
    if structure is not None or mode.targets_as == "dict":
        return structure
    # A subclass shows it when it is called. So does Keras itself, to build it.
    x = maker(0, 0).x
    try:
        return model(
            keras.tree.map_structure(lambda a: keras.KerasTensor(a.shape, str(a.dtype)), x)
        )
    except Exception:  # noqa: BLE001 - whatever the user's model raises, fit will raise, too
        return None
