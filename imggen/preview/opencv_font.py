"""The font that OpenCV 5 brings along, with the interface of Pillow's fonts."""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import ImageDraw

_REGULAR = 400  # its weight
_MISSING = "?"  # is drawn for letters that the font does not have


@final
class OpenCVFont:
    """Latin, Greek, Cyrillic, Chinese, Japanese and Korean letters, the same on every machine.

    Scripts that are written from right to left are not put in order, so these are left out.

    Args:
        size: The size in pixels.

    Raises:
        OSError: OpenCV is older than 5, or was built without the font.
    """

    def __init__(self, size: int) -> None:
        import cv2

        if not hasattr(cv2, "FontFace"):
            raise OSError("OpenCV is older than 5.")
        self._font: Any = cv2.FontFace("sans")
        self._size = size
        if not self._render("A").any():
            raise OSError("OpenCV was built without fonts.")

    def getlength(self, text: str) -> float:
        """Returns the width of a text, in pixels."""
        import cv2

        # A space at the end has no width, so the width of one more letter is subtracted.
        both, last = (
            cv2.getTextSize((0, 0), shown, (0, 0), self._font, self._size, _REGULAR)[2]
            for shown in (f"{text}.", ".")
        )
        return float(both - last)

    def has(self, letter: str) -> bool:
        """Whether the font has a letter."""
        if unicodedata.bidirectional(letter) in ("R", "AL", "AN"):
            return False
        drawn = self._render(letter)
        return bool(drawn.any()) and not np.array_equal(drawn, self._render(_MISSING))

    def draw(
        self, draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, color: Any
    ) -> None:
        """Draws a text whose baseline begins at ``at``."""
        from PIL import Image

        mask = self._render(text)
        corner = (round(at[0]), round(at[1]) - 2 * self._size)
        draw.bitmap(corner, Image.fromarray(mask), color)

    def _render(self, text: str) -> npt.NDArray[np.uint8]:
        """Returns the opacity of a text, with its baseline twice the size below the top."""
        import cv2

        width = int(self.getlength(text)) + 2 * self._size
        mask = np.zeros((3 * self._size, width), np.uint8)
        cv2.putText(mask, text, (0, 2 * self._size), 255, self._font, self._size, _REGULAR)
        return mask


@functools.lru_cache(maxsize=64)
def load_opencv_font(size: int) -> OpenCVFont | None:
    """Loads the font in a size in pixels; None if OpenCV does not have it."""
    try:
        return OpenCVFont(size)
    except OSError:
        return None
