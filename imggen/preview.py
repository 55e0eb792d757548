"""Pictures that people look at: contact sheets of augmentations, and a confusion matrix."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.drawing import BACKGROUND, FAINT, INK, font, write
from imggen.errors import OptionError

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from imggen.sequence import ImageSequence

_GAP = 6
_WIDEST_MATRIX = 2400
_SMALLEST_CELL_WITH_NUMBER = 20


def contact_sheet(
    sequence: ImageSequence, *, images_per_class: int = 1, variants: int = 6, cell: int = 160
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

    Returns:
        An RGB picture.

    Raises:
        OptionError: The samples are not images, or a number below 1.

    Example:
        >>> contact_sheet(sequence, variants=3, cell=64).mode
        'RGB'
    """
    from PIL import Image, ImageDraw

    if min(images_per_class, variants, cell) < 1:
        raise OptionError("images_per_class, variants and cell must be 1 or more.")
    rows = _first_of_each_class(sequence, images_per_class)
    pictures = [
        [
            _picture(sequence.original(row), cell),
            *(_picture(sequence.augmented(row, epoch), cell) for epoch in range(variants)),
        ]
        for row in rows
    ]
    width, height = (
        max(picture.width for line in pictures for picture in line),
        max(picture.height for line in pictures for picture in line),
    )
    text, small = font(14), font(12)
    header, caption = 30, 22
    sheet = Image.new(
        "RGB",
        (
            (variants + 1) * (width + _GAP) + _GAP + _GAP,
            header + len(rows) * (height + caption + _GAP) + _GAP,
        ),
        BACKGROUND,
    )
    draw = ImageDraw.Draw(sheet)
    for column in range(variants + 1):
        title = "original" if column == 0 else f"epoch {column - 1}"
        draw.text((_left(column, width), 9), title, INK, text)
    for number, (row, line) in enumerate(zip(rows, pictures, strict=True)):
        top = header + number * (height + caption + _GAP)
        for column, picture in enumerate(line):
            sheet.paste(picture, (_left(column, width), top))
        write(
            draw, (_left(0, width), top + height + 3), _caption(sequence, row), small, sheet.width
        )
    return sheet


