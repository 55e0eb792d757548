"""What users pass as numbers, labels, weights and table columns, checked and made into columns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn
from imggen.errors import ManifestError

if TYPE_CHECKING:
    import pandas as pd

# More classes than this from integers alone are a mistake: an ID, say, in place of a class.
_MOST_NUMBERED_CLASSES = 1_000_000


def indices_of(
    labels: Sequence[str], class_names: Sequence[str], where: str, option: str = "class_names"
) -> npt.NDArray[np.int32]:
    """Maps class names to class indices.

    Args:
        labels: One class name a sample.
        class_names: The classes; position is index.
        where: What ``labels`` are, for the error message.
        option: What names the classes, for the same.

    Raises:
        ManifestError: A label that is not among ``class_names``.
    """
    index_of = {name: index for index, name in enumerate(class_names)}
    unknown = sorted(set(labels) - set(index_of))
    if unknown:
        raise ManifestError(
            f"The {where} holds {unknown[:5]}{' and more' if len(unknown) > 5 else ''}, which "
            f"{option}={list(class_names)} does not name. Add them, or drop those rows."
        )
    return np.fromiter((index_of[label] for label in labels), np.int32, len(labels))


def names_in(values: Sequence[object]) -> tuple[str, ...]:
    """The distinct values as names: numbers in order of value, all else in order of text."""
    distinct = set(values)
    if all(isinstance(value, int | float | np.number) for value in distinct):
        return tuple(str(value) for value in sorted(distinct))  # type: ignore[type-var]
    return tuple(sorted(str(value) for value in distinct))


def class_values(values: Sequence[Any], where: str) -> list[Any]:
    """Values that can be classes: names, or whole numbers, which tables often hold as floats.

    Raises:
        ManifestError: A list or array in place of one value, or a number with decimals.
    """
    for value in values:
        if isinstance(value, list | tuple | set | dict | np.ndarray):
            raise ManifestError(
                f"The {where} holds {value!r}; expected one class index or name a sample. One-hot "
                "rows become class indices with labels.argmax(axis=1)."
            )
        if isinstance(value, float | np.floating) and not float(value).is_integer():
            raise ManifestError(
                f"The {where} holds {value!r}, which is no class. Classes are whole numbers or "
                "names; turn measured values into classes first, or into text with str()."
            )
    return [int(value) if isinstance(value, float | np.floating) else value for value in values]


def labels_of(
    paths: Sequence[str],
    labels: Sequence[object] | Mapping[Any, object] | npt.NDArray[np.generic],
) -> list[Any]:
    """One label for each path, none of them missing."""
    values: list[Any]
    if isinstance(labels, Mapping):
        label_of = {
            os.fspath(file) if isinstance(file, os.PathLike) else file: label
            for file, label in labels.items()
        }
        values = [label_of.get(path) for path in paths]
    else:
        values = list(labels)
    if len(values) != len(paths):
        raise ManifestError(f"Got {len(paths)} files and {len(values)} labels; they must match.")
    # NaN, which tables put where a value is missing, is the one number that differs from itself.
    missing = [
        path
        for path, value in zip(paths, values, strict=True)
        if value is None or (isinstance(value, float | np.floating) and value != value)
    ]
    if missing:
        raise ManifestError(
            f"{len(missing)} of {len(paths)} files have no label; the first is {missing[0]!r}."
        )
    return class_values(values, "list of labels")


def numbered(num_classes: int) -> tuple[str, ...]:
    """The names of classes that are known by number only."""
    if not 0 < num_classes <= _MOST_NUMBERED_CLASSES:
        raise ManifestError(
            f"The labels make {num_classes} classes; expected 1 to {_MOST_NUMBERED_CLASSES}. Class "
            "indices count from 0; other numbers can be passed as text, or with class_names."
        )
    return tuple(map(str, range(num_classes)))


def checked_labels(labels: Any, num_classes: int) -> npt.NDArray[np.int32]:
    """Class indices as int32, shape (num_samples,), each with a class."""
    values = np.asarray(labels)
    if values.ndim != 1 or not (values.size == 0 or values.dtype.kind in "iuO"):
        raise ManifestError(
            f"labels have dtype {values.dtype} and shape {values.shape}; expected integers of "
            "shape (num_samples,)."
        )
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < num_classes:
        raise ManifestError(
            f"labels run from {values.min()} to {values.max()}, but there are {num_classes} class "
            "names. A label is the position of its class, from 0."
        )
    indices = values.astype(np.int32)
    indices.flags.writeable = False
    return indices


def checked_weights(weights: Any) -> npt.NDArray[np.float32]:
    """Sample weights as float32, shape (num_samples,), finite and 0 or more."""
    try:
        values = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError) as err:
        raise ManifestError(f"Sample weights must be numbers: {err}.") from err
    most = np.finfo(np.float32).max
    if values.ndim != 1 or not np.all((values >= 0) & (values <= most)):
        raise ManifestError(
            "Sample weights must be finite numbers of 0 or more, one a sample; "
            f"got shape {values.shape} with {values[:5]}..."
        )
    checked = values.astype(np.float32)
    checked.flags.writeable = False
    return checked


def cells_of(frame: pd.DataFrame, name: str) -> list[Any]:
    """The values of one column; None for missing ones."""
    columns = list(frame.columns)
    if columns.count(name) != 1:
        found = "two columns" if name in columns else "no column"
        raise ManifestError(
            f"The table has {found} {name!r}; its columns are {list(map(str, columns))}."
        )
    column = frame[name]
    if column.isna().any():  # NaN, NaT, NA: whatever the column has for it
        column = column.astype(object).where(column.notna(), None)
    values: list[Any] = column.tolist()
    return values


def table_column(frame: pd.DataFrame, name: str) -> list[Any]:
    """The values of one column, none of them missing."""
    values = cells_of(frame, name)
    missing = frame[name].isna().to_numpy()
    if missing.any():
        rows = np.flatnonzero(missing)
        raise ManifestError(
            f"The column {name!r} has no value in {len(rows)} of {len(frame)} rows, first in row "
            f"{rows[0]}. Fill or drop those rows."
        )
    return values


def text_column(frame: pd.DataFrame, name: str) -> StringColumn:
    """One column as text; paths as paths."""
    return StringColumn.of(
        os.fspath(value) if isinstance(value, os.PathLike) else str(value)
        for value in table_column(frame, name)
    )


def number_column(frame: pd.DataFrame, name: str) -> npt.NDArray[np.float32]:
    """One column as sample weights."""
    values = table_column(frame, name)
    try:
        return checked_weights(values)
    except ManifestError as err:
        raise ManifestError(f"The column {name!r}: {err}") from err
