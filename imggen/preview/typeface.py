"""Text in pictures: measuring, drawing, wrapping and shortening it, in any script."""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, final

from imggen.preview.opencv_font import load_opencv_font

if TYPE_CHECKING:
    from PIL import ImageDraw

ELLIPSIS = "…"
# Pillow's own font, which is the same on every machine, has no letters beyond ASCII. For others,
# the one of OpenCV is tried, and then those of the system, by the names that they usually have.
_OPENCV = 1
_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "Arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "msyh.ttc",
    "YuGothR.ttc",
    "malgun.ttf",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "Nirmala.ttf",
    "LeelawUI.ttf",
)
_NUM_FONTS = 1 + _OPENCV + len(_SYSTEM_FONTS)
_NOT_A_CHARACTER = "\U0010fffe"
_DOTTED_CIRCLE = "\u25cc"  # what combining characters are drawn on if they stand alone
_BREAK_AFTER = frozenset(" _-/,;:")


class _Run(NamedTuple):
    """Characters that are drawn with the same font."""

    text: str
    font: int


@final
class Typeface:
    """A font of one size, with others for the letters that it does not have.

    Letters that no font has are replaced by the plain ones that they are made of (é by e), and
    otherwise by their escapes.

    Args:
        size: The size in pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        ascent, descent = self._font(0).getmetrics()
        self.ascent = int(ascent)
        self.line_height: int = max(math.ceil(1.25 * size), int(ascent + descent))

    def width(self, text: str) -> int:
        """Returns the width of one line of text, in pixels."""
        return math.ceil(
            sum(float(self._font(run.font).getlength(run.text)) for run in _runs(text))
        )

    def draw(
        self, draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, color: Any
    ) -> None:
        """Draws one line of text, with its top left corner at ``at``."""
        x, baseline = at[0], at[1] + self.ascent
        for run in _runs(text):
            font = self._font(run.font)
            if run.font == _OPENCV:
                font.draw(draw, (x, baseline), run.text, color)
            else:
                draw.text((x, baseline), run.text, color, font, anchor="ls")
            x += font.getlength(run.text)

    def shorten(self, text: str, width: int) -> str:
        """Replaces the middle of a text by an ellipsis, so that it is at most ``width`` wide.

        The end is kept because it tells names of files and classes apart.
        """
        if self.width(text) <= width:
            return text
        low, high = 0, len(text) - 1  # the number of characters that are kept
        while low < high:
            kept = (low + high + 1) // 2
            if self.width(_cut(text, kept)) <= width:
                low = kept
            else:
                high = kept - 1
        return _cut(text, low)

    def wrap(self, text: str, width: int, max_lines: int) -> list[str]:
        """Wraps a text into at most ``max_lines`` lines of ``width`` pixels.

        Lines end after spaces, punctuation marks and underscores if possible. If the text is too
        long, its middle is left out.
        """
        text = one_line(text).strip()
        lines = self._break(text, width)
        if len(lines) <= max_lines:
            return lines
        low, high = 0, len(text) - 1
        while low < high:
            kept = (low + high + 1) // 2
            if len(self._break(_cut(text, kept), width)) <= max_lines:
                low = kept
            else:
                high = kept - 1
        return self._break(_cut(text, low), width)[:max_lines]

    def wrap_phrases(self, phrases: Sequence[str], width: int, max_lines: int) -> list[str]:
        """Joins phrases by commas, in lines of ``width`` pixels that break between them.

        If there are too many, the last line says how many more there are. If the first one is too
        long, the middle of the text is left out.
        """
        for count in range(len(phrases), 0, -1):
            left_out = len(phrases) - count
            shown = [
                *(f"{phrase}," for phrase in phrases[: count - (not left_out)]),
                *phrases[count - 1 : count if not left_out else 0],
                *([f"{ELLIPSIS} {left_out} more"] if left_out else []),
            ]
            lines = self._fill(shown, width)
            if len(lines) <= max_lines:
                return lines
        return self.wrap(", ".join(phrases), width, max_lines)

    def _fill(self, phrases: Iterable[str], width: int) -> list[str]:
        lines: list[str] = []
        for phrase in phrases:
            joined = f"{lines[-1]} {phrase}" if lines else phrase
            if lines and self.width(joined) <= width:
                lines[-1] = joined
            else:
                lines += self._break(one_line(phrase), width)
        return lines

    def _break(self, text: str, width: int) -> list[str]:
        """Breaks a text into lines of at most ``width`` pixels, or of one character."""
        lines = []
        while self.width(text) > width and len(text) > 1:
            low, high = 1, len(text) - 1
            while low < high:
                middle = (low + high + 1) // 2
                if self.width(text[:middle].rstrip()) <= width:
                    low = middle
                else:
                    high = middle - 1
            # A line that would be nearly empty is broken within a word.
            ends = [end for end in range(low, low // 3, -1) if _may_end(text[:end])]
            end = low if text[low] == " " or not ends else ends[0]
            lines.append(text[:end].rstrip())
            text = text[end:].lstrip()
        return [*lines, text] if text else lines

    def _font(self, number: int) -> Any:
        return _load(number, self.size)


@functools.lru_cache(maxsize=64)
def typeface(size: int) -> Typeface:
    """Returns the typeface of a size in pixels."""
    return Typeface(size)


def _may_end(line: str) -> bool:
    """Whether a line may end here: not after the sign of a number."""
    return line[-1] in _BREAK_AFTER and not line.endswith(" -")


def one_line(text: str) -> str:
    """Replaces line breaks and other unprintable characters by spaces."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _cut(text: str, kept: int) -> str:
    """Keeps some characters of a text, from both ends, with an ellipsis between them."""
    start = (kept + 1) // 2
    return f"{text[:start].rstrip()}{ELLIPSIS}{text[len(text) - kept + start :].lstrip()}"


