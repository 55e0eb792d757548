"""Collates samples: writes them into the arrays of a batch, in its dtype and order of axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.cache import StackedRows
from imggen.core import contiguous_flip
from imggen.errors import SampleError
from imggen.workers import BufferPool

# About half of a processor's level 2 cache.
_BLOCK_BYTES = 2**18


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
        filepath: Returns the path of a row, for error messages.
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
        filepath: Callable[[int], str],
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
        self._filepath = filepath
        self._buffers = buffers

    def put(self, position: int, sample: Sample, row: int) -> None:
        """Copies one sample to its position, at once: loaders may reuse an array.

        Args:
            position: The position in the batch.
            sample: The sample after augmentation.
            row: Its row in the manifest.

        Raises:
            SampleError: The sample's shape differs from that of the samples before it, or the
                dtype cannot hold its values.
        """
        self._put_image("image", position, sample.image, row)
        if self._inputs:
            for name, image in zip(self._inputs, sample.images, strict=True):
                self._put_image(name, position, image, row)
        if self._sample_targets is not None:
            for name, target in self._sample_targets(sample).items():
                self._put_target(name, position, target, row)

    def put_all(self, images: StackedRows, row: int) -> None:
        """Copies a whole batch of images at once; much faster than one by one.

        Args:
            images: The images, in order.
            row: The row of the first in the manifest.

        Raises:
            SampleError: Same as ``put``.
        """
        stack, rows = images
        source = np.moveaxis(stack, -1, 1) if self._channels_first else stack
        x = self._buffers.empty((len(rows), *source.shape[1:]), self._dtype)
        self._check_dtype(x, stack, row)
        self.images["image"] = x
        # In blocks that stay in the processor's cache between the copy and the scaling.
        step = max(1, _BLOCK_BYTES * len(rows) // max(1, x.nbytes))
        for start in range(0, len(rows), step):
            block, chosen = x[start : start + step], rows[start : start + step]
            if source.dtype == x.dtype and source is stack:
                np.take(source, chosen, axis=0, out=block, mode="clip")  # others use a buffer
            else:
                block[...] = source[chosen]
            if self._rescale is not None:
                np.multiply(block, x.dtype.type(self._rescale), out=block)

    def _put_target(self, name: str, position: int, target: npt.NDArray[Any], row: int) -> None:
        if name not in self.targets:
            self.targets[name] = np.empty((self._capacity, *target.shape), target.dtype)
        targets = self.targets[name]
        self._check_shape(name, target, targets, row)
        if target.dtype != targets.dtype:  # some mask files have 8 bits, some 16
            targets = targets.astype(np.result_type(targets, target))
            self.targets[name] = targets
        targets[position] = target

    def _put_image(self, name: str, position: int, array: npt.NDArray[Any], row: int) -> None:
        # Only a mirrored view has a negative stride.
        mirrored = array.ndim == 3 and array.strides[1] < 0
        placed = contiguous_flip(array) if mirrored else array
        placed = np.moveaxis(placed, -1, 0) if self._channels_first else placed
        if name not in self.images:
            self.images[name] = self._buffers.empty((self._capacity, *placed.shape), self._dtype)
        x = self.images[name]
        self._check_shape(name, placed, x, row)
        self._check_dtype(x, array, row)
        image = x[position, ...]  # an array even where a sample is a single number
        image[...] = placed
        if self._rescale is not None:  # twice as fast as converting and scaling in one call
            np.multiply(image, x.dtype.type(self._rescale), out=image)

    def _check_dtype(self, x: npt.NDArray[Any], array: npt.NDArray[Any], row: int) -> None:
        if x.dtype == np.uint8 and array.dtype.kind not in "bu":
            raise SampleError(
                f"The loader returned {array.dtype} for {self._filepath(row)!r}, which "
                'dtype="uint8" cannot hold. Pass a float dtype, or make the loader return uint8.'
            )

    def _check_shape(
        self, name: str, one: npt.NDArray[Any], others: npt.NDArray[Any], row: int
    ) -> None:
        expected = others.shape[1:]
        if one.shape != expected:
            noun = "" if name == "image" else f"'s {name}"
            raise SampleError(
                f"{self._filepath(row)!r}{noun} has shape {one.shape}, others in its batch have "
                f"{expected}; a batch needs one shape. Pass image_size=, or make the loader return "
                "one shape."
            )
