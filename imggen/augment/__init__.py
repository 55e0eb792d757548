"""Augmentations: the protocol, adapters for what users bring, and our own."""

from imggen.augment.adapters import Augment, adapt
from imggen.augment.base import Augmentation, augment_image, unrepeatable
from imggen.augment.crop import RandomResizedCrop
from imggen.augment.warp import warp

__all__ = [
    "Augment",
    "Augmentation",
    "RandomResizedCrop",
    "adapt",
    "augment_image",
    "unrepeatable",
    "warp",
]
