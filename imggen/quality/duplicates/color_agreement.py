"""Compares the colors and the transparency of images that were aligned by their gray levels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imggen.quality.duplicates.alignment import sample_windows
from imggen.quality.duplicates.fingerprints import COLOR_SIDE

# The difference, in levels of 0 to 255, at which images have nothing in common; at a twentieth of
# it, 28 levels, the agreement is 0.95. Copies of 300 photographs, recompressed, cropped by up to
# 8 %, or of other brightness, contrast or saturation, differ by less; a red and a blue object by
# more than 150.
_MAX_DIFFERENCE = 560

# The regions that differ most decide, so that an object of half a percent of the image counts.
_NUM_REGIONS = 2

# Opacity and light are stored in steps of two levels.
_STEP = 2

# Below this mean of the color, in levels, an image counts as gray.
_FAINT = 8

_Floats = npt.NDArray[np.float32]


def measure_color_agreement(
    whole: npt.NDArray[np.int8], cropped: npt.NDArray[np.int8], edges: _Floats
) -> _Floats:
    """Measures how well the colors and the opacity of images agree with those of windows of others.

    One of the images may be less saturated than the other, down to gray: a gray copy agrees with
    its original. Other hues do not agree, nor does a gray image of other gray levels, such as a
    black shape instead of a red one.

    Args:
        whole: Shape (num_pairs, 4, 16, 16), as ``Fingerprint.color``, of images used in full.
        cropped: Same shape, of the images of which a window is used.
        edges: Shape (num_pairs, 4), the left, right, top and bottom edge of the window.

    Returns:
        float32, shape (num_pairs,), 0 to 1.
    """
    planes = whole.astype(np.float32)
    windows = [
        sample_windows(cropped[:, plane].astype(np.float32), edges, COLOR_SIDE)
        for plane in range(4)
    ]
    other = np.stack(windows, axis=1)
    norm, other_norm = _measure_norm(planes[:, :2]), _measure_norm(other[:, :2])
    faded = np.abs(norm - other_norm) / (np.maximum(norm, other_norm) + _FAINT)
    # The more saturated image is reduced to the saturation of the other.
    planes[:, :2] *= np.minimum(1, other_norm / np.maximum(norm, 1))[:, None, None, None]
    other[:, :2] *= np.minimum(1, norm / np.maximum(other_norm, 1))[:, None, None, None]
    differences = np.maximum(_differ(planes, other), _differ(other, planes))
    color = _largest_mean(np.sqrt(differences[:, 0] ** 2 + differences[:, 1] ** 2))
    opacity, light = (_STEP * _largest_mean(differences[:, plane]) for plane in (2, 3))
    difference = np.maximum(np.maximum(color, opacity), faded * light)
    agreement: _Floats = 1 - difference / np.float32(_MAX_DIFFERENCE)
    return np.maximum(agreement, np.float32(0))


def _differ(planes: _Floats, other: _Floats) -> _Floats:
    """Measures how far pixels are outside the range of the 3x3 pixels around them in ``other``.

    So an edge may be displaced by up to a pixel, as after a crop. The border, where crops and
    frames differ, is left out: shape (num_pairs, 4, 14, 14).
    """
    lowest, highest = -_spread(-other), _spread(other)
    outside: _Floats = np.maximum(np.maximum(planes - highest, lowest - planes), 0)
    return outside[:, :, 1:-1, 1:-1]


def _spread(planes: _Floats) -> _Floats:
    """Replaces pixels by the largest of the 3x3 pixels around them."""
    for axis in (2, 3):
        before, after = np.roll(planes, 1, axis), np.roll(planes, -1, axis)
        before.swapaxes(0, axis)[0] = planes.swapaxes(0, axis)[0]
        after.swapaxes(0, axis)[-1] = planes.swapaxes(0, axis)[-1]
        planes = np.maximum(planes, np.maximum(before, after))
    return planes


def _measure_norm(chroma: _Floats) -> _Floats:
    """Returns the root mean square of the color of images, (num_pairs,), in levels."""
    norm: _Floats = np.sqrt((chroma**2).sum(axis=1).mean(axis=(1, 2)))
    return norm


def _largest_mean(differences: _Floats) -> _Floats:
    flat = differences.reshape(-1, (COLOR_SIDE - 2) ** 2)
    largest: _Floats = np.partition(flat, -_NUM_REGIONS, axis=1)[:, -_NUM_REGIONS:]
    mean: _Floats = largest.mean(axis=1)
    return mean
