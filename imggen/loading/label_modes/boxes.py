"""The label mode "boxes": boxes and their classes, for object detection."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Pipeline, Sample, is_outside, may_add_boxes, move_boxes
from imggen.core import warn_user
from imggen.data import Manifest
from imggen.errors import BorderWarning, ImageError
from imggen.loading.label_modes.base import LoadedImage, TargetBatch
from imggen.loading.label_modes.positions import PositionMode

# A mirrored border surrounds the image with eight copies of it.
_MAX_COPIES = 9


@final
class BoxMode(PositionMode):
    """A dictionary of arrays, in the format of the table, moved with the images.

    "boxes" is float32 of shape (n, capacity, 4), and "labels" int32 of shape (n, capacity), -1
    where there is no box.
    """

    name = "boxes"
    options = "boxes=Boxes(...)"

    def prepare_manifest(self, manifest: Manifest, pipeline: Pipeline) -> Manifest:
        """See ``LabelMode``."""
        column = manifest.boxes
        if column is None or not may_add_boxes(pipeline):
            return manifest
        column = dataclasses.replace(column, capacity=_MAX_COPIES * column.capacity)
        return dataclasses.replace(manifest, boxes=column)

    def empty_sample(self) -> Sample:
        """See ``LabelMode``."""
        return Sample(np.zeros((1, 1, 3), np.uint8), boxes=np.zeros((0, 5)))

    def load(self, image: LoadedImage) -> Sample:
        """See ``LabelMode``."""
        column = image.manifest.boxes
        assert column is not None  # noqa: S101 - checked by check_manifest
        in_file, matrix = image.locate(is_relative=column.is_relative)
        boxes = column.boxes(image.row, in_file)
        if True in is_outside(boxes, in_file):
            raise ImageError.of(
                image.path,
                f"a box lies outside the image: {boxes[:, :4].tolist()} (left, top, right, "
                f"bottom), in an image of {in_file[1]} x {in_file[0]} pixels",
            )
        height, width = image.array.shape[:2]
        return Sample(image.array, boxes=move_boxes(boxes, matrix, in_file, (height, width)))

    def sample_targets(
        self, sample: Sample, manifest: Manifest, *, channels_first: bool
    ) -> dict[str, npt.NDArray[Any]]:
        """See ``LabelMode``."""
        del channels_first
        assert manifest.boxes is not None  # noqa: S101 - checked by check_manifest
        assert sample.boxes is not None  # noqa: S101 - loaded, and kept by every augmentation
        boxes = sample.boxes
        if len(boxes) > manifest.boxes.capacity:
            warn_user(
                "Augmentations added more boxes than targets have room for, so the smallest boxes "
                "were dropped. Use a constant border.",
                BorderWarning,
            )
            areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
            boxes = boxes[np.sort(np.argsort(-areas, kind="stable")[: manifest.boxes.capacity])]
        return manifest.boxes.targets(boxes, sample.size)

    def batch_targets(self, batch: TargetBatch) -> dict[str, npt.NDArray[Any]]:
        """See ``LabelMode``."""
        return dict(batch.arrays)

    def show(
        self,
        pixels: npt.NDArray[np.uint8],
        targets: dict[str, npt.NDArray[Any]],
        position: int,
        manifest: Manifest,
        *,
        channels_first: bool,
    ) -> tuple[Sample, str]:
        """See ``LabelMode``."""
        del channels_first
        assert manifest.boxes is not None  # noqa: S101 - checked by check_manifest
        target = {name: values[position] for name, values in targets.items()}
        return Sample(pixels, boxes=manifest.boxes.from_targets(target, pixels.shape[:2])), ""
