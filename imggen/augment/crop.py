"""Random-resized crop: a part of the image at random, resized to the size that training sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.errors import OptionError, SampleError
from imggen.fields import is_whole

# Windows of the wanted area and shape that do not fit are drawn again so many times.
_TRIES = 10


class Window(NamedTuple):
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


@final
@dataclass(frozen=True)
class RandomResizedCrop:
    """Cuts out a part of random area and aspect ratio, and resizes it: ImageNet's own recipe.

    As the first augmentation of a sequence that decodes its files, it cuts from the image before it
    is resized to ``image_size``, so that small parts keep their detail. Anywhere else it cuts from
    the image that it is given, and returns one of the same size.

    Attributes:
        scale: (low, high) of the part's share of the image's area, 0 to 1.
        ratio: (low, high) of the part's width over its height.
        source_size: The shorter side, in pixels, of the image that is cut from, as decoded and
            cached: a larger one is first shrunk to it, a smaller one is left as it is. None: twice
            the longer side of ``image_size``.

    Raises:
        OptionError: A range turned round or out of bounds.

    Source: ``RandomResizedCrop`` of torchvision, after Szegedy et al., "Going Deeper with
    Convolutions", 2014. Resized by OpenCV: INTER_AREA if the part shrinks to less than half in both
    directions, else INTER_LINEAR.

    Example:
        >>> crop = RandomResizedCrop(scale=(0.5, 0.5), ratio=(1.0, 1.0))
        >>> crop.window(100, 200, np.random.default_rng(0))
        Window(top=0, left=31, height=100, width=100)
        >>> crop(np.zeros((8, 8, 3), np.uint8), np.random.default_rng(0)).shape
        (8, 8, 3)
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    source_size: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _range("scale", self.scale))
        object.__setattr__(self, "ratio", _range("ratio", self.ratio))
        low, high = self.scale
        if not 0 < low <= high <= 1:
            raise OptionError(
                f"scale={self.scale!r} must be (low, high) with 0 < low <= high <= 1."
            )
        low, high = self.ratio
        if not 0 < low <= high:
            raise OptionError(f"ratio={self.ratio!r} must be (low, high) with 0 < low <= high.")
        if self.source_size is not None and not is_whole(self.source_size, 1):
            raise OptionError(
                f"source_size={self.source_size!r} must be a whole number of pixels, or None."
            )

    @property
    def name(self) -> str:
        """What messages call it."""
        return type(self).__name__

    def window(self, height: int, width: int, rng: np.random.Generator) -> Window:
        """Draws a part of an image of (height, width) pixels.

        If none of ten fits, it is the largest in the middle whose aspect ratio is within ``ratio``.
        """
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        for _ in range(_TRIES):
            area = height * width * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(low, high))
            part_width = round(math.sqrt(area * ratio))
            part_height = round(math.sqrt(area / ratio))
            if 0 < part_width <= width and 0 < part_height <= height:
                top = int(rng.integers(height - part_height + 1))
                left = int(rng.integers(width - part_width + 1))
                return Window(top, left, part_height, part_width)
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        part_width = max(1, min(width, round(height * ratio)))
        part_height = max(1, min(height, round(width / ratio)))
        top, left = (height - part_height) // 2, (width - part_width) // 2
        return Window(top, left, part_height, part_width)

    def cut(
        self, size: tuple[int, int], image: npt.NDArray[Any], rng: np.random.Generator
    ) -> npt.NDArray[Any]:
        """Cuts a part out of ``image`` and resizes it.

        Args:
            size: (height, width) of the result, in pixels.
            image: uint8, shape (height, width, channels), values 0 to 255; left as it is.
            rng: The only source of chance.

        Returns:
            uint8, shape (*size, channels).

        Raises:
            SampleError: The array is no uint8 image.
        """
        if image.dtype != np.uint8 or image.ndim != 3:
            raise SampleError(
                f"{self.name} takes uint8 images of shape (height, width, channels); got "
                f"{image.dtype} of shape {image.shape}."
            )
        top, left, height, width = self.window(image.shape[0], image.shape[1], rng)
        return _resized(image[top : top + height, left : left + width], size)

    def __call__(self, image: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
        """Cuts and resizes to the size that ``image`` has."""
        return self.cut((image.shape[0], image.shape[1]), image, rng)


def _resized(part: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    import cv2

    height, width, channels = part.shape
    shrinks = height > 2 * size[0] and width > 2 * size[1]
    resized = cv2.resize(
        part, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return np.asarray(resized).reshape(*size, channels)  # OpenCV drops an axis of one channel


def _range(option: str, value: object) -> tuple[float, float]:
    if (
        not isinstance(value, tuple | list)
        or len(value) != 2
        or not all(
            isinstance(end, int | float | np.number) and not isinstance(end, bool) for end in value
        )
        or not all(math.isfinite(end) for end in value)
    ):
        raise OptionError(f"{option}={value!r} must be two numbers, (low, high).")
    return float(value[0]), float(value[1])
