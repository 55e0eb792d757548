"""Pairs of near-duplicates, found from fingerprints, and their similarity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.quality.duplicates.alignment import align, measure_similarity, shrink
from imggen.quality.duplicates.color_agreement import measure_color_agreement
from imggen.quality.duplicates.components import Components
from imggen.quality.duplicates.fingerprints import (
    Fingerprints,
    compute_window_hashes,
    hashed_windows,
)
from imggen.quality.duplicates.hash_index import HashIndex

THRESHOLD = 0.95
"""Copies of photographs that were resized, compressed, cropped or brightened reach 0.96 to 1;
different images that look much alike, such as hands in front of one wall, reach at most 0.91."""

# The number of bits in which the hash of a copy may differ from that of a window of its original.
# Of 1,200 copies with 1 to 8 % cropped from one or each side, none differed in more, 3 in more
# than 6.
_RADIUS = 8

# Limits for sets in which everything resembles everything, such as thousands of frames of one
# camera. Below them, every pair within the radius is compared, so that whether two images are
# similar depends on these two only.
# Per image; those with the nearest hashes are compared. Of 2,062 photographs of hands, none has
# more than 83.
_MAX_CANDIDATES = 96
# Of more images than this with the same hash, those similar to one of them are represented by it.
_MAX_EQUAL_HASHES = 64
# Of a group of more images than this, those that are connected already are not compared again.
_MAX_COMPLETE = 32

# A coarse comparison, at 16x16 pixels, rejects most candidates. Coarse structure correlates better
# than the edges that decide in the end, but is aligned less accurately, hence the slack.
_COARSE_SIDE, _COARSE_STEPS, _SLACK = 16, 2, 0.05

# From this similarity on, or the threshold, two images are compared in one direction only.
_SUFFICIENT = 0.98

_BATCH_SIZE = 512

_Rows = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]


class Pairs(NamedTuple):
    """Pairs of similar images; three arrays of the same length, sorted by the first two.

    Attributes:
        first: int64, positions of images.
        second: int64, positions of the other images, always greater than ``first``.
        similarity: float32, 0 to 1.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    similarity: _Floats

    def __repr__(self) -> str:
        if not len(self.first):
            return "Pairs(none)"
        least, most = self.similarity.min(), self.similarity.max()
        return f"Pairs({len(self.first):,} pairs; similarity {least:.3f} to {most:.3f})"

    @classmethod
    def join(cls, some: Sequence[Pairs]) -> Pairs:
        """Returns the pairs of several, in order; no pairs of none."""
        return cls(
            np.concatenate([np.empty(0, np.int64), *(pairs.first for pairs in some)]),
            np.concatenate([np.empty(0, np.int64), *(pairs.second for pairs in some)]),
            np.concatenate([np.empty(0, np.float32), *(pairs.similarity for pairs in some)]),
        )

    def where(self, mask: npt.NDArray[np.bool_]) -> Pairs:
        """Returns the pairs selected by a mask of shape (num_pairs,)."""
        return Pairs(self.first[mask], self.second[mask], self.similarity[mask])


class _Candidates(NamedTuple):
    """Pairs that may be similar: images ``whole``, and windows of the images ``cropped``."""

    whole: _Rows
    cropped: _Rows
    window: _Rows
    distance: npt.NDArray[np.uint8]

    def take(self, selection: npt.NDArray[Any] | slice) -> _Candidates:
        return _Candidates(
            self.whole[selection],
            self.cropped[selection],
            self.window[selection],
            self.distance[selection],
        )


