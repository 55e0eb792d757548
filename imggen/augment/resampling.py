"""One resampling pass for any geometric transform; exact if no interpolation is needed.

Coordinates are (x, y) in pixels, with (0, 0) at the center of the first pixel. Matrices are float64
of shape (3, 3). They map output coordinates to input coordinates, so the composition of two steps
is ``first @ second``.
"""

from __future__ import annotations

import itertools
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.errors import SampleError

FillMode = Literal["reflect", "nearest", "constant", "wrap", "mean"]
# The option of augmentations. "auto" depends on whether a sample has boxes or keypoints.
FillOption = Literal["auto", "reflect", "nearest", "constant", "wrap"]

Matrix = npt.NDArray[np.float64]

_DTYPES = ("uint8", "uint16", "float32", "float64")
# Names and byte orders take longer to look at.
_DTYPE_NUMBERS = frozenset(np.dtype(name).num for name in _DTYPES)
# The edges of a window may differ from whole pixels by this much.
_TOLERANCE = 1e-6
# OpenCV 4 has 16 bits for sides and coordinates.
_MAX_SIDE = 2**15 - 1
# OpenCV's numbers of its borders.
_BORDERS = {"constant": 0, "nearest": 1, "reflect": 2, "wrap": 3}
# SciPy needs about 100 bytes for each pixel that it resamples at once.
_PIXELS_PER_STEP = 2**18
# A shrinking factor of exactly 2 may come out slightly smaller after sines and products.
_ROUNDING = 1e-6
_MIN_SHRINKING = 4 - _ROUNDING  # of the area


