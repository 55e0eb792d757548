"""Validation of class indices, weights and table columns, and their conversion into arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, Table, is_whole, shorten
from imggen.data.array_like import reject_missing, to_array, to_values
from imggen.data.text_columns import (
    CodedText,
    code_text,
    find_numbers,
    find_paths,
    pack_names,
    pack_paths,
)
from imggen.errors import ManifestError

# The name of a column; tables without a header have numbers.
Column = str | int
# The arguments that name a column, by the default name.
_ARGUMENTS: dict[Column, str] = {"path": "x_col", "label": "y_col"}


def validate_labels(labels: Any, num_classes: int) -> npt.NDArray[np.int32]:
    """Returns class indices as int32, shape (num_samples,), read-only.

    Raises:
        ManifestError: Another shape, values that are not integers, or an index without a class.
    """
    values = to_array(labels, "labels")
    if values.dtype == object:
        listed = to_values(labels, "labels")
        reject_missing(listed, "labels")
        other = [value for value in listed if not is_whole(value)]
        if other:
            raise ManifestError(f"labels hold {shorten(other[0])}; expected class indices, from 0.")
        values = np.array(listed, object)  # integers may be too large for any dtype
    if values.ndim != 1 or not (values.size == 0 or values.dtype.kind in "iuO"):
        raise ManifestError(
            f"labels have dtype {values.dtype} and shape {values.shape}; expected integers of "
            "shape (num_samples,)."
        )
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < num_classes:
        raise ManifestError(
            f"labels run from {values.min()} to {values.max()}, but there are {num_classes} class "
            "names; expected the index of each sample's class, from 0."
        )
    indices = values.astype(np.int32)
    indices.flags.writeable = False
    return indices


def validate_weights(weights: Any) -> npt.NDArray[np.float32]:
    """Returns sample weights as float32, shape (num_samples,), read-only.

    Raises:
        ManifestError: Another shape, or values that are not finite numbers of 0 or more.
    """
    try:
        values = np.array(to_array(weights, "weights"), dtype=np.float64)
    except (TypeError, ValueError) as err:
        raise ManifestError(f"Sample weights must be numbers: {str(err)[:200]}.") from err
    largest = np.finfo(np.float32).max
    if values.ndim != 1 or not np.all((values >= 0) & (values <= largest)):
        raise ManifestError(
            "Sample weights must be finite numbers of 0 or more, one per sample; "
            f"got shape {values.shape} with {values.ravel()[:5]}..."
        )
    validated = values.astype(np.float32)
    validated.flags.writeable = False
    return validated


def find_column(frame: Table, name: Column) -> Any:
    """Returns a column as it is in the table.

    Raises:
        ManifestError: There is no such column, or there are two.
    """
    columns: list[Any] = list(frame.columns)
    if columns.count(name) != 1:
        found = "two columns" if name in columns else "no column"
        is_default = name in _ARGUMENTS and name not in columns
        advice = f" Pass the name of the column as {_ARGUMENTS[name]}=." if is_default else ""
        raise ManifestError(
            f"The table has {found} {shorten(name)}; its columns are "
            f"{shorten(list(map(str, columns)))}.{advice}"
        )
    return frame[name]


def optional_column(frame: Table, name: Column) -> list[Any]:
    """Returns the values of a column, with None for missing ones.

    Raises:
        ManifestError: There is no such column, or there are two.
    """
    return to_values(find_column(frame, name), f"The column {shorten(name)}")


def table_column(frame: Table, name: Column) -> list[Any]:
    """Returns the values of a column.

    Raises:
        ManifestError: There is no such column, there are two, or a value is missing.
    """
    values = optional_column(frame, name)
    reject_missing(values, f"The column {shorten(name)}")
    return values


def path_column(frame: Table, name: Column) -> StringColumn:
    """Returns a column of paths or IDs."""
    column = find_paths(find_column(frame, name))
    if column is not None:
        return column
    return pack_paths(table_column(frame, name), f"The column {shorten(name)}")


def name_column(frame: Table, name: Column) -> StringColumn:
    """Returns a column of names as text."""
    return pack_names(find_column(frame, name), f"The column {shorten(name)}")


def class_column(frame: Table, name: Column) -> CodedText | None:
    """Returns a column of class names by their different names, if it is packed text."""
    return code_text(find_column(frame, name))


def weight_column(frame: Table, name: Column) -> npt.NDArray[np.float32]:
    """Returns a column as sample weights; see ``validate_weights``."""
    numbers = find_numbers(find_column(frame, name))
    values = table_column(frame, name) if numbers is None else numbers
    try:
        return validate_weights(values)
    except ManifestError as err:
        raise ManifestError(f"The column {shorten(name)}: {err}") from err
