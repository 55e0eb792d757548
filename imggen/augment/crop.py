"""Crops: a window of the image, of a random size and then resized, or of a fixed size."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple, final

import numpy as np

from imggen.augment.builtin import BuiltIn, SingleOp
from imggen.augment.operations import GeometryOp, Operation, Parameters
from imggen.augment.options import Range, RangeBounds, span
from imggen.augment.resampling import Matrix
from imggen.core import check_optional_whole

# A window that does not fit into the image is redrawn up to this many times.
_MAX_TRIES = 10


class Window(NamedTuple):
    """A rectangular window of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


class SourceCrop(BuiltIn, GeometryOp):
    """The base of crops: as the first augmentation, they crop from a larger image.

    Attributes:
        source_size: The shorter side, in pixels, of the decoded and cached image to crop from.
    """

    source_size: int | None

    is_crop: ClassVar[bool] = True


@final
@dataclass(frozen=True)
class RandomResizedCrop(SingleOp, SourceCrop):
    """Crops a random window and resizes it, as is usual for ImageNet.

    As the first augmentation of a sequence that decodes its files, it crops from the image before
    it is resized to ``image_size``, so that small windows keep their detail. Anywhere else it crops
    from the image that it is given, and returns an image of the same size.

    Attributes:
        scale: (low, high) of the area of the window, as a fraction of the image's area, above 0 and
            at most 1.
        ratio: (low, high) of the aspect ratio of the window, width over height, 1e-4 to 1e4.
        source_size: The shorter side, in pixels, of the decoded and cached image to crop from: a
            larger image is first shrunk to this size, a smaller one is not changed. None: twice the
            longer side of ``image_size``.
        p: The probability that an image is cropped, 0 to 1. Other images are shown as a whole.

    Raises:
        OptionError: An option is out of bounds, or a range is reversed.

    Source: ``RandomResizedCrop`` of torchvision, after Szegedy et al., "Going Deeper with
    Convolutions", 2014. Alone or with flips, the window is resized by OpenCV: INTER_AREA if it
    shrinks to less than half in both directions, else INTER_LINEAR.

    Example:
        >>> crop = RandomResizedCrop(scale=(0.5, 0.5), ratio=(1.0, 1.0))
        >>> crop.window(100, 200, np.random.default_rng(0))
        Window(top=0, left=31, height=100, width=100)
        >>> crop(np.zeros((8, 8, 3), np.uint8), np.random.default_rng(0)).shape
        (8, 8, 3)
    """

    scale: Annotated[Range, RangeBounds(0, 1, exclusive=True)] = span(0.08, 1.0)
    ratio: Annotated[Range, RangeBounds(1e-4, 1e4)] = span(3 / 4, 4 / 3)
    source_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_source_size(self)

    def window(self, height: int, width: int, rng: np.random.Generator) -> Window:
        """Draws a window of an image of (height, width) pixels.

        If ten draws do not fit, returns the largest centered window with a legal aspect ratio.
        """
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        for _ in range(_MAX_TRIES):
            area = height * width * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(low, high))
            window_width = round(math.sqrt(area * ratio))
            window_height = round(math.sqrt(area / ratio))
            if 0 < window_width <= width and 0 < window_height <= height:
                top = int(rng.integers(height - window_height + 1))
                left = int(rng.integers(width - window_width + 1))
                return Window(top, left, window_height, window_width)
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        window_width = max(1, min(width, round(height * ratio)))
        window_height = max(1, min(height, round(width / ratio)))
        top, left = (height - window_height) // 2, (width - window_width) // 2
        return Window(top, left, window_height, window_width)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the window, in pixels of the source image."""
        top, left, height, width = self.window(*size, rng)
        return {"top": top, "left": left, "height": height, "width": width}

    def draw_operations(self, size: tuple[int, int], rng: np.random.Generator) -> list[Operation]:
        """Draws one operation for each sample, as even uncropped images must be resized."""
        operations = super().draw_operations(size, rng)
        whole = {"top": 0, "left": 0, "height": size[0], "width": size[1]}
        return operations or [Operation(self, whole)]

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Returns the matrix that resizes the window to the output."""
        del size
        scale_x = parameters["width"] / out_size[1]
        scale_y = parameters["height"] / out_size[0]
        return np.array(
            [
                (scale_x, 0.0, parameters["left"] + scale_x / 2 - 0.5),
                (0.0, scale_y, parameters["top"] + scale_y / 2 - 0.5),
                (0.0, 0.0, 1.0),
            ]
        )


