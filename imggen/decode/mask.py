"""Mask files decoded to the class of each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.decode.geometry import compute_placement, upright_size
from imggen.decode.orientation import turn_upright
from imggen.decode.read_errors import build_image_error
from imggen.decode.spec import ImageSpec

if TYPE_CHECKING:
    from PIL import Image


def load_mask(path: str, image_path: str, spec: ImageSpec) -> npt.NDArray[Any]:
    """Reads a mask and resizes it like its image, without interpolating between values.

    Args:
        path: A file of one channel: gray values or, with a palette, the indices of its colors.
        image_path: The image that the mask belongs to, which must have the same size.
        spec: How the image is resized.

    Returns:
        uint8 or uint16, shape (height, width, 1): the values of the file.

    Raises:
        ImageError: Either file cannot be read, the mask has several channels, or their sizes
            differ.
    """
    from PIL import Image

    try:
        with Image.open(path) as stored:
            mask = turn_upright(stored) if spec.exif_orientation else stored
            mask.load()
            values = _class_values(mask)
            size = upright_size(image_path, spec)
            if mask.size != size:
                raise ValueError(
                    f"it has {mask.width} x {mask.height} pixels, and its image {image_path!r} "
                    f"{size[0]} x {size[1]}; a mask needs one value for each pixel"
                )
            return _resize(values, spec)
    except Exception as err:
        # As with images: Pillow's readers raise whatever their parsing meets.
        raise build_image_error(path, err) from err


def _class_values(mask: Image.Image) -> npt.NDArray[Any]:
    """Returns the values of the file: with a palette, the indices of its colors."""
    values = np.asarray(mask)
    if values.ndim == 3 and (values[:, :, :3] == values[:, :, :1]).all():
        values = values[:, :, 0]  # gray, stored as RGB
    if values.ndim != 2:
        raise ValueError(
            f"it is in color (mode {mask.mode}); a mask has one channel, with the number of a "
            "class for each pixel"
        )
    if values.dtype.kind not in "bui" and not (values == np.rint(values)).all():
        raise ValueError("its values are not whole numbers")
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 65535:
        raise ValueError("its values are not between 0 and 65535")
    return values.astype(np.uint8 if values.dtype.itemsize == 1 else np.uint16)


def _resize(values: npt.NDArray[Any], spec: ImageSpec) -> npt.NDArray[Any]:
    import cv2

    height, width = values.shape
    (left, top, right, bottom), size, offset = compute_placement(width, height, spec)
    window = np.ascontiguousarray(values[top:bottom, left:right])
    resized = cv2.resize(window, size, interpolation=cv2.INTER_NEAREST_EXACT)
    whole = spec.image_size or resized.shape[:2]
    canvas = np.zeros((*whole, 1), values.dtype)
    canvas[offset[1] : offset[1] + size[1], offset[0] : offset[0] + size[0], 0] = resized
    return canvas
