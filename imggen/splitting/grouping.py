"""Groups of samples that stay in one split: by path, by column, and rows of one file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, check_arguments, number_strings, shorten
from imggen.data import (
    Manifest,
    Source,
    align_rows,
    as_manifest,
    find_text,
    pack_names,
    to_values,
)
from imggen.errors import SplitError
from imggen.splitting.path_columns import normalize_paths, parent_folders, without_extensions

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
        >>> manifest = Manifest.from_files(["p1_a.jpg", "p1_b.jpg", "p2_a.jpg"])
        >>> list(group_by(manifest, r"p(\d+)_").groups)
        ['1', '1', '2']
    """
    manifest = as_manifest(manifest)
    names = _group_names(manifest, by)
    if isinstance(by, str) and by == "parent":
        _check_parents(manifest, names)
    return join_groups(manifest, names)


def join_groups(manifest: Manifest, names: StringColumn | Sequence[str]) -> Manifest:
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
    groups = names if isinstance(names, StringColumn) else StringColumn.of(names)
    if manifest.groups is not None:
        joined = _connect([number_strings(column).numbers for column in (manifest.groups, groups)])
        # A joined group has the name of its first sample's group.
        _, first = np.unique(joined, return_index=True)
        groups = manifest.groups.take(first[joined])
    return dataclasses.replace(manifest, groups=groups)


def number_units(manifest: Manifest) -> npt.NDArray[np.int64] | None:
    """Numbers the units that stay whole: the manifest's groups, and rows of the same file.

    A table may list a file several times, for example once per object; the same file in two splits
    would be a leak.

    Returns:
        The unit of each sample, from 0, shape (num_samples,); None if every row is a unit.
    """
    files, first_rows = number_strings(normalize_paths(manifest.paths))
    repeated = len(first_rows) < len(files)
    if manifest.groups is None:
        return files if repeated else None
    groups = number_strings(manifest.groups).numbers
    return _connect([groups, files]) if repeated else groups


def _group_names(manifest: Manifest, by: Any) -> StringColumn:
    if isinstance(by, str):
        if by == "parent":
            return parent_folders(manifest.paths)
        if by == "stem":
            return without_extensions(manifest.paths)
        return _search_paths(manifest, by)
    if callable(by):
        return pack_names([by(path) for path in manifest.paths], "group_by", SplitError)
    if isinstance(by, Mapping | bytes) or not isinstance(by, Iterable):
        raise SplitError(
            f"group_by={shorten(by)} is invalid; expected 'parent', 'stem', a regular expression, "
            "a function, or one group name per sample."
        )
    by = align_rows(by, "group_by", manifest.paths, SplitError)
    column = find_text(by)
    if column is not None:
        return column
    names = to_values(by, "group_by", SplitError)
    missing = [row for row, name in enumerate(names) if name is None]
    if missing:
        raise SplitError(
            f"group_by: {len(missing)} of {len(names)} samples have no group name, first in row "
            f"{missing[0]}. Name a group for each sample; use unique names for ungrouped samples."
        )
    return pack_names(names, "group_by", SplitError)


def _search_paths(manifest: Manifest, expression: str) -> StringColumn:
    try:
        pattern = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as err:
        raise SplitError(
            f"group_by={shorten(expression)} is not 'parent', 'stem' or a valid regular "
            f"expression: {err}."
        ) from err
    missing: list[str] = []

    def find_name(path: str) -> str:
        match = pattern.search(path)
        if match is None:
            missing.append(path)
            return ""
        return _group_name(match)

    names = StringColumn.of(map(find_name, manifest.paths))
    if missing:
        raise SplitError(
            f"group_by={shorten(expression)} is not found in {len(missing)} of {len(names)} paths, "
            f"such as {missing[0]!r}. Use an expression that matches every path."
        )
    return names


def _group_name(match: re.Match[str]) -> str:
    captures = match.groups(default="")
    if not captures:
        return match.group()
    # Not joined by a separator, which captures may contain.
    return captures[0] if len(captures) == 1 else ", ".join(map(repr, captures))


def _check_parents(manifest: Manifest, names: StringColumn) -> None:
    folders, first_rows = number_strings(names)
    if len(first_rows) == 1 < manifest.num_samples:
        raise SplitError(
            "group_by='parent' puts all samples into one group: all images are in one folder. Pass "
            "a regular expression that finds the group in the file name."
        )
    if manifest.labels is None:
        return
    num_pairs = len(np.unique(manifest.labels * np.int64(len(first_rows)) + folders))
    if 1 < len(np.unique(manifest.labels)) == num_pairs < manifest.num_samples:
        raise SplitError(
            "group_by='parent' makes a single group of each class: the images are directly in "
            "their class folders. Put each group into its own folder inside its class, or pass "
            "a regular expression that finds the group in the file name."
        )


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
