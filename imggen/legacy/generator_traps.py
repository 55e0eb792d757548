"""Traps of an ImageDataGenerator itself; see ``traps``."""

from __future__ import annotations

from typing import Any

import numpy as np

from imggen.core import shorten
from imggen.legacy.batch import is_keras_preprocessing
from imggen.legacy.traps import moves_pixels, scales_down, warn_of_trap

# These networks scale images themselves, and their preprocess_input returns its argument.
_WITHOUT_SCALING = ("convnext", "efficientnet", "efficientnet_v2", "mobilenet_v3")
_FEATUREWISE = (
    ("featurewise_center", "mean"),
    ("featurewise_std_normalization", "std"),
    ("zca_whitening", "zca_whitening_matrix"),
)
_FRACTIONAL = (
    "featurewise_center",
    "samplewise_center",
    "featurewise_std_normalization",
    "samplewise_std_normalization",
    "zca_whitening",
)


def warn_of_generator_traps(generator: Any) -> None:
    """Warns of options that do not fit together, right after they were set."""
    low, high = generator.zoom_range
    if min(low, high) <= 0:
        warn_of_trap(
            generator,
            "zoom-range",
            f"zoom_range means factors from {low:g} to {high:g}, and factors of 0 and below mirror "
            "images or reduce them to one color. Pass a fraction below 1, such as 0.2 for 0.8 to "
            "1.2, or two factors, (low, high).",
        )
    function = generator.preprocessing_function
    module = getattr(function, "__module__", None) or ""
    if (
        function
        and is_keras_preprocessing(function)
        and module.rpartition(".")[2] not in _WITHOUT_SCALING
        and scales_down(generator.rescale)
    ):
        warn_of_trap(
            generator,
            "scaled-twice",
            f"rescale={generator.rescale:.4g} is applied after preprocessing_function, to values "
            "that preprocess_input has scaled already. Remove rescale.",
        )
    if _is_integer(generator.dtype):
        fractional = [name for name in _FRACTIONAL if getattr(generator, name)]
        if scales_down(generator.rescale):
            fractional.insert(0, "rescale")
        if fractional:
            warn_of_trap(
                generator,
                "integer-dtype",
                f"{', '.join(fractional)} gives fractions, and dtype={shorten(generator.dtype)} "
                'drops them, so that most values become 0. Use dtype="float32".',
            )


def warn_of_augmentation(generator: Any, subset: str | None) -> None:
    """Warns of a validation or test subset that is augmented like training data."""
    if subset not in ("validation", "test") or not generator._validation_split:
        return
    if (
        moves_pixels(generator)
        or generator.brightness_range is not None
        or generator.channel_shift_range
        or generator.horizontal_flip
        or generator.vertical_flip
    ):
        warn_of_trap(
            generator,
            "augmented-validation",
            f'subset="{subset}" of this ImageDataGenerator is augmented like training data, so '
            "scores on it are not those of the images themselves. Take it from a second "
            "ImageDataGenerator with the same validation_split and no augmentation, or use "
            "imggen.from_directory(..., split=..., augment=...).",
        )


def warn_if_unfitted(generator: Any) -> None:
    """Warns of featurewise options without effect, because ``fit`` was not called."""
    unfitted = [
        option
        for option, statistic in _FEATUREWISE
        if getattr(generator, option) and getattr(generator, statistic) is None
    ]
    if unfitted:
        warn_of_trap(
            generator,
            "unfitted",
            f"{', '.join(unfitted)} has no effect: this ImageDataGenerator is not fitted. Call "
            "generator.fit(images) before training.",
        )


def warn_of_shape(generator: Any, shape: tuple[int, ...], result: Any) -> None:
    """Warns of a ``preprocessing_function`` whose result fills an image with repeated values.

    Args:
        generator: The generator with this function.
        shape: The shape of the image that it was called with.
        result: What it has returned, not an array of this shape.
    """
    found = np.shape(result)
    found = (1,) * (len(shape) - len(found)) + found
    pixels = (generator.row_axis - 1, generator.col_axis - 1)
    if result is None:
        problem = "returns None, which becomes an image of NaN. Return the image at its end."
    elif len(found) == len(shape) and any(found[axis] == 1 != shape[axis] for axis in pixels):
        problem = (
            f"returns shape {np.shape(result)} for an image of shape {shape}, whose values are "
            "repeated to fill the image. Return an image of the same shape."
        )
    else:
        return
    warn_of_trap(generator, "preprocessing-result", f"preprocessing_function {problem}")


def _is_integer(dtype: Any) -> bool:
    try:
        return np.dtype(dtype).kind in "iub"
    except TypeError:  # not known to NumPy; Keras raises the error
        return False
