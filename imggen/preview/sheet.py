"""The contact sheet: original images next to their augmented variants."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from imggen.augment import Augment
from imggen.core import check_arguments
from imggen.data import Manifest, Source, as_manifest
from imggen.decode import ImageSize
from imggen.errors import OptionError
from imggen.loading import ImageBatches, default_label_mode
from imggen.preview.drawing import BACKGROUND, FAINT, INK, draw_caption, font, one_line
from imggen.preview.sample_drawing import check_cell, draw_sample
from imggen.preview.variants import Preview, Previewable, Variant, make_preview

if TYPE_CHECKING:
    from PIL import Image


_GAP = 6
_HEADER, _CAPTION, _LINE = 30, 22, 14
_MAX_PIXELS = 2**28  # of a sheet
_WARNING = "#bc4c00"
_FONT_SIZE, _MAX_LINES = 11, 6


@check_arguments
def contact_sheet(
    sequence: Previewable | Source,
    *,
    augment: Augment = None,
    image_size: ImageSize | None = None,
    images_per_class: int = 1,
    variants: int = 6,
    cell: int = 160,
    parameters: bool = True,
) -> Image.Image:
    """Draws original images next to their augmented variants.

    Each row shows one image: as loaded, and then as epochs 0, 1, 2, ... train on it, augmented by
    the sequence's own pipeline and seed.

    Args:
        sequence: The sequence; or a folder, a table (.csv or .parquet) or a manifest. The first
            images of each class are shown.
        augment: The augmentation of images that are not from a sequence; None: "medium".
        image_size: The size of images that are not from a sequence, as in ``ImageSequence``; None:
            224.
        images_per_class: The number of rows per class, 1 or more.
        variants: The number of epochs to show, 1 or more.
        cell: The larger side of each image in pixels, 1 or more. Small images are enlarged without
            smoothing, so that their pixels are visible.
        parameters: Write the random parameters below each variant, the label of mixed images, and
            warnings about damaged variants.

    Returns:
        An RGB picture.

    Raises:
        OptionError: The samples are not images, a number is below 1, or options of images on disk
            for a sequence.
        ScanError: See ``scan``.
        ImageError: A file cannot be read, with ``on_error="raise"``.
        AugmentationError: An augmentation broke its contract.

    Example:
        >>> contact_sheet(sequence, variants=3, cell=64).mode
        'RGB'
    """
    check_cell(cell)
    if isinstance(sequence, str | os.PathLike | Manifest):
        manifest = as_manifest(sequence)
        sequence = ImageBatches(
            manifest,
            image_size=224 if image_size is None else image_size,
            label_mode=default_label_mode(manifest),
            augment="medium" if augment is None else augment,
            seed=0,
            on_error="substitute",
        )
    elif hasattr(sequence, "batch_maker") and (augment is not None or image_size is not None):
        raise OptionError(
            "augment= and image_size= are for images on disk, and a sequence has its own. Omit "
            "them, or pass the manifest of the sequence."
        )
    found = make_preview(sequence, images_per_class=images_per_class, variants=variants)
    return draw_preview(found, cell=cell, parameters=parameters)


def draw_preview(found: Preview, *, cell: int, parameters: bool) -> Image.Image:
    """Draws the contact sheet of a preview; see ``contact_sheet``."""
    from PIL import Image, ImageDraw

    num_cells = len(found.rows) * (found.num_variants + 1)
    if num_cells * cell**2 > _MAX_PIXELS:
        raise OptionError(
            f"The sheet would have up to {num_cells * cell**2} pixels; expected at most "
            f"{_MAX_PIXELS}. Show fewer images, fewer variants or smaller ones."
        )
    pictures = [
        [
            draw_sample(sample, cell, row.variants[0].explanation.box_class_names)
            for sample in (row.before, *(variant.explanation.after for variant in row.variants))
        ]
        for row in found.rows
    ]
    width = max(picture.width for line in pictures for picture in line)
    height = max(picture.height for line in pictures for picture in line)
    texts = [
        [_describe(variant, width) if parameters else [] for variant in row.variants]
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
        draw_caption(draw, (_left(0, width), top + height + 3), caption, font(12), right)
        for column, lines in enumerate(text, 1):
            for number, (words, color) in enumerate(lines):
                at = (_left(column, width), top + height + 3 + number * _LINE)
                draw.text(at, words, color, font(_FONT_SIZE))
        top += height + room + _GAP
    if parameters:
        foot = f"seed {found.seed} · {', '.join(found.steps) or 'no augmentation'}"
        draw_caption(draw, (_GAP, sheet.height - 18), foot, font(_FONT_SIZE), sheet.width)
    return sheet


def _describe(variant: Variant, width: int) -> list[tuple[str, str]]:
    """Returns the lines below a picture, each with its color: label, parameters and warnings."""
    explanation = variant.explanation
    lines: list[tuple[str, str]] = []
    if explanation.target_text:
        lines += [(line, INK) for line in _wrap(explanation.target_text, width)]
    for step in explanation.steps:
        if step.parameters is not None:
            # There is little room, and all of these are random.
            words = str(step).replace("Random", "")
            lines += [(line, FAINT) for line in _wrap(words, width)[:_MAX_LINES]]
    for warning in variant.warnings:
        lines += [(line, _WARNING) for line in _wrap(f"! {warning}", width)]
    return lines


def _wrap(text: str, width: int) -> list[str]:
    """Wraps a text into lines of at most ``width`` pixels, all but the first indented."""
    face = font(_FONT_SIZE)
    lines: list[str] = []
    for word in one_line(text).split(" "):
        if lines and face.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(f"  {word}" if lines else word)
    return lines


def _left(column: int, width: int) -> int:
    # The gap after the column of originals is twice as wide.
    return _GAP + column * (width + _GAP) + (_GAP if column else 0)
