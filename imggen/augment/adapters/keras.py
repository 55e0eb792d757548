"""Adapter for Keras preprocessing layers, single or in a Sequential."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment.base import DrawnParameters
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError, OptionError

# Layers that cannot process single images, or whose output is not an image of gray levels.
_REFUSED = {
    "MixUp": "It blends images and labels of a batch. Use imggen.augment.MixUp.",
    "CutMix": "It blends images and labels of a batch. Use imggen.augment.CutMix.",
    "AugMix": "It draws from Python's global random state. Use imggen.augment.AugMix.",
    "Rescaling": "Images are rescaled after augmentation. Pass rescale= to the sequence.",
    "Normalization": "Predictions need it too. Put it into the model.",
}


# A single lock, because the same layer may be part of several steps.
_lock = threading.Lock()


@final
class KerasStep:
    """Adapts a preprocessing layer or a Sequential of them.

    Layers are passed float32 images with values from 0 to 255; their results are rounded and
    clipped. Their random state is set from the sample's generator before each draw, so threads run
    one at a time, and a layer must not be shared with a model. (Copies per thread would gain
    little, as Python takes most of the time, and some layers of Keras 3.15, such as RandomShear,
    cannot be copied.)

    Most layers draw per image but transform a whole batch at once, which is faster than image by
    image.
    """

    def __init__(self, layer: Any) -> None:
        self.name = f"keras.{type(layer).__name__}"
        for inner in _all_layers(layer):
            name = type(inner).__name__
            if name in _REFUSED:
                raise OptionError(f"augment=keras.layers.{name} cannot be used. {_REFUSED[name]}")
            if getattr(inner, "data_format", None) == "channels_first":
                raise OptionError(
                    f"augment=keras.layers.{name} has data_format='channels_first'; expected "
                    "'channels_last', as images are augmented in this format. Pass "
                    "data_format='channels_last'."
                )
            low, high = getattr(inner, "value_range", (0, 255))
            if (low, high) != (0, 255):
                raise OptionError(
                    f"augment=keras.layers.{name} has value_range={(low, high)}; expected "
                    "(0, 255), as images are augmented before they are rescaled. Pass "
                    "value_range=(0, 255)."
                )
        self._layer = layer

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, DrawnParameters]:
        """Seeds the layer from ``rng`` and calls it; the parameters that it draws are unknown."""
        return self.augment_batch([sample], [rng])[0]

    def augment_batch(
        self, samples: Sequence[Sample], rngs: Sequence[np.random.Generator]
    ) -> list[tuple[Sample, DrawnParameters]]:
        """Draws for each sample from its own generator, and transforms all samples at once."""
        self.check_alignment(samples[0])
        has_one_shape = len({sample.image.shape for sample in samples}) == 1
        with _lock:
            self._build(samples[0])
            if has_one_shape and not samples[0].masks:
                return [(sample, {}) for sample in self._augment_together(samples, rngs)]
            pairs = zip(samples, rngs, strict=True)
            return [(self._augment_single(sample, rng), {}) for sample, rng in pairs]

    def check_alignment(self, sample: Sample) -> None:
        """See ``SelectiveStep``."""
        has_positions = sample.boxes is not None or sample.keypoints is not None
        if sample.images or len(sample.masks) > 1 or has_positions:
            raise AugmentationError("a Keras layer can keep one mask aligned, but nothing else")

    def _build(self, sample: Sample) -> None:
        if not self._layer.built:
            self._layer(_as_batch(sample.image), training=True)  # creates the random state

    def _augment_together(
        self, samples: Sequence[Sample], rngs: Sequence[np.random.Generator]
    ) -> list[Sample]:
        # A single image is processed as a batch of two, so that results do not depend on the batch.
        count = max(2, len(samples))
        images: Any = np.concatenate([_as_batch(sample.image) for sample in samples])
        images = np.concatenate([images, images])[:count] if len(samples) == 1 else images
        seeds = [self._seeds(rng) for rng in rngs]
        seeds += seeds[:1] * (count - len(seeds))
        for layer in _sequential_layers(self._layer):
            images = self._transform(layer, images, seeds)
        return [
            dataclasses.replace(sample, image=_round_image(images, sample.image, row))
            for row, sample in enumerate(samples)
        ]

    def _transform(self, layer: Any, images: Any, seeds: list[dict[int, int]]) -> Any:
        """Transforms a batch by one layer: at once if it draws per image, else image by image."""
        drawn = None
        if hasattr(layer, "get_random_transformation") and hasattr(layer, "transform_images"):
            each = []
            for row, seed in enumerate(seeds):
                self._seed(layer, seed)
                each.append(layer.get_random_transformation(images[row : row + 1], training=True))
            drawn = _stack_draws(
                each, layer.get_random_transformation(images, training=True), layer
            )
        if drawn is not None:
            before = _read_states(layer)
            tensor = layer.backend.convert_to_tensor(images)
            transformed = layer.transform_images(tensor, drawn, training=True)
            if _read_states(layer) == before:
                return transformed
            # It also draws in transform_images, as AugMix does: once for the whole batch.
        rows = []
        for row, seed in enumerate(seeds):
            self._seed(layer, seed)
            image = _as_array(images)[row : row + 1]
            rows.append(_as_array(layer(image, training=True)))
        return np.concatenate(rows)

    def _augment_single(self, sample: Sample, rng: np.random.Generator) -> Sample:
        self._seed(self._layer, self._seeds(rng))
        data: Any = _as_batch(sample.image)
        if sample.masks:
            (mask,) = sample.masks
            mask_3d = mask if mask.ndim == 3 else mask[..., np.newaxis]
            data = {"images": data, "segmentation_masks": _as_batch(mask_3d)}
        for layer in _sequential_layers(self._layer):  # a Sequential does not accept a dictionary
            data = layer(data, training=True)
        if not sample.masks:
            return dataclasses.replace(sample, image=_round_image(data, sample.image))
        return dataclasses.replace(
            sample,
            image=_round_image(data["images"], sample.image),
            masks=(_round_image(data["segmentation_masks"], mask),),
        )

    def _seeds(self, rng: np.random.Generator) -> dict[int, int]:
        """Draws a seed for each random state, by the id of its variable."""
        return {id(state): int(rng.integers(2**32)) for state in _states(self._layer)}

    def _seed(self, layer: Any, seeds: dict[int, int]) -> None:
        for state in _states(layer):
            state.assign(np.array([seeds[id(state)], 0], dtype=np.uint32))


def _states(layer: Any) -> list[Any]:
    return [state for state in layer.variables if state.name == "seed_generator_state"]


def _read_states(layer: Any) -> list[list[int]]:
    """Returns the values of all random states, which change with each draw."""
    return [_as_array(state).tolist() for state in _states(layer)]


def _as_batch(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return array[np.newaxis].astype(np.float32)


def _as_array(tensor: Any) -> npt.NDArray[Any]:
    return np.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor)


def _round_image(images: Any, like: npt.NDArray[Any], row: int = 0) -> npt.NDArray[Any]:
    """Returns one image of a batch, rounded and clipped to the dtype of ``like``."""
    array: npt.NDArray[Any] = _as_array(images)[row]
    if like.dtype.kind in "ui":
        info = np.iinfo(like.dtype)
        array = np.rint(array).clip(info.min, info.max)
    array = array.astype(like.dtype)
    # Add or remove the axis of a single channel. Other shapes are reported by the pipeline.
    is_same = _drop_single_channel(array.shape) == _drop_single_channel(like.shape)
    return array.reshape(like.shape) if is_same else array


def _drop_single_channel(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:2] if shape[2:] == (1,) else shape


def _stack_draws(each: list[Any], together: Any, layer: Any) -> Any:
    """Stacks the draws for single images into a draw for the batch; None if that is impossible.

    Args:
        each: The draw for each image, as a batch of one.
        together: A draw for the whole batch, as an example of its structure.
        layer: The layer.
    """
    if isinstance(together, dict):
        stacked = {
            key: _stack_draws([one[key] for one in each], together[key], layer) for key in together
        }
        unknown = [key for key in together if stacked[key] is None and together[key] is not None]
        return None if unknown else stacked
    shape = getattr(together, "shape", None)
    if shape is None:  # sizes and flags
        return together
    if len(shape) == 0:
        values = {float(_as_array(one)) for one in (*each, together)}
        return together if len(values) == 1 else None  # drawn once for the whole batch
    if shape[0] != len(each) or each[0].shape[0] != 1:
        return None  # drawn for the whole batch
    return layer.backend.numpy.concatenate(each, axis=0)


def _sequential_layers(layer: Any) -> list[Any]:
    """Returns the layers of a Sequential in order, including nested ones; or the layer itself."""
    if not any(base.__name__ == "Sequential" for base in type(layer).__mro__):
        return [layer]
    return [inner for outer in layer.layers for inner in _sequential_layers(outer)]


def _all_layers(layer: Any) -> list[Any]:
    """Returns a layer and all nested layers."""
    flatten = getattr(layer, "_flatten_layers", None)
    return list(flatten()) if callable(flatten) else [layer]
