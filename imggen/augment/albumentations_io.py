"""Transforms of albumentations in policy files: their arguments, building and comparing them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from imggen.errors import OptionError

# What arguments of albumentations 1 are called in version 2.
_RENAMED = {
    "always_apply": ("p",),
    "var_limit": ("std_range",),
    "mean": ("mean_range",),
    "value": ("fill",),
    "mask_value": ("fill_mask",),
    "fill_value": ("fill",),
    "mask_fill_value": ("fill_mask",),
    "pad_cval": ("fill",),
    "pad_cval_mask": ("fill_mask",),
    "height": ("size", "hole_height_range"),
    "width": ("size", "hole_width_range"),
    "mode": ("border_mode",),
    "pad_mode": ("border_mode",),
    "quality_lower": ("quality_range",),
    "quality_upper": ("quality_range",),
    "min_holes": ("num_holes_range",),
    "max_holes": ("num_holes_range",),
    "min_height": ("hole_height_range",),
    "max_height": ("hole_height_range",),
    "min_width": ("hole_width_range",),
    "max_width": ("hole_width_range",),
    "scale_min": ("scale_range",),
    "scale_max": ("scale_range",),
}
# Parts of warnings that recommend another transform, and do not change what this one does.
_ADVICE = ("is a specialized version", "is a special case", "is an alias", "is very slow")
# Arguments that have no effect here: transforms are seeded for each sample.
_WITHOUT_EFFECT = ("seed", "save_applied_params", "p", "transforms")


def get_arguments(kind: Any) -> dict[str, inspect.Parameter]:
    """Returns the arguments of a class."""
    parameters = inspect.signature(kind.__init__).parameters
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        name: parameter
        for name, parameter in parameters.items()
        if name != "self" and parameter.kind not in variable
    }


def describe_unknown(name: str, argument: str, known: Iterable[str]) -> str:
    """Returns the error message for an argument that a transform does not have."""
    message = str(OptionError.unknown(f"argument of {name}", argument, known))
    for renamed in _RENAMED.get(argument, ()):
        if renamed in known:
            return f"{message} In albumentations 2, {argument!r} is replaced by {renamed!r}."
    return message


def build_transform(kind: type, arguments: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Builds a transform, and returns it with the warnings about its arguments.

    A missing ``p`` has the default of the class, as in Python; ``albumentations.from_dict`` takes
    0.5 instead.

    Raises:
        Exception: An argument is invalid, or albumentations would ignore it.
    """
    known = get_arguments(kind)
    arguments = dict(arguments)
    if "p" in known and known["p"].default is not inspect.Parameter.empty:
        arguments.setdefault("p", known["p"].default)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # Otherwise, invalid arguments are ignored with a warning.
            transform = kind(**arguments, **({} if "strict" in known else {"strict": True}))
        except TypeError as err:
            if "'strict'" not in str(err):
                raise
            transform = kind(**arguments)
    remarks = [" ".join(str(warning.message).split()) for warning in caught]
    return transform, [one for one in remarks if not any(part in one for part in _ADVICE)]


def serialize(transform: Any) -> dict[str, Any]:
    """Returns the name and the arguments of a transform, with lists in place of tuples."""
    import albumentations

    serialized: dict[str, Any] = _to_plain(albumentations.to_dict(transform)["transform"])
    return serialized


def find_lost_argument(transform: Any, rebuilt: Any) -> str | None:
    """Returns an argument that differs from the one of a rebuilt transform; None if all agree."""
    for name in get_arguments(type(transform)):
        if name in _WITHOUT_EFFECT or not (hasattr(transform, name) and hasattr(rebuilt, name)):
            continue
        one, other = (_to_plain(getattr(each, name)) for each in (transform, rebuilt))
        try:
            is_same = bool(np.array_equal(one, other))
        except (TypeError, ValueError):  # lists of different lengths
            is_same = one == other
        if not is_same and repr(one) != repr(other):
            return f"{type(transform).__name__}.{name}"
    pairs = zip(
        getattr(transform, "transforms", ()), getattr(rebuilt, "transforms", ()), strict=True
    )
    return next(filter(None, (find_lost_argument(*pair) for pair in pairs)), None)


def _to_plain(value: Any) -> Any:
    """Converts tuples and arrays to lists, and NumPy's numbers to Python's."""
    if isinstance(value, Mapping):
        return {key: _to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value
