"""Affine resampling: SciPy's exact results, or OpenCV's within a fraction of a gray level."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

# OpenCV computes coordinates in float32, so precision decreases with the distance from the corner
# of the image. Measured on noise, the worst case, against SciPy in double precision: up to 1,000
# pixels, less than 0.1 % of values differ by more than 0.02 of 255.
_MAX_COORDINATE = 1000
_MAX_VALUE = 255


def warp(
    image: npt.NDArray[Any],
    matrix: npt.NDArray[np.float64],
    offset: npt.NDArray[np.float64],
    *,
    order: int = 1,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    exact: bool = False,
) -> npt.NDArray[Any]:
    """Resamples an image: output pixel o takes the value of the input at ``matrix @ o + offset``.

    Args:
        image: Shape (height, width, channels), any dtype that SciPy supports.
        matrix: Shape (2, 2), for (row, col) coordinates in pixels.
        offset: Shape (2,), in pixels.
        order: The order of the spline, 0 (nearest) to 5; 1 is linear.
        fill_mode: How to fill the area outside the image; a ``mode`` of
            ``scipy.ndimage.affine_transform``.
        cval: The value outside the image for ``fill_mode="constant"``.
        exact: Return the exact results of ``scipy.ndimage.affine_transform``. If False, OpenCV
            processes float32 images with linear interpolation, 1, 3 or 4 channels, values from
            -255 to 255 and coordinates up to 1,000 pixels. 99.9 % of values are then within 0.02.

    Returns:
        An array with the shape and dtype of ``image``.

    Raises:
        RuntimeError: SciPy does not support the order, the mode or the dtype.

    Source: ``scipy.ndimage.affine_transform``; OpenCV 5 ``warpAffine``.

    Example:
        >>> image = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
        >>> warp(image, np.eye(2), np.array([0.0, 1.0]))[..., 0].tolist()
        [[1.0, 2.0, 2.0], [4.0, 5.0, 5.0]]
    """
    if not exact and _fits_opencv(image, matrix, offset, order, fill_mode, cval):
        return _warp_by_opencv(image, matrix, offset, fill_mode, cval)
    return _warp_by_scipy(image, matrix, offset, order, fill_mode, cval)


def _warp_by_scipy(
    image: npt.NDArray[Any],
    matrix: npt.NDArray[np.float64],
    offset: npt.NDArray[np.float64],
    order: int,
    fill_mode: str,
    cval: float,
) -> npt.NDArray[Any]:
    from scipy.ndimage import affine_transform

    warped = [
        affine_transform(channel, matrix, offset, order=order, mode=fill_mode, cval=cval)
        for channel in np.moveaxis(image, 2, 0)
    ]
    # Channels stay separate in memory, as in Keras: sums over the whole image, such as its mean,
    # follow the order of memory, and would otherwise differ in their last bit.
    return np.moveaxis(np.stack(warped), 0, 2)


def _fits_opencv(
    image: npt.NDArray[Any],
    matrix: npt.NDArray[np.float64],
    offset: npt.NDArray[np.float64],
    order: object,
    fill_mode: str,
    cval: object,
) -> bool:
    height, width, channels = image.shape
    if (
        image.dtype != np.float32
        or not isinstance(order, int)
        or order != 1
        or fill_mode not in {"nearest", "reflect", "constant"}
        or height < 2
        or width < 2
        or not isinstance(cval, int | float)
        # OpenCV's two-channel kernel uses fixed-point numbers, and is off by whole gray levels.
        or channels not in {1, 3, 4}
        or not _opencv_is_precise()
    ):
        return False
    corners = np.array([[0, 0, height - 1, height - 1], [0, width - 1, 0, width - 1]])
    sources = matrix @ corners + offset[:, np.newaxis]
    # False for NaN too.
    return bool(
        max(height, width, np.abs(sources).max()) <= _MAX_COORDINATE
        and image.max() <= _MAX_VALUE
        and image.min() >= -_MAX_VALUE
    )


@functools.cache
def _opencv_is_precise() -> bool:
    """Whether OpenCV is version 5 or newer; version 4 rounds coordinates to 1/32 pixel."""
    import cv2

    return int(cv2.__version__.partition(".")[0]) >= 5


def _warp_by_opencv(
    image: npt.NDArray[np.float32],
    matrix: npt.NDArray[np.float64],
    offset: npt.NDArray[np.float64],
    fill_mode: str,
    cval: float,
) -> npt.NDArray[np.float32]:
    import cv2

    height, width, channels = image.shape
    in_xy = np.array(
        [[matrix[1, 1], matrix[1, 0], offset[1]], [matrix[0, 1], matrix[0, 0], offset[0]]]
    )
    warped = np.empty((height, width, channels), dtype=np.float32)
    cv2.warpAffine(
        np.ascontiguousarray(image),
        in_xy,
        (width, height),
        dst=warped,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT if fill_mode == "reflect" else cv2.BORDER_REPLICATE,
    )
    if fill_mode == "constant":
        # OpenCV blends the border into the outermost pixels; SciPy does not.
        warped[_is_outside(height, width, matrix, offset)] = cval
    return warped


def _is_outside(
    height: int, width: int, matrix: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Marks output pixels whose source is outside the image.

    Computes in double precision and in the same order as SciPy.
    """
    rows, cols = np.arange(height)[:, np.newaxis], np.arange(width)
    is_outside = np.zeros((height, width), dtype=bool)
    for axis, length in enumerate((height, width)):
        source = offset[axis] + matrix[axis, 0] * rows + matrix[axis, 1] * cols
        is_outside |= (source < 0) | (source > length - 1)
    return is_outside
