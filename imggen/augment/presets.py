"""Three lists of augmentations to start from."""

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
from imggen.core import check_choice

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


def preset(name: str) -> tuple[BuiltIn, ...]:
    """The augmentations that a name stands for.

    All three flip left and right: leave that out where it changes the meaning, as with text.

    - ``"light"``: flip, rotation by up to 10 degrees, translation by 5 %, zoom by 10 %, brightness
      and contrast by 10 %.
    - ``"medium"``: flip, rotation by up to 20 degrees, translation by 10 %, shear by 8 degrees,
      zoom by 25 %, brightness and contrast by 25 %, saturation by 30 %, hue by 10 degrees.
    - ``"strong"``: random-resized crop of 30 % or more of the image, flip, RandAugment (2
      operations of magnitude 10), and erasing of up to 20 % in one image of four.

    Raises:
        OptionError: Another name.

    Example:
        >>> [step.name for step in preset("strong")]
        ['RandomResizedCrop', 'RandomFlip', 'RandAugment', 'RandomErasing']
    """
    return PRESETS[check_choice("preset", name, PRESETS)]
