"""The state of a model that Keras trains, as facts and arrays: variables, generators, callbacks."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from imggen.core import shorten
from imggen.errors import ResumeError
from imggen.sequences.save_folder import Save

# The attributes that change during training, by callback of Keras. ``weights`` are arrays.
_CALLBACKS = MappingProxyType(
    {
        "EarlyStopping": ("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
        "ReduceLROnPlateau": ("wait", "best", "cooldown_counter"),
        "ModelCheckpoint": (
            *("best", "_batches_seen_since_last_saving", "_last_batch_seen", "_current_epoch"),
        ),
        "TensorBoard": ("_global_train_batch", "_global_test_batch"),
    }
)
_GROUPS = MappingProxyType(
    {"model": "model", "optimizer": "optimizer", "metrics": "metrics of the model"}
)
_MEMORY_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
_SEED_GENERATORS = "keras.src.random.seed_generator"


def describe_optimizer(model: Any) -> dict[str, Any]:
    """Returns the class and the settings of the optimizer of a model, for JSON.

    There are no settings if the optimizer cannot tell them, such as one with a schedule of a class
    without ``get_config``.
    """
    optimizer = model.optimizer
    config: dict[str, Any] = {}
    if optimizer is not None:
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")  # of Keras, about loading lambdas
            config = dict(optimizer.get_config())
    return {
        "class": type(optimizer).__name__,
        "config": json.loads(json.dumps(config, default=repr)),
    }


def check_optimizer(saved: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Checks that a model is compiled with the optimizer that training began with.

    Raises:
        ResumeError: It has another class or other settings.
    """
    if saved["class"] != current["class"]:
        raise ResumeError(
            f"The save was made with the optimizer {saved['class']}, and the model is compiled "
            f"with {current['class']}. Compile it as before, or delete the folder to start again."
        )
    before, now = (_comparable(one["config"]) for one in (saved, current))
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            raise ResumeError(
                f"The save was made with the optimizer {saved['class']}({name}="
                f"{shorten(before.get(name))}), and the model is compiled with {name}="
                f"{shorten(now.get(name))}. Compile it as before, or delete the folder to start "
                "again."
            )


