"""Tells which calls and values of a script are of Keras."""

from __future__ import annotations

import ast

from imggen.migrate.uses import keras_name
from imggen.migrate.values import Arguments, Instance, Made, Text, Value

GENERATOR_METHODS = {"fit_generator", "evaluate_generator", "predict_generator"}
# What is named together with these methods.
OF_GENERATOR_METHODS = {
    *("generator", "workers", "use_multiprocessing", "max_queue_size", "wait_for_safe_queue"),
}
# Keywords by which a call is known to be of a Keras model.
OF_KERAS = {
    *("steps_per_epoch", "validation_steps", "validation_data", "nb_epoch", "samples_per_epoch"),
    *("nb_val_samples", "val_samples", "max_q_size", "max_queue_size", "use_multiprocessing"),
    *("pickle_safe", "nb_worker", "validation_freq", "epochs"),
}
_OF_TRAINERS = OF_GENERATOR_METHODS | {
    *("x", "steps", "verbose", "callbacks", "class_weight", "initial_epoch", "shuffle"),
}
_POSITIONS = {
    "fit_generator": ("x", "steps_per_epoch", "epochs"),
    "evaluate_generator": ("x", "steps"),
    "predict_generator": ("x", "steps"),
}


def whole(value: Value | None) -> str:
    """Returns a string that is known; empty for others."""
    return value.end if isinstance(value, Text) and value.is_whole else ""


def is_foreign(method: str, given: Arguments) -> bool:
    """Whether a method is of another package, by arguments that no Keras has had."""
    return method in GENERATOR_METHODS and not {*given.keywords()} <= OF_KERAS | _OF_TRAINERS


def own_node(call: ast.Call, argument: ast.expr) -> ast.expr:
    """Returns an argument that is written in a call, or the call if it comes from a dict."""
    return argument if any(argument is node for node in ast.walk(call)) else call


def as_imported(path: str) -> str:
    """Writes the path of a name as ``keras.x`` or ``tensorflow.keras.x``."""
    if path.startswith(("keras.", "tensorflow.keras.")):
        return path
    return keras_name(path)


def with_names(given: Arguments, method: str) -> Arguments:
    """Returns the arguments of ``fit_generator`` and its like by name."""
    if method not in _POSITIONS:
        return given
    named = Arguments(is_complete=given.is_complete, num_positional=given.num_positional)
    names: dict[str | int, str] = dict(enumerate(_POSITIONS[method]))
    for key, node in given.nodes.items():
        named.add(names.get(key, key), node, given.values[key])
    return named


def is_model(value: Value | None) -> bool:
    """Whether a value is certainly a model of Keras."""
    if isinstance(value, Instance):
        return any(path.endswith((".Model", ".Sequential")) for path in value.of.paths)
    return isinstance(value, Made) and (
        ".applications." in value.path
        or value.path.endswith(
            (".Model", ".Sequential", ".load_model", ".clone_model", ".model_from_json")
        )
    )


def is_iterator(value: Instance) -> bool:
    """Whether an instance is certainly an iterator or sequence that is not of Keras."""
    bases = {ast.unparse(base) for base in value.of.node.bases}
    has_items = any(map(value.of.find, ("__next__", "__iter__", "__getitem__", "next")))
    return has_items and not value.of.paths and bases <= {"object"}


def is_optimizer(node: ast.expr, owner: Value | None) -> bool:
    """Whether an expression with a value is an optimizer of Keras."""
    if isinstance(owner, Made):
        return ".optimizers." in owner.path
    return ast.unparse(node).endswith(".optimizer") and ast.unparse(node) != "self.optimizer"


def is_called_model(function: ast.expr) -> bool:
    """Whether a method is called of something that is called model."""
    if not isinstance(function, ast.Attribute):
        return False
    return ast.unparse(function.value).rpartition(".")[2].lower().endswith("model")
