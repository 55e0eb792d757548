"""Parsing of the classes of samples that have any number of them."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.core import Table, check_whole, is_whole, shorten, warn_user
from imggen.data.array_like import to_array, to_scalar, to_values
from imggen.data.class_names import (
    ClassNames,
    default_class_names,
    infer_class_names,
    parse_class_names,
)
from imggen.data.validation import Column, optional_column
from imggen.errors import ManifestError, OptionError

DEFAULT_SEPARATOR = ";"
# Separators that tables often use; if one of them is in texts instead, a warning says so.
_OTHER_SEPARATORS = ("|", ";", ",")
_TRUTH = {0: 0, 1: 1, "0": 0, "1": 1, "0.0": 0, "1.0": 1}
_READ_TEXT = (
    'Read the table with keep_default_na=False, or fill the gaps with "" for samples without '
    "classes, or drop those rows."
)


class ParsedLabels(NamedTuple):
    """The classes of samples; see ``MultiLabelColumn``."""

    indices: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    class_names: tuple[str, ...]


def parse_label_cells(
    frame: Table, column: Column, class_names: ClassNames | None, separator: str
) -> ParsedLabels:
    """Parses a column of lists or text; see ``MultiLabelColumn.parse``."""
    return _parse_cells(
        optional_column(frame, column), class_names, None, separator, f"column {column!r}"
    )


def parse_label_matrix(
    values: Any, class_names: ClassNames | None, num_classes: int | None, separator: str
) -> ParsedLabels:
    """Parses a list or an array; see ``MultiLabelColumn.from_values``."""
    if num_classes is not None:
        num_classes = check_whole("num_classes", num_classes, 1)
    is_matrix = getattr(values, "ndim", None) == 2 or len(getattr(values, "shape", ())) == 2
    if not is_matrix:
        cells = to_values(values, "labels")
        return _parse_cells(cells, class_names, num_classes, separator, "list of labels")
    matrix = to_array(values, "labels")
    listed = list(getattr(values, "columns", range(matrix.shape[1])))  # of a DataFrame
    rows = np.array(
        [
            _to_truths(matrix[:, index], str(name), "array of labels")
            for index, name in enumerate(listed)
        ],
        np.int8,
    ).T.reshape(matrix.shape)
    if class_names is None:
        names = tuple(map(str, listed))
    else:
        names = parse_class_names(class_names)
        if hasattr(values, "columns"):
            return _order_columns(rows, [str(name) for name in listed], names)
    if len(names) != matrix.shape[1] or num_classes not in (None, len(names)):
        raise ManifestError(
            f"labels have shape {matrix.shape}, and there are {num_classes or len(names)} classes; "
            "expected one column of 0 and 1 for each class."
        )
    return _pack([np.flatnonzero(row).tolist() for row in rows], names)


def parse_truth_columns(
    frame: Table, columns: Sequence[Column], class_names: ClassNames | None
) -> ParsedLabels:
    """Parses columns of 0 and 1, one per class; see ``MultiLabelColumn.parse``."""
    names = to_values(columns, "multi_label_cols")
    texts = [str(name) for name in names]
    twice = sorted({text for text in texts if texts.count(text) > 1})
    if not names or twice:
        raise ManifestError(
            f"multi_label_cols={shorten(names)} must name at least one column, and each once."
        )
    truths = [
        _to_truths(optional_column(frame, name), str(name), f"column {name!r}") for name in names
    ]
    rows = np.array(truths, np.int8).T.reshape(len(frame), len(names))
    order = tuple(texts) if class_names is None else parse_class_names(class_names)
    return _order_columns(rows, texts, order)


def _order_columns(
    rows: npt.NDArray[np.int8], columns: Sequence[str], names: tuple[str, ...]
) -> ParsedLabels:
    unknown = [column for column in columns if column not in names]
    if unknown:
        raise ManifestError(
            f"The columns {shorten(unknown)} are not in class_names={shorten(list(names))}. Add "
            "them, or leave out those columns."
        )
    matrix = np.zeros((len(rows), len(names)), np.int8)
    matrix[:, [names.index(column) for column in columns]] = rows
    indices = np.nonzero(matrix)[1].astype(np.int32)
    return ParsedLabels(indices, np.concatenate([[0], np.cumsum(matrix.sum(axis=1))]), names)


def _to_truths(values: Iterable[Any], name: str, description: str) -> npt.NDArray[np.int8]:
    """Converts a column of 0 and 1, of truth values, or of their text."""
    truths = []
    for row, value in enumerate(values):
        scalar = to_scalar(value)
        key = scalar.strip() if isinstance(scalar, str) else scalar
        truth = _TRUTH.get(key, -1) if isinstance(key, str | int | float) else -1
        if truth < 0:
            what = "no value" if scalar is None else shorten(scalar)
            raise ManifestError(
                f"The {description} has {what} for the class {name!r} in row {row}; expected 0 or "
                "1. Fix or drop that row."
            )
        truths.append(truth)
    return np.array(truths, np.int8)


def _parse_cells(
    cells: Sequence[Any],
    class_names: ClassNames | None,
    num_classes: int | None,
    separator: str,
    description: str,
) -> ParsedLabels:
    if not isinstance(separator, str) or not separator:
        raise OptionError(
            f"label_separator={shorten(separator)} must be the text between class names, such as "
            "';'."
        )
    rows = [_parse_cell(cell, row, separator, description) for row, cell in enumerate(cells)]
    _check_truths_are_not_classes(rows, description)
    _warn_of_other_separator(cells, separator, description)
    values = list(dict.fromkeys(value for row in rows for value in row))
    are_indices = bool(values) and all(is_whole(value) for value in values)
    if class_names is not None:
        names = parse_class_names(class_names)
    elif are_indices and num_classes is not None:
        names = default_class_names(num_classes)
    else:
        names = infer_class_names(values)
    if num_classes not in (None, len(names)):
        raise OptionError(
            f"num_classes={num_classes} contradicts the {len(names)} classes "
            f"{shorten(list(names))}. Leave out num_classes, or name every class."
        )
    index_of: dict[Any, int] = {name: index for index, name in enumerate(names)}
    found = {value: index_of.get(str(value), -1) for value in values}
    if are_indices and min(found.values()) < 0:
        found = {value: value if 0 <= value < len(names) else -1 for value in values}
    packed = []
    for number, row in enumerate(rows):
        indices = sorted({found[value] for value in row})
        if indices and indices[0] < 0:
            unknown = next(value for value in row if found[value] < 0)
            raise ManifestError(
                f"The {description} holds the class {shorten(unknown)} in row {number}, which is "
                f"not in class_names={shorten(list(names))}. Add it, or fix that row."
            )
        packed.append(indices)
    return _pack(packed, names)


def _pack(rows: Sequence[Sequence[int]], names: tuple[str, ...]) -> ParsedLabels:
    lengths = np.array([len(row) for row in rows], np.int64)
    indices = np.fromiter((index for row in rows for index in row), np.int32, int(lengths.sum()))
    return ParsedLabels(indices, np.concatenate([[0], np.cumsum(lengths)]), names)


def _parse_cell(cell: Any, row: int, separator: str, description: str) -> list[Any]:
    """Returns the classes of a cell: text without spaces around it, or whole numbers."""
    if isinstance(cell, str):
        text = cell.strip()
        if text[:1] == "[" and text[-1:] == "]":
            return _parse_list(_read_list(text, row, description), row, description)
        return [name for name in map(str.strip, text.split(separator)) if name]
    if isinstance(cell, list | tuple | set | frozenset) or hasattr(cell, "__array__"):
        values = cell if isinstance(cell, list | tuple) else _as_list(cell, row, description)
        return _parse_list(values, row, description)
    if cell is None:
        raise ManifestError(
            f"The {description} has no value in row {row}; expected class names. {_READ_TEXT}"
        )
    return _parse_list([cell], row, description)


def _as_list(cell: Any, row: int, description: str) -> list[Any]:
    if isinstance(cell, set | frozenset):
        return sorted(cell, key=str)
    array = to_array(cell, description)
    if array.ndim != 1:
        raise ManifestError(
            f"The {description} holds an array of shape {array.shape} in row {row}; expected a "
            "list of class names."
        )
    return list(array)


def _read_list(text: str, row: int, description: str) -> list[Any]:
    """Reads the text of a list, as JSON or as Python's ``str`` writes it."""
    for read in (json.loads, ast.literal_eval):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                value = read(text)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        return list(value)
    raise ManifestError(
        f"The {description} holds {shorten(text)} in row {row}, which is not a list; expected a "
        'list of class names, such as \'["cat", "dog"]\', or names with a separator.'
    )


