"""Lookup tables that change the histogram of each channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LEVELS = np.arange(256, dtype=np.int64)[:, np.newaxis]


def stretch_histograms(image: npt.NDArray[np.uint8], cutoff: float) -> npt.NDArray[np.uint8]:
    """Returns the table that stretches the values of each channel to 0 to 255.

    Args:
        image: Shape (height, width, channels).
        cutoff: The percentage of the darkest and of the lightest pixels to clip.

    Returns:
        Shape (256, channels).
    """
    histograms = _histograms(image)
    if cutoff:
        num_clipped = int(histograms[:, 0].sum() * cutoff // 100)
        lows = histograms.cumsum(0) > num_clipped
        highs = histograms[::-1].cumsum(0) > num_clipped
    else:
        lows = histograms > 0
        highs = lows[::-1]
    low, high = lows.argmax(0), 255 - highs.argmax(0)
    has_range = high > low
    scale = 255.0 / np.where(has_range, high - low, 1)
    stretched = (_LEVELS * scale - low * scale).clip(0, 255).astype(np.uint8)
    return (
        stretched if has_range.all() else np.where(has_range, stretched, _LEVELS.astype(np.uint8))
    )


def equalize_histograms(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Returns the table that makes all values of each channel about equally frequent.

    Args:
        image: Shape (height, width, channels).

    Returns:
        Shape (256, channels).
    """
    histograms = _histograms(image)
    totals = histograms.cumsum(0)
    num_pixels = int(totals[-1, 0])
    last = histograms[255 - (histograms[::-1] > 0).argmax(0), range(histograms.shape[1])]
    step = (num_pixels - last) // 255
    is_flat = step == 0  # also where there is a single value
    equalized = ((step // 2 + totals - histograms) // np.where(is_flat, 1, step)).clip(0, 255)
    table = equalized.astype(np.uint8)
    return np.where(is_flat, _LEVELS.astype(np.uint8), table) if is_flat.any() else table


def _histograms(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Counts the pixels of each value; shape (256, channels)."""
    import cv2

    histograms = np.empty((256, image.shape[2]), np.int32)
    for channel in range(image.shape[2]):
        histograms[:, channel] = cv2.calcHist([image], [channel], None, [256], [0, 256]).ravel()
    return histograms
