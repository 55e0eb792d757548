"""Conversion of a manifest into a table and metadata, and back."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, Table, check_table_file, shorten
from imggen.data.boxes import BoxColumn, Boxes
from imggen.data.class_names import ClassNames, parse_class_names
from imggen.data.keypoints import KeypointColumn, Keypoints
from imggen.data.multi_label_parsing import DEFAULT_SEPARATOR
from imggen.data.multi_labels import MultiLabelColumn
from imggen.data.outputs import Output, is_output_metadata, read_output
from imggen.data.targets import TARGET_PREFIX, TargetColumn
from imggen.data.text_columns import find_numbers, find_text
from imggen.data.validation import (
    Column,
    find_column,
    name_column,
    optional_column,
    path_column,
    table_column,
    weight_column,
)
from imggen.errors import ManifestError
from imggen.stores import find_uri

_FORMAT = "imggen manifest"
_FORMAT_VERSION = 1
_VERSION = "version"
# Attributes of a manifest that hold one text per sample, and the names of their table columns.
_TEXT_COLUMNS = {"splits": "split", "hashes": "hash", "masks": "mask", "versions": _VERSION}
_INPUT_PREFIX = "input:"
_NUMBER_PREFIX = "number:"
_MULTI_LABELS = "labels"
# The metadata of the columns that need more than a table can hold.
_METADATA_KEYS = {
    "multi_labels": {"separator"},
    "boxes": {"format", "class_names", "capacity"},
    "keypoints": {"format", "capacity"},
    "targets": {"is_single"},
}


def build_table(columns: Mapping[str, Any], class_names: tuple[str, ...]) -> dict[str, Any]:
    """Builds the table that ``Manifest.to_frame`` describes, as a mapping from name to column.

    Args:
        columns: The columns of a manifest by attribute name; None for missing columns.
        class_names: The class names of the manifest.
    """
    table: dict[str, Any] = {"path": columns["paths"]}
    if columns["labels"] is not None:
        table["label"] = StringColumn.of(class_names).take(columns["labels"])
    if columns["groups"] is not None:
        table["group"] = columns["groups"]
    if columns["weights"] is not None:
        table["weight"] = columns["weights"]
    texts: dict[str, Any] = {column: columns[name] for name, column in _TEXT_COLUMNS.items()}
    if columns["boxes"] is not None:
        texts["boxes"], texts["box_labels"] = columns["boxes"].to_cells()
    if columns["keypoints"] is not None:
        texts["keypoints"] = columns["keypoints"].to_cells()
    if columns["multi_labels"] is not None:
        texts[_MULTI_LABELS] = columns["multi_labels"].to_cells(class_names)
    texts |= {f"{_INPUT_PREFIX}{name}": paths for name, paths in columns["inputs"].items()}
    for column, values in texts.items():
        if values is not None:
            table[column] = np.array(values, object) if isinstance(values, list) else values
    if columns["targets"] is not None:
        table |= columns["targets"].to_columns()
    for name, numbers in columns["numbers"].items():
        table |= numbers.to_columns(f"{_NUMBER_PREFIX}{name}:")
    for name, output in columns["outputs"].items():
        table |= output.to_columns(name)
    return table


def build_metadata(
    columns: Mapping[str, Any], class_names: tuple[str, ...], root: str
) -> dict[str, Any]:
    """Builds the metadata that the table does not hold, for a JSON file next to it.

    Args:
        columns: As in ``build_table``.
        class_names: The class names of the manifest.
        root: The path from the table to the images.
    """
    metadata: dict[str, Any] = {
        "format": _FORMAT,
        "version": _FORMAT_VERSION,
        "root": root,
        "class_names": list(class_names),
    }
    boxes, keypoints = columns["boxes"], columns["keypoints"]
    if boxes is not None:
        names = list(boxes.class_names)
        metadata["boxes"] = {
            "format": boxes.format,
            "class_names": names,
            "capacity": boxes.capacity,
        }
    if keypoints is not None:
        metadata["keypoints"] = {"format": keypoints.format, "capacity": keypoints.capacity}
    if columns["targets"] is not None:
        metadata["targets"] = {"is_single": columns["targets"].is_single}
    if columns["multi_labels"] is not None:
        metadata["multi_labels"] = {"separator": columns["multi_labels"].separator}
    if columns["outputs"]:
        metadata["outputs"] = {
            name: output.to_metadata() for name, output in columns["outputs"].items()
        }
    return metadata


def check_manifest_file(
    file: str | os.PathLike[str] | None,
    *,
    overwrite: bool = False,
) -> None:
    """Checks that ``Manifest.save`` can write a file, before there is a manifest.

    Args:
        file: The file. None: there is nothing to check.
        overwrite: As in ``Manifest.save``.

    Raises:
        ImggenError: See ``Manifest.save``.
    """
    if file is not None:
        check_table_file(Path(file), _FORMAT, overwrite=overwrite)


def check_metadata(file: str, metadata: Mapping[str, Any]) -> None:
    """Checks the metadata of a table.

    Raises:
        ManifestError: Another version, or metadata that ``build_metadata`` did not build.
    """
    version, root, names = (metadata.get(key) for key in ("version", "root", "class_names"))
    if version != _FORMAT_VERSION:
        raise ManifestError(
            f"{file!r} has manifest version {shorten(version)}; this version of imggen reads "
            f"version {_FORMAT_VERSION}. Save it again with this version."
        )
    if not isinstance(root, str) or not isinstance(names, list):
        raise ManifestError(
            f"The JSON file of {file!r} has root {shorten(root)} and class_names {shorten(names)}; "
            "expected a string and a list. Save the manifest again."
        )
    for name in sorted(set(_METADATA_KEYS) & set(metadata)):
        entry, keys = metadata[name], _METADATA_KEYS[name]
        is_complete = isinstance(entry, dict) and keys <= set(entry)
        if not is_complete or not isinstance(entry.get("class_names", []), list):
            raise ManifestError(
                f"The JSON file of {file!r} has {name} {shorten(entry)}; expected {sorted(keys)}. "
                "Save the manifest again."
            )
    outputs = metadata.get("outputs", {})
    if not isinstance(outputs, dict) or not all(map(is_output_metadata, outputs.values())):
        raise ManifestError(
            f"The JSON file of {file!r} has outputs {shorten(outputs)}; expected the kind and the "
            "class names of each. Save the manifest again."
        )


def column_arguments(frame: Table, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keyword arguments with which ``Manifest.from_frame`` reads the table.

    Args:
        frame: A table from ``build_table``, or one with the same column names.
        metadata: The metadata of the table; may be empty if it has no boxes and no keypoints.
    """
    present = list(map(str, frame.columns))
    columns = {
        "y_col": "label",
        "weight_col": "weight",
        "group_col": "group",
        "split_col": "split",
        "hash_col": "hash",
        "mask_col": "mask",
    }
    arguments: dict[str, Any] = {
        argument: column if column in present else None for argument, column in columns.items()
    }
    arguments["input_cols"] = {
        column.removeprefix(_INPUT_PREFIX): column
        for column in present
        if column.startswith(_INPUT_PREFIX)
    }
    for column in present:
        if column.startswith(_NUMBER_PREFIX) and column.count(":") > 1:
            name = column.split(":", 2)[1]
            arguments["input_cols"].setdefault(name, []).append(column)
    targets = [column for column in present if column.startswith(TARGET_PREFIX)]
    if targets:
        is_single = metadata.get("targets", {}).get("is_single", False)
        arguments["target_cols"] = targets[0] if is_single else targets
    if "multi_labels" in metadata:
        arguments["multi_label_cols"] = _MULTI_LABELS
        arguments["label_separator"] = metadata["multi_labels"]["separator"]
    arguments["outputs"] = {
        name: Output.from_metadata(name, frame, entry)
        for name, entry in metadata.get("outputs", {}).items()
    }
    if "boxes" in metadata:
        arguments["boxes"] = Boxes(
            col="boxes",
            format=metadata["boxes"]["format"],
            labels="box_labels",
            class_names=metadata["boxes"]["class_names"],
        )
    if "keypoints" in metadata:
        arguments["keypoints"] = Keypoints(col="keypoints", format=metadata["keypoints"]["format"])
    return arguments


