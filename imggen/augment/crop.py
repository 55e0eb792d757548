"""Random-resized crop: a part of the image at random, resized to the size that training sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, NamedTuple, final

import numpy as np

from imggen.augment.builtin import SingleOp
from imggen.augment.operations import GeometryOp, Operation, Parameters
from imggen.augment.options import Interval, Span
from imggen.augment.resample import Matrix
from imggen.core import check_whole

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
class RandomResizedCrop(SingleOp, GeometryOp):
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
        p: The share of images that are cut; of the others the whole image is shown.

    Raises:
        OptionError: A range turned round or out of bounds.

    Source: ``RandomResizedCrop`` of torchvision, after Szegedy et al., "Going Deeper with
    Convolutions", 2014. Alone or with flips, it is resized by OpenCV: INTER_AREA if the part
    shrinks to less than half in both directions, else INTER_LINEAR.

    Example:
        >>> crop = RandomResizedCrop(scale=(0.5, 0.5), ratio=(1.0, 1.0))
        >>> crop.window(100, 200, np.random.default_rng(0))
        Window(top=0, left=31, height=100, width=100)
        >>> crop(np.zeros((8, 8, 3), np.uint8), np.random.default_rng(0)).shape
        (8, 8, 3)
    """

    scale: Annotated[Interval, Span(0, 1, above=True)] = (0.08, 1.0)
    ratio: Annotated[Interval, Span(1e-4, 1e4)] = (3 / 4, 4 / 3)
    source_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        source_size = check_whole("source_size", self.source_size, 1, allow_none=True)
        object.__setattr__(self, "source_size", source_size)

    @property
    def cuts(self) -> bool:
        """It does."""
        return True

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

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the window, in pixels of the image that is cut from."""
        return self.window(*size, rng)._asdict()

    def draw_operations(self, size: tuple[int, int], rng: np.random.Generator) -> list[Operation]:
        """One operation for every sample: the size that is asked for depends on it."""
        drawn = super().draw_operations(size, rng)
        return drawn or [Operation(self, Window(0, 0, *size)._asdict())]

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Shows the window in all of the output."""
        del size
        scale_x = parameters["width"] / out_size[1]
        scale_y = parameters["height"] / out_size[0]
        return np.array(
            [
                [scale_x, 0.0, parameters["left"] + scale_x / 2 - 0.5],
                [0.0, scale_y, parameters["top"] + scale_y / 2 - 0.5],
                [0.0, 0.0, 1.0],
            ]
        )
