"""The search for duplicate files in a manifest."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, check_arguments, check_number
from imggen.data import Manifest, Source, as_manifest, scan_labeled
from imggen.decode import BackgroundLike, ImageSpec
from imggen.errors import ImageError
from imggen.quality.duplicates.conflicts import find_conflicts
from imggen.quality.duplicates.fingerprints import Fingerprint, Fingerprints, compute_fingerprint
from imggen.quality.duplicates.result import MAX_SHOWN_FILES, MAX_SHOWN_GROUPS, Duplicates
from imggen.quality.duplicates.similarity import THRESHOLD, Pairs, similar_pairs
from imggen.quality.example_pictures import make_example_pictures
from imggen.quality.image_check import ImageFacts, read_facts, silence_pillow
from imggen.stores import open_file
from imggen.workers import Engine, Progress, check_engine, map_slices


@check_arguments
def find_duplicates(
    manifest: Source,
    *,
    near: bool = True,
    threshold: float = THRESHOLD,
    background: BackgroundLike = "white",
    engine: Engine = "local",
    address: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Duplicates:
    """Finds files with the same bytes, and images that were resized, compressed or cropped.

    It finds copies of another size, quality or format, brighter, paler or gray copies, and crops of
    up to 8 % of each side. It does not find mirrored or rotated copies, negatives, toned copies
    (such as sepia), larger crops, or different photographs of the same subject. Images that differ
    in color or in transparency are not duplicates, even if their gray levels are equal. Details
    smaller than about 1/32 of a side, such as a digit on a page of text, are not seen: images that
    differ in nothing else are duplicates, and so are the frames of a burst.

    Pairs and groups do not depend on the order of the files. Pairs that share a file are joined
    into one group, as in ``split``, so that a group is a chain in which neighbors are similar.

    100,000 files take about 1.8 GB of memory.

    Args:
        manifest: The files: a manifest, a table (.csv or .parquet), or a folder, whose images at
            any depth are compared.
        near: Also find images that look the same. False: only files with the same bytes.
        threshold: The minimum similarity of near-duplicates, above 0 and at most 1. The similarity
            is the smaller of two values, both measured after the images were aligned: the
            correlation of their edges (differences between neighboring pixels, at 32 x 32), and the
            agreement of their colors and opacity, which is 1 if these are equal, and 0.95 if they
            differ by 28 of 255 levels in the two regions of 16 x 16 that differ most. Copies
            reach 0.96; different images with much in common, such as hands in front of one wall, up
            to 0.91. Images below about 32 pixels per side are hard to distinguish; raise the
            threshold for those.
        background: The background that transparent pixels are composited onto: "white", "black",
            another color name, "#rrggbb", (red, green, blue) from 0 to 255, or "checker". Images
            of which nothing is visible on it are listed as ``invisible``.
        engine: "local": threads of this machine. "ray": a Ray cluster; see docs/cluster.md.
        address: For "ray", the cluster; see docs/cluster.md. None: one that is started for this
            call.
        workers: The number of threads; on Ray, the largest number of tasks at a time. None: one
            per usable core.
        progress: Called with ("comparing", files read, total number of files) from time to time;
            on Ray with ("shards of comparing", shards done, all shards).

    Raises:
        OptionError: The threshold is out of range, the background is not a color, the engine is
            not known, or an address is given for "local".
        ScanError: Same as ``scan``.
        ManifestError: The table is missing or invalid.
        MissingExtraError: ``engine="ray"``, and Ray is not installed.
        WorkerError: The cluster cannot be reached, a node does not have the folder, or a worker
            ended again and again.

    Example:
        >>> find_duplicates(manifest).groups
        ()
    """
    check_engine(engine, address, workers)
    threshold = check_number("threshold", threshold, above=0, maximum=1)
    background = ImageSpec(background=background).background
    manifest = as_manifest(manifest, scan_labeled)
    files = _first_rows(manifest)
    distinct = np.unique(files)
    contents = map_slices(
        partial(_read_slice, near=near, background=background, known=set()),
        [manifest.filepath(row) for row in distinct.tolist()],
        manifest.root,
        engine=engine,
        address=address,
        workers=workers,
        task="comparing",
        progress=progress,
    )
    read = _read_files(manifest, distinct, contents, near)
    copies = distinct[read.exact[distinct] != distinct]
    exact = read.exact[files]
    pairs = Pairs(exact[copies], copies, np.ones(len(copies), np.float32))
    near_misses = pairs.where(np.zeros(len(copies), bool))
    if near:
        first, second, similarity = similar_pairs(read.prints.take(read.decoded), threshold)
        similar = Pairs(read.decoded[first], read.decoded[second], similarity)
        near_misses = similar.where(similarity < threshold)
        similar = similar.where(similarity >= threshold)
        pairs = Pairs.join([pairs, similar])
    groups = _connect(pairs, len(manifest))
    conflicts = find_conflicts(manifest, groups, exact, files)
    listed = {int(files[row]) for conflict in conflicts for row in conflict.rows}
    with silence_pillow():
        facts = {
            row: read_facts(manifest.root, manifest.paths[row])
            for row in sorted(listed.union(*groups))
        }
    contradictory = {row for conflict in conflicts for row in conflict.rows}
    groups.sort(key=lambda group: group[0] not in contradictory)
    if len(read.digests) == len(distinct):
        hashes = StringColumn.of(read.digests[row] for row in files.tolist())
        manifest = dataclasses.replace(manifest, hashes=hashes)
    found = Duplicates(
        manifest=manifest,
        threshold=threshold,
        pairs=pairs,
        near_misses=near_misses,
        groups=tuple(_put_best_first(group, facts) for group in groups),
        conflicts=conflicts,
        exact=exact,
        files=files,
        facts=facts,
        unreadable=read.unreadable,
        invisible=read.invisible,
        background=background,
        thumbnails={},
    )
    shown = [
        manifest.paths[row]
        for group in found.list_groups()[:MAX_SHOWN_GROUPS]
        for row in group[:MAX_SHOWN_FILES]
    ]
    thumbnails = make_example_pictures(manifest.root, shown, len(shown), background)
    return dataclasses.replace(found, thumbnails=thumbnails)


def _first_rows(manifest: Manifest) -> npt.NDArray[np.int64]:
    """Returns, for each row, the first row that lists the same file."""
    first: dict[str, int] = {}
    return np.array(
        [
            first.setdefault(os.path.normpath(os.path.join(manifest.root, path)), row)
            for row, path in enumerate(manifest.paths)
        ],
        np.int64,
    )


class _FilesRead(NamedTuple):
    """The content of files, by row of the manifest.

    Attributes:
        digests: The SHA-256 of each file that could be read.
        exact: For each row, the first row with the same bytes; shape (num_samples,).
        prints: The fingerprints, for each row.
        decoded: The rows that have a fingerprint: of files with the same bytes, only the first.
        unreadable: The paths of files that could not be read, or not decoded.
        invisible: The paths of images of which nothing is visible.
    """

    digests: dict[int, str]
    exact: npt.NDArray[np.int64]
    prints: Fingerprints
    decoded: npt.NDArray[np.int64]
    unreadable: tuple[str, ...]
    invisible: tuple[str, ...]


def _read_files(
    manifest: Manifest,
    rows: npt.NDArray[np.int64],
    contents: Iterable[_Content],
    near: bool,
) -> _FilesRead:
    prints = Fingerprints.allocate(len(manifest) if near else 0)
    digests: dict[int, str] = {}
    first_with: dict[str, int] = {}
    exact = np.arange(len(manifest))
    decoded: list[int] = []
    unreadable, invisible = set(), set()
    with silence_pillow():
        for row, content in zip(rows.tolist(), contents, strict=True):
            if content.digest is None:
                unreadable.add(row)
                continue
            digests[row] = content.digest
            # A later file with the same bytes may have been decoded instead of the first.
            first = exact[row] = first_with.setdefault(content.digest, row)
            if content.fingerprint is not None:
                prints.gray[first], prints.color[first] = content.fingerprint
                decoded.append(first)
            elif content.is_invisible:
                invisible.add(first)
            elif content.is_unreadable:
                unreadable.add(first)
    unreadable_paths, invisible_paths = (
        tuple(manifest.paths[row] for row in rows.tolist() if int(exact[row]) in some)
        for some in (unreadable, invisible)
    )
    return _FilesRead(
        digests,
        exact,
        prints,
        np.unique(np.array(decoded, np.int64)),
        unreadable_paths,
        invisible_paths,
    )


class _Content(NamedTuple):
    """The content of a file; without a digest if it cannot be read."""

    digest: str | None
    fingerprint: Fingerprint | None = None
    is_invisible: bool = False
    is_unreadable: bool = False


def _read_slice(
    paths: Sequence[str], near: bool, background: BackgroundLike, known: set[str]
) -> list[_Content]:
    return [_read_file(path, near=near, background=background, known=known) for path in paths]


def _read_file(path: str, *, near: bool, background: BackgroundLike, known: set[str]) -> _Content:
    """Reads a file, and computes its fingerprint unless another file has the same bytes.

    Args:
        path: The file.
        near: Compute the fingerprint.
        background: See ``find_duplicates``.
        known: The digests of files that were decoded; the file's is added.
    """
    try:
        with open_file(path) as file:
            data = file.read()
    except OSError:
        return _Content(None)
    digest = hashlib.sha256(data).hexdigest()
    if not near or digest in known:
        return _Content(digest)
    known.add(digest)
    try:
        fingerprint = compute_fingerprint(data, background)
    except ImageError:
        return _Content(digest, is_unreadable=True)
    return _Content(digest, fingerprint, is_invisible=fingerprint is None)


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
