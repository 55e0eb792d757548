"""Turning images upright, as the orientation in their EXIF data says.

Source: Exif 2.32, tag 0x0112; ``PIL.ImageOps.exif_transpose``.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from imggen.decode.formats import find_format
from imggen.decode.read_errors import concerns_file

if TYPE_CHECKING:
    from PIL import Image

_Pixel = TypeVar("_Pixel", np.uint8, np.uint16)

UPRIGHT = 1
# What becomes of the stored axes once the image is upright.
TURNED = frozenset({5, 6, 7, 8})  # rows become columns
MIRRORED = frozenset({2, 3, 6, 7})  # the horizontal axis runs backward
UPSIDE_DOWN = frozenset({3, 4, 7, 8})  # the vertical axis runs backward
NOT_UPRIGHT = TURNED | MIRRORED | UPSIDE_DOWN


def read_orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation of an open image, 1 to 8; 1 if it has none, or another value."""
    from PIL import ExifTags

    orientation = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    return int(orientation) if orientation in NOT_UPRIGHT else UPRIGHT


def read_orientation_of_bytes(data: bytes) -> int | None:
    """Returns the orientation of the bytes of a file; None where Pillow would fail to turn it."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            orientation = read_orientation(image)
            if orientation != UPRIGHT:
                image.getexif().tobytes()  # as exif_transpose does, for the image that it returns
    except Exception as err:
        if not concerns_file(err):
            raise
        return None
    return orientation


def turn_upright(image: Image.Image) -> Image.Image:
    """Loads an open image, turns it upright, and returns it."""
    from PIL import ImageOps

    if image.format == "ICNS":  # cannot be loaded twice, and a copy need not be
        return ImageOps.exif_transpose(image)
    ImageOps.exif_transpose(image, in_place=True)
    return image


def turn_pixels(pixels: npt.NDArray[_Pixel], orientation: int) -> npt.NDArray[_Pixel]:
    """Turns pixels, shape (height, width, channels), as ``turn_upright`` turns images."""
    import cv2

    # A photograph of 500 x 375 takes OpenCV 60 µs and NumPy 1,000.
    turned: Any = cv2.transpose(pixels) if orientation in TURNED else pixels
    is_mirrored, is_upside_down = orientation in MIRRORED, orientation in UPSIDE_DOWN
    if is_mirrored or is_upside_down:
        turned = cv2.flip(turned, -1 if is_mirrored and is_upside_down else int(is_mirrored))
    height, width, num_channels = pixels.shape
    size = (width, height) if orientation in TURNED else (height, width)
    return np.asarray(turned).reshape(*size, num_channels)


def keep_as_stored(image: Image.Image) -> Image.Image:
    """Returns an open image in the orientation of the file, undoing what Pillow does on load."""
    from PIL import Image

    if not find_format(image.format).is_turned_on_load:
        return image
    orientation = read_orientation(image)
    image.load()
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return image.transpose(undo[orientation]) if orientation in undo else image


def oriented_size(image: Image.Image, *, upright: bool) -> tuple[int, int]:
    """Returns the (width, height) of an open image, upright or as stored; reads no pixels."""
    width, height = image.size
    is_swapped = upright != find_format(image.format).is_turned_on_load
    if is_swapped and read_orientation(image) in TURNED:
        return height, width
    return width, height