def similar_pairs(prints: Fingerprints, threshold: float = THRESHOLD) -> Pairs:
    """Finds near-duplicates.

    The pairs and their similarity do not depend on the order of the images, and whether two images
    are similar does not depend on the other images, except for the limits below.

    Images with equal fingerprints are paired with the first of them only, which represents them in
    all other pairs: ten thousand black images give 9,999 pairs, not 50 million. Groups of
    duplicates are the connected components of the pairs.

    Args:
        prints: The fingerprints of the images.
        threshold: The minimum similarity of a pair, above 0 and at most 1.

    Returns:
        Pairs with a similarity of at least ``threshold``, and some that miss it by at most 0.05.
        The similarity is the smaller of that of the edges (see ``measure_similarity``) and that
        of the colors and the opacity (see ``measure_color_agreement``). Of an image with more than
        96 candidates, such as among the frames of one camera, only the 96 with the nearest hashes
        are compared; of more than 64 images with the same hash, those similar to one of them are
        compared with no others; in groups of more than 32 images, some pairs are left out. None of
        these depends on the order of the images.
    """
    equal, distinct = _find_equal(prints)
    # An image of one gray level has no structure; only equal ones are duplicates.
    has_structure = prints.gray.max((1, 2)) > prints.gray.min((1, 2))
    comparison = _Comparison(prints, distinct[has_structure[distinct]], threshold)
    first, second, similarity = Pairs.join([equal, *comparison.run()])
    # A pair may have been compared twice, with the same result.
    order = np.lexsort((-similarity, second, first))
    first, second, similarity = first[order], second[order], similarity[order]
    is_new = np.ones(len(first), bool)
    is_new[1:] = (np.diff(first) != 0) | (np.diff(second) != 0)
    return Pairs(first[is_new], second[is_new], similarity[is_new])


def _find_equal(prints: Fingerprints) -> tuple[Pairs, _Rows]:
    """Pairs images of equal fingerprints with the first of them.

    Returns:
        The pairs, and the first image of each fingerprint, in an order that depends on the
        fingerprints only.
    """
    first_with: dict[bytes, int] = {}
    first = np.empty(len(prints.gray), np.int64)
    for number, (gray, color) in enumerate(zip(*prints, strict=True)):
        digest = hashlib.blake2b(gray.tobytes(), digest_size=16)
        digest.update(color.tobytes())
        first[number] = first_with.setdefault(digest.digest(), number)
    second = np.flatnonzero(first < np.arange(len(first)))
    distinct = np.array([row for _, row in sorted(first_with.items())], np.int64)
    return Pairs(first[second], second, np.ones(len(second), np.float32)), distinct