def _comparable(value: Any) -> Any:
    """Returns settings without what differs between two runs of the same script."""
    if isinstance(value, str):
        return _MEMORY_ADDRESS.sub("", value)
    if isinstance(value, list):
        return [_comparable(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__lambda__":  # its code, which Python need not repeat
        return "lambda"
    # A name has a number, which depends on earlier models.
    return {name: _comparable(one) for name, one in value.items() if name != "name"}


def build_model(model: Any, batch: Any) -> None:
    """Creates all variables of a model, of its optimizer and of its metrics.

    Args:
        model: The compiled model.
        batch: A batch of its data.
    """
    data = batch if isinstance(batch, tuple) else (batch,)
    is_built = all(layer.built for layer in model._flatten_layers())
    if keras.backend.backend() == "tensorflow" and not is_built:
        # As fit does. Keras's method below would create the variables of frozen layers as ones that
        # have no gradients, also once the layers are trainable.
        tensorflow = sys.modules["tensorflow"]
        call = tensorflow.function(functools.partial(model, training=False), autograph=False)
        specs = keras.tree.map_structure(
            lambda array: tensorflow.TensorSpec(array.shape, array.dtype), data[0]
        )
        call.get_concrete_function(specs)
    # Under TensorFlow, Keras would do so with the first batch.
    model._symbolic_build(data_batch=data)


def capture_training(model: Any, callbacks: Sequence[Any]) -> Save:
    """Returns the state of training: variables, random generators, history and callbacks."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    variables: dict[str, list[str]] = {}
    for group, members in _list_variables(model).items():
        variables[group] = [variable.name for variable in members]
        for index, variable in enumerate(members):
            arrays[f"{group}/{index}"] = np.asarray(variable.numpy())
    arrays.update(_capture_generators())
    kept: list[dict[str, Any]] = []
    for number, (kind, callback) in enumerate(_list_callbacks(callbacks)):
        values: dict[str, Any] = {}
        for name in _CALLBACKS[kind]:
            value = getattr(callback, name, None)
            if name == "best_weights" and value is not None:
                for index, weight in enumerate(value):
                    arrays[f"callback/{number}/{index}"] = np.asarray(weight)
                value = len(value)
            values[name] = value
        kept.append({"kind": kind, "values": values})
    history = _find_history(callbacks)
    facts = {
        "backend": keras.backend.backend(),
        "variables": variables,
        "callbacks": kept,
        "history": None if history is None else [history.epoch, history.history],
    }
    return Save(json.loads(json.dumps(facts, default=_as_plain)), arrays)


def check_training(save: Save, model: Any) -> None:
    """Checks that a save is of a model of this kind, and of this backend.

    Raises:
        ResumeError: It is not.
    """
    if save.facts["backend"] != keras.backend.backend():
        raise ResumeError(
            f"The save was made with Keras on {save.facts['backend']}, and this is "
            f"{keras.backend.backend()}, whose random numbers differ. Use the same backend, or "
            "delete the folder to start again."
        )
    advice = "Build and compile the model as before, or delete the folder to start again."
    for group, members in _list_variables(model).items():
        names = save.facts["variables"].get(group, [])
        arrays = [save.arrays.get(f"{group}/{index}") for index in range(len(names))]
        for index, (name, array, variable) in enumerate(zip(names, arrays, members, strict=False)):
            if array is None:
                raise ResumeError(
                    f"The save lacks variable {index} of the {_GROUPS[group]}, {name!r}. Delete "
                    "the folder to start again."
                )
            value = np.asarray(variable.numpy())
            # The names of an optimizer's variables have numbers, which depend on other models.
            is_same = group != "model" or name == variable.name
            if not is_same or (array.shape, array.dtype) != (value.shape, value.dtype):
                raise ResumeError(
                    f"The save is of another {_GROUPS[group]}: variable {index} was {name!r} of "
                    f"shape {array.shape} and type {array.dtype.name}, and is {variable.path!r} of "
                    f"shape {value.shape} and type {value.dtype.name}. {advice}"
                )
        if len(names) != len(members):
            raise ResumeError(
                f"The save is of another {_GROUPS[group]}: it had {len(names)} variables, and has "
                f"{len(members)}. {advice}"
            )


def restore_variables(save: Save, model: Any, groups: Sequence[str]) -> None:
    """Sets the variables of some groups: "model", "optimizer" and "metrics"."""
    variables = _list_variables(model)
    for group in groups:
        for index, variable in enumerate(variables[group]):
            variable.assign(save.arrays[f"{group}/{index}"])


def restore_callbacks(save: Save, callbacks: Sequence[Any]) -> None:
    """Sets the history, and the state of callbacks of Keras, matched by class and order."""
    history = _find_history(callbacks)
    if history is not None and save.facts["history"] is not None:
        epochs, values = save.facts["history"]
        history.epoch = list(epochs)
        history.history = {name: list(each) for name, each in values.items()}
        history.model.history = history
    remaining = list(enumerate(save.facts["callbacks"]))
    for kind, callback in _list_callbacks(callbacks):
        found = next((item for item in remaining if item[1]["kind"] == kind), None)
        if found is None:
            continue
        remaining.remove(found)
        number, saved = found
        for name, value in saved["values"].items():
            restored = value
            if name == "best_weights" and value is not None:
                restored = [save.arrays[f"callback/{number}/{index}"] for index in range(value)]
            setattr(callback, name, restored)


def restore_generators(save: Save) -> None:
    """Sets the global random generators of the backend."""
    seed = save.arrays.get("generator/keras")
    if seed is not None:
        importlib.import_module(_SEED_GENERATORS).global_seed_generator().state.assign(seed)
    if "generator/torch" in save.arrays:
        torch = sys.modules["torch"]
        torch.set_rng_state(torch.from_numpy(save.arrays["generator/torch"].copy()))
        devices = [name for name in save.arrays if name.startswith("generator/cuda/")]
        if devices and torch.cuda.is_available():
            for index in range(min(len(devices), torch.cuda.device_count())):
                state = save.arrays[f"generator/cuda/{index}"].copy()
                torch.cuda.set_rng_state(torch.from_numpy(state), index)


def _capture_generators() -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    module = importlib.import_module(_SEED_GENERATORS)
    # Not created here, since that would draw from Python's global generator.
    shared = module.global_state.get_global_attribute(module.GLOBAL_SEED_GENERATOR)
    if shared is not None:
        arrays["generator/keras"] = np.asarray(shared.state.numpy())
    if keras.backend.backend() == "torch":
        torch = sys.modules["torch"]
        arrays["generator/torch"] = torch.get_rng_state().numpy()
        if torch.cuda.is_available():
            for index, state in enumerate(torch.cuda.get_rng_state_all()):
                arrays[f"generator/cuda/{index}"] = state.numpy()
    return arrays


def _list_variables(model: Any) -> dict[str, list[Any]]:
    """Returns the variables by group; optimizers that a custom model holds included."""
    optimizers = [model.optimizer, *vars(model).values()]
    unique = {id(one): one for one in optimizers if isinstance(one, keras.optimizers.Optimizer)}
    return {
        "model": list(model.variables),
        "optimizer": [variable for one in unique.values() for variable in one.variables],
        "metrics": list(model.metrics_variables),
    }


def _list_callbacks(callbacks: Sequence[Any]) -> list[tuple[str, Any]]:
    kinds = {name: getattr(keras.callbacks, name) for name in _CALLBACKS}
    return [
        (name, callback)
        for callback in callbacks
        for name, kind in kinds.items()
        if isinstance(callback, kind)
    ]


def _find_history(callbacks: Sequence[Any]) -> Any:
    found = (one for one in callbacks if isinstance(one, keras.callbacks.History))
    return next(found, None)


def _as_plain(value: Any) -> Any:
    """Converts a value of a log for JSON."""
    return np.asarray(keras.ops.convert_to_numpy(value)).tolist()
