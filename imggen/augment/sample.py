"""What is augmented together: an image, and what has to stay in step with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
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
        boxes: float64, shape (number of boxes, 5): left, top, right, bottom in pixels from the
            corner of the image, and the number of the class. None: the sample has none to keep in
            step.
        keypoints: float64, shape (number of points, 4): x and y in pixels from the middle of the
            first one; the angle of a direction, in radians, from x towards y; and a scale. NaN
            where a point is not known, and for angles and scales that points have not. None: as
            with boxes.
    """

    image: npt.NDArray[Any]
    masks: tuple[npt.NDArray[Any], ...] = ()
    images: tuple[npt.NDArray[Any], ...] = ()
    boxes: npt.NDArray[np.float64] | None = None
    keypoints: npt.NDArray[np.float64] | None = None

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """All arrays of pixels: the image, the masks, the further images."""
        return (self.image, *self.masks, *self.images)

    @property
    def positions(self) -> tuple[npt.NDArray[np.float64], ...]:
        """All arrays of positions: boxes and keypoints, as far as there are any."""
        return tuple(array for array in (self.boxes, self.keypoints) if array is not None)

    @property
    def is_alone(self) -> bool:
        """Whether nothing has to stay in step with the image."""
        return not (self.masks or self.images or self.positions)

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
            None if self.boxes is None else self.boxes.copy(),
            None if self.keypoints is None else self.keypoints.copy(),
        )
