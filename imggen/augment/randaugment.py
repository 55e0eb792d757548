"""Augmentations that pick others at random: RandAugment, TrivialAugment, AugMix."""

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
from imggen.augment.geometry import RandomRotation, RandomShear, RandomTranslation
from imggen.augment.operations import FilterOp, Operation, Parameters
from imggen.augment.options import Number, Share, Whole, check_options
from imggen.augment.perform import perform
from imggen.augment.resample import FillMode
from imggen.augment.sample import Sample
from imggen.augment.texture import RandomSharpness

_MOST_MAGNITUDE = 30


@dataclass(frozen=True)
class _Strengths:
    """How far each operation goes at full strength."""

    shear: float  # the tangent of the angle
    translation: float  # a fraction of the side
    rotation: float  # degrees
    enhancement: float  # what is added to a factor of 1, or taken from it
    fewest_bits: int


# Both as in torchvision's classes of these names, where 150 of 331 and 32 of 224 pixels are shifts.
_RANDAUGMENT = _Strengths(0.3, 150 / 331, 30.0, 0.9, 4)
_TRIVIALAUGMENT = _Strengths(0.99, 32 / 224, 135.0, 0.99, 2)

# A strength, 0 to 1, and a sign to the parameters of an operation.
_Make = Callable[[float, int], Parameters]
# What can be picked; None for the identity.
_Choices = tuple[tuple[SingleOp, _Make] | None, ...]


@functools.cache
def _choices(strengths: _Strengths, fill_mode: FillMode, *, colors: bool = True) -> _Choices:
    """The operations, by how far they go."""
    most = strengths

    def enhanced(strength: float, sign: int) -> Parameters:
        return {"factor": 1 + sign * strength * most.enhancement}

    def lean(strength: float, sign: int) -> float:
        return math.degrees(math.atan(sign * strength * most.shear))

    shear = RandomShear(fill_mode=fill_mode)
    shift = RandomTranslation(fill_mode=fill_mode)
    turn = RandomRotation(fill_mode=fill_mode)
    always: _Choices = (
        (shear, lambda strength, sign: {"x": lean(strength, sign), "y": 0.0}),
        (shear, lambda strength, sign: {"x": 0.0, "y": lean(strength, sign)}),
        (
            shift,
            lambda strength, sign: {"height": 0.0, "width": sign * strength * most.translation},
        ),
        (
            shift,
            lambda strength, sign: {"height": sign * strength * most.translation, "width": 0.0},
        ),
        (turn, lambda strength, sign: {"degrees": sign * strength * most.rotation}),
        (
            RandomPosterization(),
            lambda strength, _: {"bits": 8 - round(strength * (8 - most.fewest_bits))},
        ),
        (RandomSolarization(), lambda strength, _: {"threshold": 256 * (1 - strength)}),
        (AutoContrast(), lambda *_: {"cutoff": 0.0}),
        (Equalization(), lambda *_: {}),
    )
    if not colors:
        return always
    return (
        None,
        *always,
        (RandomBrightness(), enhanced),
        (RandomContrast(), enhanced),
        (RandomSaturation(), enhanced),
        (RandomSharpness(), enhanced),
    )


def _picked(choices: _Choices, strength: float, rng: np.random.Generator) -> list[Operation]:
    picked = choices[int(rng.integers(len(choices)))]
    sign = 1 if rng.random() < 0.5 else -1
    if picked is None:
        return []
    kind, make = picked
    return [Operation(kind, make(strength, sign))]


class _Picking(BuiltIn):
    """Picks operations for a share of images."""

    # No dataclass, whose fields would come before those of the classes below, as in their repr.
    fill_mode: FillMode
    p: float

    _strengths: ClassVar[_Strengths]

    def __post_init__(self) -> None:
        check_options(self)

    def draw_operations(
        self, size: tuple[int, int], rng: np.random.Generator
    ) -> list[Operation] | None:
        """Picks operations for a share ``p`` of samples."""
        del size
        if rng.random() >= self.p:
            return None
        return self._pick(_choices(self._strengths, self.fill_mode), rng)

    @abstractmethod
    def _pick(self, choices: _Choices, rng: np.random.Generator) -> list[Operation]:
        """Picks operations and their strengths."""


