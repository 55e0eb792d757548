"""The unit of augmentation: an image, with everything that must stay aligned with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.errors import SampleError


@final
@dataclass(frozen=True)
class Sample:
    """An image, with everything that must stay aligned with it.

    Attributes:
        image: uint8, shape (height, width, channels), values 0 to 255; or, with a custom loader,
            the array that the loader returns.
        masks: Integer arrays, such as the class of each pixel. Each has the height and width of
            ``image``, and shape (height, width) or (height, width, channels).
        images: Further images of the same height and width.
        boxes: float64, shape (num_boxes, 5): left, top, right, bottom in pixels from the top left
            corner of the image, and the class index. None: the task has no boxes.
        keypoints: float64, shape (num_points, 4): x and y in pixels from the center of the first
            pixel, the angle of a direction in radians (from x towards y), and a scale. NaN for
            unknown points, and for points without angle or scale. None: the task has no keypoints.

    Example:
        >>> image, mask = np.zeros((4, 6, 3), np.uint8), np.ones((4, 6), np.uint8)
        >>> Sample(image, masks=(mask,)).size
        (4, 6)
    """

    image: npt.NDArray[Any]
    masks: tuple[npt.NDArray[Any], ...] = ()
    images: tuple[npt.NDArray[Any], ...] = ()
    boxes: npt.NDArray[np.float64] | None = None
    keypoints: npt.NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        further = [
            f"{name} {' and '.join(str(array.shape) for array in arrays)}"
            for name, arrays in (
                ("masks", self.masks),
                ("images", self.images),
                ("boxes", () if self.boxes is None else (self.boxes,)),
                ("keypoints", () if self.keypoints is None else (self.keypoints,)),
            )
            if arrays
        ]
        return f"Sample({'; '.join([f'image {self.image.dtype} {self.image.shape}', *further])})"

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """All arrays of pixels: the image, the masks and the further images."""
        return (self.image, *self.masks, *self.images)

    @property
    def positions(self) -> tuple[npt.NDArray[np.float64], ...]:
        """All arrays of positions: boxes and keypoints, if the sample has any."""
        return tuple(array for array in (self.boxes, self.keypoints) if array is not None)

    @property
    def is_image_only(self) -> bool:
        """Whether there is nothing to keep aligned with the image."""
        return not (self.masks or self.images or self.positions)

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the image, in pixels.

        Raises:
            SampleError: The array has fewer than two axes.
        """
        if self.image.ndim < 2:
            raise SampleError(
                f"Augmentations take images of shape (height, width, channels); got "
                f"{self.image.dtype} of shape {self.image.shape}."
            )
        return self.image.shape[0], self.image.shape[1]

    def copy(self) -> Sample:
        """Returns a copy whose arrays may be modified."""
        return Sample(
            self.image.copy(),
            tuple(mask.copy() for mask in self.masks),
            tuple(image.copy() for image in self.images),
            None if self.boxes is None else self.boxes.copy(),
            None if self.keypoints is None else self.keypoints.copy(),
        )
