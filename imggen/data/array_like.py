"""Conversion of columns, in whatever container they come, into lists of plain Python values.

Every label, path and name that users pass goes through ``to_values``: lists, generators, NumPy
arrays, tensors of torch, JAX and TensorFlow, and columns of pandas, polars and pyarrow.
"""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import shorten
from imggen.errors import ImggenError, ManifestError, StoreError
from imggen.stores import check_credentials, parse_address

_PLAIN = frozenset({str, int, bool})
_NAME_TYPES = (str, int, float, dt.date, dt.time, np.datetime64, uuid.UUID)


def to_values(values: Any, name: str, error: type[ImggenError] = ManifestError) -> list[Any]:
    """Converts a column into Python values: str, int, bool, float, or objects of other types.

    Texts in bytes are decoded, scalars of NumPy, pyarrow and tensors are unpacked, members of an
    Enum become their values, and None, NaN, NaT and NA become None.

    Args:
        values: A list, an array, a tensor, a column of a table, or an iterable with an order.
        name: The argument, for the message.
        error: The class of the error.

    Raises:
        ImggenError: ``error``, if it is a single value, has no order, or has several dimensions.

    Example:
        >>> to_values(np.array([0.0, np.nan]), "labels"), to_values(iter([b"cat", None]), "labels")
        ([0.0, None], ['cat', None])
    """
    if values is None or isinstance(values, str | bytes | os.PathLike | Mapping | set | frozenset):
        raise error(f"{name}={shorten(values)} must be a list or an array.")
    listed = _to_list(values, name, error)
    if set(map(type, listed)) <= _PLAIN:
        return listed
    return [to_scalar(value) for value in listed]


def to_array(values: Any, name: str, error: type[ImggenError] = ManifestError) -> npt.NDArray[Any]:
    """Converts an array-like value, such as a tensor on any device, into a NumPy array.

    Raises:
        ImggenError: ``error``, if NumPy cannot convert it.
    """
    try:
        if hasattr(values, "detach"):  # torch, which does not convert what is on a GPU or has grads
            values = values.detach().cpu()
            if str(getattr(values, "dtype", "")) == "torch.bfloat16":  # which NumPy does not have
                values = values.float()
        if isinstance(values, np.ma.MaskedArray) and values.mask.any():
            return np.array(values.tolist(), object)  # with None for what is masked
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as err:
        raise error(
            f"{name}={shorten(values)} cannot be converted to an array: {str(err)[:200]}"
        ) from err


def to_scalar(value: Any) -> Any:
    """Converts one value as ``to_values`` does."""
    if type(value) in _PLAIN or value is None:
        return value
    if isinstance(value, float):  # also np.float64
        return None if value != value else float(value)
    if isinstance(value, Enum):
        return to_scalar(value.value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, np.datetime64 | np.timedelta64):
        return None if np.isnat(value) else value
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas, which may not be imported
        return None
    if isinstance(value, int):
        return int(value)
    if hasattr(value, "as_py"):  # pyarrow
        return to_scalar(value.as_py())
    if isinstance(value, np.generic):
        item = value.item()
        return value if isinstance(item, np.generic) else to_scalar(item)
    if isinstance(value, Number):  # Decimal, Fraction
        return _to_number(value)
    if hasattr(value, "__array__") and getattr(value, "shape", None) == ():
        return to_scalar(to_array(value, "value")[()])
    return value


def to_paths(values: Any, name: str) -> list[str]:
    """Converts a column of paths or IDs into text.

    Args:
        values: Paths as str, bytes or os.PathLike, or whole numbers as IDs for a custom loader.
        name: The argument or the column, for the message.

    Raises:
        ManifestError: A value is missing, or something else, or holds what no path can hold.
    """
    paths = [_to_path(value, name, row) for row, value in enumerate(to_values(values, name))]
    for row, path in enumerate(paths):
        if "\0" in path or not _is_encodable(path):
            raise ManifestError(
                f"{name} holds {shorten(path)} in row {row}, which cannot be a path: it has a null "
                "character or half of a surrogate pair. Fix or drop that row."
            )
        if "://" in path:
            _check_uri(path, name, row)
    return paths


