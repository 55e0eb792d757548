"""The check that augmentations fit the targets and inputs of the samples."""

from __future__ import annotations

import dataclasses

from imggen.augment import Pipeline, check_alignment, warn_of_repeated_objects
from imggen.data import Manifest
from imggen.errors import OptionError
from imggen.loading.label_modes import LabelMode


def check_pipeline(pipeline: Pipeline, mode: LabelMode, manifest: Manifest) -> None:
    """Checks that augmentations can be applied to samples, before any file is opened.

    Args:
        pipeline: The augmentations.
        mode: The kind of targets.
        manifest: The samples.

    Raises:
        AugmentationError: A step cannot keep targets or further images aligned with the image.
        OptionError: Targets or inputs that MixUp or CutMix cannot blend.
    """
    empty = mode.empty_sample()
    if empty is not None:
        images = (empty.image,) * len(manifest.inputs)
        check_alignment(pipeline, dataclasses.replace(empty, images=images))
    if mode.has_positions:
        warn_of_repeated_objects(pipeline, str(mode.name))
    mixer = pipeline.mixer
    if mixer is not None:
        if manifest.inputs or manifest.numbers:
            raise OptionError(
                f"{mixer.name} blends images and labels; further inputs cannot be blended. "
                f"Remove {mixer.name} from augment=."
            )
        mode.check_mixer(mixer)
