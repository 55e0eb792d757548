"""Pictures of samples: an image with its mask, boxes and keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.core import check_at_most, check_whole
from imggen.preview.drawing import BACKGROUND, font, one_line

if TYPE_CHECKING:
    from PIL import Image

# The colors of mask classes (from 1 on), of box classes, and of keypoints.
_CLASS_COLORS = (
    (255, 80, 0),
    (0, 150, 255),
    (40, 200, 80),
    (220, 60, 220),
    (255, 210, 0),
    (0, 210, 210),
    (150, 100, 255),
    (240, 120, 160),
)
_NAME_HEIGHT = 12  # of the class name of a box, in pixels


def check_cell(cell: object) -> int:
    """Returns the larger side of a drawn image, in pixels, if it is legal.

    Raises:
        OptionError: It is not.
    """
    checked = check_whole("cell", cell, 1)
    check_at_most("cell", checked, 4096, "it is the side of each image in pixels")
    return checked


def draw_image(pixels: npt.NDArray[Any], cell: int) -> Image.Image:
    """Resizes pixels to an RGB picture whose larger side is ``cell``, composited onto white."""
    from PIL import Image

    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, BACKGROUND)
        picture = Image.alpha_composite(white, picture)
    scale = cell / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    resample = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS
    return picture.convert("RGB").resize(size, resample)


def draw_sample(sample: Sample, cell: int, class_names: Sequence[str] = ()) -> Image.Image:
    """Draws an image as ``draw_image`` does, with its first mask, its boxes and its keypoints.

    Args:
        sample: The sample.
        cell: The larger side of the picture, in pixels.
        class_names: The class names of boxes, written next to each box; empty: none.
    """
    from PIL import ImageDraw

    pixels = sample.image
    if sample.masks:
        pixels = _overlay_mask(pixels, sample.masks[0])
    picture = draw_image(pixels, cell)
    draw = ImageDraw.Draw(picture)
    across, down = picture.width / pixels.shape[1], picture.height / pixels.shape[0]
    if sample.boxes is not None:
        for left, top, right, bottom, number in sample.boxes.tolist():
            color = _CLASS_COLORS[int(number) % len(_CLASS_COLORS)]
            corner = (left * across, top * down)
            end = (max(corner[0], right * across - 1), max(corner[1], bottom * down - 1))
            draw.rectangle((*corner, *end), None, color, 2)
            name = one_line(class_names[int(number)]) if class_names else ""
            if name:
                # Above the box if there is room, so that the name does not cover the object.
                at = (
                    corner[0],
                    corner[1] - _NAME_HEIGHT if corner[1] >= _NAME_HEIGHT else corner[1],
                )
                width = draw.textlength(name, font(10)) + 4
                draw.rectangle((*at, at[0] + width, at[1] + _NAME_HEIGHT), color)
                draw.text((at[0] + 2, at[1]), name, BACKGROUND, font(10))
    if sample.keypoints is not None:
        for place, (x, y) in enumerate(sample.keypoints[:, :2].tolist()):
            if x == x:  # NaN is not
                color = _CLASS_COLORS[place % len(_CLASS_COLORS)]
                middle = ((x + 0.5) * across, (y + 0.5) * down)
                draw.circle(middle, max(2.0, cell / 64), color, BACKGROUND)
    return picture


def _overlay_mask(pixels: npt.NDArray[Any], mask: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Blends the classes of a mask into an image, one color per class; class 0 is transparent.

    Args:
        pixels: uint8, shape (height, width, channels).
        mask: Integers, shape (height, width[, 1]).
    """
    classes = mask.reshape(mask.shape[:2])
    colors = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[:, :, :3].copy()
    shown = classes > 0
    paint = np.array(_CLASS_COLORS, np.uint8)[
        (classes[shown].astype(np.int64) - 1) % len(_CLASS_COLORS)
    ]
    colors[shown] = colors[shown] // 2 + paint // 2
    return colors
