"""Warnings that point at the user's line, through however many functions of imggen."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

from imggen.errors import ImggenWarning

# Keras calls imggen on behalf of the user's call of ``fit``.
_PASSED_THROUGH = (__name__.partition(".")[0], "keras")


def warn_user(message: str | Warning, category: type[Warning] = ImggenWarning) -> None:
    """Warns at the first line on the way up that is neither imggen's nor Keras's.

    Args:
        message: The text, or a warning.
        category: The class of the warning, if it is a text.
    """
    level = 2
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_own(frame):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level - 1 if frame is None else level)


def _is_own(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in _PASSED_THROUGH
