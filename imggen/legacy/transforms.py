"""Single images transformed: the functions that stand beside ImageDataGenerator in Keras.

All draw from ``np.random`` and compute with SciPy, so they return the very bits that Keras's do.

Source: keras/src/legacy/preprocessing/image.py, Keras 3.15.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from imggen.augment import warp

Image = npt.NDArray[Any]


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
    """Rotates, shifts, shears and zooms an image about its centre, in one resample.

    Args:
        x: Shape (height, width, channels), or (channels, height, width) as the axes default to.
        theta: Rotation in degrees.
        tx: Shift in pixels; along the columns when ``row_axis < col_axis``, as in Keras.
        ty: Shift in pixels along the other axis.
        shear: Shear angle in degrees.
        zx: Zoom along the axis of ``tx``; below 1 enlarges.
        zy: Zoom along the axis of ``ty``.
        row_axis: The axis of ``x`` that counts rows.
        col_axis: The axis of ``x`` that counts columns.
        channel_axis: The axis of ``x`` that counts channels, 0 or 2.
        fill_mode: What lies beyond the edge, as in ``scipy.ndimage``.
        cval: The value beyond the edge for ``fill_mode="constant"``.
        order: Of the spline, 0 to 5.
        exact: SciPy's bits; otherwise OpenCV's, where ``imggen.augment.affine_warp`` says.

    Returns:
        An array of the same shape and dtype; ``x`` itself when there is nothing to do.

    Raises:
        ValueError: The axes are not 0, 1 and 2, or ``x`` has not three of them.

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
    matrix = _about_the_centre(matrix, x.shape[row_axis], x.shape[col_axis])
    if col_axis > row_axis:
        # Keras exchanges rows and columns here, centre and shifts included: with axes in their
        # usual order tx moves along the columns, and an image that is not square turns about
        # another point than its centre. Trained models have seen it so.
        matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    warped = warp(
        np.moveaxis(x, channel_axis, 2),
        matrix[:2, :2],
        matrix[:2, 2],
        order=order,
        fill_mode=fill_mode,
        cval=cval,
        exact=exact,
    )
    return np.moveaxis(warped, 2, channel_axis)


def _matrix(
    theta: float, tx: float, ty: float, shear: float, zx: float, zy: float
) -> npt.NDArray[np.float64] | None:
    """The product of all that is asked for, or None; about the origin, shape (3, 3)."""
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


def _about_the_centre(
    matrix: npt.NDArray[np.float64], height: int, width: int
) -> npt.NDArray[np.float64]:
    x, y = height / 2 - 0.5, width / 2 - 0.5
    there = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    back = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    # In this order: another one rounds otherwise.
    return np.asarray(np.dot(np.dot(there, matrix), back))


def flip_axis(x: Image, axis: int) -> Image:
    """Turns an array round along one axis; a view.

    Example:
        >>> flip_axis(np.array([[1, 2], [3, 4]]), 1).tolist()
        [[2, 1], [4, 3]]
    """
    return np.flip(np.asarray(x), axis)


def apply_channel_shift(x: Image, intensity: float, channel_axis: int = 0) -> Image:
    """Adds ``intensity`` to every value, within the range that the image has.

    Args:
        x: One image, three axes.
        intensity: What to add.
        channel_axis: The axis of ``x`` that counts channels.

    Returns:
        An array of the same shape.

    Example:
        >>> apply_channel_shift(np.array([[[10.0, 20.0]]]), 5.0, channel_axis=2).tolist()
        [[[15.0, 20.0]]]
    """
    channels = np.moveaxis(x, channel_axis, 0)
    low, high = np.min(x), np.max(x)
    shifted = np.stack([np.clip(channel + intensity, low, high) for channel in channels])
    return np.moveaxis(shifted, 0, channel_axis)


def apply_brightness_shift(x: Image, brightness: float, scale: bool = True) -> Image:
    """Brightens an image with Pillow, which rounds it to whole numbers.

    Args:
        x: One image, channels where ``keras.config.image_data_format()`` has them.
        brightness: The factor; 0 is black, 1 changes nothing.
        scale: Spread the values over 0 to 255 first. They are in any case when some lie outside.

    Returns:
        An array of the same shape in ``keras.config.floatx()``.

    Raises:
        ValueError: Not three axes, or other than 1, 3 or 4 channels.

    Example:
        >>> image = np.full((1, 1, 3), 100.0)
        >>> apply_brightness_shift(image, 1.5, scale=False).tolist()
        [[[150.0, 150.0, 150.0]]]
    """
    from PIL import ImageEnhance

    low, high = np.min(x), np.max(x)
    beyond = low < 0 or high > 255
    picture = keras.utils.array_to_img(x, scale=beyond or scale)
    bright = keras.utils.img_to_array(ImageEnhance.Brightness(picture).enhance(brightness))
    if beyond and not scale:
        bright = bright / 255 * (high - low) + low
    return np.asarray(bright)


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
    """Rotates an image by up to ``rg`` degrees either way; else as ``apply_affine_transform``."""
    theta = np.random.uniform(-rg, rg)
    return apply_affine_transform(
        x,
        theta=theta,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


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
    """Shifts an image by up to the shares ``wrg`` and ``hrg`` of its sides.

    Else as ``apply_affine_transform``, which says which of them is which.
    """
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
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
    """Shears an image by up to ``intensity`` degrees; else as ``apply_affine_transform``."""
    shear = np.random.uniform(-intensity, intensity)
    return apply_affine_transform(
        x,
        shear=shear,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


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
    """Zooms an image by factors from ``zoom_range``, one an axis.

    Else as ``apply_affine_transform``.

    Raises:
        ValueError: ``zoom_range`` holds other than two values.
    """
    if len(zoom_range) != 2:
        raise ValueError(f"zoom_range={zoom_range!r} must hold two factors, (low, high).")
    low, high = zoom_range
    zx, zy = (1, 1) if low == 1 and high == 1 else np.random.uniform(low, high, 2)
    return apply_affine_transform(
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


def random_channel_shift(x: Image, intensity_range: float, channel_axis: int = 0) -> Image:
    """Adds up to ``intensity_range`` to, or takes it from, every value of an image."""
    intensity = np.random.uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, intensity, channel_axis=channel_axis)


def random_brightness(x: Image, brightness_range: Sequence[float], scale: bool = True) -> Image:
    """Brightens an image by a factor from ``brightness_range``.

    Raises:
        ValueError: ``brightness_range`` holds other than two values.
    """
    if len(brightness_range) != 2:
        raise ValueError(f"brightness_range={brightness_range!r} must hold two, (low, high).")
    brightness = np.random.uniform(brightness_range[0], brightness_range[1])
    return apply_brightness_shift(x, brightness, scale)