def read_fields(
    frame: Table,
    *,
    root: str | os.PathLike[str],
    x_col: Column = "path",
    y_col: Column | None = "label",
    group_col: Column | None = None,
    weight_col: Column | None = None,
    split_col: Column | None = None,
    hash_col: Column | None = None,
    mask_col: Column | None = None,
    input_cols: Mapping[str, Column | Sequence[Column]] | None = None,
    boxes: Boxes | None = None,
    keypoints: Keypoints | None = None,
    target_cols: Column | Sequence[Column] | None = None,
    multi_label_cols: Column | Sequence[Column] | None = None,
    label_separator: str = DEFAULT_SEPARATOR,
    outputs: Mapping[str, Output] | None = None,
    class_names: ClassNames | None = None,
) -> dict[str, Any]:
    """Reads the fields of a manifest from a table; see ``Manifest.from_frame``.

    Raises:
        ManifestError: See ``Manifest.from_frame``.
    """
    paths = path_column(frame, x_col)
    box_column = read_boxes(frame, boxes)
    if box_column is not None:
        box_column.check_one_row_per_image(paths, x_col)
    labels, multi_labels, names = read_labels(
        frame, y_col, multi_label_cols, class_names, label_separator
    )
    return {
        "root": os.fspath(root),
        "paths": paths,
        "labels": labels,
        "class_names": names,
        "groups": None if group_col is None else name_column(frame, group_col),
        "weights": None if weight_col is None else weight_column(frame, weight_col),
        "splits": None if split_col is None else name_column(frame, split_col),
        "hashes": None if hash_col is None else name_column(frame, hash_col),
        "masks": None if mask_col is None else path_column(frame, mask_col),
        **read_inputs(frame, input_cols or {}),
        "boxes": box_column,
        "keypoints": read_keypoints(frame, keypoints),
        "targets": None if target_cols is None else TargetColumn.parse(frame, target_cols),
        "multi_labels": multi_labels,
        "outputs": outputs or {},
    }


