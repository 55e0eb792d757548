"""Images that do not come from files of their own, and are read by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from imggen.cache import ImageCache
from imggen.decode import ImageSpec, MaskValues


class ImageStore(ABC):
    """Images, and their masks, by the names that a manifest has in place of paths; picklable.

    ``ImageSequence`` accepts one as ``loader=``, and then decodes and resizes as it does files.
    """

    keeps_size: ClassVar[bool] = False
    """Whether images keep their own size where a sequence has no ``image_size``."""

    @abstractmethod
    def read(self, name: str, spec: ImageSpec) -> npt.NDArray[np.uint8]:
        """Reads an image as ``spec`` asks for it; the array must not be written to.

        Raises:
            ImageError: It cannot be decoded.
        """

    @abstractmethod
    def read_mask(
        self, name: str, image_name: str, spec: ImageSpec, mask_values: MaskValues | None
    ) -> npt.NDArray[Any]:
        """Reads a mask, resized like its image; see ``imggen.decode.load_mask``.

        Raises:
            ImageError: It cannot be decoded, or has a value that ``mask_values`` does not have.
        """

    @abstractmethod
    def as_cache(self, names: Iterable[str], spec: ImageSpec) -> ImageCache | None:
        """Returns the images of these names as a filled cache, if ``spec`` keeps their pixels."""

    @abstractmethod
    def __call__(self, name: str) -> npt.NDArray[np.uint8]:
        """Returns an image at its own size, as a ``loader=`` does."""
