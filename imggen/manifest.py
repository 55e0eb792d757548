"""The manifest: an immutable, columnar table of samples.

Every way in (folders, dataframes, lists) ends in a Manifest, and every way on (splitting,
sequences, files on disk) starts from one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
import numpy.typing as npt

from imggen.columns import StringColumn
from imggen.errors import ManifestError, MissingExtraError, OptionError

if TYPE_CHECKING:
    import pandas as pd

_FORMAT_VERSION = 1


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
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = tuple(str(name) for name in self.class_names)
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ManifestError(f"Class names must differ; twice in the list: {twice}.")
        object.__setattr__(self, "class_names", names)
        object.__setattr__(self, "root", os.fspath(self.root))
        object.__setattr__(self, "passed_over", dict(self.passed_over))
        if self.labels is not None:
            object.__setattr__(self, "labels", _checked_labels(self.labels, len(names)))
        if self.weights is not None:
            object.__setattr__(self, "weights", _checked_weights(self.weights))
        for column in ("labels", "groups", "weights", "splits"):
            values = getattr(self, column)
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
    def filepaths(self) -> list[str]:
        """The path of each sample, with ``root`` in front."""
        return [os.path.join(self.root, path) for path in self.paths]

    def filepath(self, index: int) -> str:
        """The path of one sample, with ``root`` in front."""
        return os.path.join(self.root, self.paths[index])

    def take(self, indices: npt.ArrayLike) -> Manifest:
        """Returns the manifest of the samples at ``indices``, in that order.

        Args:
            indices: Row numbers, shape (n,).
        """
        rows = np.asarray(indices, dtype=np.int64)
        return dataclasses.replace(
            self,
            paths=self.paths.take(rows),
            labels=None if self.labels is None else self.labels[rows],
            groups=None if self.groups is None else self.groups.take(rows),
            weights=None if self.weights is None else self.weights[rows],
            splits=None if self.splits is None else self.splits.take(rows),
        )

    def to_frame(self) -> pd.DataFrame:
        """Returns the table as a pandas DataFrame.

        Columns: ``path``, and where the manifest has them ``label`` (class name), ``group``,
        ``weight`` and ``split``. Empty classes are not in the frame: pass ``class_names`` to
        ``from_frame`` to keep them.
        """
        import pandas as pd

        columns: dict[str, Any] = {"path": pd.Series(list(self.paths), dtype=object)}
        if self.labels is not None:
            names = np.array(self.class_names, dtype=object)
            columns["label"] = pd.Series(names[self.labels], dtype=object)
        if self.groups is not None:
            columns["group"] = pd.Series(list(self.groups), dtype=object)
        if self.weights is not None:
            columns["weight"] = self.weights
        if self.splits is not None:
            columns["split"] = pd.Series(list(self.splits), dtype=object)
        return pd.DataFrame(columns)

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
            class_names: Order and subset of the classes; rows of other classes are an error.
                None: the names in the table, sorted (numbers by value).

        Raises:
            ManifestError: A missing column, a missing value, or a class not in ``class_names``.
        """
        paths = _text_column(frame, x_col)
        labels, names = None, tuple(class_names or ())
        if y_col is not None:
            values = _column(frame, y_col)
            names = tuple(map(str, class_names)) if class_names is not None else _names_in(values)
            labels = indices_of([str(value) for value in values], names, f"column {y_col!r}")
        return cls(
            root=os.fspath(root),
            paths=paths,
            labels=labels,
            class_names=names,
            groups=None if group_col is None else _text_column(frame, group_col),
            weights=None if weight_col is None else _number_column(frame, weight_col),
            splits=None if split_col is None else _text_column(frame, split_col),
        )

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
        write = {".csv": _write_csv, ".parquet": _write_parquet}.get(target.suffix.lower())
        if write is None:
            raise OptionError(f"file={str(file)!r} must end in .csv or .parquet.")
        meta = {
            "format": "imggen manifest",
            "version": _FORMAT_VERSION,
            "root": _portable_root(self.root, target.parent),
            "class_names": list(self.class_names),
        }
        frame = self.to_frame()
        _replace_file(target, lambda temporary: write(frame, temporary))
        text = json.dumps(meta, indent=2, ensure_ascii=True)
        _replace_file(
            _meta_file(target), lambda temporary: temporary.write_text(text, encoding="utf-8")
        )

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
        if not source.is_file():
            raise ManifestError(f"No manifest at {str(source)!r}.")
        try:
            meta = json.loads(_meta_file(source).read_text(encoding="utf-8"))
            version, saved_root, names = meta["version"], meta["root"], meta["class_names"]
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise ManifestError(
                f"{str(_meta_file(source))!r}, which holds the class mapping of "
                f"{source.name!r}, cannot be read: {err}. Save the manifest again, or build it "
                "from the table with Manifest.from_frame."
            ) from err
        if version != _FORMAT_VERSION:
            raise ManifestError(
                f"{str(source)!r} has manifest version {version!r}; this imggen reads version "
                f"{_FORMAT_VERSION}. Save it again with the imggen that reads it."
            )
        frame = _read_parquet(source) if source.suffix.lower() == ".parquet" else _read_csv(source)
        present = set(frame.columns)
        return cls.from_frame(
            frame,
            root=os.path.normpath(source.parent / saved_root) if root is None else root,
            y_col="label" if "label" in present else None,
            group_col="group" if "group" in present else None,
            weight_col="weight" if "weight" in present else None,
            split_col="split" if "split" in present else None,
            class_names=names,
        )

    def __len__(self) -> int:
        return self.num_samples

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}: {count}" for name, count in self.class_counts.items())
        left_out = ", ".join(f"{reason}: {count}" for reason, count in self.passed_over.items())
        return (
            f"Manifest({self.num_samples} samples in {self.root!r}"
            + (f"; classes {{{counts}}}" if counts else "")
            + (f"; passed over {{{left_out}}}" if left_out else "")
            + ")"
        )


