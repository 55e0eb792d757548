"""Seams in the decoded pixels of a JPEG, which damage to its compressed data leaves.

The brightness and color of a block are coded as the difference from the block before. A damaged
block therefore shifts all that follow by the same amount, to the end of the image: a step along the
upper edge of its row of blocks from there on, and along the lower edge up to there, as nothing but
damage has it. libjpeg cannot notice this where the number of blocks happens to stay the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# From R, G, B to Y, Cb, Cr.
_TO_YCC = np.array(
    [[0.299, -0.1687, 0.5], [0.587, -0.3313, -0.4187], [0.114, 0.5, -0.0813]], np.float32
)
# A step larger than this says no more than this one. A mean close to it has no known spread.
_LARGEST_STEP = 60.0
_STEP_RANGE = 1.5, 45.0
# In a smooth gradient, rounding to the quantization step makes steps of one unit.
_MIN_UNITS = 1.6
_MIN_COLUMNS = 6
# Of a block that is far from the ones above and below, in brightness and in color.
_ODD_STEPS = np.array([150, 42, 42], np.float32)
# A drawing may have such an edge between flat areas. The share of neighbors that differ:
_MIN_TEXTURE = 0.75


class Seam(NamedTuple):
    """The most likely seam of an image.

    Attributes:
        strength: The step divided by the standard error of its mean.
        row: The row of MCUs in which it begins.
        column: The column of MCUs in which it begins.
        step: In gray levels.
    """

    strength: float
    row: int
    column: int
    step: float


NO_SEAM = Seam(0.0, 0, 0, 0.0)


def find_seam(steps: Floats, units: tuple[float, float, float]) -> Seam:
    """Finds the strongest seam.

    Args:
        steps: The steps that ``measure_steps`` returns.
        units: The smallest step that the file can code, of Y, Cb and Cr.
    """
    steps = np.clip(steps, -_LARGEST_STEP, _LARGEST_STEP)
    num_rows, num_columns = steps.shape[:2]
    if num_rows < 2 or num_columns < _MIN_COLUMNS:
        return NO_SEAM
    # The seam begins in column c of row r: steps[r, c:] and steps[r + 1, :c] are alike, and the
    # rest of the two lines has none. All r and c at once, by cumulative sums.
    columns = np.arange(1, num_columns)[:, np.newaxis]
    sums, squares = _cumulate(steps), _cumulate(steps * steps)
    upper = sums[:-1, -1:] - sums[:-1, 1:-1]
    lower = sums[1:, 1:-1]
    mean = (upper + lower) / num_columns
    rest = (sums[:-1, -1:] + sums[1:, -1:]) / num_columns - mean
    square = (squares[:-1, -1:] - squares[:-1, 1:-1] + squares[1:, 1:-1]) / num_columns
    spread = np.sqrt(np.maximum(square - mean * mean, 0))
    strength = np.abs(mean) / (spread + 0.5) * np.sqrt(num_columns)
    sign = np.sign(mean)
    weaker = np.minimum(upper * sign / (num_columns - columns), lower * sign / columns)
    is_seam = (
        (np.abs(mean) > np.maximum(_STEP_RANGE[0], _MIN_UNITS * np.array(units, np.float32)))
        & (np.abs(mean) < _STEP_RANGE[1])
        & (weaker > 0.6 * np.abs(mean))
        & (np.abs(rest) < 0.25 * np.abs(mean))
        # Almost along one line, an edge of the scene looks alike.
        & (columns >= max(2, num_columns // 8))
        & (columns <= num_columns - max(2, num_columns // 8))
    )
    strength = np.where(is_seam, strength, 0)
    row, column, channel = np.unravel_index(int(strength.argmax()), strength.shape)
    return Seam(
        float(strength[row, column, channel]),
        int(row) + 1,
        int(column) + 1,
        float(mean[row, column, channel]),
    )


def has_odd_blocks(steps: Floats) -> bool:
    """Whether a block is far brighter, darker or of another color than those above and below."""
    above, below = steps[:-1], steps[1:]
    sizes = np.maximum(np.minimum(above, -below), np.minimum(-above, below))
    return bool((sizes > _ODD_STEPS).any())


def is_textured(pixels: npt.NDArray[np.uint8], mcu_size: tuple[int, int], seam: Seam) -> bool:
    """Whether most of the neighboring pixels along a seam differ."""
    height, width = mcu_size
    left = seam.column * width
    upper, lower = seam.row * height, (seam.row + 1) * height
    differing = [
        (line[:, 1:] != line[:, :-1]).any(axis=2).ravel()
        for line in (pixels[upper - 1 : upper + 1, left:], pixels[lower - 1 : lower + 1, :left])
    ]
    return bool(np.concatenate(differing).mean() >= _MIN_TEXTURE)


def measure_steps(pixels: npt.NDArray[np.uint8], mcu_size: tuple[int, int]) -> Floats:
    """Returns the steps of Y, Cb and Cr between MCUs, less the slope on both sides.

    Args:
        pixels: RGB, shape (height, width, 3), not turned.
        mcu_size: The (height, width) of the units that are coded together.

    Returns:
        Shape (rows - 1, columns, 3): the boundary below each row of MCUs, averaged over the width
        of each. Empty for images of few MCUs.
    """
    import cv2

    height, width = mcu_size
    num_columns = pixels.shape[1] // width
    boundaries = np.arange(height, pixels.shape[0] - 1, height)
    if num_columns < _MIN_COLUMNS or len(boundaries) < 2:
        return np.zeros((0, 0, 3), np.float32)
    lines = (boundaries[:, np.newaxis] + np.arange(-2, 2)).ravel()
    chosen = pixels[lines, : num_columns * width].astype(np.float32)
    averages: Any = cv2.resize(chosen, (num_columns, len(lines)), interpolation=cv2.INTER_AREA)
    above, last, first, below = averages.reshape(-1, 4, num_columns, 3).transpose(1, 0, 2, 3)
    steps: Floats = (1.5 * (first - last) + 0.5 * (above - below)) @ _TO_YCC
    return steps


def _cumulate(values: Floats) -> Floats:
    """Returns the cumulative sums of each row, beginning with 0."""
    sums: Floats = np.zeros((len(values), values.shape[1] + 1, values.shape[2]), np.float32)
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
