"""``validation_split`` and ``subset``: which share of the samples a subset takes."""

from __future__ import annotations

from typing import Any


def subset_bounds(subset: str, validation_split: float | tuple[float, float]) -> tuple[Any, Any]:
    """Returns where a subset starts and stops, as shares of the samples in their order.

    Args:
        subset: "training", "validation", or "test" where ``validation_split`` has two shares.
        validation_split: The share of validation, or those of validation and test.

    Raises:
        ValueError: No such subset.

    Example:
        >>> subset_bounds("training", 0.25)
        (0.25, 1)
        >>> subset_bounds("test", (0.25, 0.25))
        (0.25, 0.5)
    """
    if isinstance(validation_split, tuple | list):
        first, second = validation_split
        # One sum for both: parts must meet in the same place.
        bounds = {
            "validation": (0, first),
            "test": (first, first + second),
            "training": (first + second, 1),
        }
    else:
        bounds = {"validation": (0, validation_split), "training": (validation_split, 1)}
    if subset not in list(bounds):
        hint = (
            " For a test subset pass two shares: validation_split=(0.15, 0.15)."
            if subset == "test"
            else ""
        )
        raise ValueError(f"subset={subset!r} is not one of {', '.join(map(repr, bounds))}.{hint}")
    return bounds[subset]


def checked_split(validation_split: Any) -> Any:
    """Returns ``validation_split`` as it is.

    Raises:
        ValueError: It is neither a share nor two that leave something for training.
    """
    if isinstance(validation_split, tuple | list):
        shares = validation_split
        if len(shares) != 2 or min(shares) <= 0 or sum(shares) >= 1:
            raise ValueError(
                f"validation_split={validation_split!r} must be a share between 0 and 1, or two, "
                "for validation and test, that leave something for training."
            )
    elif validation_split and not 0 < validation_split < 1:
        raise ValueError(f"validation_split={validation_split!r} must lie between 0 and 1.")
    return validation_split
