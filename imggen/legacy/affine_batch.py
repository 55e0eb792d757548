"""The affine transformations of one batch: their matrices are built together."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import OpenCVWarps
from imggen.legacy.random_parameters import Parameters

# By name, the value that changes nothing.
_NEUTRAL = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}
_select_values = itemgetter(*_NEUTRAL)


@final
class AffineBatch:
    """Writes images into a batch, warped by OpenCV and flipped.

    Args:
        generator: An ImageDataGenerator whose images need not be exact.
        parameters: Those of each image.
        values: The affine ones; see ``build_matrices``.
        batch_x: The batch, of float32.
    """

    def __init__(
        self,
        generator: Any,
        parameters: list[Parameters],
        values: npt.NDArray[np.float64],
        batch_x: npt.NDArray[np.float32],
    ) -> None:
        height, width, _ = shape = batch_x.shape[1:]
        matrices = build_matrices(values, height, width)
        self._is_moved = (values != tuple(_NEUTRAL.values())).any(axis=1).tolist()
        self._warps = OpenCVWarps(
            shape, matrices[:, :2, :2], matrices[:, :2, 2], generator.fill_mode, generator.cval
        )
        self._parameters = parameters
        self._batch_x = batch_x

    def put(self, position: int, image: npt.NDArray[Any]) -> bool:
        """Writes an image into the batch; returns False if its result would not be precise."""
        if not self._is_moved[position] or not self._warps.fits(position, image):
            return False
        import cv2

        row, chosen = self._batch_x[position], self._parameters[position]
        is_mirrored, is_upside_down = chosen["flip_horizontal"], chosen["flip_vertical"]
        if not is_mirrored and not is_upside_down:
            self._warps.warp(position, image, row)
            return True
        warped = np.empty(row.shape, dtype=np.float32)
        self._warps.warp(position, image, warped)
        axes = -1 if is_mirrored and is_upside_down else int(bool(is_mirrored))
        if row.shape[2] == 1:
            warped, row = warped[:, :, 0], row[:, :, 0]
        cv2.flip(warped, axes, row)
        return True


def find_affine_batch(
    generator: Any, parameters: list[Parameters], batch_x: npt.NDArray[Any]
) -> AffineBatch | None:
    """Returns the transformations of a batch; None if OpenCV cannot do them all."""
    can_warp = (
        generator.channel_axis == 3
        and generator.channel_shift_range == 0
        and generator.brightness_range is None
        and not generator._amplifies_differences(None)
        and OpenCVWarps.supports(
            batch_x.shape[1:],
            batch_x.dtype,
            generator.interpolation_order,
            generator.fill_mode,
            generator.cval,
        )
    )
    if not can_warp or not parameters:
        return None
    values = np.array([_select_values(each) for each in parameters])
    if values.dtype.kind not in "if":
        return None
    return AffineBatch(generator, parameters, values.astype(np.float64), batch_x)


def build_matrices(
    values: npt.NDArray[np.float64], height: int, width: int
) -> npt.NDArray[np.float64]:
    """Builds the matrices of images whose channels are last; see ``apply_affine_transform``.

    Args:
        values: Shape (n, 6): theta, tx, ty, shear, zx, zy.
        height: The height of the images.
        width: Their width.

    Returns:
        Shape (n, 3, 3): from output to input, for (row, col) coordinates.
    """
    theta, tx, ty, shear, zx, zy = values.T
    turns, slants = np.deg2rad(theta), np.deg2rad(shear)
    rotation, shift, slant, zoom = np.tile(np.eye(3), (4, len(values), 1, 1))
    rotation[:, 0, 0] = rotation[:, 1, 1] = np.cos(turns)
    rotation[:, 1, 0] = np.sin(turns)
    rotation[:, 0, 1] = -rotation[:, 1, 0]
    shift[:, 0, 2], shift[:, 1, 2] = tx, ty
    slant[:, 0, 1], slant[:, 1, 1] = -np.sin(slants), np.cos(slants)
    zoom[:, 0, 0], zoom[:, 1, 1] = zx, zy
    to_center, from_center = np.eye(3), np.eye(3)
    to_center[:2, 2] = height / 2 - 0.5, width / 2 - 0.5
    from_center[:2, 2] = -to_center[:2, 2]
    # The order in which Keras multiplies, since another one would round differently.
    product: npt.NDArray[np.float64] = to_center @ (rotation @ shift @ slant @ zoom) @ from_center
    return product[:, [1, 0, 2]][:, :, [1, 0, 2]]  # Keras swaps rows and columns
