"""Compares the colors and the transparency of images that were aligned by their gray levels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imggen.quality.duplicates.alignment import sample_windows
from imggen.quality.duplicates.fingerprints import COLOR_SIDE

# The difference, in levels of 0 to 255, at which images have nothing in common; at a twentieth of
# it, 32 levels, the agreement is 0.95. Copies of 300 photographs, recompressed, cropped by up to
# 8 %, or of other brightness, contrast or saturation, differ by at most 29 levels, a red and a blue
# object by more than 150.
_MAX_DIFFERENCE = 640

# The regions that differ most decide, so that an object of 1 % of the image counts.
_NUM_REGIONS = 3

# Opacity is stored in 127 steps; a difference of 16 levels of 255 counts as one of 32 of color.
_OPACITY_WEIGHT = 4

_Floats = npt.NDArray[np.float32]


def measure_color_agreement(
    whole: npt.NDArray[np.int8], cropped: npt.NDArray[np.int8], edges: _Floats
) -> _Floats:
    """Measures how well the colors and the opacity of images agree with those of windows of others.

    The more colorful of both images may be less saturated, down to gray: a gray copy of a color
    image agrees with it. Images of different colors do not agree, even if their gray levels do.

    Args:
        whole: Shape (num_pairs, 3, 16, 16), as ``Fingerprint.color``, of images used in full.
        cropped: Same shape, of the images of which a window is used.
        edges: Shape (num_pairs, 4), the left, right, top and bottom edge of the window.

    Returns:
        float32, shape (num_pairs,), 0 to 1.
    """
    shape = len(whole), 3, COLOR_SIDE**2
    planes = whole.astype(np.float32).reshape(shape)
    windows = [
        sample_windows(cropped[:, plane].astype(np.float32), edges, COLOR_SIDE)
        for plane in range(3)
    ]
    other = np.stack(windows, axis=1).reshape(shape)
    chroma, other_chroma = planes[:, :2], other[:, :2]
    by_color = np.minimum(
        _difference_if_faded(chroma, other_chroma), _difference_if_faded(other_chroma, chroma)
    )
    by_opacity = _OPACITY_WEIGHT * _largest_mean(np.abs(planes[:, 2] - other[:, 2]))
    agreement = np.float32(1) - np.maximum(by_color, by_opacity) / np.float32(_MAX_DIFFERENCE)
    return np.maximum(agreement, np.float32(0))


def _difference_if_faded(faded: _Floats, colorful: _Floats) -> _Floats:
    """Measures the difference from another image with the best saturation of at most its own."""
    product = (faded * colorful).sum(axis=(1, 2))
    saturation = product / np.maximum((colorful**2).sum(axis=(1, 2)), np.float32(1))
    saturation = np.clip(saturation, 0, 1)[:, None, None]
    return _largest_mean(np.sqrt(((faded - saturation * colorful) ** 2).sum(axis=1)))


def _largest_mean(differences: _Floats) -> _Floats:
    largest: _Floats = np.partition(differences, -_NUM_REGIONS, axis=1)[:, -_NUM_REGIONS:]
    mean: _Floats = largest.mean(axis=1)
    return mean
