"""The options ``validation_split`` and ``subset``: which samples belong to a subset."""

from __future__ import annotations

import numbers
from typing import Any

from imggen.core import shorten
from imggen.errors import OptionTypeError


def subset_bounds(subset: str, validation_split: float | tuple[float, float]) -> tuple[Any, Any]:
    """Returns the start and the end of a subset, as fractions of the samples in their order.

    Args:
        subset: "training", "validation", or "test" if ``validation_split`` has two fractions.
        validation_split: The fraction for validation, or those for validation and test.

    Raises:
        ValueError: There is no such subset.

    Example:
        >>> subset_bounds("training", 0.25)
        (0.25, 1)
        >>> subset_bounds("test", (0.25, 0.25))
        (0.25, 0.5)
    """
    if isinstance(validation_split, tuple | list) and validation_split:
        first, second = validation_split
        # The same sum for both: adjacent subsets must have the same boundary.
        bounds = {
            "validation": (0, first),
            "test": (first, first + second),
            "training": (first + second, 1),
        }
    else:
        bounds = {"validation": (0, validation_split), "training": (validation_split, 1)}
    if subset not in list(bounds):
        hint = (
            " For a test subset, pass two fractions: validation_split=(0.15, 0.15)."
            if subset == "test"
            else ""
        )
        raise ValueError(
            f"subset={shorten(subset)} is not one of {', '.join(map(repr, bounds))}.{hint}"
        )
    return bounds[subset]


def check_validation_split(validation_split: Any) -> Any:
    """Returns ``validation_split`` if it is legal.

    Raises:
        ValueError: It is neither a fraction nor two of them that leave samples for training.
    """
    if isinstance(validation_split, tuple | list) and validation_split:
        fractions = validation_split
        if not all(isinstance(fraction, numbers.Real) for fraction in fractions):
            raise OptionTypeError(f"validation_split={shorten(validation_split)} must be numbers.")
        if len(fractions) != 2 or min(fractions) <= 0 or sum(fractions) >= 1:
            raise ValueError(
                f"validation_split={shorten(validation_split)} must be a fraction between 0 and 1, "
                "or two, for validation and test, with a sum below 1."
            )
    elif validation_split and not 0 < validation_split < 1:
        raise ValueError(f"validation_split={shorten(validation_split)} must be between 0 and 1.")
    return validation_split