def _check_uri(path: str, name: str, row: int) -> None:
    try:
        check_credentials(path)
    except StoreError as err:
        raise ManifestError(
            f"{name} holds {shorten(err.address)} in row {row}: {err.reason}."
        ) from err


def to_names(values: Any, name: str, error: type[ImggenError] = ManifestError) -> list[str]:
    """Converts a column of names, such as those of groups, into text.

    Args:
        values: Text, numbers, dates, UUIDs, or tuples of these.
        name: The argument or the column, for the message.
        error: The class of the error.

    Raises:
        ImggenError: ``error``, if a value is missing or something else.
    """
    listed = to_values(values, name, error)
    reject_missing(listed, name, error)
    for row, value in enumerate(listed):
        if not _is_name(value):
            raise error(
                f"{name} holds {shorten(value)} in row {row}; expected text, numbers or dates. "
                "Convert it to text."
            )
    names = [os.fspath(value) if isinstance(value, os.PathLike) else str(value) for value in listed]
    for row, text in enumerate(names):
        if not _is_encodable(text):
            raise error(
                f"{name} holds {shorten(text)} in row {row}, which has half of a surrogate pair. "
                "Fix or drop that row."
            )
    return names


def reject_missing(
    values: Sequence[Any], name: str, error: type[ImggenError] = ManifestError
) -> None:
    """Raises an error if a value is None.

    Args:
        values: As ``to_values`` returns them.
        name: The argument or the column, for the message.
        error: The class of the error.

    Raises:
        ImggenError: ``error``, if a value is None.
    """
    rows = [row for row, value in enumerate(values) if value is None]
    if rows:
        raise error(
            f"{name} has no value in {len(rows)} of {len(values)} rows, first in row {rows[0]}. "
            "Fill or drop those rows."
        )


def _to_list(values: Any, name: str, error: type[ImggenError]) -> list[Any]:
    if getattr(values, "ndim", 1) != 1:
        shape = tuple(getattr(values, "shape", ()))
        hint = ""
        if len(shape) == 2:
            hint = f" Pass np.ravel({name})."
            if 1 not in shape:
                hint = f" Pass np.argmax({name}, axis=1), if rows are one-hot."
        raise error(f"{name} has the shape {shape}; expected one dimension.{hint}")
    for method in ("to_pylist", "to_list"):  # pyarrow; polars and pandas
        if hasattr(values, method):
            try:
                return list(getattr(values, method)())
            except UnicodeDecodeError as err:
                raise error(f"{name} holds text that is not valid UTF-8: {err}.") from err
    if hasattr(values, "__array__"):
        array = to_array(values, name, error)
        # Dates as tolist() returns them may be numbers, which are not what they mean.
        return list(array) if array.dtype.kind in "mM" else list(array.tolist())
    if not isinstance(values, Iterable):
        raise error(f"{name}={shorten(values)} must be a list or an array.")
    return list(values)


def _to_number(value: Any) -> Any:
    try:
        return int(value) if value == int(value) else float(value)
    except (ArithmeticError, ValueError, TypeError):  # Decimal("NaN"), complex numbers
        return None if str(value).lower().endswith("nan") else value


def _to_path(value: Any, name: str, row: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return os.fsdecode(parse_address(value))
    if isinstance(value, float) and value.is_integer():  # a table with gaps makes IDs floats
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    what = "no value" if value is None else shorten(value)
    raise ManifestError(
        f"{name} holds {what} in row {row}; expected a path (str, bytes or os.PathLike), or a "
        "whole number as an ID. Fix or drop that row."
    )


def _is_encodable(path: str) -> bool:
    if path.isascii():
        return True
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _is_name(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_name, value))
    return isinstance(value, (*_NAME_TYPES, os.PathLike))
