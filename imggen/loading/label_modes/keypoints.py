"""The label mode "keypoints": points in each image, for pose and landmark models."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample, move_keypoints
from imggen.data import Manifest
from imggen.loading.label_modes.base import LoadedImage, TargetBatch
from imggen.loading.label_modes.positions import PositionMode


@final
class KeypointMode(PositionMode):
    """Points in the format of the table, moved with the images.

    float32 of shape (n, capacity, 2 to 4), NaN where there is no point.
    """

    name = "keypoints"
    options = "keypoints=Keypoints(...)"

    def empty_sample(self) -> Sample:
        """See ``LabelMode``."""
        return Sample(np.zeros((1, 1, 3), np.uint8), keypoints=np.zeros((0, 4)))

    def load(self, image: LoadedImage) -> Sample:
        """See ``LabelMode``."""
        column = image.manifest.keypoints
        assert column is not None  # noqa: S101 - checked by check_manifest
        in_file, matrix = image.locate(is_relative=False)
        moved = move_keypoints(column.keypoints(image.row), matrix, in_file)
        return Sample(image.array, keypoints=moved)

    def sample_targets(
        self, sample: Sample, manifest: Manifest, *, channels_first: bool
    ) -> dict[str, npt.NDArray[Any]]:
        """See ``LabelMode``."""
        del channels_first
        assert manifest.keypoints is not None  # noqa: S101 - checked by check_manifest
        assert sample.keypoints is not None  # noqa: S101 - loaded, and kept by every augmentation
        return manifest.keypoints.targets(sample.keypoints)

    def batch_targets(self, batch: TargetBatch) -> npt.NDArray[Any]:
        """See ``LabelMode``."""
        return batch.arrays["keypoints"]

    def show(
        self,
        pixels: npt.NDArray[np.uint8],
        targets: npt.NDArray[Any],
        position: int,
        manifest: Manifest,
        *,
        channels_first: bool,
    ) -> tuple[Sample, str]:
        """See ``LabelMode``."""
        del channels_first
        assert manifest.keypoints is not None  # noqa: S101 - checked by check_manifest
        return Sample(pixels, keypoints=manifest.keypoints.from_target(targets[position])), ""
