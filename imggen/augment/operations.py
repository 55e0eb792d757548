"""Operations: the pure functions that built-in augmentations draw, and their parameters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.augment.resample import Fill, Matrix

Parameters = Mapping[str, Any]


# No ABC: isinstance is slow on those, and is called for each image.
class Op:
    """A kind of operation: a pure function of a sample and the parameters that were drawn."""

    @property
    def name(self) -> str:
        """The name of its class, as messages, policy files and pictures show it."""
        return type(self).__name__


class Operation(NamedTuple):
    """One pure function to apply to a sample, with all of its parameters.

    Attributes:
        kind: Whose function it is; of its options only those that are no ranges count.
        parameters: By name; numbers, words, and lists of them or of operations.
    """

    kind: Op
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


class GeometryOp(Op):
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


class ColorMatrixOp(Op):
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


class LookupTableOp(Op):
    """Changes each value by a table, whatever is around it. Alpha stays."""

    @abstractmethod
    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Shape (256,), or (256, channels of ``image``): the new value of each value.

        Args:
            parameters: As drawn.
            image: Shape (height, width, channels), without alpha.
        """


class FilterOp(Op):
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
