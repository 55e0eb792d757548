"""The label mode "mask": the class of each pixel, for segmentation."""

from __future__ import annotations

import functools
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.data import Manifest
from imggen.decode import MaskValues
from imggen.errors import OptionError
from imggen.loading.label_modes.base import (
    LabelMode,
    LoadedImage,
    TargetBatch,
    check_has_classes,
)
from imggen.loading.label_modes.mask_check import check_masks
from imggen.loading.reading import check_same_size, read_array


@final
class MaskMode(LabelMode):
    """The values of masks, uint8 or uint16, shape (n, height, width, 1), moved with the images."""

    name = "mask"
    moves_with_image = True
    keeps_loaded = True

    def check_manifest(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""
        if manifest.masks is None:
            raise OptionError(
                'label_mode="mask" needs masks, and these samples have none. Pass mask_dir= to '
                "scan or from_directory, mask_col= with a table, or masks= with arrays."
            )

    def check_files(
        self, manifest: Manifest, mask_values: MaskValues | None, *, is_lenient: bool
    ) -> None:
        """Checks the values of a few masks; see ``check_masks``."""
        check_masks(manifest, mask_values, is_lenient=is_lenient)

    def is_default_for(self, manifest: Manifest) -> bool:
        """See ``LabelMode``."""
        return manifest.masks is not None

    def empty_sample(self) -> Sample:
        """See ``LabelMode``."""
        return Sample(np.zeros((1, 1, 3), np.uint8), (np.zeros((1, 1, 1), np.uint8),))

    def load(self, image: LoadedImage) -> Sample:
        """See ``LabelMode``."""
        assert image.manifest.masks is not None  # noqa: S101 - checked by check_manifest
        path = image.manifest.resolve(image.manifest.masks[image.row])
        mask = read_array(path, functools.partial(image.load_mask, path, image.path))
        check_same_size(path, "mask", mask, image.path, image.array)
        return Sample(image.array, (mask,))

    def sample_targets(
        self, sample: Sample, manifest: Manifest, *, channels_first: bool
    ) -> dict[str, npt.NDArray[Any]]:
        """See ``LabelMode``."""
        del manifest
        (mask,) = sample.masks
        return {"mask": np.moveaxis(mask, -1, 0) if channels_first else mask}

    def batch_targets(self, batch: TargetBatch) -> npt.NDArray[Any]:
        """See ``LabelMode``."""
        return batch.arrays["mask"]

    def check_predictions(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""
        check_has_classes(manifest, "masks")
        super().check_predictions(manifest)

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
        del manifest
        mask = targets[position]
        return Sample(pixels, (np.moveaxis(mask, 0, -1) if channels_first else mask,)), ""
