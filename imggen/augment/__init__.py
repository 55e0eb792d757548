"""Augmentations: the protocol, and adapters for what users bring."""

from imggen.augment.adapters import Augment, adapt
from imggen.augment.base import Augmentation, augment_image, unrepeatable

__all__ = ["Augment", "Augmentation", "adapt", "augment_image", "unrepeatable"]
