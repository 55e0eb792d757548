"""Applying operations to samples in as few passes as possible.

Adjacent geometric operations share one resampling pass, and adjacent color matrices one product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.augment.operations import FilterOp, LookupTableOp, Operation
from imggen.augment.positions import move_boxes, move_keypoints
from imggen.augment.resampling import Fill, resample
from imggen.augment.sample import Sample
from imggen.errors import SampleError

_NO_FILL = Fill()
_IDENTITY = np.eye(4)
_UNUSED_MEAN = np.zeros(3)
_VALUES = np.arange(256, dtype=np.uint8)


def apply_operations(
    operations: Sequence[Operation], sample: Sample, size: tuple[int, int] | None = None
) -> Sample:
    """Applies operations to a sample, in order; a pure function.

    Adjacent geometric operations with the same fill share one resampling pass. Adjacent color
    matrices are multiplied: values are rounded and clipped once, at the end.

    Args:
        operations: Operations that built-in augmentations drew.
        sample: The sample; not modified.
        size: (height, width) of the result, in pixels, if the first operation is a crop from a
            larger image. None: the size of ``sample``.

    Returns:
        The changed sample. Its arrays may be those of ``sample``, or views of them, where nothing
        changed.

    Raises:
        SampleError: An array is not an image, or an operation cannot keep the sample's masks, boxes
            or keypoints aligned.
    """
    has_positions = sample.boxes is not None or sample.keypoints is not None
    image = sample.image
    start, num_operations = 0, len(operations)
    while start < num_operations:
        op: Any = operations[start].op
        end = start + 1
        if op.moves_geometry:
            fill = op.fills[has_positions]
            while end < num_operations:
                following: Any = operations[end].op
                if not following.moves_geometry:
                    break
                following_fill = following.fills[has_positions]
                if not (fill is None or following_fill is None or fill == following_fill):
                    break
                fill = fill or following_fill
                end += 1
            sample = _apply_geometry(operations[start:end], image, sample, size, fill or _NO_FILL)
            image, size = sample.image, None
        elif op.is_color_matrix:
            while end < num_operations and operations[end].op.is_color_matrix:
                end += 1
            image = _apply_color_matrices(operations[start:end], image)
        else:
            if op.moves_pixels and (sample.masks or has_positions):
                op.check_alignment(sample)
            image = _apply_single(operations[start], image)
        start = end
    if image is sample.image:
        return sample
    return Sample(image, sample.masks, sample.images, sample.boxes, sample.keypoints)


def _apply_geometry(
    operations: Sequence[Operation],
    image: npt.NDArray[Any],
    sample: Sample,
    size: tuple[int, int] | None,
    fill: Fill,
) -> Sample:
    """Moves ``image``, and with it all that belongs to ``sample``, the sample that it is from."""
    before = in_size = (image.shape[0], image.shape[1])
    out_size = size or in_size
    matrix: Any = None
    is_crop = False
    for operation in operations:
        op: Any = operation.op
        following = op.matrix(operation.parameters, before, out_size)
        matrix = following if matrix is None else matrix @ following
        is_crop = is_crop or op.is_crop
        before = out_size
    mode, value, mask_value = fill
    image = resample(image, matrix, out_size, fill_mode=mode, cval=value, is_crop=is_crop)
    masks, images, boxes, keypoints = sample.masks, sample.images, sample.boxes, sample.keypoints
    if masks:
        masks = tuple(
            resample(
                mask,
                matrix,
                out_size,
                fill_mode="constant" if mode == "mean" else mode,
                cval=mask_value,
                is_mask=True,
                is_crop=is_crop,
            )
            for mask in masks
        )
    if images:
        images = tuple(
            resample(further, matrix, out_size, fill_mode=mode, cval=value, is_crop=is_crop)
            for further in images
        )
    if boxes is not None:
        boxes = move_boxes(boxes, matrix, in_size, out_size)
    if keypoints is not None:
        keypoints = move_keypoints(keypoints, matrix, in_size)
    return Sample(image, masks, images, boxes, keypoints)


def _apply_color_matrices(
    operations: Sequence[Operation], image: npt.NDArray[Any]
) -> npt.NDArray[np.uint8]:
    import cv2

    num_colors = _count_color_channels(operations, image)
    total, mean = _IDENTITY.copy(), None
    for number, operation in enumerate(operations):
        op: Any = operation.op
        mean_now = _UNUSED_MEAN
        if op.uses_mean:
            if mean is None:
                # The color around which contrast changes; for a gray image, its mean three times.
                red, green, blue, _ = cv2.mean(image)
                colors = (red, green, blue) if num_colors == 3 else (red, red, red)
                mean = np.array([*colors, 1.0])
            mean_now = (total @ mean)[:3]
        matrix = op.color_matrix(operation.parameters, mean_now)
        total[:3] = matrix @ total if number else matrix
    channels = image.shape[2]
    if channels == 1:
        # Gray means red = green = blue; then all three rows have the same sum.
        red, green, blue, shift = total[0].tolist()
        matrix = np.array([[red + green + blue, shift]])
    elif channels == 3:
        matrix = total[:3]
    else:  # alpha is kept
        matrix = np.zeros((4, 5))
        matrix[:3, :3], matrix[:3, 4], matrix[3, 3] = total[:3, :3], total[:3, 3], 1.0
    changed = np.asarray(cv2.transform(image, matrix), np.uint8)
    return changed if channels > 1 else changed.reshape(image.shape)


def _apply_single(operation: Operation, image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Applies a lookup table or a filter."""
    op, parameters = operation
    num_colors = _count_color_channels((operation,), image)
    has_alpha = image.shape[2] == 4
    colors = image[:, :, :num_colors] if has_alpha else image
    if isinstance(op, LookupTableOp):
        return _look_up(op.table(parameters, colors), image)
    assert isinstance(op, FilterOp)  # noqa: S101 - the only kind left
    if not colors.flags.c_contiguous:
        colors = np.ascontiguousarray(colors)
    changed = op.apply(colors, parameters)
    return np.concatenate([changed, image[:, :, 3:]], axis=2) if has_alpha else changed


def _look_up(table: npt.NDArray[np.uint8], image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import cv2

    channels = image.shape[2]
    if channels == 4:
        tables = np.empty((256, 4), np.uint8)
        tables[:, :3] = table if table.ndim == 2 else table[:, np.newaxis]
        tables[:, 3] = _VALUES  # alpha is kept
        table = tables
    # OpenCV takes tables of one channel and of several as shape (256,) and (1, 256, channels).
    changed = np.asarray(cv2.LUT(image, table if table.ndim == 1 else table[np.newaxis]), np.uint8)
    return changed if channels > 1 else changed.reshape(image.shape)


def _count_color_channels(operations: Sequence[Operation], image: npt.NDArray[Any]) -> int:
    """Returns the number of channels that are colors: 1 for gray images, else 3."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        names = ", ".join(operation.op.name for operation in operations)
        raise SampleError(
            f"{names} takes uint8 images of 1, 3 or 4 channels, shape (height, width, channels), "
            f"values 0 to 255; got {image.dtype} of shape {image.shape}."
        )
    return 1 if image.shape[2] == 1 else 3
