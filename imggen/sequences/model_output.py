"""One output of a Keras model, and the evidence in the model for what its numbers mean."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from imggen.core import is_whole, shorten
from imggen.errors import OptionError
from imggen.loading import OutputMeaning

# Layers and operations that keep the values of their input.
_KEEP_VALUES = {"Reshape", "Flatten", "Identity", "Squeeze", "Cast"}
# Losses of scores from -1 to 1, with the boundary between two classes at 0.
_MARGIN_LOSSES = {"hinge", "squared_hinge", "categorical_hinge"}


def choose_outputs(
    model: keras.Model, predicted: Any, names: Sequence[str | None], output: str | int | None
) -> list[tuple[str, str | int | None, str | None]]:
    """Pairs the outputs of a model with those of the targets.

    Args:
        model: The model.
        predicted: See ``select_output``.
        names: The outputs that have targets for a table; ``[None]`` for a single one.
        output: The output that the user selected, or None.

    Returns:
        For each output to tabulate: the prefix of its columns, the output of the model as
        ``select_output`` takes it, and its name among ``names``.

    Raises:
        OptionError: The model has no such output, or one that has no targets for a table.
    """
    if list(names) == [None]:
        return [("", output, None)]
    count = len(keras.tree.flatten(predicted))
    of_model = _output_names(model, predicted, count)
    found: dict[str | None, int] = {}
    for name in names:
        positions = [position for position, own in enumerate(of_model) if name in own]
        if len(positions) == 1:
            found[name] = positions[0]
    if output is None:
        missing = [name for name in names if name not in found]
        if missing:
            raise OptionError(
                f"The model has no output {missing[0]!r}; its outputs are "
                f"{shorten([own[0] if own else i for i, own in enumerate(of_model)])}. Give its "
                "output layers the names of the targets, or return a dictionary."
            )
        return [(f"{name}_", found[name], name) for name in names]
    position = _position(of_model, output, count)
    chosen = [name for name, own in found.items() if own == position]
    if not chosen and isinstance(output, str) and output in names:
        chosen = [output]
    if not chosen:
        raise OptionError(
            f"output={shorten(output)} has no targets for a table; those that have are "
            f"{shorten(list(names))}."
        )
    return [("", position, chosen[0])]


def select_output(
    model: keras.Model, predicted: Any, output: str | int | None, from_logits: bool | None
) -> tuple[npt.NDArray[Any], OutputMeaning]:
    """Selects one output of a model, and finds out what its numbers mean.

    Args:
        model: The model.
        predicted: What ``model.predict`` returned: an array, or several in lists and dictionaries.
        output: The output: its name, or its position in a list. None: the only one.
        from_logits: The user's own value, which overrides the model; or None.

    Raises:
        OptionError: There are several outputs and ``output`` is None, or there is no such output.
    """
    arrays = keras.tree.flatten(predicted)
    names = _output_names(model, predicted, len(arrays))
    position = _position(names, output, len(arrays))
    activation = _activation(_tensor(model, position))
    found = [_describe_loss(loss) for loss in _losses(model, names, position)]
    losses = [loss for loss in found if loss is not None]
    return np.asarray(arrays[position]), OutputMeaning(
        activation,
        " + ".join(loss.name for loss in losses) or None,
        _agreed([loss.function for loss in losses]),
        _agreed([loss.takes_logits for loss in losses]),
        from_logits,
    )


def _output_names(model: keras.Model, predicted: Any, count: int) -> list[tuple[str, ...]]:
    """Returns the names of each output: its key in a dictionary, and that of its layer."""
    names: list[tuple[str, ...]] = [()] * count
    layers = getattr(model, "output_names", None)
    if isinstance(layers, list) and len(layers) == count:
        names = [(str(name),) for name in layers]
    if isinstance(predicted, Mapping):
        positions = keras.tree.pack_sequence_as(predicted, list(range(count)))
        for key, position in positions.items():
            if isinstance(position, int):
                names[position] = tuple(dict.fromkeys((str(key), *names[position])))
    return names


def _position(names: list[tuple[str, ...]], output: str | int | None, count: int) -> int:
    if output is None and count == 1:
        return 0
    listed = [own[0] if own else position for position, own in enumerate(names)]
    if output is None:
        raise OptionError(
            f"The model has {count} outputs, and a prediction table is made of one of them. Pass "
            f"output=, one of {listed}."
        )
    if isinstance(output, str):
        found = [position for position, own in enumerate(names) if output in own]
        if found:
            return found[0]
    elif is_whole(output, 0) and output < count:
        return int(output)
    raise OptionError(f"The model has no output={shorten(output)}. Its outputs are {listed}.")


def _tensor(model: keras.Model, position: int) -> Any:
    """Returns the symbolic tensor of an output; None for a subclassed model."""
    outputs = getattr(model, "outputs", None)
    return outputs[position] if outputs and position < len(outputs) else None


def _activation(tensor: Any) -> str | None:
    """Returns the name of the activation that a tensor was made by; None if it is not known."""
    while tensor is not None:
        history = getattr(tensor, "_keras_history", None)
        operation = getattr(history, "operation", None)
        if history is None or operation is None:
            return None
        if isinstance(operation, keras.Model):
            tensor = _tensor(operation, history.tensor_index)
            continue
        kind = type(operation).__name__
        if not type(operation).__module__.startswith("keras."):
            return None
        if kind in {"Sigmoid", "HardSigmoid"}:
            return "sigmoid"
        if kind == "Softmax":
            return "softmax"
        is_activation = kind == "Activation"
        if kind in {"Dense", "EinsumDense"} or kind.startswith("Conv") or is_activation:
            name = _activation_name(operation.activation)
            if name != "linear" or not is_activation:
                return name
        elif kind not in _KEEP_VALUES:
            return None
        tensor = operation._inbound_nodes[history.node_index].input_tensors[0]
    return None


def _activation_name(activation: Any) -> str | None:
    name = getattr(activation, "__name__", type(activation).__name__.lower())
    return "sigmoid" if name == "hard_sigmoid" else str(name)


def _losses(model: keras.Model, names: list[tuple[str, ...]], position: int) -> list[Any]:
    """Returns the losses that a model was compiled with for one of its outputs."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, Mapping):
        loss = next((loss[name] for name in names[position] if name in loss), None)
    elif isinstance(loss, list | tuple) and len(names) > 1:
        flat = keras.tree.flatten(loss)
        loss = flat[position] if len(flat) == len(names) else None
    # A list for a single output: losses that are added up.
    return [one for one in keras.tree.flatten(loss) if one is not None]


