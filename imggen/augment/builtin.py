"""Built-in augmentations: they draw operations with all parameters, then apply them.

An augmentation draws **operations**: which of the pure functions of its kind to apply, and with
what parameters. ``perform`` applies them, and merges neighboring ones into a single pass.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from imggen.augment.operations import GeometryOp, Op, Operation, Parameters
from imggen.augment.options import Number, Share, Whole, check_options
from imggen.augment.perform import perform
from imggen.augment.resample import Fill, FillMode
from imggen.augment.sample import Sample


# No ABC: of those isinstance takes long, and is asked for each image.
class BuiltIn:
    """An augmentation of imggen's own: a frozen dataclass that draws operations for each sample."""

    @property
    def name(self) -> str:
        """What messages, policy files and pictures call it: the name of its class."""
        return type(self).__name__

    @abstractmethod
    def draw_operations(
        self, size: tuple[int, int], rng: np.random.Generator
    ) -> list[Operation] | None:
        """Draws what to do to one sample.

        Args:
            size: (height, width) of the sample, in pixels.
            rng: The only source of chance.

        Returns:
            The operations, in order; None where chance leaves the sample out.
        """

    def __call__(self, image: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
        """Augments one image; ``image`` itself is left as it is.

        Args:
            image: uint8, shape (height, width, channels), values 0 to 255.
            rng: The only source of chance.

        Returns:
            A new array of the same shape and dtype.

        Raises:
            SampleError: An array of another kind.
        """
        sample = Sample(image)
        changed = perform(self.draw_operations(sample.size, rng) or [], sample).image
        return changed.copy() if np.may_share_memory(changed, image) else changed


@dataclass(frozen=True, kw_only=True)
class SingleOp(BuiltIn, Op):
    """An augmentation that is one operation.

    Attributes:
        p: The share of images that are changed, 0 to 1.
    """

    p: Share = 1.0

    def __post_init__(self) -> None:
        check_options(self)

    @abstractmethod
    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the parameters for a sample of (height, width) pixels."""

    def draw_operations(
        self, size: tuple[int, int], rng: np.random.Generator
    ) -> list[Operation] | None:
        """One operation for a share ``p`` of samples."""
        parameters = self.draw(size, rng)
        return [Operation(self, parameters)] if rng.random() < self.p else None


@dataclass(frozen=True, kw_only=True)
class Filling(SingleOp, GeometryOp):
    """A geometric augmentation that shows what lies beyond the edge.

    Attributes:
        fill_mode: What to show there: "reflect", "nearest", "constant" or "wrap", as in
            ``scipy.ndimage`` ("wrap" is its "grid-wrap").
        cval: The value there with "constant", in grey levels.
        mask_cval: The same for masks: the class "nothing", or one that the loss ignores.
    """

    fill_mode: FillMode = "reflect"
    cval: Annotated[float, Number(0, 255, "grey levels")] = 0.0
    mask_cval: Annotated[int, Whole(0, 65535)] = 0

    @property
    def fill(self) -> Fill:
        """What lies beyond the edge."""
        return Fill(self.fill_mode, self.cval, self.mask_cval)
