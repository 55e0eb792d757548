"""What the options of an augmentation may be: declared once, for checks, policy files and sliders.

An augmentation is a frozen dataclass. The type of a field says what is legal, as in
``degrees: Annotated[Interval, Span(-360, 360, "degrees")] = (-20, 20)``; ``check_options`` holds an
object to it.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import typing
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np

from imggen.errors import OptionError

# (low, high): each sample draws a value from between, all equally likely.
Interval = tuple[float, float]


@dataclass(frozen=True)
class Bounds:
    """The numbers that are legal.

    Attributes:
        least: The smallest.
        most: The largest, or infinity.
        unit: What is measured, in words; "" where there is nothing to say.
        above: Whether ``least`` itself is out of bounds.
    """

    least: float
    most: float
    unit: str = ""
    above: bool = False


class Span(Bounds):
    """A range (low, high) of numbers within the bounds."""


@final
class WholeSpan(Span):
    """A range of whole numbers."""


@final
class Number(Bounds):
    """One number for all samples."""


@final
class Whole(Bounds):
    """One whole number for all samples."""


@final
@dataclass(frozen=True)
class Choice:
    """One of several words: what a field of a Literal type may be."""

    choices: tuple[str, ...]


# The share of images that are changed.
Share = typing.Annotated[float, Number(0, 1)]

Allowed = Bounds | Choice


def allowed(kind: type) -> dict[str, Allowed]:
    """The options of a class of augmentations, by name: what each may be."""
    return _allowed(kind)


@functools.cache
def _allowed(kind: type) -> dict[str, Allowed]:
    legal: dict[str, Allowed] = {}
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if typing.get_origin(hint) is Literal:
            legal[field.name] = Choice(typing.get_args(hint))
        else:
            marks = getattr(hint, "__metadata__", ())
            legal.update((field.name, mark) for mark in marks if isinstance(mark, Bounds))
    return legal


def fields_of(kind: type) -> list[dataclasses.Field[Any]]:
    """The options of a class of augmentations; those that many of them have come last."""
    return sorted(dataclasses.fields(kind), key=lambda field: bool(field.kw_only))


def check_options(augmentation: Any) -> None:
    """Holds a frozen dataclass to what its fields declare, and makes tuples of floats of ranges.

    Raises:
        OptionError: A value of another kind, out of bounds, or a range turned round.
    """
    for option, legal in allowed(augmentation.__class__).items():
        value = getattr(augmentation, option)
        object.__setattr__(augmentation, option, _checked(option, value, legal))


def _checked(option: str, value: object, legal: Allowed) -> object:
    if isinstance(legal, Choice):
        if value not in legal.choices:
            raise OptionError.unknown(option, value, legal.choices)
        return value
    if isinstance(legal, Span):
        return _checked_range(option, value, legal)
    if not _is_number(value) or not _is_within(value, legal):
        raise OptionError(f"{option}={value!r} must be {_one(legal)}{_in_unit(legal)}.")
    return int(value) if isinstance(legal, Whole) else float(value)


def _checked_range(option: str, value: object, legal: Bounds) -> Interval:
    if not isinstance(value, tuple | list) or len(value) != 2 or not all(map(_is_number, value)):
        raise OptionError(f"{option}={value!r} must be two numbers, (low, high){_in_unit(legal)}.")
    low, high = value
    if low > high or not _is_within(low, legal) or not _is_within(high, legal):
        below = "<" if legal.above else "<="
        bounds = f"{_short(legal.least)} {below} low <= high"
        if math.isfinite(legal.most):
            bounds += f" <= {_short(legal.most)}"
        turned = f" Did you mean ({high}, {low})?" if low > high else ""
        raise OptionError(
            f"{option}={value!r} must be (low, high) with {bounds}{_in_unit(legal)}.{turned}"
        )
    return float(low), float(high)


def _is_number(value: object) -> typing.TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(-math.inf < value < math.inf)


def _is_within(value: float, legal: Bounds) -> bool:
    if isinstance(legal, Whole | WholeSpan) and value != int(value):
        return False
    at_least = legal.least < value if legal.above else legal.least <= value
    return bool(at_least and value <= legal.most)


def _one(legal: Bounds) -> str:
    kind = "a whole number" if isinstance(legal, Whole) else "a number"
    if not math.isfinite(legal.most):
        return f"{kind} {'above' if legal.above else 'of at least'} {_short(legal.least)}"
    start = f"above {_short(legal.least)}, up to" if legal.above else f"{_short(legal.least)} to"
    return f"{kind}, {start} {_short(legal.most)}"


def _in_unit(legal: Bounds) -> str:
    return f", {legal.unit}" if legal.unit else ""


def _short(value: float) -> str:
    return f"{value:g}"
