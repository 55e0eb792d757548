"""Augmentations: built-in ones, adapters for those of other packages, policies and pipelines.

In: samples (an image with its masks, boxes and keypoints) and a random generator per step. Out: the
augmented samples, and the parameters that were drawn. An augmentation can be added or changed here
alone (a class in ``geometry``, ``color``, ``texture`` or ``mixing``, and its entry in ``catalog``):
policy files, previews and the studio read its options from its declaration.
"""

from imggen.augment.adapters import Augment, adapt, register_adapter, unwrap_steps
from imggen.augment.affine_warp import OpenCVWarps, warp
from imggen.augment.alignment import check_alignment
from imggen.augment.base import Augmentation
from imggen.augment.borders import may_add_boxes, warn_of_repeated_objects
from imggen.augment.builtin import BuiltIn
from imggen.augment.catalog import AUGMENTATIONS, BUILT_INS, MIXERS
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
from imggen.augment.crop import CenterCrop, FixedSizeCrop, RandomCrop, RandomResizedCrop
from imggen.augment.description import AppliedStep
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
    blend_images,
    blend_images_in_place,
    blend_targets,
)
from imggen.augment.options import (
    Bounds,
    Choice,
    Constraint,
    RangeBounds,
    WholeBounds,
    WholeRangeBounds,
    option_constraints,
    option_fields,
)
from imggen.augment.pipeline import (
    AugmentedSample,
    Pipeline,
    Step,
    find_nondeterministic_steps,
)
from imggen.augment.policy import format_policy, format_python, load_policy, save_policy
from imggen.augment.positions import is_outside, move_boxes, move_keypoints
from imggen.augment.presets import PRESETS, preset
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
    "AUGMENTATIONS",
    "BUILT_INS",
    "MIXERS",
    "PRESETS",
    "AppliedStep",
    "AugMix",
    "Augment",
    "Augmentation",
    "AugmentedSample",
    "AutoContrast",
    "Blend",
    "Bounds",
    "BuiltIn",
    "CenterCrop",
    "Choice",
    "Constraint",
    "CutMix",
    "Equalization",
    "FixedSizeCrop",
    "Inversion",
    "MixUp",
    "MixUpOrCutMix",
    "Mixer",
    "OpenCVWarps",
    "Pipeline",
    "RandAugment",
    "RandomBrightness",
    "RandomChannelShift",
    "RandomContrast",
    "RandomCrop",
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
    "RangeBounds",
    "Sample",
    "Step",
    "TrivialAugment",
    "WholeBounds",
    "WholeRangeBounds",
    "adapt",
    "blend_images",
    "blend_images_in_place",
    "blend_targets",
    "check_alignment",
    "find_nondeterministic_steps",
    "format_policy",
    "format_python",
    "is_outside",
    "load_policy",
    "may_add_boxes",
    "move_boxes",
    "move_keypoints",
    "option_constraints",
    "option_fields",
    "preset",
    "register_adapter",
    "save_policy",
    "unwrap_steps",
    "warn_of_repeated_objects",
    "warp",
]
