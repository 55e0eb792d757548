"""Augmentations of texture: blur, sharpness, noise, JPEG artifacts and erased regions."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, final

import numpy as np
import numpy.typing as npt

from imggen.augment.builtin import SingleOp
from imggen.augment.operations import FilterOp, Parameters
from imggen.augment.options import Range, RangeBounds, span
from imggen.core import seeded

# A region that does not fit into the image is redrawn up to this many times.
_MAX_TRIES = 10
_NUM_SEEDS = 2**32
_SMOOTHING = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


@final
@dataclass(frozen=True)
class RandomGaussianBlur(SingleOp, FilterOp):
    """Blurs images with a Gaussian filter.

    Attributes:
        sigma: (low, high) of the standard deviation of the Gaussian, in pixels, 0 to 50.
        p: The probability that an image is changed, 0 to 1.

    Source: ``scipy.ndimage.gaussian_filter(mode="mirror", truncate=4)``, within 1 gray
    level on photographs and 3 on noise, because OpenCV's weights have 8 bits.

    Example:
        >>> point = np.zeros((5, 5, 1), np.uint8)
        >>> point[2, 2] = 255
        >>> bool(39 < RandomGaussianBlur((1, 1))(point, np.random.default_rng(0))[2, 2, 0] < 42)
        True
    """

    sigma: Annotated[Range, RangeBounds(0, 50, "pixels")] = span(0.1, 2.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the standard deviation."""
        del size
        low, high = self.sigma
        return {"sigma": low + (high - low) * rng.random()}

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Blurs an image."""
        import cv2

        sigma = parameters["sigma"]
        side = 2 * int(4 * sigma + 0.5) + 1
        if side == 1:
            return image
        blurred: Any = cv2.GaussianBlur(
            image, (side, side), sigma, borderType=cv2.BORDER_REFLECT_101
        )
        return np.asarray(blurred).reshape(image.shape)


@final
@dataclass(frozen=True)
class RandomSharpness(SingleOp, FilterOp):
    """Sharpens images, or smooths them slightly.

    Attributes:
        factor: (low, high) of the factor, 0 to 10: 0 smooths, 1 changes nothing, 2 sharpens.
        p: The probability that an image is changed, 0 to 1.

    Source: Pillow's ``ImageEnhance.Sharpness``, within 1 gray level.

    Example:
        >>> image = np.full((3, 3, 1), 100, np.uint8)
        >>> image[1, 1] = 113
        >>> RandomSharpness((2, 2))(image, np.random.default_rng(0))[1, 1, 0].item()
        121
    """

    factor: Annotated[Range, RangeBounds(0, 10, "as a factor")] = span(0.5, 2.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the factor."""
        del size
        low, high = self.factor
        return {"factor": low + (high - low) * rng.random()}

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Blends with a smoothed copy."""
        import cv2

        if min(image.shape[:2]) < 3:
            return image
        smooth: Any = cv2.filter2D(image, -1, _SMOOTHING).reshape(image.shape)
        # Pillow does not change the outermost pixels.
        smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1] = (
            image[0],
            image[-1],
            image[:, 0],
            image[:, -1],
        )
        factor = parameters["factor"]
        blended: Any = cv2.addWeighted(image, factor, smooth, 1 - factor, 0)
        return np.asarray(blended).reshape(image.shape)


@final
@dataclass(frozen=True)
class RandomGaussianNoise(SingleOp, FilterOp):
    """Adds independent Gaussian noise to each value.

    Attributes:
        std: (low, high) of the standard deviation of the noise, in gray levels, 0 to 255.
        p: The probability that an image is changed, 0 to 1.

    Source: ``keras.layers.GaussianNoise``. The normal distribution is truncated at 4.4
    standard deviations.

    Example:
        >>> noisy = RandomGaussianNoise((20, 20))
        >>> gray = np.full((100, 100, 1), 128, np.uint8)
        >>> round(float(noisy(gray, np.random.default_rng(0)).std()))
        20
    """

    std: Annotated[Range, RangeBounds(0, 255, "gray levels")] = span(0.0, 10.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the standard deviation, and the seed of the noise."""
        del size
        low, high = self.std
        std = low + (high - low) * rng.random()
        return {"std": std, "seed": int(rng.integers(_NUM_SEEDS))}

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Adds noise and clips."""
        import cv2

        # Looking up rounded noise by 16 random bits is several times faster than drawing a normal
        # number per value.
        bits = seeded(parameters["seed"]).integers(0, 2**16, image.shape, dtype=np.uint16)
        quantiles = _normal_quantiles()
        is_small = image.size < quantiles.size  # then the table takes longer than the pixels
        chosen = quantiles.take(bits, mode="clip") if is_small else quantiles
        noise = np.rint(parameters["std"] * chosen).astype(np.int16)
        noise = noise if is_small else noise.take(bits, mode="clip")
        noisy: Any = cv2.add(image, noise, dtype=cv2.CV_8U)
        return np.asarray(noisy).reshape(image.shape)


# The longest side of a JPEG file, 65,500 pixels, as whole blocks of 16.
_MAX_JPEG_SIDE = 65488


@final
@dataclass(frozen=True)
class RandomJPEG(SingleOp, FilterOp):
    """Adds JPEG artifacts: compresses images and decodes them again.

    Attributes:
        quality: (low, high) of the JPEG quality of libjpeg, 1 to 100; drawn as a whole number.
        p: The probability that an image is changed, 0 to 1.

    Source: OpenCV's ``imencode``, which halves the resolution of colors (4:2:0).

    Example:
        >>> image = np.full((16, 16, 3), 100, np.uint8)
        >>> RandomJPEG((90, 90))(image, np.random.default_rng(0)).shape
        (16, 16, 3)
    """

    quality: Annotated[Range, RangeBounds(1, 100, "JPEG quality")] = span(40, 95)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the quality."""
        del size
        low, high = self.quality
        return {"quality": int(rng.integers(round(low), round(high), endpoint=True))}

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Encodes and decodes an image."""
        import cv2

        for axis in (0, 1):
            if image.shape[axis] > _MAX_JPEG_SIDE:
                # Blocks of pixels are compressed separately, so that these parts do not show.
                bounds = range(_MAX_JPEG_SIDE, image.shape[axis], _MAX_JPEG_SIDE)
                parts = np.split(image, bounds, axis)
                return np.concatenate([self.apply(part, parameters) for part in parts], axis)
        is_gray = image.shape[2] == 1
        settings = [cv2.IMWRITE_JPEG_QUALITY, parameters["quality"]]
        bgr = image if is_gray else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, settings)
        decoded = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if is_gray else cv2.IMREAD_COLOR_RGB)
        return np.asarray(decoded, np.uint8).reshape(image.shape)


@final
@dataclass(frozen=True)
class RandomErasing(SingleOp, FilterOp):
    """Covers a random rectangle of the image. Masks are not erased.

    Attributes:
        scale: (low, high) of the area of the rectangle, as a fraction of the image's area, above 0
            and at most 1.
        ratio: (low, high) of the aspect ratio of the rectangle, width over height, 1e-4 to 1e4.
        fill: "noise" for a random color per pixel, "mean" for the mean color of the image, or
            "black".
        p: The probability that an image is changed, 0 to 1.

    Source: Zhong et al., "Random Erasing Data Augmentation", 2017; ``keras.layers.RandomErasing``.

    Example:
        >>> erasing = RandomErasing(scale=(0.25, 0.25), ratio=(1, 1), fill="black", p=1.0)
        >>> image = np.full((8, 8, 1), 255, np.uint8)
        >>> int((erasing(image, np.random.default_rng(0)) == 0).sum())
        16
    """

    scale: Annotated[Range, RangeBounds(0, 1, exclusive=True)] = span(0.02, 0.25)
    ratio: Annotated[Range, RangeBounds(1e-4, 1e4)] = span(0.3, 3.3)
    fill: Literal["noise", "mean", "black"] = "noise"

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the rectangle, in pixels, and the seed of the noise."""
        height, width = size
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        least, most = self.scale
        rect_height = rect_width = 0
        for _ in range(_MAX_TRIES):
            area = height * width * (least + (most - least) * rng.random())
            ratio = math.exp(low + (high - low) * rng.random())
            rect_height = round(math.sqrt(area / ratio)) or 1
            rect_width = round(math.sqrt(area * ratio)) or 1
            if rect_height <= height and rect_width <= width:
                break
        rect_height, rect_width = min(rect_height, height), min(rect_width, width)
        return {
            "top": int(rng.integers(height - rect_height + 1)),
            "left": int(rng.integers(width - rect_width + 1)),
            "height": rect_height,
            "width": rect_width,
            "seed": int(rng.integers(_NUM_SEEDS)),
        }

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Covers the rectangle."""
        top, left = parameters["top"], parameters["left"]
        erased = image.copy()
        rectangle = erased[top : top + parameters["height"], left : left + parameters["width"]]
        if self.fill == "noise":
            noise = seeded(parameters["seed"]).integers(0, 256, rectangle.shape, dtype=np.uint8)
            rectangle[:] = noise
        else:
            rectangle[:] = np.rint(image.mean(axis=(0, 1))) if self.fill == "mean" else 0
        return erased


@functools.cache
def _normal_quantiles() -> npt.NDArray[np.float32]:
    """Returns the normal distribution as 65,536 equally likely values."""
    from scipy.special import ndtri

    return np.asarray(ndtri((np.arange(2**16) + 0.5) / 2**16), np.float32)
