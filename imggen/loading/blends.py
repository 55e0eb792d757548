"""Draws which images MixUp and CutMix blend in a batch, and how."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from imggen.augment import Blend, Mixer, MixUp
from imggen.core import SampleGenerators, Stream, generator
from imggen.errors import SampleError


def draw_partners(
    seed: int, epoch: int, batch_index: int, num_samples: int
) -> npt.NDArray[np.int64]:
    """Draws the position of the image that is blended into each image of a batch."""
    return generator(seed, Stream.PARTNER, epoch, batch_index).permutation(num_samples)


def draw_blends(
    mixer: Mixer,
    seed: int,
    epoch: int,
    served: Sequence[int],
    partners: Sequence[int],
    size: tuple[int, int] | None,
) -> list[Blend | None]:
    """Draws how MixUp or CutMix blends each image of a batch.

    Args:
        mixer: The augmentation.
        seed: Decides the blends.
        epoch: The epoch.
        served: The indices that are in the batch, in order.
        partners: The position of the other image for each of the first images of ``served``; those
            after them stay as they are.
        size: (height, width) of the images; None if the samples are not images.

    Raises:
        SampleError: CutMix, and samples that are not images.
    """
    if size is None:
        if not isinstance(mixer, MixUp):
            raise SampleError(f"{mixer.name} needs images to cut from; use MixUp.")
        size = (1, 1)  # MixUp does not use it
    rng_of = SampleGenerators(seed, Stream.MIX, epoch, served).for_sample
    blends = [
        mixer.draw(partner, size, rng_of(index)(0))
        for partner, index in zip(partners, served, strict=False)
    ]
    return blends + [None] * (len(served) - len(blends))
