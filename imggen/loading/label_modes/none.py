"""The label mode None: images without targets."""

from __future__ import annotations

from typing import final

from imggen.augment import Blend
from imggen.data import Manifest
from imggen.loading.label_modes.base import LabelMode, TargetBatch


@final
class NoTargetMode(LabelMode):
    """No targets: batches are images alone."""

    name = None

    def check_manifest(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""

    def batch_targets(self, batch: TargetBatch) -> None:
        """See ``LabelMode``."""

    def blend(self, targets: None, blends: list[Blend | None]) -> None:
        """See ``LabelMode``."""
