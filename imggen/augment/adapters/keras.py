"""Keras's preprocessing layers, alone or in a Sequential."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment.base import Drawn
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError, OptionError

# Layers that cannot do to one image what they do to a batch, or that leave grey levels.
_REFUSED = {
    "MixUp": "It mixes images of a batch, and their labels: use imggen.augment.MixUp.",
    "CutMix": "It mixes images of a batch, and their labels: use imggen.augment.CutMix.",
    "AugMix": "It draws from Python's global random state: use imggen.augment.AugMix.",
    "Rescaling": "Scaling comes after augmentation: pass rescale= to the sequence.",
    "Normalization": "It belongs into the model, where predictions need it too.",
}


# One for all layers: the same one may be part of several steps.
_turn = threading.Lock()


@final
class KerasStep:
    """A preprocessing layer or a Sequential of them as an Augmentation.

    Layers take images as float32, 0 to 255; what they return is rounded and clipped. Their state
    of chance is set from the sample's generator before each draw, so threads take turns, and a
    layer that is part of a model too needs a second object for it. (Copies for each thread would
    gain little, as most of the time is Python's, and some layers of Keras 3.15, such as
    RandomShear, cannot be copied.)

    Most layers draw for each image, and transform a batch at once, which is faster than image by
    image.
    """

    def __init__(self, layer: Any) -> None:
        self.name = f"keras.{type(layer).__name__}"
        for part in _layers(layer):
            name = type(part).__name__
            if name in _REFUSED:
                raise OptionError(f"augment=keras.layers.{name} cannot be used. {_REFUSED[name]}")
            if getattr(part, "data_format", None) == "channels_first":
                raise OptionError(
                    f"augment=keras.layers.{name} has data_format='channels_first', but images "
                    "have their channels last when they are augmented: pass "
                    "data_format='channels_last'."
                )
            low, high = getattr(part, "value_range", (0, 255))
            if (low, high) != (0, 255):
                raise OptionError(
                    f"augment=keras.layers.{name} has value_range={(low, high)}, but images have "
                    "values from 0 to 255 when they are augmented: pass value_range=(0, 255)."
                )
        self._layer = layer

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, Drawn]:
        """Seeds the layer from ``rng`` and calls it; it does not say what it draws."""
        return self.augment_batch([sample], [rng])[0]

    def augment_batch(
        self, samples: Sequence[Sample], rngs: Sequence[np.random.Generator]
    ) -> list[tuple[Sample, Drawn]]:
        """Draws for each sample from its own generator, and transforms all of them at once."""
        if samples[0].images or len(samples[0].masks) > 1 or samples[0].positions:
            raise AugmentationError("a Keras layer can keep one mask in step, and nothing else")
        same = len({sample.image.shape for sample in samples}) == 1
        with _turn:
            self._build(samples[0])
            if same and not samples[0].masks:
                return [(sample, {}) for sample in self._together(samples, rngs)]
            pairs = zip(samples, rngs, strict=True)
            return [(self._alone(sample, rng), {}) for sample, rng in pairs]

    def _build(self, sample: Sample) -> None:
        if not self._layer.built:
            self._layer(_as_batch(sample.image), training=True)  # makes the state of chance

    def _together(
        self, samples: Sequence[Sample], rngs: Sequence[np.random.Generator]
    ) -> list[Sample]:
        # Of one image too as of a batch, so that its neighbours never matter.
        count = max(2, len(samples))
        images: Any = np.concatenate([_as_batch(sample.image) for sample in samples])
        images = np.concatenate([images, images])[:count] if len(samples) == 1 else images
        seeds = [self._seeds(rng) for rng in rngs]
        seeds += seeds[:1] * (count - len(seeds))
        for part in _parts(self._layer):
            images = self._transformed(part, images, seeds)
        return [
            dataclasses.replace(sample, image=_rounded(images, sample.image, row))
            for row, sample in enumerate(samples)
        ]

    def _transformed(self, part: Any, images: Any, seeds: list[dict[int, int]]) -> Any:
        """Transforms a batch by one layer, at once if it draws for each image by itself."""
        drawn = None
        if hasattr(part, "get_random_transformation") and hasattr(part, "transform_images"):
            each = []
            for row, seed in enumerate(seeds):
                self._seed(part, seed)
                each.append(part.get_random_transformation(images[row : row + 1], training=True))
            drawn = _stacked(each, part.get_random_transformation(images, training=True), part)
        if drawn is not None:
            before = _counters(part)
            tensor = part.backend.convert_to_tensor(images)
            done = part.transform_images(tensor, drawn, training=True)
            if _counters(part) == before:
                return done
            # It draws while it transforms too, as AugMix does, and so for the batch as a whole.
        rows = []
        for row, seed in enumerate(seeds):
            self._seed(part, seed)
            image = _as_array(images)[row : row + 1]
            rows.append(_as_array(part(image, training=True)))
        return np.concatenate(rows)

    def _alone(self, sample: Sample, rng: np.random.Generator) -> Sample:
        self._seed(self._layer, self._seeds(rng))
        data: Any = _as_batch(sample.image)
        if sample.masks:
            (mask,) = sample.masks
            shaped = mask if mask.ndim == 3 else mask[..., np.newaxis]
            data = {"images": data, "segmentation_masks": _as_batch(shaped)}
        for part in _parts(self._layer):  # a Sequential would take no dictionary
            data = part(data, training=True)
        if not sample.masks:
            return dataclasses.replace(sample, image=_rounded(data, sample.image))
        return dataclasses.replace(
            sample,
            image=_rounded(data["images"], sample.image),
            masks=(_rounded(data["segmentation_masks"], mask),),
        )

    def _seeds(self, rng: np.random.Generator) -> dict[int, int]:
        """A number for each state of chance, by the identity of its variable."""
        return {id(state): int(rng.integers(2**32)) for state in _states(self._layer)}

    def _seed(self, layer: Any, seeds: dict[int, int]) -> None:
        for state in _states(layer):
            state.assign(np.array([seeds[id(state)], 0], dtype=np.uint32))


def _states(layer: Any) -> list[Any]:
    return [state for state in layer.variables if state.name == "seed_generator_state"]


def _counters(layer: Any) -> list[list[int]]:
    """How often each state of chance was drawn from, among other things."""
    return [_as_array(state).tolist() for state in _states(layer)]


def _as_batch(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return array[np.newaxis].astype(np.float32)


def _as_array(tensor: Any) -> npt.NDArray[Any]:
    return np.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor)


def _rounded(images: Any, like: npt.NDArray[Any], row: int = 0) -> npt.NDArray[Any]:
    """One image of a batch in the dtype of ``like``."""
    array: npt.NDArray[Any] = _as_array(images)[row]
    if like.dtype.kind in "ui":
        info = np.iinfo(like.dtype)
        array = np.rint(array).clip(info.min, info.max)
    array = array.astype(like.dtype)
    # An axis of one channel may come or go; any other shape is for the contract to complain of.
    return array.reshape(like.shape) if _flat(array.shape) == _flat(like.shape) else array


def _flat(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:2] if shape[2:] == (1,) else shape


def _stacked(each: list[Any], together: Any, layer: Any) -> Any:
    """What was drawn for each image as if it were drawn for the batch; None if it cannot be.

    Args:
        each: What the layer drew for each image, as a batch of one.
        together: What it drew for all of them, which shows how that looks.
        layer: The layer.
    """
    if isinstance(together, dict):
        stacked = {
            key: _stacked([one[key] for one in each], together[key], layer) for key in together
        }
        unknown = [key for key in together if stacked[key] is None and together[key] is not None]
        return None if unknown else stacked
    shape = getattr(together, "shape", None)
    if shape is None:  # sizes and switches
        return together
    if len(shape) == 0:
        values = {float(_as_array(one)) for one in (*each, together)}
        return together if len(values) == 1 else None  # drawn once, for the batch as a whole
    if shape[0] != len(each) or each[0].shape[0] != 1:
        return None  # drawn for the batch as a whole
    return layer.backend.numpy.concatenate(each, axis=0)


def _parts(layer: Any) -> list[Any]:
    """The layers of a Sequential in order, those of one inside of it too; or the layer itself."""
    if not any(base.__name__ == "Sequential" for base in type(layer).__mro__):
        return [layer]
    return [part for inner in layer.layers for part in _parts(inner)]


def _layers(layer: Any) -> list[Any]:
    """A layer, and all that are in it."""
    flatten = getattr(layer, "_flatten_layers", None)
    return list(flatten()) if callable(flatten) else [layer]
