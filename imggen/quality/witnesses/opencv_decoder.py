"""Decodes files with OpenCV, whose warnings about damage go to stderr."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def decode_with_opencv(data: bytes) -> npt.NDArray[np.uint8] | None:
    """Decodes the bytes of a file to RGB, shape (height, width, 3); None if OpenCV cannot.

    The orientation in EXIF is ignored.
    """
    import cv2

    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(pixels)
