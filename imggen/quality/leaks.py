"""Leaks: images that are in more than one split, and the splits without them."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from imggen.core import (
    BAD,
    GOOD,
    Report,
    StringColumn,
    check_arguments,
    format_block,
    format_html_table,
    format_paragraph,
    format_pictures,
    format_rest,
    pluralize,
    shorten,
)
from imggen.data import (
    SPLIT_NAMES,
    Manifest,
    Source,
    Splits,
    as_manifest,
    is_store,
    load_table,
    scan_labeled,
    scan_split_folders,
    split_name,
    split_names,
)
from imggen.decode import BackgroundLike
from imggen.errors import ScanError, SplitError
from imggen.quality.duplicates import (
    MAX_SHOWN_FILES,
    MAX_SHOWN_GROUPS,
    THRESHOLD,
    Conflict,
    Duplicates,
    find_duplicates,
    list_images,
)
from imggen.quality.example_pictures import make_example_pictures
from imggen.splitting import split
from imggen.stores import find_uri, is_remote, normalize_address
from imggen.workers import Engine, Progress, check_engine


@final
@dataclass(frozen=True, eq=False)
class Leaks(Report):
    """Images that are in more than one split.

    Images with different labels come first: correct their labels before ``fix``, which drops them
    from all splits but the last like other leaks.

    ``to_frame`` has a row per file in a leak; columns ``leak`` (from 0), ``conflict`` (such as
    "label", or empty), ``split``, ``path``, ``label``, ``is_dropped``, ``similarity`` (to the most
    similar file).

    Attributes:
        duplicates: The duplicates in all splits together; its manifest has ``splits``.
        names: The splits in order. An image in several of them is kept in the last, so that no
            image of a test is used for training.
        leaks: Rows of that manifest: files and groups of duplicates that are in several splits.
    """

    duplicates: Duplicates
    names: tuple[str, ...]
    leaks: tuple[tuple[int, ...], ...]

    _COLUMNS: ClassVar[tuple[str, ...]] = (
        "leak",
        "conflict",
        "split",
        "path",
        "label",
        "is_dropped",
        "similarity",
    )

    @property
    def manifest(self) -> Manifest:
        """All splits in one manifest."""
        return self.duplicates.manifest

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The leaks with different labels or other annotations, which come first in ``leaks``."""
        undecided = self.duplicates.undecided
        return tuple(undecided[leak[0]] for leak in self.leaks if leak[0] in undecided)

    @property
    def drop(self) -> tuple[int, ...]:
        """The rows to drop so that no image is in two splits; sorted."""
        return tuple(
            sorted(row for leak in self.leaks for row in leak if not self._is_kept(row, leak))
        )

    def fix(self) -> Splits[Manifest]:
        """Returns the splits without these rows.

        Raises:
            SplitError: A split would be empty.
        """
        kept = np.setdiff1d(np.arange(len(self.manifest)), self.drop)
        splits = split(self.manifest.take(kept), None)
        empty = [name for name in self.names if name not in splits.names]
        if empty:
            raise SplitError(
                f"{', '.join(empty)} would be empty: all its images are in another split too. "
                "Choose other images for it, or split the whole set again."
            )
        return splits

    def get_split(self, row: int) -> str:
        """Returns the name of the split that a row is in."""
        return self.manifest.splits[row] if self.manifest.splits is not None else ""

    def _is_kept(self, row: int, leak: tuple[int, ...]) -> bool:
        ranks = [self.names.index(self.get_split(other)) for other in leak]
        return self.names.index(self.get_split(row)) == max(ranks)

    def __repr__(self) -> str:
        return f"Leaks({'; '.join(self._summary())})"

    def _repr_html_(self) -> str:
        dropped = set(self.drop)
        shown = []
        for leak in self.leaks[:MAX_SHOWN_GROUPS]:
            differs = self.duplicates.get_conflict(leak[0])
            if differs:
                shown.append(format_paragraph(f"different {differs}", BAD))
            shown.append(
                format_pictures(
                    self.duplicates.show_row(
                        row,
                        f"{self.get_split(row)}: {'drop' if row in dropped else 'keep'}",
                        *([self.duplicates.get_label(row) or ""] if differs else []),
                        color=BAD if row in dropped else GOOD,
                    )
                    for row in self.contrast_splits(leak)[:MAX_SHOWN_FILES]
                )
            )
            shown.append(format_rest(len(leak) - MAX_SHOWN_FILES, "file", " in this leak"))
        num_left_out = len(self.leaks) - MAX_SHOWN_GROUPS
        shown.append(format_rest(num_left_out, "leak", "; to_frame() has all of them"))
        counts = Counter(
            " and ".join(name for name in self.names if name in set(map(self.get_split, leak)))
            for leak in self.leaks
        )
        table = format_html_table(("in", "leaks"), list(counts.items()))
        return format_block("Leaks", self._summary(), table, *shown)

    def _summary(self) -> list[str]:
        return [
            f"{pluralize(len(self.manifest), 'file')} in {', '.join(self.names)}",
            pluralize(len(self.leaks), "leak"),
            f"{pluralize(len(self.drop), 'file')} to drop",
            *([f"{len(self.conflicts):,} with different annotations"] if self.conflicts else []),
        ]

    def contrast_splits(self, leak: tuple[int, ...]) -> list[int]:
        """Returns the rows of a leak, first one of each split."""
        first_of = {self.get_split(row): row for row in reversed(leak)}
        return sorted(leak, key=lambda row: first_of[self.get_split(row)] != row)

    def _metadata(self) -> dict[str, Any]:
        return {
            "num_conflicts": len(self.conflicts),
            "root": self.manifest.root,
            "threshold": self.duplicates.threshold,
        }

    def _rows(self) -> list[tuple[object, ...]]:
        dropped = set(self.drop)
        return [
            (
                number,
                self.duplicates.get_conflict(row),
                self.get_split(row),
                self.manifest.paths[row],
                self.duplicates.get_label(row),
                row in dropped,
                round(float(self.duplicates.similarity[row]), 4),
            )
            for number, leak in enumerate(self.leaks)
            for row in leak
        ]


