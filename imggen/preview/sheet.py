"""Augmented images beside their originals, as one picture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from imggen.core import check_whole
from imggen.preview.drawing import BACKGROUND, FAINT, INK, font, one_line, write
from imggen.preview.sample_drawing import picture_of_sample
from imggen.preview.variants import Preview, Previewable, Variant, preview

if TYPE_CHECKING:
    from PIL import Image


_GAP = 6
_HEADER, _CAPTION, _LINE = 30, 22, 14
_WARNING = "#bc4c00"
_LETTERS, _MOST_LINES = 11, 6


def contact_sheet(
    sequence: Previewable,
    *,
    images_per_class: int = 1,
    variants: int = 6,
    cell: int = 160,
    parameters: bool = True,
) -> Image.Image:
    """Draws originals beside what training makes of them.

    Each row is one image: as loaded, and then as epochs 0, 1, 2, ... train on it, from the
    sequence's own pipeline and seed.

    Args:
        sequence: The sequence to look at; its first images of each class are shown.
        images_per_class: The number of rows a class.
        variants: The number of epochs to show.
        cell: The larger side of each image, in pixels. Small images are enlarged without
            smoothing, so that their pixels can be seen.
        parameters: Write below each image what the augmentations drew, its label where it is
            mixed, and what looks wrong.

    Returns:
        An RGB picture.

    Raises:
        OptionError: The samples are not images, or a number below 1.
        ImageError: A file cannot be read, with ``on_error="raise"``.
        AugmentationError: An augmentation broke its contract.

    Example:
        >>> contact_sheet(sequence, variants=3, cell=64).mode
        'RGB'
    """
    check_whole("cell", cell, 1)
    found = preview(sequence, images_per_class=images_per_class, variants=variants)
    return draw_preview(found, cell=cell, parameters=parameters)


def draw_preview(found: Preview, *, cell: int, parameters: bool) -> Image.Image:
    """Draws what ``preview`` found; see ``contact_sheet``."""
    from PIL import Image, ImageDraw

    pictures = [
        [
            picture_of_sample(sample, cell, row.variants[0].explanation.box_class_names)
            for sample in (row.before, *(variant.explanation.after for variant in row.variants))
        ]
        for row in found.rows
    ]
    width = max(picture.width for line in pictures for picture in line)
    height = max(picture.height for line in pictures for picture in line)
    texts = [
        [_text(variant, width) if parameters else [] for variant in row.variants]
        for row in found.rows
    ]
    below = [_CAPTION + _LINE * max(0, *(len(text) - 1 for text in row)) for row in texts]
    columns = found.num_variants + 1
    footer = 20 if parameters else 0
    sheet = Image.new(
        "RGB",
        (
            columns * (width + _GAP) + 2 * _GAP,
            _HEADER + sum(height + room + _GAP for room in below) + _GAP + footer,
        ),
        BACKGROUND,
    )
    draw = ImageDraw.Draw(sheet)
    for column in range(columns):
        title = "original" if column == 0 else f"epoch {column - 1}"
        draw.text((_left(column, width), 9), title, INK, font(14))
    top = _HEADER
    for row, line, text, room in zip(found.rows, pictures, texts, below, strict=True):
        for column, picture in enumerate(line):
            sheet.paste(picture, (_left(column, width), top))
        name = one_line(os.path.basename(row.path))
        caption = name if row.label is None else f"{one_line(row.label)} · {name}"
        right = _left(0, width) + width if parameters else sheet.width
        write(draw, (_left(0, width), top + height + 3), caption, font(12), right)
        for column, lines in enumerate(text, 1):
            for number, (words, colour) in enumerate(lines):
                at = (_left(column, width), top + height + 3 + number * _LINE)
                draw.text(at, words, colour, font(_LETTERS))
        top += height + room + _GAP
    if parameters:
        foot = f"seed {found.seed} · {', '.join(found.steps) or 'no augmentation'}"
        write(draw, (_GAP, sheet.height - 18), foot, font(_LETTERS), sheet.width)
    return sheet


def _text(variant: Variant, width: int) -> list[tuple[str, str]]:
    """Lines below a picture: its mixed label, what was drawn, what looks wrong."""
    explanation = variant.explanation
    lines: list[tuple[str, str]] = []
    if explanation.target_text:
        lines += [(line, INK) for line in _wrapped(explanation.target_text, width)]
    for step in explanation.steps:
        if step.parameters is not None:
            # There is little room, and nothing here but what is random.
            words = str(step).replace("Random", "")
            lines += [(line, FAINT) for line in _wrapped(words, width)[:_MOST_LINES]]
    for warning in variant.warnings:
        lines += [(line, _WARNING) for line in _wrapped(f"! {warning}", width)]
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a text of so many pixels, all but the first indented."""
    face = font(_LETTERS)
    lines: list[str] = []
    for word in one_line(text).split(" "):
        if lines and face.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(f"  {word}" if lines else word)
    return lines


def _left(column: int, width: int) -> int:
    # The gap after the originals is doubled.
    return _GAP + column * (width + _GAP) + (_GAP if column else 0)
