"""Augmentations that move pixels: flips, rotation, translation, shear, zoom, perspective."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Literal, final

import numpy as np

from imggen.augment.builtin import Filling, SingleOp
from imggen.augment.operations import GeometryOp, Operation, Parameters
from imggen.augment.options import Interval, Share, Span
from imggen.augment.resample import Matrix

# Sines and cosines of right angles are not quite 0; what is meant is.
_ZERO = 1e-12


@final
@dataclass(frozen=True)
class RandomFlip(SingleOp, GeometryOp):
    """Mirrors images.

    Attributes:
        mode: "horizontal" (left and right change places), "vertical", or
            "horizontal_and_vertical": each by itself.
        p: The share of images that are mirrored, in each direction, 0 to 1.

    Source: ``keras.layers.RandomFlip``.

    Example:
        >>> image = np.array([[[1], [2]]], np.uint8)
        >>> RandomFlip(p=1.0)(image, np.random.default_rng(0))[0, :, 0].tolist()
        [2, 1]
    """

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal"
    _: KW_ONLY
    p: Share = 0.5

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws whether, for each direction."""
        del size
        hits = rng.random(2) < self.p
        return {
            "horizontal": self.mode != "vertical" and bool(hits[0]),
            "vertical": self.mode != "horizontal" and bool(hits[1]),
        }

    def draw_operations(
        self, size: tuple[int, int], rng: np.random.Generator
    ) -> list[Operation] | None:
        """One operation, unless neither direction is drawn."""
        parameters = self.draw(size, rng)
        return [Operation(self, parameters)] if any(parameters.values()) else None

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Mirrors about the middle."""
        del out_size
        height, width = size
        matrix = np.eye(3)
        if parameters["horizontal"]:
            matrix[0] = -1, 0, width - 1
        if parameters["vertical"]:
            matrix[1] = 0, -1, height - 1
        return matrix


@final
@dataclass(frozen=True)
class RandomRotation(Filling):
    """Turns images about their middle.

    Attributes:
        degrees: (low, high) of the angle; above 0 is counter-clockwise.
        fill_mode: See ``Filling``; so for ``cval`` and ``mask_cval``.
        p: The share of images that are changed, 0 to 1.

    Source: ``rotation_range`` of Keras's ``ImageDataGenerator``; Pillow's ``Image.rotate``.

    Example:
        >>> image = np.array([[1, 2], [3, 4]], np.uint8)[..., None]
        >>> turn = RandomRotation((90, 90))
        >>> turn(image, np.random.default_rng(0))[..., 0].tolist()
        [[2, 4], [1, 3]]
    """

    degrees: Annotated[Interval, Span(-360, 360, "degrees")] = (-20.0, 20.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the angle."""
        del size
        return {"degrees": rng.uniform(*self.degrees)}

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Turns about the middle."""
        del out_size
        angle = math.radians(parameters["degrees"])
        cosine, sine = (
            0.0 if abs(value) < _ZERO else value for value in (math.cos(angle), math.sin(angle))
        )
        return about_the_middle(cosine, -sine, sine, cosine, size)


@final
@dataclass(frozen=True)
class RandomTranslation(Filling):
    """Shifts images.

    Attributes:
        height: (low, high) of the way, as a fraction of the height; above 0 is down.
        width: (low, high) of the way, as a fraction of the width; above 0 is to the right.
        fill_mode: See ``Filling``; so for ``cval`` and ``mask_cval``.
        p: The share of images that are changed, 0 to 1.

    Source: ``height_shift_range`` and ``width_shift_range`` of Keras's ``ImageDataGenerator``;
    ``keras.layers.RandomTranslation``.

    Example:
        >>> image = np.array([[[1], [2], [3]]], np.uint8)
        >>> shift = RandomTranslation(height=(0, 0), width=(1 / 3, 1 / 3), fill_mode="nearest")
        >>> shift(image, np.random.default_rng(0))[0, :, 0].tolist()
        [1, 1, 2]
    """

    height: Annotated[Interval, Span(-1, 1, "as a fraction of the height")] = (-0.1, 0.1)
    width: Annotated[Interval, Span(-1, 1, "as a fraction of the width")] = (-0.1, 0.1)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws both ways."""
        del size
        return {"height": rng.uniform(*self.height), "width": rng.uniform(*self.width)}

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Shifts by fractions of the sides."""
        del out_size
        matrix = np.eye(3)
        matrix[0, 2] = -parameters["width"] * size[1]
        matrix[1, 2] = -parameters["height"] * size[0]
        return matrix


@final
@dataclass(frozen=True)
class RandomShear(Filling):
    """Slants images about their middle.

    Attributes:
        x: (low, high) of the angle by which upright lines lean, in degrees; above 0 to the right.
        y: (low, high) of the angle by which level lines do; above 0 their left end rises.
        fill_mode: See ``Filling``; so for ``cval`` and ``mask_cval``.
        p: The share of images that are changed, 0 to 1.

    Source: ``shear_range`` of Keras's ``ImageDataGenerator``; ``keras.layers.RandomShear``.

    Example:
        >>> image = np.array([[0, 9, 0], [0, 9, 0], [0, 9, 0]], np.uint8)[..., None]
        >>> lean = RandomShear(x=(45, 45), fill_mode="constant")
        >>> lean(image, np.random.default_rng(0))[..., 0].tolist()
        [[0, 0, 9], [0, 9, 0], [9, 0, 0]]
    """

    x: Annotated[Interval, Span(-60, 60, "degrees")] = (-10.0, 10.0)
    y: Annotated[Interval, Span(-60, 60, "degrees")] = (0.0, 0.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws both angles."""
        del size
        return {"x": rng.uniform(*self.x), "y": rng.uniform(*self.y)}

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Slants about the middle: first level, then upright lines."""
        del out_size
        along = about_the_middle(1, math.tan(math.radians(parameters["x"])), 0, 1, size)
        upwards = about_the_middle(1, 0, -math.tan(math.radians(parameters["y"])), 1, size)
        return np.asarray(upwards @ along)


@final
@dataclass(frozen=True)
class RandomZoom(Filling):
    """Enlarges or shrinks images about their middle.

    Attributes:
        scale: (low, high) of the enlargement: 2 shows everything twice as large, 0.5 half as large.
        stretch: (low, high) of how much more is enlarged in width than in height: 1 keeps the
            aspect ratio.
        fill_mode: See ``Filling``; so for ``cval`` and ``mask_cval``.
        p: The share of images that are changed, 0 to 1.

    Source: ``zoom_range`` of Keras's ``ImageDataGenerator`` (which names the inverse: what it calls
    0.5 is ``scale`` 2); ``keras.layers.RandomZoom``.

    Example:
        >>> image = np.array([[[1], [2], [3], [4]]], np.uint8)
        >>> closer = RandomZoom(scale=(2, 2), fill_mode="nearest")
        >>> closer(image, np.random.default_rng(0))[0, :, 0].tolist()
        [2, 2, 3, 3]
    """

    scale: Annotated[Interval, Span(0.01, 10, "as an enlargement")] = (0.8, 1.25)
    stretch: Annotated[Interval, Span(0.1, 10, "width by height")] = (1.0, 1.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws both, 2 as likely as 1/2."""
        del size
        return {
            "scale": _between(self.scale, rng),
            "stretch": _between(self.stretch, rng),
        }

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Enlarges about the middle."""
        del out_size
        root = math.sqrt(parameters["stretch"])
        scale = parameters["scale"]
        return about_the_middle(1 / (scale * root), 0, 0, root / scale, size)


@final
@dataclass(frozen=True)
class RandomPerspective(Filling):
    """Looks at images from aside: moves each corner inwards by a way of its own.

    Attributes:
        distortion: (low, high) of the farthest that a corner may move: as a fraction of the way
            to the middle. Each corner moves by its own share of it, 0 to 1, in each direction.
        fill_mode: See ``Filling``; so for ``cval`` and ``mask_cval``.
        p: The share of images that are changed, 0 to 1.

    Source: ``keras.layers.RandomPerspective``; ``distortion_scale`` of torchvision's
    ``RandomPerspective``.

    Example:
        >>> aside = RandomPerspective(distortion=(0.0, 0.0))
        >>> image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
        >>> bool((aside(image, np.random.default_rng(0)) == image).all())
        True
    """

    distortion: Annotated[Interval, Span(0, 0.9, "as a fraction")] = (0.0, 0.3)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws where the corners go: (down or up, to the side), fractions of the sides."""
        del size
        farthest = rng.uniform(*self.distortion) / 2
        ways = rng.uniform(0, farthest, (4, 2))
        return {
            "top_left": ways[0].tolist(),
            "top_right": ways[1].tolist(),
            "bottom_right": ways[2].tolist(),
            "bottom_left": ways[3].tolist(),
        }

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """The homography from where the corners go to where they came from."""
        del out_size
        height, width = size
        corners = {
            "top_left": (-0.5, -0.5, 1, 1),
            "top_right": (width - 0.5, -0.5, -1, 1),
            "bottom_right": (width - 0.5, height - 0.5, -1, -1),
            "bottom_left": (-0.5, height - 0.5, 1, -1),
        }
        equations, values = [], []
        for corner, (x, y, right, down) in corners.items():
            way = parameters[corner]
            to_x, to_y = x + right * way[1] * width, y + down * way[0] * height
            equations.append([to_x, to_y, 1, 0, 0, 0, -x * to_x, -x * to_y])
            equations.append([0, 0, 0, to_x, to_y, 1, -y * to_x, -y * to_y])
            values += [x, y]
        solved = np.linalg.solve(np.array(equations), np.array(values))
        return np.append(solved, 1.0).reshape(3, 3)


def about_the_middle(xx: float, xy: float, yx: float, yy: float, size: tuple[int, int]) -> Matrix:
    """The matrix of ``x' = xx x + xy y, y' = yx x + yy y``, with (0, 0) in the middle."""
    middle_x, middle_y = (size[1] - 1) / 2, (size[0] - 1) / 2
    return np.array(
        [
            [xx, xy, middle_x - xx * middle_x - xy * middle_y],
            [yx, yy, middle_y - yx * middle_x - yy * middle_y],
            [0.0, 0.0, 1.0],
        ]
    )


def _between(factors: Interval, rng: np.random.Generator) -> float:
    """A factor, evenly drawn on a logarithmic scale."""
    return math.exp(rng.uniform(math.log(factors[0]), math.log(factors[1])))
