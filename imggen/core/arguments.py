"""Type checks of the arguments of public functions and classes.

``check_arguments`` is put on every public function and class, and reads what is expected from the
annotations. A wrong type raises ``OptionTypeError`` with the argument's name before anything is
done. Numbers and words have bounds and choices that only the function knows, so it checks those
itself; only if it fails with an error of Python's own are its arguments compared with the
annotations afterwards.

beartype, typeguard and pydantic all refuse an array or a ``Series`` for a sequence, accept either a
single string for a list of strings or ``"False"`` for a bool, fail at or skip names that are
imported for type checkers only, and take over 100 ms to import; hence this module.
"""

from __future__ import annotations

import functools
import inspect
import os
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, final

from imggen.core.annotations import Kind, compile_parameters
from imggen.errors import ImggenError, OptionTypeError, shorten

F = TypeVar("F", bound=Callable[..., Any])

# Errors of Python's own, and OptionTypeError, which is among them.
_EXPLAINED_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def check_arguments(target: F) -> F:
    """Decorates a public function or class so that arguments of a wrong type are named.

    Annotations are read at the first call. Not for functions that are called per sample.

    Args:
        target: A function, or a class whose constructor is checked.

    Raises:
        OptionTypeError: By the decorated function, for a wrong argument.

    Example:
        >>> @check_arguments
        ... def count(paths: list[str], recursive: bool = False) -> int:
        ...     return len(paths)
        >>> count(["a.jpg"], recursive="no")
        Traceback (most recent call last):
        imggen.errors.OptionTypeError: recursive='no' is of type str; expected True or False.
    """
    return _decorate(target, is_strict=True)


def explain_arguments(target: F) -> F:
    """Decorates a function or class so that an error of Python's own names the wrong argument.

    Unlike ``check_arguments``, it refuses nothing that the function accepts: for the drop-in, which
    accepts whatever Keras accepts.
    """
    return _decorate(target, is_strict=False)


def _decorate(target: F, *, is_strict: bool) -> F:
    if isinstance(target, type):
        method = "__init__" if "__init__" in vars(target) else "__new__"
        setattr(target, method, _guard(getattr(target, method), is_strict=is_strict))
        return target
    return typing.cast(F, _guard(target, is_strict=is_strict))


def _guard(function: Callable[..., Any], *, is_strict: bool) -> Callable[..., Any]:
    signature = _Signature(function)

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if is_strict:
            signature.check(args, kwargs)
        try:
            return function(*args, **kwargs)
        except _EXPLAINED_ERRORS as err:
            # Those of other functions of imggen name their own parameters.
            if isinstance(err, OptionTypeError) or not isinstance(err, ImggenError):
                signature.explain(args, kwargs, err)
            raise

    return guarded


@final
class _Signature:
    """The kinds of a function's parameters, compiled at its first call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @functools.cached_property
    def _positional(self) -> list[str]:
        parameters = inspect.signature(self._function).parameters.values()
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return [parameter.name for parameter in parameters if parameter.kind in kinds]

    @functools.cached_property
    def _kinds(self) -> dict[str, Kind]:
        return compile_parameters(self._function)

    def check(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Raises OptionTypeError for an argument that cannot be legal."""
        for name, value, kind in self._arguments(args, kwargs):
            if kind.is_final and not kind.accepts(value):
                raise _build_error(name, value, kind)

    def explain(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], err: Exception) -> None:
        """Raises OptionTypeError if an argument explains an error."""
        for name, value, kind in self._arguments(args, kwargs):
            if not kind.accepts(value):
                raise _build_error(name, value, kind) from err

    def _arguments(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any, Kind]]:
        kinds = self._kinds
        for name, value in (*zip(self._positional, args, strict=False), *kwargs.items()):
            kind = kinds.get(name)
            if kind is not None:
                yield name, value, kind


def _build_error(name: str, value: object, kind: Kind) -> OptionTypeError:
    text = shorten(value)
    hint = f" {kind.hint}" if kind.hint else ""
    if isinstance(value, bytes) and kind.expected.startswith("a path"):
        hint = f" Pass os.fsdecode({name})."
    elif hasattr(value, "as_dict") and kind.expected.startswith("a mapping"):
        hint = f" Pass {name}.as_dict()."
    elif isinstance(value, str | bytes | os.PathLike) and kind.expected.startswith("a list"):
        noun = "path" if kind.expected.startswith("a list of paths") else "value"
        hint = f" For one {noun}, pass [{text}]."
    fault = _describe_fault(value, kind)
    return OptionTypeError(f"{name}={text} {fault}; expected {kind.expected}.{hint}")


def _describe_fault(value: object, kind: Kind) -> str:
    if value is None:
        return "is not legal"
    if isinstance(value, str | os.PathLike) and "a path" in kind.expected:
        path = os.fspath(value)
        if isinstance(path, str) and "\0" in path:
            return "contains a null character"
    if callable(value) and "a function" in kind.expected:
        return "has other parameters"
    return f"is of type {type(value).__name__}"
