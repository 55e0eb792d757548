"""The common base of boxes and keypoints as targets."""

from __future__ import annotations

from imggen.data import Manifest
from imggen.errors import OptionError
from imggen.loading.label_modes.base import LabelMode, check_has_classes


class PositionMode(LabelMode):
    """Positions in each image; ``name`` is also the name of their column of the manifest.

    Attributes:
        options: The options that bring the column into a manifest, for error messages.
    """

    name: str
    moves_with_image = True
    has_positions = True
    keeps_loaded = True
    options: str

    def check_manifest(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""
        if not self.is_default_for(manifest):
            raise OptionError(
                f"label_mode={self.name!r} needs {self.name}, and these samples have none. Pass "
                f"{self.options} with a table."
            )

    def is_default_for(self, manifest: Manifest) -> bool:
        """See ``LabelMode``."""
        return getattr(manifest, self.name) is not None

    def check_predictions(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""
        check_has_classes(manifest, self.name)
        super().check_predictions(manifest)