def confusion_matrix(table: pd.DataFrame, *, cell: int = 44) -> Image.Image:
    """Draws how often each class was taken for each other.

    Args:
        table: A table with the columns ``true`` and ``predicted``, as ``ImageSequence.predict``
            returns it. Rows without a prediction are left out.
        cell: The side of a square, in pixels.

    Returns:
        An RGB picture: a row for each true class, a column for each predicted one, shaded by the
        share of the row, with counts.

    Raises:
        OptionError: The table has no true classes.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"true": ["cat", "dog"], "predicted": ["cat", "cat"]})
        >>> confusion_matrix(table).mode
        'RGB'
    """
    from PIL import Image, ImageDraw

    if cell < 1:
        raise OptionError(f"cell={cell} must be 1 or more.")
    if not {"true", "predicted"} <= set(table.columns) or table["true"].isna().all():
        raise OptionError("The table needs the columns 'true' and 'predicted', with classes.")
    known = table.dropna(subset=["true", "predicted"])
    names = [str(column)[2:] for column in table.columns if str(column).startswith("p_")]
    names = names or sorted({*map(str, table["true"].dropna()), *map(str, known["predicted"])})
    counts = _confusion(known, names)
    # Many classes get small squares, and no numbers in those too small for them.
    cell = max(2, min(cell, _WIDEST_MATRIX // max(len(names), 1)))
    text, small = font(14), font(min(12, cell))
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    margin = int(max(probe.textlength(_one_line(name), small) for name in names)) + 40
    side = len(names) * cell
    sheet = Image.new("RGB", (margin + side + 2 * _GAP, margin + side + 40), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    right = int(counts.trace())
    draw.text(
        (_GAP, margin + side + 14),
        f"{right} of {len(known)} right ({right / max(len(known), 1):.2%})",
        INK,
        text,
    )
    draw.text((margin, _GAP), "predicted", FAINT, text)
    _paste_upright(sheet, "true", text, (_GAP, margin), FAINT)
    for number, name in enumerate(names):
        middle = margin + number * cell + cell // 2
        draw.text((margin - 6, middle), _one_line(name), INK, small, anchor="rm")
        _paste_upright(sheet, _one_line(name), small, (middle - 7, margin - 6), INK, bottom=True)
    for true in range(len(names)):
        for predicted in range(len(names)):
            count = int(counts[true, predicted])
            share = count / max(int(counts[true].sum()), 1)
            left, top = margin + predicted * cell, margin + true * cell
            box = (left, top, left + cell - 2, top + cell - 2)
            draw.rectangle(box, _shade(share, right=true == predicted))
            if count and cell >= _SMALLEST_CELL_WITH_NUMBER:
                colour = "#ffffff" if share > 0.55 else INK
                centre = (left + cell // 2 - 1, top + cell // 2 - 1)
                draw.text(centre, str(count), colour, small, anchor="mm")
    return sheet


def _first_of_each_class(sequence: ImageSequence, images_per_class: int) -> list[int]:
    if sequence.labels is None:
        return list(range(min(sequence.samples, images_per_class)))
    return [
        row
        for index in range(sequence.num_classes)
        for row in np.flatnonzero(sequence.labels == index)[:images_per_class].tolist()
    ]


def _picture(pixels: npt.NDArray[Any], cell: int) -> Image.Image:
    from PIL import Image

    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise OptionError(
            f"A contact sheet shows images, uint8 of shape (height, width, channels); these "
            f"samples are {pixels.dtype} of shape {pixels.shape}."
        )
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, BACKGROUND)
        picture = Image.alpha_composite(white, picture)
    scale = cell / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    resample = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS
    return picture.convert("RGB").resize(size, resample)


def _caption(sequence: ImageSequence, row: int) -> str:
    name = os.path.basename(sequence.manifest.paths[row])
    if sequence.labels is None:
        return _one_line(name)
    return _one_line(f"{sequence.class_names[int(sequence.labels[row])]} · {name}")


def _one_line(text: str) -> str:
    """A name without line breaks and the like, which Pillow would take for layout."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _confusion(table: pd.DataFrame, names: list[str]) -> npt.NDArray[np.int64]:
    index_of = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    pairs = list(zip(map(str, table["true"]), map(str, table["predicted"]), strict=True))
    unknown = sorted({name for pair in pairs for name in pair} - set(names))
    if unknown:
        raise OptionError(f"The table holds the classes {unknown}, but scores only for {names}.")
    for true, predicted in pairs:
        counts[index_of[true], index_of[predicted]] += 1
    return counts


def _shade(share: float, *, right: bool) -> tuple[int, int, int]:
    full = np.array((9, 105, 218) if right else (188, 76, 0))
    empty = np.array((246, 248, 250))
    red, green, blue = (empty + (full - empty) * share**0.6).round().astype(int).tolist()
    return red, green, blue


def _left(column: int, width: int) -> int:
    # The gap after the originals is doubled.
    return _GAP + column * (width + _GAP) + (_GAP if column else 0)


def _paste_upright(
    sheet: Image.Image,
    text: str,
    font: Any,
    at: tuple[int, int],
    colour: str,
    *,
    bottom: bool = False,
) -> None:
    """Writes ``text`` from bottom to top, its upper left (or lower left) corner at ``at``."""
    from PIL import Image, ImageDraw

    length = int(ImageDraw.Draw(sheet).textlength(text, font)) + 2
    strip = Image.new("RGB", (length, 18), BACKGROUND)
    ImageDraw.Draw(strip).text((0, 1), text, colour, font)
    strip = strip.rotate(90, expand=True)
    sheet.paste(strip, (at[0], at[1] - strip.height if bottom else at[1]))
