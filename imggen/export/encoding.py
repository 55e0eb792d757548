"""Pixels encoded as image files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

JPEG_QUALITY = 95


def encode_pixels(pixels: npt.NDArray[np.uint8], file_format: str) -> bytes:
    """Encodes an image: JPEG of quality 95 without subsampled colors, other formats without loss.

    Args:
        pixels: uint8, shape (height, width, channels) or (height, width).
        file_format: Pillow's name of the format, such as "JPEG". Formats that Pillow cannot write
            become PNG.
    """
    from PIL import Image

    Image.init()
    options: dict[str, Any] = {"lossless": True}  # WebP is lossy by default
    if file_format == "JPEG":
        options = {"quality": JPEG_QUALITY, "subsampling": 0}
    elif file_format not in Image.SAVE:
        file_format = "PNG"
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, file_format, **options)
    return out.getvalue()
