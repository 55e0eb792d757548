"""Transforms of torchvision, version 2 of them (``torchvision.transforms.v2``)."""

from __future__ import annotations

import threading
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment.base import Drawn
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError, OptionError

# torchvision draws from torch's global generator, so one transform at a time, of all of them.
_global_generator = threading.Lock()


@final
class TorchvisionStep:
    """A transform or Compose as an Augmentation.

    torch's global generator (of the CPU) is seeded for each sample, and put back as it was. It is
    one for all threads, so transforms take turns, and gain from ``use_multiprocessing=True`` alone.
    A model on the torch backend that draws from it in the main thread meanwhile (dropout on the
    CPU) may get numbers of an image, or an image the model's: then use processes.
    """

    def __init__(self, transform: Any) -> None:
        of_version_1 = [
            base
            for base in type(transform).__mro__
            if base.__module__.startswith("torchvision.transforms.")
            and not base.__module__.startswith("torchvision.transforms.v2")
        ]
        if of_version_1:
            raise OptionError(
                f"augment={type(transform).__name__} is of the first version of torchvision's "
                "transforms. Take the one of the same name from torchvision.transforms.v2: "
                f"v2.{type(transform).__name__}(...)."
            )
        if type(transform).__name__ in ("MixUp", "CutMix"):
            raise OptionError(
                f"augment=torchvision's {type(transform).__name__} mixes images of a batch, and "
                f"their labels: use imggen.{type(transform).__name__}."
            )
        self.name = f"torchvision.{type(transform).__name__}"
        self._transform = transform

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, Drawn]:
        """Seeds torch and calls the transform; nothing is known of what it draws."""
        import torch
        from torchvision import tv_tensors

        if sample.positions:
            raise AugmentationError(
                "a transform of torchvision can keep masks and further images in step, and no "
                "boxes and keypoints"
            )
        wrapped = [
            tv_tensors.Image(_channels_first(sample.image)),
            *(tv_tensors.Mask(_channels_first(mask)) for mask in sample.masks),
            *(tv_tensors.Image(_channels_first(image)) for image in sample.images),
        ]
        seed = int(rng.integers(2**63))
        with _global_generator:
            state = torch.default_generator.get_state()
            torch.default_generator.manual_seed(seed)  # of the CPU alone
            try:
                # A module of the user's own need not take lists, as torchvision's do.
                changed = self._transform(wrapped) if wrapped[1:] else [self._transform(wrapped[0])]
            finally:
                torch.default_generator.set_state(state)
        arrays = [
            _channels_last(after, before)
            for after, before in zip(changed, sample.arrays, strict=True)
        ]
        masks = len(sample.masks)
        return Sample(arrays[0], tuple(arrays[1 : 1 + masks]), tuple(arrays[1 + masks :])), {}


def _channels_first(array: npt.NDArray[Any]) -> Any:
    import torch

    return torch.from_numpy(
        np.ascontiguousarray(np.moveaxis(array, -1, 0) if array.ndim == 3 else array)
    )


def _channels_last(tensor: Any, before: npt.NDArray[Any]) -> Any:
    if not hasattr(tensor, "numpy"):
        return tensor
    array = tensor.numpy()
    return np.ascontiguousarray(np.moveaxis(array, 0, -1)) if before.ndim == 3 else array
