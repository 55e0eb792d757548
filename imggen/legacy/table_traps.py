"""Traps of ``flow_from_dataframe``; see ``traps``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from imggen.core import shorten
from imggen.data import is_store
from imggen.errors import hide_credentials
from imggen.legacy.traps import (
    list_names,
    warn_of_missing_values,
    warn_of_no_images,
    warn_of_sorted_classes,
    warn_of_sorted_values,
    warn_of_trap,
    warn_of_unsplit,
)
from imggen.stores import find_uri

if TYPE_CHECKING:
    import pandas as pd


def warn_of_table_traps(
    iterator: Any,
    given: pd.DataFrame,
    frame: pd.DataFrame,
    bounds: tuple[int, int],
    columns: tuple[str, Any, str | None],
) -> None:
    """Warns of the traps of a DataFrameIterator.

    Args:
        iterator: The iterator; its options, samples and classes are set.
        given: The argument ``dataframe``.
        frame: Its rows with files and classes, in all subsets.
        bounds: The first row of ``frame`` in the subset, and the one after its last.
        columns: The arguments ``x_col``, ``y_col`` and ``weight_col``.
    """
    x_col, y_col, weight_col = columns
    generator = iterator.image_data_generator
    is_unsplit = warn_of_unsplit(iterator, generator, iterator.subset)
    if not iterator.samples:
        if not is_unsplit:
            warn_of_no_images(iterator, _reason_for_none(iterator, given, frame, x_col))
        return
    is_split = iterator.split is not None and not is_unsplit
    if weight_col:
        is_missing = frame[weight_col].isna().to_numpy()[bounds[0] : bounds[1]]
        warn_of_missing_values(iterator, f"weight_col={shorten(weight_col)}", is_missing)
    if iterator.class_mode in {"raw", "multi_output"}:
        for name in y_col if isinstance(y_col, list) else [y_col]:
            is_missing = frame[name].isna().to_numpy()[bounds[0] : bounds[1]]
            warn_of_missing_values(iterator, f"y_col={shorten(name)}", is_missing)
            if is_split:
                values = list(frame[name])
                warn_of_sorted_values(generator, iterator.subset, f"column {shorten(name)}", values)
    elif iterator.class_mode not in {"input", None}:
        labels = frame[y_col].tolist()
        if is_split:
            warn_of_sorted_classes(generator, iterator.subset, labels, bounds)
        _warn_of_odd_labels(iterator, labels, y_col)


def _warn_of_odd_labels(iterator: Any, labels: list[Any], y_col: str) -> None:
    if all(isinstance(label, str) and label[:1] + label[-1:] == "[]" for label in labels):
        warn_of_trap(
            iterator,
            "list-as-string",
            f"y_col={shorten(y_col)} holds strings that look like lists, such as "
            f"{shorten(labels[0])}, and each of them is one class. For several labels per image, "
            f"convert them: frame[{y_col!r}] = frame[{y_col!r}].map(ast.literal_eval).",
        )
    occurring = {
        name for label in labels for name in (label if isinstance(label, list | tuple) else [label])
    }
    absent = [name for name in iterator.class_indices if name not in occurring]
    if absent:
        warn_of_trap(
            iterator,
            "empty-class",
            f"classes names {list_names(absent)}, which do not occur in y_col={shorten(y_col)}, so "
            "these classes have no samples. The column holds "
            f"{list_names(sorted(occurring, key=str))}.",
        )


def _reason_for_none(iterator: Any, given: pd.DataFrame, frame: pd.DataFrame, x_col: str) -> str:
    """Returns why a DataFrameIterator has no images, and what to do."""
    if not len(given):
        return "the table has no rows. Check how it was read and filtered."
    if len(frame):
        return (
            f'the share of subset="{iterator.subset}" of {len(frame)} rows is less than one row. '
            "Use a larger validation_split."
        )
    file = given[x_col].iloc[0]
    path = os.path.join(iterator.directory, file)
    formats = iterator.white_list_formats
    for suffix in formats:
        if os.path.isfile(f"{path}.{suffix}"):
            return (
                f"column {shorten(x_col)} holds names without an extension. Append it: "
                f'frame[{shorten(x_col)}] += ".{suffix}".'
            )
    if not os.path.exists(path):
        if find_uri(path) is not None or is_store(path):
            return (
                f"the file of the first row, {hide_credentials(path)!r}, is not on disk, and "
                "ImageDataGenerator reads no other. Use imggen.from_dataframe, which takes it, or "
                "download the images."
            )
        return (
            f"the file of the first row, {path!r}, does not exist. Correct directory= or the paths "
            f"in column {shorten(x_col)}."
        )
    if not path.lower().endswith(formats):
        return (
            f"the file of the first row, {path!r}, is not a {', '.join(formats)} file, and no "
            "others are read. Convert the images."
        )
    return "no row has one of the classes that are named by classes=. Correct their names."
