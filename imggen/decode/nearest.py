"""Files and arrays resized by nearest neighbor to the pixels that Pillow keeps."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt


def resize_nearest(
    pixels: npt.NDArray[np.uint8], size: tuple[int, int], row: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any]:
    """Resizes an image to (height, width), and keeps the same pixels as Pillow does.

    Args:
        pixels: Shape (height, width, channels).
        size: The new height and width.
        row: An image of a batch. An image that becomes larger is written there if it is of float32.

    Returns:
        ``row`` if the image was written there; else an array of uint8.
    """
    import cv2

    height, width, num_channels = pixels.shape
    if size == (height, width):
        return pixels
    if _keeps_pillow_columns(height, size[0]) and _keeps_pillow_columns(width, size[1]):
        exact = cv2.INTER_NEAREST_EXACT
        shape = (*size, num_channels)
        if (
            row is not None
            and row.size > pixels.size
            and row.dtype == np.float32
            and row.shape == shape
            and row.flags.c_contiguous
        ):
            # The smaller image is converted in less time than the larger one.
            floats = pixels.astype(np.float32)
            target = row[:, :, 0] if num_channels == 1 else row
            cv2.resize(floats, size[::-1], target, interpolation=exact)
            return row
        resized: Any = cv2.resize(pixels, size[::-1], interpolation=exact)
        return np.asarray(resized).reshape(shape)
    chosen = pixels[_pillow_columns(height, size[0])][:, _pillow_columns(width, size[1])]
    return np.ascontiguousarray(chosen)


def _pillow_columns(length: int, new_length: int) -> npt.NDArray[np.int32]:
    """Returns the pixels of a line that Pillow keeps when it resizes by nearest neighbor."""
    from PIL import Image

    line = Image.fromarray(np.arange(length, dtype=np.int32)[np.newaxis])
    chosen: npt.NDArray[np.int32] = np.asarray(
        line.resize((new_length, 1), Image.Resampling.NEAREST)
    )[0]
    return chosen


@functools.lru_cache(maxsize=4096)
def _keeps_pillow_columns(length: int, new_length: int) -> bool:
    """Whether OpenCV keeps the same pixels: it rounds to 1/65536 pixel, too coarse at times."""
    import cv2

    line = np.arange(length, dtype=np.float32)[np.newaxis]
    chosen = cv2.resize(line, (new_length, 1), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.array_equal(chosen[0], _pillow_columns(length, new_length))
