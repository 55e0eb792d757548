"""Errors that name the argument that causes them, without refusing what Keras accepts.

Nothing is checked beforehand. Only when a call fails, its arguments are tried one at a time, each
among harmless ones, to find the one that is wrong.
"""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numpy as np

from imggen.core import explain_arguments, shorten
from imggen.errors import ImggenError, OptionError, OptionTypeError

_PACKAGES = {"imggen", "keras", "numpy", "scipy", "PIL", "cv2", "pandas"}
F = TypeVar("F", bound=Callable[..., Any])


def build_argument_error(name: str, value: object, err: Exception) -> OptionError:
    """Returns an error that names an argument and can be caught like the one that it caused."""
    text = f"{name}={shorten(value)} cannot be used: {type(err).__name__}: {err}"
    error = _error_class(type(err))(text)
    for note in getattr(err, "__notes__", ()):
        error.add_note(note)
    return error


def _error_class(kind: Any) -> type[OptionError]:
    """Returns a class of errors that are also of the kind that Keras raises."""
    own = OptionError if issubclass(kind, ValueError) else OptionTypeError
    if issubclass(own, kind):
        return own
    # Some kinds take other arguments, or do not show their text as it is.
    methods = {"__init__": Exception.__init__, "__str__": Exception.__str__}
    return type(own.__name__, (own, kind), methods)


def is_explained(err: Exception) -> bool:
    """Returns whether an error is about a file, names its argument, or is the user's own."""
    return isinstance(err, ImggenError | OSError) or _is_by_user(err)


def _is_by_user(err: Exception) -> bool:
    """Returns whether code that is neither imggen's nor of a package that it uses has run."""
    frames = (frame for frame, _ in traceback.walk_tb(err.__traceback__))
    names = (frame.f_globals.get("__name__", "").partition(".")[0] for frame in frames)
    return any(name not in _PACKAGES and name not in sys.stdlib_module_names for name in names)


def check_truth_value(name: str, value: object) -> None:
    """Raises OptionTypeError for an argument that is neither true nor false, such as an array."""
    try:
        bool(value)
    except (TypeError, ValueError) as err:
        raise build_argument_error(name, value, err) from err


def fails(call: Callable[[], object]) -> bool:
    """Returns whether a trial call fails; it changes neither ``np.random`` nor warnings."""
    with _without_traces():
        try:
            call()
        except Exception:  # noqa: BLE001 - an argument may cause any error
            return True
    return False


@contextmanager
def _without_traces() -> Iterator[None]:
    before = np.random.get_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(before)


def find_wrong_argument(
    function: Callable[..., object], given: Mapping[str, Any], harmless: Mapping[str, Any]
) -> str | None:
    """Returns the argument without which a call that has failed succeeds; None: there is none.

    Args:
        function: A function that can be called again.
        given: The arguments that it fails with.
        harmless: For some of them, a legal value.
    """
    for name in given:
        if name in harmless:
            arguments = {**given, name: harmless[name]}
            if not fails(lambda arguments=arguments: function(**arguments)):  # type: ignore[misc]
                return name
    return None


def name_wrong_argument(**harmless: Any) -> Callable[[F], F]:
    """Decorates a function so that its errors name the argument that causes them.

    Args:
        **harmless: A legal value for each parameter that has no default.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        defaults = {
            name: parameter.default
            for name, parameter in signature.parameters.items()
            if parameter.default is not inspect.Parameter.empty
        }

        explained = explain_arguments(function)

        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as err:
                if not is_explained(err):
                    given = _bind(signature, args, kwargs)
                    name = find_wrong_argument(function, given, {**defaults, **harmless})
                    if name is not None:
                        raise build_argument_error(name, given[name], err) from err
                    explained(*args, **kwargs)  # several arguments are wrong
                raise

        return cast("F", guarded)

    return decorate


def _bind(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    try:
        return signature.bind(*args, **kwargs).arguments
    except TypeError:  # a missing or an unknown argument, which Python's error names
        return {}
