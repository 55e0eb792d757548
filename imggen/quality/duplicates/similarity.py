"""Pairs of near-duplicates, found from thumbnails, and their similarity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.quality.duplicates.alignment import align, measure_similarity, shrink
from imggen.quality.duplicates.fingerprints import compute_window_hashes, hashed_windows
from imggen.quality.duplicates.hash_index import HashIndex

THRESHOLD = 0.95
"""Copies of photographs that were resized, compressed, cropped or brightened reach 0.97 to 1;
different images that look much alike, such as hands in front of one wall, reach at most 0.91."""

# The number of bits in which the hash of a copy may differ from that of a window of its original.
# Of 1,200 copies with 1 to 8 % cropped from one or each side, none differed in more, 3 in more
# than 6.
_RADIUS = 8

# Per image. Thousands of frames of one camera are all candidates of each other; copies are among
# the nearest.
_MAX_CANDIDATES = 64

# A coarse comparison, at 16x16 pixels, rejects most candidates. Coarse structure correlates better
# than the edges that decide in the end, but is aligned less accurately, hence the slack.
_COARSE_SIDE, _COARSE_STEPS, _SLACK = 16, 2, 0.05

_BATCH_SIZE = 512

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

    def where(self, mask: npt.NDArray[np.bool_]) -> Pairs:
        """Returns the pairs selected by a mask of shape (num_pairs,)."""
        return Pairs(self.first[mask], self.second[mask], self.similarity[mask])


class _Candidates(NamedTuple):
    """Pairs that may be similar: images ``whole``, and windows of the images ``cropped``."""

    whole: npt.NDArray[np.int64]
    cropped: npt.NDArray[np.int64]
    window: npt.NDArray[np.int64]


def similar_pairs(thumbs: npt.NDArray[np.uint8], threshold: float = THRESHOLD) -> Pairs:
    """Finds near-duplicates.

    Images with equal thumbnails, and similar images with equal hashes, are paired with the first of
    them only, which represents them in all other pairs: ten thousand black images give 9,999 pairs,
    not 50 million. Groups of duplicates are the connected components of the pairs.

    Args:
        thumbs: uint8, shape (num_images, 64, 64), as from ``compute_thumb``.
        threshold: The minimum similarity of a pair, above 0 and at most 1.

    Returns:
        Pairs with a similarity of at least ``threshold`` (see ``measure_similarity``), and some
        that miss it by at most 0.05. Of an image with more than 64 candidates, such as among the
        frames of one camera, only the 64 with the nearest hashes are compared.
    """
    coarse = _shrink_all(thumbs)
    hashes = compute_window_hashes(thumbs)
    found = [_find_equal(thumbs)]
    leaders = np.setdiff1d(np.arange(len(thumbs)), found[0].second)
    candidates = _find_equal_hashes(hashes[leaders, 0])
    found += [_confirm(thumbs, coarse, candidates, leaders, threshold)]
    is_similar = found[1].similarity >= threshold
    leaders = np.setdiff1d(leaders, found[1].second[is_similar])
    for candidates in _find_near_hashes(hashes[leaders]):
        found += [_confirm(thumbs, coarse, candidates, leaders, threshold)]
    first, second, similarity = (np.concatenate(column) for column in zip(*found, strict=True))
    # If a pair was found in both directions, the greater similarity is kept.
    order = np.lexsort((-similarity, second, first))
    first, second, similarity = first[order], second[order], similarity[order]
    is_new = np.ones(len(first), bool)
    is_new[1:] = (np.diff(first) != 0) | (np.diff(second) != 0)
    return Pairs(first[is_new], second[is_new], similarity[is_new])


def _shrink_all(thumbs: npt.NDArray[np.uint8]) -> _Floats:
    coarse = np.empty((len(thumbs), _COARSE_SIDE, _COARSE_SIDE), np.float32)
    for low in range(0, len(thumbs), _BATCH_SIZE):
        rows = slice(low, low + _BATCH_SIZE)
        coarse[rows] = shrink(thumbs[rows], _COARSE_SIDE)
    return coarse


def _find_equal(thumbs: npt.NDArray[np.uint8]) -> Pairs:
    first_with: dict[bytes, int] = {}
    first = np.empty(len(thumbs), np.int64)
    for number, thumb in enumerate(thumbs):
        digest = hashlib.blake2b(thumb.tobytes(), digest_size=16).digest()
        first[number] = first_with.setdefault(digest, number)
    second = np.flatnonzero(first < np.arange(len(first)))
    return Pairs(first[second], second, np.ones(len(second), np.float32))


def _find_equal_hashes(hashes: npt.NDArray[np.uint64]) -> _Candidates:
    _, first, kind = np.unique(hashes, return_index=True, return_inverse=True)
    others = np.flatnonzero(first[kind] != np.arange(len(hashes)))
    return _Candidates(others, first[kind[others]], np.zeros(len(others), np.int64))


def _find_near_hashes(hashes: npt.NDArray[np.uint64]) -> Iterator[_Candidates]:
    num_images, num_windows = hashes.shape
    index = HashIndex.build(hashes.ravel(), _RADIUS)
    for near in index.search(hashes[:, 0]):
        cropped, window = np.divmod(near.row, num_windows)
        # Two similar images are each the window of the other that is uncropped; one is enough.
        is_other = np.where(window == 0, cropped > near.query, cropped != near.query)
        whole, cropped, window = near.query[is_other], cropped[is_other], window[is_other]
        distance = near.distance[is_other]
        order = np.lexsort((window, distance, cropped, whole))
        _, best = np.unique(whole[order] * num_images + cropped[order], return_index=True)
        best = order[best]
        # All candidates of an image are in one batch; only the nearest are compared.
        best = best[np.lexsort((cropped[best], distance[best], whole[best]))]
        starts = np.searchsorted(whole[best], whole[best])
        best = best[np.arange(len(best)) - starts < _MAX_CANDIDATES]
        yield _Candidates(whole[best], cropped[best], window[best])


def _confirm(
    thumbs: npt.NDArray[np.uint8],
    coarse: _Floats,
    candidates: _Candidates,
    leaders: npt.NDArray[np.int64],
    threshold: float,
) -> Pairs:
    """Compares candidates, which are positions in ``leaders``; keeps similar ones."""
    whole, cropped = leaders[candidates.whole], leaders[candidates.cropped]
    edges = hashed_windows()[candidates.window]
    similarity = np.zeros(len(whole), np.float32)
    for low in range(0, len(whole), _BATCH_SIZE):
        rows = np.arange(low, min(low + _BATCH_SIZE, len(whole)))
        aligned, agreement = align(
            coarse[whole[rows]], coarse[cropped[rows]], edges[rows], _COARSE_STEPS
        )
        is_promising = agreement >= threshold - _SLACK
        rows, aligned = rows[is_promising], aligned[is_promising]
        similarity[rows] = measure_similarity(thumbs[whole[rows]], thumbs[cropped[rows]], aligned)
    is_similar = similarity >= threshold - _SLACK
    first = np.minimum(whole, cropped)[is_similar]
    second = np.maximum(whole, cropped)[is_similar]
    return Pairs(first, second, similarity[is_similar])
