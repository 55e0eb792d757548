"""The choice of the library that decodes a file, and of the one that resizes it.

To swap a decoder or the resizer, change it here; ``resizing`` has the figures of resizers,
``jpeg`` and ``opencv_png`` those of decoders. Whatever is read here has the pixels that Pillow
would decode, and is resized to within a gray level of Pillow.

====================================  ==========================================
file and interpolation                decoded by, resized by
====================================  ==========================================
plain JPEG or PNG, bilinear           OpenCV, cykooz-resizer
plain JPEG or PNG, nearest            OpenCV, OpenCV (the pixels of Pillow)
plain JPEG or PNG, not resized        OpenCV
plain JPEG or PNG, others             Pillow, Pillow (arrays gain nothing)
other files, bilinear                 Pillow, cykooz-resizer
other files, others; transparency     Pillow, Pillow
====================================  ==========================================

Without cykooz-resizer, Pillow decodes and resizes in its place. ``ImageDataGenerator`` has Keras's
own pixels: those of ``read_nearest`` or ``keras.utils.load_img``.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.decode.file_bytes import read_if_signed
from imggen.decode.formats import JPEG
from imggen.decode.jpeg import (
    decode_plain_jpeg,
    read_header_orientation,
    read_plain_header,
)
from imggen.decode.nearest import resize_nearest
from imggen.decode.opencv_png import decode_plain_png, read_plain_png_header
from imggen.decode.orientation import TURNED, UPRIGHT, turn_pixels
from imggen.decode.placement import Placement, compute_placement
from imggen.decode.png import SIGNATURE
from imggen.decode.reduction import Reduction, find_factor
from imggen.decode.resizing import Box, Resize, find_resizer
from imggen.decode.spec import FILTERS, ImageSpec
from imggen.stores import is_elsewhere, read

_SIGNATURES = (JPEG.signature, SIGNATURE[:3])


class Decoded(NamedTuple):
    """An image before it is resized.

    Attributes:
        pixels: uint8, shape (height, width, 1 or 3), upright.
        placement: The window of the full image, and where it goes.
        box: The window in ``pixels``, of an image that was decoded at reduced size; else None.
    """

    pixels: npt.NDArray[np.uint8]
    placement: Placement
    box: Box | None


def read_plain_file(path: str | os.PathLike[str]) -> bytes | None:
    """Returns the bytes of a file that ``decode_plain`` may decode; None for other formats.

    A file in an archive or a remote store is read once, so its bytes are returned in any format.

    Raises:
        OSError: It cannot be read.
    """
    try:
        return read_if_signed(path, _SIGNATURES)
    except OSError as err:
        if not is_elsewhere(path, err):
            raise
    return read(path)


def read_nearest(
    path: str | os.PathLike[str],
    size: tuple[int, int],
    *,
    is_gray: bool,
    row: npt.NDArray[Any] | None = None,
) -> npt.NDArray[Any] | None:
    """Reads a plain JPEG or PNG with the pixels of Pillow, resized by nearest neighbor.

    Args:
        path: The path of a file of any format.
        size: (height, width).
        is_gray: Read PNGs of one channel only, to one channel.
        row: An image of a batch, into which the pixels may be written.

    Returns:
        ``row`` if the pixels were written there; else uint8, shape (height, width, 3 or 1), not
        turned upright. None for other files, and for those that cannot be read.
    """
    try:
        data = read_if_signed(path, _SIGNATURES[1:] if is_gray else _SIGNATURES)
    except (OSError, TypeError, ValueError):
        return None
    if data is None:
        return None
    if data.startswith(JPEG.signature):
        pixels = None if read_plain_header(data) is None else decode_plain_jpeg(data)
    else:
        png = read_plain_png_header(data)
        if png is None or (is_gray and png.num_channels != 1):
            return None
        pixels = decode_plain_png(data, is_gray=is_gray)
    return None if pixels is None else resize_nearest(pixels, size, row)


def find_resize(spec: ImageSpec) -> Resize | None:
    """Returns the function that resizes arrays as ``spec`` asks; None: only Pillow can."""
    name = FILTERS[spec.interpolation]
    if name == "NEAREST" or (spec.image_size is None and spec.shorter_side is None):
        return _resize_nearest
    resizer = find_resizer()
    return resizer.filters[name] if resizer is not None and name in resizer.filters else None


def decode_plain(data: bytes, spec: ImageSpec) -> Decoded | None:
    """Decodes a plain JPEG or PNG with OpenCV.

    Args:
        data: The bytes of a file, in any format.
        spec: How it is to be resized.

    Returns:
        The pixels; None where Pillow decides.
    """
    if data.startswith(JPEG.signature):
        return _decode_jpeg(data, spec)
    png = read_plain_png_header(data)
    if png is None:
        return None
    is_gray = spec.color_mode == "grayscale"
    if is_gray and png.num_channels != 1:
        return None  # only Pillow makes Pillow's gray
    pixels = decode_plain_png(data, is_gray=is_gray)
    if pixels is None:
        return None
    return Decoded(pixels, compute_placement(png.width, png.height, spec), None)


def read_plain_size(data: bytes, spec: ImageSpec) -> tuple[int, int] | None:
    """Returns the (width, height) of a plain JPEG or PNG, upright if ``spec`` turns it; or None."""
    if not data.startswith(JPEG.signature):
        png = read_plain_png_header(data)
        return None if png is None else (png.width, png.height)
    header = read_plain_header(data)
    if header is None:
        return None
    orientation = read_header_orientation(header, data) if spec.exif_orientation else UPRIGHT
    if orientation is None:
        return None
    size = (header.width, header.height)
    return size[::-1] if orientation in TURNED else size


def fit_array(decoded: Decoded, spec: ImageSpec, resize: Resize) -> npt.NDArray[np.uint8]:
    """Cuts out the window of a decoded image, resizes it, and adds alpha and padding."""
    pixels, ((left, top, right, bottom), size, offset), box = decoded
    if box is not None:
        pixels = resize(pixels, size, box)
    else:
        # Cut first: a filter lets pixels outside of a box bleed into its edge.
        pixels = pixels[top:bottom, left:right]
        if size != (right - left, bottom - top):
            pixels = resize(pixels, size, None)
    if spec.color_mode == "rgba":
        opaque = np.full((size[1], size[0], 1), 255, np.uint8)
        pixels = np.concatenate([pixels, opaque], axis=2)
    if spec.fit != "pad" or spec.image_size is None or spec.image_size == size[::-1]:
        # Pillow's own memory is read-only.
        return pixels if pixels.flags.carray else pixels.copy()
    canvas = np.zeros((*spec.image_size, pixels.shape[2]), np.uint8)
    canvas[offset[1] : offset[1] + size[1], offset[0] : offset[0] + size[0]] = pixels
    return canvas


def _decode_jpeg(data: bytes, spec: ImageSpec) -> Decoded | None:
    header = read_plain_header(data)
    is_gray = spec.color_mode == "grayscale"
    if header is None or (is_gray and header.num_channels != 1):
        return None
    orientation = read_header_orientation(header, data) if spec.exif_orientation else UPRIGHT
    if orientation is None:
        return None
    width, height = header.width, header.height
    if orientation in TURNED:
        width, height = height, width
    placement = compute_placement(width, height, spec)
    factor = find_factor(placement) if spec.may_reduce else 1
    pixels = decode_plain_jpeg(data, factor, is_gray=is_gray)
    if pixels is None:
        return None
    if orientation != UPRIGHT:
        pixels = turn_pixels(pixels, orientation)
    if factor == 1:
        return Decoded(pixels, placement, None)
    reduction = Reduction((width, height), factor, orientation)
    return Decoded(pixels, placement, reduction.box(placement.window))


def _resize_nearest(
    pixels: npt.NDArray[np.uint8], size: tuple[int, int], box: Box | None
) -> npt.NDArray[np.uint8]:
    del box  # large images are decoded in full
    return resize_nearest(pixels, size[::-1])
