"""Presets: three named policies to start from."""

from __future__ import annotations

from imggen.augment.builtin import BuiltIn
from imggen.augment.color import RandomBrightness, RandomContrast, RandomHue, RandomSaturation
from imggen.augment.crop import RandomResizedCrop
from imggen.augment.geometry import (
    RandomFlip,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from imggen.augment.randaugment import RandAugment
from imggen.augment.texture import RandomErasing
from imggen.core import check_arguments, check_choice

PRESETS: dict[str, tuple[BuiltIn, ...]] = {
    "light": (
        RandomFlip(),
        RandomRotation((-10, 10)),
        RandomTranslation((-0.05, 0.05), (-0.05, 0.05)),
        RandomZoom((0.9, 1.1)),
        RandomBrightness((0.9, 1.1)),
        RandomContrast((0.9, 1.1)),
    ),
    "medium": (
        RandomFlip(),
        RandomRotation((-20, 20)),
        RandomTranslation((-0.1, 0.1), (-0.1, 0.1)),
        RandomShear((-8, 8)),
        RandomZoom((0.8, 1.25)),
        RandomBrightness((0.75, 1.25)),
        RandomContrast((0.75, 1.25)),
        RandomSaturation((0.7, 1.3)),
        RandomHue((-10, 10)),
    ),
    "strong": (
        RandomResizedCrop((0.3, 1.0)),
        RandomFlip(),
        RandAugment(num_ops=2, magnitude=10),
        RandomErasing((0.02, 0.2), p=0.25),
    ),
}


@check_arguments
def preset(name: str) -> tuple[BuiltIn, ...]:
    """Returns the augmentations of a preset, that is a named policy.

    All three presets flip horizontally. Do not use them where a flip changes the meaning, as in
    images of text.

    - ``"light"``: flip; up to 10 degrees of rotation, 5 % of translation, 10 % of zoom, and 10 % of
      brightness and contrast.
    - ``"medium"``: flip; up to 20 degrees of rotation, 10 % of translation, 8 degrees of shear,
      25 % of zoom, 25 % of brightness and contrast, 30 % of saturation, and 10 degrees of hue.
    - ``"strong"``: random-resized crop of at least 30 % of the image, flip, RandAugment (2
      operations of magnitude 10), and erasing of up to 20 % of every fourth image.

    Args:
        name: "light", "medium" or "strong".

    Raises:
        OptionError: There is no preset of this name.

    Example:
        >>> [step.name for step in preset("strong")]
        ['RandomResizedCrop', 'RandomFlip', 'RandAugment', 'RandomErasing']
    """
    return PRESETS[check_choice("name", name, PRESETS)]
