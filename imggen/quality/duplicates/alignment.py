"""Lays a picture over a part of another as well as can be, and says how well that is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_SIDE, _NUM_STEPS = 32, 3

# How far in or out an edge may be found, and how far it moves in a step, in shares of a side.
_FARTHEST_IN, _FARTHEST_OUT, _LONGEST_STEP = 0.11, 0.01, 0.04

# Smooth pictures, such as skies, correlate although one is far darker, or far more pronounced.
_MOST_BRIGHTENED, _MOST_CONTRAST = 64.0, 1.6

_PAIRS_AT_A_TIME = 512

_Floats = npt.NDArray[np.float32]


def similarities(
    whole: npt.NDArray[np.uint8], part: npt.NDArray[np.uint8], near: _Floats
) -> _Floats:
    """How well the edges in pictures agree with those in the part of others that fits best.

    The part is moved and stretched until it fits best; then the differences between neighbouring
    pixels are correlated, at 32×32 pixels. A brighter copy or one of more contrast is as similar,
    up to 64 grey levels and 1.6 times; what goes beyond, and a flat picture, has a similarity of 0.

    Args:
        whole: uint8, shape (num_pairs, 64, 64).
        part: uint8, same shape: the pictures that a part is taken of.
        near: Shape (num_pairs, 4), where to begin: left, right, top and bottom edge of the part, 0
            to 1.

    Returns:
        float32, shape (num_pairs,), 0 to 1.
    """
    similarity = np.zeros(len(whole), np.float32)
    for low in range(0, len(whole), _PAIRS_AT_A_TIME):
        rows = slice(low, low + _PAIRS_AT_A_TIME)
        wanted = shrunk(whole[rows], _SIDE)
        source = part[rows].astype(np.float32)
        edges, _ = fitted(wanted, source, near[rows], _NUM_STEPS)
        found = _sampled(source, edges, _SIDE)
        agreement = _correlation(_differences(wanted), _differences(found))
        similarity[rows] = np.where(_is_same_light(wanted, found), np.clip(agreement, 0, 1), 0)
    return similarity


def _is_same_light(one: _Floats, other: _Floats) -> npt.NDArray[np.bool_]:
    brightened = np.abs(one.mean((1, 2)) - other.mean((1, 2)))
    contrast = np.log((one.std((1, 2)) + 1) / (other.std((1, 2)) + 1))
    is_same: npt.NDArray[np.bool_] = (brightened <= _MOST_BRIGHTENED) & (
        np.abs(contrast) <= np.log(_MOST_CONTRAST)
    )
    return is_same


def fitted(
    wanted: _Floats, source: _Floats, edges: _Floats, num_steps: int
) -> tuple[_Floats, _Floats]:
    """Moves the edges of a window of ``source`` until it looks like ``wanted``: Gauss-Newton.

    Args:
        wanted: Shape (num_pairs, side, side).
        source: Shape (num_pairs, source_side, source_side).
        edges: Shape (num_pairs, 4), where to begin.
        num_steps: How many steps.

    Returns:
        The best edges seen, and the correlation there, shape (num_pairs,).
    """
    num_pairs, side, _ = wanted.shape
    centers = ((np.arange(side) + 0.5) / side).astype(np.float32)
    least = np.array([-_FARTHEST_OUT, 1 - _FARTHEST_IN] * 2, np.float32)
    most = np.array([_FARTHEST_IN, 1 + _FARTHEST_OUT] * 2, np.float32)
    best, best_agreement = edges, np.full(num_pairs, -1, np.float32)
    wanted = _centered(wanted)
    for step in range(num_steps + 1):
        found = _sampled(source, edges, side)
        agreement = _correlation(wanted, _centered(found))
        is_better = agreement > best_agreement
        best_agreement = np.where(is_better, agreement, best_agreement)
        best = np.where(is_better[:, None], edges, best)
        if step == num_steps:
            break
        width, height = edges[:, 1] - edges[:, 0], edges[:, 3] - edges[:, 2]
        down, across = np.gradient(found, axis=(1, 2))
        across *= (side / width)[:, None, None]
        down *= (side / height)[:, None, None]
        # How the pixels change with each of the four edges, and with contrast; brightness is out.
        by_edges = [
            across * (1 - centers),
            across * centers,
            down * (1 - centers)[:, None],
            down * centers[:, None],
        ]
        changes = np.stack([_centered(change) for change in [*by_edges, found]], axis=1)
        changes = changes.reshape(num_pairs, 5, -1)
        squares = (changes @ changes.transpose(0, 2, 1)).astype(np.float64)
        # A little more on the diagonal: there is no one solution where a picture has no structure.
        squares[:, range(5), range(5)] *= 1 + 1e-4
        squares[:, range(5), range(5)] += 1e-2
        solved = np.linalg.solve(squares, changes @ wanted.reshape(num_pairs, -1, 1))[:, :, 0]
        moved = solved[:, :4] / np.maximum(solved[:, 4:5], 0.2)
        moved = np.clip(moved, -_LONGEST_STEP, _LONGEST_STEP).astype(np.float32)
        edges = np.clip(edges + moved, least, most)
    return best, best_agreement


def shrunk(thumbs: npt.NDArray[np.uint8], side: int) -> _Floats:
    """Shrinks thumbnails, (num_images, any, any), to (num_images, side, side)."""
    whole = np.array([[0, 1, 0, 1]], np.float32)
    return _sampled(thumbs.astype(np.float32), whole, side)


def _sampled(images: _Floats, edges: _Floats, side: int) -> _Floats:
    """Shrinks windows of images; ``edges`` has one row for each image, or one for all."""
    rows = _weights(edges[:, 2], edges[:, 3], images.shape[1], side)
    columns = _weights(edges[:, 0], edges[:, 1], images.shape[2], side)
    sampled: _Floats = np.matmul(np.matmul(rows, images), columns.transpose(0, 2, 1))
    return sampled


def _weights(start: _Floats, end: _Floats, num_from: int, num_to: int) -> _Floats:
    """Which pixels of a row each pixel of a part of it is made of, (num_pairs, to, from)."""
    shares = ((np.arange(num_to) + 0.5) / num_to).astype(np.float32)
    places = (start[:, None] + shares * (end - start)[:, None]) * num_from - np.float32(0.5)
    places = np.clip(places, 0, num_from - 1)
    reach = np.maximum(1, (end - start) * np.float32(num_from / num_to))
    pixels = np.arange(num_from, dtype=np.float32)
    weights: _Floats = np.maximum(
        np.float32(0), 1 - np.abs(places[:, :, None] - pixels) / reach[:, None, None]
    )
    weights /= weights.sum(axis=2, keepdims=True)
    return weights


def _centered(images: _Floats) -> _Floats:
    centered: _Floats = images - images.mean((1, 2), keepdims=True)
    return centered


def _differences(images: _Floats) -> _Floats:
    """Between neighbours, without the outermost pixels, where rounded crops and frames show."""
    inner = images[:, 1:-1, 1:-1]
    down, across = np.diff(inner, axis=1), np.diff(inner, axis=2)
    return np.concatenate([down.reshape(len(images), -1), across.reshape(len(images), -1)], axis=1)


def _correlation(left: _Floats, right: _Floats) -> _Floats:
    """Cosine of the angle between two stacks; 0 where either is zero."""
    left, right = left.reshape(len(left), -1), right.reshape(len(right), -1)
    product = (left * right).sum(axis=1)
    norms = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    correlation: _Floats = product / np.maximum(norms, np.float32(1e-6))
    return correlation
