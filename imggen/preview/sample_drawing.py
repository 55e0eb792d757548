"""Samples as pictures: images, with masks, boxes and keypoints on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.preview.drawing import BACKGROUND, font, one_line

if TYPE_CHECKING:
    from PIL import Image

# Of the classes of masks, from 1 on, of boxes, and of keypoints.
_OF_CLASSES = (
    (255, 80, 0),
    (0, 150, 255),
    (40, 200, 80),
    (220, 60, 220),
    (255, 210, 0),
    (0, 210, 210),
    (150, 100, 255),
    (240, 120, 160),
)
_NAME = 12  # the height of the name of a box


def picture_of(pixels: npt.NDArray[Any], cell: int) -> Image.Image:
    """Pixels as an RGB picture whose larger side is ``cell``; transparency is laid over white."""
    from PIL import Image

    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, BACKGROUND)
        picture = Image.alpha_composite(white, picture)
    scale = cell / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    resample = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS
    return picture.convert("RGB").resize(size, resample)


def picture_of_sample(sample: Sample, cell: int, class_names: Sequence[str] = ()) -> Image.Image:
    """An image as ``picture_of`` has it, with its first mask, its boxes and its keypoints on it.

    Args:
        sample: The image, and what belongs to it.
        cell: The larger side of the picture, in pixels.
        class_names: Of boxes, to write them at each.
    """
    from PIL import ImageDraw

    pixels = sample.image
    if sample.masks:
        pixels = _with_mask(pixels, sample.masks[0])
    picture = picture_of(pixels, cell)
    draw = ImageDraw.Draw(picture)
    across, down = picture.width / pixels.shape[1], picture.height / pixels.shape[0]
    if sample.boxes is not None:
        for left, top, right, bottom, number in sample.boxes.tolist():
            paint = _OF_CLASSES[int(number) % len(_OF_CLASSES)]
            corner = (left * across, top * down)
            end = (max(corner[0], right * across - 1), max(corner[1], bottom * down - 1))
            draw.rectangle((*corner, *end), None, paint, 2)
            name = one_line(class_names[int(number)]) if class_names else ""
            if name:
                # Above the box if there is room, so that it does not hide what is in it.
                at = (corner[0], corner[1] - _NAME if corner[1] >= _NAME else corner[1])
                width = draw.textlength(name, font(10)) + 4
                draw.rectangle((*at, at[0] + width, at[1] + _NAME), paint)
                draw.text((at[0] + 2, at[1]), name, BACKGROUND, font(10))
    if sample.keypoints is not None:
        for place, (x, y) in enumerate(sample.keypoints[:, :2].tolist()):
            if x == x:  # NaN is not
                paint = _OF_CLASSES[place % len(_OF_CLASSES)]
                middle = ((x + 0.5) * across, (y + 0.5) * down)
                draw.circle(middle, max(2.0, cell / 64), paint, BACKGROUND)
    return picture


def _with_mask(pixels: npt.NDArray[Any], mask: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Lays the classes of a mask over an image, each in a colour of its own; class 0 stays clear.

    Args:
        pixels: uint8, shape (height, width, channels).
        mask: Whole numbers, shape (height, width[, 1]).
    """
    classes = mask.reshape(mask.shape[:2])
    colors = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[:, :, :3].copy()
    shown = classes > 0
    paint = np.array(_OF_CLASSES, np.uint8)[
        (classes[shown].astype(np.int64) - 1) % len(_OF_CLASSES)
    ]
    colors[shown] = colors[shown] // 2 + paint // 2
    return colors
