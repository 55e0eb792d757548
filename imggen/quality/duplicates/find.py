"""``find_duplicates``: the files of a manifest that show the same picture."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, check_number, write_records
from imggen.data import Manifest
from imggen.errors import ImageError
from imggen.quality.duplicates.fingerprints import THUMB_SIDE, thumb_of
from imggen.quality.duplicates.similarity import THRESHOLD, Pairs, similar_pairs
from imggen.quality.image_check import ImageFacts, examine, quiet_pillow
from imggen.splitting import join_groups
from imggen.workers import Progress, ThreadMap

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
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


@final
@dataclass(frozen=True, eq=False)
class Duplicates:
    """Groups of files that show the same picture.

    Attributes:
        manifest: All files that were looked at, with ``hashes`` if all could be read.
        threshold: The least similarity of a pair.
        pairs: Which files are similar to which, by row of the manifest, and how much. Files that
            are equal are paired with the first of them only.
        near_misses: Some of the pairs that are a little less similar than ``threshold``.
        groups: Rows of the manifest: of each group the one to keep first (the one with most pixels,
            of those the largest file, of those the first), then the others in order. A group is
            what pairs connect, so its ends may be less similar than ``threshold``.
        exact: For each row, the first row with the same bytes; shape (num_samples,).
        files: For each row, the first row that lists the same file; shape (num_samples,). Only
            these are in pairs and groups: a file that a table lists several times is no duplicate.
        facts: What is known of the files in groups, by row; None for those that cannot be opened.
        unreadable: Paths of files that cannot be read, and were compared by their bytes at most.
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

    @property
    def drop(self) -> tuple[int, ...]:
        """The rows that could go: all but those of the file to keep of each group; sorted."""
        dropped = [row for group in self.groups for row in group[1:]]
        return tuple(np.flatnonzero(np.isin(self.files, dropped)).tolist())

    def kept(self) -> Manifest:
        """The manifest without those."""
        return self.manifest.take(np.setdiff1d(np.arange(len(self.manifest)), self.drop))

    def grouped(self) -> Manifest:
        """The manifest with each group of duplicates in one group, so that ``split`` keeps it.

        Groups that the manifest has already are joined with them.
        """
        names = list(self.manifest.paths)
        for group in self.groups:
            for row in group:
                names[row] = self.manifest.paths[min(group)]
        return join_groups(self.manifest, names)

    @cached_property
    def similarity(self) -> npt.NDArray[np.float32]:
        """How similar each file is to the one that is most like it, 0 without any; float32."""
        best = np.zeros(len(self.manifest), np.float32)
        for rows in (self.pairs.first, self.pairs.second):
            np.maximum.at(best, rows, self.pairs.similarity)
        return best

    def to_frame(self) -> pd.DataFrame:
        """A row for each file that is in a group.

        Columns: ``group`` (from 0), ``path``, ``keep``, ``is_exact`` (whether another file of the
        group has the same bytes), ``similarity`` (to the file that is most like it), ``label``,
        ``width``, ``height``, ``num_bytes``.
        """
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=list(_COLUMNS))

    def save(self, file: str | os.PathLike[str]) -> None:
        """Writes these rows as CSV or JSON, by the ending of ``file``, in one step.

        Raises:
            OptionError: Another ending.
            ExportError: It cannot be written.
        """
        facts = {
            "root": self.manifest.root,
            "num_files": len(self.manifest),
            "threshold": self.threshold,
            "unreadable": self.unreadable,
        }
        write_records(file, _COLUMNS, self._rows(), facts)

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


def find_duplicates(
    manifest: Manifest,
    *,
    near: bool = True,
    threshold: float = THRESHOLD,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Duplicates:
    """Finds files with the same bytes, and pictures that were resized, compressed or cropped.

    Found are copies of another size, quality or format, brighter or gray ones, and crops of up to
    8 % of each side. Not found are mirrored and rotated copies, larger crops, and pictures that are
    of the same thing but were taken anew. 100,000 files take about 1.7 GB.

    Args:
        manifest: The files.
        near: Look for pictures that look the same; False: for files with the same bytes only.
        threshold: The least similarity, above 0, up to 1: after one picture was laid over the
            other as well as can be, the correlation of their edges (differences between
            neighbouring pixels, at 32 x 32). Copies reach 0.97; different pictures with much in
            common, as hands before one wall, up to 0.91. Pictures below about 32 pixels a side
            are not told apart well; raise it for those.
        workers: The number of threads. None: one for each core that may be used.
        progress: Called with ("comparing", files read, files in all) now and then.

    Raises:
        OptionError: A threshold out of its range.

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
    seen, unreadable = [], []
    read = partial(_fingerprint, near=near)
    with quiet_pillow():
        paths = [manifest.filepath(row) for row in distinct.tolist()]
        found = ThreadMap(workers).imap_with_progress("comparing", read, paths, progress)
        for row, fingerprint in zip(distinct.tolist(), found, strict=True):
            if fingerprint.digest is not None:
                digests[row] = fingerprint.digest
                exact[row] = first_with.setdefault(fingerprint.digest, row)
            if fingerprint.thumb is not None:
                thumbs[row] = fingerprint.thumb
                seen.append(row)
            elif near or fingerprint.digest is None:
                unreadable.append(manifest.paths[row])
    copies = distinct[exact[distinct] != distinct]
    exact = exact[files]
    pairs = Pairs(exact[copies], copies, np.ones(len(copies), np.float32))
    near_misses = pairs.where(np.zeros(len(copies), bool))
    if near:
        rows = np.setdiff1d(np.array(seen, np.int64), copies)
        first, second, similarity = similar_pairs(thumbs[rows], threshold)
        alike = Pairs(rows[first], rows[second], similarity)
        near_misses = alike.where(similarity < threshold)
        alike = alike.where(similarity >= threshold)
        pairs = Pairs(
            np.concatenate([pairs.first, alike.first]),
            np.concatenate([pairs.second, alike.second]),
            np.concatenate([pairs.similarity, alike.similarity]),
        )
    connected = _connected(pairs, len(manifest))
    with quiet_pillow():
        facts = {
            row: examine(manifest.root, manifest.paths[row], decode=False).facts
            for group in connected
            for row in group
        }
    if len(digests) == len(distinct):
        hashes = StringColumn.of(digests[row] for row in files.tolist())
        manifest = dataclasses.replace(manifest, hashes=hashes)
    return Duplicates(
        manifest,
        threshold,
        pairs,
        near_misses,
        tuple(_best_first(group, facts) for group in connected),
        exact,
        files,
        facts,
        tuple(unreadable),
    )


def _first_rows(manifest: Manifest) -> npt.NDArray[np.int64]:
    """For each row, the first that lists the same file."""
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


def _fingerprint(path: str, *, near: bool) -> _Fingerprint:
    """Reads a file once; None for what cannot be had of it."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return _Fingerprint(None, None)
    digest = hashlib.sha256(data).hexdigest()
    try:
        return _Fingerprint(digest, thumb_of(data) if near else None)
    except ImageError:
        return _Fingerprint(digest, None)


def _connected(pairs: Pairs, num_rows: int) -> list[list[int]]:
    """Rows that pairs connect, in order of their first."""
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


def _best_first(group: list[int], facts: Mapping[int, ImageFacts | None]) -> tuple[int, ...]:
    def worth(row: int) -> tuple[int, int, int]:
        known = facts[row]
        return (known.width * known.height, known.num_bytes, -row) if known else (0, 0, -row)

    best = max(group, key=worth)
    return best, *(row for row in group if row != best)
