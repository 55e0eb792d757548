"""Transparent pixels composited onto a background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imggen.decode import BackgroundLike

# The side of a square of the checkerboard, in pixels of the thumbnail, and its two grays.
_SQUARE, _LIGHT, _DARK = 8, 255, 204


def composite(
    rgb: npt.NDArray[np.uint8], opacity: npt.NDArray[np.uint8], background: BackgroundLike
) -> npt.NDArray[np.uint8]:
    """Composites an image onto a background.

    Args:
        rgb: Shape (height, width, 3).
        opacity: Shape (height, width), 0 for transparent to 255 for opaque.
        background: A color as (red, green, blue), or "checker".
    """
    if isinstance(background, str):
        rows, columns = np.indices(opacity.shape) // _SQUARE
        below = np.where((rows + columns) % 2, _DARK, _LIGHT)[:, :, None].astype(np.float32)
    else:
        below = np.array(background, np.float32)
    share = opacity[:, :, None].astype(np.float32) / 255
    return np.rint(rgb * share + below * (1 - share)).astype(np.uint8)
