"""Augmentations for worker processes, in a module that imports no Keras, since they import it."""

import numpy as np


def mirrored(image):
    return image[:, ::-1]


def with_noise(image, rng):
    return rng.integers(0, 256, image.shape, dtype=np.uint8)
