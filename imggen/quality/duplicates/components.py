"""Connected components of pairs that are added over time."""

from __future__ import annotations

from typing import final

import numpy as np
import numpy.typing as npt


@final
class Components:
    """Sets of images that pairs connect, directly or by other images.

    Example:
        >>> components = Components(4)
        >>> components.connect(np.array([0]), np.array([2]))
        >>> components.find(np.arange(4)).tolist()
        [2, 1, 2, 3]
        >>> components.sizes(np.arange(4)).tolist()
        [2, 1, 2, 1]
    """

    def __init__(self, num_images: int) -> None:
        self._parents = np.arange(num_images)
        self._sizes = np.ones(num_images, np.int64)

    def connect(self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> None:
        """Connects the images of pairs; both arrays have the shape (num_pairs,)."""
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            small, large = self._find_root(one), self._find_root(other)
            if small == large:
                continue
            if self._sizes[small] > self._sizes[large]:
                small, large = large, small
            self._parents[small] = large
            self._sizes[large] += self._sizes[small]

    def find(self, images: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns one image of the set of each image, equal for images of one set."""
        roots = self._parents[images]
        while not np.array_equal(roots, parents := self._parents[roots]):
            roots = parents
        return roots

    def sizes(self, images: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the number of images in the set of each image."""
        return self._sizes[self.find(images)]

    def _find_root(self, image: int) -> int:
        while (parent := int(self._parents[image])) != image:
            image = parent
        return image
