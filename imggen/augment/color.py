"""Augmentations that change colours, whatever is around each pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, final

import numpy as np
import numpy.typing as npt

from imggen.augment.builtin import SingleOp
from imggen.augment.operations import ColorMatrixOp, LookupTableOp, Parameters
from imggen.augment.options import Interval, Number, Span, WholeSpan
from imggen.augment.resample import Matrix

# The share of red, green and blue in grey, ITU-R 601-2, as Pillow's "L" has it.
_LUMA = np.array([0.299, 0.587, 0.114])
# The matrix that changes nothing.
_SAME = np.eye(3, 4)
# Of hue: what stays, what turns with the cosine of the angle, and what with the sine.
_HUE_GREY = np.tile([0.213, 0.715, 0.072], (3, 1))
_HUE_COSINE = np.eye(3) - _HUE_GREY
_HUE_SINE = np.array([[-0.213, -0.715, 0.928], [0.143, 0.140, -0.283], [-0.787, 0.715, 0.072]])


@final
@dataclass(frozen=True)
class RandomBrightness(SingleOp, ColorMatrixOp):
    """Multiplies all values.

    Attributes:
        factor: (low, high); 0 is black, 1 changes nothing.
        p: The share of images that are changed, 0 to 1.

    Source: ``brightness_range`` of Keras's ``ImageDataGenerator``; Pillow's
    ``ImageEnhance.Brightness``.

    Example:
        >>> brighter = RandomBrightness((1.5, 1.5))
        >>> brighter(np.array([[[10, 100, 200]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[15, 150, 255]]]
    """

    factor: Annotated[Interval, Span(0, 10, "as a factor")] = (0.8, 1.2)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the factor."""
        del size
        return {"factor": rng.uniform(*self.factor)}

    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """Blends with black."""
        del mean
        return float(parameters["factor"]) * _SAME


@final
@dataclass(frozen=True)
class RandomContrast(SingleOp, ColorMatrixOp):
    """Moves all values away from the mean grey of the image, or towards it.

    Attributes:
        factor: (low, high); 0 is grey all over, 1 changes nothing.
        p: The share of images that are changed, 0 to 1.

    Source: Pillow's ``ImageEnhance.Contrast``.

    Example:
        >>> flat = RandomContrast((0, 0))
        >>> flat(np.array([[[0], [100]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[50], [50]]]
    """

    factor: Annotated[Interval, Span(0, 10, "as a factor")] = (0.8, 1.2)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the factor."""
        del size
        return {"factor": rng.uniform(*self.factor)}

    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """Blends with the mean grey."""
        factor = float(parameters["factor"])
        matrix = factor * _SAME
        matrix[:, 3] = (1 - factor) * (_LUMA @ mean)
        return matrix


@final
@dataclass(frozen=True)
class RandomSaturation(SingleOp, ColorMatrixOp):
    """Makes colours stronger or paler; grey images stay as they are.

    Attributes:
        factor: (low, high); 0 is grey, 1 changes nothing.
        p: The share of images that are changed, 0 to 1.

    Source: Pillow's ``ImageEnhance.Color``.

    Example:
        >>> pale = RandomSaturation((0, 0))
        >>> pale(np.array([[[255, 0, 0]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[76, 76, 76]]]
    """

    factor: Annotated[Interval, Span(0, 10, "as a factor")] = (0.7, 1.3)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the factor."""
        del size
        return {"factor": rng.uniform(*self.factor)}

    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """Blends with each pixel's own grey."""
        del mean
        factor = float(parameters["factor"])
        matrix = factor * _SAME
        matrix[:, :3] += (1 - factor) * _LUMA
        return matrix


@final
@dataclass(frozen=True)
class RandomHue(SingleOp, ColorMatrixOp):
    """Turns colours about grey, keeping how bright they are; grey images stay as they are.

    Attributes:
        degrees: (low, high) of the angle on the colour circle: about 120 makes green of red.
        p: The share of images that are changed, 0 to 1.

    Source: ``hue-rotate`` of the W3C's Filter Effects Module, a matrix. (In HSV, as other packages
    turn it, red and blue become far brighter when they turn yellow.)

    Example:
        >>> turn = RandomHue((180, 180))
        >>> turn(np.array([[[90, 90, 90]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[90, 90, 90]]]
    """

    degrees: Annotated[Interval, Span(-180, 180, "degrees")] = (-10.0, 10.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the angle."""
        del size
        return {"degrees": rng.uniform(*self.degrees)}

    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """The matrix of feColorMatrix, type hueRotate."""
        del mean
        angle = math.radians(parameters["degrees"])
        matrix = np.zeros((3, 4))
        matrix[:, :3] = _HUE_GREY + math.cos(angle) * _HUE_COSINE + math.sin(angle) * _HUE_SINE
        return matrix


@final
@dataclass(frozen=True)
class RandomChannelShift(SingleOp, ColorMatrixOp):
    """Adds the same to all values.

    Attributes:
        shift: (low, high), in grey levels.
        p: The share of images that are changed, 0 to 1.

    Source: ``channel_shift_range`` of Keras's ``ImageDataGenerator``, which adds one number to all
    channels too.

    Example:
        >>> lighter = RandomChannelShift((30, 30))
        >>> lighter(np.array([[[0, 100, 250]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[30, 130, 255]]]
    """

    shift: Annotated[Interval, Span(-255, 255, "grey levels")] = (-20.0, 20.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the number to add."""
        del size
        return {"shift": rng.uniform(*self.shift)}

    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """Adds."""
        del mean
        matrix = _SAME.copy()
        matrix[:, 3] = parameters["shift"]
        return matrix


@final
@dataclass(frozen=True)
class RandomGamma(SingleOp, LookupTableOp):
    """Lightens or darkens the middle tones, and leaves black and white.

    Attributes:
        gamma: (low, high) of the exponent of values from 0 to 1: below 1 is lighter.
        p: The share of images that are changed, 0 to 1.

    Source: the power law of ``skimage.exposure.adjust_gamma``.

    Example:
        >>> lighter = RandomGamma((0.5, 0.5))
        >>> lighter(np.array([[[0, 64, 255]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[0, 128, 255]]]
    """

    gamma: Annotated[Interval, Span(0, 10, "as an exponent", above=True)] = (0.8, 1.25)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the exponent, 2 as likely as 1/2."""
        del size
        return {"gamma": math.exp(rng.uniform(math.log(self.gamma[0]), math.log(self.gamma[1])))}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The power law."""
        del image
        values = np.arange(256) / 255
        return np.rint(255 * values ** float(parameters["gamma"])).astype(np.uint8)


@final
@dataclass(frozen=True)
class RandomPosterization(SingleOp, LookupTableOp):
    """Keeps the highest bits of each value.

    Attributes:
        bits: (low, high) of how many bits are kept, whole numbers from 1 to 8.
        p: The share of images that are changed, 0 to 1.

    Source: Pillow's ``ImageOps.posterize``.

    Example:
        >>> coarse = RandomPosterization((1, 1), p=1.0)
        >>> coarse(np.array([[[100, 127, 200]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[0, 0, 128]]]
    """

    bits: Annotated[Interval, WholeSpan(1, 8, "whole bits")] = (3, 6)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the number of bits."""
        del size
        low, high = self.bits
        return {"bits": int(rng.integers(int(low), int(high), endpoint=True))}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Clears the other bits."""
        del image
        return np.arange(256, dtype=np.uint8) & np.uint8(256 - (1 << 8 - parameters["bits"]))


@final
@dataclass(frozen=True)
class RandomSolarization(SingleOp, LookupTableOp):
    """Inverts all values from a threshold on.

    Attributes:
        threshold: (low, high) in grey levels: 256 changes nothing, 0 inverts all.
        p: The share of images that are changed, 0 to 1.

    Source: Pillow's ``ImageOps.solarize``.

    Example:
        >>> glare = RandomSolarization((128, 128))
        >>> glare(np.array([[[100, 128, 255]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[100, 127, 0]]]
    """

    threshold: Annotated[Interval, Span(0, 256, "grey levels")] = (128.0, 256.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the threshold."""
        del size
        return {"threshold": rng.uniform(*self.threshold)}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Inverts the upper values."""
        del image
        values = np.arange(256)
        return np.where(values < parameters["threshold"], values, 255 - values).astype(np.uint8)


@final
@dataclass(frozen=True)
class AutoContrast(SingleOp, LookupTableOp):
    """Stretches each channel from black to white.

    Attributes:
        cutoff: The share of the darkest and of the lightest pixels that may be lost, in percent.
        p: The share of images that are changed, 0 to 1.

    Source: Pillow's ``ImageOps.autocontrast``.

    Example:
        >>> image = np.array([[[50], [100], [150]]], np.uint8)
        >>> AutoContrast()(image, np.random.default_rng(0))[0, :, 0].tolist()
        [0, 127, 255]
    """

    cutoff: Annotated[float, Number(0, 49, "percent")] = 0.0

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws nothing: the image decides."""
        del size, rng
        return {"cutoff": self.cutoff}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """A straight line for each channel."""
        tables = [_stretched(histogram, parameters["cutoff"]) for histogram in _histograms(image)]
        return np.stack(tables, axis=1)


@final
@dataclass(frozen=True)
class Equalization(SingleOp, LookupTableOp):
    """Makes all values of each channel about equally frequent.

    Attributes:
        p: The share of images that are changed, 0 to 1.

    Source: Pillow's ``ImageOps.equalize``.

    Example:
        >>> image = np.repeat(np.arange(10, 14, dtype=np.uint8), 85).reshape(4, 85, 1)
        >>> Equalization()(image, np.random.default_rng(0))[:, 0, 0].tolist()
        [0, 85, 170, 255]
    """

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws nothing: the image decides."""
        del size, rng
        return {}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The share of smaller values, for each channel."""
        del parameters
        return np.stack([_equalized(histogram) for histogram in _histograms(image)], axis=1)


@final
@dataclass(frozen=True)
class Inversion(SingleOp, LookupTableOp):
    """Turns dark into light.

    Attributes:
        p: The share of images that are changed, 0 to 1.

    Source: ``keras.layers.RandomInvert``; Pillow's ``ImageOps.invert``.

    Example:
        >>> Inversion()(np.array([[[0, 1, 255]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[255, 254, 0]]]
    """

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws nothing."""
        del size, rng
        return {}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """255 less each value."""
        del parameters, image
        return np.arange(255, -1, -1, dtype=np.uint8)


def _histograms(image: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.int64]]:
    import cv2

    return [
        cv2.calcHist([image], [channel], None, [256], [0, 256]).ravel().astype(np.int64)
        for channel in range(image.shape[2])
    ]


def _stretched(histogram: npt.NDArray[np.int64], cutoff: float) -> npt.NDArray[np.uint8]:
    lost = int(histogram.sum() * cutoff // 100)
    running = np.cumsum(histogram)
    low = int(np.searchsorted(running, lost, side="right"))
    high = 255 - int(np.searchsorted(np.cumsum(histogram[::-1]), lost, side="right"))
    values = np.arange(256)
    if high <= low:
        return values.astype(np.uint8)
    scale = 255.0 / (high - low)
    stretched = np.trunc(values * scale - low * scale)
    return np.asarray(stretched.clip(0, 255), np.uint8)


def _equalized(histogram: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    present = histogram[histogram > 0]
    step = int(present[:-1].sum()) // 255
    if len(present) <= 1 or step == 0:
        return np.arange(256, dtype=np.uint8)
    before = np.cumsum(histogram) - histogram
    return np.asarray(((step // 2 + before) // step).clip(0, 255), np.uint8)
