"""Checks of numbers, ranges and choices that users pass, with one wording for all errors.

A number is Python's or NumPy's, and finite; ``True`` and ``False`` are not numbers. All checks of
numbers have the same arguments:

    name       the option, for the message
    value      the value that the user passed
    minimum    the smallest legal value; None: no bound
    maximum    the largest legal value; None: no bound
    above      a bound that is not legal itself, in place of ``minimum``
    unit       the unit, or other words that follow the bounds in the message
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeGuard, TypeVar

import numpy as np

from imggen.errors import ImggenError, OptionError, shorten

T = TypeVar("T")

# No size, count or seed is larger, and Python refuses to print integers of more than 14,000 bits.
_MAX_BITS = 1000


def is_whole(
    value: object, minimum: int | None = None, maximum: int | None = None
) -> TypeGuard[int]:
    """Whether ``value`` is an integer from ``minimum`` to ``maximum``; None is no bound."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        return False
    number = int(value)
    return number.bit_length() <= _MAX_BITS and _is_within(number, minimum, maximum)


def is_number(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a finite number, whole or not."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return False
    return bool(-math.inf < value < math.inf)


def check_whole(
    name: str,
    value: object,
    minimum: int | None = None,
    maximum: int | None = None,
    *,
    unit: str = "",
    error: type[ImggenError] = OptionError,
) -> int:
    """Returns ``value`` as an int, if it is a whole number within its bounds.

    Raises:
        ImggenError: ``error``, if the value is not legal.

    Example:
        >>> check_whole("quality", 90, 1, 100)
        90
        >>> check_whole("quality", 101, 1, 100)
        Traceback (most recent call last):
        imggen.errors.OptionError: quality=101 must be a whole number from 1 to 100.
    """
    if not is_whole(value, minimum, maximum):
        legal = _describe("a whole number", minimum, maximum) + (f", {unit}" if unit else "")
        raise error(f"{name}={shorten(value)} must be {legal}.")
    return int(value)


def check_at_most(name: str, value: float, maximum: int, reason: str) -> None:
    """Refuses a legal number that would take all memory or time, before anything is counted.

    Args:
        name: As in ``check_whole``.
        value: As in ``check_whole``; already checked.
        maximum: The largest value.
        reason: What the number would make, as a clause, for the message.

    Raises:
        OptionError: The value is larger.

    Example:
        >>> check_at_most("workers", 10**6, 1000, "each is a thread")
        Traceback (most recent call last):
        imggen.errors.OptionError: workers=1000000 is too large: each is a thread. Use at most 1000.
    """
    if value > maximum:
        raise OptionError(f"{name}={value!r} is too large: {reason}. Use at most {maximum}.")


def check_optional_whole(name: str, value: object, minimum: int) -> int | None:
    """Same as ``check_whole``, but None is legal too, and returned as it is.

    Example:
        >>> check_optional_whole("workers", -1, 0)
        Traceback (most recent call last):
        imggen.errors.OptionError: workers=-1 must be a whole number of 0 or more, or None.
    """
    return None if value is None else check_whole(name, value, minimum, unit="or None")


def check_number(
    name: str,
    value: object,
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    above: float | None = None,
    unit: str = "",
) -> float:
    """Returns ``value`` as a float, if it is a finite number within its bounds.

    Raises:
        OptionError: The value is not legal.

    Example:
        >>> check_number("threshold", 0, maximum=1, above=0)
        Traceback (most recent call last):
        imggen.errors.OptionError: threshold=0 must be a number above 0 and at most 1.
    """
    if not is_number(value) or not _is_within(value, minimum, maximum, above):
        legal = _describe("a number", minimum, maximum, above) + (f", {unit}" if unit else "")
        raise OptionError(f"{name}={shorten(value)} must be {legal}.")
    return float(value)


def check_range(
    name: str,
    value: object,
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    above: float | None = None,
    whole: bool = False,
    symmetric: bool = False,
    unit: str = "",
) -> tuple[float, float]:
    """Returns ``value`` as a tuple (low, high) of floats, if it is a range within its bounds.

    A range is a tuple or list of two numbers in ascending order; with ``whole``, both must be whole
    numbers (3.0 is); with ``symmetric``, a number of 0 or more stands for (-number, number).

    Raises:
        OptionError: The value is not legal.

    Example:
        >>> check_range("scale", (1, 0.5), above=0, maximum=1)
        Traceback (most recent call last):
        imggen.errors.OptionError: scale=(1, 0.5) must be (low, high) with 0 < low <= high <= 1.
            Did you mean (0.5, 1)?
    """
    unit = f", {unit}" if unit else ""
    given = value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if symmetric and is_number(value):
        if value < 0:
            raise OptionError(
                f"{name}={shorten(value)} must be (low, high){unit}, or a number of 0 or more for "
                f"(-number, number). Did you mean {-value}?"
            )
        value = (-value, value)
    if not isinstance(value, tuple | list) or len(value) != 2 or not all(map(is_number, value)):
        single = ", or one number for (-number, number)" if symmetric else ""
        raise OptionError(
            f"{name}={shorten(value)} must be two numbers, (low, high){unit}{single}."
        )
    low, high = value
    is_legal = all(_is_within(end, minimum, maximum, above) for end in value)
    if low <= high and is_legal and not (whole and any(end != int(end) for end in value)):
        return float(low), float(high)
    bounds = "low <= high"
    if above is not None:
        bounds = f"{_short(above)} < {bounds}"
    elif minimum is not None:
        bounds = f"{_short(minimum)} <= {bounds}"
    if maximum is not None:
        bounds += f" <= {_short(maximum)}"
    kind = "whole numbers " if whole else ""
    hint = f" Did you mean ({high}, {low})?" if low > high else ""
    raise OptionError(
        f"{name}={shorten(given)} must be {kind}(low, high) with {bounds}{unit}.{hint}"
    )


def check_choice(name: str, value: object, choices: Iterable[T]) -> T:
    """Returns ``value``, if it is one of ``choices``.

    Raises:
        OptionError: It is not; the message lists the choices and names the closest one.

    Example:
        >>> check_choice("fit", "corp", ("stretch", "crop", "pad"))
        Traceback (most recent call last):
        imggen.errors.OptionError: fit='corp' is not one of 'stretch', 'crop', 'pad'. Did you mean
            'crop'?
    """
    known = tuple(choices)
    # Not "value in known": NA of pandas and arrays compare to something without a truth value.
    for choice in known:
        if value is choice or (isinstance(value, type(choice)) and value == choice):
            return choice
    raise OptionError.unknown(name, value, known)


def _is_within(
    value: float, minimum: float | None, maximum: float | None, above: float | None = None
) -> bool:
    if above is not None and value <= above:
        return False
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def _describe(
    kind: str, minimum: float | None, maximum: float | None, above: float | None = None
) -> str:
    if above is not None:
        up_to = "" if maximum is None else f" and at most {_short(maximum)}"
        return f"{kind} above {_short(above)}{up_to}"
    if minimum is not None and maximum is not None:
        return f"{kind} from {_short(minimum)} to {_short(maximum)}"
    if minimum is not None:
        return f"{kind} of {_short(minimum)} or more"
    return kind if maximum is None else f"{kind} of {_short(maximum)} or less"


def _short(bound: float) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)
