"""Adapter for augmenters in the style of imgaug: ``augment_image(image)`` and ``seed_(number)``."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import numpy as np

from imggen.augment.adapters.thread_copies import ThreadCopies
from imggen.augment.base import DrawnParameters
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError


@final
class ImgaugStep:
    """Adapts an augmenter; each thread uses its own copy."""

    def __init__(self, augmenter: Any) -> None:
        self.name = f"{type(augmenter).__module__.partition('.')[0]}.{type(augmenter).__name__}"
        self._copies = ThreadCopies(augmenter)

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, DrawnParameters]:
        """Seeds the thread's copy from ``rng`` and calls it; the drawn parameters are unknown."""
        self.check_alignment(sample)
        augmenter = self._copies.get()
        augmenter.seed_(int(rng.integers(2**31)))
        return dataclasses.replace(sample, image=augmenter.augment_image(sample.image)), {}

    def check_alignment(self, sample: Sample) -> None:
        """See ``SelectiveStep``."""
        has_positions = sample.boxes is not None or sample.keypoints is not None
        if sample.masks or sample.images or has_positions:
            raise AugmentationError(
                "it cannot keep masks, further images, boxes and keypoints aligned"
            )
