"""Augmentations that apply randomly chosen operations: RandAugment, TrivialAugment, AugMix."""

from __future__ import annotations

import functools
import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar, final

import numpy as np
import numpy.typing as npt

from imggen.augment.builtin import BuiltIn, SingleOp
from imggen.augment.color import (
    AutoContrast,
    Equalization,
    RandomBrightness,
    RandomContrast,
    RandomPosterization,
    RandomSaturation,
    RandomSolarization,
)
from imggen.augment.execution import apply_operations
from imggen.augment.geometry import RandomRotation, RandomShear, RandomTranslation
from imggen.augment.operations import FilterOp, Operation, Parameters
from imggen.augment.options import NumberBounds, Probability, WholeBounds, check_options
from imggen.augment.resampling import FillOption
from imggen.augment.sample import Sample
from imggen.augment.texture import RandomSharpness

_MAX_MAGNITUDE = 30


@dataclass(frozen=True, eq=False)  # hashed for each sample, by identity
class _Limits:
    """The limits of each operation at full strength."""

    shear: float  # the tangent of the angle
    translation: float  # a fraction of the side
    rotation: float  # degrees
    enhancement: float  # the maximum difference of a factor from 1
    min_bits: int


# As in torchvision's classes of these names, where 150 of 331 and 32 of 224 pixels are the maximum
# shifts.
_RANDAUGMENT = _Limits(0.3, 150 / 331, 30.0, 0.9, 4)
_TRIVIALAUGMENT = _Limits(0.99, 32 / 224, 135.0, 0.99, 2)

# Returns the parameters of an operation for a strength, 0 to 1, and a sign.
_MakeParameters = Callable[[float, int], Parameters]
# The operations to choose from; None is the identity.
_Choices = tuple[tuple[SingleOp, _MakeParameters] | None, ...]


@functools.cache
def _choices(limits: _Limits, fill_mode: FillOption, *, colors: bool = True) -> _Choices:
    """Returns the operations to choose from."""

    def enhance(strength: float, sign: int) -> Parameters:
        return {"factor": 1 + sign * strength * limits.enhancement}

    def shear_angle(strength: float, sign: int) -> float:
        return math.degrees(math.atan(sign * strength * limits.shear))

    shear = RandomShear(fill_mode=fill_mode)
    translation = RandomTranslation(fill_mode=fill_mode)
    rotation = RandomRotation(fill_mode=fill_mode)
    without_colors: _Choices = (
        (shear, lambda strength, sign: {"x": shear_angle(strength, sign), "y": 0.0}),
        (shear, lambda strength, sign: {"x": 0.0, "y": shear_angle(strength, sign)}),
        (
            translation,
            lambda strength, sign: {"height": 0.0, "width": sign * strength * limits.translation},
        ),
        (
            translation,
            lambda strength, sign: {"height": sign * strength * limits.translation, "width": 0.0},
        ),
        (rotation, lambda strength, sign: {"degrees": sign * strength * limits.rotation}),
        (
            RandomPosterization(),
            lambda strength, _: {"bits": 8 - round(strength * (8 - limits.min_bits))},
        ),
        (RandomSolarization(), lambda strength, _: {"threshold": 256 * (1 - strength)}),
        (AutoContrast(), lambda *_: {"cutoff": 0.0}),
        (Equalization(), lambda *_: {}),
    )
    if not colors:
        return without_colors
    return (
        None,
        *without_colors,
        (RandomBrightness(), enhance),
        (RandomContrast(), enhance),
        (RandomSaturation(), enhance),
        (RandomSharpness(), enhance),
    )


def _choose(choices: _Choices, strength: float, rng: np.random.Generator) -> list[Operation]:
    """Chooses one operation; an empty list for the identity."""
    choice = choices[int(rng.integers(len(choices)))]
    sign = 1 if rng.random() < 0.5 else -1
    if choice is None:
        return []
    op, make_parameters = choice
    return [Operation(op, make_parameters(strength, sign))]


class _ChoosingAugmentation(BuiltIn):
    """Applies randomly chosen operations, with probability ``p``."""

    # Not a dataclass: its fields would precede those of the subclasses, also in their repr.
    fill_mode: FillOption
    p: float

    _limits: ClassVar[_Limits]

    def __post_init__(self) -> None:
        check_options(self)

    def draw_operations(
        self, size: tuple[int, int], rng: np.random.Generator
    ) -> list[Operation] | None:
        """Chooses operations, with probability ``p``."""
        del size
        if rng.random() >= self.p:
            return None
        return self._choose(_choices(self._limits, self.fill_mode), rng)

    @abstractmethod
    def _choose(self, choices: _Choices, rng: np.random.Generator) -> list[Operation]:
        """Chooses operations and their strengths."""


