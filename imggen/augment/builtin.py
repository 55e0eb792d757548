"""What imggen's own augmentations share: parameters are drawn apart from pure functions.

An augmentation draws **operations**: which of the pure functions of its kind to apply, and with
what parameters. ``perform`` applies them, and does in one what can be done in one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.augment.options import Number, Share, Whole, check_options
from imggen.augment.resample import Fill, FillMode, Matrix
from imggen.augment.sample import Sample

Parameters = Mapping[str, Any]


class Operation(NamedTuple):
    """One pure function to apply to a sample, with all of its parameters.

    Attributes:
        kind: Whose function it is; of its options only those that are no ranges count.
        parameters: By name; numbers, words, and lists of them or of operations.
    """

    kind: Simple
    parameters: Parameters

    def as_dict(self) -> dict[str, object]:
        """The name of the operation to its parameters, in what JSON can hold."""
        return {self.kind.name: as_plain(self.parameters)}


# Longer arrays, such as the noise of each pixel, are only described.
_LONGEST_ARRAY = 16


def as_plain(value: Any) -> Any:
    """Parameters in what JSON can hold; large arrays and objects in words."""
    if isinstance(value, Operation):
        return value.as_dict()
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        if value.size > _LONGEST_ARRAY:
            return f"{value.dtype} of shape {value.shape}"
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | None) else repr(value)


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
        from imggen.augment.perform import perform  # perform imports this module

        sample = Sample(image)
        changed = perform(self.draw_operations(sample.size, rng) or [], sample).image
        return changed.copy() if np.may_share_memory(changed, image) else changed


@dataclass(frozen=True, kw_only=True)
class Simple(BuiltIn):
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


class Geometric(Simple):
    """Moves pixels. Neighbours of this kind are one resample; masks and further images follow."""

    @abstractmethod
    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """The matrix from positions of the output to those of the input; see ``resample``.

        Args:
            parameters: As drawn.
            size: (height, width) of the input, in pixels.
            out_size: (height, width) of the output.
        """

    @property
    def fill(self) -> Fill | None:
        """What lies beyond the edge; None where nothing from there is shown."""
        return None

    @property
    def cuts(self) -> bool:
        """Whether a part is cut out, so that nothing beside it shows."""
        return False


@dataclass(frozen=True, kw_only=True)
class Filling(Geometric):
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


class Linear(Simple):
    """Changes each colour by a matrix. Neighbours of this kind are one product, rounded once.

    Images of one channel are taken for grey, those of four for RGB and alpha, which stays.
    """

    @abstractmethod
    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """The matrix that takes (red, green, blue, 1) to the new colour.

        Args:
            parameters: As drawn.
            mean: The mean colour of the image, shape (3,), 0 to 255.

        Returns:
            Shape (3, 4).
        """


class Tonal(Simple):
    """Changes each value by a table, whatever is around it. Alpha stays."""

    @abstractmethod
    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Shape (256,), or (256, channels of ``image``): the new value of each value.

        Args:
            parameters: As drawn.
            image: Shape (height, width, channels), without alpha.
        """


class Textural(Simple):
    """Changes an image by what is around each pixel, or by noise; nothing moves. Alpha stays."""

    @abstractmethod
    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Returns a changed image; ``image`` is left as it is.

        Args:
            image: Shape (height, width, 1 or 3): grey or RGB.
            parameters: As drawn.
        """

    @property
    def moves(self) -> bool:
        """Whether pixels end up elsewhere all the same, so that no mask could follow."""
        return False
