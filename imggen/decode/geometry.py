"""Where the pixels of a file end up in its array, and where positions in the array come from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.decode.kinds import reopen
from imggen.decode.orientation import TURNED, oriented_size
from imggen.decode.rasters import Raster
from imggen.decode.read_errors import build_image_error, concerns_file
from imggen.decode.spec import ImageSpec


class Placement(NamedTuple):
    """Which window of an image goes where in the array; sizes are (width, height), as in Pillow.

    Attributes:
        window: (left, top, right, bottom) of the pixels that are used, in pixels of the image.
        size: The size of the window once it is resized.
        offset: (left, top) of the resized window in the array.
    """

    window: tuple[int, int, int, int]
    size: tuple[int, int]
    offset: tuple[int, int]


def compute_placement(image_width: int, image_height: int, spec: ImageSpec) -> Placement:
    """Computes how an upright image fits into the array that ``spec`` asks for."""
    whole = (image_width, image_height)
    if spec.image_size is None:
        shrinkage = max(1.0, min(whole) / (spec.shorter_side or min(whole)))
        size = (max(1, round(image_width / shrinkage)), max(1, round(image_height / shrinkage)))
        return Placement((0, 0, *whole), size, (0, 0))
    height, width = spec.image_size
    if spec.fit == "crop":
        # Rounded as in smart_resize, keras/src/utils/image_utils.py, Keras 3.15.
        crop_width = max(1, min(image_width, image_height * width // height))
        crop_height = max(1, min(image_height, image_width * height // width))
        left, top = (image_width - crop_width) // 2, (image_height - crop_height) // 2
        window = (left, top, left + crop_width, top + crop_height)
        return Placement(window, (width, height), (0, 0))
    if spec.fit == "center":
        shrinkage = max(1.0, min(whole) / (spec.shorter_side or min(whole)))
        shrinkage = min(shrinkage, image_width / width, image_height / height)
        sides = (max(1, round(width * shrinkage)), max(1, round(height * shrinkage)))
        left, top = (image_width - sides[0]) // 2, (image_height - sides[1]) // 2
        window = (left, top, left + sides[0], top + sides[1])
        return Placement(window, (width, height), (0, 0))
    if spec.fit == "stretch":
        return Placement((0, 0, *whole), (width, height), (0, 0))
    scale = min(width / image_width, height / image_height)
    size = (
        min(width, max(1, round(image_width * scale))),
        min(height, max(1, round(image_height * scale))),
    )
    return Placement((0, 0, *whole), size, ((width - size[0]) // 2, (height - size[1]) // 2))


def upright_size(path: str, spec: ImageSpec) -> tuple[int, int]:
    """Returns the (width, height) of an image as ``spec`` turns it upright.

    Reads pixels only if Pillow cannot open the file.
    """
    from PIL import Image

    is_opened = False
    try:
        with Image.open(path) as image:
            is_opened = True
            return oriented_size(image, upright=spec.exif_orientation)
    except Exception as err:
        if not concerns_file(err):
            raise
        opened = reopen(path, err, is_opened=is_opened)
        if isinstance(opened, Raster):
            height, width = opened.values.shape[:2]
            is_turned = spec.exif_orientation and opened.orientation in TURNED
            return (height, width) if is_turned else (width, height)
        return oriented_size(opened, upright=spec.exif_orientation)


def source_geometry(path: str, spec: ImageSpec) -> tuple[tuple[int, int], npt.NDArray[np.float64]]:
    """Computes where in a file the pixels of its array come from.

    Args:
        path: The file.
        spec: How it becomes an array.

    Returns:
        (height, width) of the upright image in the file, in pixels; and the matrix that maps a
        position in the array, (x, y) in pixels from the center of the first pixel, to a position
        in the file, float64 of shape (3, 3).

    Raises:
        ImageError: The file cannot be read.
    """
    try:
        width, height = upright_size(path, spec)
    except Exception as err:
        if not concerns_file(err):
            raise
        raise build_image_error(path, err) from err
    (left, top, right, bottom), (across, down), (at_left, at_top) = compute_placement(
        width, height, spec
    )
    scale_x, scale_y = (right - left) / across, (bottom - top) / down
    matrix = np.array(
        [
            [scale_x, 0.0, left + (0.5 - at_left) * scale_x - 0.5],
            [0.0, scale_y, top + (0.5 - at_top) * scale_y - 0.5],
            [0.0, 0.0, 1.0],
        ]
    )
    return (height, width), matrix