@final
class _Comparison:
    """The comparison of images of distinct fingerprints.

    Images are numbered by their position in ``rows``, the order of their fingerprints: ties are
    broken by it, so that the result does not depend on the order of the images.
    """

    def __init__(self, prints: Fingerprints, rows: _Rows, threshold: float) -> None:
        self._prints, self._rows, self._threshold = prints, rows, threshold
        self._coarse = _shrink(prints.gray, rows)
        self._hashes = compute_window_hashes(prints.gray)[rows]
        self._sufficient = max(threshold, _SUFFICIENT)
        self._components = Components(len(rows))

    def run(self) -> Iterator[Pairs]:
        """Finds the pairs of similar rows, and of those that are slightly less similar."""
        represented = np.zeros(len(self._rows), bool)
        pairs = self._compare(self._find_equal_hashes())
        represented[pairs.second[pairs.similarity >= self._threshold]] = True
        yield self._number_rows(pairs)
        for candidates in self._find_near_hashes(np.flatnonzero(~represented)):
            yield self._number_rows(self._compare(candidates))

    def _find_equal_hashes(self) -> _Candidates:
        """Finds the pairs of the first of many images with the same hash and each other."""
        _, first, kind, counts = np.unique(
            self._hashes[:, 0], return_index=True, return_inverse=True, return_counts=True
        )
        is_other = (counts[kind] > _MAX_EQUAL_HASHES) & (first[kind] != np.arange(len(kind)))
        others = np.flatnonzero(is_other)
        zeros = np.zeros(len(others), np.int64)
        return _Candidates(first[kind[others]], others, zeros, zeros.astype(np.uint8))

    def _find_near_hashes(self, images: _Rows) -> Iterator[_Candidates]:
        """Finds pairs of an image and the window of another whose hash is the nearest to its."""
        num_windows = self._hashes.shape[1]
        index = HashIndex.build(self._hashes[images].ravel(), _RADIUS)
        for near in index.search(self._hashes[images, 0]):
            cropped, window = np.divmod(near.row, num_windows)
            found = _Candidates(near.query, cropped, window, near.distance)
            found = found.take(cropped != near.query)
            found = found.take(
                np.lexsort((found.window, found.distance, found.cropped, found.whole))
            )
            is_nearest = np.ones(len(found.whole), bool)
            is_nearest[1:] = (np.diff(found.whole) != 0) | (np.diff(found.cropped) != 0)
            found = found.take(is_nearest)
            # All candidates of an image are in one batch; only the nearest are compared.
            found = found.take(np.lexsort((found.cropped, found.distance, found.whole)))
            starts = np.searchsorted(found.whole, found.whole)
            found = found.take(np.arange(len(starts)) - starts < _MAX_CANDIDATES)
            yield found._replace(whole=images[found.whole], cropped=images[found.cropped])

    def _compare(self, candidates: _Candidates) -> Pairs:
        """Measures the similarity of candidates; returns those that are at least almost similar."""
        found: list[Pairs] = []
        for low in range(0, len(candidates.whole), _BATCH_SIZE):
            some = candidates.take(np.s_[low : low + _BATCH_SIZE])
            some = some.take(~self._is_connected(some))
            some, reverse = self._choose_direction(some)
            similarity = self._measure(some)
            # Which image is the cropped one is unknown; the larger similarity counts.
            may_gain = (similarity < self._sufficient) & (reverse.distance <= _RADIUS)
            similarity[may_gain] = np.maximum(
                similarity[may_gain], self._measure(reverse.take(may_gain))
            )
            pairs = Pairs(
                np.minimum(some.whole, some.cropped),
                np.maximum(some.whole, some.cropped),
                similarity,
            )
            similar = pairs.where(pairs.similarity >= self._threshold)
            self._components.connect(similar.first, similar.second)
            found.append(pairs.where(pairs.similarity >= self._threshold - _SLACK))
        return Pairs.join(found)

    def _is_connected(self, candidates: _Candidates) -> npt.NDArray[np.bool_]:
        """Whether the images of each pair are in one large group already."""
        sets = self._components.find(candidates.whole)
        is_connected: npt.NDArray[np.bool_] = sets == self._components.find(candidates.cropped)
        return is_connected & (self._components.sizes(sets) > _MAX_COMPLETE)

    def _choose_direction(self, candidates: _Candidates) -> tuple[_Candidates, _Candidates]:
        """Selects each pair once, by the nearer direction; also returns the reverse direction."""
        distances = np.bitwise_count(
            self._hashes[candidates.cropped, :1] ^ self._hashes[candidates.whole]
        )
        window = distances.argmin(axis=1)
        distance = distances[np.arange(len(window)), window]
        reverse = _Candidates(candidates.cropped, candidates.whole, window, distance)
        difference = candidates.distance.astype(int) - distance
        is_chosen = (difference < 0) | ((difference == 0) & (candidates.whole < candidates.cropped))
        return candidates.take(is_chosen), reverse.take(is_chosen)

    def _measure(self, candidates: _Candidates) -> _Floats:
        """Measures similarities; 0 where a coarse comparison rejects a pair."""
        similarity = np.zeros(len(candidates.whole), np.float32)
        if not len(similarity):
            return similarity
        edges, agreement = align(
            self._coarse[candidates.whole],
            self._coarse[candidates.cropped],
            hashed_windows()[candidates.window],
            _COARSE_STEPS,
        )
        promising = np.flatnonzero(agreement >= self._threshold - _SLACK)
        whole, cropped = (
            self._prints.take(self._rows[side[promising]])
            for side in (candidates.whole, candidates.cropped)
        )
        by_edges, edges = measure_similarity(whole.gray, cropped.gray, edges[promising])
        by_color = measure_color_agreement(whole.color, cropped.color, edges)
        similarity[promising] = np.minimum(by_edges, by_color)
        return similarity

    def _number_rows(self, pairs: Pairs) -> Pairs:
        """Returns pairs of positions as pairs of rows of the fingerprints."""
        first, second = self._rows[pairs.first], self._rows[pairs.second]
        return Pairs(np.minimum(first, second), np.maximum(first, second), pairs.similarity)


def _shrink(gray: npt.NDArray[np.uint8], rows: _Rows) -> _Floats:
    coarse = np.empty((len(rows), _COARSE_SIDE, _COARSE_SIDE), np.float32)
    for low in range(0, len(rows), _BATCH_SIZE):
        batch = slice(low, low + _BATCH_SIZE)
        coarse[batch] = shrink(gray[rows[batch]], _COARSE_SIDE)
    return coarse
