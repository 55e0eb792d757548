"""Type checks of the arguments of public functions and classes.

``check_arguments`` is put on every public function and class, and reads what is expected from the
annotations. A wrong type raises ``OptionTypeError`` with the argument's name before anything is
done. Numbers and words have bounds and choices that only the function knows, so it checks those
itself; only if it fails with an error of Python's own are its arguments compared with the
annotations afterwards.

beartype and pydantic refuse what NumPy and pandas users pass (``np.int64`` for ``int``, an array or
a ``Series`` for a sequence), cannot resolve names imported for type checkers only, and take longer
to import than imggen; hence this module.
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, final

import numpy as np

from imggen.core.checks import is_whole
from imggen.core.string_column import StringColumn
from imggen.errors import ImggenError, OptionTypeError

F = TypeVar("F", bound=Callable[..., Any])

_AS_PATH = "converted from a path"
# The type of a text in a dataclass whose constructor also accepts os.PathLike.
PathText = typing.Annotated[str, _AS_PATH]

_MAX_REPR = 60
# Aliases under which modules are imported for type checkers only.
_MODULES = {"pd": "pandas", "npt": "numpy"}
_HINTS = {
    "Previewable": "Pass an ImageSequence, as imggen.from_directory(DIR) returns.",
    "DataFrame": "Read a file with pandas.read_csv(FILE); convert other tables with "
    "pandas.DataFrame(...).",
}
# Errors of Python's own, and OptionTypeError, which is among them.
_EXPLAINED_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


@final
@dataclass(frozen=True)
class _Kind:
    """The values that an annotation allows.

    Attributes:
        accepts: Whether a value is legal.
        expected: A noun for the legal values.
        is_final: Whether the annotation alone decides what is legal; False for numbers and words,
            whose bounds and choices functions check themselves.
        hint: How to get a legal value; "" if that is obvious.
    """

    accepts: Callable[[Any], bool]
    expected: str
    is_final: bool = True
    hint: str = ""


def check_arguments(target: F) -> F:
    """Decorates a public function or class so that arguments of a wrong type are named.

    Annotations are read at the first call. Not for functions that are called per sample.

    Args:
        target: A function, or a class whose constructor is checked.

    Raises:
        OptionTypeError: By the decorated function, for a wrong argument.

    Example:
        >>> @check_arguments
        ... def count(paths: Sequence[str]) -> int:
        ...     return len(paths)
        >>> count("a.jpg")
        Traceback (most recent call last):
        imggen.errors.OptionTypeError: paths='a.jpg' is of type str; expected a list of strings.
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
    def _kinds(self) -> dict[str, _Kind]:
        kinds: dict[str, _Kind | None] = {}
        for name, parameter in inspect.signature(self._function).parameters.items():
            if parameter.annotation is inspect.Parameter.empty:  # self
                continue
            hint = _resolve(parameter.annotation, self._function.__globals__)
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                kinds |= _compile_options(hint)
            elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
                kinds[name] = _compile(hint)
        return {name: kind for name, kind in kinds.items() if kind is not None}

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
    ) -> Iterator[tuple[str, Any, _Kind]]:
        kinds = self._kinds
        for name, value in (*zip(self._positional, args, strict=False), *kwargs.items()):
            kind = kinds.get(name)
            if kind is not None:
                yield name, value, kind


def _build_error(name: str, value: object, kind: _Kind) -> OptionTypeError:
    text = repr(value)
    text = text if len(text) <= _MAX_REPR and "\n" not in text else f"<{type(value).__name__}>"
    hint = f" {kind.hint}" if kind.hint else ""
    if isinstance(value, bytes) and kind.expected.startswith("a path"):
        hint = f" Pass os.fsdecode({name})."
    elif isinstance(value, str | bytes | os.PathLike) and kind.expected.startswith("a list"):
        noun = "path" if kind.expected.startswith("a list of paths") else "value"
        hint = f" For one {noun}, pass [{text}]."
    of_type = "" if value is None else f" is of type {type(value).__name__}"
    separator = ";" if of_type else " is not legal;"
    return OptionTypeError(f"{name}={text}{of_type}{separator} expected {kind.expected}.{hint}")