def _parse_list(values: Sequence[Any], row: int, description: str) -> list[Any]:
    classes: list[Any] = []
    for value in values:
        scalar = to_scalar(value)
        if isinstance(scalar, float) and scalar.is_integer():
            scalar = int(scalar)  # a gap turns a column of integers into floats
        if isinstance(scalar, str):
            scalar = scalar.strip()
        if isinstance(scalar, bool) or not isinstance(scalar, str | int) or scalar == "":
            what = "a missing value" if scalar is None else shorten(scalar)
            raise ManifestError(
                f"The {description} holds {what} in row {row}, which is not a class; expected "
                "names, or whole numbers. Fix or drop that row."
            )
        classes.append(scalar)
    return classes


def _check_truths_are_not_classes(rows: Sequence[Sequence[Any]], description: str) -> None:
    """Refuses multi-hot rows in place of lists of classes."""
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or lengths <= {0, 1}:
        return
    if all(value in (0, 1) for row in rows for value in row) and any(
        len(set(row)) < len(row) for row in rows
    ):
        raise ManifestError(
            f"The {description} holds 0 and 1 for each class, such as {shorten(list(rows[0]))}; "
            "expected the classes that a sample has. Pass an array of shape (num_samples, "
            "num_classes) to from_files, or one column per class to from_dataframe."
        )


def _warn_of_other_separator(cells: Sequence[Any], separator: str, description: str) -> None:
    texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()[:1] != "["]
    if not texts or any(separator in text for text in texts):
        return
    for other in _OTHER_SEPARATORS:
        example = next((text for text in texts if other in text), None)
        if example is not None:
            warn_user(
                f"The {description} holds {shorten(example)} and never the separator "
                f"{separator!r}, so each text is one class. Pass label_separator={other!r} if it "
                "holds several."
            )
            return