class Fill(NamedTuple):
    """Values of pixels outside the image.

    Attributes:
        mode: A ``mode`` of ``scipy.ndimage``: "reflect" (d c b a | a b c d | d c b a), "nearest"
            (a a a a | a b c d | d d d d), "constant", or "wrap" (a b c d | a b c d), there called
            "grid-wrap"; or "mean": "constant" with the mean of each channel of the image.
        value: The value for "constant" in images, 0 to 255.
        mask_value: The value for "constant" in masks.
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
    is_crop: bool = False,
) -> npt.NDArray[Any]:
    """Resamples an image by a matrix.

    Flips copy values unchanged. Everything else is interpolated linearly (masks: nearest pixel). An
    image that shrinks to half its size or less is area-averaged first. With OpenCV 5, values are
    within 1 of a resampling in double precision; OpenCV 4 rounds coordinates to 1/32 pixel.

    Args:
        image: uint8, uint16 or floats, shape (height, width) or (height, width, channels). Masks
            may have any integer dtype, with values up to 2**24.
        matrix: Maps output to input coordinates, shape (3, 3).
        size: (height, width) of the result, in pixels.
        fill_mode: See ``Fill``.
        cval: The value outside the image for "constant".
        is_mask: Take the nearest pixel instead of interpolating.
        is_crop: Resize a window as an image of its own, without influence of pixels outside it.

    Returns:
        An array of the dtype of ``image``, shape (*size[, channels]); possibly ``image`` itself or
        a view of it.

    Raises:
        SampleError: The dtype or the number of axes is not supported.

    Source: OpenCV's ``warpAffine``, ``warpPerspective`` and ``resize``.

    Example:
        >>> image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
        >>> flip = np.array([[-1.0, 0, 2], [0, 1, 0], [0, 0, 1]])
        >>> resample(image, flip, (2, 3))[..., 0].tolist()
        [[2, 1, 0], [5, 4, 3]]
    """
    is_supported = image.dtype.num in _DTYPE_NUMBERS
    if is_mask and not is_supported and image.dtype.kind in "bui":
        as_float = image.astype(np.float32)
        if (as_float == image).all():
            options = {"fill_mode": fill_mode, "cval": cval, "is_mask": True, "is_crop": is_crop}
            return resample(as_float, matrix, size, **options).astype(image.dtype)  # type: ignore[arg-type]
    if not is_supported or image.ndim not in (2, 3):
        raise SampleError(
            f"Geometric augmentations take images of dtype {', '.join(_DTYPES)} and shape (height, "
            f"width, channels); got {image.dtype} of shape {image.shape}."
        )
    (xx, xy, x), (yx, yy, y), (depth_x, depth_y, depth) = matrix.tolist()
    is_affine = not depth_x and not depth_y
    if is_affine and not xy and not yx:
        in_size = height, width = image.shape[0], image.shape[1]
        if (
            in_size == size
            and depth == 1 == xx * xx == yy * yy
            and x == (0 if xx > 0 else width - 1)
            and y == (0 if yy > 0 else height - 1)
        ):
            return _flip(image, vertical=yy < 0, horizontal=xx < 0)
        window = _window(matrix, in_size, size)
        if window is not None and (is_crop or (window.height, window.width) == size):
            return _resize_window(image, window, size, is_mask)
    color: float | tuple[float, ...] = cval
    if fill_mode == "mean":
        fill_mode, color = "constant", _mean_color(image)
    # Most matrices do not shrink an image to half its size.
    if not is_mask and not (is_affine and abs(xx * yy - xy * yx) < _MIN_SHRINKING * depth * depth):
        image, matrix = _shrink(image, matrix, size)
    return _warp(image, matrix, size, fill_mode, color, is_mask)


class _Window(NamedTuple):
    """A window of an image in whole pixels, and whether it is flipped."""

    top: int
    left: int
    height: int
    width: int
    flip_vertical: bool
    flip_horizontal: bool


def _window(matrix: Matrix, in_size: tuple[int, int], size: tuple[int, int]) -> _Window | None:
    """Returns the window that a matrix shows; None if its edges are not at whole pixels.

    Args:
        matrix: Does not turn, shear or distort.
        in_size: (height, width) of the input, in pixels.
        size: (height, width) of the output, in pixels.
    """
    (scale_x, _, offset_x), (_, scale_y, offset_y), (_, _, depth) = matrix.tolist()
    columns = _whole_pixels(scale_x / depth, offset_x / depth, in_size[1], size[1])
    if columns is None:
        return None
    rows = _whole_pixels(scale_y / depth, offset_y / depth, in_size[0], size[0])
    if rows is None:
        return None
    (top, height, flip_vertical), (left, width, flip_horizontal) = rows, columns
    return _Window(top, left, height, width, flip_vertical, flip_horizontal)


def _whole_pixels(
    scale: float, offset: float, in_length: int, out_length: int
) -> tuple[int, int, bool] | None:
    """Returns the first pixel that is shown along one axis, their number, and if they are flipped.

    None if the edges are not at whole pixels.
    """
    # The outer edges of the first and the last pixel shown, in pixels from the image's edge.
    first = offset + 0.5 - scale / 2
    last = first + scale * out_length
    is_flipped = last < first
    if is_flipped:
        first, last = last, first
    low, high = round(first), round(last)
    if not -_TOLERANCE <= first - low <= _TOLERANCE or not -_TOLERANCE <= last - high <= _TOLERANCE:
        return None
    return None if low < 0 or high > in_length or low == high else (low, high - low, is_flipped)


def _resize_window(
    image: npt.NDArray[Any], window: _Window, size: tuple[int, int], is_mask: bool
) -> npt.NDArray[Any]:
    import cv2

    top, left, height, width, flip_vertical, flip_horizontal = window
    is_whole = (height, width) == image.shape[:2]
    part = image if is_whole else image[top : top + height, left : left + width]
    if (height, width) != size:
        shrinks = height > 2 * size[0] and width > 2 * size[1]
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        part = _resize(part, size, cv2.INTER_NEAREST_EXACT if is_mask else interpolation)
    return _flip(part, vertical=flip_vertical, horizontal=flip_horizontal)


def _flip(image: npt.NDArray[Any], *, vertical: bool, horizontal: bool) -> npt.NDArray[Any]:
    import cv2

    if not vertical and not horizontal:
        return image
    axis = -1 if vertical and horizontal else 0 if vertical else 1
    if image.ndim == 3 and image.shape[2] > 4:
        # cv2.flip takes more than four channels, but not any number of them.
        return np.flip(image, (0, 1) if axis < 0 else axis)
    flipped: npt.NDArray[Any] = cv2.flip(image, axis)
    return flipped if flipped.ndim == image.ndim else _restore_channels(flipped, image)


def _shrink(
    image: npt.NDArray[Any], matrix: Matrix, size: tuple[int, int]
) -> tuple[npt.NDArray[Any], Matrix]:
    """Area-averages an image that the matrix shows at half its size or less."""
    import cv2

    center = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2, 1.0])
    depth = float(matrix[2] @ center)
    if depth <= 0 or abs(_area_at_center(matrix, size)) < _MIN_SHRINKING - 0.01:
        return image, matrix  # in most cases, without computing it precisely
    jacobian = (matrix[:2, :2] - np.outer((matrix @ center)[:2] / depth, matrix[2, :2])) / depth
    factor = int(np.sqrt(abs(np.linalg.det(jacobian))) + _ROUNDING)
    height, width = image.shape[:2]
    if factor < 2 or min(height, width) < 2 * factor:
        return image, matrix
    smaller = (round(height / factor), round(width / factor))
    scale_x, scale_y = smaller[1] / width, smaller[0] / height
    to_smaller = np.array(
        [[scale_x, 0, scale_x / 2 - 0.5], [0, scale_y, scale_y / 2 - 0.5], [0, 0, 1]]
    )
    return _resize(image, smaller, cv2.INTER_AREA), to_smaller @ matrix


def _area_at_center(matrix: Matrix, size: tuple[int, int]) -> float:
    """Returns about how many pixels of the input the output shows at its center per pixel."""
    (xx, xy, x), (yx, yy, y), (depth_x, depth_y, depth) = matrix.tolist()
    center_x, center_y = (size[1] - 1) / 2, (size[0] - 1) / 2
    depth += depth_x * center_x + depth_y * center_y
    in_x = (xx * center_x + xy * center_y + x) / depth
    in_y = (yx * center_x + yy * center_y + y) / depth
    area = (xx - in_x * depth_x) * (yy - in_y * depth_y)
    area -= (xy - in_x * depth_y) * (yx - in_y * depth_x)
    return float(area / (depth * depth))


def _is_multichannel(image: npt.NDArray[Any]) -> bool:
    """Whether an image has more channels than OpenCV processes at once."""
    return image.ndim == 3 and image.shape[2] > 4


def _resize(image: npt.NDArray[Any], size: tuple[int, int], interpolation: int) -> npt.NDArray[Any]:
    import cv2

    if _is_multichannel(image):
        channels = [image[:, :, channel] for channel in range(image.shape[2])]
        return np.stack([_resize(channel, size, interpolation) for channel in channels], axis=2)
    return _restore_channels(cv2.resize(image, size[::-1], interpolation=interpolation), image)


def _warp(
    image: npt.NDArray[Any],
    matrix: Matrix,
    size: tuple[int, int],
    fill_mode: FillMode,
    cval: float | tuple[float, ...],
    is_mask: bool,
) -> npt.NDArray[Any]:
    import cv2

    channels = image.shape[2] if image.ndim == 3 else 1
    # OpenCV processes two channels in fixed point, and more than four not at all.
    if channels not in (1, 3, 4):
        bounds = [
            *range(0, channels - channels % 3, 3),
            *range(channels - channels % 3, channels + 1),
        ]
        parts = []
        for start, end in itertools.pairwise(bounds):
            color = cval[start:end] if isinstance(cval, tuple) else cval
            parts.append(_warp(image[:, :, start:end], matrix, size, fill_mode, color, is_mask))
        return np.concatenate(parts, axis=2)
    if cv2.__version__[0] < "5" and _exceeds_opencv_4(matrix, (*image.shape[:2], *size)):
        return _warp_by_scipy(image, matrix, size, fill_mode, cval, is_mask)
    # The warp accesses pixels in no regular order, which is slow for an image that is not in the
    # processor's cache. A sequential copy loads it into the cache, and costs less than it saves.
    image = image.copy()
    flags = (cv2.INTER_NEAREST if is_mask else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    out_size, border = (size[1], size[0]), _BORDERS[fill_mode]
    if fill_mode == "constant":
        color = cval if isinstance(cval, tuple) else (cval, cval, cval, cval)
    else:
        color = ()
    depth_x, depth_y, depth = matrix[2].tolist()
    if depth_x or depth_y:
        warped = cv2.warpPerspective(image, matrix, out_size, None, flags, border, color)
    else:
        affine = matrix[:2] if depth == 1 else matrix[:2] / depth
        warped = cv2.warpAffine(image, affine, out_size, None, flags, border, color)
    return warped if warped.ndim == image.ndim else _restore_channels(warped, image)


def _exceeds_opencv_4(matrix: Matrix, sizes: tuple[int, ...]) -> bool:
    """Whether sides or coordinates do not fit into the 16 bits that OpenCV 4 has for them."""
    height, width = sizes[2:]
    corners = np.array([[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1] * 4])
    x, y, depth = matrix @ corners
    if (depth <= 0).any():  # such coordinates are never exact
        depth = np.ones(4)
    return bool(max(*sizes, np.abs(x / depth).max(), np.abs(y / depth).max()) >= _MAX_SIDE)


def _warp_by_scipy(
    image: npt.NDArray[Any],
    matrix: Matrix,
    size: tuple[int, int],
    fill_mode: FillMode,
    cval: float | tuple[float, ...],
    is_mask: bool,
) -> npt.NDArray[Any]:
    """Does what OpenCV does, in double precision, for images of any size."""
    from scipy.ndimage import map_coordinates

    channels = image.reshape(*image.shape[:2], -1)
    warped = np.empty((*size, channels.shape[2]), image.dtype)
    colors = cval if isinstance(cval, tuple) else (cval,) * channels.shape[2]
    mode = {"constant": "grid-constant", "wrap": "grid-wrap"}.get(fill_mode, fill_mode)
    num_rows = max(1, _PIXELS_PER_STEP // size[1])
    for start in range(0, size[0], num_rows):
        rows = slice(start, min(start + num_rows, size[0]))
        y, x = np.mgrid[rows, : size[1]]
        in_x, in_y, depth = (row[0] * x + row[1] * y + row[2] for row in matrix)
        factor = np.divide(1.0, depth, out=np.zeros_like(depth), where=depth != 0)
        for channel, color in enumerate(colors):
            values = map_coordinates(
                channels[..., channel],
                [in_y * factor, in_x * factor],
                output=np.float64,
                order=0 if is_mask else 1,
                mode=mode,
                cval=color,
            )
            warped[rows, :, channel] = np.rint(values) if image.dtype.kind == "u" else values
    return warped.reshape(*size, *image.shape[2:])


def _mean_color(image: npt.NDArray[Any]) -> tuple[float, ...]:
    """Returns the mean of each channel, a whole number for integers."""
    import cv2

    if _is_multichannel(image):
        mean = image.mean(axis=(0, 1), dtype=np.float64)
    else:
        mean = np.array(cv2.mean(image)[: image.shape[2] if image.ndim == 3 else 1])
    return tuple((np.rint(mean) if image.dtype.kind == "u" else mean).tolist())


def _restore_channels(changed: Any, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Restores the axis of a single channel, which OpenCV drops."""
    return np.asarray(changed).reshape(*changed.shape[:2], *image.shape[2:])
