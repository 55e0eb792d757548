"""What stays together: groups by name, by table or by content, and rows of one file."""

from __future__ import annotations

import dataclasses
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn
from imggen.data import Manifest
from imggen.errors import SplitError

GroupBy = str | Callable[[str], str] | Sequence[object]


def group_by(manifest: Manifest, by: GroupBy) -> Manifest:
    r"""Names the group of each sample; ``split`` keeps groups whole.

    Groups that the manifest has already stay whole as well: those that share a sample with a new
    one are joined.

    Args:
        manifest: The samples.
        by: "parent": the folder that holds the file; "stem": the path without its extension; any
            other string: a regular expression that is searched for in the path, its captures, or
            without any all that it matches, being the name (``r"patient_(\d+)"``); a function from
            path to name; or one name for each sample, as a column of a table. Paths are relative
            to the manifest's root, with forward slashes.

    Returns:
        The manifest with ``groups`` set.

    Raises:
        SplitError: The expression cannot be understood or does not match every path, the number of
            names is not that of samples or one is missing, or "parent" would make a single group
            of each class, or of everything.

    Example:
        >>> from imggen.core.string_column import StringColumn
        >>> manifest = Manifest(".", StringColumn.of(["p1_a.jpg", "p1_b.jpg", "p2_a.jpg"]))
        >>> list(group_by(manifest, r"p(\d+)_").groups)
        ['1', '1', '2']
    """
    names = _names(manifest, by)
    if isinstance(by, str) and by == "parent":
        _check_parents(manifest, names)
    return join_groups(manifest, names)


def join_groups(manifest: Manifest, names: Sequence[str]) -> Manifest:
    """Sets the group of each sample, joined with the group that it has.

    Args:
        manifest: The samples.
        names: The name of a group for each.

    Raises:
        SplitError: Another number of names than samples.
    """
    if len(names) != manifest.num_samples:
        raise SplitError(
            f"Got {len(names)} group names for {manifest.num_samples} samples; one each is needed."
        )
    if manifest.groups is not None:
        joined = _joined([_codes(manifest.groups), _codes(names)])
        # A joined group goes by the name of the first of those it is made of.
        _, first = np.unique(joined, return_index=True)
        known = list(manifest.groups)
        names = [known[first[code]] for code in joined]
    return dataclasses.replace(manifest, groups=StringColumn.of(names))


def units(manifest: Manifest) -> npt.NDArray[np.int64] | None:
    """What must stay together, numbered: the manifest's groups, and rows of the same file.

    A table may list a file several times, once for each object in it, say; a file that stood in
    two parts would be a leak.

    Returns:
        A number for each sample, from 0, shape (num_samples,); None where every row may go its
        own way.
    """
    files = _codes(os.path.normpath(path) for path in manifest.paths)
    repeated = int(files.max(initial=-1)) + 1 < len(files)
    if manifest.groups is None:
        return files if repeated else None
    groups = _codes(manifest.groups)
    return _joined([groups, files]) if repeated else groups


def _names(manifest: Manifest, by: Any) -> list[str]:
    if isinstance(by, str):
        if by == "parent":
            return [posixpath.dirname(path) for path in manifest.paths]
        if by == "stem":
            return [posixpath.splitext(path)[0] for path in manifest.paths]
        return _matches(manifest, by)
    if callable(by):
        return [str(by(path)) for path in manifest.paths]
    is_column = isinstance(by, Iterable) and not isinstance(by, Mapping | bytes)
    if not is_column or getattr(by, "ndim", 1) != 1:
        raise SplitError(
            f"group_by={by!r} is none of 'parent', 'stem', an expression, a function, and a column "
            "of names, one for each sample."
        )
    names = list(by)
    missing = [row for row, name in enumerate(names) if _is_missing(name)]
    if missing:
        raise SplitError(
            f"{len(missing)} of {len(names)} samples have no group name, first in row "
            f"{missing[0]}. Name a group for each; a name of its own lets a sample go anywhere."
        )
    return [str(name) for name in names]


def _is_missing(name: Any) -> bool:
    try:
        return name is None or bool(name != name)
    except TypeError:  # pandas' NA is neither equal to itself nor different
        return True


def _matches(manifest: Manifest, expression: str) -> list[str]:
    try:
        pattern = re.compile(expression)
    except (re.error, OverflowError) as err:
        raise SplitError(
            f"group_by={expression!r} is none of 'parent' and 'stem', and no regular expression: "
            f"{err}."
        ) from err
    found = [pattern.search(path) for path in manifest.paths]
    missing = [row for row, match in enumerate(found) if match is None]
    if missing:
        raise SplitError(
            f"group_by={expression!r} is not found in {len(missing)} of {len(found)} paths, such "
            f"as {manifest.paths[missing[0]]!r}. Every sample needs a group; widen the expression."
        )
    return [_captured(match) for match in found if match is not None]


def _captured(match: re.Match[str]) -> str:
    captures = match.groups(default="")
    if not captures:
        return match.group()
    # Not simply joined: what stands between them may stand in them.
    return captures[0] if len(captures) == 1 else ", ".join(map(repr, captures))


def _check_parents(manifest: Manifest, names: list[str]) -> None:
    if len(set(names)) == 1 < manifest.num_samples:
        raise SplitError(
            "group_by='parent' makes one group of everything: all images lie in one folder. Pass a "
            "regular expression that finds the group in the file name."
        )
    if manifest.labels is None:
        return
    pairs = set(zip(manifest.labels.tolist(), names, strict=True))
    if 1 < len({label for label, _ in pairs}) == len(pairs) < manifest.num_samples:
        raise SplitError(
            "group_by='parent' makes a single group of each class: the images lie directly in "
            "their class folders. Put each group in a folder of its own inside its class, or pass "
            "a regular expression that finds the group in the file name."
        )


def _codes(names: Iterable[str]) -> npt.NDArray[np.int64]:
    """Numbers the names in order of first appearance."""
    number_of: dict[str, int] = {}
    return np.array([number_of.setdefault(name, len(number_of)) for name in names], np.int64)


def _joined(columns: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Numbers for samples, equal where a chain of equal numbers in any column links them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    num_samples = len(columns[0])
    starts = np.cumsum([num_samples, *(int(codes.max(initial=-1)) + 1 for codes in columns)])
    names = np.concatenate([codes + start for codes, start in zip(columns, starts, strict=False)])
    samples = np.tile(np.arange(num_samples), len(columns))
    links = coo_array((np.ones(len(names), bool), (samples, names)), shape=(starts[-1],) * 2)
    _, component_of = connected_components(links, directed=False)
    joined: npt.NDArray[np.int64] = component_of[:num_samples].astype(np.int64)
    return joined
