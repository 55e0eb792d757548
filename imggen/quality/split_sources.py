"""Splits from folders, tables and manifests, and one manifest of all of them."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from imggen.core import StringColumn
from imggen.data import (
    Manifest,
    Source,
    Splits,
    as_manifest,
    concatenate_columns,
    is_store,
    load_table,
    scan_labeled,
    scan_split_folders,
)
from imggen.errors import ManifestError, ScanError
from imggen.splitting import split
from imggen.stores import find_uri, is_remote, join_address, normalize_address

_COLUMNS = (
    *("labels", "groups", "weights", "hashes", "versions"),
    *("masks", "boxes", "keypoints", "targets", "multi_labels"),
)
_NAMED_COLUMNS = ("inputs", "numbers", "outputs")


def read_splits(
    splits: Mapping[str, Source] | Splits[Manifest] | Source,
) -> dict[str, Manifest]:
    """Reads the manifest of each split; see ``find_leaks``."""
    if isinstance(splits, Splits):
        return splits.as_dict()
    if isinstance(splits, Mapping):
        return {name: as_manifest(source, scan_labeled) for name, source in splits.items()}
    source = load_table(splits)
    if isinstance(source, Manifest):
        return split(source, None).as_dict()
    if not os.path.isdir(source) and not is_store(source):
        fact = "is a file" if os.path.exists(source) else "does not exist"
        raise ScanError(
            f"{os.fspath(source)!r} {fact}; expected a folder with train, val and test, or a table "
            f"(.csv or .parquet), relative to {os.getcwd()!r}."
        )
    return scan_split_folders(source)


def combine_splits(manifests: dict[str, Manifest]) -> Manifest:
    """Builds one manifest of all splits, which may have different folders and classes.

    Columns that only some of the splits have are left out, as are columns that do not fit together,
    such as boxes in several formats.
    """
    roots = {
        name: find_uri(manifest.root) or os.path.abspath(manifest.root)
        for name, manifest in manifests.items()
    }
    are_local = not any(map(is_remote, roots.values()))
    root = os.path.commonpath(list(roots.values())) if are_local else ""
    parts = list(manifests.values())
    class_names = tuple(dict.fromkeys(name for part in parts for name in part.class_names))
    moved = []
    for name, manifest in manifests.items():
        prefix = os.path.relpath(roots[name], root) if are_local else roots[name]
        moved.append(_move(_renumber_classes(manifest, class_names), root, prefix))
    columns: dict[str, Any] = {
        name: _join([getattr(part, name) for part in moved]) for name in _COLUMNS
    }
    for kind in _NAMED_COLUMNS:
        names = list(getattr(moved[0], kind))
        joined = {name: _join([getattr(part, kind).get(name) for part in moved]) for name in names}
        columns[kind] = {name: column for name, column in joined.items() if column is not None}
    has_classes = columns["labels"] is not None or columns["multi_labels"] is not None
    return Manifest(
        root,
        StringColumn.concatenate([part.paths for part in moved]),
        class_names=class_names if has_classes else (),
        splits=StringColumn.of(name for name, part in manifests.items() for _ in range(len(part))),
        skipped=_sum_skipped(parts),
        **columns,
    )


def _renumber_classes(manifest: Manifest, class_names: tuple[str, ...]) -> Manifest:
    """Returns the samples with the numbers that their classes have among ``class_names``."""
    if manifest.class_names == class_names:
        return manifest
    index_of = {name: index for index, name in enumerate(class_names)}
    numbers = np.array([index_of[name] for name in manifest.class_names], np.int32)
    labels, multi = manifest.labels, manifest.multi_labels
    if labels is not None:
        labels = numbers[labels]
    if multi is not None:
        rows = np.repeat(np.arange(len(multi)), np.diff(multi.offsets))
        indices = numbers[multi.indices]
        order = np.lexsort((indices, rows))  # ascending within each sample
        multi = dataclasses.replace(multi, indices=indices[order])
    return dataclasses.replace(manifest, class_names=class_names, labels=labels, multi_labels=multi)


def _move(manifest: Manifest, root: str, prefix: str) -> Manifest:
    """Returns the samples with paths relative to ``root``; ``prefix`` leads from it to theirs."""

    def move(paths: StringColumn) -> StringColumn:
        return StringColumn.of(normalize_address(join_address(prefix, path)) for path in paths)

    return dataclasses.replace(
        manifest,
        root=root,
        paths=move(manifest.paths),
        masks=None if manifest.masks is None else move(manifest.masks),
        inputs={name: move(paths) for name, paths in manifest.inputs.items()},
    )


def _join(columns: Sequence[Any]) -> Any:
    """Joins a column of all splits; None if some do not have it, or if they do not fit together."""
    if any(column is None for column in columns):
        return None
    try:
        return concatenate_columns("column", columns)
    except ManifestError:
        return None


def _sum_skipped(manifests: Iterable[Manifest]) -> dict[str, int]:
    """Adds up what scans skipped; splits of one scan share its counts."""
    skipped: Counter[str] = Counter()
    for one in {id(manifest.skipped): manifest.skipped for manifest in manifests}.values():
        skipped.update(one)
    return dict(skipped)
