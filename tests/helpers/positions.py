"""Helpers for tests of boxes, keypoints and masks: files, fits, transforms of albumentations."""

import copy
import random

import numpy as np
import pytest
from PIL import Image

DARK, BRIGHT = 20, 230
SIZE = (60, 80)
FITS = pytest.mark.parametrize(
    "fit",
    [{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}],
    ids=["stretched", "cropped", "padded"],
)
# Pixels outside the image are as dark as the unpainted ones.
EDGE = {"fill_mode": "constant", "cval": DARK}
# For albumentations' Affine.
AFFINE = {"rotate": (-25, 25), "scale": (0.7, 1.2), "translate_percent": (-0.1, 0.1), "p": 1.0}
# The transposition that undoes each value of the EXIF tag.
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def save_turned(pixels, place, orientation=1):
    """Saves an image as a rotated camera does."""
    image = Image.fromarray(pixels)
    if TURNS[orientation] is not None:
        image = image.transpose(TURNS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    jpeg = {"quality": 95, "subsampling": 0} if place.suffix == ".jpg" else {}
    place.parent.mkdir(parents=True, exist_ok=True)
    image.save(place, exif=exif, **jpeg)
    return np.asarray(image)


def by_hand(transform, seed, **data):
    """The result of albumentations itself, with the same random numbers."""
    rng = np.random.default_rng(seed)
    transform = copy.deepcopy(transform)
    transform.set_random_state(rng, random.Random(int(rng.integers(2**63))))
    return transform(**data)


def mirrored(image):
    return image[:, ::-1]


class OldStyle:
    def seed_(self, number):
        pass

    def augment_image(self, image):
        return image[:, ::-1]
