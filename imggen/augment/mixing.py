"""Augmentations of a whole batch: each image is blended with another one of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment.options import Number, Share, check_options


class Blend(NamedTuple):
    """What is done to one image of a batch.

    Attributes:
        partner: The place of the other image in the batch.
        share: The share of the image itself, 0 to 1; the rest is the other's.
        box: (top, left, height, width) of the part that the other image fills, in pixels; None
            where both are blended all over.
    """

    partner: int
    share: float
    box: tuple[int, int, int, int] | None

    @property
    def name(self) -> str:
        """What it is called."""
        return "MixUp" if self.box is None else "CutMix"


class Mixer(ABC):
    """An augmentation of a whole batch; the last of a list."""

    @property
    def name(self) -> str:
        """What messages, policy files and pictures call it: the name of its class."""
        return type(self).__name__

    @abstractmethod
    def draw(self, partner: int, size: tuple[int, int], rng: np.random.Generator) -> Blend | None:
        """Draws what is done to one image.

        Args:
            partner: The place of the other image.
            size: (height, width) of both, in pixels.
            rng: The only source of chance.

        Returns:
            None where chance leaves the image out.
        """


@final
@dataclass(frozen=True)
class MixUp(Mixer):
    """Blends each image with another one, and their labels alike.

    Sample weights are blended too; Keras's ``class_weight`` goes by the larger share of a label.

    Attributes:
        alpha: Of the Beta distribution that the share comes from: towards 0, one image is hardly
            seen; 1 makes all shares equally likely.
        p: The share of images that are blended, 0 to 1.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2017; ``keras.layers.MixUp``.

    Example:
        >>> MixUp(alpha=1.0).draw(3, (8, 8), np.random.default_rng(0)).partner
        3
    """

    alpha: Annotated[float, Number(0, 100, above=True)] = 0.2
    _: KW_ONLY
    p: Share = 1.0

    def __post_init__(self) -> None:
        check_options(self)

    def draw(self, partner: int, size: tuple[int, int], rng: np.random.Generator) -> Blend | None:
        """Draws the share."""
        del size
        blend = Blend(partner, float(rng.beta(self.alpha, self.alpha)), None)
        return blend if rng.random() < self.p else None


@final
@dataclass(frozen=True)
class CutMix(Mixer):
    """Puts a part of another image into each one, and mixes their labels by area.

    Sample weights are blended too; Keras's ``class_weight`` goes by the larger share of a label.

    Attributes:
        alpha: Of the Beta distribution that the area comes from: 1 makes all equally likely.
        p: The share of images that are changed, 0 to 1.

    Source: Yun et al., "CutMix", 2019; ``keras.layers.CutMix``.

    Example:
        >>> blend = CutMix().draw(3, (8, 8), np.random.default_rng(0))
        >>> blend.share == 1 - blend.box[2] * blend.box[3] / 64
        True
    """

    alpha: Annotated[float, Number(0, 100, above=True)] = 1.0
    _: KW_ONLY
    p: Share = 1.0

    def __post_init__(self) -> None:
        check_options(self)

    def draw(self, partner: int, size: tuple[int, int], rng: np.random.Generator) -> Blend | None:
        """Draws area and place; what would stand beyond the edge is cut off."""
        height, width = size
        side = np.sqrt(1 - rng.beta(self.alpha, self.alpha))
        middle_y, middle_x = rng.random(2) * size
        top, bottom = _clipped(middle_y, side * height, height)
        left, right = _clipped(middle_x, side * width, width)
        box = (top, left, bottom - top, right - left)
        share = 1 - box[2] * box[3] / (height * width)
        return Blend(partner, share, box) if rng.random() < self.p else None


@final
@dataclass(frozen=True)
class MixUpOrCutMix(Mixer):
    """Does one of both to each image, equally likely.

    Attributes:
        mixup_alpha: As ``alpha`` of ``MixUp``.
        cutmix_alpha: As ``alpha`` of ``CutMix``.
        p: The share of images that are changed, 0 to 1.

    Example:
        >>> either = MixUpOrCutMix()
        >>> {either.draw(0, (8, 8), np.random.default_rng(seed)).name for seed in range(9)} == {
        ...     "MixUp", "CutMix"}
        True
    """

    mixup_alpha: Annotated[float, Number(0, 100, above=True)] = 0.2
    cutmix_alpha: Annotated[float, Number(0, 100, above=True)] = 1.0
    _: KW_ONLY
    p: Share = 1.0

    def __post_init__(self) -> None:
        check_options(self)

    def draw(self, partner: int, size: tuple[int, int], rng: np.random.Generator) -> Blend | None:
        """Draws which, and lets it draw."""
        picked: Mixer
        if rng.random() < 0.5:
            picked = MixUp(self.mixup_alpha, p=self.p)
        else:
            picked = CutMix(self.cutmix_alpha, p=self.p)
        return picked.draw(partner, size, rng)


def blended(
    x: npt.NDArray[Any], blends: list[Blend | None], *, channels_first: bool = False
) -> npt.NDArray[Any]:
    """Blends the images of a batch; a pure function.

    Args:
        x: Shape (n, height, width, channels), or with the channels first.
        blends: What is done to each of them.
        channels_first: Where the channels of ``x`` are.

    Returns:
        A new array; of whole numbers, blends are rounded.
    """
    result = x.copy()
    for place, blend in enumerate(blends):
        if blend is None:
            continue
        if blend.box is not None:
            top, left, height, width = blend.box
            part: Any = (slice(top, top + height), slice(left, left + width))
            part = (slice(None), *part) if channels_first else part
            result[place][part] = x[blend.partner][part]
            continue
        share = np.float32(blend.share)
        mixed = share * x[place] + (1 - share) * x[blend.partner]
        result[place] = np.rint(mixed) if x.dtype.kind in "ui" else mixed
    return result


def blended_targets(
    targets: npt.NDArray[np.floating[Any]], blends: list[Blend | None]
) -> npt.NDArray[np.floating[Any]]:
    """Blends targets, or weights, by the shares of the images.

    Args:
        targets: Floats, shape (n, ...).
        blends: As in ``blended``.
    """
    result = targets.copy()
    for place, blend in enumerate(blends):
        if blend is not None:
            share = blend.share
            result[place] = share * targets[place] + (1 - share) * targets[blend.partner]
    return result


def _clipped(middle: float, length: float, whole: int) -> tuple[int, int]:
    low, high = round(middle - length / 2), round(middle + length / 2)
    return max(low, 0), min(high, whole)
