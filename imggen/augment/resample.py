"""One resample of an image, whatever geometry led to it: exact where no pixel is between others.

Coordinates are (x, y) in pixels, with (0, 0) in the middle of the first pixel. Matrices are float64
of shape (3, 3); they take a position of the output to the position in the input that it shows, so
that two steps, one after the other, are ``first @ second``.
"""

from __future__ import annotations

import itertools
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.errors import SampleError

FillMode = Literal["reflect", "nearest", "constant", "wrap"]

Matrix = npt.NDArray[np.float64]

_DTYPES = ("uint8", "uint16", "float32", "float64")
# How far, in pixels, a window may be from whole ones and still count as such.
_WHOLE = 1e-6
# What is left of 2 after sines and products may be a little less.
_NOISE = 1e-6


class Fill(NamedTuple):
    """What lies beyond the edge.

    Attributes:
        mode: As ``fill_mode`` of ``scipy.ndimage``: "reflect" (d c b a | a b c d | d c b a),
            "nearest" (a a a a | a b c d | d d d d), "constant", or "wrap" (a b c d | a b c d).
        value: Of images, with "constant".
        mask_value: Of masks, with "constant".
    """

    mode: FillMode = "reflect"
    value: float = 0.0
    mask_value: int = 0


def resample(
    image: npt.NDArray[Any],
    matrix: Matrix,
    size: tuple[int, int],
    *,
    fill_mode: FillMode = "reflect",
    cval: float = 0.0,
    is_mask: bool = False,
    is_cut: bool = False,
) -> npt.NDArray[Any]:
    """Shows an image through a matrix.

    Flips and the like move pixels as they are. Anything else is interpolated linearly (masks: the
    nearest pixel), after an area average where the image shrinks to half its size or less. With
    OpenCV 5, values are within 1 of a resample in double precision; OpenCV 4 rounds coordinates to
    1/32 pixel.

    Args:
        image: uint8, uint16 or floats, shape (height, width) or (height, width, channels); masks
            may be of any whole numbers up to 2**24.
        matrix: Shape (3, 3); see above.
        size: (height, width) of the result, in pixels.
        fill_mode: See ``Fill``.
        cval: The value beyond the edge with "constant".
        is_mask: Take the nearest pixel, and invent no value in between.
        is_cut: Resize a window as an image of its own: what is beside it never shows.

    Returns:
        An array of the dtype of ``image``, shape (*size[, channels]); maybe ``image`` itself or a
        view of it.

    Raises:
        SampleError: Another dtype or number of axes.

    Source: OpenCV's ``warpAffine``, ``warpPerspective`` and ``resize``.

    Example:
        >>> image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
        >>> flip = np.array([[-1.0, 0, 2], [0, 1, 0], [0, 0, 1]])
        >>> resample(image, flip, (2, 3))[..., 0].tolist()
        [[2, 1, 0], [5, 4, 3]]
    """
    if is_mask and image.dtype.name not in _DTYPES and image.dtype.kind in "bui":
        carried = image.astype(np.float32)
        if (carried == image).all():
            options = {"fill_mode": fill_mode, "cval": cval, "is_mask": True, "is_cut": is_cut}
            return resample(carried, matrix, size, **options).astype(image.dtype)  # type: ignore[arg-type]
    if image.dtype.name not in _DTYPES or image.ndim not in (2, 3):
        raise SampleError(
            f"Images of dtype {', '.join(_DTYPES)} and shape (height, width, channels) can be "
            f"moved; got {image.dtype} of shape {image.shape}."
        )
    window = _window(matrix, (image.shape[0], image.shape[1]), size)
    if window is not None and (is_cut or (window.height, window.width) == size):
        return _windowed(image, window, size, is_mask)
    if not is_mask:
        image, matrix = _shrunk(image, matrix, size)
    return _warped(image, matrix, size, fill_mode, cval, is_mask)


class _Window(NamedTuple):
    """A part of an image in whole pixels, and whether it is shown mirrored."""

    top: int
    left: int
    height: int
    width: int
    upside_down: bool
    mirrored: bool


def _window(matrix: Matrix, whole: tuple[int, int], size: tuple[int, int]) -> _Window | None:
    """The window that a matrix shows, or None if it does not show one in whole pixels."""
    if matrix[0, 1] or matrix[1, 0] or matrix[2, 0] or matrix[2, 1]:
        return None
    ends = []
    for axis, inside, shown in ((1, whole[0], size[0]), (0, whole[1], size[1])):
        scale = matrix[axis, axis] / matrix[2, 2]
        middle = matrix[axis, 2] / matrix[2, 2]
        # Where the outer edges of the first and the last pixel shown are, counted in edges.
        first = middle + 0.5 - scale / 2
        last = first + scale * shown
        low, high = round(min(first, last)), round(max(first, last))
        off = max(abs(min(first, last) - low), abs(max(first, last) - high))
        if off > _WHOLE or low < 0 or high > inside or low == high:
            return None
        ends.append((low, high - low, last < first))
    (top, height, upside_down), (left, width, mirrored) = ends
    return _Window(top, left, height, width, upside_down, mirrored)


