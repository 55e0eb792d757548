"""The manifest: an immutable, columnar table of samples."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final, get_args

import numpy as np
import numpy.typing as npt

from imggen.core import (
    PathText,
    StringColumn,
    check_arguments,
    check_choice,
    read_table,
    shorten,
    to_frame,
    write_table,
)
from imggen.data.boxes import BoxColumn, Boxes
from imggen.data.class_names import ClassNames
from imggen.data.columns import (
    concatenate_columns,
    take_rows,
    to_rows,
)
from imggen.data.keypoints import KeypointColumn, Keypoints
from imggen.data.manifest_io import (
    build_metadata,
    build_table,
    check_metadata,
    column_arguments,
    read_fields,
    read_versions,
    relative_root,
    resolve_root,
)
from imggen.data.manifest_properties import ManifestProperties
from imggen.data.multi_label_parsing import DEFAULT_SEPARATOR
from imggen.data.multi_labels import MultiLabelColumn
from imggen.data.normalization import normalize_fields
from imggen.data.outputs import Output, OutputKind, convert_labels
from imggen.data.targets import TargetColumn
from imggen.data.text_columns import pack_paths
from imggen.data.validation import Column
from imggen.errors import ManifestError, OptionError

if TYPE_CHECKING:
    import pandas as pd

# The optional columns of a manifest.
_COLUMNS = (
    *("labels", "groups", "weights", "splits", "hashes", "versions"),
    *("masks", "boxes", "keypoints", "targets", "multi_labels"),
)
# The mappings from name to column.
_NAMED_COLUMNS = ("inputs", "numbers", "outputs")


@check_arguments
@final
@dataclass(frozen=True, eq=False, repr=False)
class Manifest(ManifestProperties):
    """An immutable, columnar table of samples.

    Attributes:
        root: The folder that ``paths`` are relative to.
        paths: The path of each sample, relative to ``root``, with forward slashes, or an ID for
            a custom loader.
        labels: The class index of each sample; int32, shape (num_samples,). None if the samples
            have no classes.
        class_names: The name of each class; position is class index.
        groups: The group of each sample (a patient, a video), or None. Splits keep groups together.
        weights: The weight of each sample; float32, shape (num_samples,), or None.
        splits: The split of each sample ("train", ...), or None.
        hashes: The SHA-256 of each file, as hexadecimal digits, or None; see ``hash_files``.
        masks: The path of each sample's mask, relative to ``root``, or None.
        boxes: The boxes of each sample, or None.
        keypoints: The keypoints of each sample, or None.
        targets: The numbers to predict for each sample (regression), or None.
        multi_labels: The classes of samples that have any number of them, or None.
        outputs: The targets of each output of a model, by name, where there are several.
        inputs: Further images of each sample: a mapping from model input to column of paths.
        numbers: Numbers that the model gets beside the images, by model input.
        skipped: The number of files and folders that a scan skipped, by reason.
        versions: The ETag of each file of a remote store when it was scanned, or None. A cache
            finds images by it without a request.

    Raises:
        ManifestError: Columns of different lengths, a label without a class name, duplicate class
            names, both ``labels`` and ``multi_labels``, or a weight that is not a finite number of
            0 or more.

    Example:
        >>> manifest = Manifest.from_files(["cat/1.jpg", "dog/2.jpg"], ["cat", "dog"])
        >>> manifest.num_samples, manifest.class_counts
        (2, {'cat': 1, 'dog': 1})
    """

    argument_hint: ClassVar[str] = "Pass imggen.scan(DIR), or Manifest.from_frame(table)."

    root: PathText
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
    targets: TargetColumn | None = None
    multi_labels: MultiLabelColumn | None = None
    outputs: Mapping[str, Output] = field(default_factory=dict)
    inputs: Mapping[str, StringColumn] = field(default_factory=dict)
    numbers: Mapping[str, TargetColumn] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    versions: StringColumn | None = None

    def __post_init__(self) -> None:
        for name, value in normalize_fields(vars(self), _COLUMNS).items():
            object.__setattr__(self, name, value)

    @check_arguments
    def take(self, indices: npt.ArrayLike) -> Manifest:
        """Returns the manifest of the samples at ``indices``, in that order.

        Args:
            indices: Row numbers, shape (n,); or a mask, bool, shape (num_samples,).

        Raises:
            OptionError: There are no such rows.
        """
        rows = to_rows(indices, self.num_samples)
        columns = {name: take_rows(getattr(self, name), rows) for name in ("paths", *_COLUMNS)}
        for kind in _NAMED_COLUMNS:
            columns[kind] = {name: one.take(rows) for name, one in getattr(self, kind).items()}
        return dataclasses.replace(self, **columns)

    @classmethod
    @check_arguments
    def concatenate(cls, manifests: Sequence[Manifest]) -> Manifest:
        """Concatenates manifests of the same root and classes, such as those of a split.

        Args:
            manifests: At least one.

        Raises:
            ManifestError: They differ in root, classes or columns.
        """
        manifests = list(manifests)
        if not manifests:
            raise OptionError("manifests is empty; expected at least one.")
        first = manifests[0]
        for manifest in manifests:
            if (manifest.root, manifest.class_names) != (first.root, first.class_names):
                raise ManifestError(
                    f"A manifest of {manifest.root!r} with classes {shorten(manifest.class_names)} "
                    f"cannot be concatenated with one of {first.root!r} with "
                    f"{shorten(first.class_names)}; expected the same root and classes."
                )
            for kind in _NAMED_COLUMNS:
                found, expected = sorted(getattr(manifest, kind)), sorted(getattr(first, kind))
                if found != expected:
                    raise ManifestError(
                        f"A manifest with the {kind} {found} cannot be concatenated with one with "
                        f"{expected}; expected the same {kind}."
                    )
        columns = {
            name: concatenate_columns(name, [getattr(manifest, name) for manifest in manifests])
            for name in ("paths", *_COLUMNS)
        }
        for kind in _NAMED_COLUMNS:
            columns[kind] = {
                name: concatenate_columns(name, [getattr(one, kind)[name] for one in manifests])
                for name in getattr(first, kind)
            }
        return cls(root=first.root, class_names=first.class_names, **columns)

    def to_frame(self) -> pd.DataFrame:
        """Returns the table as a pandas DataFrame.

        The columns are ``path`` and, if the manifest has them, ``label`` (class name), ``weight``,
        ``group``, ``split``, ``hash``, ``mask``, ``boxes``, ``box_labels``, ``keypoints``,
        ``labels`` for several classes per sample (these four as JSON text), ``target:<name>``,
        ``output:<name>``, ``weight:<name>``, ``input:<name>`` and ``number:<input>:<name>``.
        Classes without samples are not in the frame: pass ``class_names`` to ``from_frame`` to keep
        them.
        """
        return to_frame(build_table(self._columns(), self.class_names))

    @classmethod
    @check_arguments
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        root: str | os.PathLike[str] = ".",
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
    ) -> Manifest:
        """Makes a manifest from a DataFrame with one row per sample; its index is ignored.

        Args:
            frame: The table.
            root: The folder that paths in the table are relative to.
            x_col: The column of paths.
            y_col: The column of class names (or of integers, which become names); None for
                samples without classes.
            group_col: The column of group names, or None.
            weight_col: The column of sample weights, or None.
            split_col: The column of split names, or None.
            hash_col: The column of content hashes, or None.
            mask_col: The column of mask paths, relative to ``root``, or None.
            input_cols: A mapping from model input to the column of paths of further images, to a
                column of numbers, or to a list of columns of numbers; or None.
            boxes: The columns of bounding boxes and their format, or None.
            keypoints: The column of keypoints and their format, or None.
            target_cols: The column of numbers to predict, or a list of such columns; or None.
            multi_label_cols: The column of the classes of samples that have any number of them
                (lists, their text, or names with a separator), or a list of columns of 0 and 1, one
                per class; or None. Pass ``y_col=None`` with it.
            label_separator: The text between the class names of ``multi_label_cols``.
            outputs: The targets of each output by name, see ``Output``; or None.
            class_names: Order and subset of the classes, as in ``from_files``; rows of other
                classes are an error. None: the names in the table, sorted (numbers by value).

        Raises:
            ManifestError: A missing column, a missing value, a class not in ``class_names``, or
                cells that are not boxes, keypoints or numbers.
            OptionError: ``boxes`` or ``keypoints`` of another type.
        """
        return cls(
            **read_fields(
                frame,
                root=root,
                x_col=x_col,
                y_col=y_col,
                group_col=group_col,
                weight_col=weight_col,
                split_col=split_col,
                hash_col=hash_col,
                mask_col=mask_col,
                input_cols=input_cols,
                boxes=boxes,
                keypoints=keypoints,
                target_cols=target_cols,
                multi_label_cols=multi_label_cols,
                label_separator=label_separator,
                outputs=outputs,
                class_names=class_names,
            )
        )

    @classmethod
    @check_arguments
    def from_files(
        cls,
        files: Sequence[str | os.PathLike[str]],
        labels: Iterable[object] | Mapping[Any, object] | None = None,
        *,
        root: str | os.PathLike[str] = ".",
        class_names: ClassNames | None = None,
        num_classes: int | None = None,
        kind: OutputKind = "classes",
        label_separator: str = DEFAULT_SEPARATOR,
        outputs: Mapping[str, Output] | None = None,
    ) -> Manifest:
        """Makes a manifest from a list of files or IDs.

        Args:
            files: Paths (relative to ``root``), or IDs for a custom loader: text or integers.
            labels: One label per file in the same order (a list, an array, a tensor, a column of a
                table), or a mapping from file to label. A ``Series`` with the files as its index
                may have any order. Integers are class indices; text and truth values are class
                names. None: no classes.
            root: The folder that the paths are relative to.
            class_names: The classes: names in the order of their indices, or a mapping from name
                to index or from index to name. None: for names, the sorted names; for integers,
                "0", "1", ...
            num_classes: The number of classes. None: as many as ``class_names``; without them, the
                largest integer + 1.
            kind: "classes": one class per file. "multi_label": lists of class names, their text,
                text with ``label_separator``, or an array of 0 and 1, shape (num_files,
                num_classes). "numbers": one number per file, or k of them.
            label_separator: The text between class names, for "multi_label".
            outputs: The targets of each output by name, see ``Output``; or None.

        Raises:
            ManifestError: A file without a label, labels of another length, out of range, or
                with more than one dimension.
            OptionError: ``num_classes`` with names, or contradicting ``class_names``.
        """
        paths = pack_paths(files, "files")
        if len(paths) == 0:
            raise ManifestError("files is empty; expected at least one file.")
        check_choice("kind", kind, get_args(OutputKind))
        fields = convert_labels(
            paths, labels, kind, class_names, num_classes, label_separator, files
        )
        return cls(os.fspath(root), paths, outputs=outputs or {}, **fields)

    @check_arguments
    def save(self, file: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the table as CSV or Parquet, by the extension of ``file``.

        A JSON file next to it (``<file>.json``) holds the class names and the relative path to
        ``root``, so that empty classes and class order are kept. Both are replaced atomically.

        Args:
            file: Ends in ``.csv`` or ``.parquet``.
            overwrite: Replace a file that ``save`` did not write.

        Raises:
            OptionError: Another extension.
            ExportError: The file cannot be written, or is another one.
            ManifestError: A path that is not valid UTF-8, which Parquet cannot store.
            MissingExtraError: Parquet without pyarrow.
        """
        root = relative_root(self.root, Path(file).parent)
        metadata = build_metadata(self._columns(), self.class_names, root)
        table = build_table(self._columns(), self.class_names)
        write_table(Path(file), table, metadata, overwrite=overwrite)

    @classmethod
    @check_arguments
    def load(
        cls, file: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
    ) -> Manifest:
        """Reads a manifest that ``save`` wrote.

        Args:
            file: The ``.csv`` or ``.parquet`` file.
            root: The folder of the images on this machine. None: the saved folder, relative to
                ``file``, so that images may be moved together with their manifest.

        Raises:
            ManifestError: The file or its JSON file is missing or was not written by ``save``.
            MissingExtraError: Parquet without pyarrow.
        """
        source = Path(file)
        table, metadata = read_table(source)
        check_metadata(str(source), metadata)
        fields = read_fields(
            table,
            root=resolve_root(metadata["root"], source.parent) if root is None else root,
            class_names=metadata["class_names"],
            **column_arguments(table, metadata),
        )
        fields["versions"] = read_versions(table, fields["root"])
        # The saved samples may be those of one split, with the capacity of the whole dataset.
        for name in {"boxes", "keypoints"} & set(metadata):
            fields[name] = dataclasses.replace(fields[name], capacity=metadata[name]["capacity"])
        return cls(**fields)

    def _columns(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("paths", *_NAMED_COLUMNS, *_COLUMNS)}

    def __len__(self) -> int:
        return self.num_samples