def indices_of(
    labels: Sequence[str], class_names: Sequence[str], where: str
) -> npt.NDArray[np.int32]:
    """Maps class names to class indices.

    Args:
        labels: One class name a sample.
        class_names: The classes; position is index.
        where: What ``labels`` are, for the error message.

    Raises:
        ManifestError: A label that is not among ``class_names``.
    """
    index_of = {name: index for index, name in enumerate(class_names)}
    unknown = sorted(set(labels) - set(index_of))
    if unknown:
        raise ManifestError(
            f"The {where} holds {unknown[:5]}{' and more' if len(unknown) > 5 else ''}, which "
            f"class_names={list(class_names)} does not name. Add them, or drop those rows."
        )
    return np.fromiter((index_of[label] for label in labels), np.int32, len(labels))


def _names_in(values: Sequence[object]) -> tuple[str, ...]:
    """The distinct values as names, numbers in order of value and all else in order of text."""
    distinct = set(values)
    if all(isinstance(value, int | float | np.number) for value in distinct):
        return tuple(str(value) for value in sorted(distinct))  # type: ignore[type-var]
    return tuple(sorted(str(value) for value in distinct))


def _checked_labels(labels: npt.ArrayLike, num_classes: int) -> npt.NDArray[np.int32]:
    values = np.asarray(labels)
    if values.ndim != 1 or not (values.size == 0 or np.issubdtype(values.dtype, np.integer)):
        raise ManifestError(
            f"labels have dtype {values.dtype} and shape {values.shape}; expected integers of "
            "shape (num_samples,)."
        )
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < num_classes:
        raise ManifestError(
            f"labels run from {values.min()} to {values.max()}, but there are {num_classes} class "
            f"names, so they must lie in 0 to {num_classes - 1}."
        )
    return values.astype(np.int32)


def _checked_weights(weights: npt.ArrayLike) -> npt.NDArray[np.float32]:
    values = np.asarray(weights, dtype=np.float32)
    if values.ndim != 1 or not np.all(np.isfinite(values)) or np.any(values < 0):
        raise ManifestError(
            "Sample weights must be finite numbers of 0 or more, one a sample; "
            f"got shape {values.shape} with {values[:5]}..."
        )
    return values


def _column(frame: pd.DataFrame, name: str) -> list[Any]:
    if name not in frame.columns:
        raise ManifestError(
            f"The table has no column {name!r}; its columns are {list(map(str, frame.columns))}."
        )
    missing = frame[name].isna().to_numpy()
    if missing.any():
        rows = np.flatnonzero(missing)
        raise ManifestError(
            f"The column {name!r} has no value in {len(rows)} of {len(frame)} rows, first in row "
            f"{rows[0]}. Fill or drop those rows."
        )
    values: list[Any] = frame[name].tolist()
    return values


def _text_column(frame: pd.DataFrame, name: str) -> StringColumn:
    return StringColumn.of(
        os.fspath(value) if isinstance(value, os.PathLike) else str(value)
        for value in _column(frame, name)
    )


def _number_column(frame: pd.DataFrame, name: str) -> npt.NDArray[np.float32]:
    values = _column(frame, name)
    try:
        return np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as err:
        raise ManifestError(f"The column {name!r} must hold numbers: {err}.") from err


def _meta_file(file: Path) -> Path:
    return file.with_name(file.name + ".json")


def _portable_root(root: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(root, folder)).as_posix()
    except ValueError:  # another drive on Windows: there is no relative way
        return str(Path(root).resolve())


def _replace_file(target: Path, write: Callable[[Path], object]) -> None:
    """Writes a file beside ``target`` and puts it in place in one step."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


# Paths may hold bytes that are no text; this is how Python carries them.
_BYTES_AS_TEXT: Literal["surrogateescape"] = "surrogateescape"


def _write_csv(frame: pd.DataFrame, file: Path) -> None:
    # QUOTE_NONNUMERIC, and reading every column as text: the class "007" must not become 7, and
    # the class "NA" must not become a missing value.
    import csv

    frame.to_csv(
        file, index=False, quoting=csv.QUOTE_NONNUMERIC, encoding="utf-8", errors=_BYTES_AS_TEXT
    )


def _read_csv(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(
            file, dtype=object, keep_default_na=False, encoding_errors=_BYTES_AS_TEXT, engine="c"
        )
    except (OSError, ValueError) as err:
        raise ManifestError(f"{str(file)!r} is not a manifest in CSV: {err}.") from err


def _write_parquet(frame: pd.DataFrame, file: Path) -> None:
    _need_pyarrow()
    try:
        frame.to_parquet(file, index=False, engine="pyarrow")
    except UnicodeError as err:
        raise ManifestError(
            f"A file name is not valid UTF-8, which Parquet cannot hold: {err}. Save as .csv."
        ) from err


def _read_parquet(file: Path) -> pd.DataFrame:
    import pandas as pd

    _need_pyarrow()
    try:
        return pd.read_parquet(file, engine="pyarrow")
    except (OSError, ValueError) as err:
        raise ManifestError(f"{str(file)!r} is not a manifest in Parquet: {err}.") from err


def _need_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401, ICN001
    except ImportError as err:
        raise MissingExtraError.of("pyarrow", "parquet", "Reading or writing Parquet") from err