def _windowed(
    image: npt.NDArray[Any], window: _Window, size: tuple[int, int], is_mask: bool
) -> npt.NDArray[Any]:
    import cv2

    top, left, height, width, upside_down, mirrored = window
    part = image[top : top + height, left : left + width]
    if (height, width) != size:
        shrinks = height > 2 * size[0] and width > 2 * size[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        part = _resized(part, size, cv2.INTER_NEAREST_EXACT if is_mask else how)
    if upside_down or mirrored:
        axis = -1 if upside_down and mirrored else 0 if upside_down else 1
        # cv2.flip takes more than four channels, but not any number of them.
        part = (
            np.flip(part, (0, 1) if axis < 0 else axis)
            if _is_deep(part)
            else _reshaped(cv2.flip(part, axis), image)
        )
    return part


def _shrunk(
    image: npt.NDArray[Any], matrix: Matrix, size: tuple[int, int]
) -> tuple[npt.NDArray[Any], Matrix]:
    """Averages areas of an image first where the matrix shows it at half its size or less."""
    import cv2

    if not matrix[2, 0] and not matrix[2, 1]:
        area = matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]
        if abs(area) < (4 - _NOISE) * matrix[2, 2] ** 2:  # the most frequent case, soon told
            return image, matrix
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2, 1.0])
    depth = float(matrix[2] @ middle)
    if depth <= 0:
        return image, matrix
    jacobian = (matrix[:2, :2] - np.outer((matrix @ middle)[:2] / depth, matrix[2, :2])) / depth
    factor = int(np.sqrt(abs(np.linalg.det(jacobian))) + _NOISE)
    height, width = image.shape[:2]
    if factor < 2 or min(height, width) < 2 * factor:
        return image, matrix
    smaller = (round(height / factor), round(width / factor))
    scale_x, scale_y = smaller[1] / width, smaller[0] / height
    to_smaller = np.array(
        [[scale_x, 0, scale_x / 2 - 0.5], [0, scale_y, scale_y / 2 - 0.5], [0, 0, 1]]
    )
    return _resized(image, smaller, cv2.INTER_AREA), to_smaller @ matrix


def _is_deep(image: npt.NDArray[Any]) -> bool:
    """Whether an image has more channels than OpenCV takes at once."""
    return image.ndim == 3 and image.shape[2] > 4


def _resized(image: npt.NDArray[Any], size: tuple[int, int], how: int) -> npt.NDArray[Any]:
    import cv2

    if _is_deep(image):
        parts = [image[:, :, channel] for channel in range(image.shape[2])]
        return np.stack([_resized(part, size, how) for part in parts], axis=2)
    return _reshaped(cv2.resize(image, size[::-1], interpolation=how), image)


def _warped(
    image: npt.NDArray[Any],
    matrix: Matrix,
    size: tuple[int, int],
    fill_mode: FillMode,
    cval: float,
    is_mask: bool,
) -> npt.NDArray[Any]:
    import cv2

    borders = {
        "reflect": cv2.BORDER_REFLECT,
        "nearest": cv2.BORDER_REPLICATE,
        "constant": cv2.BORDER_CONSTANT,
        "wrap": cv2.BORDER_WRAP,
    }
    channels = image.shape[2] if image.ndim == 3 else 1
    if channels not in (1, 3, 4):  # two are done in fixed point, and more than four not at all
        cuts = [
            *range(0, channels - channels % 3, 3),
            *range(channels - channels % 3, channels + 1),
        ]
        parts = [
            _warped(image[:, :, start:end], matrix, size, fill_mode, cval, is_mask)
            for start, end in itertools.pairwise(cuts)
        ]
        return np.concatenate(parts, axis=2)
    # The warp reads pixels here and there, which is slow on an image that is not in the
    # processor's cache. A copy, read in order, brings it there and costs less than it saves.
    image = image.copy()
    options: dict[str, Any] = {
        "flags": (cv2.INTER_NEAREST if is_mask else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP,
        "borderMode": borders[fill_mode],
        "borderValue": (cval, cval, cval, cval),
    }
    if matrix[2, 0] == 0 and matrix[2, 1] == 0:
        warped = cv2.warpAffine(image, matrix[:2] / matrix[2, 2], size[::-1], **options)
    else:
        warped = cv2.warpPerspective(image, matrix, size[::-1], **options)
    return _reshaped(warped, image)


def _reshaped(changed: Any, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Puts an axis of one channel back, which OpenCV drops."""
    return np.asarray(changed).reshape(*changed.shape[:2], *image.shape[2:])
