"""Short phrases for what augmentations drew: "rotate 12.3°", "shift x +8 px", "zoom 1.10x"."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from imggen.augment import AppliedStep
from imggen.core import format_number

_Size = tuple[int, int]
_Parameters = Mapping[str, Any]

# Parameters of other libraries that are the same for every image, or mean nothing to people.
_INTERNALS = re.compile(
    r"seed|shape|cols|rows|height|width|depth|interpolation|fill|cval|border|value|order|type|"
    r"method|mode|matrix|map|kernel|ksize|mask|pad|min|max|n_segments|group"
)
_UNITS = {"rotate": "°", "angle": "°", "degrees": "°"}
# Names of other libraries' steps, without library and "random".
_NAMES = {
    "horizontal flip": "flip left-right",
    "vertical flip": "flip top-bottom",
    "invert img": "invert",
    "gauss noise": "noise",
    "to gray": "gray",
}


def describe_step(
    step: AppliedStep, size: tuple[int, int], *, is_gray: bool = False
) -> tuple[str, ...]:
    """Describes in short phrases what an augmentation drew for one sample.

    Values that change nothing are left out, and so are arrays, matrices and constants.

    Args:
        step: The step.
        size: (height, width) of the augmented image, in pixels, for shifts.
        is_gray: Whether the image is gray, so that saturation and hue do not change it.

    Returns:
        The phrases; empty if the step left the sample unchanged.

    Example:
        >>> from imggen.augment import AppliedStep
        >>> describe_step(AppliedStep("RandomRotation", {"degrees": 12.34}), (28, 28))
        ('rotate 12.3°',)
        >>> shift = AppliedStep("RandomTranslation", {"height": 0.0, "width": 0.25})
        >>> describe_step(shift, (28, 28))
        ('shift x +7 px',)
    """
    if step.parameters is None:
        return ()
    drawn = step.parameters if isinstance(step.parameters, Mapping) else {}
    parts, describe = [(step.name, step.parameters)], _describe
    # Operations are imggen's own; applied are the transforms of albumentations, which have some
    # names in common with them.
    for key, describe_part in (("operations", _describe), ("applied", _describe_other)):
        nested = drawn.get(key)
        if isinstance(nested, Sequence) and set(drawn) == {key}:
            parts = [(str(own), values) for one in nested for own, values in one.items()]
            describe = describe_part
    return tuple(
        phrase
        for own, values in parts
        if not (is_gray and own in _COLOR_ONLY)
        for phrase in describe(own, values, size)
    )


def _describe(name: str, parameters: Any, size: _Size) -> tuple[str, ...]:
    if name in _BUILT_IN and isinstance(parameters, Mapping):
        with contextlib.suppress(KeyError):  # a function or class of the user with this name
            phrase = _BUILT_IN[name](parameters, size)
            return (phrase,) if phrase else ()
    return _describe_other(name, parameters, size)


# The built-in augmentations.


def _flip(drawn: _Parameters, _: _Size) -> str:
    ways = [("left-right", drawn["horizontal"]), ("top-bottom", drawn["vertical"])]
    directions = [way for way, is_drawn in ways if is_drawn]
    return f"flip {' and '.join(directions)}" if directions else ""


def _shift(drawn: _Parameters, size: _Size) -> str:
    return _axes("shift", drawn["width"] * size[1], drawn["height"] * size[0], "px")


def _axes(verb: str, x: float, y: float, unit: str) -> str:
    """Names the movement along each axis that moves, in a unit."""
    digits = 1 if max(abs(x), abs(y)) < 9.5 else 0
    moves = [(axis, round(value, digits)) for axis, value in (("x", x), ("y", y))]
    digits = digits if any(value % 1 for _, value in moves) else 0
    parts = [f"{axis} {value:+.{digits}f}" for axis, value in moves if value]
    return f"{verb} {', '.join(parts)}{'' if unit == '°' else ' '}{unit}" if parts else ""


def _factor(name: str, key: str = "factor") -> Callable[[_Parameters, _Size], str]:
    """Describes a factor by its difference from 1."""

    def describe(drawn: _Parameters, _: _Size) -> str:
        change = f"{float(drawn[key]) - 1:+.2f}"
        return "" if change in ("+0.00", "-0.00") else f"{name} {change}"

    return describe


def _number(
    pattern: str, key: str, digits: int, neutral: float | None = None
) -> Callable[[_Parameters, _Size], str]:
    """Describes one number, unless it is neutral after rounding."""

    def describe(drawn: _Parameters, _: _Size) -> str:
        value = round(float(drawn[key]), digits)
        return "" if value == neutral else pattern.format(value + 0.0)

    return describe


def _zoom(drawn: _Parameters, _: _Size) -> str:
    scale, stretch = f"{drawn['scale']:.2f}", f"{drawn['stretch']:.2f}"
    parts = [f"zoom {scale}x"] if scale != "1.00" else []
    return " ".join([*parts, *([f"stretch {stretch}x"] if stretch != "1.00" else [])])


def _perspective(drawn: _Parameters, _: _Size) -> str:
    most = max(abs(move) for corner in drawn.values() for move in corner)
    return f"perspective {most:.0%}" if round(most, 2) else ""


def _crop(drawn: _Parameters, _: _Size) -> str:
    return f"crop {drawn['width']}x{drawn['height']} at {drawn['left']}, {drawn['top']}"


def _place(drawn: _Parameters, _: _Size) -> str:
    return f"crop at {drawn['x']:.0%}, {drawn['y']:.0%}"


def _mix(drawn: _Parameters, _: _Size) -> str:
    other = round(1 - drawn["share"], 2)
    if not other:
        return ""
    return f"{drawn['kind'].lower()} with {other:.0%} of {os.path.basename(drawn['with'])}"


def _augmix(drawn: _Parameters, _: _Size) -> str:
    names = [_words(own) for chain in drawn["chains"] for one in chain for own in one]
    words = dict.fromkeys(name.removeprefix("random ") for name in names)
    return f"augmix {drawn['share']:.0%}: {' + '.join(words) or 'nothing'}"


_BUILT_IN: dict[str, Callable[[_Parameters, _Size], str]] = {
    "RandomFlip": _flip,
    "RandomRotation": _number("rotate {:.1f}°", "degrees", 1, 0.0),
    "RandomTranslation": _shift,
    "RandomShear": lambda drawn, _: _axes("shear", drawn["x"], drawn["y"], "°"),
    "RandomZoom": _zoom,
    "RandomPerspective": _perspective,
    "RandomResizedCrop": _crop,
    "RandomCrop": _place,
    "CenterCrop": lambda *_: "",
    "RandomBrightness": _factor("brightness"),
    "RandomContrast": _factor("contrast"),
    "RandomSaturation": _factor("saturation"),
    "RandomSharpness": _factor("sharpness"),
    "RandomHue": _number("hue {:+.1f}°", "degrees", 1, 0.0),
    "RandomChannelShift": _number("brightness {:+.0f}/255", "shift", 0, 0.0),
    "RandomGamma": _number("gamma {:.2f}", "gamma", 2, 1.0),
    "RandomPosterization": _number("posterize to {:.0f} bits", "bits", 0, 8.0),
    "RandomSolarization": _number("solarize from {:.0f}", "threshold", 0, 256.0),
    "AutoContrast": lambda *_: "auto contrast",
    "Equalization": lambda *_: "equalize",
    "Inversion": lambda *_: "invert",
    "RandomGaussianBlur": _number("blur {:.1f} px", "sigma", 1, 0.0),
    "RandomGaussianNoise": _number("noise ±{:.0f}/255", "std", 0, 0.0),
    "RandomJPEG": _number("JPEG quality {:.0f}", "quality", 0),
    "RandomErasing": lambda drawn, _: f"erase {drawn['width']}x{drawn['height']} px",
    "MixUp": _mix,
    "CutMix": _mix,
    "MixUpOrCutMix": _mix,
    "AugMix": _augmix,
}
_COLOR_ONLY = ("RandomSaturation", "RandomHue")


# Those of other libraries, and functions.

_FACTORS = [_factor(name, name) for name in ("brightness", "contrast", "saturation")]


def _color_jitter(drawn: _Parameters, size: _Size) -> tuple[str, ...]:
    hue = round(360 * float(drawn["hue"]), 1)
    phrases = [factor(drawn, size) for factor in _FACTORS]
    return tuple(phrase for phrase in (*phrases, f"hue {hue:+.1f}°" if hue else "") if phrase)


def _brightness_contrast(drawn: _Parameters, size: _Size) -> tuple[str, ...]:
    shift = round(float(drawn["beta"]))
    contrast = _factor("contrast", "alpha")(drawn, size)
    return tuple(one for one in (contrast, f"brightness {shift:+}/255" if shift else "") if one)


def _hue_saturation_value(drawn: _Parameters, _: _Size) -> tuple[str, ...]:
    hue = 2 * float(drawn["hue_shift"])  # OpenCV's hues are half degrees
    saturation, brightness = round(float(drawn["sat_shift"])), round(float(drawn["val_shift"]))
    return (
        *((f"hue {hue:+.1f}°",) if round(hue, 1) else ()),
        *((f"saturation {saturation:+}/255",) if saturation else ()),
        *((f"brightness {brightness:+}/255",) if brightness else ()),
    )


def _quarter_turns(drawn: _Parameters, _: _Size) -> tuple[str, ...]:
    turns = int(drawn["factor"]) % 4
    return (f"rotate {90 * turns}°",) if turns else ()


_OTHERS: dict[str, Callable[[_Parameters, _Size], tuple[str, ...]]] = {
    "color jitter": _color_jitter,
    "random brightness contrast": _brightness_contrast,
    "hue saturation value": _hue_saturation_value,
    "random rotate90": _quarter_turns,
    "posterize": lambda drawn, _: (f"posterize to {int(drawn['num_bits'])} bits",),
}


def _describe_other(name: str, parameters: Any, size: _Size) -> tuple[str, ...]:
    words = _words(name.rpartition(".")[2])
    if not isinstance(parameters, Mapping):
        return (f"{words} {_value(parameters)}".rstrip(),)
    if words in _OTHERS:
        with contextlib.suppress(KeyError, TypeError, ValueError):  # of another version
            return _OTHERS[words](parameters, size)
    words = _NAMES.get(words, words.removeprefix("random "))
    moves = _describe_matrix(parameters, size)
    if moves is not None:
        return moves
    values = []
    for key, value in parameters.items():
        shown = "" if _INTERNALS.search(key.lower()) else _value(value)
        if shown:
            spoken = "" if _words(key) in words else f"{_words(key)} "
            values.append(f"{spoken}{shown}{_UNITS.get(key, '')}")
    if values and values[0].split(" ")[0] == words.split(" ")[0]:
        return tuple(values)
    return (" ".join([words, ", ".join(values)]).rstrip(),)


def _describe_matrix(parameters: _Parameters, size: _Size) -> tuple[str, ...] | None:
    """Describes an affine matrix from input to output pixels by what it does; None: there is none.

    The matrix holds what the other parameters of such a step say, and what they leave out.
    """
    given = parameters.get("matrix")
    matrix = np.array(given if isinstance(given, list) else [], np.float64)
    if matrix.shape != (3, 3) or not np.allclose(matrix[2], (0, 0, 1)):
        return None
    (a, b), (c, d) = matrix[:2, :2].tolist()
    width, height = math.hypot(a, c), math.hypot(b, d)
    if min(width, height) < 1e-6:
        return None
    scale = parameters.get("scale")
    if isinstance(scale, Mapping) and {"x", "y"} <= set(scale):
        width, height = float(scale["x"]), float(scale["y"])
    rotation = parameters.get("rotate")
    degrees = math.degrees(math.atan2(-c, a)) if rotation is None else float(rotation)
    cosine = (a * b + c * d) / (math.hypot(a, c) * math.hypot(b, d))
    shear = abs(90.0 - math.degrees(math.acos(max(-1.0, min(1.0, cosine)))))
    center = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2, 1.0])
    x, y = (matrix @ center - center)[:2].tolist()
    is_even = f"{width:.2f}" == f"{height:.2f}"
    zoom = f"zoom {width:.2f}x" if is_even else f"zoom x {width:.2f}x, y {height:.2f}x"
    phrases = (
        f"rotate {degrees:.1f}°" if round(degrees, 1) else "",
        zoom if zoom != "zoom 1.00x" else "",
        f"shear {shear:.1f}°" if round(shear, 1) else "",
        _axes("shift", x, y, "px"),
    )
    return tuple(phrase for phrase in phrases if phrase)


def _words(name: str) -> str:
    """Turns an identifier into lower-case words."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+", " ", name)
    return spaced.strip("<> ").lower() or name


def _value(value: Any) -> str:
    """Formats a value if people can read it; arrays, objects and long texts are empty."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return format_number(value, 3) if isinstance(value, float) else str(value)
    if isinstance(value, Mapping):
        parts = {key: _value(item) for key, item in value.items()}
        return " ".join(f"{key} {part}" for key, part in parts.items() if part)
    if isinstance(value, str) and len(value) <= 16 and value.isprintable() and "<" not in value:
        return value
    return ""
