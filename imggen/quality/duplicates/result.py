"""The groups of duplicates in a manifest, and the pictures whose labels contradict each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from imggen.core import (
    BAD,
    GOOD,
    Picture,
    Report,
    format_block,
    format_paragraph,
    format_pictures,
    format_rest,
    pluralize,
)
from imggen.data import Manifest
from imggen.decode import BackgroundLike
from imggen.quality.duplicates.conflicts import Conflict
from imggen.quality.duplicates.similarity import Pairs
from imggen.quality.image_check import ImageFacts
from imggen.splitting import join_groups

MAX_SHOWN_GROUPS, MAX_SHOWN_FILES = 4, 4  # in notebooks


@final
@dataclass(frozen=True, eq=False)
class Duplicates(Report):
    """Groups of files that show the same image.

    Groups with a conflict, of which it must be decided which label is right, come first, and none
    of their files is to be dropped.

    ``to_frame`` has a row per file in a group; columns ``group`` (from 0), ``conflict`` (such as
    "label", or empty), ``path``, ``keep``, ``is_exact`` (whether another file of the group has the
    same bytes), ``similarity`` (to the most similar file), ``label``, ``width``, ``height``,
    ``num_bytes``.

    Attributes:
        manifest: All files that were compared, with ``hashes`` if all could be read.
        threshold: The minimum similarity of a pair.
        pairs: The pairs of similar files, by row of the manifest, and their similarity. Equal files
            are paired with the first of them only.
        near_misses: Some of the pairs that are slightly less similar than ``threshold``.
        groups: Rows of the manifest: in each group first the file to keep (the one with the most
            pixels, then the largest file, then the first), then the others in order. Pairs that
            share a file are joined, so two files of a group may be less similar than ``threshold``.
        conflicts: The images with several labels, or other annotations that differ.
        exact: For each row, the first row with the same bytes; shape (num_samples,).
        files: For each row, the first row that lists the same file; shape (num_samples,). Only
            these are in pairs and groups: a file that is listed several times is not a duplicate.
        facts: The facts of the files in groups and conflicts, by row; None for those that cannot be
            opened.
        unreadable: The paths of files that could not be decoded, and were compared by their bytes
            if these could be read.
        invisible: The paths of files with transparent pixels that are a single color on the
            background. They were compared by their bytes.
        background: The background of transparent pixels: (red, green, blue), or "checker".
        thumbnails: The bytes of a JPEG for each of the first files of the first groups, by path. A
            notebook shows these, so that it opens no file.
    """

    manifest: Manifest
    threshold: float
    pairs: Pairs
    near_misses: Pairs
    groups: tuple[tuple[int, ...], ...]
    conflicts: tuple[Conflict, ...]
    exact: npt.NDArray[np.int64]
    files: npt.NDArray[np.int64]
    facts: Mapping[int, ImageFacts | None]
    unreadable: tuple[str, ...]
    invisible: tuple[str, ...]
    background: BackgroundLike
    thumbnails: Mapping[str, bytes]

    _COLUMNS: ClassVar[tuple[str, ...]] = (
        "group",
        "conflict",
        "path",
        "keep",
        "is_exact",
        "similarity",
        "label",
        "width",
        "height",
        "num_bytes",
    )

    @property
    def drop(self) -> tuple[int, ...]:
        """The rows to drop: all of each group without a conflict, but the file to keep; sorted."""
        decided = [group for group in self.groups if group[0] not in self.undecided]
        dropped = [row for group in decided for row in group[1:]]
        return tuple(np.flatnonzero(np.isin(self.files, dropped)).tolist())

    @cached_property
    def undecided(self) -> Mapping[int, Conflict]:
        """The conflict of each row that has one; none of these is dropped."""
        return {row: conflict for conflict in self.conflicts for row in conflict.rows}

    def deduplicate(self) -> Manifest:
        """Returns the manifest without the rows to drop; all images with a conflict remain."""
        return self.manifest.take(np.setdiff1d(np.arange(len(self.manifest)), self.drop))

    def grouped(self) -> Manifest:
        """Returns the manifest with duplicates grouped, so that ``split`` keeps them together.

        Groups of duplicates are merged with groups that the manifest has already.
        """
        names = list(self.manifest.paths)
        for group in self.groups:
            for row in group:
                names[row] = self.manifest.paths[min(group)]
        return join_groups(self.manifest, names)

    @cached_property
    def similarity(self) -> npt.NDArray[np.float32]:
        """The similarity of each file to the most similar one, or 0; float32, (num_samples,)."""
        best = np.zeros(len(self.manifest), np.float32)
        for rows in (self.pairs.first, self.pairs.second):
            np.maximum.at(best, rows, self.pairs.similarity)
        return best

    def list_similarities(self, rows: Sequence[int]) -> list[float]:
        """Returns the similarity of each row to the most similar file, rounded.

        It is 1 for a file that is listed several times in ``rows``.
        """
        files = self.files[np.array(rows, np.int64)].tolist()
        counts = Counter(files)
        return [
            1.0 if counts[file] > 1 else round(float(self.similarity[file]), 4) for file in files
        ]

    def get_label(self, row: int) -> str | None:
        """Returns the class name of a row; None if the manifest has no labels."""
        labels = self.manifest.labels
        return None if labels is None else self.manifest.class_names[labels[row]]

    def get_conflict(self, row: int) -> str:
        """Returns what differs between the rows that show the same image; empty if nothing does."""
        return ", ".join(self.undecided[row].columns) if row in self.undecided else ""

    def contrast_labels(self, rows: Sequence[int]) -> list[int]:
        """Returns rows in another order: first one of each label, then the others."""
        first_with: dict[str | None, int] = {}
        for row in rows:
            first_with.setdefault(self.get_label(row), row)
        chosen = set(first_with.values())
        return [*first_with.values(), *(row for row in rows if row not in chosen)]

    def describe_row(self, row: int, best: int) -> str:
        """Describes a file of a group without a conflict: "keep", or its likeness to others.

        Args:
            row: The row of the file.
            best: The row of the file of its group that is kept.
        """
        if row == best:
            return "keep"
        if self.exact[row] == self.exact[best]:
            return "same bytes"
        return f"similarity {self.similarity[row]:.3f}"

    def list_groups(self) -> list[tuple[int, ...]]:
        """Returns the rows of all conflicts, differing labels first, and of the other groups."""
        return [
            tuple(self.contrast_labels(rows)) if rows[0] in self.undecided else rows
            for rows in self._listed()
        ]

    def show_row(self, row: int, *caption: str, color: str = "") -> Picture:
        """Returns the thumbnail of a row, if there is one, with its file name as first caption."""
        path = self.manifest.paths[row]
        return Picture(self.thumbnails.get(path), (path, *caption), path, color)

    def __repr__(self) -> str:
        return f"Duplicates({'; '.join(self._summary())})"

    def _repr_html_(self) -> str:
        shown = []
        for group in self.list_groups()[:MAX_SHOWN_GROUPS]:
            differs = self.get_conflict(group[0])
            if differs:
                shown.append(format_paragraph(f"different {differs}", BAD))
            shown.append(
                format_pictures(
                    self.show_row(row, self.get_label(row) or "")
                    if differs
                    else self.show_row(
                        row,
                        self.describe_row(row, group[0]),
                        color=GOOD if row == group[0] else BAD,
                    )
                    for row in group[:MAX_SHOWN_FILES]
                )
            )
            shown.append(format_rest(len(group) - MAX_SHOWN_FILES, "file", " in this group"))
        num_left_out = len(self.list_groups()) - MAX_SHOWN_GROUPS
        shown.append(format_rest(num_left_out, "group", "; to_frame() has all of them"))
        return format_block("Duplicates", self._summary(), *shown)

    def _summary(self) -> list[str]:
        conflicts, unreadable = len(self.conflicts), len(self.unreadable)
        return [
            f"{pluralize(len(self.manifest), 'file')} in {self.manifest.root!r}",
            pluralize(len(self.groups), "group"),
            f"{pluralize(len(self.drop), 'file')} to drop",
            *([f"{pluralize(conflicts, 'image')} with different annotations"] if conflicts else []),
            *([f"{pluralize(unreadable, 'file')} cannot be read"] if unreadable else []),
            f"threshold {self.threshold}",
        ]

    def _metadata(self) -> dict[str, Any]:
        return {
            "conflicts": [
                {
                    "differs": list(conflict.columns),
                    "paths": [self.manifest.paths[row] for row in conflict.rows],
                    "labels": [self.get_label(row) for row in conflict.rows],
                }
                for conflict in self.conflicts
            ],
            "root": self.manifest.root,
            "num_files": len(self.manifest),
            "threshold": self.threshold,
            "background": self.background,
            "unreadable": self.unreadable,
            "invisible": self.invisible,
        }

    def _rows(self) -> list[tuple[object, ...]]:
        distinct = self.exact[np.unique(self.files)]
        copies = np.bincount(distinct, minlength=len(self.exact))[self.exact]
        rows: list[tuple[object, ...]] = []
        for number, group in enumerate(self._listed()):
            for row, similarity in zip(group, self.list_similarities(group), strict=True):
                facts = self.facts.get(int(self.files[row]))
                rows.append(
                    (
                        number,
                        self.get_conflict(row),
                        self.manifest.paths[row],
                        row == group[0] or row in self.undecided,
                        bool(copies[row] > 1),
                        similarity,
                        self.get_label(row),
                        facts.width if facts else None,
                        facts.height if facts else None,
                        facts.num_bytes if facts else None,
                    )
                )
        return rows

    def _listed(self) -> list[tuple[int, ...]]:
        """Returns the rows of all conflicts, and of the groups without one."""
        others = [group for group in self.groups if group[0] not in self.undecided]
        return [conflict.rows for conflict in self.conflicts] + others
