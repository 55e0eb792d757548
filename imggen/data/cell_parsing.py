"""What stands in the cells of a table: lists of numbers or classes, or their text, as arrays."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import is_whole
from imggen.data.validation import checked_labels, class_values, indices_of, numbered
from imggen.errors import ManifestError

_NAN = re.compile(r"\bnan\b")


def numbers_in(cell: Any, width: int, where: str) -> npt.NDArray[np.float64]:
    """Reads a cell: numbers of boxes, say.

    Args:
        cell: A list of lists of numbers, a flat one for a single entry, their text, or None.
        width: The numbers of an entry.
        where: What they are, for the error message.

    Returns:
        Shape (entries, width).

    Raises:
        ManifestError: The cell holds something else.
    """
    try:
        entries = [
            [float("nan" if v is None else v) for v in entry] for entry in _entries(_value_in(cell))
        ]
        if any(len(entry) != width for entry in entries):
            raise ValueError
    except (TypeError, ValueError, SyntaxError):
        raise ManifestError(
            f"The {where} are {cell!r}; expected a list with {width} numbers each, such as "
            f"{[[1.0 * number for number in range(width)]]}, or its text."
        ) from None
    return np.array(entries, np.float64).reshape(-1, width)


def _entries(value: Any) -> list[Any]:
    """A list of lists; a single flat one is a list of one."""
    rows = list(value)
    return [rows] if rows and all(isinstance(v, int | float | np.number) for v in rows) else rows


def _value_in(cell: Any) -> Any:
    """What a cell holds; its text may be JSON, or as Python writes it. Empty ones are ``[]``."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell or "[]")
        except ValueError:
            cell = ast.literal_eval(_NAN.sub("None", cell.strip()))  # as str() writes lists
    missing = cell is None or (isinstance(cell, float) and math.isnan(cell))
    return [] if missing else cell


def classes_in(
    boxes: Sequence[npt.NDArray[np.float64]],
    labels: Sequence[Any],
    class_names: Sequence[str] | None,
) -> tuple[list[npt.NDArray[np.float64]], tuple[str, ...]]:
    """Reads the classes of boxes.

    Args:
        boxes: Those of each sample.
        labels: The cells that hold their classes: lists of names or of class indices, or their
            text; None for none.
        class_names: See ``BoxColumn.of``.

    Returns:
        The class index of each box, sample by sample; and the names of the classes.

    Raises:
        ManifestError: Something else in a cell, or a class that is not named.
    """
    where = "column of the classes of boxes"
    every: list[Any] = []
    for row, (array, cell) in enumerate(zip(boxes, labels, strict=True)):
        is_list = not isinstance(cell, str) or cell.strip()[:1] in ("", "[", "(")
        try:
            value = _value_in(cell) if is_list else cell
        except (ValueError, SyntaxError):
            raise ManifestError(
                f"The classes of the boxes of row {row} are {cell!r}; expected a list of names or "
                'whole numbers, or its text, such as \'["cat", "dog"]\'.'
            ) from None
        of_row = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
        if len(of_row) != len(array):
            raise ManifestError(
                f"Row {row} has {len(array)} boxes and {len(of_row)} classes of boxes; they must "
                "match."
            )
        if any(one is None or one != one for one in of_row):
            raise ManifestError(f"Row {row} has a box without a class: {cell!r}.")
        every += class_values(of_row, where)
    are_indices = all(is_whole(value) for value in every)
    if class_names is not None:
        names = tuple(map(str, class_names))
    elif are_indices:
        names = numbered(max(every, default=0) + 1)
    else:
        names = tuple(sorted({str(value) for value in every}))
    if are_indices and not {str(value) for value in every} <= set(names):
        indices = checked_labels(every, len(names)).astype(np.float64)
    else:
        named = [str(value) for value in every]
        indices = indices_of(named, names, where, "box_class_names").astype(np.float64)
    ends = np.cumsum([len(array) for array in boxes], dtype=np.int64)
    return [indices[end - len(array) : end] for array, end in zip(boxes, ends, strict=True)], names