class _Loss(NamedTuple):
    name: str
    function: Any  # "sigmoid", "softmax" or None
    takes_logits: bool | None


def _describe_loss(loss: Any) -> _Loss | None:
    options: dict[str, Any] = {}
    while isinstance(loss, functools.partial):
        options = {**loss.keywords, **options}
        loss = loss.func
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    if isinstance(loss, str):
        if loss.lower() in {"crossentropy", "ce"}:  # chosen by Keras from the shapes
            return _Loss(loss, None, False)
        try:
            loss = keras.losses.get(loss)
        except ValueError:  # a name that Keras does not know
            return _Loss(name, None, None)
    options = {**getattr(loss, "_fn_kwargs", {}), **options}
    if hasattr(loss, "from_logits"):
        options.setdefault("from_logits", loss.from_logits)
    function = getattr(loss, "fn", loss)
    kind = getattr(function, "__name__", "")
    is_from_keras = getattr(function, "__module__", "").startswith("keras.")
    takes_logits = options.get("from_logits")
    if takes_logits is None and is_from_keras and kind not in _MARGIN_LOSSES:
        takes_logits = False
    score_function = None
    if is_from_keras and kind.endswith("crossentropy"):
        score_function = "sigmoid" if kind.startswith("binary") else "softmax"
    return _Loss(name, score_function, None if takes_logits is None else bool(takes_logits))


def _agreed(values: list[Any]) -> Any:
    """Returns the value that all losses have which have one; None if they disagree."""
    known = {value for value in values if value is not None}
    return known.pop() if len(known) == 1 else None
