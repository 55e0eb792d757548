"""Single samples of a sequence, before and after augmentation."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from imggen.core import check_arguments, check_whole
from imggen.loading import BatchMaker
from imggen.preview import Explanation, explain


class SampleView:
    """A mixin with methods that show single samples.

    Attributes:
        batch_maker: Makes any batch of any epoch.
    """

    batch_maker: BatchMaker

    @check_arguments
    def original(self, index: int) -> npt.NDArray[Any]:
        """Returns sample ``index`` before augmentation: uint8, shape (height, width, channels).

        If ``RandomResizedCrop`` is the first augmentation, this is the image that it crops.
        """
        index = check_whole("index", index, 0, self.batch_maker.manifest.num_samples - 1)
        return self.batch_maker.samples.image(index).copy()

    @check_arguments
    def augmented(self, index: int, epoch: int) -> npt.NDArray[Any]:
        """Returns sample ``index`` as ``epoch`` trains on it, before rescaling."""
        index = check_whole("index", index, 0, self.batch_maker.manifest.num_samples - 1)
        epoch = check_whole("epoch", epoch, 0)
        sample = self.batch_maker.samples(index)
        return self.batch_maker.augment(sample, epoch, index, index).sample.image.copy()

    @check_arguments
    def explain(self, epoch: int, index: int) -> Explanation:
        """Shows sample ``index`` as ``epoch`` trains on it, with all augmentation parameters.

        Args:
            epoch: Any past or future epoch, from 0.
            index: The sample, by its row in the manifest; with ``repeats``, its repeat r is
                ``index + r * samples``.

        Returns:
            The image, its file, its target, and the parameters of each augmentation.

        Raises:
            ImageError: The file cannot be read, with ``on_error="raise"``.
            AugmentationError: An augmentation broke its contract.
            OptionError: There is no such sample, or ``on_error="skip"`` skipped it.

        Example:
            >>> from imggen import ImageSequence
            >>> from imggen.augment import RandomFlip
            >>> flipping = ImageSequence(manifest, augment=RandomFlip(p=1.0), seed=7)
            >>> flipping.explain(epoch=3, index=5).steps
            (AppliedStep(name='RandomFlip', parameters={'horizontal': True, 'vertical': False}),)
        """
        return explain(self.batch_maker, epoch, index)
