"""All built-in augmentations by name, in the order of lists and menus."""

from __future__ import annotations

from imggen.augment.builtin import BuiltIn
from imggen.augment.color import (
    AutoContrast,
    Equalization,
    Inversion,
    RandomBrightness,
    RandomChannelShift,
    RandomContrast,
    RandomGamma,
    RandomHue,
    RandomPosterization,
    RandomSaturation,
    RandomSolarization,
)
from imggen.augment.crop import CenterCrop, RandomCrop, RandomResizedCrop
from imggen.augment.geometry import (
    RandomFlip,
    RandomPerspective,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from imggen.augment.mixing import CutMix, Mixer, MixUp, MixUpOrCutMix
from imggen.augment.randaugment import AugMix, RandAugment, TrivialAugment
from imggen.augment.texture import (
    RandomErasing,
    RandomGaussianBlur,
    RandomGaussianNoise,
    RandomJPEG,
    RandomSharpness,
)

BUILT_INS: dict[str, type[BuiltIn]] = {
    kind.__name__: kind
    for kind in (
        RandomResizedCrop,
        RandomFlip,
        RandomRotation,
        RandomTranslation,
        RandomShear,
        RandomZoom,
        RandomPerspective,
        RandomBrightness,
        RandomContrast,
        RandomSaturation,
        RandomHue,
        RandomGamma,
        RandomChannelShift,
        RandomPosterization,
        RandomSolarization,
        AutoContrast,
        Equalization,
        Inversion,
        RandomGaussianBlur,
        RandomSharpness,
        RandomGaussianNoise,
        RandomJPEG,
        RandomErasing,
        RandAugment,
        TrivialAugment,
        AugMix,
    )
}

MIXERS: dict[str, type[Mixer]] = {kind.__name__: kind for kind in (MixUp, CutMix, MixUpOrCutMix)}

# These give another size than that of the image.
CROPS: dict[str, type[BuiltIn]] = {kind.__name__: kind for kind in (RandomCrop, CenterCrop)}

AUGMENTATIONS: dict[str, type[BuiltIn | Mixer]] = {**BUILT_INS, **CROPS, **MIXERS}