@functools.lru_cache(maxsize=256)
def _load(number: int, size: int) -> Any:
    """Loads a font; None if it is not installed."""
    from PIL import ImageFont

    if number == 0:
        return ImageFont.load_default(size)
    if number == _OPENCV:
        return load_opencv_font(size)
    try:
        return ImageFont.truetype(_SYSTEM_FONTS[number - _OPENCV - 1], size)
    except OSError:
        return None


@functools.lru_cache(maxsize=4096)
def _runs(text: str) -> tuple[_Run, ...]:
    """Divides a text into parts that one font can draw each, replacing what none can."""
    text = unicodedata.normalize("NFC", one_line(text))
    # Scripts that are written from right to left are put in order by the font as a whole.
    for number in range(_NUM_FONTS):
        if all(_has(number, letter) for letter in text):
            return (_Run(text, number),)
    runs: list[_Run] = []
    for letter in text:
        numbers = [number for number in range(_NUM_FONTS) if _has(number, letter)]
        run = _Run(letter, numbers[0]) if numbers else _Run(_plain(letter), 0)
        if runs and (runs[-1].font == run.font or unicodedata.combining(letter)):
            run = _Run(runs.pop().text + run.text, run.font)
        runs.append(run)
    return tuple(runs)


# Letters and signs that do not decompose into plain ones.
_PLAIN = {
    "×": "x",
    "→": "->",
    "←": "<-",
    "−": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": "<<",
    "»": ">>",
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "ø": "o",
    "Ø": "O",
    "œ": "oe",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "ı": "i",
}


def _plain(letter: str) -> str:
    if letter in _PLAIN:
        return _PLAIN[letter]
    parts = unicodedata.normalize("NFKD", letter)
    plain = "".join(part for part in parts if part.isascii() and part.isprintable())
    return plain or letter.encode("ascii", "backslashreplace").decode()


@functools.lru_cache(maxsize=8192)
def _has(number: int, letter: str) -> bool:
    """Whether a font has a letter."""
    if letter.isascii():
        return number == 0 or _load(number, _PROBE) is not None
    font = _load(number, _PROBE)
    if font is None:
        return False
    if number == _OPENCV:
        return letter.isspace() or bool(font.has(letter))
    try:
        mask = font.getmask(letter)
    except (OSError, ValueError, UnicodeError):
        return False
    return letter.isspace() or bytes(mask) not in _missing(number)


@functools.lru_cache(maxsize=64)
def _missing(number: int) -> tuple[bytes, ...]:
    """Returns the masks of characters that a font does not have, combining ones included."""
    font = _load(number, _PROBE)
    shown = (_NOT_A_CHARACTER, _DOTTED_CIRCLE + _NOT_A_CHARACTER)
    return (b"", *(bytes(font.getmask(text)) for text in shown))


_PROBE = 16
