"""Lookup tables that change the histogram of each channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LEVELS = np.arange(256)


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
        num_clipped = int(histograms[0].sum() * cutoff // 100)
        lows = histograms.cumsum(1) > num_clipped
        highs = histograms[:, ::-1].cumsum(1) > num_clipped
    else:
        lows = histograms > 0
        highs = lows[:, ::-1]
    low, high = lows.argmax(1), 255 - highs.argmax(1)
    length = np.maximum(high - low, 1)
    scale = 255.0 / length
    stretched = _LEVELS * scale[:, np.newaxis]
    stretched -= (low * scale)[:, np.newaxis]
    np.minimum(np.maximum(stretched, 0, out=stretched), 255, out=stretched)
    tables = stretched.astype(np.uint8)
    for channel, (first, last) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        if last <= first:
            tables[channel] = _LEVELS
    return np.ascontiguousarray(tables.T)


def equalize_histograms(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Returns the table that makes all values of each channel about equally frequent.

    Args:
        image: Shape (height, width, channels).

    Returns:
        Shape (256, channels).
    """
    histograms = _histograms(image)
    totals = histograms.cumsum(1)
    last_values = 255 - (histograms[:, ::-1] > 0).argmax(1)
    tables = np.empty(histograms.shape, np.uint8)
    for channel, last in enumerate(last_values.tolist()):
        step = (int(totals[channel, 255]) - int(histograms[channel, last])) // 255
        if step == 0:  # also where there is a single value
            tables[channel] = _LEVELS
            continue
        before = totals[channel] - histograms[channel] + step // 2
        tables[channel] = np.minimum(before // step, 255)
    return np.ascontiguousarray(tables.T)


def _histograms(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Counts the pixels of each value; shape (channels, 256)."""
    import cv2

    histograms = np.empty((image.shape[2], 256), np.int32)
    for channel in range(image.shape[2]):
        histograms[channel] = cv2.calcHist([image], [channel], None, [256], [0, 256]).ravel()
    return histograms
