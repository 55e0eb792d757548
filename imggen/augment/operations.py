"""Operations: pure functions on samples, with the parameters that an augmentation drew for them.

Each class below is one kind of operation. ``execution`` merges adjacent operations of the same kind
into a single pass.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.augment.resampling import Fill, Matrix
from imggen.augment.sample import Sample
from imggen.errors import SampleError

Parameters = Mapping[str, Any]


# Not an ABC, and kinds are told apart by attributes: for each image, these cost next to nothing.
class Op:
    """A pure function of a sample and of drawn parameters.

    Attributes:
        moves_geometry: Whether this is a ``GeometryOp``.
        is_color_matrix: Whether this is a ``ColorMatrixOp``.
        moves_pixels: Whether a ``FilterOp`` moves pixels after all, in a way that masks, boxes and
            keypoints cannot follow.
    """

    moves_geometry: ClassVar[bool] = False
    is_color_matrix: ClassVar[bool] = False
    moves_pixels: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """The class name, as shown in messages, policy files and previews."""
        return type(self).__name__


class Operation(NamedTuple):
    """An operation with all of its parameters, ready to be applied to a sample.

    Attributes:
        op: The function. Of its options, only those that are not ranges have an effect.
        parameters: The drawn parameters by name: numbers, words, and lists of numbers, words or
            operations.
    """

    op: Op
    parameters: Parameters

    def as_dict(self) -> dict[str, object]:
        """Returns {name of the operation: parameters}, with JSON-serializable values."""
        return {self.op.name: to_jsonable(self.parameters)}


# Longer arrays, such as per-pixel noise, are summarized by dtype and shape.
_MAX_LISTED_VALUES = 16


def to_jsonable(value: Any) -> Any:
    """Converts parameters to JSON-serializable values; large arrays and objects become text."""
    if isinstance(value, Operation):
        return value.as_dict()
    if isinstance(value, Mapping):
        return {str(key): to_jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(item) for item in value]
    if isinstance(value, np.ndarray):
        if value.size > _MAX_LISTED_VALUES:
            return f"{value.dtype} of shape {value.shape}"
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | None) else repr(value)


class GeometryOp(Op):
    """Moves pixels, and masks, further images, boxes and keypoints with them.

    Adjacent operations of this kind share one resampling pass.

    Attributes:
        is_crop: Whether a window is cut out, so that pixels outside it have no influence.
    """

    moves_geometry: ClassVar[bool] = True
    is_crop: ClassVar[bool] = False

    @property
    def fills(self) -> tuple[Fill, Fill] | tuple[None, None]:
        """The values outside the image: for samples without boxes and keypoints, and with any.

        None where the output never shows any of them.
        """
        return None, None

    @abstractmethod
    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Returns the matrix that maps output coordinates to input coordinates; see ``resample``.

        Args:
            parameters: The drawn parameters.
            size: (height, width) of the input, in pixels.
            out_size: (height, width) of the output, in pixels.
        """


class ColorMatrixOp(Op):
    """Maps each color by a matrix.

    Adjacent operations of this kind are multiplied into one matrix, and values are rounded once.
    Images with one channel are treated as gray, those with four as RGB and alpha. Alpha is kept.

    Attributes:
        uses_mean: Whether the matrix depends on the mean color of the image.
    """

    is_color_matrix: ClassVar[bool] = True
    uses_mean: ClassVar[bool] = False

    @abstractmethod
    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """Returns the matrix, shape (3, 4), that maps (red, green, blue, 1) to the new color.

        Args:
            parameters: The drawn parameters.
            mean: The mean color of the image, shape (3,), 0 to 255; unspecified unless
                ``uses_mean``.
        """


class LookupTableOp(Op):
    """Maps each value by a lookup table. Alpha is kept."""

    @abstractmethod
    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Returns the new value for each of the 256 values.

        Args:
            parameters: The drawn parameters.
            image: Shape (height, width, channels), without alpha.

        Returns:
            Shape (256,), or (256, channels) if channels differ.
        """


class FilterOp(Op):
    """Changes pixels by their neighborhood, or by noise, without moving anything. Alpha is kept."""

    def check_alignment(self, sample: Sample) -> None:
        """See ``SelectiveStep``."""
        has_positions = sample.boxes is not None or sample.keypoints is not None
        if self.moves_pixels and (sample.masks or has_positions):
            raise SampleError(
                f"{self.name} blends differently moved copies of an image, so masks, boxes and "
                "keypoints cannot follow. Remove it, or use RandAugment."
            )

    @abstractmethod
    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Returns the filtered image; does not modify ``image``.

        Args:
            image: Shape (height, width, 1 or 3): gray or RGB.
            parameters: The drawn parameters.
        """
