"""Augmentations: imggen's own, adapters for what users bring, and how they are put together."""

from imggen.augment.adapters import Augment, adapt, register_adapter, unadapted
from imggen.augment.affine_warp import warp
from imggen.augment.base import Augmentation
from imggen.augment.builtin import BuiltIn
from imggen.augment.catalog import BUILT_INS, KINDS, MIXERS
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
from imggen.augment.crop import RandomResizedCrop
from imggen.augment.geometry import (
    RandomFlip,
    RandomPerspective,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from imggen.augment.mixing import (
    Blend,
    CutMix,
    Mixer,
    MixUp,
    MixUpOrCutMix,
    blended,
    blended_targets,
)
from imggen.augment.options import (
    Allowed,
    Bounds,
    Choice,
    Span,
    Whole,
    WholeSpan,
    allowed,
    fields_of,
)
from imggen.augment.pipeline import Applied, Augmented, Pipeline, Step, unrepeatable
from imggen.augment.policy import format_policy, format_python, load_policy, save_policy
from imggen.augment.positions import are_beyond, moved_boxes, moved_keypoints
from imggen.augment.presets import preset
from imggen.augment.randaugment import AugMix, RandAugment, TrivialAugment
from imggen.augment.sample import Sample
from imggen.augment.texture import (
    RandomErasing,
    RandomGaussianBlur,
    RandomGaussianNoise,
    RandomJPEG,
    RandomSharpness,
)

__all__ = [
    "BUILT_INS",
    "KINDS",
    "MIXERS",
    "Allowed",
    "Applied",
    "AugMix",
    "Augment",
    "Augmentation",
    "Augmented",
    "AutoContrast",
    "Blend",
    "Bounds",
    "BuiltIn",
    "Choice",
    "CutMix",
    "Equalization",
    "Inversion",
    "MixUp",
    "MixUpOrCutMix",
    "Mixer",
    "Pipeline",
    "RandAugment",
    "RandomBrightness",
    "RandomChannelShift",
    "RandomContrast",
    "RandomErasing",
    "RandomFlip",
    "RandomGamma",
    "RandomGaussianBlur",
    "RandomGaussianNoise",
    "RandomHue",
    "RandomJPEG",
    "RandomPerspective",
    "RandomPosterization",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomSolarization",
    "RandomTranslation",
    "RandomZoom",
    "Sample",
    "Span",
    "Step",
    "TrivialAugment",
    "Whole",
    "WholeSpan",
    "adapt",
    "allowed",
    "are_beyond",
    "blended",
    "blended_targets",
    "fields_of",
    "format_policy",
    "format_python",
    "load_policy",
    "moved_boxes",
    "moved_keypoints",
    "preset",
    "register_adapter",
    "save_policy",
    "unadapted",
    "unrepeatable",
    "warp",
]
