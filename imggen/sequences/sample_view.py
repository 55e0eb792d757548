"""Samples and batches of a sequence, to look at."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from imggen.core import check_arguments, check_whole, is_whole, shorten
from imggen.errors import OptionError
from imggen.loading import BatchMaker, Scaling
from imggen.preview import (
    Explanation,
    check_cell,
    check_sheet_size,
    choose_samples,
    draw_batch,
    explain,
    select_samples,
)

if TYPE_CHECKING:
    from PIL import Image


class SampleView:
    """A mixin with methods that show samples and batches.

    Attributes:
        batch_maker: Makes any batch of any epoch.
        epoch: The current epoch.
    """

    batch_maker: BatchMaker
    epoch: int

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

    @check_arguments
    def show_batch(
        self,
        index: int | None = None,
        *,
        num_images: int = 16,
        columns: int | None = None,
        cell: int = 128,
    ) -> Image.Image:
        """Draws a batch of the current epoch with its targets, for notebooks.

        Args:
            index: The batch. None: the first one; of a sequence that is not shuffled, whose first
                batch may be of one class, samples of as many classes as possible.
            num_images: The most images to show.
            columns: The number of images per row. None: as many as fit.
            cell: The most pixels of the larger side of each image. Small images are enlarged by a
                whole factor, so that their pixels are visible.

        Returns:
            An RGB image. Masks are blended into their images. A shard shows its own part.

        Raises:
            OptionError: The samples are not images, or there is no such batch.

        Example:
            >>> sequence.show_batch(cell=32).mode
            'RGB'
        """
        maker = dataclasses.replace(self.batch_maker, scaling=Scaling())
        check_whole("num_images", num_images, 1)
        if index is None and not maker.sampler.shuffle and maker.pipeline.mixer is None:
            # MixUp and CutMix depend on the batch, so these show a batch as it is.
            check_sheet_size(min(num_images, maker.manifest.num_samples), check_cell(cell))
            maker = select_samples(maker, choose_samples(maker, num_images))
        index, count = 0 if index is None else index, maker.num_batches
        if not is_whole(index) or not -count <= index < count:
            raise OptionError(f"index={shorten(index)} must be an index of one of {count} batches.")
        batch = maker(self.epoch, index % count)
        num_images = max(1, min(num_images, maker.count_samples(index % count)))
        return draw_batch(maker, batch, num_images, cell, columns)
