"""Options of augmentations: declared once, for checks, policy files and sliders.

An augmentation is a frozen dataclass. The type of a field declares which values are legal, as in
``degrees: Annotated[Signed, RangeBounds(-360, 360)] = span(-20, 20)``;
``check_options`` validates an object against these declarations.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final, overload

import numpy as np
import numpy.typing as npt

from imggen.core import check_choice, check_number, check_range, check_whole

if TYPE_CHECKING:

    class Range:
        """(low, high): a value is drawn from this range for each sample, all equally likely.

        To type checkers, an attribute is a tuple, and an argument may be any sequence.
        """

        @overload
        def __get__(self, instance: None, owner: Any) -> Any: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> tuple[float, float]: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Any, value: Sequence[float] | npt.NDArray[Any]) -> None: ...

    class Signed:
        """A range for which an argument may also be a number, for (-number, number)."""

        @overload
        def __get__(self, instance: None, owner: Any) -> Any: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> tuple[float, float]: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(
            self, instance: Any, value: float | Sequence[float] | npt.NDArray[Any]
        ) -> None: ...

else:
    Range = Signed = tuple[float, float]


def span(low: float, high: float) -> Any:
    """Returns the default of a range."""
    return float(low), float(high)


@dataclass(frozen=True)
class Bounds:
    """The interval of legal numbers.

    Attributes:
        minimum: The smallest legal number.
        maximum: The largest legal number.
        unit: The unit, in words; "" where there is none.
        exclusive: Whether ``minimum`` itself is not legal.
    """

    minimum: float
    maximum: float
    unit: str = ""
    exclusive: bool = False


class RangeBounds(Bounds):
    """Bounds of a range (low, high).

    If they are symmetric, a single number stands for (-number, number).
    """


@final
class WholeRangeBounds(RangeBounds):
    """Bounds of a range (low, high) of whole numbers."""


@final
class NumberBounds(Bounds):
    """Bounds of a number that is the same for all samples."""


@final
class WholeBounds(Bounds):
    """Bounds of a whole number that is the same for all samples."""


@final
@dataclass(frozen=True)
class Choice:
    """The legal words of a field with a Literal type."""

    choices: tuple[str, ...]


# The probability that an image is changed.
Probability = typing.Annotated[float, NumberBounds(0, 1)]

Constraint = Bounds | Choice


def option_constraints(kind: type) -> dict[str, Constraint]:
    """Returns the constraint of each option of an augmentation class, by the option's name."""
    return _option_constraints(kind)


@functools.cache
def _option_constraints(kind: type) -> dict[str, Constraint]:
    constraints: dict[str, Constraint] = {}
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if typing.get_origin(hint) is Literal:
            constraints[field.name] = Choice(typing.get_args(hint))
        else:
            metadata = getattr(hint, "__metadata__", ())
            constraints.update((field.name, mark) for mark in metadata if isinstance(mark, Bounds))
    return constraints


def option_fields(kind: type) -> list[dataclasses.Field[Any]]:
    """Returns the options of an augmentation class; those that many classes share come last."""
    return sorted(dataclasses.fields(kind), key=lambda field: bool(field.kw_only))


def check_options(augmentation: Any) -> None:
    """Validates a frozen dataclass against its declarations, and normalizes its values.

    Numbers become floats or ints, and ranges become tuples of floats.

    Raises:
        OptionError: A value has the wrong type or is out of bounds, or a range is reversed.
    """
    for option, constraint in option_constraints(augmentation.__class__).items():
        value = _check_option(option, getattr(augmentation, option), constraint)
        object.__setattr__(augmentation, option, value)


def _check_option(option: str, value: object, constraint: Constraint) -> object:
    if isinstance(constraint, Choice):
        return check_choice(option, value, constraint.choices)
    minimum, maximum, unit = constraint.minimum, constraint.maximum, constraint.unit
    if isinstance(constraint, WholeBounds):
        # Sliders and policy files may write whole numbers as floats.
        if isinstance(value, float | np.floating) and value == value // 1:
            value = int(value)
        return check_whole(option, value, int(minimum), int(maximum))
    above = minimum if constraint.exclusive else None
    at_least = None if constraint.exclusive else minimum
    if isinstance(constraint, RangeBounds):
        whole = isinstance(constraint, WholeRangeBounds)
        return check_range(
            option,
            value,
            at_least,
            maximum,
            above=above,
            whole=whole,
            symmetric=minimum == -maximum,
            unit=unit,
        )
    return check_number(option, value, at_least, maximum, above=above, unit=unit)
