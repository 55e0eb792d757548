"""Augmentations: the protocol, adapters for what users bring, and the affine resample."""

from imggen.augment.adapters import Augment, adapt
from imggen.augment.base import Augmentation, augment_image, unrepeatable
from imggen.augment.warp import warp

__all__ = ["Augment", "Augmentation", "adapt", "augment_image", "unrepeatable", "warp"]
