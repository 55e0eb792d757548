"""Operations on whole columns of paths; only unusual paths are handled one by one."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn

_SLASH, _DOT = b"/."
_ROWS_PER_CHUNK = 8192


def normalize_paths(paths: StringColumn) -> StringColumn:
    """Returns the paths as ``os.path.normpath`` does."""
    if os.name == "nt":
        return StringColumn.of(map(os.path.normpath, paths))
    return _replace(paths, _find_unusual(paths), os.path.normpath)


def parent_folders(paths: StringColumn) -> StringColumn:
    """Returns the folder of each path as ``posixpath.dirname`` does."""
    starts = paths.offsets[:-1]
    ends = _find_last(paths, _SLASH)
    folders = paths.cut(starts, np.maximum(ends - starts, 0))
    # A folder that ends in slashes loses them, unless there is nothing else.
    rows = np.flatnonzero(ends >= starts)
    is_odd = (ends[rows] == starts[rows]) | (paths.data[ends[rows] - 1] == _SLASH)
    return _replace(folders, rows[is_odd], posixpath.dirname, paths)


def without_extensions(paths: StringColumn) -> StringColumn:
    """Returns the stem of each path as ``posixpath.splitext`` does."""
    starts, ends = paths.offsets[:-1], paths.offsets[1:]
    names = np.maximum(_find_last(paths, _SLASH) + 1, starts)
    dots = _find_last(paths, _DOT)
    stops = np.where(dots >= names, dots, ends)
    stems = paths.cut(starts, stops - starts)
    is_odd = np.zeros(len(paths), bool)  # a name that begins with a dot
    is_filled = names < ends
    is_odd[is_filled] = paths.data[names[is_filled]] == _DOT
    return _replace(stems, np.flatnonzero(is_odd), lambda path: posixpath.splitext(path)[0], paths)


def _replace(
    column: StringColumn,
    rows: npt.NDArray[np.int64],
    convert: Callable[[str], str],
    paths: StringColumn | None = None,
) -> StringColumn:
    """Returns the column with converted paths at ``rows``."""
    unusual = (column if paths is None else paths).take(rows)
    return column.replace(rows, [convert(path) for path in unusual])


def _find_unusual(paths: StringColumn) -> npt.NDArray[np.int64]:
    """Returns the rows of empty paths, and of those with a part that is empty, "." or ".."."""
    found = [np.empty(0, np.int64)]
    for first in range(0, len(paths), _ROWS_PER_CHUNK):
        offsets = paths.offsets[first : first + _ROWS_PER_CHUNK + 1]
        data = np.zeros(offsets[-1] - offsets[0] + 3, np.uint8)
        data[:-3] = paths.data[offsets[0] : offsets[-1]]
        starts, stops = offsets[:-1] - offsets[0], offsets[1:] - offsets[0]
        is_dot, is_stop = data == _DOT, data == _SLASH
        slashes = np.flatnonzero(is_stop)
        is_stop[stops] = True
        begins = np.concatenate([starts, slashes + 1])
        is_empty = np.concatenate([starts == stops, is_stop[slashes + 1]])
        is_dots = is_dot[begins] & (
            is_stop[begins + 1] | (is_dot[begins + 1] & is_stop[begins + 2])
        )
        parts = np.flatnonzero(is_empty | is_dots)
        rows = np.where(
            parts < len(starts),
            parts,
            np.searchsorted(starts, begins[parts] - 1, side="right") - 1,
        )
        found.append(first + np.unique(rows))
    return np.concatenate(found)


def _find_last(paths: StringColumn, character: int) -> npt.NDArray[np.int64]:
    """Returns the position in ``data`` of the last such character of each path; -1 without one."""
    found = np.flatnonzero(paths.data == character)
    if not len(found):
        return np.full(len(paths), -1)
    before = np.searchsorted(found, paths.offsets[1:]) - 1
    at = np.where(before >= 0, found[before], -1)
    return np.where(at >= paths.offsets[:-1], at, -1)
