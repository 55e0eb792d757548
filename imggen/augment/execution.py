"""Applying operations to samples in as few passes as possible.

Adjacent geometric operations share one resampling pass, and adjacent color matrices one product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.augment.operations import ColorMatrixOp, FilterOp, GeometryOp, LookupTableOp, Operation
from imggen.augment.positions import move_boxes, move_keypoints
from imggen.augment.resampling import Fill, resample
from imggen.augment.sample import Sample
from imggen.errors import SampleError


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
    start = 0
    while start < len(operations):
        end = start + 1
        op = operations[start].op
        if isinstance(op, GeometryOp):
            fill = op.fill_for(has_positions=has_positions)
            while end < len(operations):
                following = operations[end].op
                if not isinstance(following, GeometryOp):
                    break
                following_fill = following.fill_for(has_positions=has_positions)
                if not _agree(fill, following_fill):
                    break
                fill = fill or following_fill
                end += 1
            sample = _apply_geometry(operations[start:end], sample, size, fill or Fill())
            size = None
        elif isinstance(op, ColorMatrixOp):
            while end < len(operations) and isinstance(operations[end].op, ColorMatrixOp):
                end += 1
            image = _apply_color_matrices(operations[start:end], sample.image)
            sample = _replace_image(sample, image)
        else:
            if isinstance(op, FilterOp) and op.moves_pixels and (sample.masks or sample.positions):
                raise SampleError(
                    f"{op.name} blends differently moved copies of an image, so masks, boxes and "
                    "keypoints cannot follow. Remove it, or use RandAugment."
                )
            sample = _replace_image(sample, _apply_single(operations[start], sample.image))
        start = end
    return sample


def _replace_image(sample: Sample, image: npt.NDArray[Any]) -> Sample:
    # Faster than dataclasses.replace, and called for each image.
    return Sample(image, sample.masks, sample.images, sample.boxes, sample.keypoints)


def _agree(one: Fill | None, other: Fill | None) -> bool:
    """Whether two operations fill alike, or one of them does not fill at all."""
    return one is None or other is None or one == other


def _apply_geometry(
    operations: Sequence[Operation], sample: Sample, size: tuple[int, int] | None, fill: Fill
) -> Sample:
    height, width = sample.image.shape[:2]
    in_size, out_size = (height, width), size or (height, width)
    matrix, is_crop, before = np.eye(3), False, in_size
    for operation in operations:
        assert isinstance(operation.op, GeometryOp)  # noqa: S101 - the caller selects them
        is_crop |= operation.op.is_crop
        matrix = matrix @ operation.op.matrix(operation.parameters, before, out_size)
        before = out_size

    def moved(image: npt.NDArray[Any], *, is_mask: bool = False) -> npt.NDArray[Any]:
        return resample(
            image,
            matrix,
            out_size,
            fill_mode="constant" if is_mask and fill.mode == "mean" else fill.mode,
            cval=fill.mask_value if is_mask else fill.value,
            is_mask=is_mask,
            is_crop=is_crop,
        )

    boxes, keypoints = sample.boxes, sample.keypoints
    return Sample(
        moved(sample.image),
        tuple(moved(mask, is_mask=True) for mask in sample.masks),
        tuple(moved(image) for image in sample.images),
        None if boxes is None else move_boxes(boxes, matrix, in_size, out_size),
        None if keypoints is None else move_keypoints(keypoints, matrix, in_size),
    )


def _apply_color_matrices(
    operations: Sequence[Operation], image: npt.NDArray[Any]
) -> npt.NDArray[np.uint8]:
    import cv2

    num_colors = _count_color_channels(operations, image)
    total = np.eye(4)
    # The mean color, around which contrast changes; for a gray image, its mean three times.
    mean = np.ones(4)
    mean[:3] = cv2.mean(image)[:3] if num_colors == 3 else cv2.mean(image)[0]
    for operation in operations:
        assert isinstance(operation.op, ColorMatrixOp)  # noqa: S101 - the caller selects them
        total[:3] = operation.op.color_matrix(operation.parameters, (total @ mean)[:3]) @ total
    # Gray means red = green = blue; then all three rows have the same sum.
    gray = np.array([[total[0, :3].sum(), total[0, 3]]])
    matrix = gray if num_colors == 1 else total[:3]
    if image.shape[2] == 4:
        matrix = np.insert(matrix, 3, 0, axis=1)
        matrix = np.vstack([matrix, [0, 0, 0, 1, 0]])
    return np.asarray(cv2.transform(image, matrix), np.uint8).reshape(image.shape)


def _apply_single(operation: Operation, image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Applies a lookup table or a filter."""
    op = operation.op
    num_colors = _count_color_channels([operation], image)
    colors = image[:, :, :num_colors]
    if isinstance(op, LookupTableOp):
        return _look_up(op.table(operation.parameters, colors), image)
    assert isinstance(op, FilterOp)  # noqa: S101 - the only kind left
    changed = op.apply(np.ascontiguousarray(colors), operation.parameters)
    if num_colors == image.shape[2]:
        return changed
    return np.concatenate([changed, image[:, :, num_colors:]], axis=2)


def _look_up(table: npt.NDArray[np.uint8], image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import cv2

    channels = image.shape[2]
    if table.ndim == 2 or channels == 4:
        tables = np.empty((1, 256, channels), np.uint8)
        tables[0] = np.arange(256, dtype=np.uint8)[:, np.newaxis]  # identity, for alpha
        colors = 3 if channels == 4 else channels
        tables[0, :, :colors] = table if table.ndim == 2 else table[:, np.newaxis]
        table = tables
    return np.asarray(cv2.LUT(image, table), np.uint8).reshape(image.shape)


def _count_color_channels(operations: Sequence[Operation], image: npt.NDArray[Any]) -> int:
    """Returns the number of channels that are colors: 1 for gray images, else 3."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        names = ", ".join(operation.op.name for operation in operations)
        raise SampleError(
            f"{names} takes uint8 images of 1, 3 or 4 channels, shape (height, width, channels), "
            f"values 0 to 255; got {image.dtype} of shape {image.shape}."
        )
    return 1 if image.shape[2] == 1 else 3
