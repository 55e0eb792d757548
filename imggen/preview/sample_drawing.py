"""One sample as a picture: the image with its mask, boxes and keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.core import check_at_most, check_whole
from imggen.preview.colors import BACKGROUND, INK
from imggen.preview.layout import font_size
from imggen.preview.typeface import one_line, typeface

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

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
# The brightness of red, green and blue, and the one from which on text on it is dark.
_LUMINANCE = (0.299, 0.587, 0.114)
_LIGHT = 150
# The squares behind transparent pixels: their gray levels, and how many fit into a picture.
_CHECKERBOARD = (255, 216)
_SQUARES = 16


def check_cell(cell: object) -> int:
    """Returns the most pixels of the larger side of a drawn image, if it is legal.

    Raises:
        OptionError: It is not.
    """
    checked = check_whole("cell", cell, 1)
    check_at_most("cell", checked, 4096, "it is the side of each image in pixels")
    return checked


def draw_image(pixels: npt.NDArray[Any], cell: int) -> Image.Image:
    """Draws an image so that its larger side is at most ``cell``.

    Small images are enlarged by a whole factor, each pixel to a square of its color; large ones are
    reduced. Transparent parts show a checkerboard.

    Args:
        pixels: uint8, shape (height, width, 1, 3 or 4).
        cell: The most pixels of the larger side.

    Returns:
        An RGB picture.
    """
    from PIL import Image

    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    side = max(picture.size)
    if side <= cell:
        size = (picture.width * (cell // side), picture.height * (cell // side))
        picture = picture.resize(size, Image.Resampling.NEAREST)
    else:
        scale = cell / side
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    if picture.mode == "RGBA":
        board = _checkerboard(picture.size, max(1, cell // _SQUARES))
        picture = Image.alpha_composite(board, picture)
    return picture.convert("RGB")


def draw_sample(sample: Sample, cell: int, class_names: Sequence[str] = ()) -> Image.Image:
    """Draws an image as ``draw_image`` does, with its first mask, its boxes and its keypoints.

    Args:
        sample: The sample.
        cell: The most pixels of the larger side.
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
        _draw_boxes(draw, sample.boxes * (across, down, across, down, 1), picture.size, class_names)
    if sample.keypoints is not None:
        for place, (x, y) in enumerate(sample.keypoints[:, :2].tolist()):
            if x == x:  # NaN is not
                color = _CLASS_COLORS[place % len(_CLASS_COLORS)]
                middle = ((x + 0.5) * across, (y + 0.5) * down)
                draw.circle(middle, max(2.0, max(picture.size) / 64), color, BACKGROUND)
    return picture


def _draw_boxes(
    draw: ImageDraw.ImageDraw,
    boxes: npt.NDArray[np.float64],
    size: tuple[int, int],
    class_names: Sequence[str],
) -> None:
    """Draws boxes, and the name of the class of each where it covers no other name.

    Args:
        draw: The picture.
        boxes: Shape (n, 5): left, top, right, bottom in pixels of the picture, and the class.
        size: (width, height) of the picture.
        class_names: The names of the classes; empty: none.
    """
    thickness = max(2, round(max(size) / 120))
    for left, top, right, bottom, number in boxes.tolist():
        end = (max(left, right - 1), max(top, bottom - 1))
        draw.rectangle((left, top, *end), None, _color_of(number), thickness)
    if not class_names:
        return
    face = typeface(font_size(max(size)) - 2)
    taken: list[tuple[float, float, float, float]] = []
    for left, top, right, bottom, number in boxes.tolist():
        # As wide as the box, or as half of the picture.
        most = min(max(right - left, size[0] / 2), size[0])
        name = face.shorten(one_line(class_names[int(number)]), int(most) - 4)
        if not name:
            continue
        width, height = face.width(name) + 4, face.ascent + 2
        x = max(0.0, min(left, size[0] - width))
        # Above the box, so that the object is not covered; else where there is room.
        tops = [top - height, top, bottom, bottom - height, top + height]
        places = [(x, y, x + width, y + height) for y in tops if 0 <= y <= size[1] - height]
        free = [place for place in places if not any(_overlap(place, one) for one in taken)]
        place = (free or places or [(x, 0.0, x + width, float(height))])[0]
        taken.append(place)
        color = _color_of(number)
        draw.rectangle((*place[:2], place[2] - 1, place[3] - 1), color)
        is_light = np.dot(color, _LUMINANCE) > _LIGHT
        face.draw(draw, (place[0] + 2, place[1]), name, INK if is_light else BACKGROUND)


def _color_of(number: float) -> tuple[int, int, int]:
    return _CLASS_COLORS[int(number) % len(_CLASS_COLORS)]


def _overlap(
    first: tuple[float, float, float, float], second: tuple[float, float, float, float]
) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def _checkerboard(size: tuple[int, int], square: int) -> Image.Image:
    from PIL import Image

    rows, cols = np.ogrid[: size[1], : size[0]]
    levels = np.array(_CHECKERBOARD, np.uint8)[(rows // square + cols // square) % 2]
    return Image.fromarray(levels).convert("RGBA")


def _overlay_mask(pixels: npt.NDArray[Any], mask: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Blends the classes of a mask into an image, one color per class; class 0 is transparent.

    Args:
        pixels: uint8, shape (height, width, channels).
        mask: Integers, shape (height, width[, 1]).

    Returns:
        uint8, shape (height, width, 3), or 4 if ``pixels`` have transparency.
    """
    classes = mask.reshape(mask.shape[:2])
    colors = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels.copy()
    shown = classes > 0
    paint = np.array(_CLASS_COLORS, np.uint8)[
        (classes[shown].astype(np.int64) - 1) % len(_CLASS_COLORS)
    ]
    if colors.shape[2] == 4:
        # Half opaque paint on a pixel: of a transparent one, only the paint is seen.
        opacity = colors[shown, 3:].astype(np.uint32)
        total = 255 + opacity
        blend = (255 * paint.astype(np.uint32) + opacity * colors[shown, :3]) // total
        colors[shown] = np.concatenate([blend, total // 2], axis=1)
    else:
        colors[shown] = colors[shown] // 2 + paint // 2
    return colors
