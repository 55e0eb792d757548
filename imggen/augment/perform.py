"""Operations to pixels, as few passes as they allow: one resample, one product of colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.augment.operations import ColorMatrixOp, FilterOp, GeometryOp, LookupTableOp, Operation
from imggen.augment.positions import moved_boxes, moved_keypoints
from imggen.augment.resample import Fill, resample
from imggen.augment.sample import Sample
from imggen.errors import SampleError


def perform(
    operations: Sequence[Operation], sample: Sample, size: tuple[int, int] | None = None
) -> Sample:
    """Applies operations to a sample, in order; a pure function.

    Neighbouring geometric operations with the same fill are one resample, neighbouring linear ones
    one product: values are rounded and clipped once, at the end.

    Args:
        operations: As built-in augmentations draw them.
        sample: Left as it is.
        size: (height, width) of the result, if the first operation cuts it out of a larger image.
            None: that of ``sample``.

    Returns:
        A sample; its arrays may be those of ``sample`` where nothing changed, or views of them.

    Raises:
        SampleError: Arrays that are no images, or masks with an operation that they cannot follow.
    """
    place = 0
    while place < len(operations):
        end = place + 1
        kind = operations[place].kind
        if isinstance(kind, GeometryOp):
            fill = kind.fill
            while end < len(operations):
                after = operations[end].kind
                if not isinstance(after, GeometryOp) or not _agree(fill, after.fill):
                    break
                fill = fill or after.fill
                end += 1
            sample = _moved(operations[place:end], sample, size, fill or Fill())
            size = None
        elif isinstance(kind, ColorMatrixOp):
            while end < len(operations) and isinstance(operations[end].kind, ColorMatrixOp):
                end += 1
            sample = _with_image(sample, _recolored(operations[place:end], sample.image))
        else:
            can_follow = not (isinstance(kind, FilterOp) and kind.moves)
            if not can_follow and (sample.masks or sample.positions):
                raise SampleError(
                    f"{kind.name} blends images that it moves apart, and no mask, box or keypoint "
                    "can follow. Leave it out, or use RandAugment."
                )
            sample = _with_image(sample, _changed(operations[place], sample.image))
        place = end
    return sample


def _with_image(sample: Sample, image: npt.NDArray[Any]) -> Sample:
    return Sample(image, sample.masks, sample.images, sample.boxes, sample.keypoints)


def _agree(one: Fill | None, other: Fill | None) -> bool:
    """Whether both show the same beyond the edge, or one of them nothing."""
    return one is None or other is None or one == other


def _moved(
    operations: Sequence[Operation], sample: Sample, size: tuple[int, int] | None, fill: Fill
) -> Sample:
    height, width = sample.image.shape[:2]
    before, after = (height, width), size or (height, width)
    matrix = np.eye(3)
    is_cut = any(
        operation.kind.cuts for operation in operations if isinstance(operation.kind, GeometryOp)
    )
    for operation in operations:
        assert isinstance(operation.kind, GeometryOp)  # noqa: S101 - so it was chosen
        matrix = matrix @ operation.kind.matrix(operation.parameters, before, after)
        before = after

    def shown(image: npt.NDArray[Any], *, is_mask: bool = False) -> npt.NDArray[Any]:
        return resample(
            image,
            matrix,
            after,
            fill_mode=fill.mode,
            cval=fill.mask_value if is_mask else fill.value,
            is_mask=is_mask,
            is_cut=is_cut,
        )

    boxes, keypoints, size_before = sample.boxes, sample.keypoints, (height, width)
    return Sample(
        shown(sample.image),
        tuple(shown(mask, is_mask=True) for mask in sample.masks),
        tuple(shown(image) for image in sample.images),
        None if boxes is None else moved_boxes(boxes, matrix, size_before, after),
        None if keypoints is None else moved_keypoints(keypoints, matrix, size_before),
    )


def _recolored(operations: Sequence[Operation], image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    import cv2

    channels = _color_channels(operations, image)
    total = np.eye(4)
    # The mean colour, which contrast turns about; of a grey image thrice the same.
    start = np.ones(4)
    start[:3] = cv2.mean(image)[:3] if channels == 3 else cv2.mean(image)[0]
    for operation in operations:
        assert isinstance(operation.kind, ColorMatrixOp)  # noqa: S101 - so it was chosen
        total[:3] = operation.kind.color_matrix(operation.parameters, (total @ start)[:3]) @ total
    # Grey is red = green = blue, and all three rows of sums are the same for it.
    grey = np.array([[total[0, :3].sum(), total[0, 3]]])
    whole = grey if channels == 1 else total[:3]
    if image.shape[2] == 4:
        whole = np.insert(whole, 3, 0, axis=1)
        whole = np.vstack([whole, [0, 0, 0, 1, 0]])
    return np.asarray(cv2.transform(image, whole), np.uint8).reshape(image.shape)


def _changed(operation: Operation, image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    kind = operation.kind
    channels = _color_channels([operation], image)
    colors = image[:, :, :channels]
    if isinstance(kind, LookupTableOp):
        table = kind.table(operation.parameters, colors)
        return _looked_up(table, image)
    assert isinstance(kind, FilterOp)  # noqa: S101 - the last kind left
    changed = kind.apply(np.ascontiguousarray(colors), operation.parameters)
    if channels == image.shape[2]:
        return changed
    return np.concatenate([changed, image[:, :, channels:]], axis=2)


def _looked_up(table: npt.NDArray[np.uint8], image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import cv2

    channels = image.shape[2]
    if table.ndim == 2 or channels == 4:
        each = np.empty((1, 256, channels), np.uint8)
        each[0] = np.arange(256, dtype=np.uint8)[:, np.newaxis]  # alpha, if there is one
        colors = 3 if channels == 4 else channels
        each[0, :, :colors] = table if table.ndim == 2 else table[:, np.newaxis]
        table = each
    return np.asarray(cv2.LUT(image, table), np.uint8).reshape(image.shape)


def _color_channels(operations: Sequence[Operation], image: npt.NDArray[Any]) -> int:
    """How many channels are colours: 1 of grey images, else 3."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        names = ", ".join(operation.kind.name for operation in operations)
        raise SampleError(
            f"{names} takes uint8 images of 1, 3 or 4 channels, shape (height, width, channels), "
            f"values 0 to 255; got {image.dtype} of shape {image.shape}."
        )
    return 1 if image.shape[2] == 1 else 3
