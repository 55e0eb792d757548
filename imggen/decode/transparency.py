"""Transparent pixels composited onto a background, in little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imggen.decode.spec import BackgroundLike

if TYPE_CHECKING:
    from PIL import Image

# Images of more pixels are composited in strips of this many.
_AT_ONCE = 1 << 22
# The side of a square of the checkerboard, in pixels of the file, and its two grays.
_SQUARE = 8
_LIGHT, _DARK = 255, 204


def composite(
    image: Image.Image, mode: str, background: BackgroundLike, max_pixels: int = _AT_ONCE
) -> Image.Image:
    """Composites an image with transparent pixels onto a background.

    The color of a transparent pixel is arbitrary, so it must not show.

    Args:
        image: An image with ``has_transparency_data``; not usable afterwards if it is large.
        mode: The mode of the result, "RGB" or "L".
        background: A color, or "checker".
        max_pixels: Larger images are composited in strips.
    """
    from PIL import Image

    width, height = image.size
    if width * height > max_pixels:
        return _composite_in_strips(image, mode, background, max_pixels)
    colors = image if image.mode == "RGBA" else image.convert("RGBA")
    if isinstance(background, str):
        below = Image.fromarray(_checkerboard(width, height)).convert("RGBA")
    else:
        below = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(below, colors).convert(mode)


def _composite_in_strips(
    image: Image.Image, mode: str, background: BackgroundLike, max_pixels: int
) -> Image.Image:
    from PIL import Image

    width, height = image.size
    at_once = max(1, max_pixels // (2 * _SQUARE * width)) * 2 * _SQUARE  # whole squares
    # Pillow's RGB takes 4 bytes per pixel, and source and result would be in memory together.
    pixels = np.empty((height, width, 3) if mode == "RGB" else (height, width), np.uint8)
    for top in range(0, height, at_once):
        strip = image.crop((0, top, width, min(top + at_once, height)))
        pixels[top : top + at_once] = np.asarray(
            composite(strip, mode, background, at_once * width)
        )
    image.close()
    return Image.fromarray(pixels)


def _checkerboard(width: int, height: int) -> npt.NDArray[np.uint8]:
    rows, columns = np.arange(height) // _SQUARE, np.arange(width) // _SQUARE
    is_dark = (rows[:, np.newaxis] + columns) % 2 == 1
    return np.where(is_dark, np.uint8(_DARK), np.uint8(_LIGHT))
