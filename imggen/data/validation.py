"""Validation of labels, weights and table columns, and their conversion into arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, is_whole
from imggen.errors import ManifestError, OptionError

if TYPE_CHECKING:
    import pandas as pd

# More classes than this from integers alone are a mistake, such as IDs instead of classes.
_MAX_DEFAULT_CLASSES = 1_000_000


def find_class_indices(
    labels: Sequence[str], class_names: Sequence[str], description: str
) -> npt.NDArray[np.int32]:
    """Maps class names to class indices.

    Args:
        labels: One class name per sample.
        class_names: The classes; position is index.
        description: A noun for ``labels``, for the error message.

    Raises:
        ManifestError: A label is not in ``class_names``.
    """
    index_of = {name: index for index, name in enumerate(class_names)}
    unknown = sorted(set(labels) - set(index_of))
    if unknown:
        raise ManifestError(
            f"The {description} holds {unknown[:5]}{' and more' if len(unknown) > 5 else ''}, "
            f"which are not in class_names={list(class_names)}. Add them, or drop those rows."
        )
    return np.fromiter((index_of[label] for label in labels), np.int32, len(labels))


def infer_class_names(values: Sequence[object]) -> tuple[str, ...]:
    """Returns the distinct values as names: numbers sorted by value, all else by text."""
    distinct = set(values)
    if all(isinstance(value, int | float | np.number) for value in distinct):
        return tuple(str(value) for value in sorted(distinct))  # type: ignore[type-var]
    return tuple(sorted(str(value) for value in distinct))


def default_class_names(num_classes: int) -> tuple[str, ...]:
    """Returns "0", "1", ... as the names of classes that are known by index only."""
    if not 0 < num_classes <= _MAX_DEFAULT_CLASSES:
        raise ManifestError(
            f"The labels make {num_classes} classes; expected 1 to {_MAX_DEFAULT_CLASSES}. Class "
            "indices start at 0; pass other numbers as text, or pass class_names."
        )
    return tuple(map(str, range(num_classes)))


def normalize_class_values(values: Sequence[Any], description: str) -> list[Any]:
    """Checks that values can be classes, and converts floats, which tables often use, to integers.

    Raises:
        ManifestError: A list or array instead of one value, or a number with decimals.
    """
    for value in values:
        if isinstance(value, list | tuple | set | dict | np.ndarray):
            raise ManifestError(
                f"The {description} holds {value!r}; expected one class index or name per sample. "
                "To convert one-hot rows into class indices, use labels.argmax(axis=1)."
            )
        if isinstance(value, float | np.floating) and not float(value).is_integer():
            raise ManifestError(
                f"The {description} holds {value!r}, which is not a class; expected whole numbers "
                "or names. To predict measured values, use from_dataframe with "
                'label_mode="regression"; to use them as classes, convert them first.'
            )
    return [int(value) if isinstance(value, float | np.floating) else value for value in values]


def match_labels(
    paths: Sequence[str],
    labels: Sequence[object] | Mapping[Any, object] | npt.NDArray[np.generic],
) -> list[Any]:
    """Returns one label per path.

    Raises:
        ManifestError: A path without a label, or labels of another length.
    """
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
        raise ManifestError(
            f"Got {len(paths)} files and {len(values)} labels; expected one label per file."
        )
    # NaN, which tables use for missing values, is the only number that differs from itself.
    missing = [
        path
        for path, value in zip(paths, values, strict=True)
        if value is None or (isinstance(value, float | np.floating) and value != value)
    ]
    if missing:
        raise ManifestError(
            f"{len(missing)} of {len(paths)} files have no label; the first is {missing[0]!r}."
        )
    return normalize_class_values(values, "list of labels")


def resolve_labels(
    values: Sequence[Any], class_names: Sequence[str] | None, num_classes: int | None
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Returns the class index of each sample, and the class names.

    Args:
        values: One class index or class name per sample.
        class_names: The classes; position is index. None: for names, the sorted names; for
            integers, "0", "1", ...
        num_classes: With integers, the number of classes. None: the largest + 1.

    Raises:
        ManifestError: A label without a class.
        OptionError: ``num_classes`` with labels that are names.
    """
    if all(is_whole(value) for value in values):
        if class_names is None:
            count = max(values) + 1 if num_classes is None else num_classes
            class_names = default_class_names(count)
        return validate_labels(values, len(class_names)), tuple(class_names)
    if num_classes is not None:
        raise OptionError("num_classes= needs integer labels; for names, pass class_names=.")
    texts = [str(value) for value in values]
    names = tuple(class_names) if class_names is not None else tuple(sorted(set(texts)))
    return find_class_indices(texts, names, "list of labels"), names


def validate_labels(labels: Any, num_classes: int) -> npt.NDArray[np.int32]:
    """Returns class indices as int32, shape (num_samples,), read-only.

    Raises:
        ManifestError: Another shape, values that are not integers, or an index without a class.
    """
    values = np.asarray(labels)
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
        values = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError) as err:
        raise ManifestError(f"Sample weights must be numbers: {err}.") from err
    largest = np.finfo(np.float32).max
    if values.ndim != 1 or not np.all((values >= 0) & (values <= largest)):
        raise ManifestError(
            "Sample weights must be finite numbers of 0 or more, one per sample; "
            f"got shape {values.shape} with {values[:5]}..."
        )
    validated = values.astype(np.float32)
    validated.flags.writeable = False
    return validated


def optional_column(frame: pd.DataFrame, name: str) -> list[Any]:
    """Returns the values of a column, with None for missing ones.

    Raises:
        ManifestError: There is no such column, or there are two.
    """
    columns = list(frame.columns)
    if columns.count(name) != 1:
        found = "two columns" if name in columns else "no column"
        raise ManifestError(
            f"The table has {found} {name!r}; its columns are {list(map(str, columns))}."
        )
    column = frame[name]
    if column.isna().any():  # NaN, NaT or NA
        column = column.astype(object).where(column.notna(), None)
    values: list[Any] = column.tolist()
    return values


def table_column(frame: pd.DataFrame, name: str) -> list[Any]:
    """Returns the values of a column.

    Raises:
        ManifestError: There is no such column, there are two, or a value is missing.
    """
    values = optional_column(frame, name)
    missing = frame[name].isna().to_numpy()
    if missing.any():
        rows = np.flatnonzero(missing)
        raise ManifestError(
            f"The column {name!r} has no value in {len(rows)} of {len(frame)} rows, first in row "
            f"{rows[0]}. Fill or drop those rows."
        )
    return values


def text_column(frame: pd.DataFrame, name: str) -> StringColumn:
    """Returns a column as text."""
    return StringColumn.of(
        os.fspath(value) if isinstance(value, os.PathLike) else str(value)
        for value in table_column(frame, name)
    )


def weight_column(frame: pd.DataFrame, name: str) -> npt.NDArray[np.float32]:
    """Returns a column as sample weights; see ``validate_weights``."""
    values = table_column(frame, name)
    try:
        return validate_weights(values)
    except ManifestError as err:
        raise ManifestError(f"The column {name!r}: {err}") from err