@check_arguments
def find_leaks(
    splits: Mapping[str, Source] | Splits[Manifest] | Source,
    *,
    near: bool = True,
    threshold: float = THRESHOLD,
    background: BackgroundLike = "white",
    engine: Engine = "local",
    address: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Leaks:
    """Finds images that are in more than one split, as the same file or as near-duplicates.

    Args:
        splits: The splits: from ``split``; a folder with train, val and test; a manifest or a
            table (.csv or .parquet) with a column of split names; or a mapping from split name to
            manifest, folder or table. "train", "val" and "test" are ordered so, others follow in
            the given order: an image that leaks is dropped from all but the last split that has it.
        near: Same as in ``find_duplicates``.
        threshold: Same as in ``find_duplicates``.
        background: Same as in ``find_duplicates``.
        engine: Same as in ``find_duplicates``.
        address: Same as in ``find_duplicates``.
        workers: Same as in ``find_duplicates``.
        progress: Same as in ``find_duplicates``.

    Raises:
        SplitError: There are fewer than two splits, two names for the same split, or no column of
            split names.
        ScanError: See ``scan``.
        ManifestError: The table is missing or invalid.
        OptionError, MissingExtraError, WorkerError: Same as in ``find_duplicates``.

    Example:
        >>> train, val = split(manifest, (0.75, 0.25))
        >>> find_leaks({"train": train, "val": val}).leaks
        ()
    """
    check_engine(engine, address, workers)
    manifests = _read_splits(splits)
    if len(manifests) < 2:
        raise SplitError(
            f"Got the splits {shorten(list(manifests))}; pass two or more, which can share images."
        )
    split_names(manifests, "mapping of splits")
    combined = _combine({split_name(name): manifest for name, manifest in manifests.items()})
    names = tuple(sorted(map(split_name, manifests), key=_rank))
    duplicates = find_duplicates(
        combined,
        near=near,
        threshold=threshold,
        background=background,
        engine=engine,
        address=address,
        workers=workers,
        progress=progress,
    )
    split_of = list(combined.splits or ())
    leaks = [
        rows
        for rows in list_images(duplicates.groups, duplicates.files)
        if len({split_of[row] for row in rows}) > 1
    ]
    leaks.sort(key=lambda rows: rows[0] not in duplicates.undecided)
    found = Leaks(duplicates, names, tuple(leaks))
    shown = [
        combined.paths[row]
        for leak in leaks[:MAX_SHOWN_GROUPS]
        for row in found.contrast_splits(leak)[:MAX_SHOWN_FILES]
    ]
    thumbnails = make_example_pictures(combined.root, shown, len(shown), duplicates.background)
    return dataclasses.replace(
        found, duplicates=dataclasses.replace(duplicates, thumbnails=thumbnails)
    )


def _read_splits(
    splits: Mapping[str, Source] | Splits[Manifest] | Source,
) -> dict[str, Manifest]:
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


def _rank(name: str) -> int:
    return SPLIT_NAMES.index(name) if name in SPLIT_NAMES else len(SPLIT_NAMES)


def _combine(manifests: dict[str, Manifest]) -> Manifest:
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
