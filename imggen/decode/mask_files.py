"""Mask files resized like their images, as files that hold the same kind of values."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.decode.geometry import upright_size
from imggen.decode.kinds import open_stored
from imggen.decode.mask import build_size_error, resize_mask, stored_values
from imggen.decode.rasters import Raster, raster_to_image
from imggen.decode.read_errors import build_image_error, concerns_file
from imggen.decode.spec import ImageSpec

if TYPE_CHECKING:
    from PIL import Image

_KEPT_MODES = {"1", "L", "LA", "P", "RGB", "RGBA"}


def resize_mask_file(data: bytes, image: bytes, spec: ImageSpec, path: str) -> bytes:
    """Resizes a mask like its image, without interpolating between values.

    Args:
        data: The file of the mask.
        image: The file of its image, which must have the same size.
        spec: How the image is resized.
        path: The path of the mask, for errors.

    Returns:
        A PNG file. ``load_mask`` reads from it, resized no further, the values that it reads
        from ``data`` with ``spec``: gray values, indices into the same palette, or colors.

    Raises:
        ImageError: A file cannot be read, or their sizes differ.
    """
    from PIL import Image

    try:
        mask = open_stored(data, upright=spec.exif_orientation)
        if isinstance(mask, Raster) and mask.max_value <= 255 and mask.values.shape[2] > 1:
            mask = raster_to_image(mask)
        values = _values(mask)
        size = upright_size(image, spec)
        if values.shape[1::-1] != size:
            raise build_size_error(values, image, size)
        resized = _resize(values, spec)
        made = Image.fromarray(resized)
        if mask.mode == "P":
            made = made.copy()
            made.putpalette(*_palette(mask))
        out = io.BytesIO()
        transparent = None if isinstance(mask, Raster) else mask.info.get("transparency")
        options = {} if transparent is None else {"transparency": transparent}
        made.save(out, "PNG", **options)
        return out.getvalue()
    except Exception as err:
        if not concerns_file(err):
            raise
        raise build_image_error(path, err) from err


def _values(mask: Image.Image | Raster) -> npt.NDArray[Any]:
    """Returns the values of a mask as Pillow can write them; bool for a bitmap."""
    if isinstance(mask, Raster):
        values = mask.values[:, :, 0] if mask.values.shape[2] == 1 else mask.values
        return values == 1 if mask.max_value == 1 and mask.mode != "P" else values
    if mask.mode == "PA":
        mask = mask.convert("RGBA")
    return np.asarray(mask) if mask.mode in _KEPT_MODES else stored_values(mask, None)


def _resize(values: npt.NDArray[Any], spec: ImageSpec) -> npt.NDArray[Any]:
    numbers = values.view(np.uint8) if values.dtype == bool else values
    channels = np.atleast_3d(numbers)
    resized = [
        resize_mask(np.ascontiguousarray(channels[:, :, index]), spec, None)
        for index in range(channels.shape[2])
    ]
    joined = np.concatenate(resized, axis=2)
    return (joined[:, :, 0] if values.ndim == 2 else joined).astype(values.dtype)


def _palette(mask: Image.Image | Raster) -> tuple[Any, str]:
    if isinstance(mask, Raster):
        colors = np.zeros((1, 3), np.uint8) if mask.palette is None else mask.palette
        return colors.tobytes(), "RGB"
    return mask.getpalette("RGB"), "RGB"
