"""Columns of text and of numbers, converted as a whole instead of cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, is_arrow_text, number_strings
from imggen.data.array_like import to_names, to_paths
from imggen.errors import ImggenError, ManifestError

# The beginnings of the names of those types of pandas that may be text in Arrow's memory.
_TEXT_DTYPES = ("str", "large_string", "binary", "large_binary", "dictionary", "category")
_CHUNK_SIZE = 1 << 24


class CodedText(NamedTuple):
    """A column of few different strings.

    Attributes:
        strings: The different strings.
        codes: The position in ``strings`` of each row's string, shape (num_rows,).
    """

    strings: list[str]
    codes: npt.NDArray[np.int64]


def pack_paths(values: Any, name: str) -> StringColumn:
    """Converts a column of paths or IDs; see ``to_paths``.

    Raises:
        ManifestError: See ``to_paths``.
    """
    column = find_paths(values)
    return StringColumn.of(to_paths(values, name)) if column is None else column


def pack_names(values: Any, name: str, error: type[ImggenError] = ManifestError) -> StringColumn:
    """Converts a column of names; see ``to_names``.

    Raises:
        ImggenError: See ``to_names``.
    """
    column = find_text(values)
    return StringColumn.of(to_names(values, name, error)) if column is None else column


def find_paths(values: Any) -> StringColumn | None:
    """Returns a column that is text in every row; None for any other, or if it holds no paths.

    Also None if there may be URIs, which are checked one by one.
    """
    column = find_text(values)
    if column is None or not column.data.all():  # a null character
        return None
    return None if _has_uri(column.data) else column


def _has_uri(data: npt.NDArray[np.uint8]) -> bool:
    starts = range(0, len(data), _CHUNK_SIZE)
    return any(b"://" in data[start : start + _CHUNK_SIZE + 2].tobytes() for start in starts)


def find_text(values: Any) -> StringColumn | None:
    """Returns a column that is text in every row; None for any other column."""
    if isinstance(values, StringColumn):
        return values
    array = _find_arrow_text(values)
    if array is not None:
        try:
            return StringColumn.from_arrow(array)
        except ManifestError:  # a value is missing
            return None
    if getattr(getattr(values, "dtype", None), "kind", "") in ("O", "U") and values.ndim == 1:
        values = values.tolist()
    return _pack_strings(values) if isinstance(values, list | tuple) else None


def code_text(values: Any) -> CodedText | None:
    """Finds the different strings of a column that is packed or an Arrow array.

    Returns:
        None for any other column, and if a value is missing.
    """
    if isinstance(values, StringColumn):
        numbers, first_rows = number_strings(values)
        return CodedText(list(values.take(first_rows)), numbers)
    array = _find_arrow_text(values)
    if array is None:
        return None
    if "view" in str(array.type):  # which Arrow cannot encode
        column = find_text(array)
        return None if column is None else code_text(column)
    coded = array.dictionary_encode()
    if hasattr(coded, "chunks"):
        coded = coded.unify_dictionaries().combine_chunks()
    chunks = getattr(coded, "chunks", [coded])
    different = find_text(chunks[0].dictionary) if len(chunks) == 1 else None
    if different is None or array.null_count:
        return None
    return CodedText(list(different), chunks[0].indices.to_numpy().astype(np.int64))


def find_numbers(values: Any) -> npt.NDArray[Any] | None:
    """Returns a column of NumPy numbers as an array; None for others, and with missing values."""
    dtype = getattr(values, "dtype", None)
    if not isinstance(dtype, np.dtype) or dtype.kind not in "iuf":
        return None
    numbers = np.asarray(values)
    return None if dtype.kind == "f" and np.isnan(numbers).any() else numbers


def _pack_strings(values: Sequence[Any]) -> StringColumn | None:
    if not set(map(type, values)) <= {str}:
        return None
    try:
        return StringColumn.of(values)
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


def _find_arrow_text(values: Any) -> Any:
    """Returns the Arrow array of text that a column holds or can become; None for others."""
    if is_arrow_text(values):
        return values
    if hasattr(values, "to_arrow"):  # polars
        array = values.to_arrow()
        return array if is_arrow_text(array) else None
    held: Any = getattr(values, "array", None)
    if not hasattr(held, "__arrow_array__") or not str(values.dtype).startswith(_TEXT_DTYPES):
        return None
    try:
        array = held.__arrow_array__()
    except (ImportError, ValueError, TypeError):  # such as categories of several types
        return None
    return array if is_arrow_text(array) else None
