"""Affine resampling: SciPy's exact results, or OpenCV's within a fraction of a gray level."""

from __future__ import annotations

import functools
from typing import Any, final

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
    shape = image.shape
    if not exact and OpenCVWarps.supports(shape, image.dtype, order, fill_mode, cval):
        warps = OpenCVWarps(shape, matrix[np.newaxis], offset[np.newaxis], fill_mode, cval)
        if warps.fits(0, image):
            warped = np.empty(shape, dtype=np.float32)
            warps.warp(0, image, warped)
            return warped
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


@final
class OpenCVWarps:
    """Warps of images of one size by OpenCV, prepared together.

    Args:
        shape: (height, width, channels) of each image.
        matrices: Shape (n, 2, 2); one per image, as for ``warp``.
        offsets: Shape (n, 2).
        fill_mode: As for ``warp``.
        cval: As for ``warp``.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        matrices: npt.NDArray[np.float64],
        offsets: npt.NDArray[np.float64],
        fill_mode: str,
        cval: float,
    ) -> None:
        import cv2

        height, width, self._channels = shape
        self._size = (width, height)
        by_row_col = np.concatenate([matrices, offsets[:, :, np.newaxis]], axis=2)
        self._matrices = np.ascontiguousarray(by_row_col[:, ::-1][:, :, [1, 0, 2]])  # by (x, y)
        corners = [[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1, 1, 1, 1]]
        reach = np.abs(self._matrices @ np.array(corners, dtype=np.float64)).max(axis=(1, 2))
        # False for NaN too.
        self._is_precise = (np.maximum(reach, max(height, width)) <= _MAX_COORDINATE).tolist()
        self._border = cv2.BORDER_REFLECT if fill_mode == "reflect" else cv2.BORDER_REPLICATE
        self._cval = cval if fill_mode == "constant" else None

    @staticmethod
    def supports(
        shape: tuple[int, ...], dtype: object, order: object, fill_mode: str, cval: object
    ) -> bool:
        """Returns whether OpenCV can warp such images."""
        height, width, channels = shape
        return (
            dtype == np.float32
            and isinstance(order, int)
            and order == 1
            and fill_mode in {"nearest", "reflect", "constant"}
            and height >= 2
            and width >= 2
            and isinstance(cval, int | float)
            # OpenCV's two-channel kernel uses fixed-point numbers, and is off by whole gray levels.
            and channels in {1, 3, 4}
            and _opencv_is_precise()
        )

    def fits(self, index: int, image: npt.NDArray[Any]) -> bool:
        """Returns whether the result for an image of float32 or uint8 will be precise."""
        return self._is_precise[index] and (
            image.dtype == np.uint8
            or bool(image.max() <= _MAX_VALUE and image.min() >= -_MAX_VALUE)
        )

    def warp(self, index: int, image: npt.NDArray[Any], out: npt.NDArray[np.float32]) -> None:
        """Warps the image ``index`` into ``out``, a contiguous array of the same shape."""
        import cv2

        floats, target = np.ascontiguousarray(image, dtype=np.float32), out
        if self._channels == 1:
            floats, target = floats[:, :, 0], out[:, :, 0]
        matrix = self._matrices[index]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(floats, matrix, self._size, target, flags, self._border)
        if self._cval is not None:
            # OpenCV blends the border into the outermost pixels; SciPy does not.
            out[_is_outside(self._size, matrix)] = self._cval


@functools.cache
def _opencv_is_precise() -> bool:
    """Whether OpenCV is version 5 or newer; version 4 rounds coordinates to 1/32 pixel."""
    import cv2

    return int(cv2.__version__.partition(".")[0]) >= 5


def _is_outside(size: tuple[int, int], matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Marks output pixels whose source is outside the image.

    Computes in double precision and in the same order as SciPy.
    """
    width, height = size
    rows, cols = np.arange(height)[:, np.newaxis], np.arange(width)
    is_outside = np.zeros((height, width), dtype=bool)
    for (of_col, of_row, offset), length in zip(matrix, size, strict=True):
        source = offset + of_row * rows + of_col * cols
        is_outside |= (source < 0) | (source > length - 1)
    return is_outside
