"""Annotations as predicates: which values a parameter allows, and how to describe them."""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from imggen.core.checks import is_whole
from imggen.core.string_column import StringColumn

_AS_PATH = "converted from a path"
# The type of a text in a dataclass whose constructor also accepts os.PathLike.
PathText = typing.Annotated[str, _AS_PATH]

# Aliases under which modules are imported for type checkers only.
_MODULES = {"pd": "pandas", "npt": "numpy"}
_HINTS = {
    "Measurable": "Pass one ImageSequence, such as the split train.",
    "Previewable": "Pass an ImageSequence, as imggen.from_directory(DIR) returns.",
    "Generator": "Pass numpy.random.default_rng(seed).",
    "DataFrame": "Read a file with pandas.read_csv(FILE); convert other tables with "
    "pandas.DataFrame(...).",
}


@final
@dataclass(frozen=True)
class Kind:
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


def compile_parameters(function: Callable[..., Any]) -> dict[str, Kind]:
    """Returns the kind of each parameter whose annotation is more than Any, by its name.

    Args:
        function: A function with annotations, as objects or as text.
    """
    kinds: dict[str, Kind | None] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.annotation is inspect.Parameter.empty:  # self
            continue
        hint = _resolve(parameter.annotation, function.__globals__)
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            kinds |= _compile_options(hint)
        elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            kinds[name] = _compile(hint)
    return {name: kind for name, kind in kinds.items() if kind is not None}


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


def _compile_options(hint: Any) -> dict[str, Kind | None]:
    """Compiles ``**options: Unpack[SomeTypedDict]``."""
    if typing.get_origin(hint) is not typing.Unpack:
        return {}
    (options,) = typing.get_args(hint)
    namespace = vars(sys.modules[options.__module__])
    return {
        name: _compile(_resolve(annotation, namespace))
        for name, annotation in options.__annotations__.items()
    }


def _compile(hint: Any) -> Kind | None:
    """Returns the kind of an annotation; None if it allows anything."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _PATH if args[1:] == (_AS_PATH,) else _compile(args[0])
    if origin in (typing.Union, types.UnionType):
        return _compile_union(args)
    if origin is typing.Literal:
        words = ", ".join(map(repr, args))
        return Kind(lambda value: _is_one_of(value, args), f"one of {words}", is_final=False)
    kind = origin or hint
    if kind is tuple:
        return Kind(lambda value: isinstance(value, tuple | list), "a tuple", is_final=False)
    if kind is Callable:
        return _compile_function(args)
    if kind is np.ndarray:
        return Kind(lambda value: isinstance(value, Iterable), "an array", is_final=False)
    if kind is StringColumn:
        return _compile_collection(Sequence, (str,))
    if kind in (Sequence, Collection, Iterable):
        return _compile_collection(kind, args)
    if kind is Mapping:
        return _compile_mapping(args)
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    return _compile_class(kind)


def _compile_union(hints: tuple[Any, ...]) -> Kind | None:
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
    return Kind(
        lambda value: any(kind.accepts(value) for kind in kinds),
        " or ".join([", ".join(nouns[:-1]), nouns[-1]] if len(nouns) > 1 else nouns),
        is_final=all(kind.is_final for kind in kinds),
        hint=" ".join(dict.fromkeys(kind.hint for kind in kinds if kind.hint)),
    )


def _compile_function(args: tuple[Any, ...]) -> Kind:
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

    return Kind(accepts, noun)


def _compile_collection(kind: Any, args: tuple[Any, ...]) -> Kind:
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
        return Kind(accepts, f"a list with {item.expected} each", is_final=item.is_final)
    return Kind(accepts, noun, is_final=item is not None and item.is_final)


def _compile_mapping(args: tuple[Any, ...]) -> Kind:
    key, item = (_compile(arg) for arg in args) if args else (None, None)

    def accepts(value: object) -> bool:
        return isinstance(value, Mapping) and all(
            (key is None or key.accepts(name)) and (item is None or item.accepts(content))
            for name, content in value.items()
        )

    noun = "a mapping"
    if key is not None and item is not None:
        noun += f" from {key.expected} to {item.expected}"
    return Kind(accepts, noun, is_final=all(kind is None or kind.is_final for kind in (key, item)))


def _compile_class(kind: Any) -> Kind | None:
    if isinstance(kind, _Placeholder):
        module, _, name = kind.__name__.rpartition(".")
        module = _MODULES.get(module, module)
        return Kind(
            lambda value: any(
                base.__name__ == name and base.__module__.startswith(module)
                for base in type(value).__mro__
            ),
            f"a {module}.{name}" if module else f"a {name}",
            is_final=False,
            hint=_HINTS.get(name, ""),
        )
    if not isinstance(kind, type) or kind in (object, Any):
        return None
    if getattr(kind, "_is_protocol", False):
        return _compile_protocol(kind)
    package = kind.__module__.partition(".")[0]
    return Kind(
        lambda value: isinstance(value, kind),
        f"{'an' if package == 'imggen' else 'a'} {package}.{kind.__name__}",
        # What behaves like an object of another package can stand in for it.
        is_final=package == "imggen",
        hint=getattr(kind, "argument_hint", _HINTS.get(kind.__name__, "")),
    )


def _compile_protocol(kind: type) -> Kind:
    names = {*kind.__annotations__, *(name for name in vars(kind) if not name.startswith("_"))}
    return Kind(
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


_PATH = Kind(_is_path, "a path (a string or os.PathLike)")
_SIMPLE: dict[Any, Kind] = {
    type(None): Kind(lambda value: value is None, "None"),
    bool: Kind(_is_flag, "True or False"),
    int: Kind(is_whole, "a whole number", is_final=False),
    float: Kind(
        lambda value: is_whole(value) or isinstance(value, float | np.floating),
        "a number",
        is_final=False,
    ),
    str: Kind(lambda value: isinstance(value, str), "a string"),
    bytes: Kind(lambda value: isinstance(value, bytes), "bytes"),
    os.PathLike: _PATH,
}
