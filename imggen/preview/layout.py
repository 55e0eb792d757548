"""The layout of a sheet of pictures, as data: where each picture and each line of text goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from imggen.core import check_optional_whole
from imggen.errors import OptionError
from imggen.preview.colors import BACKGROUND, FRAME, INK, RIGHT, WRONG
from imggen.preview.typeface import Typeface, typeface

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels

_MAX_PIXELS = 2**28
# The width that a sheet has if its pictures are small, in pixels, and the limits of its columns.
_WIDTH = 1120
_MIN_COLUMNS, _MAX_COLUMNS = 4, 10
# The width that captions may claim below smaller pictures, in multiples of the font size.
_CAPTION_WIDTH = 13


class Note(NamedTuple):
    """A part of a caption, which begins on a line of its own.

    Attributes:
        text: The text; or phrases, which are joined by commas.
        color: The color.
        max_lines: The most lines; texts that need more are shortened.
        mark: A check mark (True) or a cross (False) in front of the text; None: neither.
    """

    text: str | Sequence[str]
    color: str = INK
    max_lines: int = 2
    mark: bool | None = None


class Cell(NamedTuple):
    """A picture with its caption.

    Attributes:
        picture: The picture.
        notes: The caption, from top to bottom.
        mark: Frame the picture as right (True) or wrong (False); None: neither.
    """

    picture: Image.Image
    notes: Sequence[Note] = ()
    mark: bool | None = None


class Line(NamedTuple):
    """A line of text at its place."""

    box: Box
    text: str
    color: str
    font_size: int
    mark: bool | None = None


class PlacedCell(NamedTuple):
    """A cell at its place; the picture and all lines are inside of ``box``."""

    box: Box
    picture_box: Box
    lines: tuple[Line, ...]
    mark: bool | None


class Layout(NamedTuple):
    """A sheet.

    Attributes:
        size: (width, height) in pixels.
        cells: The cells, row by row.
        lines: The lines above and below the cells.
    """

    size: tuple[int, int]
    cells: tuple[PlacedCell, ...]
    lines: tuple[Line, ...]


def split_phrases(text: str) -> list[str]:
    """Splits a text at its commas, so that the lines of a caption end there if possible."""
    return text.split(", ")


def check_columns(columns: int | None) -> int | None:
    """Returns the number of columns of a sheet, if it is legal.

    Raises:
        OptionError: It is not.
    """
    return check_optional_whole("columns", columns, 1)


def check_sheet_size(num_cells: int, side: int) -> None:
    """Checks that a sheet is not too large to be drawn.

    Args:
        num_cells: The number of pictures.
        side: The larger side of each picture in pixels.

    Raises:
        OptionError: It is.
    """
    if num_cells * side**2 > _MAX_PIXELS:
        raise OptionError(
            f"The sheet would have up to {num_cells * side**2} pixels; expected at most "
            f"{_MAX_PIXELS}. Show fewer images, fewer variants or smaller ones."
        )


def font_size(side: int) -> int:
    """Returns the size of the font for pictures of a size, both in pixels.

    Sheets of large pictures are usually shown reduced, so the font grows with the pictures.
    """
    return max(12, round(12 * math.pow(side / 140, 0.7)))


def lay_out(
    cells: Sequence[Cell],
    columns: int | None,
    side: int,
    *,
    titles: Sequence[str] = (),
    header: Sequence[Note] = (),
    footer: Sequence[Note] = (),
    is_first_apart: bool = False,
    group: int = 1,
) -> Layout:
    """Lays out pictures in rows, with their captions below.

    Args:
        cells: The pictures and captions, row by row.
        columns: The number of pictures or groups per row. None: as many as fit on a page, evenly.
        side: The intended larger side of a picture, in pixels, which decides the font.
        titles: The heading of each column; empty: none.
        header: Text above the sheet.
        footer: Text below the sheet.
        is_first_apart: Leave a wider gap after the first column.
        group: The number of neighboring pictures that belong together, on one row; ``columns``
            counts them as one, and the gap between them is wider.
    """
    face = typeface(font_size(side))
    gap = face.size
    width = _column_width(cells, titles, face) if cells else _header_width(header, face)
    num_groups = max(len(cells) // group, 1)
    step = group * (width + gap) + (gap if group > 1 else 0)
    columns = group * min(columns or _choose_columns(num_groups, step, group), num_groups)
    lefts = [
        gap * (1 + (column // group if group > 1 else is_first_apart and column > 0))
        + column * (width + gap)
        for column in range(columns)
    ]
    sheet_width = lefts[-1] + width + gap
    lines, top = _place_notes(header, (gap, gap), sheet_width - 2 * gap, face)
    top += gap if header else 0
    if titles:
        for left, title in zip(lefts, titles, strict=True):
            placed, bottom = _place_notes([Note(title, max_lines=1)], (left, top), width, face)
            lines += placed
        top = bottom + gap // 2
    placed_cells: list[PlacedCell] = []
    for first in range(0, len(cells), columns):
        row = cells[first : first + columns]
        captions = [
            _place_notes(cell.notes, (left, top + cell.picture.height + gap // 2), width, face)
            for left, cell in zip(lefts, row, strict=False)
        ]
        bottom = max(end for _, end in captions)
        for left, cell, (caption, _) in zip(lefts, row, captions, strict=False):
            placed_cells.append(
                PlacedCell(
                    (left, top, left + width, bottom),
                    (left, top, left + cell.picture.width, top + cell.picture.height),
                    tuple(caption),
                    cell.mark,
                )
            )
        top = bottom + gap
    if footer:
        placed, top = _place_notes(footer, (gap, top), sheet_width - 2 * gap, face)
        lines += placed
        top += gap
    return Layout((sheet_width, top), tuple(placed_cells), tuple(lines))


def draw_layout(layout: Layout, pictures: Sequence[Image.Image]) -> Image.Image:
    """Draws a sheet.

    Args:
        layout: The layout.
        pictures: The picture of each cell.

    Returns:
        An RGB picture.
    """
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", layout.size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for cell, picture in zip(layout.cells, pictures, strict=True):
        left, top, right, bottom = cell.picture_box
        width = 1 if cell.mark is None else 3
        color = {None: FRAME, True: RIGHT, False: WRONG}[cell.mark]
        outer = (left - width, top - width, right + width - 1, bottom + width - 1)
        draw.rectangle(outer, None, color, width)
        sheet.paste(picture, (left, top))
        for line in cell.lines:
            _draw_line(draw, line)
    for line in layout.lines:
        _draw_line(draw, line)
    return sheet


def draw_cells(
    cells: Sequence[Cell],
    columns: int | None,
    side: int,
    *,
    titles: Sequence[str] = (),
    header: Sequence[Note] = (),
    footer: Sequence[Note] = (),
    is_first_apart: bool = False,
    group: int = 1,
) -> Image.Image:
    """Lays out and draws pictures with their captions; see ``lay_out``."""
    layout = lay_out(
        cells,
        columns,
        side,
        titles=titles,
        header=header,
        footer=footer,
        is_first_apart=is_first_apart,
        group=group,
    )
    return draw_layout(layout, [cell.picture for cell in cells])


def _column_width(cells: Sequence[Cell], titles: Sequence[str], face: Typeface) -> int:
    """Returns the width of the widest picture, or more where its caption needs it."""
    picture_width = max(cell.picture.width for cell in cells)
    most = max(picture_width, _CAPTION_WIDTH * face.size)
    widest = max((face.width(title) for title in titles), default=0)
    for cell in cells:
        for note in cell.notes:
            text = note.text if isinstance(note.text, str) else ", ".join(note.text)
            widest = max(widest, face.width(text) + _mark_width(note.mark, face))
            if widest >= most:
                return most
    return max(picture_width, widest)


def _header_width(header: Sequence[Note], face: Typeface) -> int:
    widths = [face.width(note.text) for note in header if isinstance(note.text, str)]
    return min(max(widths, default=1), _WIDTH)


def _choose_columns(num_groups: int, step: int, group: int) -> int:
    most = min(max(_WIDTH // step, _MIN_COLUMNS // group, 1), _MAX_COLUMNS)
    rows = -(-num_groups // most)
    return -(-num_groups // rows)


def _place_notes(
    notes: Sequence[Note], at: tuple[int, int], width: int, face: Typeface
) -> tuple[list[Line], int]:
    """Places a caption, and returns its lines and where it ends."""
    left, top = at
    lines = []
    for note in notes:
        indent = _mark_width(note.mark, face)
        if isinstance(note.text, str):
            texts = face.wrap(note.text, width - indent, note.max_lines)
        else:
            texts = face.wrap_phrases(note.text, width - indent, note.max_lines)
        for number, text in enumerate(texts):
            box = (
                left + (indent if number else 0),
                top,
                left + indent + face.width(text),
                top + face.line_height,
            )
            mark = None if number else note.mark
            lines.append(Line(box, text, note.color, face.size, mark))
            top += face.line_height
    return lines, top


def _mark_width(mark: bool | None, face: Typeface) -> int:
    return 0 if mark is None else round(1.1 * face.size)


def _draw_line(draw: ImageDraw.ImageDraw, line: Line) -> None:
    face = typeface(line.font_size)
    left, top = line.box[:2]
    if line.mark is not None:
        # Two strokes, since most fonts do not have these marks.
        side = 0.68 * face.size
        x, y = left + 1, top + face.ascent - side
        check = ((0.0, 0.55), (0.38, 0.95), (1.0, 0.1))
        cross = ((0.08, 0.08), (0.92, 0.92)), ((0.08, 0.92), (0.92, 0.08))
        for points in (check,) if line.mark else cross:
            places = [(x + side * across, y + side * down) for across, down in points]
            draw.line(places, line.color, max(2, round(face.size / 6)), joint="curve")
        left += _mark_width(line.mark, face)
    face.draw(draw, (left, top), line.text, line.color)
