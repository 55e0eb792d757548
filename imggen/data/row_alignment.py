"""Alignment of columns of pandas with the samples, by their index."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from imggen.core import shorten
from imggen.data.array_like import to_paths, to_values
from imggen.errors import ImggenError, ManifestError

# What an index may hold in place of paths: the same path in another spelling, or a part of it.
_SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda path: path,
    os.path.normpath,
    posixpath.basename,
    lambda path: posixpath.splitext(posixpath.basename(path))[0],
)


def align_rows(
    values: Any,
    name: str,
    paths: Sequence[str],
    error: type[ImggenError] = ManifestError,
    *,
    files: Any = None,
) -> Any:
    """Returns a column in the order of the samples, if its index says which sample a row is.

    Only a ``Series`` or ``DataFrame`` has an index. One of paths, or of names of files, is matched
    with the paths; one that holds the index of ``files`` in another order, with that. Rows with
    any other index are taken by position, as arrays and lists are.

    Args:
        values: A value for each sample, in any container.
        name: The argument, for the message.
        paths: The path of each sample.
        error: The class of the error.
        files: The paths as given, which may be a ``Series`` too.

    Raises:
        ImggenError: ``error``, if the index names some of the samples but not each of them once,
            or has the row numbers 0, 1, ... in another order.
    """
    if not _has_index(values) or len(values) != len(paths):
        return values
    index = values.index.tolist()
    numbers = list(range(len(index)))
    if _has_index(files):
        wanted = files.index.tolist()
        if index == wanted:
            return values
        if _is_permutation(index, wanted):
            if index != numbers:
                return values.iloc[_find_order(index, wanted)]
            raise error(
                f"{name} and the paths have the same row numbers as their index, in another order. "
                f"Pass {name}.loc[paths.index] if the index is the number of the sample, or "
                f"{name}.to_numpy() if the order is that of the paths."
            )
    if index == numbers:
        return values
    if _is_permutation(index, numbers):
        raise error(
            f"{name} has the row numbers 0 to {len(index) - 1} as its index, in another order, "
            f"such as {index[0]} in row 0. Pass {name}.sort_index() if the index is the number of "
            f"the sample, or {name}.to_numpy() if the order is that of the samples."
        )
    texts = [_to_text(label) for label in index]
    if None in texts:
        return values
    for spell in _SPELLINGS:
        wanted = [spell(path) for path in paths]
        found = [spell(text) for text in texts if text is not None]
        if found == wanted:
            return values
        if _is_permutation(found, wanted):
            return values.iloc[_find_order(found, wanted)]
    known = set(paths)
    if any(text in known for text in texts):
        other = next((text for text in texts if text not in known), texts[0])
        raise error(
            f"{name} has paths as its index, but not each path once, such as {shorten(other)}. "
            f"Give it one row per sample, or pass {name}.to_numpy() if the order is that of the "
            "samples."
        )
    return values


def align_values(paths: Sequence[str], values: Any, files: Any = None) -> Any:
    """Returns one value per path, from a list, a column or a mapping from file to value.

    Args:
        paths: The files.
        values: The values; a ``Series`` or a ``DataFrame`` as in ``align_rows``.
        files: The files as given.

    Raises:
        ManifestError: A file without a value, or another number of values.
    """
    if isinstance(values, Mapping):
        value_of = dict(zip(to_paths(list(values), "labels"), values.values(), strict=True))
        missing = next((row for row, path in enumerate(paths) if path not in value_of), None)
        if missing is not None:
            raise ManifestError(
                f"labels: the file {paths[missing]!r}, in row {missing}, has no label. Label or "
                "drop it."
            )
        return [value_of[path] for path in paths]
    aligned = align_rows(values, "labels", paths, files=files)
    if not hasattr(aligned, "__len__"):
        aligned = to_values(aligned, "labels")
    if len(aligned) != len(paths):
        raise ManifestError(
            f"Got {len(paths)} files and {len(aligned)} labels; expected one label per file."
        )
    return aligned


def _has_index(values: Any) -> bool:
    return hasattr(values, "iloc") and hasattr(values, "index")


def _is_permutation(index: Sequence[Hashable], wanted: Sequence[Hashable]) -> bool:
    unique = set(index)
    return len(unique) == len(index) == len(wanted) and unique == set(wanted)


def _find_order(index: Sequence[Hashable], wanted: Sequence[Hashable]) -> list[int]:
    row_of = {label: row for row, label in enumerate(index)}
    return [row_of[label] for label in wanted]


def _to_text(label: Any) -> str | None:
    if isinstance(label, bytes | os.PathLike):
        return os.fsdecode(label)
    return label if isinstance(label, str) else None
