"""Where the pixels of a file end up in its array, so that positions in it can follow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imggen.decode.load import failure
from imggen.decode.orientation import TURNED
from imggen.decode.spec import ImageSpec, placement
from imggen.errors import ImageError


def upright_size(path: str, spec: ImageSpec) -> tuple[int, int]:
    """The (width, height) of an image as ``spec`` turns it upright; its pixels are not read."""
    from PIL import ExifTags, Image

    with Image.open(path) as image:
        is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) in TURNED
        # Pillow tells the size of a TIFF, and only that, as it is once it is turned.
        is_upright = image.format == "TIFF"
        width, height = image.size
    return (height, width) if is_turned and spec.exif_orientation != is_upright else (width, height)


def place_of(path: str, spec: ImageSpec) -> tuple[tuple[int, int], npt.NDArray[np.float64]]:
    """Says where in a file the pixels of its array come from.

    Args:
        path: The file.
        spec: How it becomes an array.

    Returns:
        (height, width) of the image in the file, upright, in pixels; and the matrix that takes a
        position in the array, (x, y) in pixels from the middle of the first one, to that in the
        file, float64 of shape (3, 3).

    Raises:
        ImageError: The file cannot be read.
    """
    try:
        width, height = upright_size(path, spec)
    except Exception as err:
        # As with images: Pillow's readers raise whatever their parsing meets.
        raise ImageError.of(path, failure(path, err)) from err
    (left, top, right, bottom), (across, down), (at_left, at_top) = placement(width, height, spec)
    scale_x, scale_y = (right - left) / across, (bottom - top) / down
    matrix = np.array(
        [
            [scale_x, 0.0, left + (0.5 - at_left) * scale_x - 0.5],
            [0.0, scale_y, top + (0.5 - at_top) * scale_y - 0.5],
            [0.0, 0.0, 1.0],
        ]
    )
    return (height, width), matrix
