"""Transparent pixels composited onto a background."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from imggen.core import is_whole
from imggen.errors import OptionError

Background = tuple[int, int, int] | Literal["checker"]
BackgroundLike = str | tuple[int, int, int]

# The side of a square of the checkerboard, in pixels of the thumbnail, and its two grays.
_SQUARE, _LIGHT, _DARK = 8, 255, 204


def parse_background(background: BackgroundLike) -> Background:
    """Returns the color of a background, or "checker".

    Raises:
        OptionError: It is neither a color nor "checker".
    """
    from PIL import ImageColor

    if background == "checker":
        return "checker"
    try:
        parsed = ImageColor.getrgb(background) if isinstance(background, str) else background
        if len(parsed) == 3 and all(is_whole(value, 0, 255) for value in parsed):
            return parsed
    except (ValueError, TypeError):
        pass
    raise OptionError(
        f'background={background!r} must be "white", "black", another color name or "#rrggbb", '
        '"checker", or three whole numbers from 0 to 255, (red, green, blue).'
    )


def composite(
    rgb: npt.NDArray[np.uint8], opacity: npt.NDArray[np.uint8], background: Background
) -> npt.NDArray[np.uint8]:
    """Composites an image onto a background.

    Args:
        rgb: Shape (height, width, 3).
        opacity: Shape (height, width), 0 for transparent to 255 for opaque.
        background: A color, or "checker".
    """
    if background == "checker":
        rows, columns = np.indices(opacity.shape) // _SQUARE
        below = np.where((rows + columns) % 2, _DARK, _LIGHT)[:, :, None].astype(np.float32)
    else:
        below = np.array(background, np.float32)
    share = opacity[:, :, None].astype(np.float32) / 255
    return np.rint(rgb * share + below * (1 - share)).astype(np.uint8)
