"""Options of augmentations: the values that a gallery shows of each, and their descriptions."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from fractions import Fraction
from typing import Any

import numpy as np

from imggen.augment import (
    Bounds,
    Choice,
    RangeBounds,
    WholeBounds,
    WholeRangeBounds,
    option_constraints,
    option_fields,
)
from imggen.core import format_number

_NUM_VALUES = 6
_MAX_DENOMINATOR = 100  # of numbers such as 4/3
_MIN_COARSE = 30  # values of wider ranges are shown as whole numbers
_SIGNS = {"degrees": "°", "pixels": " px", "percent": " %"}


def own_options(kind: type) -> dict[str, Bounds | Choice]:
    """Returns the options that an augmentation does not share with others, by name."""
    constraints = option_constraints(kind)
    return {
        field.name: constraints[field.name]
        for field in option_fields(kind)
        if field.name in constraints and not field.kw_only
    }


def has_own_p(field: dataclasses.Field[Any]) -> bool:
    """Whether this is the probability of an augmentation that leaves out samples by default."""
    return field.name == "p" and field.default != 1


def fix_others(kind: type, option: str, *, at_end: bool) -> dict[str, Any]:
    """Returns values for all options but one that make its effect visible: no randomness.

    Args:
        kind: The augmentation.
        option: The option that varies.
        at_end: Choose the upper ends of ranges, not their centers, which may change nothing.
    """
    fixed: dict[str, Any] = {}
    for name, constraint in option_constraints(kind).items():
        if name == option:
            continue
        if name == "p":
            fixed[name] = 1.0
        elif isinstance(constraint, RangeBounds):
            low, high = getattr(kind(), name)
            center = math.sqrt(low * high) if low > 0 else (low + high) / 2
            value = high if at_end else center
            value = round(value) if isinstance(constraint, WholeRangeBounds) else value
            fixed[name] = (value, value)
    return fixed


def choose_values(constraint: Bounds | Choice, default: Any) -> list[Any]:
    """Chooses values to show: the default range and beyond its ends, or all choices."""
    if isinstance(constraint, Choice):
        return list(constraint.choices)
    low, high = constraint.minimum, constraint.maximum
    if isinstance(constraint, RangeBounds):
        first, last = default
        width = last - first
        if width == 0:  # nothing changes by default
            width = first / 2 or (high - low) / 8
            values = [first - width, first - width / 2, first, first + width / 2, first + width]
        else:
            below = first / 2 if first > 0 >= first - width else first - width
            is_factor = first > 0 and (low > 0 or constraint.exclusive)
            between = np.geomspace if is_factor else np.linspace
            values = [below, *between(first, last, 5).tolist(), last + width]
    elif constraint.exclusive:
        values = [default * factor for factor in (0.25, 0.5, 1, 2, 4)]
    else:
        values = [*np.linspace(low, high, _NUM_VALUES).tolist(), default]
    is_whole = isinstance(constraint, WholeBounds | WholeRangeBounds)
    is_coarse = is_whole or max(values) - min(values) >= _MIN_COARSE
    legal = {min(max(value, low), high) for value in values}
    if constraint.exclusive:
        legal.discard(low)
    return sorted({round(value) if is_coarse else float(f"{value:.3g}") for value in legal})


def is_within(value: Any, default: Any) -> bool:
    """Whether a value is the default, or within the default range but for rounding."""
    if isinstance(default, tuple):
        low, high = default
        slack = 1e-3 * max(abs(low), abs(high), 1e-9)
        return bool(low - slack <= value <= high + slack)
    return bool(value == default)


def describe_values(kind: type, option: str) -> str:
    """Returns the default value and the legal values of an option, in words."""
    constraint = option_constraints(kind)[option]
    default = getattr(kind(), option)
    if isinstance(constraint, Choice):
        return f'default "{default}"'
    ends = default if isinstance(default, tuple) else (default,)
    shown = " to ".join(format_value(value, constraint) for value in ends)
    low, high = (
        format_value(value, constraint) for value in (constraint.minimum, constraint.maximum)
    )
    return f"default {shown}, legal {'above ' if constraint.exclusive else ''}{low} to {high}"


def format_value(value: Any, constraint: Bounds | Choice) -> str:
    """Formats a value of an option, with its unit if that has a short sign.

    Example:
        >>> format_value(12.0, RangeBounds(-90, 90, "degrees"))
        '12°'
    """
    if isinstance(constraint, Choice):
        return str(value)
    return format_number(value) + _SIGNS.get(constraint.unit, "")


def format_code(value: Any) -> str:
    """Formats a value as Python code that people would write.

    Example:
        >>> format_code((0.75, 4 / 3)), format_code(20.0), format_code("black")
        ('(0.75, 4/3)', '20', "'black'")
    """
    if isinstance(value, tuple):
        return f"({', '.join(map(format_code, value))})"
    if isinstance(value, float):
        fraction = Fraction(value).limit_denominator(_MAX_DENOMINATOR)
        if float(fraction) == value and (fraction.denominator == 1 or len(repr(value)) > 8):
            return str(fraction)
    return repr(value)


# Docstrings, which python -OO leaves out.


def read_summary(kind: type) -> str:
    """Reads the summary of an augmentation."""
    text = (inspect.getdoc(kind) or "").partition("\n\n")[0]
    return _unwrap(text)


def read_attributes(kind: type) -> dict[str, str]:
    """Reads the descriptions of the options of an augmentation, by name."""
    _, _, section = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    lines = re.match(r"(?:    .*\n?)*", section)
    entries = re.split(r"^    (?=\w+: )", lines[0] if lines else "", flags=re.MULTILINE)
    named = (entry.partition(": ") for entry in entries if entry.strip())
    return {name: _unwrap(text) for name, _, text in named}


def _unwrap(text: str) -> str:
    return " ".join(text.replace("``", "").split())
