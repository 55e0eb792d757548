"""Bar charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from imggen.preview.colors import BACKGROUND, FAINT, INK

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

# Charts, in pixels; they are meant to be shown at half their size.
_WIDTH = 1440
_EDGE = 48
_BAR_HEIGHT = 40
_BAR_GAP = 18
_MIN_LENGTH = 3  # so that tiny values remain visible


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Loads Pillow's default font in a size in pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


class Bar(NamedTuple):
    """A horizontal, stacked bar.

    Attributes:
        label: The text on its left.
        parts: The color and length of each segment, in any unit.
        value: The text on its right.
        is_cut: Whether the bar is shortened, and therefore drawn with a gap.
    """

    label: str
    parts: Sequence[tuple[str, float]]
    value: str
    is_cut: bool = False


class Section(NamedTuple):
    """Bars of the same scale below a heading.

    Attributes:
        heading: The heading.
        bars: The bars, from top to bottom.
        legend: The color, name and value of each kind of segment; may be empty.
    """

    heading: str
    bars: Sequence[Bar]
    legend: Sequence[tuple[str, str, str]] = ()


def draw_chart(subject: str, sections: Sequence[Section]) -> Image.Image:
    """Draws sections of bars, one below the other.

    Args:
        subject: A description below the first heading; wrapped if it is long.
        sections: The sections, from top to bottom.

    Returns:
        An RGB picture.
    """
    from PIL import Image, ImageDraw

    # The height is only known once labels and legends are drawn, so the sheet is cropped then.
    sheet = Image.new("RGB", (_WIDTH, 4000), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    labels = [bar.label for section in sections for bar in section.bars]
    indent = 28 + int(max(draw.textlength(label, _font(26)) for label in labels))
    y = _EDGE - 8
    for number, section in enumerate(sections):
        draw.text((_EDGE, y), section.heading, INK, _font(36))
        y += 62
        if number == 0:
            y = _draw_paragraph(draw, subject, y)
        y = _draw_bars(draw, section.bars, y, indent)
        if section.legend:
            y = _draw_legend(draw, section.legend, y + 38)
        y += 52
    return sheet.crop((0, 0, _WIDTH, y - 52 + _EDGE))


def _draw_paragraph(draw: ImageDraw.ImageDraw, text: str, top: int) -> int:
    face, line = _font(24), ""
    for word in text.split(" "):
        if line and draw.textlength(f"{line} {word}", face) > _WIDTH - 2 * _EDGE:
            draw.text((_EDGE, top), line, FAINT, face)
            top, line = top + 34, ""
        line = f"{line} {word}" if line else word
    draw.text((_EDGE, top), line, FAINT, face)
    return top + 58


def _draw_bars(draw: ImageDraw.ImageDraw, bars: Sequence[Bar], top: int, indent: int) -> int:
    face = _font(26)
    start = _EDGE + indent
    values = max(draw.textlength(bar.value, face) for bar in bars)
    most_parts = max(len(bar.parts) for bar in bars)
    room = _WIDTH - _EDGE - start - int(values) - 20 - most_parts * _MIN_LENGTH
    longest = max(sum(length for _, length in bar.parts) for bar in bars) or 1.0
    for bar in bars:
        middle, edge = top + _BAR_HEIGHT // 2, start
        draw.text((_EDGE, middle), bar.label, INK, face, anchor="lm")
        for color, length in bar.parts:
            if length > 0:
                end = edge + max(_MIN_LENGTH, round(room * length / longest))
                draw.rectangle((edge, top, end - 1, top + _BAR_HEIGHT - 1), color)
                edge = end
        if bar.is_cut:
            slant, gap, bottom = edge - 70, 12, top + _BAR_HEIGHT
            corners = ((slant + 14, top), (slant + 14 + gap, top), (slant + gap, bottom))
            draw.polygon((*corners, (slant, bottom)), BACKGROUND)
        draw.text((edge + 14, middle), bar.value, INK, face, anchor="lm")
        top += _BAR_HEIGHT + _BAR_GAP
    return top - _BAR_GAP


def _draw_legend(
    draw: ImageDraw.ImageDraw, entries: Sequence[tuple[str, str, str]], top: int
) -> int:
    """Draws the entries of a legend, in several rows if they do not fit into one."""
    face, small = _font(26), _font(24)
    widest = max(
        max(draw.textlength(name, face), draw.textlength(number, small))
        for _, name, number in entries
    )
    room = _WIDTH - 2 * _EDGE
    columns = max(1, min(len(entries), room // (int(widest) + 60)))
    for position, (color, name, number) in enumerate(entries):
        row, column = divmod(position, columns)
        x, y = _EDGE + column * (room // columns), top + row * 84
        draw.rectangle((x, y + 6, x + 21, y + 27), color)
        draw.text((x + 34, y + 17), name, INK, face, anchor="lm")
        draw.text((x + 34, y + 51), number, FAINT, small, anchor="lm")
    return top + (1 + (len(entries) - 1) // columns) * 84 - 16