def _resolve(annotation: Any, namespace: Mapping[str, Any]) -> Any:
    """Evaluates an annotation; names that are known to type checkers only become placeholders."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    return eval(annotation, {}, _Names(namespace))  # noqa: S307 - imggen's own source text


@final
class _Names(dict[str, Any]):
    """The names of a module, with a placeholder for every unknown one."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, None) or _Placeholder(name, (), {})


class _Placeholder(type):
    """Stands for a class of a module that is imported for type checkers only."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Placeholder(f"{cls.__name__}.{name}", (), {})

    def __getitem__(cls, item: object) -> Any:
        return cls


def _compile_options(hint: Any) -> dict[str, _Kind | None]:
    """Compiles ``**options: Unpack[SomeTypedDict]``."""
    if typing.get_origin(hint) is not typing.Unpack:
        return {}
    (options,) = typing.get_args(hint)
    namespace = vars(sys.modules[options.__module__])
    return {
        name: _compile(_resolve(annotation, namespace))
        for name, annotation in options.__annotations__.items()
    }


def _compile(hint: Any) -> _Kind | None:
    """Returns the kind of an annotation; None if it allows anything."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _PATH if args[1:] == (_AS_PATH,) else _compile(args[0])
    if origin in (typing.Union, types.UnionType):
        return _compile_union(args)
    if origin is typing.Literal:
        words = ", ".join(map(repr, args))
        return _Kind(lambda value: _is_one_of(value, args), f"one of {words}", is_final=False)
    kind = origin or hint
    if kind is tuple:
        return _Kind(lambda value: isinstance(value, tuple | list), "a tuple", is_final=False)
    if kind is Callable:
        return _compile_function(args)
    if kind is np.ndarray:
        return _Kind(lambda value: isinstance(value, Iterable), "an array", is_final=False)
    if kind is StringColumn:
        return _compile_collection(Sequence, (str,))
    if kind in (Sequence, Collection, Iterable):
        return _compile_collection(kind, args)
    if kind is Mapping:
        return _compile_mapping(args)
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    return _compile_class(kind)


def _compile_union(hints: tuple[Any, ...]) -> _Kind | None:
    kinds, named = [], str in hints
    if any(typing.get_origin(hint) is os.PathLike for hint in hints):
        hints = tuple(os.PathLike if hint is str else hint for hint in hints)
    for hint in hints:
        kind = _compile(hint)
        if kind is None:
            return None
        # Beside text, an integer is a name: it has no bounds.
        kinds.append(dataclasses.replace(kind, is_final=True) if hint is int and named else kind)
    nouns = list(dict.fromkeys(kind.expected for kind in kinds))
    return _Kind(
        lambda value: any(kind.accepts(value) for kind in kinds),
        " or ".join([", ".join(nouns[:-1]), nouns[-1]] if len(nouns) > 1 else nouns),
        is_final=all(kind.is_final for kind in kinds),
        hint=" ".join(dict.fromkeys(kind.hint for kind in kinds if kind.hint)),
    )


def _compile_function(args: tuple[Any, ...]) -> _Kind:
    count = len(args[0]) if args and isinstance(args[0], list) else None
    plural = "" if count == 1 else "s"
    noun = "a function" if count is None else f"a function with {count} parameter{plural}"

    def accepts(value: object) -> bool:
        if not callable(value) or count is None:
            return callable(value)
        try:
            signature = inspect.signature(value)
        except (TypeError, ValueError):  # many functions of C have none
            return True
        try:
            signature.bind(*[None] * count)
        except TypeError:
            return False
        return True

    return _Kind(accepts, noun)


