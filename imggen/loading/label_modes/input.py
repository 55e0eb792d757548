"""The label mode "input": images that are their own targets."""

from __future__ import annotations

from typing import Any, final

import numpy.typing as npt

from imggen.augment import Blend
from imggen.data import Manifest
from imggen.loading.label_modes.base import LabelMode, TargetBatch


@final
class InputMode(LabelMode):
    """The images as served, for autoencoders."""

    name = "input"

    def check_manifest(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""

    def batch_targets(self, batch: TargetBatch) -> npt.NDArray[Any]:
        """See ``LabelMode``."""
        return batch.x

    def blend(self, targets: npt.NDArray[Any], blends: list[Blend | None]) -> npt.NDArray[Any]:
        """See ``LabelMode``."""
        del blends  # the images are blended already
        return targets
