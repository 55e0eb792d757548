"""Operations on one column of a manifest, of whichever type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn
from imggen.errors import ManifestError


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
        return StringColumn.of(text for column in columns for text in column)
    if isinstance(columns[0], np.ndarray):
        return np.concatenate(columns)
    return type(columns[0]).concatenate(columns)
