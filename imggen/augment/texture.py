"""Augmentations of detail: blur, sharpness, noise, JPEG artefacts, erased parts."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Annotated, Literal, final

import numpy as np
import numpy.typing as npt

from imggen.augment.builtin import SingleOp
from imggen.augment.operations import FilterOp, Parameters
from imggen.augment.options import Interval, Span
from imggen.core import seeded

# How often a part of the wanted area and shape that does not fit is drawn again.
_TRIES = 10
_MOST_SEEDS = 2**32


@final
@dataclass(frozen=True)
class RandomGaussianBlur(SingleOp, FilterOp):
    """Blurs images.

    Attributes:
        sigma: (low, high) of the standard deviation of the Gaussian, in pixels.
        p: The share of images that are changed, 0 to 1.

    Source: ``scipy.ndimage.gaussian_filter(mode="mirror", truncate=4)``, within 1 on photographs
    and 3 on noise: OpenCV's weights have 8 bits.

    Example:
        >>> point = np.zeros((5, 5, 1), np.uint8)
        >>> point[2, 2] = 255
        >>> bool(39 < RandomGaussianBlur((1, 1))(point, np.random.default_rng(0))[2, 2, 0] < 42)
        True
    """

    sigma: Annotated[Interval, Span(0, 50, "pixels")] = (0.1, 2.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the standard deviation."""
        del size
        return {"sigma": rng.uniform(*self.sigma)}

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Convolves with a Gaussian."""
        import cv2

        sigma = parameters["sigma"]
        side = 2 * int(4 * sigma + 0.5) + 1
        if side == 1:
            return image
        blurred = cv2.GaussianBlur(image, (side, side), sigma, borderType=cv2.BORDER_REFLECT_101)
        return np.asarray(blurred, np.uint8).reshape(image.shape)


@final
@dataclass(frozen=True)
class RandomSharpness(SingleOp, FilterOp):
    """Sharpens images, or smoothes them a little.

    Attributes:
        factor: (low, high): 0 is smooth, 1 changes nothing, 2 is sharp.
        p: The share of images that are changed, 0 to 1.

    Source: Pillow's ``ImageEnhance.Sharpness``, within 1.

    Example:
        >>> image = np.full((3, 3, 1), 100, np.uint8)
        >>> image[1, 1] = 113
        >>> RandomSharpness((2, 2))(image, np.random.default_rng(0))[1, 1, 0].item()
        121
    """

    factor: Annotated[Interval, Span(0, 10, "as a factor")] = (0.5, 2.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the factor."""
        del size
        return {"factor": rng.uniform(*self.factor)}

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Blends with a smoothed copy."""
        import cv2

        if min(image.shape[:2]) < 3:
            return image
        kernel = np.ones((3, 3), np.float32)
        kernel[1, 1] = 5
        smooth = np.asarray(cv2.filter2D(image, -1, kernel / 13)).reshape(image.shape)
        # Pillow leaves the outermost pixels.
        for edge in (np.s_[:1], np.s_[-1:], np.s_[:, :1], np.s_[:, -1:]):
            smooth[edge] = image[edge]
        factor = parameters["factor"]
        blended = cv2.addWeighted(image, factor, smooth, 1 - factor, 0)
        return np.asarray(blended, np.uint8).reshape(image.shape)


@final
@dataclass(frozen=True)
class RandomGaussianNoise(SingleOp, FilterOp):
    """Adds noise to each value by itself.

    Attributes:
        std: (low, high) of its standard deviation, in grey levels.
        p: The share of images that are changed, 0 to 1.

    Source: ``keras.layers.GaussianNoise``. The normal distribution is cut at 4.4 standard
    deviations.

    Example:
        >>> noisy = RandomGaussianNoise((20, 20))
        >>> grey = np.full((100, 100, 1), 128, np.uint8)
        >>> round(float(noisy(grey, np.random.default_rng(0)).std()))
        20
    """

    std: Annotated[Interval, Span(0, 255, "grey levels")] = (0.0, 10.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the standard deviation, and what decides the noise."""
        del size
        return {"std": rng.uniform(*self.std), "seed": int(rng.integers(_MOST_SEEDS))}

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Adds noise, and clips."""
        import cv2

        # Rounded noise, looked up by 16 random bits: a normal draw a value takes several times as
        # long.
        table = np.rint(parameters["std"] * _normal_quantiles()).astype(np.int16)
        bits = seeded(parameters["seed"]).integers(0, 2**16, image.shape, dtype=np.uint16)
        noisy = cv2.add(image, table.take(bits, mode="clip"), dtype=cv2.CV_8U)
        return np.asarray(noisy, np.uint8).reshape(image.shape)


@final
@dataclass(frozen=True)
class RandomJPEG(SingleOp, FilterOp):
    """Compresses images as JPEG and back.

    Attributes:
        quality: (low, high) of libjpeg's quality, 1 to 100; drawn as whole numbers.
        p: The share of images that are changed, 0 to 1.

    Source: OpenCV's ``imencode``, whose colours have half the resolution (4:2:0).

    Example:
        >>> image = np.full((16, 16, 3), 100, np.uint8)
        >>> RandomJPEG((90, 90))(image, np.random.default_rng(0)).shape
        (16, 16, 3)
    """

    quality: Annotated[Interval, Span(1, 100, "as libjpeg counts it")] = (40, 95)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the quality."""
        del size
        low, high = self.quality
        return {"quality": int(rng.integers(round(low), round(high), endpoint=True))}

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Encodes and decodes."""
        import cv2

        grey = image.shape[2] == 1
        settings = [cv2.IMWRITE_JPEG_QUALITY, parameters["quality"]]
        bgr = image if grey else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, settings)
        decoded = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR_RGB)
        return np.asarray(decoded, np.uint8).reshape(image.shape)


@final
@dataclass(frozen=True)
class RandomErasing(SingleOp, FilterOp):
    """Covers a part with grey or noise. Masks keep what is below it.

    Attributes:
        scale: (low, high) of the part's share of the image's area, 0 to 1.
        ratio: (low, high) of the part's width over its height.
        fill: "noise" for a random colour in each pixel, "mean" for the mean colour of the image,
            or "black".
        p: The share of images that are changed, 0 to 1.

    Source: Zhong et al., "Random Erasing Data Augmentation", 2017; ``keras.layers.RandomErasing``.

    Example:
        >>> cover = RandomErasing(scale=(0.25, 0.25), ratio=(1, 1), fill="black", p=1.0)
        >>> image = np.full((8, 8, 1), 255, np.uint8)
        >>> int((cover(image, np.random.default_rng(0)) == 0).sum())
        16
    """

    scale: Annotated[Interval, Span(0, 1, above=True)] = (0.02, 0.25)
    ratio: Annotated[Interval, Span(1e-4, 1e4)] = (0.3, 3.3)
    fill: Literal["noise", "mean", "black"] = "noise"

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the part, in pixels, and what decides the noise."""
        height, width = size
        low, high = (math.log(end) for end in self.ratio)
        part_height = part_width = 0
        for _ in range(_TRIES):
            area = height * width * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(low, high))
            part_height, part_width = (
                max(1, round(math.sqrt(area / ratio))),
                max(1, round(math.sqrt(area * ratio))),
            )
            if part_height <= height and part_width <= width:
                break
        part_height, part_width = min(part_height, height), min(part_width, width)
        return {
            "top": int(rng.integers(height - part_height + 1)),
            "left": int(rng.integers(width - part_width + 1)),
            "height": part_height,
            "width": part_width,
            "seed": int(rng.integers(_MOST_SEEDS)),
        }

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Covers the part."""
        top, left = parameters["top"], parameters["left"]
        erased = image.copy()
        part = erased[top : top + parameters["height"], left : left + parameters["width"]]
        if self.fill == "noise":
            part[:] = seeded(parameters["seed"]).integers(0, 256, part.shape, dtype=np.uint8)
        else:
            part[:] = np.rint(image.mean(axis=(0, 1))) if self.fill == "mean" else 0
        return erased


@functools.cache
def _normal_quantiles() -> npt.NDArray[np.float32]:
    """The normal distribution in 65,536 equally likely values."""
    from scipy.special import ndtri

    return np.asarray(ndtri((np.arange(2**16) + 0.5) / 2**16), np.float32)