@final
@dataclass(frozen=True)
class RandAugment(_Picking):
    """Applies a few operations, picked anew for each image, all of the same strength.

    One of: nothing, shear and translation in either direction, rotation, brightness, contrast,
    saturation, sharpness, posterization, solarization, autocontrast, equalization. At full strength
    shears have a tangent of 0.3, translations are 45 % of the side, rotations 30 degrees, and
    factors 0.1 or 1.9; 4 bits are left, and everything is inverted.

    Attributes:
        num_ops: How many are picked, one after the other; the same may come twice.
        magnitude: Their strength, 0 to 30.
        fill_mode: See ``Filling``.
        p: The share of images that are changed, 0 to 1.

    Source: Cubuk et al., "RandAugment", 2019; the operations of torchvision's ``RandAugment``.

    Example:
        >>> image = np.zeros((8, 8, 3), np.uint8)
        >>> RandAugment(magnitude=5)(image, np.random.default_rng(0)).shape
        (8, 8, 3)
    """

    num_ops: Annotated[int, Whole(1, 14)] = 2
    magnitude: Annotated[float, Number(0, _MOST_MAGNITUDE)] = 9.0
    _: KW_ONLY
    fill_mode: FillMode = "reflect"
    p: Share = 1.0

    _strengths = _RANDAUGMENT

    def _pick(self, choices: _Choices, rng: np.random.Generator) -> list[Operation]:
        strength = self.magnitude / _MOST_MAGNITUDE
        return [
            operation for _ in range(self.num_ops) for operation in _picked(choices, strength, rng)
        ]


@final
@dataclass(frozen=True)
class TrivialAugment(_Picking):
    """Applies one operation of random strength, picked anew for each image; nothing to tune.

    The operations are those of ``RandAugment``. At full strength shears have a tangent of 0.99,
    translations are 14 % of the side, rotations 135 degrees, and factors 0.01 or 1.99; 2 bits are
    left, and everything is inverted.

    Attributes:
        fill_mode: See ``Filling``.
        p: The share of images that are changed, 0 to 1.

    Source: Müller and Hutter, "TrivialAugment", 2021; torchvision's ``TrivialAugmentWide``.

    Example:
        >>> image = np.zeros((8, 8, 3), np.uint8)
        >>> TrivialAugment()(image, np.random.default_rng(0)).shape
        (8, 8, 3)
    """

    _: KW_ONLY
    fill_mode: FillMode = "reflect"
    p: Share = 1.0

    _strengths = _TRIVIALAUGMENT

    def _pick(self, choices: _Choices, rng: np.random.Generator) -> list[Operation]:
        return _picked(choices, rng.random(), rng)


@final
@dataclass(frozen=True)
class AugMix(SingleOp, FilterOp):
    """Blends an image with copies of itself, each changed by a chain of operations.

    The operations are those of ``RandAugment`` that change geometry or tone (not brightness,
    contrast, saturation and sharpness, on which robustness is measured), each of a random strength
    up to ``severity``. As moved copies are blended, no mask can follow.

    Attributes:
        severity: The greatest strength, 0 to 10.
        num_chains: How many copies are blended.
        chain_length: The most operations a copy goes through; each has 1 to this many.
        alpha: How evenly copies are blended: of the Dirichlet and Beta distributions.
        fill_mode: See ``Filling``.
        p: The share of images that are changed, 0 to 1.

    Source: Hendrycks et al., "AugMix", 2019; ``keras.layers.AugMix``.

    Example:
        >>> image = np.full((8, 8, 3), 77, np.uint8)
        >>> AugMix()(image, np.random.default_rng(0)).shape
        (8, 8, 3)
    """

    severity: Annotated[float, Number(0, 10)] = 3.0
    num_chains: Annotated[int, Whole(1, 10)] = 3
    chain_length: Annotated[int, Whole(1, 10)] = 3
    alpha: Annotated[float, Number(0, 100, above=True)] = 1.0
    _: KW_ONLY
    fill_mode: FillMode = "reflect"

    @property
    def moves(self) -> bool:
        """It does: copies are moved before they are blended."""
        return True

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the chains, their weights, and the share of the blend."""
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
                    for operation in _picked(choices, rng.uniform(0, self.severity / 10), rng)
                ]
                for _ in range(self.num_chains)
            ],
        }

    def apply(self, image: npt.NDArray[np.uint8], parameters: Parameters) -> npt.NDArray[np.uint8]:
        """Blends the copies with the image."""
        share = parameters["share"]
        blend = (1 - share) * image.astype(np.float32)
        for weight, chain in zip(parameters["weights"], parameters["chains"], strict=True):
            blend += np.float32(share * weight) * perform(chain, Sample(image)).image
        return np.asarray(np.rint(blend).clip(0, 255), np.uint8)