@dataclass(frozen=True)
class FixedSizeCrop(SourceCrop):
    """The base of crops of as many pixels as training sees, which must be the first augmentation.

    Attributes:
        source_size: The shorter side, in pixels, of the decoded and cached image to crop from: a
            larger image is first shrunk to this size, a smaller one is not changed. None: the image
            at its own size. Where the window does not fit into the image, the image is enlarged
            until it does.
    """

    source_size: int | None = None

    def __post_init__(self) -> None:
        _check_source_size(self)

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Parameters:
        """Returns the position of the window: "x" and "y", 0 at the left and top, 1 opposite."""

    def draw_operations(self, size: tuple[int, int], rng: np.random.Generator) -> list[Operation]:
        """Draws one operation for each sample."""
        del size
        return [Operation(self, self.draw(rng))]

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Returns the matrix that cuts out the window, and enlarges it only if it does not fit."""
        scale = min(1.0, size[0] / out_size[0], size[1] / out_size[1])
        half = (scale - 1.0) / 2.0
        left = round(parameters["x"] * (size[1] - scale * out_size[1])) + half
        top = round(parameters["y"] * (size[0] - scale * out_size[0])) + half
        return np.array([[scale, 0.0, left], [0.0, scale, top], [0.0, 0.0, 1.0]])


@final
@dataclass(frozen=True)
class RandomCrop(FixedSizeCrop):
    """Crops a random window of ``image_size`` pixels, without resizing it.

    Random patches of large images, or of images that were shrunk to ``source_size`` before. Masks,
    boxes and keypoints follow. Must be the first augmentation of a sequence that decodes its files.
    Predictions, and those other splits of the ``from_*`` functions that have no augmentation, use
    the center of each image at the same scale; see ``CenterCrop``.

    Attributes:
        source_size: The shorter side, in pixels, of the decoded and cached image to crop from: a
            larger image is first shrunk to this size, a smaller one is not changed. None: the image
            at its own size. An image that is smaller than the window is enlarged.

    Raises:
        OptionError: ``source_size`` is out of bounds.

    Example:
        >>> RandomCrop(source_size=256).draw(np.random.default_rng(0))
        {'x': 0.6369616873214543, 'y': 0.2697867137638703}
    """

    def draw(self, rng: np.random.Generator) -> Parameters:
        """Draws the position of the window."""
        return {"x": float(rng.random()), "y": float(rng.random())}


@final
@dataclass(frozen=True)
class CenterCrop(FixedSizeCrop):
    """Crops the center of ``image_size`` pixels, for evaluation after training with RandomCrop.

    Must be the first augmentation of a sequence, which then decodes the center of each file only.

    Attributes:
        source_size: The shorter side, in pixels, of the decoded and cached image to crop from: a
            larger image is first shrunk to this size, a smaller one is not changed. None: the image
            at its own size. An image that is smaller than the window is enlarged.

    Raises:
        OptionError: ``source_size`` is out of bounds.

    Example:
        >>> CenterCrop(source_size=256).draw(np.random.default_rng(0))
        {'x': 0.5, 'y': 0.5}
    """

    def draw(self, rng: np.random.Generator) -> Parameters:
        """Returns the position of the center."""
        del rng
        return {"x": 0.5, "y": 0.5}


def _check_source_size(crop: SourceCrop) -> None:
    source_size = check_optional_whole("source_size", crop.source_size, 1)
    object.__setattr__(crop, "source_size", source_size)
