"""Keras's preprocessing layers, alone or in a Sequential."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment.base import Drawn
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError, OptionError

# Layers that cannot do to one image what they do to a batch, or that leave grey levels.
_REFUSED = {
    "MixUp": "It mixes images of a batch, and their labels: use imggen.MixUp.",
    "CutMix": "It mixes images of a batch, and their labels: use imggen.CutMix.",
    "Rescaling": "Scaling comes after augmentation: pass rescale= to the sequence.",
    "Normalization": "It belongs into the model, where predictions need it too.",
}


@final
class KerasStep:
    """A preprocessing layer or a Sequential of them as an Augmentation.

    Layers take images as float32, 0 to 255; what they return is rounded and clipped. Their state
    of chance is set from the sample's generator before each call, so threads take turns. (Copies
    for each thread would gain little, as most of the time is Python's, and some layers of Keras
    3.15, such as RandomShear, cannot be copied.)
    """

    def __init__(self, layer: Any) -> None:
        self.name = f"keras.{type(layer).__name__}"
        for part in _layers(layer):
            name = type(part).__name__
            if name in _REFUSED:
                raise OptionError(f"augment=keras.layers.{name} cannot be used. {_REFUSED[name]}")
            low, high = getattr(part, "value_range", (0, 255))
            if (low, high) != (0, 255):
                raise OptionError(
                    f"augment=keras.layers.{name} has value_range={(low, high)}, but images have "
                    "values from 0 to 255 when they are augmented: pass value_range=(0, 255)."
                )
        self._layer = layer
        self._turn = threading.Lock()

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, Drawn]:
        """Seeds the layer from ``rng`` and calls it; it does not say what it draws."""
        if sample.images:
            raise AugmentationError("a Keras layer cannot keep further images in step")
        with self._turn:
            return self._augmented(sample, rng), {}

    def _augmented(self, sample: Sample, rng: np.random.Generator) -> Sample:
        layer = self._layer
        images = sample.image[np.newaxis].astype(np.float32)
        if not layer.built:
            layer(images, training=True)  # makes the state that is set below
        for variable in layer.variables:
            if variable.name == "seed_generator_state":
                variable.assign(np.array([rng.integers(2**32), 0], dtype=np.uint32))
        if not sample.masks:
            image = _rounded(layer(images, training=True), sample.image)
            return dataclasses.replace(sample, image=image)
        data = {"images": images}
        if len(sample.masks) != 1:
            raise AugmentationError("a Keras layer can keep one mask in step")
        (mask,) = sample.masks
        shaped = mask if mask.ndim == 3 else mask[..., np.newaxis]
        data["segmentation_masks"] = shaped[np.newaxis].astype(np.float32)
        result = layer(data, training=True)
        return dataclasses.replace(
            sample,
            image=_rounded(result["images"], sample.image),
            masks=(_rounded(result["segmentation_masks"], mask),),
        )

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "_layer": self._layer}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._turn = threading.Lock()


def _rounded(tensor: Any, like: npt.NDArray[Any]) -> Any:
    """A batch of one as an array of the dtype of ``like``."""
    array = np.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor)[0]
    if like.dtype.kind in "ui":
        info = np.iinfo(like.dtype)
        array = np.rint(array).clip(info.min, info.max)
    array = array.astype(like.dtype)
    return array.reshape(like.shape) if array.size == like.size else array


def _layers(layer: Any) -> list[Any]:
    """A layer, and all that are in it."""
    flatten = getattr(layer, "_flatten_layers", None)
    return list(flatten()) if callable(flatten) else [layer]
