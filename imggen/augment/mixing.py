"""Augmentations of a whole batch: they blend each image with another one of the batch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment.options import NumberBounds, Probability, check_options


class Blend(NamedTuple):
    """The blend of one image of a batch with another one.

    Attributes:
        partner: The position of the other image in the batch.
        share: The weight of the image itself, 0 to 1; that of the other image is 1 - ``share``.
        box: (top, left, height, width) in pixels of the rectangle that is copied from the other
            image; None if both images are blended as a whole.
    """

    partner: int
    share: float
    box: tuple[int, int, int, int] | None

    @property
    def name(self) -> str:
        """The name of the method: "MixUp" or "CutMix"."""
        return "MixUp" if self.box is None else "CutMix"


class Mixer(ABC):
    """An augmentation of a whole batch; always the last one of a policy."""

    @property
    def name(self) -> str:
        """The class name, as shown in messages, policy files and previews."""
        return type(self).__name__

    @abstractmethod
    def draw(self, partner: int, size: tuple[int, int], rng: np.random.Generator) -> Blend | None:
        """Draws the blend of one image.

        Args:
            partner: The position of the other image in the batch.
            size: (height, width) of both images, in pixels.
            rng: The only source of randomness.

        Returns:
            The blend; None if the image is left unchanged by chance.
        """


@final
@dataclass(frozen=True)
class MixUp(Mixer):
    """Blends each image with another one of the batch, and their labels by the same weights.

    Sample weights are blended too. Keras's ``class_weight`` uses the class with the larger weight.

    Attributes:
        alpha: The parameter of the Beta distribution of the weights, above 0 and at most 100: near
            0, one image dominates; 1 makes all weights equally likely.
        p: The probability that an image is blended, 0 to 1.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2017; ``keras.layers.MixUp``.

    Example:
        >>> MixUp(alpha=1.0).draw(3, (8, 8), np.random.default_rng(0)).partner
        3
    """

    alpha: Annotated[float, NumberBounds(0, 100, exclusive=True)] = 0.2
    _: KW_ONLY
    p: Probability = 1.0

    def __post_init__(self) -> None:
        check_options(self)

    def draw(self, partner: int, size: tuple[int, int], rng: np.random.Generator) -> Blend | None:
        """Draws the weight."""
        del size
        return _draw_mixup(self.alpha, self.p, partner, rng)


@final
@dataclass(frozen=True)
class CutMix(Mixer):
    """Copies a rectangle of another image of the batch into each image, and blends labels by area.

    Sample weights are blended too. Keras's ``class_weight`` uses the class with the larger weight.

    Attributes:
        alpha: The parameter of the Beta distribution of the areas, above 0 and at most 100: 1 makes
            all areas equally likely.
        p: The probability that an image is changed, 0 to 1.

    Source: Yun et al., "CutMix", 2019; ``keras.layers.CutMix``.

    Example:
        >>> blend = CutMix().draw(3, (8, 8), np.random.default_rng(0))
        >>> blend.share == 1 - blend.box[2] * blend.box[3] / 64
        True
    """

    alpha: Annotated[float, NumberBounds(0, 100, exclusive=True)] = 1.0
    _: KW_ONLY
    p: Probability = 1.0

    def __post_init__(self) -> None:
        check_options(self)

    def draw(self, partner: int, size: tuple[int, int], rng: np.random.Generator) -> Blend | None:
        """Draws the area and the position of the rectangle, and clips it to the image."""
        return _draw_cutmix(self.alpha, self.p, partner, size, rng)


@final
@dataclass(frozen=True)
class MixUpOrCutMix(Mixer):
    """Applies either MixUp or CutMix to each image, with equal probability.

    Attributes:
        mixup_alpha: ``alpha`` of ``MixUp``, above 0 and at most 100.
        cutmix_alpha: ``alpha`` of ``CutMix``, above 0 and at most 100.
        p: The probability that an image is changed, 0 to 1.

    Example:
        >>> either = MixUpOrCutMix()
        >>> {either.draw(0, (8, 8), np.random.default_rng(seed)).name for seed in range(9)} == {
        ...     "MixUp", "CutMix"}
        True
    """

    mixup_alpha: Annotated[float, NumberBounds(0, 100, exclusive=True)] = 0.2
    cutmix_alpha: Annotated[float, NumberBounds(0, 100, exclusive=True)] = 1.0
    _: KW_ONLY
    p: Probability = 1.0

    def __post_init__(self) -> None:
        check_options(self)

    def draw(self, partner: int, size: tuple[int, int], rng: np.random.Generator) -> Blend | None:
        """Draws one of both, and its blend."""
        if rng.random() < 0.5:
            return _draw_mixup(self.mixup_alpha, self.p, partner, rng)
        return _draw_cutmix(self.cutmix_alpha, self.p, partner, size, rng)


def _draw_mixup(alpha: float, p: float, partner: int, rng: np.random.Generator) -> Blend | None:
    share = rng.beta(alpha, alpha)
    return Blend(partner, share, None) if rng.random() < p else None


def _draw_cutmix(
    alpha: float, p: float, partner: int, size: tuple[int, int], rng: np.random.Generator
) -> Blend | None:
    height, width = size
    side = math.sqrt(1 - rng.beta(alpha, alpha))
    center_y, center_x = rng.random() * height, rng.random() * width
    top, bottom = _clip(center_y, side * height, height)
    left, right = _clip(center_x, side * width, width)
    box = (top, left, bottom - top, right - left)
    share = 1 - box[2] * box[3] / (height * width)
    return Blend(partner, share, box) if rng.random() < p else None


def blend_images(
    x: npt.NDArray[Any], blends: list[Blend | None], *, channels_first: bool = False
) -> npt.NDArray[Any]:
    """Blends the images of a batch; a pure function.

    Args:
        x: Shape (n, height, width, channels), or (n, channels, height, width).
        blends: The blend of each image; None for those that do not change.
        channels_first: Whether the channels of ``x`` come first.

    Returns:
        A new array of the same dtype. Blends of integers are rounded.
    """
    result = x.copy()
    for position, blend in enumerate(blends):
        if blend is not None:
            _blend(result[position, ...], x[blend.partner], blend, channels_first=channels_first)
    return result


def blend_images_in_place(
    x: npt.NDArray[Any], blends: list[Blend | None], *, channels_first: bool = False
) -> None:
    """Does what ``blend_images`` does without a second batch in memory.

    Args:
        x: As in ``blend_images``; modified.
        blends: As in ``blend_images``; no two of the same partner.
        channels_first: As in ``blend_images``.
    """
    blended = {position: blend for position, blend in enumerate(blends) if blend is not None}
    needed = {blend.partner for blend in blended.values()}
    # An image that no other needs comes first, then its partner, and so on. What is left are
    # cycles, in which the image that comes first is needed once more.
    for start in [*blended.keys() - needed, *blended]:
        if start not in blended:
            continue
        first = x[start].copy() if start in needed else None
        position = start
        while (following := blended.pop(position, None)) is not None:
            partner = following.partner
            other = first if first is not None and partner == start else x[partner]
            _blend(x[position, ...], other, following, channels_first=channels_first)
            position = partner


def _blend(
    image: npt.NDArray[Any], other: npt.NDArray[Any], blend: Blend, *, channels_first: bool
) -> None:
    """Blends ``image``, which is modified, with another one."""
    if blend.box is not None:
        top, left, height, width = blend.box
        rows, columns = slice(top, top + height), slice(left, left + width)
        if channels_first:
            image[:, rows, columns] = other[:, rows, columns]
        else:
            image[rows, columns] = other[rows, columns]
        return
    share = np.float32(blend.share)
    added = (1 - share) * other
    if image.dtype == added.dtype:
        image *= share
        image += added
        return
    added += share * image
    image[...] = np.rint(added) if image.dtype.kind in "ui" else added


def blend_targets(
    targets: npt.NDArray[np.floating[Any]], blends: list[Blend | None]
) -> npt.NDArray[np.floating[Any]]:
    """Blends targets, or sample weights, by the weights of their images.

    Args:
        targets: Floats, shape (n, ...).
        blends: The blends, as in ``blend_images``.
    """
    blended = [(position, *blend[:2]) for position, blend in enumerate(blends) if blend is not None]
    result = targets.copy()
    if blended:
        positions, partners, shares = (np.array(column) for column in zip(*blended, strict=True))
        share = shares.reshape(-1, *[1] * (targets.ndim - 1))
        ours, theirs = share.astype(targets.dtype), (1 - share).astype(targets.dtype)
        result[positions] = ours * targets[positions] + theirs * targets[partners]
    return result


def _clip(center: float, length: float, limit: int) -> tuple[int, int]:
    low, high = round(center - length / 2), round(center + length / 2)
    return max(low, 0), min(high, limit)
