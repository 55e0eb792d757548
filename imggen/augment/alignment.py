"""The check, before any batch, that every step can keep the targets of samples aligned."""

from __future__ import annotations

from imggen.augment.base import SelectiveStep
from imggen.augment.pipeline import Pipeline
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError, SampleError


def check_alignment(pipeline: Pipeline, sample: Sample) -> None:
    """Checks that every step can augment samples with the targets of ``sample``.

    Args:
        pipeline: The augmentations.
        sample: A sample with the masks, further images, boxes and keypoints that all samples have;
            their sizes do not matter.

    Raises:
        AugmentationError: A step cannot keep them aligned with the image.

    Example:
        >>> import numpy as np
        >>> from imggen.augment import adapt
        >>> mask = np.zeros((4, 6), np.uint8)
        >>> sample = Sample(np.zeros((4, 6, 3), np.uint8), masks=(mask,))
        >>> check_alignment(Pipeline(adapt([np.flipud])), sample)
        Traceback (most recent call last):
            ...
        imggen.errors.AugmentationError: The augmentation 'flipud' failed on samples with masks: ...
    """
    for step in pipeline.steps:
        if isinstance(step, SelectiveStep):
            try:
                step.check_alignment(sample)
            except (AugmentationError, SampleError) as err:
                raise AugmentationError(
                    f"The augmentation {step.name!r} failed on {_describe(sample)}: {err}"
                ) from err


def _describe(sample: Sample) -> str:
    kinds = {
        "masks": sample.masks,
        "further images": sample.images,
        "boxes": sample.boxes is not None,
        "keypoints": sample.keypoints is not None,
    }
    present = [kind for kind, is_present in kinds.items() if is_present]
    return f"samples with {', '.join(present)}" if present else "samples without a mask"
