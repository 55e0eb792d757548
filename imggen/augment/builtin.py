"""Base classes of the built-in augmentations.

An augmentation draws **operations** for each sample: pure functions with all of their parameters.
``execution`` applies them, and merges adjacent ones into a single pass.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from imggen.augment.execution import apply_operations
from imggen.augment.operations import GeometryOp, Op, Operation, Parameters
from imggen.augment.options import NumberBounds, Probability, WholeBounds, check_options
from imggen.augment.resampling import Fill, FillOption
from imggen.augment.sample import Sample
from imggen.core import check_arguments
from imggen.errors import SampleError


# Not an ABC: isinstance is slow for ABCs, and it is called for each image.
class BuiltIn:
    """A built-in augmentation: a frozen dataclass that draws operations for each sample."""

    @property
    def name(self) -> str:
        """The class name, as shown in messages, policy files and previews."""
        return type(self).__name__

    @abstractmethod
    def draw_operations(
        self, size: tuple[int, int], rng: np.random.Generator
    ) -> list[Operation] | None:
        """Draws the operations for one sample.

        Args:
            size: (height, width) of the sample, in pixels.
            rng: The only source of randomness.

        Returns:
            The operations, in order; None if the sample is left unchanged by chance.
        """

    @check_arguments
    def __call__(self, image: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
        """Augments one image; does not modify ``image``.

        Args:
            image: uint8, shape (height, width, channels), values 0 to 255.
            rng: The only source of randomness.

        Returns:
            A new array of the same shape and dtype.

        Raises:
            SampleError: The array has an unsupported dtype or shape.
        """
        if not isinstance(image, np.ndarray):
            raise SampleError(f"image is of type {type(image).__name__}; expected a NumPy array.")
        sample = Sample(image)
        changed = apply_operations(self.draw_operations(sample.size, rng) or [], sample).image
        return changed.copy() if np.may_share_memory(changed, image) else changed


@dataclass(frozen=True, kw_only=True)
class SingleOp(BuiltIn, Op):
    """An augmentation that is one operation.

    Attributes:
        p: The probability that an image is changed, 0 to 1.
    """

    p: Probability = 1.0

    def __post_init__(self) -> None:
        check_options(self)

    @abstractmethod
    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the parameters for a sample of (height, width) pixels."""

    def draw_operations(
        self, size: tuple[int, int], rng: np.random.Generator
    ) -> list[Operation] | None:
        """Draws one operation, with probability ``p``."""
        parameters = self.draw(size, rng)
        return [Operation(self, parameters)] if rng.random() < self.p else None


@dataclass(frozen=True, kw_only=True)
class WarpOp(SingleOp, GeometryOp):
    """A geometric augmentation whose output may show the area outside the image.

    Attributes:
        fill_mode: How to fill that area: "reflect", "nearest", "constant" or "wrap", as in
            ``scipy.ndimage`` ("wrap" is its "grid-wrap"); or "auto": the mean color of the image
            for samples with boxes or keypoints, as a mirrored object would have none, else
            "reflect".
        cval: The fill value for "constant", in gray levels, 0 to 255.
        mask_cval: The fill value of masks for "constant", 0 to 65535: the background class, or one
            that the loss ignores.
    """

    fill_mode: FillOption = "auto"
    cval: Annotated[float, NumberBounds(0, 255, "gray levels")] = 0.0
    mask_cval: Annotated[int, WholeBounds(0, 65535)] = 0

    @property
    def fills(self) -> tuple[Fill, Fill]:
        """The values outside the image: without boxes and keypoints, and with any."""
        return _fills(self.fill_mode, self.cval, self.mask_cval)


@functools.lru_cache(maxsize=256)
def _fills(mode: FillOption, cval: float, mask_cval: int) -> tuple[Fill, Fill]:
    if mode == "auto":
        return Fill("reflect", cval, mask_cval), Fill("mean", cval, mask_cval)
    return Fill(mode, cval, mask_cval), Fill(mode, cval, mask_cval)
