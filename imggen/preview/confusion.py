"""The confusion matrix as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imggen.core import check_arguments, check_whole
from imggen.errors import OptionError
from imggen.preview.colors import BACKGROUND, FAINT, INK
from imggen.preview.results import to_class_name
from imggen.preview.typeface import Typeface, typeface

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

_COLUMNS = ("true", "predicted")
_GAP = 6
_WIDEST_MATRIX = 2400
_WIDEST_NAME = 240
_SMALLEST_CELL_WITH_NUMBER = 20


@check_arguments
def confusion_matrix(table: pd.DataFrame, *, cell: int = 44) -> Image.Image:
    """Draws the confusion matrix of a table of predictions.

    Args:
        table: A table with the columns ``true`` and ``predicted``, as ``ImageSequence.predict``
            returns it for one class per image. Rows without a prediction are left out.
        cell: The side of a cell in pixels, 1 or more.

    Returns:
        An RGB picture with one row per true class and one column per predicted class. Cells show
        the count and are shaded by its fraction of the row.

    Raises:
        OptionError: The table has no true classes, or numbers in place of classes; ``cell`` is
            below 1; or a class has no column of scores.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"true": ["cat", "dog"], "predicted": ["cat", "cat"]})
        >>> confusion_matrix(table).mode
        'RGB'
    """
    from PIL import Image, ImageDraw

    check_whole("cell", cell, 1)
    if not set(_COLUMNS) <= set(table.columns) or table["true"].isna().all():
        raise OptionError(
            "The table needs the columns 'true' and 'predicted' with class names. Pass the table "
            "that ImageSequence.predict returns."
        )
    pairs = _read_pairs(table)
    names = [str(column)[2:] for column in table.columns if str(column).startswith("p_")]
    names = names or sorted({name for pair in pairs for name in pair if name is not None})
    counts = _count(pairs, names)
    num_known = int(counts.sum())
    # Many classes get small cells, and cells that are too small show no count.
    cell = max(2, min(cell, _WIDEST_MATRIX // max(len(names), 1)))
    text, small = typeface(14), typeface(min(12, cell))
    shown = [small.shorten(name, _WIDEST_NAME) for name in names]
    margin = max(small.width(name) for name in shown) + 40
    side = len(names) * cell
    right = int(counts.trace())
    summary = f"{right:,} of {num_known:,} correct ({right / max(num_known, 1):.2%})"
    widest = max(side, text.width("predicted"), text.width(summary) + _GAP - margin)
    below = margin + max(side, text.width("true"))
    sheet = Image.new("RGB", (margin + widest + 2 * _GAP, below + 40), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    text.draw(draw, (_GAP, below + 14), summary, INK)
    text.draw(draw, (margin, _GAP), "predicted", FAINT)
    _paste_rotated(sheet, "true", text, (_GAP, margin), FAINT)
    for index, name in enumerate(shown):
        middle = margin + index * cell + cell // 2
        half = small.line_height // 2
        small.draw(draw, (margin - 6 - small.width(name), middle - half), name, INK)
        _paste_rotated(sheet, name, small, (middle - half, margin - 6), INK, bottom=True)
    for true in range(len(names)):
        for predicted in range(len(names)):
            count = int(counts[true, predicted])
            share = count / max(int(counts[true].sum()), 1)
            left, top = margin + predicted * cell, margin + true * cell
            box = (left, top, left + cell - 2, top + cell - 2)
            draw.rectangle(box, _shade(share, right=true == predicted))
            if count and cell >= _SMALLEST_CELL_WITH_NUMBER:
                color = "#ffffff" if share > 0.55 else INK
                number = str(count)
                face = typeface(min(small.size, small.size * (cell - 4) // small.width(number)))
                across, down = cell - 1 - face.width(number), cell - 1 - face.line_height
                face.draw(draw, (left + across / 2, top + down / 2), number, color)
    return sheet


def _read_pairs(table: pd.DataFrame) -> list[tuple[str | None, str | None]]:
    """Returns the true and the predicted class of each row; None where it is not known."""
    pairs = list(zip(*(map(to_class_name, table[name]) for name in _COLUMNS), strict=True))
    for column in (table[name] for name in _COLUMNS):
        if column.dtype.kind == "f" and (column.dropna() % 1 != 0).any():
            raise OptionError(
                f"The column {column.name!r} has numbers that are not whole, and a confusion "
                "matrix is about classes. Pass a table that ImageSequence.predict returns for "
                "classes."
            )
    return pairs


def _count(pairs: list[tuple[str | None, str | None]], names: list[str]) -> npt.NDArray[np.int64]:
    """Counts the pairs whose classes are both known."""
    index_of = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    known = [(true, found) for true, found in pairs if true is not None and found is not None]
    unknown = sorted({name for pair in known for name in pair} - set(names))
    if unknown:
        raise OptionError(
            f"The table has the classes {unknown}, but scores only for {names}. Add the missing "
            "columns 'p_<class>'. With several classes per image, there is no confusion matrix."
        )
    for true, predicted in known:
        counts[index_of[true], index_of[predicted]] += 1
    return counts


def _shade(share: float, *, right: bool) -> tuple[int, int, int]:
    full = np.array((9, 105, 218) if right else (188, 76, 0))
    empty = np.array((246, 248, 250))
    red, green, blue = (empty + (full - empty) * share**0.6).round().astype(int).tolist()
    return red, green, blue


def _paste_rotated(
    sheet: Image.Image,
    text: str,
    face: Typeface,
    at: tuple[int, int],
    color: str,
    *,
    bottom: bool = False,
) -> None:
    """Writes ``text`` from bottom to top, with the top left (or bottom left) corner at ``at``."""
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (face.width(text) + 2, face.line_height), BACKGROUND)
    face.draw(ImageDraw.Draw(strip), (0, 0), text, color)
    strip = strip.rotate(90, expand=True)
    sheet.paste(strip, (at[0], at[1] - strip.height if bottom else at[1]))
