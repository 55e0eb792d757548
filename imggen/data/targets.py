"""The column of a manifest that holds the numbers of regression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.core import Table, shorten
from imggen.data.array_like import to_array, to_scalar, to_values
from imggen.data.text_columns import find_numbers
from imggen.data.validation import Column, find_column, table_column
from imggen.errors import ManifestError

# In tables, the prefix of the names of targets.
TARGET_PREFIX = "target:"
# From here on, numbers are rounded to infinity: half a step above the largest float32.
_LIMIT = float(np.finfo(np.float32).max) + 2.0**103


@final
@dataclass(frozen=True, eq=False)
class TargetColumn:
    """The numbers that a model is trained to predict for each sample, such as an age.

    Attributes:
        values: float32, finite, shape (num_samples, k).
        names: The names of the k columns.
        is_single: Whether targets are served with shape (n,) rather than (n, k); needs k = 1.

    Raises:
        ManifestError: Values of another shape or that are not finite, or duplicate names.
    """

    values: npt.NDArray[np.float32]
    names: tuple[str, ...]
    is_single: bool

    def __post_init__(self) -> None:
        values = np.array(self.values, np.float32)
        names = tuple(map(str, self.names))
        if values.ndim != 2 or values.shape[1] != len(names) or not names:
            raise ManifestError(
                f"The targets have shape {values.shape} and the names {shorten(list(names))}; "
                "expected shape (num_samples, k) and k names."
            )
        if len(set(names)) != len(names):
            raise ManifestError(f"The names of targets must differ; got {shorten(list(names))}.")
        if self.is_single and len(names) != 1:
            raise ManifestError(
                f"is_single=True needs one column of targets; got {shorten(list(names))}."
            )
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise ManifestError(
                f"The targets {shorten(list(names))} are {shorten(values[row].tolist())} in row "
                f"{row}; expected finite numbers. Fix or drop that row."
            )
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "names", names)

    @classmethod
    def parse(cls, frame: Table, cols: Column | Sequence[Column]) -> TargetColumn:
        """Reads one column of a table, or several.

        Args:
            frame: The table.
            cols: The name of a column, which is served with shape (n,), or a list of names. The
                prefix "target:", which ``Manifest.to_frame`` adds, is removed from names.

        Raises:
            ManifestError: A missing column, or a value that is missing, not a number, infinite, or
                too large for float32.
        """
        is_single = isinstance(cols, str | int)
        columns = to_values([cols] if is_single else cols, "target_cols")
        if not columns:
            raise ManifestError("target_cols is empty; expected at least one name.")
        return cls(
            np.column_stack([_parse_column(frame, column) for column in columns]),
            tuple(str(column).removeprefix(TARGET_PREFIX) for column in columns),
            is_single,
        )

    @classmethod
    def from_values(cls, values: Any, name: str = "target") -> TargetColumn:
        """Converts a list or an array of numbers, one or k per sample.

        Args:
            values: Numbers of shape (num_samples,), which are served with that shape, or
                (num_samples, k); a DataFrame has names of its own.
            name: The name of a single column; those of several are "0", "1", ...

        Raises:
            ManifestError: A value that is missing, not a number, infinite, or too large for
                float32, or samples with different numbers of values.
        """
        columns, names, is_single = _split_columns(values, name)
        return cls(
            np.column_stack(
                [
                    _parse_numbers(column, f"The column {column_name!r} of targets")
                    for column, column_name in zip(columns, names, strict=True)
                ]
            ),
            names,
            is_single,
        )

    def select(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Returns the targets of some samples, shape (n,) if ``is_single``, else (n, k)."""
        selected = self.values[rows]
        return selected[:, 0] if self.is_single else selected

    def take(self, rows: npt.NDArray[np.int64]) -> TargetColumn:
        """Returns the samples at ``rows``, in that order."""
        return TargetColumn(self.values[rows], self.names, self.is_single)

    @classmethod
    def concatenate(cls, columns: Sequence[TargetColumn]) -> TargetColumn:
        """Concatenates columns of the same names.

        Raises:
            ManifestError: The names differ.
        """
        first = columns[0]
        for column in columns:
            if (column.names, column.is_single) != (first.names, first.is_single):
                raise ManifestError(
                    f"The targets {shorten(list(column.names))} cannot be concatenated with "
                    f"{shorten(list(first.names))}; expected the same names."
                )
        values = np.concatenate([column.values for column in columns])
        return cls(values, first.names, first.is_single)

    def to_columns(self, prefix: str = TARGET_PREFIX) -> dict[str, npt.NDArray[np.float32]]:
        """Returns the columns for a table, by name with a prefix."""
        return {f"{prefix}{name}": self.values[:, i] for i, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.values)


def _parse_column(frame: Table, name: Column) -> npt.ArrayLike:
    numbers = find_numbers(find_column(frame, name))
    if numbers is not None and (np.abs(numbers.astype(np.float64)) < _LIMIT).all():
        return numbers.astype(np.float64)
    return _parse_numbers(table_column(frame, name), f"The column {name!r}")


def _parse_numbers(values: Sequence[Any], description: str) -> list[float]:
    numbers = []
    for row, value in enumerate(values):
        number = _parse_number(value)
        if not abs(number) < _LIMIT:  # also for NaN
            raise ManifestError(
                f"{description} holds {'no value' if value is None else shorten(value)} in row "
                f"{row}; expected finite numbers that fit into float32. Fix or drop that row."
            )
        numbers.append(number)
    return numbers


def _split_columns(values: Any, name: str) -> tuple[list[list[Any]], tuple[str, ...], bool]:
    """Splits numbers of one or two axes into columns; returns them, their names, and the axes."""
    if len(getattr(values, "shape", ())) != 2:
        rows = to_values(values, "targets")
        if not any(isinstance(row, list | tuple) or np.ndim(row) == 1 for row in rows):
            return [rows], (name,), True
        lengths = [len(row) if isinstance(row, list | tuple) else np.size(row) for row in rows]
        if len(set(lengths)) > 1:
            other = next(row for row, length in enumerate(lengths) if length != lengths[0])
            raise ManifestError(
                f"The targets have {lengths[0]} numbers in row 0 and {lengths[other]} in row "
                f"{other}; expected the same number for every sample."
            )
        values = np.array([[to_scalar(value) for value in row] for row in rows], object)
    array = to_array(values, "targets")
    if array.shape[1] == 0:
        raise ManifestError(
            f"The targets have shape {array.shape}; expected at least one number for every sample."
        )
    names = tuple(map(str, getattr(values, "columns", range(array.shape[1]))))
    columns = [to_values(array[:, index], "targets") for index in range(array.shape[1])]
    return columns, names, False


def _parse_number(value: Any) -> float:
    """Converts a number, or its text, to a float; NaN for anything else."""
    if isinstance(value, bool | np.bool_):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
