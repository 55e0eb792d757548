"""Thumbnails → pairs of near-duplicates, and how similar the two of each pair are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.quality.duplicates.alignment import fitted, shrunk, similarities
from imggen.quality.duplicates.fingerprints import window_hashes, windows
from imggen.quality.duplicates.hash_index import HashIndex

THRESHOLD = 0.95
"""Photographs that were resized, compressed, cropped or brightened reach 0.97 to 1; of different
pictures that look much alike, such as hands before one wall, the most similar two reach 0.91."""

# In how many bits the hash of a copy may differ from that of a window of its original. Of 1,200
# copies with 1 to 8 % cut off one or each side, none did in more, 3 in more than 6.
_RADIUS = 8

# Of each picture. Thousands of frames of one camera are all candidates of each other; copies are
# among the nearest.
_MOST_CANDIDATES = 64

# A coarse look, at 16x16 pixels, sorts out most candidates. Coarse structure correlates better than
# the edges that count in the end; it may fall short by so much, since it is fitted less well.
_COARSE_SIDE, _COARSE_STEPS, _SLACK = 16, 2, 0.05

_PAIRS_AT_A_TIME = 512

_Floats = npt.NDArray[np.float32]


class Pairs(NamedTuple):
    """Pairs of similar pictures; three arrays of one length, sorted by the first two.

    Attributes:
        first: int64, positions of pictures.
        second: int64, positions of others; always above ``first``.
        similarity: float32, 0 to 1.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    similarity: _Floats

    def where(self, chosen: npt.NDArray[np.bool_]) -> Pairs:
        """The pairs that are chosen, shape (num_pairs,)."""
        return Pairs(self.first[chosen], self.second[chosen], self.similarity[chosen])


class _Candidates(NamedTuple):
    """Pairs that may be similar: all of ``whole`` looks like the window numbered so of ``part``."""

    whole: npt.NDArray[np.int64]
    part: npt.NDArray[np.int64]
    window: npt.NDArray[np.int64]


def similar_pairs(thumbs: npt.NDArray[np.uint8], threshold: float = THRESHOLD) -> Pairs:
    """Finds the pictures that are near-duplicates.

    Pictures with equal thumbnails, and those that are similar and have equal hashes, are paired
    with the first of their kind only, which stands for them in all other pairs: ten thousand black
    images are 9,999 pairs, not 50 million. To group, join what is connected.

    Args:
        thumbs: uint8, shape (num_images, 64, 64), as from ``thumb_of``.
        threshold: The least similarity of a pair, above 0, up to 1.

    Returns:
        Pairs with a similarity of at least ``threshold`` (see ``fitting.similarities``), and of
        those that miss it by 0.05 at most what was come across. Of a picture with more than 64
        candidates, as among the frames of one camera, the 64 nearest by their hashes are looked at.
    """
    coarse = _coarse(thumbs)
    of_windows = window_hashes(thumbs)
    found = [_equal(thumbs)]
    leaders = np.setdiff1d(np.arange(len(thumbs)), found[0].second)
    alike = _of_equal_hash(of_windows[leaders, 0])
    found += [_confirmed(thumbs, coarse, alike, leaders, threshold)]
    is_similar = found[1].similarity >= threshold
    leaders = np.setdiff1d(leaders, found[1].second[is_similar])
    for alike in _candidates(of_windows[leaders]):
        found += [_confirmed(thumbs, coarse, alike, leaders, threshold)]
    first, second, similarity = (np.concatenate(column) for column in zip(*found, strict=True))
    # Found in both directions: the better one counts.
    order = np.lexsort((-similarity, second, first))
    first, second, similarity = first[order], second[order], similarity[order]
    is_new = np.ones(len(first), bool)
    is_new[1:] = (np.diff(first) != 0) | (np.diff(second) != 0)
    return Pairs(first[is_new], second[is_new], similarity[is_new])


def _coarse(thumbs: npt.NDArray[np.uint8]) -> _Floats:
    coarse = np.empty((len(thumbs), _COARSE_SIDE, _COARSE_SIDE), np.float32)
    for low in range(0, len(thumbs), _PAIRS_AT_A_TIME):
        rows = slice(low, low + _PAIRS_AT_A_TIME)
        coarse[rows] = shrunk(thumbs[rows], _COARSE_SIDE)
    return coarse


def _equal(thumbs: npt.NDArray[np.uint8]) -> Pairs:
    seen: dict[bytes, int] = {}
    first = np.empty(len(thumbs), np.int64)
    for number, thumb in enumerate(thumbs):
        digest = hashlib.blake2b(thumb.tobytes(), digest_size=16).digest()
        first[number] = seen.setdefault(digest, number)
    second = np.flatnonzero(first < np.arange(len(first)))
    return Pairs(first[second], second, np.ones(len(second), np.float32))


def _of_equal_hash(hashes: npt.NDArray[np.uint64]) -> _Candidates:
    _, first, kind = np.unique(hashes, return_index=True, return_inverse=True)
    others = np.flatnonzero(first[kind] != np.arange(len(hashes)))
    return _Candidates(others, first[kind[others]], np.zeros(len(others), np.int64))


def _candidates(of_windows: npt.NDArray[np.uint64]) -> Iterator[_Candidates]:
    num_images, num_windows = of_windows.shape
    index = HashIndex.of(of_windows.ravel(), _RADIUS)
    for near in index.near(of_windows[:, 0]):
        part, window = np.divmod(near.row, num_windows)
        # Two wholes that look alike are each a window of the other: once is enough.
        is_other = np.where(window == 0, part > near.query, part != near.query)
        whole, part, window = near.query[is_other], part[is_other], window[is_other]
        distance = near.distance[is_other]
        order = np.lexsort((window, distance, part, whole))
        _, best = np.unique(whole[order] * num_images + part[order], return_index=True)
        best = order[best]
        # All candidates of a picture are in one piece; the nearest of them are looked at.
        best = best[np.lexsort((part[best], distance[best], whole[best]))]
        starts = np.searchsorted(whole[best], whole[best])
        best = best[np.arange(len(best)) - starts < _MOST_CANDIDATES]
        yield _Candidates(whole[best], part[best], window[best])


def _confirmed(
    thumbs: npt.NDArray[np.uint8],
    coarse: _Floats,
    alike: _Candidates,
    leaders: npt.NDArray[np.int64],
    threshold: float,
) -> Pairs:
    """The candidates, numbered as ``leaders`` are, that are nearly similar; as pictures."""
    whole, part, edges = leaders[alike.whole], leaders[alike.part], windows()[alike.window]
    similarity = np.zeros(len(whole), np.float32)
    for low in range(0, len(whole), _PAIRS_AT_A_TIME):
        rows = np.arange(low, min(low + _PAIRS_AT_A_TIME, len(whole)))
        found, agreement = fitted(
            coarse[whole[rows]], coarse[part[rows]], edges[rows], _COARSE_STEPS
        )
        may_be = agreement >= threshold - _SLACK
        rows, found = rows[may_be], found[may_be]
        similarity[rows] = similarities(thumbs[whole[rows]], thumbs[part[rows]], found)
    is_similar = similarity >= threshold - _SLACK
    first = np.minimum(whole, part)[is_similar]
    second = np.maximum(whole, part)[is_similar]
    return Pairs(first, second, similarity[is_similar])
