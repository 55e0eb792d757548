"""Aligns an image with a window of another, and measures how well they agree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_SIDE, _NUM_STEPS = 32, 3

# The farthest position of an edge inside or outside the image, and its largest move in a step, as
# fractions of a side.
_MAX_INSIDE, _MAX_OUTSIDE, _MAX_STEP = 0.11, 0.01, 0.04

# Smooth images, such as skies, correlate even if one is far darker or has far more contrast.
_MAX_BRIGHTNESS_CHANGE, _MAX_CONTRAST_RATIO = 64.0, 1.6

_BATCH_SIZE = 512

_Floats = npt.NDArray[np.float32]


def measure_similarity(
    whole: npt.NDArray[np.uint8], cropped: npt.NDArray[np.uint8], start: _Floats
) -> tuple[_Floats, _Floats]:
    """Measures how well the edges of images agree with the best window of other images.

    The window is moved and stretched until it fits best; then the differences between neighboring
    pixels are correlated, at 32×32 pixels. Changes of brightness up to 64 gray levels, and of
    contrast up to a factor of 1.6, do not lower the similarity; beyond, and for flat images, it
    is 0.

    Args:
        whole: uint8, shape (num_pairs, 64, 64): the images that are used in full.
        cropped: uint8, same shape: the images of which a window is used.
        start: Shape (num_pairs, 4), the initial left, right, top and bottom edge of the window, as
            fractions of the side, 0 to 1.

    Returns:
        The similarity, float32, shape (num_pairs,), 0 to 1; and the edges of the best window,
        shape (num_pairs, 4).
    """
    similarity, best = np.zeros(len(whole), np.float32), start.copy()
    for low in range(0, len(whole), _BATCH_SIZE):
        rows = slice(low, low + _BATCH_SIZE)
        target = shrink(whole[rows], _SIDE)
        source = cropped[rows].astype(np.float32)
        best[rows], _ = align(target, source, start[rows], _NUM_STEPS)
        window = sample_windows(source, best[rows], _SIDE)
        agreement = _correlate(_differences(target), _differences(window))
        similarity[rows] = np.where(_has_same_light(target, window), np.clip(agreement, 0, 1), 0)
    return similarity, best


def _has_same_light(one: _Floats, other: _Floats) -> npt.NDArray[np.bool_]:
    brightened = np.abs(one.mean((1, 2)) - other.mean((1, 2)))
    contrast = np.log((one.std((1, 2)) + 1) / (other.std((1, 2)) + 1))
    is_same: npt.NDArray[np.bool_] = (brightened <= _MAX_BRIGHTNESS_CHANGE) & (
        np.abs(contrast) <= np.log(_MAX_CONTRAST_RATIO)
    )
    return is_same


def align(
    target: _Floats, source: _Floats, edges: _Floats, num_steps: int
) -> tuple[_Floats, _Floats]:
    """Moves the edges of a window of ``source`` until it matches ``target``, by Gauss-Newton.

    Args:
        target: Shape (num_pairs, side, side).
        source: Shape (num_pairs, source_side, source_side).
        edges: Shape (num_pairs, 4), the initial edges.
        num_steps: The number of steps.

    Returns:
        The best edges of all steps, and their correlation, shape (num_pairs,).
    """
    num_pairs, side, _ = target.shape
    centers = ((np.arange(side) + 0.5) / side).astype(np.float32)
    lowest = np.array([-_MAX_OUTSIDE, 1 - _MAX_INSIDE] * 2, np.float32)
    highest = np.array([_MAX_INSIDE, 1 + _MAX_OUTSIDE] * 2, np.float32)
    best, best_agreement = edges, np.full(num_pairs, -1, np.float32)
    target = _center(target)
    for step in range(num_steps + 1):
        window = sample_windows(source, edges, side)
        agreement = _correlate(target, _center(window))
        is_better = agreement > best_agreement
        best_agreement = np.where(is_better, agreement, best_agreement)
        best = np.where(is_better[:, None], edges, best)
        if step == num_steps:
            break
        width, height = edges[:, 1] - edges[:, 0], edges[:, 3] - edges[:, 2]
        down, across = np.gradient(window, axis=(1, 2))
        across *= (side / width)[:, None, None]
        down *= (side / height)[:, None, None]
        # The change of the pixels per edge, and per contrast; centering removes brightness.
        by_edges = [
            across * (1 - centers),
            across * centers,
            down * (1 - centers)[:, None],
            down * centers[:, None],
        ]
        changes = np.stack([_center(change) for change in [*by_edges, window]], axis=1)
        changes = changes.reshape(num_pairs, 5, -1)
        squares = (changes @ changes.transpose(0, 2, 1)).astype(np.float64)
        # Regularized, since there is no unique solution where an image has no structure.
        squares[:, range(5), range(5)] *= 1 + 1e-4
        squares[:, range(5), range(5)] += 1e-2
        solved = np.linalg.solve(squares, changes @ target.reshape(num_pairs, -1, 1))[:, :, 0]
        move = solved[:, :4] / np.maximum(solved[:, 4:5], 0.2)
        move = np.clip(move, -_MAX_STEP, _MAX_STEP).astype(np.float32)
        edges = np.clip(edges + move, lowest, highest)
    return best, best_agreement


def shrink(thumbs: npt.NDArray[np.uint8], side: int) -> _Floats:
    """Shrinks thumbnails, (num_images, any, any), to (num_images, side, side)."""
    whole = np.array([[0, 1, 0, 1]], np.float32)
    return sample_windows(thumbs.astype(np.float32), whole, side)


def sample_windows(images: _Floats, edges: _Floats, side: int) -> _Floats:
    """Shrinks windows of images, (num_images, any, any), to (num_images, side, side).

    ``edges`` has one row per image, or one for all.
    """
    rows = _weights(edges[:, 2], edges[:, 3], images.shape[1], side)
    columns = _weights(edges[:, 0], edges[:, 1], images.shape[2], side)
    sampled: _Floats = np.matmul(np.matmul(rows, images), columns.transpose(0, 2, 1))
    return sampled


def _weights(start: _Floats, end: _Floats, num_from: int, num_to: int) -> _Floats:
    """Computes the weights that resample a window of a row, (num_pairs, num_to, num_from)."""
    fractions = ((np.arange(num_to) + 0.5) / num_to).astype(np.float32)
    positions = (start[:, None] + fractions * (end - start)[:, None]) * num_from - np.float32(0.5)
    positions = np.clip(positions, 0, num_from - 1)
    reach = np.maximum(1, (end - start) * np.float32(num_from / num_to))
    pixels = np.arange(num_from, dtype=np.float32)
    weights: _Floats = np.maximum(
        np.float32(0), 1 - np.abs(positions[:, :, None] - pixels) / reach[:, None, None]
    )
    weights /= weights.sum(axis=2, keepdims=True)
    return weights


def _center(images: _Floats) -> _Floats:
    centered: _Floats = images - images.mean((1, 2), keepdims=True)
    return centered


def _differences(images: _Floats) -> _Floats:
    """Computes differences of neighbors, except at the border, where crops and frames differ."""
    inner = images[:, 1:-1, 1:-1]
    down, across = np.diff(inner, axis=1), np.diff(inner, axis=2)
    return np.concatenate([down.reshape(len(images), -1), across.reshape(len(images), -1)], axis=1)


def _correlate(left: _Floats, right: _Floats) -> _Floats:
    """Computes the cosine of the angle between arrays; 0 where either is zero."""
    left, right = left.reshape(len(left), -1), right.reshape(len(right), -1)
    product: _Floats = (left * right).sum(axis=1)
    norms = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    divisor: _Floats = np.maximum(norms, np.float32(1e-6))
    correlation: _Floats = product / divisor
    return correlation
