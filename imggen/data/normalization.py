"""Validation and conversion of what the constructor of a ``Manifest`` is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imggen.core import shorten
from imggen.data.class_names import parse_class_names
from imggen.data.columns import check_lengths, to_string_column
from imggen.data.outputs import as_outputs
from imggen.data.row_alignment import align_rows
from imggen.data.targets import TargetColumn
from imggen.data.validation import validate_labels, validate_weights
from imggen.errors import ManifestError, StoreError
from imggen.stores import check_credentials, parse_address

_TEXT_COLUMNS = ("paths", "groups", "splits", "hashes", "masks", "versions")


def normalize_fields(fields: dict[str, Any], optional: Sequence[str]) -> dict[str, Any]:
    """Returns the fields of a manifest with the types that it documents.

    Args:
        fields: The fields as given.
        optional: The names of the columns that may be None.

    Raises:
        ManifestError: See ``Manifest``.
        OptionError: ``class_names`` holds something else than names.
    """
    names = parse_class_names(fields["class_names"])
    if len(set(names)) != len(names):
        duplicates = sorted({name for name in names if names.count(name) > 1})
        raise ManifestError(
            "class_names must differ from each other; the list has duplicates: "
            f"{shorten(duplicates)}."
        )
    _check_input_names(fields["inputs"], fields["numbers"])
    reserved = {"image", "mask"} & {*fields["inputs"], *fields["numbers"]}
    if reserved:
        raise ManifestError(
            f"The name {min(reserved)!r} is reserved for the images and their masks. Choose "
            "another name for the input."
        )
    paths = to_string_column("paths", fields["paths"])
    keys, given = paths or (), fields["paths"]
    fields = fields | {
        name: align_rows(fields[name], name, keys, files=given)
        for name in (*_TEXT_COLUMNS[1:], "labels", "weights")
    }
    inputs = {
        name: align_rows(column, f"inputs[{name!r}]", keys, files=given)
        for name, column in fields["inputs"].items()
    }
    normalized = {
        **fields,
        "class_names": names,
        "root": _parse_root(fields["root"]),
        "skipped": dict(fields["skipped"]),
        "inputs": {name: to_string_column("paths", column) for name, column in inputs.items()},
        "numbers": dict(fields["numbers"]),
        "paths": paths,
        **{name: to_string_column(name, fields[name]) for name in _TEXT_COLUMNS[1:]},
    }
    normalized["outputs"] = as_outputs(fields["outputs"])
    if fields["multi_labels"] is not None:
        if fields["labels"] is not None:
            raise ManifestError(
                "labels hold one class per sample and multi_labels any number of them; expected "
                "one of the two. For a model of several outputs, pass outputs=."
            )
        fields["multi_labels"].check_classes(len(names))
    if fields["labels"] is not None:
        normalized["labels"] = validate_labels(fields["labels"], len(names))
    if fields["weights"] is not None:
        normalized["weights"] = validate_weights(fields["weights"])
    columns = {name: normalized[name] for name in optional}
    columns |= {f"input:{name}": paths for name, paths in normalized["inputs"].items()}
    columns |= {f"number:{name}": column for name, column in normalized["numbers"].items()}
    columns |= {
        f"output:{name}": column
        for name, output in normalized["outputs"].items()
        for column in output.columns().values()
        if column is not None
    }
    check_lengths(columns, len(normalized["paths"]))
    return normalized


def _check_input_names(inputs: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
    for name, column in numbers.items():
        if not isinstance(column, TargetColumn):
            raise ManifestError(f"numbers[{name!r}]={shorten(column)} must be a TargetColumn.")
        if name in inputs:
            raise ManifestError(f"The input {name!r} is given twice; names must differ.")
        if ":" in name:
            raise ManifestError(
                f"The name of the input {name!r} holds a colon. Choose another name."
            )


def _parse_root(root: Any) -> str:
    address = str.__str__(parse_address(root))  # also np.str_
    try:
        check_credentials(address)
    except StoreError as err:
        raise ManifestError(str(err)) from err
    return address
