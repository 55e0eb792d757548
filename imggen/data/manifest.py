"""The manifest: an immutable, columnar table of samples.

Every way in (folders, dataframes, lists) ends in a Manifest, and every way on (splitting,
sequences, files on disk) starts from one.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, as_html, as_text, is_whole, read_table, write_table
from imggen.data.annotations import BoxColumn, BoxFormat, KeypointColumn, KeypointFormat
from imggen.data.manifest_io import arguments_of, check_metadata, metadata_of, table_of
from imggen.data.validation import (
    cells_of,
    checked_labels,
    checked_weights,
    class_values,
    indices_of,
    labels_of,
    names_in,
    number_column,
    numbered,
    table_column,
    text_column,
)
from imggen.errors import ManifestError, OptionError

if TYPE_CHECKING:
    import pandas as pd

# Columns that a manifest may have besides its paths.
_COLUMNS = ("labels", "groups", "weights", "splits", "hashes", "masks", "boxes", "keypoints")


@final
@dataclass(frozen=True, eq=False)
class Manifest:
    """An immutable, columnar table of samples.

    Attributes:
        root: The folder that ``paths`` are relative to.
        paths: One path a sample, relative to ``root``, with forward slashes. An ID that a
            custom loader understands works as well.
        labels: The class index of each sample; int32, shape (num_samples,). None when the
            samples have no classes.
        class_names: The name of each class; position is class index.
        groups: What must stay together when splitting (a patient, a video), or None.
        weights: One sample weight each; float32, shape (num_samples,), or None.
        splits: The name of the part that each sample was given to ("train", ...), or None.
        hashes: The SHA-256 of each file, in hexadecimal digits, or None; see ``hash_files``.
        masks: The path of each sample's mask, relative to ``root``, or None.
        boxes: The boxes of each sample, or None.
        keypoints: The keypoints of each sample, or None.
        inputs: Further images of each sample: the name of a model's input to a column of paths.
        passed_over: How many files and folders a scan left out, by reason.

    Raises:
        ManifestError: Columns of different lengths, a label without a class name, a class name
            twice, or a weight that is not a finite number of 0 or more.

    Example:
        >>> manifest = Manifest(".", StringColumn.of(["cat/1.jpg", "dog/2.jpg"]),
        ...                     np.array([0, 1]), ("cat", "dog"))
        >>> manifest.num_samples, manifest.class_counts
        (2, {'cat': 1, 'dog': 1})
    """

    root: str
    paths: StringColumn
    labels: npt.NDArray[np.int32] | None = None
    class_names: tuple[str, ...] = ()
    groups: StringColumn | None = None
    weights: npt.NDArray[np.float32] | None = None
    splits: StringColumn | None = None
    hashes: StringColumn | None = None
    masks: StringColumn | None = None
    boxes: BoxColumn | None = None
    keypoints: KeypointColumn | None = None
    inputs: Mapping[str, StringColumn] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = tuple(str(name) for name in self.class_names)
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ManifestError(f"Class names must differ; twice in the list: {twice}.")
        object.__setattr__(self, "class_names", names)
        object.__setattr__(self, "root", os.fspath(self.root))
        object.__setattr__(self, "skipped", dict(self.skipped))
        object.__setattr__(self, "inputs", dict(self.inputs))
        if self.labels is not None:
            object.__setattr__(self, "labels", checked_labels(self.labels, len(names)))
        if self.weights is not None:
            object.__setattr__(self, "weights", checked_weights(self.weights))
        reserved = {"image", "mask"} & set(self.inputs)
        if reserved:
            raise ManifestError(
                f"An input cannot be called {min(reserved)!r}, as the images and their masks "
                "are. Choose another name."
            )
        columns = {name: getattr(self, name) for name in _COLUMNS}
        columns |= {f"input:{name}": paths for name, paths in self.inputs.items()}
        for column, values in columns.items():
            if values is not None and len(values) != len(self.paths):
                raise ManifestError(
                    f"The column {column!r} has {len(values)} rows and 'paths' has "
                    f"{len(self.paths)}; every column needs one row a sample."
                )

    @property
    def num_samples(self) -> int:
        """The number of samples."""
        return len(self.paths)

    @property
    def num_classes(self) -> int:
        """The number of classes, those without a sample included."""
        return len(self.class_names)

    @property
    def class_indices(self) -> dict[str, int]:
        """Class name to class index, as Keras's iterators give it."""
        return {name: index for index, name in enumerate(self.class_names)}

    @property
    def class_counts(self) -> dict[str, int]:
        """Class name to number of samples."""
        if self.labels is None:
            return {}
        counts = np.bincount(self.labels, minlength=self.num_classes)
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    @property
    def attached(self) -> tuple[str, ...]:
        """What images bring along: "masks", "boxes", "keypoints", "inputs"."""
        names = ("masks", "boxes", "keypoints", "inputs")
        return tuple(name for name in names if getattr(self, name))

    @property
    def filepaths(self) -> list[str]:
        """The path of each sample, with ``root`` in front."""
        return [os.path.join(self.root, path) for path in self.paths]

    def filepath(self, index: int) -> str:
        """The path of one sample, with ``root`` in front."""
        return os.path.join(self.root, self.paths[index])

    def resolve(self, path: str) -> str:
        """A path of ``masks`` or ``inputs`` with ``root`` in front."""
        # It may lead up and out of root, and is meant as it is written, whatever root links to.
        return os.path.normpath(os.path.join(self.root, path))

    def take(self, indices: npt.ArrayLike) -> Manifest:
        """Returns the manifest of the samples at ``indices``, in that order.

        Args:
            indices: Row numbers, shape (n,).
        """
        rows = np.asarray(indices, dtype=np.int64)
        columns = {name: _taken(getattr(self, name), rows) for name in ("paths", *_COLUMNS)}
        inputs = {name: paths.take(rows) for name, paths in self.inputs.items()}
        return dataclasses.replace(self, **columns, inputs=inputs)

    @classmethod
    def concatenate(cls, manifests: Sequence[Manifest]) -> Manifest:
        """Puts manifests of the same root and classes below each other.

        Args:
            manifests: At least one; those of a split, say.

        Raises:
            ManifestError: They differ in root, classes or columns.
        """
        first = manifests[0]
        columns: dict[str, Any] = {}
        for name in ("paths", *_COLUMNS):
            values = [getattr(manifest, name) for manifest in manifests]
            if all(value is None for value in values):
                continue
            if any(value is None for value in values):
                raise ManifestError(f"Some of the manifests have {name!r} and some have not.")
            if isinstance(values[0], StringColumn):
                columns[name] = StringColumn.of(text for column in values for text in column)
            elif isinstance(values[0], np.ndarray):
                columns[name] = np.concatenate(values)
            else:
                columns[name] = type(values[0]).concatenate(values)
        for manifest in manifests:
            if (manifest.root, manifest.class_names) != (first.root, first.class_names):
                raise ManifestError(
                    f"A manifest of {manifest.root!r} with the classes {manifest.class_names} "
                    f"cannot follow one of {first.root!r} with {first.class_names}."
                )
            if set(manifest.inputs) != set(first.inputs):
                raise ManifestError(
                    f"A manifest with the inputs {sorted(manifest.inputs)} cannot follow one with "
                    f"{sorted(first.inputs)}."
                )
        columns["inputs"] = {
            name: StringColumn.of(text for one in manifests for text in one.inputs[name])
            for name in first.inputs
        }
        return cls(root=first.root, class_names=first.class_names, **columns)

    def to_frame(self) -> pd.DataFrame:
        """Returns the table as a pandas DataFrame.

        Columns: ``path``, and where the manifest has them ``label`` (class name),
        ``weight``, ``group``, ``split``, ``hash``, ``mask``, ``boxes``, ``box_labels``,
        ``keypoints`` (these three as text in JSON) and ``input:<name>``. Empty classes are not in
        the frame: pass ``class_names`` to ``from_frame`` to keep them.
        """
        return table_of(self._columns(), self.class_names)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        root: str | os.PathLike[str] = ".",
        x_col: str = "path",
        y_col: str | None = "label",
        group_col: str | None = None,
        weight_col: str | None = None,
        split_col: str | None = None,
        hash_col: str | None = None,
        mask_col: str | None = None,
        input_cols: Mapping[str, str] | None = None,
        box_col: str | None = None,
        box_format: BoxFormat | None = None,
        box_label_col: str | None = None,
        box_class_names: Sequence[str] | None = None,
        keypoint_col: str | None = None,
        keypoint_format: KeypointFormat = "xy",
        class_names: Sequence[str] | None = None,
    ) -> Manifest:
        """Makes a manifest from a DataFrame with one row a sample; the index is not used.

        Args:
            frame: The table.
            root: The folder that paths in the table are relative to.
            x_col: The column of paths.
            y_col: The column of class names (or of integers, which become names); None for
                samples without classes.
            group_col: The column of group names, or None.
            weight_col: The column of sample weights, or None.
            split_col: The column that names each sample's part, or None.
            hash_col: The column of content hashes, or None.
            mask_col: The column of paths of masks, relative to ``root``, or None.
            input_cols: Name of a model's input to the column of paths of further images, or None.
            box_col: The column of boxes: a list of four numbers each, or its text; or None.
            box_format: "pascal_voc" (left, top, right, bottom in pixels), "coco" (left, top, width,
                height in pixels), "albumentations" (as "pascal_voc", in fractions of the sides) or
                "yolo" (middle x, middle y, width, height in fractions of the sides).
            box_label_col: The column of the classes of boxes: a list of names, or of class
                indices, each. None: all are "object".
            box_class_names: The classes of boxes; position is index. None: for names, those in the
                table, sorted; for indices, "0", "1", ...
            keypoint_col: The column of keypoints: a list of numbers each, or its text; or None.
            keypoint_format: What these are: "xy", "yx", "xya", "xys", "xyas" or "xysa": x and y in
                pixels, a an angle in degrees, s a scale.
            class_names: Order and subset of the classes; rows of other classes are an error.
                None: the names in the table, sorted (numbers by value).

        Raises:
            ManifestError: A missing column, a missing value, a class not in ``class_names``, or
                boxes that are none.
            OptionError: An unknown format of boxes or keypoints.
        """
        paths = text_column(frame, x_col)
        boxes = None
        if box_col is not None:
            box_labels = None if box_label_col is None else cells_of(frame, box_label_col)
            cells = cells_of(frame, box_col)
            boxes = BoxColumn.of(cells, box_labels, box_format, box_class_names)
            boxes.check_one_row_an_image(paths, x_col)
        elif box_format is not None or box_label_col is not None or box_class_names is not None:
            raise OptionError(
                "box_format, box_label_col and box_class_names say what the boxes of a column are: "
                "pass box_col= too."
            )
        labels, names = None, tuple(class_names or ())
        if y_col is not None:
            values = class_values(table_column(frame, y_col), f"column {y_col!r}")
            names = tuple(map(str, class_names)) if class_names is not None else names_in(values)
            labels = indices_of([str(value) for value in values], names, f"column {y_col!r}")
        return cls(
            root=os.fspath(root),
            paths=paths,
            labels=labels,
            class_names=names,
            groups=None if group_col is None else text_column(frame, group_col),
            weights=None if weight_col is None else number_column(frame, weight_col),
            splits=None if split_col is None else text_column(frame, split_col),
            hashes=None if hash_col is None else text_column(frame, hash_col),
            masks=None if mask_col is None else text_column(frame, mask_col),
            inputs={name: text_column(frame, col) for name, col in (input_cols or {}).items()},
            boxes=boxes,
            keypoints=None
            if keypoint_col is None
            else KeypointColumn.of(cells_of(frame, keypoint_col), keypoint_format),
        )

    @classmethod
    def from_files(
        cls,
        files: Sequence[str | os.PathLike[str]],
        labels: Sequence[object] | Mapping[Any, object] | npt.NDArray[np.generic] | None = None,
        *,
        root: str | os.PathLike[str] = ".",
        class_names: Sequence[str] | None = None,
        num_classes: int | None = None,
    ) -> Manifest:
        """Makes a manifest from a list of files or IDs.

        Args:
            files: Paths (relative to ``root``), or IDs that a custom loader understands.
            labels: One label a file in the same order, or a mapping from file to label. Integers
                are class indices; anything else is a class name. None: no classes.
            root: The folder that the paths are relative to.
            class_names: The classes; position is index. None: for names, the sorted names; for
                integers, "0", "1", ...
            num_classes: With integer labels, how many classes there are. None: the largest + 1.

        Raises:
            ManifestError: A file without a label, labels of another length, out of range, or
                with more than one dimension.
            OptionError: ``num_classes`` with labels that are names.
        """
        paths = [os.fspath(file) for file in files]
        if not paths:
            raise ManifestError("files is empty; there is nothing to load.")
        place, rows = os.fspath(root), StringColumn.of(paths)
        if labels is None:
            return cls(place, rows, class_names=tuple(class_names or ()))
        values = labels_of(paths, labels)
        if all(is_whole(value) for value in values):
            if class_names is None:
                class_names = numbered(max(values) + 1 if num_classes is None else num_classes)
            return cls(place, rows, checked_labels(values, len(class_names)), tuple(class_names))
        if num_classes is not None:
            raise OptionError("num_classes goes with integer labels; with names, pass class_names.")
        texts = [str(value) for value in values]
        names = tuple(class_names) if class_names is not None else tuple(sorted(set(texts)))
        return cls(place, rows, indices_of(texts, names, "list of labels"), names)

    def save(self, file: str | os.PathLike[str]) -> None:
        """Writes the table as CSV or Parquet (by the ending of ``file``).

        The class mapping and the way to ``root`` go into a JSON file of the same name beside it,
        so that empty classes and class order survive. Each file is replaced in one step.

        Args:
            file: A path that ends in ``.csv`` or ``.parquet``.

        Raises:
            OptionError: Another ending.
            ManifestError: A path that is not valid UTF-8, which Parquet cannot hold.
            MissingExtraError: Parquet without pyarrow.
        """
        target = Path(file)
        way = _portable_root(self.root, target.parent)
        metadata = metadata_of(self._columns(), self.class_names, way)
        write_table(target, self.to_frame(), metadata)

    @classmethod
    def load(
        cls, file: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
    ) -> Manifest:
        """Reads a manifest that ``save`` wrote.

        Args:
            file: The ``.csv`` or ``.parquet`` file.
            root: Where the images are on this machine. None: where they were when the manifest
                was saved, as seen from the file (a folder moved together with its manifest
                is found).

        Raises:
            ManifestError: The file or its JSON is missing, or not one that ``save`` wrote.
            MissingExtraError: Parquet without pyarrow.
        """
        source = Path(file)
        frame, metadata = read_table(source)
        check_metadata(str(source), metadata)
        made = cls.from_frame(
            frame,
            root=os.path.normpath(source.parent / metadata["root"]) if root is None else root,
            class_names=metadata["class_names"],
            **arguments_of(frame, metadata),
        )
        room = {
            name: dataclasses.replace(getattr(made, name), most=metadata[name]["most"])
            for name in ("boxes", "keypoints")
            if name in metadata
        }
        return dataclasses.replace(made, **room)

    def _columns(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("paths", "inputs", *_COLUMNS)}

    def __len__(self) -> int:
        return self.num_samples

    def __repr__(self) -> str:
        return as_text("Manifest", self._facts(), self.class_counts, self.skipped)

    def _repr_html_(self) -> str:
        return as_html("Manifest", self._facts(), self.class_counts, self.skipped)

    def _facts(self) -> list[str]:
        return [f"{self.num_samples} samples in {self.root!r}"]


def _taken(column: Any, rows: npt.NDArray[np.int64]) -> Any:
    if column is None:
        return None
    return column[rows] if isinstance(column, np.ndarray) else column.take(rows)


def _portable_root(root: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(root, folder)).as_posix()
    except ValueError:  # another drive on Windows: there is no relative way
        return str(Path(root).resolve())
