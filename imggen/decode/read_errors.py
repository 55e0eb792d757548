"""Errors for files that cannot be read, with the reason in plain words."""

from __future__ import annotations

import os

from imggen.errors import ImageError


def build_image_error(path: str, err: Exception) -> ImageError:
    """Builds the error for a file from what Pillow or the operating system raised."""
    return ImageError.of(path, _describe(path, err))


def _describe(path: str, err: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(err, FileNotFoundError):
        return "there is no such file"
    if isinstance(err, PermissionError):
        return "reading it is not permitted"
    if isinstance(err, Image.DecompressionBombError):
        return f"it is too large: {err}"
    if isinstance(err, UnidentifiedImageError):
        if os.path.isfile(path) and os.path.getsize(path) == 0:
            return "the file is empty"
        return "it is not in an image format that Pillow knows, or its beginning is broken"
    if isinstance(err, OSError) and err.strerror:
        return err.strerror.lower()  # the text of the error itself repeats the path
    return f"{err}" if isinstance(err, OSError | ValueError) else f"{type(err).__name__}: {err}"
