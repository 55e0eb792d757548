"""Names of the user's functions: for messages, and for files that name a function to import."""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy.typing as npt

from imggen.core import explain_keras_import, shorten
from imggen.errors import ImggenError, OptionError

Preprocess = Callable[[npt.NDArray[Any]], Any]


def is_from_keras(function: object) -> bool:
    """Whether a function is one of Keras's own."""
    module = getattr(function, "__module__", None)
    return isinstance(module, str) and module.split(".")[0] == "keras"


def describe_function(function: object) -> str:
    """Returns the name of a function for messages."""
    if isinstance(function, types.FunctionType):
        return f"{_public_module(function)}.{function.__qualname__}"
    return shorten(function)


def import_name(function: object) -> str | None:
    """Returns "module:name" of a function that can be imported again by it, else None.

    Functions of ``__main__`` cannot: in another process, that is another program.
    """
    if not isinstance(function, types.FunctionType):
        return None
    name = f"{_public_module(function)}:{function.__qualname__}"
    try:
        return name if import_function(name) is function else None
    except OptionError:
        return None


def import_function(name: str) -> Preprocess:
    """Imports a function by the name that ``import_name`` returned.

    Raises:
        OptionError: There is no such function in a module that can be imported.
    """
    module, _, attribute = name.partition(":")
    found: Any = None
    # Only functions that are written in Python and defined by the module that is named.
    if module != "__main__" and attribute.isidentifier():
        try:
            from_keras = module.partition(".")[0] == "keras"
            with explain_keras_import() if from_keras else nullcontext():
                found = getattr(importlib.import_module(module), attribute, None)
        except ImggenError:
            raise
        except Exception as err:
            raise OptionError(
                f"The function preprocess={name!r} cannot be imported: {type(err).__name__}: {err}."
                " Install its package, or add its folder to PYTHONPATH."
            ) from err
    if not isinstance(found, types.FunctionType) or _public_module(found) != module:
        raise OptionError(
            f"The function preprocess={name!r} does not exist; expected the name of a function of "
            "a module, such as 'keras.applications.vgg16:preprocess_input'."
        )
    return found


def _public_module(function: types.FunctionType) -> str:
    module = str(function.__module__)
    return module.replace("keras.src.applications.", "keras.applications.", 1)
