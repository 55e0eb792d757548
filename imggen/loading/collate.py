"""Samples to the arrays of a batch: one place each, in the asked-for dtype and order of axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.core import contiguous_flip
from imggen.errors import SampleError
from imggen.workers import Buffers


@final
class BatchCollator:
    """The arrays of a batch while they are filled; made when the first sample shows their shapes.

    Attributes:
        images: By name: "image", and further inputs by theirs.
        targets: What ``targets_of`` makes, by its names.

    Args:
        inputs: The names of the further images of each sample.
        count: How many samples there is room for.
        dtype: Of images.
        rescale: A factor for every value of images, or None.
        channels_first: Move the last axis to the front.
        targets_of: A sample to those of its targets that are moved as it is.
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
        targets_of: Callable[[Sample], Mapping[str, npt.NDArray[Any]]],
        buffers: Buffers,
    ) -> None:
        self.images: dict[str, npt.NDArray[Any]] = {}
        self.targets: dict[str, npt.NDArray[Any]] = {}
        self._inputs = inputs
        self._count = count
        self._dtype = dtype
        self._rescale = rescale
        self._channels_first = channels_first
        self._targets_of = targets_of
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
        for name, target in self._targets_of(sample).items():
            self._put_target(name, position, target, path)

    def _put_target(self, name: str, position: int, target: npt.NDArray[Any], path: str) -> None:
        if name not in self.targets:
            self.targets[name] = np.empty((self._count, *target.shape), target.dtype)
        targets = self.targets[name]
        _check_shape(name, target, targets, path)
        dtype = np.result_type(targets, target)  # some files of masks have 8 bits, some 16
        self.targets[name] = targets.astype(dtype, copy=False)
        self.targets[name][position] = target

    def _put_image(self, name: str, position: int, array: npt.NDArray[Any], path: str) -> None:
        placed = contiguous_flip(array)
        placed = np.moveaxis(placed, -1, 0) if self._channels_first else placed
        if name not in self.images:
            self.images[name] = self._buffers.empty((self._count, *placed.shape), self._dtype)
        x = self.images[name]
        _check_shape(name, placed, x, path)
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


def _check_shape(name: str, one: npt.NDArray[Any], others: npt.NDArray[Any], path: str) -> None:
    expected = others.shape[1:]
    if one.shape != expected:
        what = "" if name == "image" else f"'s {name}"
        raise SampleError(
            f"{path!r}{what} has shape {one.shape}, others in its batch have {expected}; a "
            "batch needs one shape. Pass image_size=, or make the loader return one shape."
        )
