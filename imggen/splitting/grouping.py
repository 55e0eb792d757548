"""Groups of samples that stay in one split: by path, by column, and rows of one file."""

from __future__ import annotations

import dataclasses
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, check_arguments, shorten
from imggen.data import Manifest, Source, align_rows, as_manifest, to_names, to_values
from imggen.errors import SplitError

GroupBy = str | Callable[[str], str] | Sequence[object]


@check_arguments
def group_by(manifest: Source, by: GroupBy) -> Manifest:
    r"""Assigns a group to each sample; ``split`` keeps groups whole.

    Existing groups of the manifest stay whole too: those that share a sample with a new group are
    joined with it.

    Args:
        manifest: The samples, as in ``split``.
        by: "parent": the folder of the file; "stem": the path without its extension; any other
            string: a regular expression that is searched for in the path, whose captures (or whole
            match, if it has none) are the group name (``r"patient_(\d+)"``); a function from path
            to name; or one name per sample, such as a column of a table. Paths are relative to the
            manifest's root, with forward slashes.

    Returns:
        The manifest with ``groups`` set.

    Raises:
        SplitError: The expression is invalid or does not match every path, the number of names is
            not the number of samples, a name is missing, or "parent" would make a single group of
            each class or of all samples.

    Example:
        >>> from imggen.core.string_column import StringColumn
        >>> manifest = Manifest(".", StringColumn.of(["p1_a.jpg", "p1_b.jpg", "p2_a.jpg"]))
        >>> list(group_by(manifest, r"p(\d+)_").groups)
        ['1', '1', '2']
    """
    manifest = as_manifest(manifest)
    names = _group_names(manifest, by)
    if isinstance(by, str) and by == "parent":
        _check_parents(manifest, names)
    return join_groups(manifest, names)


def join_groups(manifest: Manifest, names: Sequence[str]) -> Manifest:
    """Sets the group of each sample, joined with its existing group.

    Args:
        manifest: The samples.
        names: The group name of each sample.

    Raises:
        SplitError: The number of names is not the number of samples.
    """
    if len(names) != manifest.num_samples:
        raise SplitError(
            f"Got {len(names)} group names for {manifest.num_samples} samples; expected one for "
            "each sample."
        )
    if manifest.groups is not None:
        joined = _connect([_number_names(manifest.groups), _number_names(names)])
        # A joined group has the name of its first sample's group.
        _, first = np.unique(joined, return_index=True)
        known = list(manifest.groups)
        names = [known[first[code]] for code in joined]
    return dataclasses.replace(manifest, groups=StringColumn.of(names))


def number_units(manifest: Manifest) -> npt.NDArray[np.int64] | None:
    """Numbers the units that stay whole: the manifest's groups, and rows of the same file.

    A table may list a file several times, for example once per object; the same file in two splits
    would be a leak.

    Returns:
        The unit of each sample, from 0, shape (num_samples,); None if every row is a unit.
    """
    files = _number_names(os.path.normpath(path) for path in manifest.paths)
    repeated = int(files.max(initial=-1)) + 1 < len(files)
    if manifest.groups is None:
        return files if repeated else None
    groups = _number_names(manifest.groups)
    return _connect([groups, files]) if repeated else groups


def _group_names(manifest: Manifest, by: Any) -> list[str]:
    if isinstance(by, str):
        if by == "parent":
            return [posixpath.dirname(path) for path in manifest.paths]
        if by == "stem":
            return [posixpath.splitext(path)[0] for path in manifest.paths]
        return _search_paths(manifest, by)
    if callable(by):
        return to_names([by(path) for path in manifest.paths], "group_by", SplitError)
    if isinstance(by, Mapping | bytes) or not isinstance(by, Iterable):
        raise SplitError(
            f"group_by={shorten(by)} is invalid; expected 'parent', 'stem', a regular expression, "
            "a function, or one group name per sample."
        )
    by = align_rows(by, "group_by", manifest.paths, SplitError)
    names = to_values(by, "group_by", SplitError)
    missing = [row for row, name in enumerate(names) if name is None]
    if missing:
        raise SplitError(
            f"group_by: {len(missing)} of {len(names)} samples have no group name, first in row "
            f"{missing[0]}. Name a group for each sample; use unique names for ungrouped samples."
        )
    return to_names(names, "group_by", SplitError)


def _search_paths(manifest: Manifest, expression: str) -> list[str]:
    try:
        pattern = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as err:
        raise SplitError(
            f"group_by={shorten(expression)} is not 'parent', 'stem' or a valid regular "
            f"expression: {err}."
        ) from err
    found = [pattern.search(path) for path in manifest.paths]
    missing = [row for row, match in enumerate(found) if match is None]
    if missing:
        raise SplitError(
            f"group_by={shorten(expression)} is not found in {len(missing)} of {len(found)} paths, "
            f"such as {manifest.paths[missing[0]]!r}. Use an expression that matches every path."
        )
    return [_group_name(match) for match in found if match is not None]


def _group_name(match: re.Match[str]) -> str:
    captures = match.groups(default="")
    if not captures:
        return match.group()
    # Not joined by a separator, which captures may contain.
    return captures[0] if len(captures) == 1 else ", ".join(map(repr, captures))


def _check_parents(manifest: Manifest, names: list[str]) -> None:
    if len(set(names)) == 1 < manifest.num_samples:
        raise SplitError(
            "group_by='parent' puts all samples into one group: all images are in one folder. Pass "
            "a regular expression that finds the group in the file name."
        )
    if manifest.labels is None:
        return
    pairs = set(zip(manifest.labels.tolist(), names, strict=True))
    if 1 < len({label for label, _ in pairs}) == len(pairs) < manifest.num_samples:
        raise SplitError(
            "group_by='parent' makes a single group of each class: the images are directly in "
            "their class folders. Put each group into its own folder inside its class, or pass "
            "a regular expression that finds the group in the file name."
        )


def _number_names(names: Iterable[str]) -> npt.NDArray[np.int64]:
    """Numbers the names in order of first appearance."""
    number_of: dict[str, int] = {}
    return np.array([number_of.setdefault(name, len(number_of)) for name in names], np.int64)


def _connect(columns: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Numbers samples, equally where a chain of equal numbers in any column connects them."""
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
