"""Fingerprints and perceptual hashes, from which near-duplicates are found."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from imggen.decode import BackgroundLike, ImageSpec, read_image
from imggen.quality.duplicates.background import composite

THUMB_SIDE = 64
"""The side of a thumbnail in pixels: small enough to hold 100,000 (4 KB each), and twice the side
at which images are compared, so that a window of one is still as sharp as the whole of another."""

COLOR_SIDE = 16
"""The side of the color planes, in pixels; an object of 1 % of the image covers about 3 of them."""

_SPEC = ImageSpec((THUMB_SIDE, THUMB_SIDE), color_mode="rgba")
# JPEGs have no transparency, and are decoded faster without it.
_JPEG_SPEC = ImageSpec((THUMB_SIDE, THUMB_SIDE), color_mode="rgb")
_JPEG_SIGNATURE = b"\xff\xd8\xff"

# From RGB to Cb and Cr, as in JPEG, and to half of the gray level.
_COLORS = np.array(
    [[-0.168736, 0.5, 0.1495], [-0.331264, -0.418688, 0.2935], [0.5, -0.081312, 0.057]], np.float32
)

_Level = TypeVar("_Level", np.uint8, np.int8)

_HASHED_SIDE = 32  # as in imagehash.phash
_NUM_FREQUENCIES = 8

# The fractions that may be cropped from a side. With hashes of whole images alone, half of the
# cropped copies are missed; in steps of 4 %, a copy is at most 2 % away from a window of its
# original, where a hash changes by 6 bits or less in 99.75 % of copies.
_CUTS = (0.0, 0.04, 0.08)

# An image without structure: its gray levels differ by no more than compression noise.
_FLAT_RANGE = 4

# Coefficients that differ less than this from the median are rounding errors, as in a symmetric
# image; a change of one gray level in one of 32x32 pixels changes them by up to 4.
_ROUNDING = 0.01

_BATCH_SIZE = 64  # fits into the processor's cache


class Fingerprint(NamedTuple):
    """The reduced image that is compared.

    Attributes:
        gray: uint8, shape (64, 64), gray levels; upright, stretched to a square.
        color: int8, shape (4, 16, 16): the color differences Cb and Cr, -127 to 127, the opacity
            and the light, 0 to 127.
    """

    gray: npt.NDArray[np.uint8]
    color: npt.NDArray[np.int8]


class Fingerprints(NamedTuple):
    """The fingerprints of several images: ``gray`` and ``color`` with one more axis, the first."""

    gray: npt.NDArray[np.uint8]
    color: npt.NDArray[np.int8]

    @classmethod
    def allocate(cls, num_images: int) -> Fingerprints:
        """Returns arrays of zeros, to be filled."""
        return cls(
            np.zeros((num_images, THUMB_SIDE, THUMB_SIDE), np.uint8),
            np.zeros((num_images, 4, COLOR_SIDE, COLOR_SIDE), np.int8),
        )

    def take(self, rows: npt.NDArray[np.int64]) -> Fingerprints:
        """Returns the fingerprints of some of the images."""
        return Fingerprints(self.gray[rows], self.color[rows])


def compute_fingerprint(data: bytes, background: BackgroundLike) -> Fingerprint | None:
    """Decodes a file to its fingerprint; safe to call from several threads.

    Args:
        data: The bytes of a file.
        background: The background of transparent pixels, as (red, green, blue) or "checker".

    Returns:
        The fingerprint, flattened by ``flatten_noise``. None if the image has transparent pixels
        and is a single color on the background, so that nothing of it is visible.

    Raises:
        ImageError: Same as ``load_image``.
    """
    import cv2
    from PIL import Image

    pixels = read_image(data, _JPEG_SPEC if data.startswith(_JPEG_SIGNATURE) else _SPEC)
    rgb = pixels[:, :, :3]
    opacity = pixels[:, :, 3] if pixels.shape[2] > 3 and pixels[:, :, 3].min() < 255 else None
    if opacity is not None:
        rgb = composite(rgb, opacity, background)
        if np.ptp(rgb, axis=(0, 1)).max() <= _FLAT_RANGE:
            return None
    rgb = np.ascontiguousarray(rgb)
    gray = flatten_noise(np.asarray(Image.fromarray(rgb).convert("L"))[None])[0]
    means = cv2.resize(rgb, (COLOR_SIDE, COLOR_SIDE), interpolation=cv2.INTER_AREA)
    planes = np.empty((4, COLOR_SIDE, COLOR_SIDE), np.float32)
    planes[[0, 1, 3]] = (means.reshape(-1, 3) @ _COLORS).T.reshape(3, COLOR_SIDE, COLOR_SIDE)
    planes[2] = 127
    if opacity is not None:
        planes[2] = (
            127 / 255 * cv2.resize(opacity, (COLOR_SIDE, COLOR_SIDE), interpolation=cv2.INTER_AREA)
        )
    color = flatten_noise(np.clip(np.rint(planes), -127, 127).astype(np.int8))
    return Fingerprint(gray, color)


def flatten_noise(planes: npt.NDArray[_Level]) -> npt.NDArray[_Level]:
    """Replaces planes of one level, except for noise, by that level.

    Without structure, hashes and correlations depend on noise alone. Once flattened, such images
    are either equal or not: they neither join unrelated images nor need comparisons.

    Args:
        planes: Shape (num_planes, side, side).

    Returns:
        The planes; those whose pixels differ by at most 4 levels are constant, at their mean.

    Example:
        >>> dark = np.zeros((1, 2, 2), np.uint8)
        >>> dark[0, 0, 0] = 1
        >>> flatten_noise(dark).tolist()
        [[[0, 0], [0, 0]]]
    """
    flat = np.flatnonzero(planes.max((1, 2)).astype(int) - planes.min((1, 2)) <= _FLAT_RANGE)
    if not len(flat):
        return planes
    flattened = planes.copy()
    flattened[flat] = np.rint(planes[flat].mean((1, 2), keepdims=True)).astype(planes.dtype)
    return flattened


def hashed_windows() -> npt.NDArray[np.float32]:
    """Returns the windows of an image that are hashed separately.

    Returns:
        float32, shape (81, 4): left, right, top and bottom edge as fractions of the width or
        height, 0 to 1. The first is the whole image.
    """
    spans = _spans()
    return np.array([(*across, *down) for down in spans for across in spans], np.float32)


def compute_window_hashes(thumbs: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Computes the perceptual hash of each of the ``hashed_windows()`` of each image.

    Args:
        thumbs: Shape (num_images, side, side); the side is a multiple of 32.

    Returns:
        uint64, shape (num_images, 81). The first of each image is the ``imagehash.phash`` of the
        image averaged down to 32×32, with its first bit as the highest.
    """
    # Cropping, stretching to 32x32 and the cosine transform are all linear and separable: two
    # matrix products give the transforms of all windows at once.
    spans = _spans()
    transform = np.concatenate([_transform_matrix(*span) for span in spans])
    num_spans, num_windows = len(spans), len(spans) ** 2
    hashes = np.empty((len(thumbs), num_windows), np.uint64)
    for first in range(0, len(thumbs), _BATCH_SIZE):
        rows = slice(first, min(first + _BATCH_SIZE, len(thumbs)))
        images = _average(thumbs[rows], _HASHED_SIDE)
        frequencies = (
            (transform @ images @ transform.T)
            .astype(np.float32)
            .reshape(-1, num_spans, _NUM_FREQUENCIES, num_spans, _NUM_FREQUENCIES)
            .transpose(0, 1, 3, 2, 4)
            .reshape(len(images), num_windows, _NUM_FREQUENCIES**2)
        )
        # NumPy sorts float32 with vector instructions, ten times as fast as np.median.
        ordered = np.sort(frequencies, axis=2)
        median = (ordered[:, :, 31:32] + ordered[:, :, 32:33]) / 2
        bits = np.packbits(frequencies > median + _ROUNDING, axis=2)
        hashes[rows] = bits.view(">u8")[:, :, 0]
    return hashes


def _spans() -> list[tuple[float, float]]:
    return [(start, 1 - end) for start in _CUTS for end in _CUTS]


def _average(thumbs: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float64]:
    factor = thumbs.shape[1] // side
    sums = np.zeros((len(thumbs), side, side))
    for down in range(factor):
        for across in range(factor):
            sums += thumbs[:, down::factor, across::factor]
    sums /= factor**2
    return sums


def _transform_matrix(start: float, end: float) -> npt.NDArray[np.float64]:
    """Builds the matrix, (8, 32), from a row of 32 pixels to the 8 lowest frequencies of a span."""
    from scipy.fft import dct

    pixels = np.arange(_HASHED_SIDE)
    positions = (start + (pixels + 0.5) / _HASHED_SIDE * (end - start)) * _HASHED_SIDE - 0.5
    weights = np.maximum(0.0, 1 - np.abs(positions[:, None] - pixels))
    weights /= weights.sum(axis=1, keepdims=True)
    lowest: npt.NDArray[np.float64] = dct(np.eye(_HASHED_SIDE), axis=0)[:_NUM_FREQUENCIES]
    transform: npt.NDArray[np.float64] = lowest @ weights
    return transform
