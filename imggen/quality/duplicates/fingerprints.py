"""What is kept of a picture to find its near-duplicates: a thumbnail, and hashes made of it."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from imggen.decode import ImageSpec, load_image

THUMB_SIDE = 64
"""Sides of a thumbnail in pixels: small enough to keep 100,000 (4 KB each), and twice what
pictures are compared at, so that a part of one is still as sharp as the whole of another."""

_HASHED_SIDE = 32  # what imagehash.phash shrinks a picture to
_NUM_FREQUENCIES = 8

# How much may be cut off a side of a picture. With whole hashes alone, half of the cropped copies
# get lost; steps of 4 % leave a copy at most 2 % beside a window of its original, where a hash
# changes by 6 bits or less in 99.75 % of copies.
_CUTS = (0.0, 0.04, 0.08)

# A picture without structure: its grey levels differ by no more than compression makes of one.
_FLAT_RANGE = 4

# Coefficients nearer than this to the median are its rounding errors, as in a symmetric picture;
# one grey level more in one of 32x32 pixels changes them by up to 4.
_ROUNDING = 0.01

_ROWS_AT_A_TIME = 64  # what the processor's cache holds


def thumb_of(source: str | os.PathLike[str] | bytes) -> npt.NDArray[np.uint8]:
    """Decodes a file, once, to its thumbnail; threads may do so at the same time.

    Args:
        source: A path, or the bytes of a file.

    Returns:
        uint8, shape (64, 64), grey levels; stretched to a square, upright, ``without_noise``.

    Raises:
        ImageError: As ``load_image``.
    """
    spec = ImageSpec((THUMB_SIDE, THUMB_SIDE), color_mode="grayscale")
    thumb: npt.NDArray[np.uint8] = without_noise(load_image(source, spec)[None, :, :, 0])[0]
    return thumb


def without_noise(thumbs: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Replaces thumbnails of one grey level, up to noise, by that level.

    Where there is no structure, hashes and correlations are those of the noise. Once levelled, flat
    pictures are equal or not; they neither chain pictures together nor cost comparisons.

    Args:
        thumbs: Shape (num_images, side, side).

    Returns:
        The same; flat ones (no two pixels more than 4 levels apart) constant, at their mean.

    Example:
        >>> dark = np.zeros((1, 2, 2), np.uint8)
        >>> dark[0, 0, 0] = 1
        >>> without_noise(dark).tolist()
        [[[0, 0], [0, 0]]]
    """
    flat = np.flatnonzero(np.ptp(thumbs, axis=(1, 2)) <= _FLAT_RANGE)
    if not len(flat):
        return thumbs
    levelled = thumbs.copy()
    levelled[flat] = np.rint(thumbs[flat].mean((1, 2), keepdims=True)).astype(np.uint8)
    return levelled


def windows() -> npt.NDArray[np.float32]:
    """The parts of a picture that have a hash of their own.

    Returns:
        float32, shape (81, 4): left, right, top and bottom edge as shares of the width or height,
        0 to 1. The first is the whole picture.
    """
    spans = _spans()
    return np.array([(*across, *down) for down in spans for across in spans], np.float32)


def hashes(thumbs: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """The perceptual hash of each whole picture.

    Args:
        thumbs: Shape (num_images, side, side); the side is a multiple of 32.

    Returns:
        uint64, shape (num_images,): ``imagehash.phash`` of the picture averaged down to 32×32, with
        its first bit as the highest.
    """
    return _hashes(thumbs, [(0.0, 1.0)])[:, 0]


def window_hashes(thumbs: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """The perceptual hash of each of the ``windows()`` of each picture.

    Args:
        thumbs: Shape (num_images, side, side); the side is a multiple of 32.

    Returns:
        uint64, shape (num_images, 81).
    """
    return _hashes(thumbs, _spans())


def _spans() -> list[tuple[float, float]]:
    return [(start, 1 - end) for start in _CUTS for end in _CUTS]


def _hashes(
    thumbs: npt.NDArray[np.uint8], spans: list[tuple[float, float]]
) -> npt.NDArray[np.uint64]:
    # To cut, to stretch what is left to 32x32 and to take its cosine transform are all linear, and
    # done to rows and columns apart: two products give the transforms of all windows at once.
    transform = np.concatenate([_transform(*span) for span in spans])
    num_spans, num_windows = len(spans), len(spans) ** 2
    made = np.empty((len(thumbs), num_windows), np.uint64)
    for first in range(0, len(thumbs), _ROWS_AT_A_TIME):
        rows = slice(first, min(first + _ROWS_AT_A_TIME, len(thumbs)))
        images = _averaged(thumbs[rows], _HASHED_SIDE)
        frequencies = (
            (transform @ images @ transform.T)
            .astype(np.float32)
            .reshape(-1, num_spans, _NUM_FREQUENCIES, num_spans, _NUM_FREQUENCIES)
            .transpose(0, 1, 3, 2, 4)
            .reshape(len(images), num_windows, _NUM_FREQUENCIES**2)
        )
        # NumPy sorts float32 with vector instructions: ten times as fast as it finds a median.
        ordered = np.sort(frequencies, axis=2)
        median = (ordered[:, :, 31:32] + ordered[:, :, 32:33]) / 2
        bits = np.packbits(frequencies > median + _ROUNDING, axis=2)
        made[rows] = bits.view(">u8")[:, :, 0]
    return made


def _averaged(thumbs: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float64]:
    factor = thumbs.shape[1] // side
    sums = np.zeros((len(thumbs), side, side))
    for down in range(factor):
        for across in range(factor):
            sums += thumbs[:, down::factor, across::factor]
    sums /= factor**2
    return sums


def _transform(start: float, end: float) -> npt.NDArray[np.float64]:
    """Cuts a row of 32 pixels, stretches it to 32 and takes its lowest 8 frequencies, (8, 32)."""
    from scipy.fft import dct

    pixels = np.arange(_HASHED_SIDE)
    places = (start + (pixels + 0.5) / _HASHED_SIDE * (end - start)) * _HASHED_SIDE - 0.5
    weights = np.maximum(0.0, 1 - np.abs(places[:, None] - pixels))
    weights /= weights.sum(axis=1, keepdims=True)
    lowest: npt.NDArray[np.float64] = dct(np.eye(_HASHED_SIDE), axis=0)[:_NUM_FREQUENCIES]
    transform: npt.NDArray[np.float64] = lowest @ weights
    return transform
