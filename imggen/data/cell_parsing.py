"""Parsing of table cells that hold lists of numbers or classes, or their text."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import is_whole, shorten
from imggen.data.array_like import to_array
from imggen.data.class_names import (
    ClassNames,
    default_class_names,
    find_class_indices,
    parse_class_names,
    to_classes,
)
from imggen.data.validation import validate_labels
from imggen.errors import ManifestError

_NAN = re.compile(r"\bnan\b")


def parse_numbers(cell: Any, width: int, description: str) -> npt.NDArray[np.float64]:
    """Parses a cell of numbers, such as boxes.

    Args:
        cell: A list of lists of numbers, a flat list for a single entry, their text, or None.
        width: The length of an entry.
        description: A plural noun for the numbers, for the error message.

    Returns:
        Shape (entries, width).

    Raises:
        ManifestError: The cell holds something else.
    """
    try:
        entries = [
            [float("nan" if v is None else v) for v in entry] for entry in _as_rows(_parse(cell))
        ]
        if any(len(entry) != width for entry in entries):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ManifestError(
            f"The {description} are {shorten(cell)}; expected a list with {width} numbers each, "
            f"such as {[[1.0 * number for number in range(width)]]}, or its text."
        ) from None
    return np.array(entries, np.float64).reshape(-1, width)


def _as_rows(value: Any) -> list[Any]:
    """Returns a list of lists; wraps a flat list of numbers into a list."""
    rows = list(value)
    return [rows] if rows and all(isinstance(v, int | float | np.number) for v in rows) else rows


def _parse(cell: Any) -> Any:
    """Returns the value of a cell, which may be JSON or Python text; ``[]`` if it is empty.

    Raises:
        ValueError: Text that is neither.
    """
    cell = _parse_text(cell) if isinstance(cell, str) else _to_lists(cell)
    missing = cell is None or (isinstance(cell, float) and math.isnan(cell))
    return [] if missing else cell


def _parse_text(text: str) -> Any:
    try:
        with suppress(ValueError):
            return json.loads(text or "[]")
        return ast.literal_eval(_NAN.sub("None", text.strip()))  # as str() formats lists
    except (TypeError, SyntaxError, MemoryError, RecursionError) as err:
        raise ValueError("this is not a list of numbers or names") from err


def _to_lists(value: Any) -> Any:
    """Converts arrays and tensors, also those in a list, into lists."""
    if hasattr(value, "__array__") or hasattr(value, "detach"):
        return to_array(value, "cell").tolist()
    return list(map(_to_lists, value)) if isinstance(value, list | tuple) else value


def parse_classes(
    boxes: Sequence[npt.NDArray[np.float64]],
    labels: Sequence[Any],
    class_names: ClassNames | None,
) -> tuple[list[npt.NDArray[np.float64]], tuple[str, ...]]:
    """Parses the classes of boxes.

    Args:
        boxes: The boxes of each sample.
        labels: The cells with their classes: lists of names or of class indices, or their text;
            None for no boxes.
        class_names: See ``Boxes``.

    Returns:
        The class indices of each sample's boxes, and the class names.

    Raises:
        ManifestError: A cell holds something else, or a class that is not in ``class_names``.
    """
    description = "column of box classes"
    values: list[Any] = []
    for row, (array, cell) in enumerate(zip(boxes, labels, strict=True)):
        is_list = not isinstance(cell, str) or cell.strip()[:1] in ("", "[", "(")
        try:
            value = _parse(cell) if is_list else cell
        except ValueError:
            raise ManifestError(
                f"The box classes of row {row} are {shorten(cell)}; expected a list of names or "
                'whole numbers, or its text, such as \'["cat", "dog"]\'.'
            ) from None
        classes = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
        if len(classes) != len(array):
            raise ManifestError(
                f"Row {row} has {len(array)} boxes and {len(classes)} box classes; expected one "
                "class per box."
            )
        if any(one is None or one != one for one in classes):
            raise ManifestError(f"Row {row} has a box without a class: {shorten(cell)}.")
        values += classes
    values = to_classes(values, description)
    are_indices = all(is_whole(value) for value in values)
    if class_names is not None:
        names = parse_class_names(class_names)
    elif are_indices:
        names = default_class_names(max(values, default=0) + 1)
    else:
        names = tuple(sorted({str(value) for value in values}))
    if are_indices and not {str(value) for value in values} <= set(names):
        indices = validate_labels(values, len(names)).astype(np.float64)
    else:
        texts = [str(value) for value in values]
        indices = find_class_indices(texts, names, description).astype(np.float64)
    ends = np.cumsum([len(array) for array in boxes], dtype=np.int64)
    return [indices[end - len(array) : end] for array, end in zip(boxes, ends, strict=True)], names
