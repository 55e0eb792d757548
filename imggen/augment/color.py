"""Augmentations that change the color of each pixel, independently of its neighbors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, final

import numpy as np
import numpy.typing as npt

from imggen.augment.builtin import SingleOp
from imggen.augment.histograms import equalize_histograms, stretch_histograms
from imggen.augment.operations import ColorMatrixOp, LookupTableOp, Parameters
from imggen.augment.options import NumberBounds, Range, RangeBounds, Signed, WholeRangeBounds, span
from imggen.augment.resampling import Matrix

# The weights of red, green and blue in gray, ITU-R 601-2, as in Pillow's mode "L".
_LUMA = np.array([0.299, 0.587, 0.114])
_IDENTITY = np.eye(3, 4)
# The matrix of a hue rotation: its constant part, and the factors of cosine and sine of the angle.
_HUE_GRAY = np.tile([0.213, 0.715, 0.072, 0.0], (3, 1))
_HUE_COSINE = _IDENTITY - _HUE_GRAY
_HUE_SINE = np.array(
    [[-0.213, -0.715, 0.928, 0.0], [0.143, 0.140, -0.283, 0.0], [-0.787, 0.715, 0.072, 0.0]]
)
_VALUES = np.arange(256, dtype=np.uint8)
_UNIT_VALUES = np.arange(256) / 255


@final
@dataclass(frozen=True)
class RandomBrightness(SingleOp, ColorMatrixOp):
    """Changes brightness: multiplies all values by a factor.

    Attributes:
        factor: (low, high) of the factor, 0 to 10: 0 makes images black, 1 leaves them unchanged.
        p: The probability that an image is changed, 0 to 1.

    Source: ``brightness_range`` of Keras's ``ImageDataGenerator``; Pillow's
    ``ImageEnhance.Brightness``.

    Example:
        >>> brighter = RandomBrightness((1.5, 1.5))
        >>> brighter(np.array([[[10, 100, 200]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[15, 150, 255]]]
    """

    factor: Annotated[Range, RangeBounds(0, 10, "as a factor")] = span(0.8, 1.2)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the factor."""
        del size
        low, high = self.factor
        return {"factor": low + (high - low) * rng.random()}

    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """Returns the matrix that blends with black."""
        del mean
        return float(parameters["factor"]) * _IDENTITY


@final
@dataclass(frozen=True)
class RandomContrast(SingleOp, ColorMatrixOp):
    """Changes contrast: scales the distance of all values from the image's mean gray level.

    Attributes:
        factor: (low, high) of the factor, 0 to 10: 0 makes images uniformly gray, 1 leaves them
            unchanged.
        p: The probability that an image is changed, 0 to 1.

    Source: Pillow's ``ImageEnhance.Contrast``.

    Example:
        >>> flat = RandomContrast((0, 0))
        >>> flat(np.array([[[0], [100]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[50], [50]]]
    """

    factor: Annotated[Range, RangeBounds(0, 10, "as a factor")] = span(0.8, 1.2)

    uses_mean: ClassVar[bool] = True

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the factor."""
        del size
        low, high = self.factor
        return {"factor": low + (high - low) * rng.random()}

    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """Returns the matrix that blends with the mean gray level."""
        factor = float(parameters["factor"])
        matrix = factor * _IDENTITY
        matrix[:, 3] = (1 - factor) * (_LUMA @ mean)
        return matrix


@final
@dataclass(frozen=True)
class RandomSaturation(SingleOp, ColorMatrixOp):
    """Changes saturation: makes colors stronger or paler. Gray images do not change.

    Attributes:
        factor: (low, high) of the factor, 0 to 10: 0 makes images gray, 1 leaves them unchanged.
        p: The probability that an image is changed, 0 to 1.

    Source: Pillow's ``ImageEnhance.Color``.

    Example:
        >>> pale = RandomSaturation((0, 0))
        >>> pale(np.array([[[255, 0, 0]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[76, 76, 76]]]
    """

    factor: Annotated[Range, RangeBounds(0, 10, "as a factor")] = span(0.7, 1.3)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the factor."""
        del size
        low, high = self.factor
        return {"factor": low + (high - low) * rng.random()}

    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """Returns the matrix that blends with each pixel's gray level."""
        del mean
        factor = float(parameters["factor"])
        matrix = factor * _IDENTITY
        matrix[:, :3] += (1 - factor) * _LUMA
        return matrix


@final
@dataclass(frozen=True)
class RandomHue(SingleOp, ColorMatrixOp):
    """Rotates the hue and keeps the luminance. Gray images do not change.

    Attributes:
        degrees: (low, high) of the angle on the color wheel in degrees, -180 to 180; about 120
            turns red into green. A number stands for (-number, number).
        p: The probability that an image is changed, 0 to 1.

    Source: ``hue-rotate`` of the W3C's Filter Effects Module, a matrix. (A rotation in HSV, as in
    other packages, makes red and blue far brighter when they become yellow.)

    Example:
        >>> hue = RandomHue((180, 180))
        >>> hue(np.array([[[90, 90, 90]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[90, 90, 90]]]
    """

    degrees: Annotated[Signed, RangeBounds(-180, 180, "degrees")] = span(-10.0, 10.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the angle."""
        del size
        low, high = self.degrees
        return {"degrees": low + (high - low) * rng.random()}

    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """Returns the matrix of feColorMatrix, type hueRotate."""
        del mean
        angle = math.radians(parameters["degrees"])
        matrix: Matrix = _HUE_GRAY + math.cos(angle) * _HUE_COSINE + math.sin(angle) * _HUE_SINE
        return matrix


@final
@dataclass(frozen=True)
class RandomChannelShift(SingleOp, ColorMatrixOp):
    """Adds the same number to all values.

    Attributes:
        shift: (low, high) of the number, in gray levels, -255 to 255. A number stands for (-number,
            number).
        p: The probability that an image is changed, 0 to 1.

    Source: ``channel_shift_range`` of Keras's ``ImageDataGenerator``, which also adds one number to
    all channels.

    Example:
        >>> lighter = RandomChannelShift((30, 30))
        >>> lighter(np.array([[[0, 100, 250]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[30, 130, 255]]]
    """

    shift: Annotated[Signed, RangeBounds(-255, 255, "gray levels")] = span(-20.0, 20.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the number to add."""
        del size
        low, high = self.shift
        return {"shift": low + (high - low) * rng.random()}

    def color_matrix(self, parameters: Parameters, mean: npt.NDArray[np.float64]) -> Matrix:
        """Returns the matrix that adds the number."""
        del mean
        matrix = _IDENTITY.copy()
        matrix[:, 3] = parameters["shift"]
        return matrix


@final
@dataclass(frozen=True)
class RandomGamma(SingleOp, LookupTableOp):
    """Lightens or darkens the midtones; keeps black and white.

    Attributes:
        gamma: (low, high) of the exponent, above 0 and at most 10, applied to values scaled to 0 to
            1: below 1 is lighter.
        p: The probability that an image is changed, 0 to 1.

    Source: the power law of ``skimage.exposure.adjust_gamma``.

    Example:
        >>> lighter = RandomGamma((0.5, 0.5))
        >>> lighter(np.array([[[0, 64, 255]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[0, 128, 255]]]
    """

    gamma: Annotated[Range, RangeBounds(0, 10, "exponent", exclusive=True)] = span(0.8, 1.25)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the exponent on a logarithmic scale, so that 2 is as likely as 1/2."""
        del size
        low, high = math.log(self.gamma[0]), math.log(self.gamma[1])
        return {"gamma": math.exp(low + (high - low) * rng.random())}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Returns the table of the power law."""
        del image
        return np.rint(255 * _UNIT_VALUES ** float(parameters["gamma"])).astype(np.uint8)


@final
@dataclass(frozen=True)
class RandomPosterization(SingleOp, LookupTableOp):
    """Reduces the number of bits of each value.

    Attributes:
        bits: (low, high) of the number of most significant bits to keep, whole numbers from 1 to 8.
        p: The probability that an image is changed, 0 to 1.

    Source: Pillow's ``ImageOps.posterize``.

    Example:
        >>> coarse = RandomPosterization((1, 1), p=1.0)
        >>> coarse(np.array([[[100, 127, 200]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[0, 0, 128]]]
    """

    bits: Annotated[Range, WholeRangeBounds(1, 8, "bits")] = span(3, 6)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the number of bits."""
        del size
        low, high = self.bits
        return {"bits": int(rng.integers(int(low), int(high), endpoint=True))}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Returns the table that clears the other bits."""
        del image
        return _VALUES & np.uint8(256 - (1 << 8 - parameters["bits"]))


@final
@dataclass(frozen=True)
class RandomSolarization(SingleOp, LookupTableOp):
    """Inverts all values at or above a threshold.

    Attributes:
        threshold: (low, high) of the threshold, in gray levels, 0 to 256: 256 changes nothing, 0
            inverts all values.
        p: The probability that an image is changed, 0 to 1.

    Source: Pillow's ``ImageOps.solarize``.

    Example:
        >>> solarize = RandomSolarization((128, 128))
        >>> solarize(np.array([[[100, 128, 255]]], np.uint8), np.random.default_rng(0)).tolist()
        [[[100, 127, 0]]]
    """

    threshold: Annotated[Range, RangeBounds(0, 256, "gray levels")] = span(128.0, 256.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the threshold."""
        del size
        low, high = self.threshold
        return {"threshold": low + (high - low) * rng.random()}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Returns the table that inverts the upper values."""
        del image
        inverted = 255 - _VALUES
        num_kept = math.ceil(parameters["threshold"])
        inverted[:num_kept] = _VALUES[:num_kept]
        return inverted


@final
@dataclass(frozen=True)
class AutoContrast(SingleOp, LookupTableOp):
    """Stretches the values of each channel to the full range, 0 to 255.

    Attributes:
        cutoff: The percentage of the darkest and of the lightest pixels to clip, 0 to 49.
        p: The probability that an image is changed, 0 to 1.

    Source: Pillow's ``ImageOps.autocontrast``.

    Example:
        >>> image = np.array([[[50], [100], [150]]], np.uint8)
        >>> AutoContrast()(image, np.random.default_rng(0))[0, :, 0].tolist()
        [0, 127, 255]
    """

    cutoff: Annotated[float, NumberBounds(0, 49, "percent")] = 0.0

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws nothing: the result depends on the image only."""
        del size, rng
        return {"cutoff": self.cutoff}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Returns a linear table for each channel."""
        return stretch_histograms(image, parameters["cutoff"])


@final
@dataclass(frozen=True)
class Equalization(SingleOp, LookupTableOp):
    """Equalizes the histogram of each channel: all values become about equally frequent.

    Attributes:
        p: The probability that an image is changed, 0 to 1.

    Source: Pillow's ``ImageOps.equalize``.

    Example:
        >>> image = np.repeat(np.arange(10, 14, dtype=np.uint8), 85).reshape(4, 85, 1)
        >>> Equalization()(image, np.random.default_rng(0))[:, 0, 0].tolist()
        [0, 85, 170, 255]
    """

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws nothing: the result depends on the image only."""
        del size, rng
        return {}

    def table(self, parameters: Parameters, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Returns the scaled cumulative histogram of each channel."""
        del parameters
        return equalize_histograms(image)


@final
@dataclass(frozen=True)
class Inversion(SingleOp, LookupTableOp):
    """Inverts all values, as in a photographic negative.

    Attributes:
        p: The probability that an image is changed, 0 to 1.

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
        """Returns the table of 255 minus each value."""
        del parameters, image
        return 255 - _VALUES