@final
@dataclass(frozen=True)
class RandAugment(_ChoosingAugmentation):
    """Applies a few operations of the same strength, chosen at random for each image.

    The operations are: identity, shear and translation in either direction, rotation, brightness,
    contrast, saturation, sharpness, posterization, solarization, autocontrast and equalization. At
    full strength, shears have a tangent of 0.3, translations are 45 % of the side, rotations 30
    degrees, factors 0.1 or 1.9; posterization keeps 4 bits, and solarization inverts all values.

    Attributes:
        num_ops: The number of operations, 1 to 14. The same operation may be chosen repeatedly.
        magnitude: The strength of the operations, 0 to 30.
        fill_mode: How to fill the area outside the image: "reflect", "nearest", "constant" (black)
            or "wrap", as in ``scipy.ndimage``; or "auto": the mean color of the image for samples
            with boxes or keypoints, as a mirrored object would have none, else "reflect".
        p: The probability that an image is changed, 0 to 1.

    Source: Cubuk et al., "RandAugment", 2019; the operations of torchvision's ``RandAugment``.

    Example:
        >>> image = np.zeros((8, 8, 3), np.uint8)
        >>> RandAugment(magnitude=5)(image, np.random.default_rng(0)).shape
        (8, 8, 3)
    """

    num_ops: Annotated[int, WholeBounds(1, 14)] = 2
    magnitude: Annotated[float, NumberBounds(0, _MAX_MAGNITUDE)] = 9.0
    _: KW_ONLY
    fill_mode: FillOption = "auto"
    p: Probability = 1.0

    _limits = _RANDAUGMENT

    def _choose(self, choices: _Choices, rng: np.random.Generator) -> list[Operation]:
        strength = self.magnitude / _MAX_MAGNITUDE
        return [
            operation for _ in range(self.num_ops) for operation in _choose(choices, strength, rng)
        ]


@final
@dataclass(frozen=True)
class TrivialAugment(_ChoosingAugmentation):
    """Applies one operation of random strength, chosen at random for each image; needs no tuning.

    The operations are those of ``RandAugment``. At full strength, shears have a tangent of 0.99,
    translations are 14 % of the side, rotations 135 degrees, factors 0.01 or 1.99; posterization
    keeps 2 bits, and solarization inverts all values.

    Attributes:
        fill_mode: How to fill the area outside the image: "reflect", "nearest", "constant" (black)
            or "wrap", as in ``scipy.ndimage``; or "auto": the mean color of the image for samples
            with boxes or keypoints, as a mirrored object would have none, else "reflect".
        p: The probability that an image is changed, 0 to 1.

    Source: Müller and Hutter, "TrivialAugment", 2021; torchvision's ``TrivialAugmentWide``.

    Example:
        >>> image = np.zeros((8, 8, 3), np.uint8)
        >>> TrivialAugment()(image, np.random.default_rng(0)).shape
        (8, 8, 3)
    """

    _: KW_ONLY
    fill_mode: FillOption = "auto"
    p: Probability = 1.0

    _limits = _TRIVIALAUGMENT

    def _choose(self, choices: _Choices, rng: np.random.Generator) -> list[Operation]:
        return _choose(choices, rng.random(), rng)


@final
@dataclass(frozen=True)
class AugMix(SingleOp, FilterOp):
    """Blends an image with copies of itself, each changed by a chain of random operations.

    The operations are those of ``RandAugment`` without brightness, contrast, saturation and
    sharpness, which serve to measure robustness. Each has a random strength up to ``severity``.
    Since copies are moved before they are blended, masks, boxes and keypoints cannot follow.

    Attributes:
        severity: The maximum strength of operations, 0 to 10.
        num_chains: The number of copies to blend, 1 to 10.
        chain_length: The maximum number of operations per copy, 1 to 10; the minimum is 1.
        alpha: The parameter of the Dirichlet and Beta distributions of the weights, above 0 and at
            most 100: the higher, the more evenly copies are blended.
        fill_mode: How to fill the area outside the image: "reflect", "nearest", "constant" (black)
            or "wrap", as in ``scipy.ndimage``; "auto" is "reflect".
        p: The probability that an image is changed, 0 to 1.

    Source: Hendrycks et al., "AugMix", 2019; ``keras.layers.AugMix``.

    Example:
        >>> image = np.full((8, 8, 3), 77, np.uint8)
        >>> AugMix()(image, np.random.default_rng(0)).shape
        (8, 8, 3)
    """

    severity: Annotated[float, NumberBounds(0, 10)] = 3.0
    num_chains: Annotated[int, WholeBounds(1, 10)] = 3
    chain_length: Annotated[int, WholeBounds(1, 10)] = 3
    alpha: Annotated[float, NumberBounds(0, 100, exclusive=True)] = 1.0
    _: KW_ONLY
    fill_mode: FillOption = "auto"

    moves_pixels: ClassVar[bool] = True

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the chains, their weights, and the total weight of the copies."""
        del size
        choices = _choices(_RANDAUGMENT, self.fill_mode, colors=False)
        weights = rng.dirichlet([self.alpha] * self.num_chains)
        return {
            "weights": weights.tolist(),
            "share": float(rng.beta(self.alpha, self.alpha)),
            "chains": [
                [
                    operation
                    for _ in range(int(rng.integers(1, self.chain_length, endpoint=True)))
                    for operation in _choose(choices, self.severity / 10 * rng.random(), rng)
                ]
                for _ in range(self.num_chains)
            ],
        }

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Blends the image with its copies."""
        share = parameters["share"]
        blend = (1 - share) * image.astype(np.float32)
        for weight, chain in zip(parameters["weights"], parameters["chains"], strict=True):
            blend += np.float32(share * weight) * apply_operations(chain, Sample(image)).image
        return np.asarray(np.rint(blend).clip(0, 255), np.uint8)
