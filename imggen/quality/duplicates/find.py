"""Groups of duplicate files in a manifest."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import Report, StringColumn, check_arguments, check_number
from imggen.data import Manifest
from imggen.errors import ImageError
from imggen.quality.duplicates.fingerprints import THUMB_SIDE, compute_thumb
from imggen.quality.duplicates.similarity import THRESHOLD, Pairs, similar_pairs
from imggen.quality.image_check import ImageFacts, read_facts, silence_pillow
from imggen.splitting import join_groups
from imggen.workers import Progress, ThreadMap


@final
@dataclass(frozen=True, eq=False)
class Duplicates(Report):
    """Groups of files that show the same image.

    ``to_frame`` has a row per file in a group; columns ``group`` (from 0), ``path``, ``keep``,
    ``is_exact`` (whether another file of the group has the same bytes), ``similarity`` (to the most
    similar file), ``label``, ``width``, ``height``, ``num_bytes``.

    Attributes:
        manifest: All files that were compared, with ``hashes`` if all could be read.
        threshold: The minimum similarity of a pair.
        pairs: The pairs of similar files, by row of the manifest, and their similarity. Equal files
            are paired with the first of them only.
        near_misses: Some of the pairs that are slightly less similar than ``threshold``.
        groups: Rows of the manifest: in each group first the file to keep (the one with the most
            pixels, then the largest file, then the first), then the others in order. Pairs that
            share a file are joined, so two files of a group may be less similar than ``threshold``.
        exact: For each row, the first row with the same bytes; shape (num_samples,).
        files: For each row, the first row that lists the same file; shape (num_samples,). Only
            these are in pairs and groups: a file that is listed several times is not a duplicate.
        facts: The facts of the files in groups, by row; None for those that cannot be opened.
        unreadable: The paths of files that could not be decoded, and were compared by their bytes
            if these could be read.
    """

    manifest: Manifest
    threshold: float
    pairs: Pairs
    near_misses: Pairs
    groups: tuple[tuple[int, ...], ...]
    exact: npt.NDArray[np.int64]
    files: npt.NDArray[np.int64]
    facts: Mapping[int, ImageFacts | None]
    unreadable: tuple[str, ...]

    _COLUMNS: ClassVar[tuple[str, ...]] = (
        "group",
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
        """The rows to drop: all of each group but those of the file to keep; sorted."""
        dropped = [row for group in self.groups for row in group[1:]]
        return tuple(np.flatnonzero(np.isin(self.files, dropped)).tolist())

    def deduplicate(self) -> Manifest:
        """Returns the manifest without these rows."""
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

    def _metadata(self) -> dict[str, Any]:
        return {
            "root": self.manifest.root,
            "num_files": len(self.manifest),
            "threshold": self.threshold,
            "unreadable": self.unreadable,
        }

    def _rows(self) -> list[tuple[object, ...]]:
        labels = self.manifest.labels
        distinct = self.exact[np.unique(self.files)]
        copies = np.bincount(distinct, minlength=len(self.exact))[self.exact]
        rows: list[tuple[object, ...]] = []
        for number, group in enumerate(self.groups):
            for row in group:
                facts = self.facts[row]
                rows.append(
                    (
                        number,
                        self.manifest.paths[row],
                        row == group[0],
                        bool(copies[row] > 1),
                        round(float(self.similarity[row]), 4),
                        None if labels is None else self.manifest.class_names[labels[row]],
                        facts.width if facts else None,
                        facts.height if facts else None,
                        facts.num_bytes if facts else None,
                    )
                )
        return rows


@check_arguments
def find_duplicates(
    manifest: Manifest,
    *,
    near: bool = True,
    threshold: float = THRESHOLD,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Duplicates:
    """Finds files with the same bytes, and images that were resized, compressed or cropped.

    It finds copies of another size, quality or format, brighter or gray copies, and crops of up to
    8 % of each side. It does not find mirrored or rotated copies, larger crops, or different
    photographs of the same subject. 100,000 files take about 1.7 GB of memory.

    Args:
        manifest: The files.
        near: Also find images that look the same. False: only files with the same bytes.
        threshold: The minimum similarity of near-duplicates, above 0 and at most 1: the correlation
            of the edges of the two images (differences between neighboring pixels, at 32 x 32)
            after they were aligned. Copies reach 0.97; different images with much in common, such
            as hands in front of one wall, up to 0.91. Images below about 32 pixels per side are
            hard to distinguish; raise the threshold for those.
        workers: The number of threads. None: one per usable core.
        progress: Called with ("comparing", files read, total number of files) from time to time.

    Raises:
        OptionError: The threshold is out of range.

    Example:
        >>> find_duplicates(manifest).groups
        ()
    """
    threshold = check_number("threshold", threshold, above=0, maximum=1)
    files = _first_rows(manifest)
    distinct = np.unique(files)
    thumbs = np.zeros((len(manifest) if near else 0, THUMB_SIDE, THUMB_SIDE), np.uint8)
    digests: dict[int, str] = {}
    first_with: dict[str, int] = {}
    exact = np.arange(len(manifest))
    decoded, unreadable = [], []
    compute = partial(_fingerprint_file, near=near)
    with silence_pillow():
        paths = [manifest.filepath(row) for row in distinct.tolist()]
        found = ThreadMap(workers).imap_with_progress("comparing", compute, paths, progress)
        for row, fingerprint in zip(distinct.tolist(), found, strict=True):
            if fingerprint.digest is not None:
                digests[row] = fingerprint.digest
                exact[row] = first_with.setdefault(fingerprint.digest, row)
            if fingerprint.thumb is not None:
                thumbs[row] = fingerprint.thumb
                decoded.append(row)
            elif near or fingerprint.digest is None:
                unreadable.append(manifest.paths[row])
    copies = distinct[exact[distinct] != distinct]
    exact = exact[files]
    pairs = Pairs(exact[copies], copies, np.ones(len(copies), np.float32))
    near_misses = pairs.where(np.zeros(len(copies), bool))
    if near:
        rows = np.setdiff1d(np.array(decoded, np.int64), copies)
        first, second, similarity = similar_pairs(thumbs[rows], threshold)
        similar = Pairs(rows[first], rows[second], similarity)
        near_misses = similar.where(similarity < threshold)
        similar = similar.where(similarity >= threshold)
        pairs = Pairs(
            np.concatenate([pairs.first, similar.first]),
            np.concatenate([pairs.second, similar.second]),
            np.concatenate([pairs.similarity, similar.similarity]),
        )
    groups = _connect(pairs, len(manifest))
    with silence_pillow():
        facts = {
            row: read_facts(manifest.root, manifest.paths[row]) for group in groups for row in group
        }
    if len(digests) == len(distinct):
        hashes = StringColumn.of(digests[row] for row in files.tolist())
        manifest = dataclasses.replace(manifest, hashes=hashes)
    return Duplicates(
        manifest,
        threshold,
        pairs,
        near_misses,
        tuple(_put_best_first(group, facts) for group in groups),
        exact,
        files,
        facts,
        tuple(unreadable),
    )


def _first_rows(manifest: Manifest) -> npt.NDArray[np.int64]:
    """Returns, for each row, the first row that lists the same file."""
    first: dict[str, int] = {}
    return np.array(
        [
            first.setdefault(os.path.normpath(path), row)
            for row, path in enumerate(manifest.filepaths)
        ],
        np.int64,
    )


class _Fingerprint(NamedTuple):
    digest: str | None
    thumb: npt.NDArray[np.uint8] | None


def _fingerprint_file(path: str, *, near: bool) -> _Fingerprint:
    """Computes the digest and thumbnail of a file, reading it once; None for what fails."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return _Fingerprint(None, None)
    digest = hashlib.sha256(data).hexdigest()
    try:
        return _Fingerprint(digest, compute_thumb(data) if near else None)
    except ImageError:
        return _Fingerprint(digest, None)


def _connect(pairs: Pairs, num_rows: int) -> list[list[int]]:
    """Returns groups of rows that pairs connect, ordered by their first row."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array(
        (np.ones(len(pairs.first), bool), (pairs.first, pairs.second)), shape=(num_rows, num_rows)
    )
    _, component_of = connected_components(links, directed=False)
    groups: dict[int, list[int]] = {}
    for row in np.unique(np.concatenate([pairs.first, pairs.second])).tolist():
        groups.setdefault(int(component_of[row]), []).append(row)
    return list(groups.values())


def _put_best_first(group: list[int], facts: Mapping[int, ImageFacts | None]) -> tuple[int, ...]:
    def rank(row: int) -> tuple[int, int, int]:
        fact = facts[row]
        return (fact.width * fact.height, fact.num_bytes, -row) if fact else (0, 0, -row)

    best = max(group, key=rank)
    return best, *(row for row in group if row != best)
