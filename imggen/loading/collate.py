"""Collates samples: writes them into the arrays of a batch, in its dtype and order of axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.core import contiguous_flip
from imggen.errors import SampleError
from imggen.workers import BufferPool


@final
class BatchCollator:
    """The arrays of a batch while they are filled, allocated when the first sample is put in.

    Attributes:
        images: Arrays by name: "image", and further inputs by their own names.
        targets: The arrays of ``sample_targets``, by name.

    Args:
        inputs: The names of the further images of each sample.
        capacity: The largest number of samples.
        dtype: The dtype of images.
        rescale: A factor for every value of images, or None.
        channels_first: Move the last axis to the front.
        sample_targets: Makes those targets of a sample that move with its image; None where none
            do.
        buffers: The pool that images are allocated from.
    """

    def __init__(
        self,
        inputs: tuple[str, ...],
        capacity: int,
        *,
        dtype: str,
        rescale: float | None,
        channels_first: bool,
        sample_targets: Callable[[Sample], Mapping[str, npt.NDArray[Any]]] | None,
        buffers: BufferPool,
    ) -> None:
        self.images: dict[str, npt.NDArray[Any]] = {}
        self.targets: dict[str, npt.NDArray[Any]] = {}
        self._inputs = inputs
        self._capacity = capacity
        self._dtype = dtype
        self._rescale = rescale
        self._channels_first = channels_first
        self._sample_targets = sample_targets
        self._buffers = buffers

    def put(self, position: int, sample: Sample, path: str) -> None:
        """Copies one sample to its position, at once: loaders may reuse an array.

        Args:
            position: The position in the batch.
            sample: The sample after augmentation.
            path: The file of its image, for error messages.

        Raises:
            SampleError: The sample's shape differs from that of the samples before it, or the
                dtype cannot hold its values.
        """
        self._put_image("image", position, sample.image, path)
        if self._inputs:
            for name, image in zip(self._inputs, sample.images, strict=True):
                self._put_image(name, position, image, path)
        if self._sample_targets is not None:
            for name, target in self._sample_targets(sample).items():
                self._put_target(name, position, target, path)

    def _put_target(self, name: str, position: int, target: npt.NDArray[Any], path: str) -> None:
        if name not in self.targets:
            self.targets[name] = np.empty((self._capacity, *target.shape), target.dtype)
        targets = self.targets[name]
        _check_shape(name, target, targets, path)
        dtype = np.result_type(targets, target)  # some mask files have 8 bits, some 16
        self.targets[name] = targets.astype(dtype, copy=False)
        self.targets[name][position] = target

    def _put_image(self, name: str, position: int, array: npt.NDArray[Any], path: str) -> None:
        placed = contiguous_flip(array)
        placed = np.moveaxis(placed, -1, 0) if self._channels_first else placed
        if name not in self.images:
            self.images[name] = self._buffers.empty((self._capacity, *placed.shape), self._dtype)
        x = self.images[name]
        _check_shape(name, placed, x, path)
        if x.dtype == np.uint8 and array.dtype.kind not in "bu":
            raise SampleError(
                f"The loader returned {array.dtype} for {path!r}, which "
                'dtype="uint8" cannot hold. Pass a float dtype, or make the loader return uint8.'
            )
        if self._rescale is None:
            x[position] = placed
        else:  # in one pass with the conversion
            scale = x.dtype.type(self._rescale)
            np.multiply(placed, scale, out=x[position], dtype=x.dtype, casting="unsafe")


def _check_shape(name: str, one: npt.NDArray[Any], others: npt.NDArray[Any], path: str) -> None:
    expected = others.shape[1:]
    if one.shape != expected:
        noun = "" if name == "image" else f"'s {name}"
        raise SampleError(
            f"{path!r}{noun} has shape {one.shape}, others in its batch have {expected}; a "
            "batch needs one shape. Pass image_size=, or make the loader return one shape."
        )
