"""The targets of one output of a model, where samples have targets for several."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final, get_args

import numpy as np
import numpy.typing as npt

from imggen.core import Table, shorten
from imggen.data.class_names import (
    ClassNames,
    match_labels,
    parse_class_names,
    resolve_labels,
    resolve_named_labels,
    to_classes,
)
from imggen.data.columns import concatenate_columns, take_rows
from imggen.data.multi_labels import MultiLabelColumn
from imggen.data.row_alignment import align_values
from imggen.data.targets import TargetColumn
from imggen.data.validation import class_column, table_column, validate_labels, validate_weights
from imggen.errors import ManifestError, OptionError

# The kinds of columns that outputs are read from.
OutputKind = Literal["classes", "multi_label", "numbers"]
# In tables, the prefix of the columns of outputs.
OUTPUT_PREFIX = "output:"
WEIGHT_PREFIX = "weight:"
_COLUMNS = ("labels", "multi_labels", "targets", "weights")


@final
@dataclass(frozen=True, eq=False)
class Output:
    """The columns of one output, in place of those of the whole manifest.

    Attributes:
        labels: The class index of each sample; int32, shape (num_samples,), or None.
        multi_labels: The classes of each sample, or None.
        targets: The numbers of each sample, or None.
        class_names: The name of each class.
        weights: The weight of each sample for this output; float32, shape (num_samples,), or None.

    Raises:
        ManifestError: More than one kind of targets, or columns of different lengths.
    """

    labels: npt.NDArray[np.int32] | None = None
    multi_labels: MultiLabelColumn | None = None
    targets: TargetColumn | None = None
    class_names: tuple[str, ...] = ()
    weights: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        names = parse_class_names(self.class_names)
        object.__setattr__(self, "class_names", names)
        if self.labels is not None:
            object.__setattr__(self, "labels", validate_labels(self.labels, len(names)))
        if self.weights is not None:
            object.__setattr__(self, "weights", validate_weights(self.weights))
        if self.multi_labels is not None:
            self.multi_labels.check_classes(len(names))
        kinds = [name for name in _COLUMNS[:3] if getattr(self, name) is not None]
        if len(kinds) > 1:
            raise ManifestError(f"An output has {' and '.join(kinds)}; expected one of them.")
        lengths = {len(column) for column in self.columns().values() if column is not None}
        if len(lengths) > 1:
            raise ManifestError(
                f"An output has columns of {sorted(lengths)} rows; expected one row per sample."
            )

    @property
    def kind(self) -> OutputKind | None:
        """The kind of its targets; None if it has weights only, such as an output of masks."""
        if self.labels is not None:
            return "classes"
        if self.multi_labels is not None:
            return "multi_label"
        return None if self.targets is None else "numbers"

    def take(self, rows: npt.NDArray[np.int64]) -> Output:
        """Returns the samples at ``rows``, in that order."""
        taken = {name: take_rows(column, rows) for name, column in self.columns().items()}
        return dataclasses.replace(self, **taken)

    @classmethod
    def concatenate(cls, outputs: Sequence[Output]) -> Output:
        """Concatenates the samples of several manifests for one output.

        Raises:
            ManifestError: They differ in classes or columns.
        """
        first = outputs[0]
        for output in outputs:
            if output.class_names != first.class_names:
                raise ManifestError(
                    f"An output with the classes {shorten(output.class_names)} cannot be "
                    f"concatenated with one with {shorten(first.class_names)}."
                )
        columns = {
            name: concatenate_columns(name, [getattr(output, name) for output in outputs])
            for name in _COLUMNS
        }
        return cls(class_names=first.class_names, **columns)

    def to_columns(self, name: str) -> dict[str, Any]:
        """Returns the columns for a table: "output:<name>", and "weight:<name>" if it has weights.

        Class names and numbers are written as they are, several classes as JSON text. A list of
        numbers has a column for each: "output:<name>:<number>".
        """
        table: dict[str, Any] = {}
        if self.labels is not None:
            names = np.array(self.class_names, dtype=object)
            table[f"{OUTPUT_PREFIX}{name}"] = names[self.labels].tolist()
        if self.multi_labels is not None:
            table[f"{OUTPUT_PREFIX}{name}"] = self.multi_labels.to_cells(self.class_names)
        if self.targets is not None and self.targets.is_single:
            table[f"{OUTPUT_PREFIX}{name}"] = self.targets.values[:, 0]
        elif self.targets is not None:
            table |= self.targets.to_columns(f"{OUTPUT_PREFIX}{name}:")
        if self.weights is not None:
            table[f"{WEIGHT_PREFIX}{name}"] = self.weights
        return table

    def to_metadata(self) -> dict[str, Any]:
        """Returns the settings that the table does not hold, for ``from_metadata``."""
        metadata: dict[str, Any] = {"kind": self.kind, "class_names": list(self.class_names)}
        if self.multi_labels is not None:
            metadata["separator"] = self.multi_labels.separator
        if self.targets is not None and not self.targets.is_single:
            metadata["target_names"] = list(self.targets.names)
        return metadata

    @classmethod
    def from_metadata(cls, name: str, frame: Table, metadata: Mapping[str, Any]) -> Output:
        """Reads the columns that ``to_columns`` made.

        Raises:
            ManifestError: A missing column or value, or cells that are not of the kind.
        """
        weight = f"{WEIGHT_PREFIX}{name}"
        weights = None
        if weight in list(map(str, frame.columns)):
            weights = validate_weights(table_column(frame, weight))
        names = metadata.get("target_names")
        if names is not None:
            targets = TargetColumn.parse(frame, [f"{OUTPUT_PREFIX}{name}:{one}" for one in names])
            return cls(targets=dataclasses.replace(targets, names=names), weights=weights)
        return read_output(
            frame,
            f"{OUTPUT_PREFIX}{name}",
            metadata["kind"],
            metadata["class_names"],
            metadata.get("separator", ""),
            weights,
        )

    def describe(self) -> str:
        """Returns the targets in words, for summaries; "" for none."""
        if self.labels is not None or self.multi_labels is not None:
            several = " per sample" if self.multi_labels is not None else ""
            return f" ({len(self.class_names)} classes{several})"
        return " (numbers)" if self.targets is not None else ""

    def columns(self) -> dict[str, Any]:
        """Returns the columns by attribute name; None for those that it does not have."""
        return {name: getattr(self, name) for name in _COLUMNS}


def read_output(
    frame: Table,
    column: str | int,
    kind: OutputKind | None,
    class_names: ClassNames | None,
    separator: str,
    weights: npt.NDArray[np.float32] | None = None,
) -> Output:
    """Reads the targets of one output from a column of a table.

    Args:
        frame: The table.
        column: The column.
        kind: The kind of targets; None: weights only.
        class_names: The classes. None: the names in the column, sorted.
        separator: The text between class names of "multi_label".
        weights: The weight of each sample, or None.

    Raises:
        ManifestError: A missing column or value, or cells that are not of the kind.
    """
    if kind == "classes":
        description = f"column {column!r}"
        coded = class_column(frame, column)
        values = table_column(frame, column) if coded is None else coded.strings
        labels, names = resolve_named_labels(
            to_classes(values, description), class_names, description
        )
        if coded is not None:
            labels = labels[coded.codes]
        return Output(labels=labels, class_names=names, weights=weights)
    if kind == "multi_label":
        multi, names = MultiLabelColumn.parse(frame, column, class_names, separator)
        return Output(multi_labels=multi, class_names=names, weights=weights)
    if kind == "numbers":
        return Output(targets=TargetColumn.parse(frame, column), weights=weights)
    return Output(weights=weights)


def convert_labels(
    paths: Sequence[str],
    values: Any,
    kind: OutputKind,
    class_names: ClassNames | None,
    num_classes: int | None,
    separator: str,
    files: Any = None,
) -> dict[str, Any]:
    """Converts the targets of a list of samples into the attributes of a manifest or an output.

    Args:
        paths: The samples.
        values: One class, list of classes or number per sample, a mapping from file to them, or
            None.
        kind: The kind of targets.
        class_names: The classes; see ``Manifest.from_files``.
        num_classes: The number of classes; see ``Manifest.from_files``.
        separator: The text between class names of "multi_label".
        files: The samples as given.

    Raises:
        ManifestError: A sample without a target, or a target that is not of the kind.
        OptionError: ``num_classes`` contradicts ``class_names``.
    """
    if kind == "classes" or values is None:
        found = None if values is None else match_labels(paths, values, files)
        labels, names = resolve_labels(found, class_names, num_classes)
        return {"labels": labels, "class_names": names}
    aligned = align_values(paths, values, files)
    if kind == "multi_label":
        multi, names = MultiLabelColumn.from_values(aligned, class_names, num_classes, separator)
        return {"multi_labels": multi, "class_names": names}
    return {"targets": TargetColumn.from_values(aligned)}


def is_output_metadata(entry: Any) -> bool:
    """Whether a value of JSON is what ``Output.to_metadata`` returns."""
    return (
        isinstance(entry, dict)
        and entry.get("kind") in (*get_args(OutputKind), None)
        and isinstance(entry.get("class_names"), list)
        and isinstance(entry.get("separator", ";"), str)
        and isinstance(entry.get("target_names", []), list)
    )


def as_outputs(outputs: Mapping[Any, Any]) -> dict[str, Output]:
    """Returns the outputs of a manifest by name.

    Raises:
        ManifestError: Two of the same name, or a value that is not an ``Output``.
    """
    named: dict[str, Output] = {}
    for name, output in outputs.items():
        if str(name) in named:
            raise ManifestError(f"The output {str(name)!r} is named twice; names must differ.")
        if not isinstance(output, Output):
            raise OptionError(f"outputs[{name!r}]={shorten(output)} must be an Output.")
        named[str(name)] = output
    return named
