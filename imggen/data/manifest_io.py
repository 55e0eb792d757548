"""The columns of a manifest as a table and the facts beside it, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imggen.errors import ManifestError

if TYPE_CHECKING:
    import pandas as pd

_FORMAT_VERSION = 1
# What further columns of one text a sample are called in tables.
_TEXTS = {"splits": "split", "hashes": "hash", "masks": "mask"}
# In tables, what stands before the name of an input.
_INPUT = "input:"


def table_of(columns: Mapping[str, Any], class_names: tuple[str, ...]) -> pd.DataFrame:
    """Makes the table that ``Manifest.to_frame`` describes.

    Args:
        columns: The columns of a manifest by the names of its attributes, None for those it has
            not.
        class_names: Those of the manifest.
    """
    import pandas as pd

    table: dict[str, Any] = {"path": pd.Series(list(columns["paths"]), dtype=object)}
    if columns["labels"] is not None:
        names = np.array(class_names, dtype=object)
        table["label"] = pd.Series(names[columns["labels"]], dtype=object)
    if columns["groups"] is not None:
        table["group"] = pd.Series(list(columns["groups"]), dtype=object)
    if columns["weights"] is not None:
        table["weight"] = columns["weights"]
    texts: dict[str, Any] = {called: columns[name] for name, called in _TEXTS.items()}
    if columns["boxes"] is not None:
        texts["boxes"], texts["box_labels"] = columns["boxes"].cells()
    if columns["keypoints"] is not None:
        texts["keypoints"] = columns["keypoints"].cells()
    texts |= {f"{_INPUT}{name}": paths for name, paths in columns["inputs"].items()}
    for called, values in texts.items():
        if values is not None:
            table[called] = pd.Series(list(values), dtype=object)
    return pd.DataFrame(table)


def metadata_of(
    columns: Mapping[str, Any], class_names: tuple[str, ...], root: str
) -> dict[str, Any]:
    """What the table does not say, for a JSON file beside it.

    Args:
        columns: As in ``table_of``.
        class_names: Those of the manifest.
        root: The way from the table to the images.
    """
    metadata: dict[str, Any] = {
        "format": "imggen manifest",
        "version": _FORMAT_VERSION,
        "root": root,
        "class_names": list(class_names),
    }
    boxes, keypoints = columns["boxes"], columns["keypoints"]
    if boxes is not None:
        names = list(boxes.class_names)
        metadata["boxes"] = {"format": boxes.format, "class_names": names, "most": boxes.most}
    if keypoints is not None:
        metadata["keypoints"] = {"format": keypoints.format, "most": keypoints.most}
    return metadata


def check_metadata(file: str, metadata: Mapping[str, Any]) -> None:
    """Checks what stands beside a table.

    Raises:
        ManifestError: It is of another version, or not as ``metadata_of`` makes it.
    """
    version, root, names = (metadata.get(key) for key in ("version", "root", "class_names"))
    if version != _FORMAT_VERSION:
        raise ManifestError(
            f"{file!r} has manifest version {version!r}; this imggen reads version "
            f"{_FORMAT_VERSION}. Save it again with the imggen that reads it."
        )
    if not isinstance(root, str) or not isinstance(names, list):
        raise ManifestError(
            f"The JSON beside {file!r} has root {root!r} and class_names {names!r}; expected a "
            "string and a list. Save the manifest again."
        )
    needed = {"boxes": {"format", "class_names", "most"}, "keypoints": {"format", "most"}}
    for name in sorted(set(needed) & set(metadata)):
        of_column = metadata[name]
        is_whole = isinstance(of_column, dict) and needed[name] <= set(of_column)
        if not is_whole or not isinstance(of_column.get("class_names", []), list):
            raise ManifestError(
                f"The JSON beside {file!r} has {name} {of_column!r}; expected "
                f"{sorted(needed[name])}. Save the manifest again."
            )


def arguments_of(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What ``Manifest.from_frame`` has to be told to read the table.

    Args:
        frame: A table that ``table_of`` made, or one whose columns are called alike.
        facts: What stands beside it; nothing is needed but for boxes and keypoints.
    """
    present = list(map(str, frame.columns))
    called = {
        "y_col": "label",
        "weight_col": "weight",
        "group_col": "group",
        "split_col": "split",
        "hash_col": "hash",
        "mask_col": "mask",
    }
    arguments: dict[str, Any] = {
        argument: name if name in present else None for argument, name in called.items()
    }
    arguments["input_cols"] = {
        name.removeprefix(_INPUT): name for name in present if name.startswith(_INPUT)
    }
    if "boxes" in metadata:
        arguments |= {
            "box_col": "boxes",
            "box_format": metadata["boxes"]["format"],
            "box_label_col": "box_labels",
            "box_class_names": metadata["boxes"]["class_names"],
        }
    if "keypoints" in metadata:
        arguments |= {
            "keypoint_col": "keypoints",
            "keypoint_format": metadata["keypoints"]["format"],
        }
    return arguments
