"""Splits from folders, tables and manifests, and one manifest of all of them."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from imggen.core import StringColumn
from imggen.data import (
    Manifest,
    Source,
    Splits,
    as_manifest,
    is_store,
    load_table,
    scan_labeled,
    scan_split_folders,
)
from imggen.errors import ScanError
from imggen.splitting import split
from imggen.stores import find_uri, is_remote, normalize_address


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
    """Builds one manifest of all splits, which may have different folders and classes."""
    roots = {
        name: find_uri(manifest.root) or os.path.abspath(manifest.root)
        for name, manifest in manifests.items()
    }
    are_local = not any(map(is_remote, roots.values()))
    root = os.path.commonpath(list(roots.values())) if are_local else ""
    class_names = tuple(
        dict.fromkeys(name for manifest in manifests.values() for name in manifest.class_names)
    )
    index_of = {name: index for index, name in enumerate(class_names)}
    paths: list[str] = []
    labels: list[np.ndarray[tuple[int], np.dtype[np.int32]]] = []
    splits: list[str] = []
    for name, manifest in manifests.items():
        prefix = os.path.relpath(roots[name], root) if are_local else roots[name]
        paths += [normalize_address(os.path.join(prefix, path)) for path in manifest.paths]
        splits += [name] * len(manifest)
        if manifest.labels is not None:
            local = np.array(
                [index_of[class_name] for class_name in manifest.class_names], np.int32
            )
            labels.append(local[manifest.labels])
    has_labels = all(manifest.labels is not None for manifest in manifests.values())
    whole = Manifest(
        root,
        StringColumn.of(paths),
        np.concatenate(labels) if has_labels else None,
        class_names if has_labels else (),
        splits=StringColumn.of(splits),
        skipped=_sum_skipped(manifests.values()),
    )
    # Columns that only some of the splits have are dropped.
    columns: dict[str, Any] = {}
    for column in ("groups", "weights", "hashes"):
        values = [getattr(manifest, column) for manifest in manifests.values()]
        if all(value is not None for value in values):
            joined = [item for value in values for item in value]
            columns[column] = joined if column == "weights" else StringColumn.of(joined)
    return dataclasses.replace(whole, **columns)


def _sum_skipped(manifests: Iterable[Manifest]) -> dict[str, int]:
    """Adds up what scans skipped; splits of one scan share its counts."""
    skipped: Counter[str] = Counter()
    for one in {id(manifest.skipped): manifest.skipped for manifest in manifests}.values():
        skipped.update(one)
    return dict(skipped)
