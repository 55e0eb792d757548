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
# A step larger than this says no more than this one.
_LARGEST_STEP = 60.0
_MIN_STEP = 1.5
_MIN_COLUMNS = 6


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


def find_seam(pixels: npt.NDArray[np.uint8], mcu_size: tuple[int, int]) -> Seam:
    """Finds the strongest seam.

    Args:
        pixels: RGB, shape (height, width, 3), not turned.
        mcu_size: The (height, width) of the units that are coded together.
    """
    steps = _steps_between_rows(pixels, mcu_size)
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
        (np.abs(mean) > _MIN_STEP)
        & (weaker > 0.6 * np.abs(mean))
        & (np.abs(rest) < 0.25 * np.abs(mean))
        # One block at the border is not enough.
        & (columns >= 2)
        & (columns <= num_columns - 2)
    )
    strength = np.where(is_seam, strength, 0)
    row, column, channel = np.unravel_index(int(strength.argmax()), strength.shape)
    return Seam(
        float(strength[row, column, channel]),
        int(row) + 1,
        int(column) + 1,
        float(mean[row, column, channel]),
    )


def _steps_between_rows(pixels: npt.NDArray[np.uint8], mcu_size: tuple[int, int]) -> Floats:
    """Returns the step of Y, Cb and Cr between MCUs, less the slope on both sides.

    Shape (rows - 1, columns, 3): the boundary below each row of MCUs, averaged over their width.
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
    return np.clip(steps, -_LARGEST_STEP, _LARGEST_STEP)


def _cumulate(values: Floats) -> Floats:
    """Returns the cumulative sums of each row, beginning with 0."""
    sums: Floats = np.zeros((len(values), values.shape[1] + 1, values.shape[2]), np.float32)
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