def _compile_collection(kind: Any, args: tuple[Any, ...]) -> _Kind:
    # Texts are checked by those who convert them: there may be millions.
    item = _compile(args[0]) if args else None
    plurals = {"a string": " of strings", _PATH.expected: " of paths"}
    noun = "a list" + plurals.get("" if item is None else item.expected, "")

    def accepts(value: object) -> bool:
        if isinstance(value, str | bytes | Mapping | os.PathLike):
            return False
        if kind is Sequence and isinstance(value, set | frozenset):  # which have no order
            return False
        if not isinstance(value, Iterable) or getattr(value, "ndim", 1) != 1:
            return False
        if item is None or noun != "a list" or isinstance(value, Iterator):
            return True
        return all(map(item.accepts, value))

    if item is not None and noun == "a list":
        return _Kind(accepts, f"a list with {item.expected} each", is_final=item.is_final)
    return _Kind(accepts, noun, is_final=item is not None and item.is_final)


def _compile_mapping(args: tuple[Any, ...]) -> _Kind:
    key, item = (_compile(arg) for arg in args) if args else (None, None)

    def accepts(value: object) -> bool:
        return isinstance(value, Mapping) and all(
            (key is None or key.accepts(name)) and (item is None or item.accepts(content))
            for name, content in value.items()
        )

    noun = "a mapping"
    if key is not None and item is not None:
        noun += f" from {key.expected} to {item.expected}"
    return _Kind(accepts, noun, is_final=all(kind is None or kind.is_final for kind in (key, item)))


def _compile_class(kind: Any) -> _Kind | None:
    if isinstance(kind, _Placeholder):
        module, _, name = kind.__name__.rpartition(".")
        module = _MODULES.get(module, module)
        if not module:
            return None
        return _Kind(
            lambda value: any(
                base.__name__ == name and base.__module__.partition(".")[0] == module
                for base in type(value).__mro__
            ),
            f"a {module}.{name}",
            is_final=False,
            hint=_HINTS.get(name, ""),
        )
    if not isinstance(kind, type) or kind in (object, Any):
        return None
    if getattr(kind, "_is_protocol", False):
        return _compile_protocol(kind)
    package = kind.__module__.partition(".")[0]
    return _Kind(
        lambda value: isinstance(value, kind),
        f"{'an' if package == 'imggen' else 'a'} {package}.{kind.__name__}",
        # What behaves like an object of another package can stand in for it.
        is_final=package == "imggen",
        hint=getattr(kind, "argument_hint", _HINTS.get(kind.__name__, "")),
    )


def _compile_protocol(kind: type) -> _Kind:
    names = {*kind.__annotations__, *(name for name in vars(kind) if not name.startswith("_"))}
    return _Kind(
        lambda value: all(hasattr(value, name) for name in names),
        f"an object with {', '.join(sorted(names))}",
        is_final=False,  # adapters may convert other objects
        hint=_HINTS.get(kind.__name__, ""),
    )


def _is_one_of(value: object, choices: tuple[Any, ...]) -> bool:
    return any(
        value is choice or (isinstance(value, str) and value == choice) for choice in choices
    )


def _is_path(value: object) -> bool:
    if not isinstance(value, str | os.PathLike):
        return False
    path = os.fspath(value)
    return isinstance(path, str) and "\0" not in path


def _is_flag(value: object) -> bool:
    return isinstance(value, bool | np.bool_) or is_whole(value, 0, 1)


_PATH = _Kind(_is_path, "a path (a string or os.PathLike)")
_SIMPLE: dict[Any, _Kind] = {
    type(None): _Kind(lambda value: value is None, "None"),
    bool: _Kind(_is_flag, "True or False"),
    int: _Kind(is_whole, "a whole number", is_final=False),
    float: _Kind(
        lambda value: is_whole(value) or isinstance(value, float | np.floating),
        "a number",
        is_final=False,
    ),
    str: _Kind(lambda value: isinstance(value, str), "a string"),
    bytes: _Kind(lambda value: isinstance(value, bytes), "bytes"),
    os.PathLike: _PATH,
}
