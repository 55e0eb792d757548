"""What is augmented together: an image, and what belongs to it pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy.typing as npt

from imggen.errors import SampleError


@final
@dataclass(frozen=True)
class Sample:
    """An image, and what has to stay in step with it.

    Attributes:
        image: uint8, shape (height, width, channels), values 0 to 255; or, with a custom loader,
            whatever the loader returns.
        masks: Arrays of whole numbers, such as the class of each pixel; each of shape (height,
            width) or (height, width, channels), height and width those of ``image``.
        images: Further images of the same height and width.
    """

    image: npt.NDArray[Any]
    masks: tuple[npt.NDArray[Any], ...] = ()
    images: tuple[npt.NDArray[Any], ...] = ()

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """All arrays: the image, the masks, the further images."""
        return (self.image, *self.masks, *self.images)

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the image, in pixels.

        Raises:
            SampleError: It is no image.
        """
        if self.image.ndim < 2:
            raise SampleError(
                "Images of shape (height, width, channels) can be augmented; got "
                f"{self.image.dtype} of shape {self.image.shape}."
            )
        return self.image.shape[0], self.image.shape[1]

    def copy(self) -> Sample:
        """Returns a sample that may be written to."""
        return Sample(
            self.image.copy(),
            tuple(mask.copy() for mask in self.masks),
            tuple(image.copy() for image in self.images),
        )
