"""Leaks: images that are in more than one split, and the splits without them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from imggen.core import (
    BAD,
    GOOD,
    Report,
    check_arguments,
    format_block,
    format_html_table,
    format_paragraph,
    format_pictures,
    format_rest,
    number_strings,
    pluralize,
    printable,
    shorten,
)
from imggen.data import (
    SPLIT_NAMES,
    Manifest,
    Source,
    Splits,
    split_name,
    split_names,
)
from imggen.decode import BackgroundLike
from imggen.errors import SplitError
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
from imggen.quality.split_sources import combine_splits, read_splits
from imggen.splitting import GroupBy, split
from imggen.splitting import group_by as assign_groups
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
        group_leaks: Rows of each group, such as a patient, that is in several splits, sorted by the
            name of the group; the manifest has ``groups`` then. ``drop``, ``fix`` and ``to_frame``
            include them.
    """

    duplicates: Duplicates
    names: tuple[str, ...]
    leaks: tuple[tuple[int, ...], ...]
    group_leaks: tuple[tuple[int, ...], ...] = ()

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
        """The rows to drop so that no image and no group is in two splits; sorted."""
        return tuple(sorted({row for leak in self._all_leaks for row in self._list_lost(leak)}))

    def fix(self) -> Splits[Manifest]:
        """Returns the splits without these rows.

        Columns that only some of the splits have are left out, as are columns that do not fit
        together, such as boxes in several formats.

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

    @property
    def _all_leaks(self) -> tuple[tuple[int, ...], ...]:
        return self.leaks + self.group_leaks

    def _list_lost(self, leak: tuple[int, ...]) -> list[int]:
        """Returns the rows of a leak that are not in its last split."""
        ranks = [self.names.index(self.get_split(row)) for row in leak]
        last = max(ranks)
        return [row for row, rank in zip(leak, ranks, strict=True) if rank < last]

    def describe_group_leak(self, leak: tuple[int, ...]) -> str:
        """Returns such as "group 011: 41 in train, 12 in test"."""
        counts = Counter(map(self.get_split, leak))
        shares = ", ".join(f"{counts[name]:,} in {name}" for name in self.names if counts[name])
        name = self.manifest.groups[leak[0]] if self.manifest.groups is not None else ""
        return f"group {printable(name)}: {shares}"

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
        shown += [
            format_paragraph(self.describe_group_leak(leak), BAD)
            for leak in self.group_leaks[:MAX_SHOWN_GROUPS]
        ]
        num_left_out = sum(
            max(0, len(some) - MAX_SHOWN_GROUPS) for some in (self.leaks, self.group_leaks)
        )
        shown.append(format_rest(num_left_out, "leak", "; to_frame() has all of them"))
        counts = Counter(
            " and ".join(name for name in self.names if name in set(map(self.get_split, leak)))
            for leak in self._all_leaks
        )
        table = format_html_table(("in", "leaks"), list(counts.items()))
        return format_block("Leaks", self._summary(), table, *shown)

    def _summary(self) -> list[str]:
        has_groups = self.manifest.groups is not None
        return [
            f"{pluralize(len(self.manifest), 'file')} in {', '.join(self.names)}",
            pluralize(len(self.leaks), "leak"),
            *([f"{pluralize(len(self.group_leaks), 'group')} in several splits"] * has_groups),
            f"{pluralize(len(self.drop), 'file')} to drop",
            *([f"{len(self.conflicts):,} with different annotations"] if self.conflicts else []),
        ]

    def contrast_splits(self, leak: tuple[int, ...]) -> list[int]:
        """Returns the rows of a leak, first one of each split."""
        first_of = {self.get_split(row): row for row in reversed(leak)}
        return sorted(leak, key=lambda row: first_of[self.get_split(row)] != row)

    def _metadata(self) -> dict[str, Any]:
        has_groups = self.manifest.groups is not None
        return {
            "num_conflicts": len(self.conflicts),
            **({"num_group_leaks": len(self.group_leaks)} if has_groups else {}),
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
                similarity,
            )
            for number, leak in enumerate(self._all_leaks)
            for row, similarity in zip(leak, self.duplicates.list_similarities(leak), strict=True)
        ]


@check_arguments
def find_leaks(
    splits: Mapping[str, Source] | Splits[Manifest] | Source,
    *,
    group_by: GroupBy | None = None,
    near: bool = True,
    threshold: float = THRESHOLD,
    background: BackgroundLike = "white",
    engine: Engine = "local",
    address: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Leaks:
    """Finds images that are in more than one split, as the same file or as near-duplicates.

    Groups of images that belong together, such as those of a patient, are checked, too.

    Args:
        splits: The splits: from ``split``; a folder with train, val and test; a manifest or a
            table (.csv or .parquet) with a column of split names; or a mapping from split name to
            manifest, folder or table. "train", "val" and "test" are ordered so, others follow in
            the given order: an image that leaks is dropped from all but the last split that has it.
        group_by: The groups that must be in one split, as in ``group_by``, with paths relative to
            the folder of each split. None: the groups of the splits, if all of them have groups.
        near: Same as in ``find_duplicates``.
        threshold: Same as in ``find_duplicates``.
        background: Same as in ``find_duplicates``.
        engine: Same as in ``find_duplicates``.
        address: Same as in ``find_duplicates``.
        workers: Same as in ``find_duplicates``.
        progress: Same as in ``find_duplicates``.

    Raises:
        SplitError: There are fewer than two splits, two names for the same split, or no column of
            split names; or see ``group_by``.
        ScanError: See ``scan``.
        ManifestError: The table is missing or invalid.
        OptionError, MissingExtraError, WorkerError: Same as in ``find_duplicates``.

    Example:
        >>> train, val = split(manifest, (0.75, 0.25))
        >>> find_leaks({"train": train, "val": val}).leaks
        ()
    """
    check_engine(engine, address, workers)
    manifests = read_splits(splits)
    if len(manifests) < 2:
        raise SplitError(
            f"Got the splits {shorten(list(manifests))}; pass two or more, which can share images."
        )
    split_names(manifests, "mapping of splits")
    if group_by is not None:
        manifests = {
            name: assign_groups(dataclasses.replace(manifest, groups=None), group_by)
            for name, manifest in manifests.items()
        }
    combined = combine_splits({split_name(name): manifest for name, manifest in manifests.items()})
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
    found = Leaks(duplicates, names, tuple(leaks), _find_group_leaks(combined))
    shown = [
        combined.paths[row]
        for leak in leaks[:MAX_SHOWN_GROUPS]
        for row in found.contrast_splits(leak)[:MAX_SHOWN_FILES]
    ]
    thumbnails = make_example_pictures(combined.root, shown, len(shown), duplicates.background)
    return dataclasses.replace(
        found, duplicates=dataclasses.replace(duplicates, thumbnails=thumbnails)
    )


def _rank(name: str) -> int:
    return SPLIT_NAMES.index(name) if name in SPLIT_NAMES else len(SPLIT_NAMES)


def _find_group_leaks(combined: Manifest) -> tuple[tuple[int, ...], ...]:
    """Returns the rows of each group that is in several splits, sorted by the group's name."""
    names = combined.groups
    if names is None or combined.splits is None:
        return ()
    groups, splits = number_strings(names), number_strings(combined.splits)
    pairs = np.unique(np.stack([groups.numbers, splits.numbers]), axis=1)
    leaking = np.flatnonzero(np.bincount(pairs[0]) > 1)
    if not len(leaking):
        return ()
    rows = np.flatnonzero(np.isin(groups.numbers, leaking))
    order = rows[np.argsort(groups.numbers[rows], kind="stable")]
    bounds = np.flatnonzero(np.diff(groups.numbers[order])) + 1
    found = [tuple(part.tolist()) for part in np.split(order, bounds)]
    return tuple(sorted(found, key=lambda leak: names[leak[0]]))