def read_labels(
    frame: Table,
    y_col: Column | None,
    multi_label_cols: Column | Sequence[Column] | None,
    class_names: ClassNames | None,
    separator: str,
) -> tuple[npt.NDArray[np.int32] | None, MultiLabelColumn | None, tuple[str, ...]]:
    """Reads the class indices and the class names of a table; see ``Manifest.from_frame``.

    Raises:
        ManifestError: A missing column or value, a class not in ``class_names``, or both kinds of
            columns.
    """
    if multi_label_cols is not None:
        if y_col is not None:
            raise ManifestError(
                f"y_col={y_col!r} and multi_label_cols={shorten(multi_label_cols)} are both "
                "columns of classes. Pass y_col=None, or outputs= for a model of several outputs."
            )
        multi, names = MultiLabelColumn.parse(frame, multi_label_cols, class_names, separator)
        return None, multi, names
    if y_col is None:
        return None, None, parse_class_names(class_names)
    output = read_output(frame, y_col, "classes", class_names, separator)
    return output.labels, None, output.class_names


def read_inputs(
    frame: Table, input_cols: Mapping[str, Column | Sequence[Column]]
) -> dict[str, Any]:
    """Reads the further inputs of a table: the fields "inputs" and "numbers" of a manifest.

    Raises:
        ManifestError: A missing column or value.
    """
    inputs: dict[str, Any] = {}
    numbers: dict[str, Any] = {}
    for name, cols in input_cols.items():
        if isinstance(cols, str | int):
            if not _holds_numbers(frame, cols):
                inputs[name] = path_column(frame, cols)
                continue
            cols = [cols]
        if len(cols) == 0:
            raise ManifestError(f"input_cols[{name!r}] is empty; expected at least one column.")
        column = TargetColumn.parse(frame, cols)
        prefix = f"{_NUMBER_PREFIX}{name}:"
        names = tuple(one.removeprefix(prefix) for one in column.names)
        numbers[name] = dataclasses.replace(column, names=names)
    return {"inputs": inputs, "numbers": numbers}


def _holds_numbers(frame: Table, name: Column) -> bool:
    column = find_column(frame, name)
    if find_text(column) is not None:
        return len(column) == 0
    return find_numbers(column) is not None or all(
        isinstance(value, Number) for value in table_column(frame, name)
    )


def read_boxes(frame: Table, boxes: Boxes | None) -> BoxColumn | None:
    """Reads the boxes of a table; None for None.

    Raises:
        ManifestError: A missing column, or cells that are not boxes or classes.
    """
    if boxes is None:
        return None
    labels = None if boxes.labels is None else optional_column(frame, boxes.labels)
    return BoxColumn.parse(optional_column(frame, boxes.col), labels, boxes)


def read_keypoints(frame: Table, keypoints: Keypoints | None) -> KeypointColumn | None:
    """Reads the keypoints of a table; None for None.

    Raises:
        ManifestError: A missing column, or cells that are not keypoints.
    """
    if keypoints is None:
        return None
    return KeypointColumn.parse(optional_column(frame, keypoints.col), keypoints)


def read_versions(frame: Table, root: str) -> StringColumn | None:
    """Returns the versions of the files of a saved manifest; None if they are not remote."""
    if find_uri(root) is None or _VERSION not in frame.columns:
        return None
    versions = find_text(find_column(frame, _VERSION))
    if versions is None:
        values = optional_column(frame, _VERSION)
        versions = StringColumn.of("" if value is None else str(value) for value in values)
    return versions


def resolve_root(root: str, folder: Path) -> str:
    """Returns the root of a table in ``folder``, from the one that ``relative_root`` returned."""
    return find_uri(root) or os.path.normpath(folder / root)


def relative_root(root: str, folder: Path) -> str:
    """Returns the path from ``folder`` to ``root``, with forward slashes; or a URI unchanged."""
    if (uri := find_uri(root)) is not None:
        return uri
    try:
        return Path(os.path.relpath(root, folder)).as_posix()
    except ValueError:  # there is no relative path to another drive on Windows
        return str(Path(root).resolve())
