"""The file of a mask to the class of each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.decode.load import failure
from imggen.decode.place import upright_size
from imggen.decode.spec import ImageSpec, placement
from imggen.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image


def load_mask(path: str, image_path: str, spec: ImageSpec) -> npt.NDArray[Any]:
    """Reads a mask, and fits it as its image is fitted; no value is made up in between.

    Args:
        path: A file of one channel: grey values or, with a palette, the numbers of its colours.
        image_path: The image that it belongs to, which must have the same size.
        spec: How the image is fitted.

    Returns:
        uint8 or uint16, shape (height, width, 1): the values of the file.

    Raises:
        ImageError: Either file cannot be read, the mask has several channels, or their sizes
            differ.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as stored:
            mask = ImageOps.exif_transpose(stored) if spec.exif_orientation else stored
            mask.load()
            values = _values(mask)
            size = upright_size(image_path, spec)
            if mask.size != size:
                raise ValueError(
                    f"it has {mask.width} x {mask.height} pixels, and its image {image_path!r} "
                    f"{size[0]} x {size[1]}; a mask needs one value for each pixel"
                )
            return _fitted(values, spec)
    except Exception as err:
        # As with images: Pillow's readers raise whatever their parsing meets.
        raise ImageError.of(path, failure(path, err)) from err


def _values(mask: Image.Image) -> npt.NDArray[Any]:
    """The values of the file: with a palette, the numbers of its colours."""
    values = np.asarray(mask)
    if values.ndim == 3 and (values[:, :, :3] == values[:, :, :1]).all():
        values = values[:, :, 0]  # grey, stored as colours
    if values.ndim != 2:
        raise ValueError(
            f"it is in colour (mode {mask.mode}); a mask has one channel, with the number of a "
            "class for each pixel"
        )
    if values.dtype.kind not in "bui" and not (values == np.rint(values)).all():
        raise ValueError("its values are not whole numbers")
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 65535:
        raise ValueError("its values are not between 0 and 65535")
    return values.astype(np.uint8 if values.dtype.itemsize == 1 else np.uint16)


def _fitted(values: npt.NDArray[Any], spec: ImageSpec) -> npt.NDArray[Any]:
    import cv2

    height, width = values.shape
    (left, top, right, bottom), size, (at_left, at_top) = placement(width, height, spec)
    part = np.ascontiguousarray(values[top:bottom, left:right])
    fitted = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST_EXACT)
    whole = spec.image_size or fitted.shape[:2]
    placed = np.zeros((*whole, 1), values.dtype)
    placed[at_top : at_top + size[1], at_left : at_left + size[0], 0] = fitted
    return placed
