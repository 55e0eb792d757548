"""Images to resample, and SciPy as the oracle."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

precise = pytest.mark.skipif(
    int(cv2.__version__.partition(".")[0]) < 5, reason="OpenCV 4 rounds coordinates"
)

SIZE = (61, 83)
# SciPy's names of these modes; edges are blended with pixels outside.
SCIPY_MODES = {
    "reflect": "reflect",
    "nearest": "nearest",
    "constant": "grid-constant",
    "wrap": "grid-wrap",
}
# NumPy's names of these modes.
PAD_MODES = {
    "reflect": "symmetric",
    "nearest": "edge",
    "constant": "constant",
    "wrap": "wrap",
}


def noise(*shape, dtype=np.uint8, most=255, seed=0):
    return np.random.default_rng(seed).integers(0, most + 1, shape).astype(dtype)


def smooth(*shape):
    """Large spots, from black to white."""
    spots = gaussian_filter(np.random.default_rng(1).standard_normal(shape), (5, 5, 0))
    return np.rint(255 * (spots - spots.min()) / np.ptp(spots)).astype(np.uint8)


PICTURES = {"noise": noise(*SIZE, 3), "smooth": smooth(*SIZE, 3)}


def coordinates(matrix, size):
    """The position in the input, (x, y), of each pixel of the output."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    points = matrix @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    return (points[:2] / points[2]).reshape(2, *size)


def by_scipy(image, matrix, size, *, fill_mode="reflect", cval=0.0, order=1):
    """SciPy's resampling of an image by a matrix, in double precision."""
    x, y = coordinates(matrix, size)
    options = {"order": order, "mode": SCIPY_MODES[fill_mode], "cval": cval}
    channels = image.reshape(*image.shape[:2], -1).astype(np.float64)
    shown = [
        map_coordinates(channels[..., channel], [y, x], **options)
        for channel in range(channels.shape[2])
    ]
    return np.stack(shown, axis=-1).reshape(*size, *image.shape[2:])


def farthest(one, other):
    return np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).max()
