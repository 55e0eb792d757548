"""The columns of a Hugging Face dataset as a table of samples."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import check_choice, shorten
from imggen.data import ImageColumn, column_names, is_image_feature, read_values, split_names
from imggen.errors import ManifestError, OptionError, OptionTypeError, SplitError
from imggen.loading import RowImages, name_row, parse_image

if TYPE_CHECKING:
    import pandas as pd

_FLOATS = ("float16", "float32", "float64")
_STREAMED = (
    "The dataset is streamed, so that its rows come in one order only; expected a dataset with "
    "random access, which shuffling and epochs need. Load it with load_dataset(..., "
    "streaming=False)."
)


class _Images(NamedTuple):
    """A column of images of all rows.

    Attributes:
        paths: The path of each, or None.
        has_content: Whether the dataset holds the image itself; bool, shape (num_rows,).
    """

    paths: list[str | None]
    has_content: npt.NDArray[np.bool_]


def find_tables(dataset: Any, datasets: Any) -> dict[str | None, Any]:
    """Returns the datasets by split; a single one is that of None.

    Args:
        dataset: The argument of ``from_hf``.
        datasets: The package.

    Raises:
        OptionTypeError: It is streamed, or of another type.
        OptionError: There are no splits.
        SplitError: Two names mean the same split, or a split has no rows.
    """
    if isinstance(dataset, datasets.IterableDataset | datasets.IterableDatasetDict):
        raise OptionTypeError(_STREAMED)
    if isinstance(dataset, datasets.Dataset):
        return {None: dataset}
    if isinstance(dataset, datasets.DatasetDict):
        _check_splits(dataset)
        return dict(dataset)
    raise OptionTypeError(
        f"dataset={shorten(dataset)} is of type {type(dataset).__name__}; expected a "
        "datasets.Dataset or DatasetDict. Pass datasets.load_dataset(...), or "
        "datasets.load_from_disk(...) for a folder."
    )


def _check_splits(dataset: Mapping[str, Any]) -> None:
    if not dataset:
        raise OptionError(
            "dataset= is a DatasetDict without splits; expected at least one. Pass "
            "datasets.load_dataset(...), or datasets.load_from_disk(...) for a folder."
        )
    split_names(dataset, "dataset")
    for name, table in dataset.items():
        if len(table) == 0:
            raise SplitError(
                f"The split {name!r} of the dataset has no rows. Remove it from the DatasetDict."
            )


@final
class DatasetTable:
    """Reads the columns that are asked for from all splits of a dataset, one after the other.

    Args:
        tables: The dataset of each split.
        image: The column of images.

    Attributes:
        tables: The dataset of each split.
        class_names: The class names of each column that was read and has them.
    """

    def __init__(self, tables: Mapping[str | None, Any], image: str) -> None:
        self.tables = dict(tables)
        self._first = next(iter(self.tables.values()))
        self.class_names: dict[str, tuple[str, ...]] = {}
        self._values: dict[str, list[Any]] = {}
        self._images: dict[str, _Images] = {}
        self._readers: dict[str, ImageColumn] = {}
        self._main = image
        self.read_images("image", image)

    @property
    def splits(self) -> list[str] | None:
        """The split of each row; None for a single dataset."""
        if None in self.tables:
            return None
        return [str(name) for name, table in self.tables.items() for _ in range(len(table))]

    def read(self, argument: str, name: str) -> None:
        """Reads a column of labels or numbers.

        Args:
            argument: The argument that names the column, for messages.
            name: The column.

        Raises:
            OptionError: There is no such column, or it holds images.
            ManifestError: A class index without a class, or classes that differ by split.
        """
        values: list[Any] = []
        found: set[tuple[str, ...] | None] = set()
        self._check_column(argument, name, has_fields=True)
        for split, table in self.tables.items():
            try:
                of_split, names = read_values(table, name)
            except ManifestError as err:
                if split is None:
                    raise
                raise ManifestError(f"Split {split!r}: {err}") from err
            values += of_split
            found.add(names)
        if len(found) > 1:
            raise ManifestError(
                f"The splits have different classes in the column {name!r}: "
                f"{shorten(sorted(map(str, found)))}; expected the same. Cast the column to one "
                "ClassLabel."
            )
        (names,) = found
        if names is not None:
            self.class_names[name] = names
        self._values[name] = values

    def read_images(self, argument: str, name: str) -> None:
        """Finds the images of a column, without reading them.

        Raises:
            OptionError: There is no such column, or it holds something else.
        """
        paths: list[str | None] = []
        has_content = []
        self._check_column(argument, name, has_fields=False)
        for split, table in self.tables.items():
            if not is_image_feature(table.features[name]):
                raise OptionError(
                    f"{argument}={shorten(name)} is a column of {table.features[name]}; "
                    "expected one image per row."
                )
            column = ImageColumn(table, name)
            if column.has_arrays and len(column):
                _check_array(column, f"{_prefix(split, name)}[0]")
            self._readers[_prefix(split, name)] = column
            of_split, is_stored = column.describe_rows()
            paths += of_split
            has_content.append(is_stored)
        self._images[name] = _Images(paths, np.concatenate(has_content))

    def has_column(self, name: str) -> bool:
        """Whether there is a column of this name."""
        return name in self._first.column_names

    def has_images(self, name: str) -> bool:
        """Whether a column holds images."""
        return name in self._first.features and is_image_feature(self._first.features[name])

    def has_numbers(self, name: str) -> bool:
        """Whether a column has one number per row, other than the index of a class."""
        feature = self._find_feature(name)
        is_number = str(getattr(feature, "dtype", "")).startswith(("int", "uint", "float"))
        return type(feature).__name__ == "Value" and is_number

    def describe(self, name: str) -> Literal["classes", "multi_label", "numbers", "rows"]:
        """Returns the kind of a column of targets; "rows" for lists of numbers."""
        feature = self._find_feature(name)
        inner = getattr(feature, "feature", None)
        leaf = feature if inner is None else inner
        is_number = getattr(leaf, "dtype", None) in _FLOATS
        if inner is None:
            return "numbers" if is_number else "classes"
        return "rows" if is_number else "multi_label"

    def expand(self, name: str) -> list[str]:
        """Replaces a column of lists of equal length by a column for each place.

        Returns:
            The names of the columns.

        Raises:
            ManifestError: Lists of different lengths.
        """
        rows = self._values.pop(name)
        lengths = [0 if row is None else len(row) for row in rows]
        if len(set(lengths)) != 1:
            other = next(row for row, length in enumerate(lengths) if length != lengths[0])
            raise ManifestError(
                f"The column {name!r} has {lengths[0]} numbers in row 0 and {lengths[other]} in "
                f"row {other}; expected the same number in every row."
            )
        names = [f"{name}:{place}" for place in range(lengths[0])]
        for place, column in enumerate(names):
            self._values[column] = [row[place] for row in rows]
        return names

    def check_missing(self) -> None:
        """Checks that every row has its images.

        Raises:
            ManifestError: A row has none.
        """
        for name, (paths, has_content) in self._images.items():
            rows = [row for row in np.flatnonzero(~has_content).tolist() if paths[row] is None]
            if rows:
                raise ManifestError(
                    f"The column {name!r} has no image in {len(rows)} of {len(paths)} rows, first "
                    f"in {self._locate(rows[0])}. Drop those rows, as by dataset.filter(lambda "
                    f'row: row[{name!r}] is not None), or pass on_error="skip".'
                )

    def build(self) -> tuple[pd.DataFrame, RowImages | None]:
        """Returns the columns as a table, with paths or names in place of images.

        Returns:
            The table; and the images by their names, or None if all of them are local files.
        """
        import pandas as pd

        columns = dict(self._values)
        is_of_files = all(
            not has_content.any() and all(path and "://" not in path for path in paths)
            for paths, has_content in self._images.values()
        )
        for name, (paths, _) in self._images.items():
            columns[name] = paths if is_of_files else self._name_rows(name, paths)
        frame = pd.DataFrame(
            {name: pd.Series(values, dtype=object) for name, values in columns.items()}
        )
        return frame, None if is_of_files else RowImages(self._readers)

    def _name_rows(self, name: str, paths: list[str | None]) -> list[str]:
        names: list[str] = []
        for split, table in self.tables.items():
            of_split = paths[len(names) : len(names) + len(table)]
            prefix = _prefix(split, name)
            # The folders of masks and inputs could lead out of the name, as with "..".
            names += [
                name_row(
                    prefix, row, path if name == self._main else path and os.path.basename(path)
                )
                for row, path in enumerate(of_split)
            ]
        return names

    def _find_feature(self, name: str) -> Any:
        table = self._first if self.has_column(name) else self._first.flatten()
        return table.features[name]

    def _check_column(self, argument: str, name: str, *, has_fields: bool) -> None:
        """Checks that all splits have a column.

        Args:
            argument: The argument that names the column.
            name: The column.
            has_fields: Whether it may be inside another one, and must not contain others.
        """
        for split, table in self.tables.items():
            feature = table.features.get(name)
            if feature is not None and not (has_fields and isinstance(feature, dict)):
                continue
            known = column_names(table) if has_fields else table.column_names
            if table is self._first:
                _check_choice(argument, name, known)
            elif name not in known:
                raise OptionError(
                    f"The split {split!r} has no column {name!r}, which other splits have; its "
                    f"columns are {shorten(known)}. Remove the split from the DatasetDict, or pass "
                    "it on its own."
                )

    def _locate(self, row: int) -> str:
        """Returns a row in words, as in its split."""
        for split, table in self.tables.items():
            if row < len(table):
                return f"row {row}" if split is None else f"row {row} of the split {split!r}"
            row -= len(table)
        raise IndexError(row)


def _check_array(column: ImageColumn, name: str) -> None:
    """Checks the first array of a column, which others are likely to resemble."""
    try:
        first = column(0)
    except OptionError as err:
        raise OptionError(f"{name}: {err}.") from err
    if first is not None:
        parse_image(first, name)


def _check_choice(argument: str, name: str, known: list[str]) -> None:
    if not known:
        raise OptionError("The dataset is empty; expected columns and at least one row.")
    try:
        check_choice(argument, name, known)
    except OptionError as err:
        if argument != "label":
            raise
        raise OptionError(f"{err} For images without classes, pass label=None.") from err


def _prefix(split: str | None, name: str) -> str:
    return name if split is None else f"{split} {name}"
