"""Operations on one column of a manifest, of whichever type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn
from imggen.data.array_like import to_array, to_values
from imggen.data.text_columns import pack_names, pack_paths
from imggen.errors import ManifestError, OptionError


def check_lengths(columns: Mapping[str, Any], num_samples: int) -> None:
    """Checks that each column has one row per sample.

    Args:
        columns: Name to column; None for missing columns.
        num_samples: The number of samples.

    Raises:
        ManifestError: A column has another number of rows.
    """
    for name, column in columns.items():
        if column is not None and len(column) != num_samples:
            raise ManifestError(
                f"The column {name!r} has {len(column)} rows and 'paths' has {num_samples}; "
                "expected one row per sample in every column."
            )


def to_string_column(name: str, values: Any) -> StringColumn | None:
    """Converts paths or names, in whatever container they come, into a column; None for None.

    Raises:
        ManifestError: A value is missing, or is neither a path nor a name.
    """
    if values is None or isinstance(values, StringColumn):
        return values
    return (pack_paths if name in ("paths", "masks") else pack_names)(values, name)


def to_rows(indices: Any, num_samples: int) -> npt.NDArray[np.int64]:
    """Converts row numbers, or a mask with one truth value per row, into row numbers.

    Raises:
        OptionError: There are no such rows.
    """
    rows = to_array(indices, "indices", OptionError)
    if rows.dtype == object:
        rows = np.array(to_values(indices, "indices", OptionError))
    if rows.dtype == bool and rows.shape == (num_samples,):
        return np.flatnonzero(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise OptionError(
            f"indices has the shape {rows.shape} and the dtype {rows.dtype}; expected row numbers "
            f"of shape (n,), or a mask of shape ({num_samples},)."
        )
    if rows.size and not -num_samples <= int(rows.min()) <= int(rows.max()) < num_samples:
        raise OptionError(
            f"indices run from {rows.min()} to {rows.max()}; expected row numbers from 0 to "
            f"{num_samples - 1}."
        )
    return rows.astype(np.int64)


def take_rows(column: Any, rows: npt.NDArray[np.int64]) -> Any:
    """Returns the rows at ``rows``, in that order; None for None."""
    if column is None:
        return None
    return column[rows] if isinstance(column, np.ndarray) else column.take(rows)


def concatenate_columns(name: str, columns: Sequence[Any]) -> Any:
    """Concatenates a column of several manifests; None if none of them has it.

    Raises:
        ManifestError: Some manifests have the column and some do not, or the columns do not fit
            together.
    """
    if all(column is None for column in columns):
        return None
    if any(column is None for column in columns):
        raise ManifestError(f"Some of the manifests have {name!r} and some do not.")
    if isinstance(columns[0], StringColumn):
        return StringColumn.concatenate(columns)
    if isinstance(columns[0], np.ndarray):
        return np.concatenate(columns)
    return type(columns[0]).concatenate(columns)
