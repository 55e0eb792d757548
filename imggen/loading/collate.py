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
# The largest number that OpenCV accepts in every function.
_MAX_CHANNELS = 4


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
        self._channels_first = channels_first
        self._sample_targets = sample_targets
        self._filepath = filepath
        self._buffers = buffers
        self._scale = None if rescale is None else np.dtype(dtype).type(rescale)

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
        if self._dtype == "uint8" and stack.dtype.kind not in "bu":
            raise self._dtype_error(stack, row)
        self.images["image"] = x
        # In blocks that stay in the processor's cache between the copy and the scaling.
        step = max(1, _BLOCK_BYTES * len(rows) // max(1, x.nbytes))
        if source.dtype == x.dtype and source is stack and self._scale is None:
            np.take(source, rows, axis=0, out=x, mode="clip")  # others use a buffer
        elif step == 1:  # a view of each image is quicker than a copy
            for image, index in zip(x, rows.tolist(), strict=True):
                placed = stack[index]
                self._write(image, self._move_channels(placed) if self._channels_first else placed)
        else:
            for start in range(0, len(rows), step):
                self._write(x[start : start + step], source[rows[start : start + step]])

    def _move_channels(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns an image, or a view of it, with its channels first."""
        if image.ndim != 3 or image.dtype != np.uint8 or not 1 < image.shape[2] <= _MAX_CHANNELS:
            return np.moveaxis(image, -1, 0)
        import cv2

        # Quicker than converting a view that is not contiguous.
        planes = np.empty((image.shape[2], *image.shape[:2]), np.uint8)
        if planes.size:
            cv2.split(image, list(planes))
        return planes

    def _write(self, target: npt.NDArray[Any], source: npt.NDArray[Any]) -> None:
        """Writes values in the dtype of the batch, scaled; ``target`` is contiguous."""
        if target.dtype == np.float16 and source.dtype == np.uint8:
            _look_up(target, source, self._scale)
            return
        np.copyto(target, source, casting="unsafe")
        if self._scale is not None:  # quicker than converting and scaling in one call
            np.multiply(target, self._scale, out=target)

    def _put_target(self, name: str, position: int, target: npt.NDArray[Any], row: int) -> None:
        if name not in self.targets:
            self.targets[name] = np.empty((self._capacity, *target.shape), target.dtype)
        targets = self.targets[name]
        if target.shape != targets.shape[1:]:
            raise self._shape_error(name, target, targets, row)
        if target.dtype != targets.dtype:  # some mask files have 8 bits, some 16
            targets = targets.astype(np.result_type(targets, target))
            self.targets[name] = targets
        targets[position] = target

    def _put_image(self, name: str, position: int, array: npt.NDArray[Any], row: int) -> None:
        # Runs for each sample, so checks call nothing. Only a mirrored view has a negative stride.
        mirrored = array.ndim == 3 and array.strides[1] < 0
        placed = contiguous_flip(array) if mirrored else array
        if self._channels_first:
            placed = self._move_channels(placed)
        x = self.images.get(name)
        if x is None:
            shape = (self._capacity, *placed.shape)
            x = self.images[name] = self._buffers.empty(shape, self._dtype)
        elif placed.shape != x.shape[1:]:
            raise self._shape_error(name, placed, x, row)
        if self._dtype == "uint8" and array.dtype.kind not in "bu":
            raise self._dtype_error(array, row)
        image = x[position, ...]  # an array even where a sample is a single number
        if self._dtype == "float16":
            self._write(image, placed)
            return
        image[...] = placed
        if self._scale is not None:
            np.multiply(image, self._scale, out=image)

    def _dtype_error(self, array: npt.NDArray[Any], row: int) -> SampleError:
        return SampleError(
            f"The loader returned {array.dtype} for {self._filepath(row)!r}, which "
            'dtype="uint8" cannot hold. Pass a float dtype, or make the loader return uint8.'
        )

    def _shape_error(
        self, name: str, one: npt.NDArray[Any], others: npt.NDArray[Any], row: int
    ) -> SampleError:
        noun = "" if name == "image" else f"'s {name}"
        return SampleError(
            f"{self._filepath(row)!r}{noun} has shape {one.shape}, others in its batch have "
            f"{others.shape[1:]}; a batch needs one shape. Pass image_size=, or make the loader "
            "return one shape."
        )


def _look_up(
    target: npt.NDArray[np.float16], source: npt.NDArray[np.uint8], scale: np.float16 | None
) -> None:
    """Writes uint8 values as float16, scaled; processors without float16 take 20 times as long."""
    import cv2

    if source.size == 0:
        return
    table = np.arange(256).astype(np.float16)
    table = table if scale is None else table * scale
    cv2.LUT(
        np.ascontiguousarray(source).reshape(1, -1),
        table.view(np.uint16),
        dst=target.reshape(1, -1).view(np.uint16),
    )
