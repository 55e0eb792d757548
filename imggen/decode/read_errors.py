"""Errors for files that cannot be read, with the reason in plain words."""

from __future__ import annotations

import errno
import signal
import traceback

from imggen.errors import ImageError, ImggenError, StoreError
from imggen.stores import identity

# The machine has run out of something.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def concerns_file(err: Exception) -> bool:
    """Whether an error that a reader raised is about its file.

    Pillow's readers raise whatever their parsing meets: OSError, SyntaxError, struct.error,
    ValueError, IndexError, ... Not about the file are wrong arguments, a machine that has run out
    of memory or open files, and whatever a signal handler raises, such as a time limit.
    """
    if isinstance(err, ImggenError):
        return isinstance(err, ImageError | StoreError)
    if isinstance(err, MemoryError) or (isinstance(err, OSError) and err.errno in _EXHAUSTED):
        return False
    return not _is_from_signal_handler(err)


def _is_from_signal_handler(err: Exception) -> bool:
    handlers = map(signal.getsignal, signal.valid_signals())
    codes = {getattr(handler, "__code__", None) for handler in handlers} - {None}
    frames = traceback.walk_tb(err.__traceback__)
    return any(frame.f_code in codes for frame, _ in frames)


def build_image_error(path: str, err: Exception) -> ImageError:
    """Builds the error for a file from what Pillow or the operating system raised."""
    return ImageError.of_file(path, _describe(path, err), err)


def _describe(path: str, err: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if "\0" in path:
        return "its path contains a null character"
    if isinstance(err, StoreError):
        return err.reason
    if isinstance(err, FileNotFoundError):
        return "there is no such file"
    if isinstance(err, PermissionError):
        return "reading it is not permitted"
    if isinstance(err, Image.DecompressionBombError):
        return f"it is too large: {err}"
    if isinstance(err, UnidentifiedImageError):
        if _is_empty(path):
            return "the file is empty"
        return "it is not in an image format that Pillow knows, or its beginning is broken"
    if isinstance(err, OSError) and err.strerror:
        return err.strerror.lower()  # the text of the error itself repeats the path
    return f"{err}" if isinstance(err, OSError | ValueError) else f"{type(err).__name__}: {err}"


def _is_empty(path: str) -> bool:
    try:
        return identity(path).size == 0
    except OSError:
        return False
