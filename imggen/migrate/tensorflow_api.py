"""Names of TensorFlow 1 that the installed TensorFlow has lost, read from its files."""

from __future__ import annotations

import ast
import functools
import importlib.util
from pathlib import Path

# TensorFlow sets these names at run time, as other names for modules of Keras.
_OF_KERAS = {"keras", "initializers", "losses", "metrics", "optimizers"}


def is_of_version_1(path: str) -> bool:
    """Whether a dotted path, such as ``tensorflow.Session``, exists in TensorFlow 1 only."""
    root, *names = path.split(".")
    if root != "tensorflow" or not names or names[0] in _OF_KERAS:
        return False
    if names[0] == "contrib":
        return True
    if names[0] not in _names(""):
        return names[0] in _names("compat/v1")
    if len(names) < 2 or not _names(names[0]):
        return False
    return names[1] not in _names(names[0]) and names[1] in _names(f"compat/v1/{names[0]}")


@functools.cache
def _names(module: str) -> frozenset[str]:
    """The names in a module of TensorFlow's API; empty if they cannot be read."""
    folder = _installed_tensorflow()
    if folder is None:
        return frozenset()
    file = folder / "_api" / "v2" / module / "__init__.py" if module else folder / "__init__.py"
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return frozenset()
    return frozenset(
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


@functools.cache
def _installed_tensorflow() -> Path | None:
    try:
        spec = importlib.util.find_spec("tensorflow")
    except (ImportError, ValueError):
        return None
    places = spec.submodule_search_locations if spec is not None else None
    return Path(places[0]) if places else None
