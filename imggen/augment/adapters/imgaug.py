"""Augmenters in the style of imgaug: ``augment_image(image)``, seeded by ``seed_(number)``."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import numpy as np

from imggen.augment.adapters.thread_copies import ThreadCopies
from imggen.augment.base import Drawn
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError


@final
class ImgaugStep:
    """An augmenter as an Augmentation; every thread has a copy of its own."""

    def __init__(self, augmenter: Any) -> None:
        self.name = f"{type(augmenter).__module__.partition('.')[0]}.{type(augmenter).__name__}"
        self._copies = ThreadCopies(augmenter)

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, Drawn]:
        """Seeds this thread's copy from ``rng`` and calls it; nothing is known of what it draws."""
        if not sample.is_alone:
            raise AugmentationError(
                "it cannot keep masks, further images, boxes and keypoints in step"
            )
        augmenter = self._copies.own()
        augmenter.seed_(int(rng.integers(2**31)))
        return dataclasses.replace(sample, image=augmenter.augment_image(sample.image)), {}
