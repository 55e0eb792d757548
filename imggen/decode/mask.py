"""Mask files decoded to the class of each pixel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.decode.geometry import upright_size
from imggen.decode.kinds import Source, describe_source, open_stored
from imggen.decode.mask_values import MaskValues, pack_colors
from imggen.decode.placement import compute_placement
from imggen.decode.rasters import Raster, raster_to_image
from imggen.decode.read_errors import build_image_error, concerns_file
from imggen.decode.spec import ImageSpec

if TYPE_CHECKING:
    from PIL import Image

# Modes whose pixels Pillow can convert to RGB and RGBA without a loss.
_COLOR_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
_ALPHA_MODES = {"LA", "PA", "RGBA"}


def load_mask(
    source: Source, image_source: Source, spec: ImageSpec, mask_values: MaskValues | None = None
) -> npt.NDArray[Any]:
    """Reads a mask and resizes it like its image, without interpolating between values.

    Args:
        source: The path of a file, or its bytes. It has one channel: gray values or, with a
            palette, the indices of its colors. With colors in ``mask_values``, a file of colors.
        image_source: The image that the mask belongs to, which must have the same size.
        spec: How the image is resized.
        mask_values: The class of each value of the file; None: the values are the classes.

    Returns:
        uint8 or uint16, shape (height, width, 1): the class of each pixel. Padding is 0.

    Raises:
        ImageError: Either file cannot be read, the mask has several channels or a value that
            ``mask_values`` does not have, or their sizes differ.
    """
    try:
        mask = open_stored(source, upright=spec.exif_orientation)
        values = stored_values(mask, mask_values)
        size = upright_size(image_source, spec)
        if values.shape[1::-1] != size:
            raise build_size_error(values, image_source, size)
        return resize_mask(values, spec, mask_values)
    except Exception as err:
        if not concerns_file(err):
            raise
        raise build_image_error(describe_source(source), err) from err


def build_size_error(
    values: npt.NDArray[Any], image_source: Source, size: tuple[int, int]
) -> ValueError:
    """Builds the error for a mask of another size than its image, of (width, height)."""
    name = "" if isinstance(image_source, bytes) else f" {os.fspath(image_source)!r}"
    return ValueError(
        f"it has {values.shape[1]} x {values.shape[0]} pixels, and its image{name} "
        f"{size[0]} x {size[1]}; a mask needs one value for each pixel"
    )


def stored_values(mask: Image.Image | Raster, mask_values: MaskValues | None) -> npt.NDArray[Any]:
    """Returns the values of a loaded mask, to which ``mask_values`` can be applied.

    Values are those of the file at its own depth, from 0 for black; of a palette, the indices.

    Returns:
        uint8 or uint16, shape (height, width); for colors uint8, shape (height, width, channels).

    Raises:
        ValueError: The mask has several channels and should have one, or the other way round; or
            its values are not classes.
    """
    if mask_values is None:
        return _numbers(mask)
    if not mask_values.is_color:
        values = _numbers(mask)
        is_bitmap = mask.max_value == 1 if isinstance(mask, Raster) else mask.mode == "1"
        if is_bitmap and mask_values.has(255) and not mask_values.has(1):
            values = values * np.uint8(255)  # the values that such a file has as grayscale
        return values
    if isinstance(mask, Raster) and mask.max_value <= 255:
        mask = raster_to_image(mask)
    if isinstance(mask, Raster) or mask.mode not in _COLOR_MODES:
        raise ValueError(
            f"its pixels (mode {mask.mode}) are not colors of 8 bits, as the keys of mask_values "
            "are"
        )
    if mask.mode in {"1", "L", "RGB"} and mask_values.channels == 3:
        return np.asarray(mask.convert("RGB"))
    colors = np.asarray(mask.convert("RGBA"))
    if mask_values.channels == 4:
        return colors
    _check_alpha(colors, mask.mode)
    return colors[:, :, :3]


def _numbers(mask: Image.Image | Raster) -> npt.NDArray[Any]:
    """Returns the values of the file: with a palette, the indices of its colors."""
    if isinstance(mask, Raster):
        values = mask.values[:, :, 0] if mask.values.shape[2] == 1 else mask.values
    else:
        values = np.asarray(mask)
    if mask.mode in _ALPHA_MODES:
        _check_alpha(values, mask.mode)
        values = values[:, :, :-1]
    if values.ndim == 3 and (values == values[:, :, :1]).all():
        values = values[:, :, 0]  # gray, stored as RGB
    if values.ndim != 2:
        raise ValueError(
            f"it is in color (mode {mask.mode}); a mask has one channel, with the number of a "
            "class for each pixel. Convert it, or pass mask_values= with the class of each color, "
            "such as {(0, 0, 0): 0, (255, 0, 0): 1}"
        )
    if values.dtype.kind not in "bui" and not (values == np.rint(values)).all():
        raise ValueError("its values are not whole numbers")
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 65535:
        raise ValueError("its values are not between 0 and 65535")
    return values.astype(np.uint8 if values.dtype.itemsize == 1 else np.uint16)


def _check_alpha(pixels: npt.NDArray[np.uint8], mode: str) -> None:
    """Checks that no pixels of the same color differ in alpha, the last channel."""
    alpha = pixels[:, :, -1]
    if (alpha == alpha.flat[0]).all():
        return
    packed = pack_colors(pixels)
    if len(np.unique(packed)) > len(np.unique(packed >> 8)):
        raise ValueError(
            f"pixels of the same color differ in transparency (mode {mode}). Flatten it to one "
            "channel, or pass mask_values= with keys of four numbers, such as "
            "{(0, 0, 0, 0): 0, (255, 255, 255, 255): 1}"
        )


def resize_mask(
    values: npt.NDArray[Any], spec: ImageSpec, mask_values: MaskValues | None
) -> npt.NDArray[Any]:
    """Resizes the values of a mask like its image, and maps them to classes.

    Args:
        values: As ``stored_values`` returns them.
        spec: How the image is resized.
        mask_values: See ``load_mask``.

    Returns:
        See ``load_mask``.

    Raises:
        ValueError: A value that ``mask_values`` does not have.
    """
    import cv2

    height, width = values.shape[:2]
    (left, top, right, bottom), size, offset = compute_placement(width, height, spec)
    window = np.ascontiguousarray(values[top:bottom, left:right])
    resized = cv2.resize(window, size, interpolation=cv2.INTER_NEAREST_EXACT)
    if mask_values is not None:  # after resizing, which leaves fewer pixels
        resized = mask_values.apply(resized)
    whole = spec.image_size or resized.shape[:2]
    canvas = np.zeros((*whole, 1), resized.dtype)
    canvas[offset[1] : offset[1] + size[1], offset[0] : offset[0] + size[0], 0] = resized
    return canvas
