"""Samples to the arrays of a batch: one place each, in the asked-for dtype and order of axes."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.buffers import Buffers
from imggen.errors import SampleError
from imggen.mirrored import in_memory_order


@final
class Rows:
    """The arrays of a batch while they are filled; made when the first sample shows their shapes.

    Attributes:
        arrays: By name: "image", further inputs by theirs, and "mask".

    Args:
        inputs: The names of the further images of each sample.
        count: How many samples there is room for.
        dtype: Of images.
        rescale: A factor for every value of images, or None.
        channels_first: Move the last axis to the front.
        with_masks: Keep the mask of each sample as well.
        buffers: Where the memory of images comes from.
    """

    def __init__(
        self,
        inputs: tuple[str, ...],
        count: int,
        *,
        dtype: str,
        rescale: float | None,
        channels_first: bool,
        with_masks: bool,
        buffers: Buffers,
    ) -> None:
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self._inputs = inputs
        self._count = count
        self._dtype = dtype
        self._rescale = rescale
        self._channels_first = channels_first
        self._with_masks = with_masks
        self._buffers = buffers

    def put(self, position: int, sample: Sample, path: str) -> None:
        """Writes one sample into its place, at once: loaders may reuse an array.

        Raises:
            SampleError: A shape other than that of those before it, or values that the dtype cannot
                hold; with ``path``.
        """
        self._put_image("image", position, sample.image, path)
        for name, image in zip(self._inputs, sample.images, strict=True):
            self._put_image(name, position, image, path)
        if self._with_masks:
            self._put_mask(position, sample.masks[0], path)

    def _put_mask(self, position: int, mask: npt.NDArray[Any], path: str) -> None:
        placed = self._placed(mask)
        if "mask" not in self.arrays:
            self.arrays["mask"] = np.empty((self._count, *placed.shape), mask.dtype)
        self._check_shape("mask", placed, path)
        dtype = np.result_type(self.arrays["mask"], mask)  # some files have 8 bits, some 16
        self.arrays["mask"] = self.arrays["mask"].astype(dtype, copy=False)
        self.arrays["mask"][position] = placed

    def _put_image(self, name: str, position: int, array: npt.NDArray[Any], path: str) -> None:
        placed = self._placed(in_memory_order(array))
        if name not in self.arrays:
            self.arrays[name] = self._buffers.empty((self._count, *placed.shape), self._dtype)
        x = self.arrays[name]
        self._check_shape(name, placed, path)
        if x.dtype == np.uint8 and array.dtype.kind not in "bu":
            raise SampleError(
                f"The loader returned {array.dtype} for {path!r}, which "
                'dtype="uint8" cannot hold. Pass a float dtype, or make the loader return uint8.'
            )
        if self._rescale is None:
            x[position] = placed
        else:  # in one go with the conversion
            scale = x.dtype.type(self._rescale)
            np.multiply(placed, scale, out=x[position], dtype=x.dtype, casting="unsafe")

    def _placed(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.moveaxis(array, -1, 0) if self._channels_first else array

    def _check_shape(self, name: str, placed: npt.NDArray[Any], path: str) -> None:
        expected = self.arrays[name].shape[1:]
        if placed.shape != expected:
            what = "" if name == "image" else f"'s {name}"
            raise SampleError(
                f"{path!r}{what} has shape {placed.shape}, others in its batch have {expected}; a "
                "batch needs one shape. Pass image_size=, or make the loader return one shape."
            )
