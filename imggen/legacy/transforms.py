"""Transformations of single images: the functions next to ImageDataGenerator in Keras.

They draw from ``np.random`` and compute with SciPy, so they return the same bits as Keras's.

Source: keras/src/legacy/preprocessing/image.py, Keras 3.15.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from inspect import unwrap
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from imggen.augment import warp
from imggen.core import shorten
from imggen.legacy.argument_errors import name_wrong_argument

Image = npt.NDArray[Any]

# An image for which all axes and parameters are legal.
ANY_IMAGE = np.zeros((4, 4, 4))


@name_wrong_argument(x=ANY_IMAGE, theta=1.0)
def apply_affine_transform(
    x: Image,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
    *,
    exact: bool = True,
) -> Image:
    """Rotates, shifts, shears and zooms an image about its center, in one resampling pass.

    Args:
        x: Shape (height, width, channels), or (channels, height, width), the default of the axes.
        theta: Rotation in degrees.
        tx: Shift in pixels; along the columns when ``row_axis < col_axis``, as in Keras.
        ty: Shift in pixels along the other axis.
        shear: Shear angle in degrees.
        zx: Zoom along the axis of ``tx``; below 1 enlarges.
        zy: Zoom along the axis of ``ty``.
        row_axis: The row axis of ``x``.
        col_axis: The column axis of ``x``.
        channel_axis: The channel axis of ``x``, 0 or 2.
        fill_mode: How to fill points outside the image, as in ``scipy.ndimage``.
        cval: The value outside the image for ``fill_mode="constant"``.
        order: The order of the spline, 0 to 5.
        exact: Return SciPy's bits; otherwise OpenCV is used where ``imggen.augment`` permits it.

    Returns:
        An array of the same shape and dtype; ``x`` itself if no parameter changes it.

    Raises:
        ValueError: The axes are not 0, 1 and 2, or ``x`` does not have three.

    Example:
        >>> image = np.arange(4.0).reshape(2, 2, 1)
        >>> turned = apply_affine_transform(
        ...     image, theta=90, row_axis=0, col_axis=1, channel_axis=2
        ... )
        >>> turned[..., 0].round(6).tolist()
        [[1.0, 3.0], [0.0, 2.0]]
    """
    if {row_axis, col_axis, channel_axis} != {0, 1, 2} or channel_axis == 1:
        raise ValueError(
            f"row_axis={row_axis}, col_axis={col_axis}, channel_axis={channel_axis} must be 0, 1 "
            "and 2 in some order, with the channels first or last."
        )
    if x.ndim != 3:
        raise ValueError(f"x has shape {x.shape}; expected one image with three axes.")
    matrix = _matrix(theta, tx, ty, shear, zx, zy)
    if matrix is None:
        return x
    matrix = _about_center(matrix, x.shape[row_axis], x.shape[col_axis])
    if col_axis > row_axis:
        # Keras swaps rows and columns here, center and shifts included: with axes in their usual
        # order, tx shifts along the columns, and an image that is not square rotates about a point
        # that is not its center. Trained models depend on it.
        matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    try:
        warped = warp(
            np.moveaxis(x, channel_axis, 2),
            matrix[:2, :2],
            matrix[:2, 2],
            order=order,
            fill_mode=fill_mode,
            cval=cval,
            exact=exact,
        )
    except RuntimeError as err:
        err.add_note(
            f"SciPy cannot resample images of {x.dtype}. Pass images of float32, or "
            'dtype="float32" to ImageDataGenerator.'
        )
        raise
    return np.moveaxis(warped, 2, channel_axis)


def _matrix(
    theta: float, tx: float, ty: float, shear: float, zx: float, zy: float
) -> npt.NDArray[np.float64] | None:
    """Returns the product of all operations, shape (3, 3), about the origin; None: no operation."""
    factors = []
    if theta != 0:
        angle = np.deg2rad(theta)
        cos, sin = np.cos(angle), np.sin(angle)
        factors.append(np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]))
    if tx != 0 or ty != 0:
        factors.append(np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]]))
    if shear != 0:
        angle = np.deg2rad(shear)
        factors.append(np.array([[1, -np.sin(angle), 0], [0, np.cos(angle), 0], [0, 0, 1]]))
    if zx != 1 or zy != 1:
        factors.append(np.array([[zx, 0, 0], [0, zy, 0], [0, 0, 1]]))
    return functools.reduce(np.dot, factors) if factors else None


def _about_center(
    matrix: npt.NDArray[np.float64], height: int, width: int
) -> npt.NDArray[np.float64]:
    x, y = height / 2 - 0.5, width / 2 - 0.5
    to_center = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    from_center = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    # Another order of multiplication would round differently.
    return np.asarray(np.dot(np.dot(to_center, matrix), from_center))


@name_wrong_argument(x=ANY_IMAGE, axis=0)
def flip_axis(x: Image, axis: int) -> Image:
    """Returns a view of an array, reversed along one axis.

    Example:
        >>> flip_axis(np.array([[1, 2], [3, 4]]), 1).tolist()
        [[2, 1], [4, 3]]
    """
    return np.flip(np.asarray(x), axis)


@name_wrong_argument(x=ANY_IMAGE, intensity=1.0)
def apply_channel_shift(x: Image, intensity: float, channel_axis: int = 0) -> Image:
    """Adds ``intensity`` to every value, clipped to the range of the image.

    Args:
        x: One image, three axes.
        intensity: The number to add.
        channel_axis: The channel axis of ``x``.

    Returns:
        An array of the same shape.

    Example:
        >>> apply_channel_shift(np.array([[[10.0, 20.0]]]), 5.0, channel_axis=2).tolist()
        [[[15.0, 20.0]]]
    """
    channels = np.rollaxis(x, channel_axis, 0)
    low, high = np.min(x), np.max(x)
    shifted = np.stack([np.clip(channel + intensity, low, high) for channel in channels])
    return np.rollaxis(shifted, 0, channel_axis + 1)  # as in Keras, also for -1


@name_wrong_argument(x=ANY_IMAGE, brightness=1.0)
def apply_brightness_shift(x: Image, brightness: float, scale: bool = True) -> Image:
    """Changes the brightness of an image with Pillow, which rounds to whole numbers.

    Args:
        x: One image, with axes as in ``keras.config.image_data_format()``.
        brightness: The factor; 0 is black, 1 changes nothing.
        scale: Scale the values to 0 to 255 first; always done if some are outside that range.

    Returns:
        An array of the same shape in ``keras.config.floatx()``.

    Raises:
        ValueError: ``x`` does not have three axes, or not 1, 3 or 4 channels.

    Example:
        >>> image = np.full((1, 1, 3), 100.0)
        >>> apply_brightness_shift(image, 1.5, scale=False).tolist()
        [[[150.0, 150.0, 150.0]]]
    """
    from PIL import ImageEnhance

    low, high = np.min(x), np.max(x)
    is_outside = low < 0 or high > 255
    picture = keras.utils.array_to_img(x, scale=is_outside or scale)
    bright = keras.utils.img_to_array(ImageEnhance.Brightness(picture).enhance(brightness))
    if is_outside and not scale:
        bright = bright / 255 * (high - low) + low
    return np.asarray(bright)


# Without decorator: for calls per sample, and by functions whose parameters have other names.
affine_transform: Callable[..., Image] = unwrap(apply_affine_transform)
channel_shift: Callable[..., Image] = unwrap(apply_channel_shift)
brightness_shift: Callable[..., Image] = unwrap(apply_brightness_shift)
reverse_axis: Callable[..., Image] = unwrap(flip_axis)


@name_wrong_argument(x=ANY_IMAGE, rg=1.0)
def random_rotation(
    x: Image,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Image:
    """Rotates an image by up to ``rg`` degrees, like ``apply_affine_transform``."""
    theta = np.random.uniform(-rg, rg)
    return affine_transform(
        x,
        theta=theta,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


@name_wrong_argument(x=ANY_IMAGE, wrg=0.1, hrg=0.1)
def random_shift(
    x: Image,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Image:
    """Shifts an image by up to the fractions ``wrg`` and ``hrg`` of its sides.

    See ``apply_affine_transform`` for the axes.
    """
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return affine_transform(
        x,
        tx=tx,
        ty=ty,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


@name_wrong_argument(x=ANY_IMAGE, intensity=1.0)
def random_shear(
    x: Image,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Image:
    """Shears an image by up to ``intensity`` degrees, like ``apply_affine_transform``."""
    shear = np.random.uniform(-intensity, intensity)
    return affine_transform(
        x,
        shear=shear,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


@name_wrong_argument(x=ANY_IMAGE, zoom_range=(0.5, 1.5))
def random_zoom(
    x: Image,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Image:
    """Zooms an image by factors from ``zoom_range``, one per axis.

    Raises:
        ValueError: ``zoom_range`` does not contain two values.
    """
    if len(zoom_range) != 2:
        raise ValueError(f"zoom_range={shorten(zoom_range)} must be two factors, (low, high).")
    low, high = zoom_range
    zx, zy = (1, 1) if low == 1 and high == 1 else np.random.uniform(low, high, 2)
    return affine_transform(
        x,
        zx=zx,
        zy=zy,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


@name_wrong_argument(x=ANY_IMAGE, intensity_range=1.0)
def random_channel_shift(x: Image, intensity_range: float, channel_axis: int = 0) -> Image:
    """Adds a random number of up to ``intensity_range`` to, or subtracts it from, every value."""
    intensity = np.random.uniform(-intensity_range, intensity_range)
    return channel_shift(x, intensity, channel_axis=channel_axis)


@name_wrong_argument(x=ANY_IMAGE, brightness_range=(0.5, 1.5))
def random_brightness(x: Image, brightness_range: Sequence[float], scale: bool = True) -> Image:
    """Changes the brightness of an image by a factor from ``brightness_range``.

    Raises:
        ValueError: ``brightness_range`` does not contain two values.
    """
    if len(brightness_range) != 2:
        raise ValueError(
            f"brightness_range={shorten(brightness_range)} must be two factors, (low, high)."
        )
    brightness = np.random.uniform(brightness_range[0], brightness_range[1])
    return brightness_shift(x, brightness, scale)
