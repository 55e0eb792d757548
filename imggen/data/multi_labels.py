"""The column of a manifest that holds any number of classes per sample."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.core import Table
from imggen.data.class_names import ClassNames
from imggen.data.multi_label_parsing import (
    DEFAULT_SEPARATOR,
    parse_label_cells,
    parse_label_matrix,
    parse_truth_columns,
)
from imggen.data.validation import Column
from imggen.errors import ManifestError


@final
@dataclass(frozen=True, eq=False)
class MultiLabelColumn:
    """The classes of each sample: none, one, or several.

    A million samples with three of 100 classes each take 20 MB, and as many bytes with 10,000.

    Attributes:
        indices: The class indices of all samples, concatenated, ascending within a sample; int32,
            shape (num_entries,).
        offsets: The index of each sample's first entry, followed by num_entries; int64, shape
            (num_samples + 1,).
        separator: The text between class names, where they are shown in one text.

    Raises:
        ManifestError: Arrays that do not fit together, or classes that are not ascending.
    """

    indices: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    separator: str = DEFAULT_SEPARATOR

    def __post_init__(self) -> None:
        indices = np.array(self.indices, np.int32)
        offsets = np.array(self.offsets, np.int64)
        if (
            indices.ndim != 1
            or offsets.ndim != 1
            or len(offsets) == 0
            or offsets[0] != 0
            or offsets[-1] != len(indices)
            or (np.diff(offsets) < 0).any()
            or (indices < 0).any()
        ):
            raise ManifestError(
                f"indices have shape {indices.shape} and offsets have shape {offsets.shape}; "
                "expected class indices from 0, and offsets that rise from 0 to their number."
            )
        ascending = np.diff(indices) > 0
        inner = offsets[1:-1]
        ascending[inner[(inner > 0) & (inner < len(indices))] - 1] = True
        if not ascending.all():
            raise ManifestError(
                "The class indices of a sample are not ascending, or one is listed twice; expected "
                "each class once, in ascending order."
            )
        for name, array in (("indices", indices), ("offsets", offsets)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def from_matrix(
        cls, matrix: npt.NDArray[Any], separator: str = DEFAULT_SEPARATOR
    ) -> MultiLabelColumn:
        """Packs truth values of shape (num_samples, num_classes)."""
        rows, indices = np.nonzero(matrix)
        counts = np.bincount(rows, minlength=len(matrix))
        return cls(indices.astype(np.int32), np.concatenate([[0], np.cumsum(counts)]), separator)

    @classmethod
    def parse(
        cls,
        frame: Table,
        cols: Column | Sequence[Column],
        class_names: ClassNames | None,
        separator: str = DEFAULT_SEPARATOR,
    ) -> tuple[MultiLabelColumn, tuple[str, ...]]:
        """Reads one column of lists or of text, or several columns of 0 and 1.

        Args:
            frame: The table.
            cols: The name of a column whose cells are lists of class names, their text, or class
                names with a separator; or a list of columns of 0 and 1, one per class.
            class_names: The classes in the order of their indices. None: the names in the column,
                sorted; for several columns, their names as listed.
            separator: The text between class names.

        Returns:
            The column and the class names.

        Raises:
            ManifestError: A missing column, a cell that is missing or holds something else, or a
                class that is not in ``class_names``.
            OptionError: ``separator`` is not a text, or empty.
        """
        parsed = (
            parse_label_cells(frame, cols, class_names, separator)
            if isinstance(cols, str | int)
            else parse_truth_columns(frame, cols, class_names)
        )
        return cls(parsed.indices, parsed.offsets, separator), parsed.class_names

    @classmethod
    def from_values(
        cls,
        values: Any,
        class_names: ClassNames | None,
        num_classes: int | None = None,
        separator: str = DEFAULT_SEPARATOR,
    ) -> tuple[MultiLabelColumn, tuple[str, ...]]:
        """Converts a list: one entry per sample, as ``parse`` reads them from a column.

        Args:
            values: Lists of class names, their text, or text with a separator; or an array of 0 and
                1, shape (num_samples, num_classes).
            class_names: See ``parse``. None, for an array: "0", "1", ...
            num_classes: The number of classes. None: as many as there are names or columns.
            separator: See ``parse``.

        Raises:
            ManifestError: See ``parse``.
            OptionError: ``num_classes`` contradicts ``class_names`` or the array.
        """
        parsed = parse_label_matrix(values, class_names, num_classes, separator)
        return cls(parsed.indices, parsed.offsets, separator), parsed.class_names

    def multi_hot(
        self, rows: npt.NDArray[np.int64], num_classes: int, dtype: Any = np.float32
    ) -> npt.NDArray[Any]:
        """Returns 1 for each class of some samples and 0 elsewhere, shape (n, num_classes)."""
        lengths, entries = self._find_entries(rows)
        hot = np.zeros((len(rows), num_classes), dtype)
        hot[np.repeat(np.arange(len(rows)), lengths), self.indices[entries]] = 1
        return hot

    def to_matrix(self, num_classes: int) -> npt.NDArray[np.bool_]:
        """Returns truth values of all samples, shape (num_samples, num_classes)."""
        return self.multi_hot(np.arange(len(self)), num_classes, np.bool_)

    def join(self, class_names: Sequence[str]) -> npt.NDArray[np.object_]:
        """Returns the class names of each sample as one text, "" without classes."""
        names = [class_names[index] for index in self.indices.tolist()]
        offsets = self.offsets.tolist()
        return np.array(
            [self.separator.join(names[start:end]) for start, end in itertools.pairwise(offsets)],
            dtype=object,
        )

    def take(self, rows: npt.NDArray[np.int64]) -> MultiLabelColumn:
        """Returns the samples at ``rows``, in that order."""
        lengths, entries = self._find_entries(rows)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return MultiLabelColumn(self.indices[entries], offsets, self.separator)

    @classmethod
    def concatenate(cls, columns: Sequence[MultiLabelColumn]) -> MultiLabelColumn:
        """Concatenates the samples of several columns of the same classes."""
        lengths = np.concatenate([np.diff(column.offsets) for column in columns])
        indices = np.concatenate([column.indices for column in columns])
        return cls(indices, np.concatenate([[0], np.cumsum(lengths)]), columns[0].separator)

    def to_cells(self, class_names: Sequence[str]) -> list[str]:
        """Returns the class names of each sample as JSON text, which holds any name and no gap."""
        names = [class_names[index] for index in self.indices.tolist()]
        offsets = self.offsets.tolist()
        return [
            json.dumps(names[start:end], ensure_ascii=False)
            for start, end in itertools.pairwise(offsets)
        ]

    def check_classes(self, num_classes: int) -> None:
        """Checks that every class index has a class name.

        Raises:
            ManifestError: One has not.
        """
        if len(self.indices) and int(self.indices.max()) >= num_classes:
            raise ManifestError(
                f"multi_labels hold the class index {int(self.indices.max())}, but there are "
                f"{num_classes} class names; expected the indices of classes, from 0."
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def _find_entries(
        self, rows: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Returns the number of entries of each row, and the positions of all of them."""
        starts = self.offsets[rows]
        lengths = self.offsets[1:][rows] - starts
        ends = np.cumsum(lengths)
        shifts = np.repeat(starts - (ends - lengths), lengths)
        return lengths, np.arange(ends[-1] if len(ends) else 0) + shifts
