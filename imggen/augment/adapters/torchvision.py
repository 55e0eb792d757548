"""Adapter for the transforms of ``torchvision.transforms.v2``."""

from __future__ import annotations

import threading
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment.base import DrawnParameters
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError, OptionError

# torchvision draws from torch's global generator, so only one transform may run at a time.
_global_generator = threading.Lock()


@final
class TorchvisionStep:
    """Adapts a transform or Compose.

    The global generator of torch (on the CPU) is seeded for each sample, and restored afterwards.
    All threads share this generator, so transforms run one at a time, and only
    ``use_multiprocessing=True`` makes them faster. If a model on the torch backend draws from the
    same generator at the same time (dropout on the CPU), both may draw each other's numbers: use
    processes in this case.
    """

    def __init__(self, transform: Any) -> None:
        v1_bases = [
            base
            for base in type(transform).__mro__
            if base.__module__.startswith("torchvision.transforms.")
            and not base.__module__.startswith("torchvision.transforms.v2")
        ]
        if v1_bases:
            raise OptionError(
                f"augment={type(transform).__name__} belongs to the first version of torchvision's "
                "transforms; expected one of torchvision.transforms.v2. Use "
                f"v2.{type(transform).__name__}(...)."
            )
        if type(transform).__name__ in ("MixUp", "CutMix"):
            raise OptionError(
                f"augment=torchvision's {type(transform).__name__} cannot be used, because it "
                "blends the images and labels of a batch. Use "
                f"imggen.augment.{type(transform).__name__}."
            )
        self.name = f"torchvision.{type(transform).__name__}"
        self._transform = transform

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, DrawnParameters]:
        """Seeds torch and calls the transform; the parameters that it draws are unknown."""
        import torch
        from torchvision import tv_tensors

        self.check_alignment(sample)
        wrapped = [
            tv_tensors.Image(_channels_first(sample.image)),
            *(tv_tensors.Mask(_channels_first(mask)) for mask in sample.masks),
            *(tv_tensors.Image(_channels_first(image)) for image in sample.images),
        ]
        seed = int(rng.integers(2**63))
        with _global_generator:
            state = torch.default_generator.get_state()
            torch.default_generator.manual_seed(seed)  # of the CPU only
            try:
                # Unlike torchvision's modules, those of users may not accept lists.
                changed = self._transform(wrapped) if wrapped[1:] else [self._transform(wrapped[0])]
            finally:
                torch.default_generator.set_state(state)
        arrays = [
            _channels_last(after, before)
            for after, before in zip(changed, sample.arrays, strict=True)
        ]
        masks = len(sample.masks)
        return Sample(arrays[0], tuple(arrays[1 : 1 + masks]), tuple(arrays[1 + masks :])), {}

    def check_alignment(self, sample: Sample) -> None:
        """See ``SelectiveStep``."""
        if sample.boxes is not None or sample.keypoints is not None:
            raise AugmentationError(
                "a torchvision transform can keep masks and further images aligned, but not boxes "
                "and keypoints"
            )


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
