"""Augmentations that move pixels: flips, rotation, translation, shear, zoom, perspective."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Literal, final

import numpy as np

from imggen.augment.builtin import SingleOp, WarpOp
from imggen.augment.operations import GeometryOp, Operation, Parameters
from imggen.augment.options import Probability, Range, RangeBounds, Signed, span
from imggen.augment.resampling import Matrix

# Sines and cosines of right angles that should be 0 are only close to it.
_ZERO = 1e-12


@final
@dataclass(frozen=True)
class RandomFlip(SingleOp, GeometryOp):
    """Flips images.

    Attributes:
        mode: "horizontal" (swaps left and right), "vertical" (swaps top and bottom), or
            "horizontal_and_vertical" (each independently).
        p: The probability of a flip in each direction, 0 to 1.

    Source: ``keras.layers.RandomFlip``.

    Example:
        >>> image = np.array([[[1], [2]]], np.uint8)
        >>> RandomFlip(p=1.0)(image, np.random.default_rng(0))[0, :, 0].tolist()
        [2, 1]
    """

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal"
    _: KW_ONLY
    p: Probability = 0.5

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws for each direction whether to flip."""
        del size
        horizontal, vertical = rng.random() < self.p, rng.random() < self.p
        return {
            "horizontal": horizontal and self.mode != "vertical",
            "vertical": vertical and self.mode != "horizontal",
        }

    def draw_operations(
        self, size: tuple[int, int], rng: np.random.Generator
    ) -> list[Operation] | None:
        """Draws one operation; None if neither direction is flipped."""
        parameters = self.draw(size, rng)
        is_flipped = parameters["horizontal"] or parameters["vertical"]
        return [Operation(self, parameters)] if is_flipped else None

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Returns the matrix of a flip."""
        del out_size
        height, width = size
        first = (-1.0, 0.0, width - 1) if parameters["horizontal"] else (1.0, 0.0, 0.0)
        second = (0.0, -1.0, height - 1) if parameters["vertical"] else (0.0, 1.0, 0.0)
        return np.array([first, second, (0.0, 0.0, 1.0)])


@final
@dataclass(frozen=True)
class RandomRotation(WarpOp):
    """Rotates images around their center.

    Attributes:
        degrees: (low, high) of the angle in degrees, -360 to 360; positive is counter-clockwise. A
            number stands for (-number, number).
        fill_mode: How to fill the area outside the image: "reflect", "nearest", "constant" or
            "wrap", as in ``scipy.ndimage`` ("wrap" is its "grid-wrap"); or "auto": the mean color
            of the image for samples with boxes or keypoints, as a mirrored object would have none,
            else "reflect".
        cval: The fill value for "constant", in gray levels, 0 to 255.
        mask_cval: The fill value of masks for "constant", 0 to 65535.
        p: The probability that an image is changed, 0 to 1.

    Source: ``rotation_range`` of Keras's ``ImageDataGenerator``; Pillow's ``Image.rotate``.

    Example:
        >>> image = np.array([[1, 2], [3, 4]], np.uint8)[..., None]
        >>> rotation = RandomRotation((90, 90))
        >>> rotation(image, np.random.default_rng(0))[..., 0].tolist()
        [[2, 4], [1, 3]]
    """

    degrees: Annotated[Signed, RangeBounds(-360, 360, "degrees")] = span(-20.0, 20.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the angle."""
        del size
        low, high = self.degrees
        return {"degrees": low + (high - low) * rng.random()}

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Returns the matrix of a rotation around the center."""
        del out_size
        angle = math.radians(parameters["degrees"])
        cosine, sine = math.cos(angle), math.sin(angle)
        if -_ZERO < cosine < _ZERO:
            cosine = 0.0
        if -_ZERO < sine < _ZERO:
            sine = 0.0
        return matrix_about_center(cosine, -sine, sine, cosine, size)


@final
@dataclass(frozen=True)
class RandomTranslation(WarpOp):
    """Shifts images vertically and horizontally.

    Attributes:
        height: (low, high) of the vertical shift, as a fraction of the height, -1 to 1; positive is
            down. A number stands for (-number, number).
        width: (low, high) of the horizontal shift, as a fraction of the width, -1 to 1; positive is
            right. A number stands for (-number, number).
        fill_mode: How to fill the area outside the image: "reflect", "nearest", "constant" or
            "wrap", as in ``scipy.ndimage`` ("wrap" is its "grid-wrap"); or "auto": the mean color
            of the image for samples with boxes or keypoints, as a mirrored object would have none,
            else "reflect".
        cval: The fill value for "constant", in gray levels, 0 to 255.
        mask_cval: The fill value of masks for "constant", 0 to 65535.
        p: The probability that an image is changed, 0 to 1.

    Source: ``height_shift_range`` and ``width_shift_range`` of Keras's ``ImageDataGenerator``;
    ``keras.layers.RandomTranslation``.

    Example:
        >>> image = np.array([[[1], [2], [3]]], np.uint8)
        >>> shift = RandomTranslation(height=(0, 0), width=(1 / 3, 1 / 3), fill_mode="nearest")
        >>> shift(image, np.random.default_rng(0))[0, :, 0].tolist()
        [1, 1, 2]
    """

    height: Annotated[Signed, RangeBounds(-1, 1, "as a fraction of the height")] = span(-0.1, 0.1)
    width: Annotated[Signed, RangeBounds(-1, 1, "as a fraction of the width")] = span(-0.1, 0.1)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws both shifts."""
        del size
        (top, bottom), (left, right) = self.height, self.width
        return {
            "height": top + (bottom - top) * rng.random(),
            "width": left + (right - left) * rng.random(),
        }

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Returns the matrix of a shift."""
        del out_size
        shift_x, shift_y = -parameters["width"] * size[1], -parameters["height"] * size[0]
        return np.array([(1.0, 0.0, shift_x), (0.0, 1.0, shift_y), (0.0, 0.0, 1.0)])


@final
@dataclass(frozen=True)
class RandomShear(WarpOp):
    """Shears images around their center.

    Attributes:
        x: (low, high) of the angle by which vertical lines tilt, in degrees, -60 to 60; positive
            moves their top to the right. A number stands for (-number, number).
        y: (low, high) of the angle by which horizontal lines tilt, in degrees, -60 to 60; positive
            moves their left end up. A number stands for (-number, number).
        fill_mode: How to fill the area outside the image: "reflect", "nearest", "constant" or
            "wrap", as in ``scipy.ndimage`` ("wrap" is its "grid-wrap"); or "auto": the mean color
            of the image for samples with boxes or keypoints, as a mirrored object would have none,
            else "reflect".
        cval: The fill value for "constant", in gray levels, 0 to 255.
        mask_cval: The fill value of masks for "constant", 0 to 65535.
        p: The probability that an image is changed, 0 to 1.

    Source: ``shear_range`` of Keras's ``ImageDataGenerator``; ``keras.layers.RandomShear``.

    Example:
        >>> image = np.array([[0, 9, 0], [0, 9, 0], [0, 9, 0]], np.uint8)[..., None]
        >>> shear = RandomShear(x=(45, 45), fill_mode="constant")
        >>> shear(image, np.random.default_rng(0))[..., 0].tolist()
        [[0, 0, 9], [0, 9, 0], [9, 0, 0]]
    """

    x: Annotated[Signed, RangeBounds(-60, 60, "degrees")] = span(-10.0, 10.0)
    y: Annotated[Signed, RangeBounds(-60, 60, "degrees")] = span(0.0, 0.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws both angles."""
        del size
        (low_x, high_x), (low_y, high_y) = self.x, self.y
        return {
            "x": low_x + (high_x - low_x) * rng.random(),
            "y": low_y + (high_y - low_y) * rng.random(),
        }

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Returns the matrix of a shear around the center: first along y, then along x."""
        del out_size
        along_x = matrix_about_center(1, math.tan(math.radians(parameters["x"])), 0, 1, size)
        if not parameters["y"]:
            return along_x
        along_y = matrix_about_center(1, 0, -math.tan(math.radians(parameters["y"])), 1, size)
        return np.asarray(along_y @ along_x)


@final
@dataclass(frozen=True)
class RandomZoom(WarpOp):
    """Zooms images in or out around their center.

    Attributes:
        scale: (low, high) of the magnification, 0.01 to 10: 2 doubles the size of everything, 0.5
            halves it.
        stretch: (low, high) of the horizontal over the vertical magnification, 0.1 to 10; 1 keeps
            the aspect ratio.
        fill_mode: How to fill the area outside the image: "reflect", "nearest", "constant" or
            "wrap", as in ``scipy.ndimage`` ("wrap" is its "grid-wrap"); or "auto": the mean color
            of the image for samples with boxes or keypoints, as a mirrored object would have none,
            else "reflect".
        cval: The fill value for "constant", in gray levels, 0 to 255.
        mask_cval: The fill value of masks for "constant", 0 to 65535.
        p: The probability that an image is changed, 0 to 1.

    Source: ``zoom_range`` of Keras's ``ImageDataGenerator`` (which uses the inverse: its 0.5 is
    ``scale`` 2); ``keras.layers.RandomZoom``.

    Example:
        >>> image = np.array([[[1], [2], [3], [4]]], np.uint8)
        >>> zoom = RandomZoom(scale=(2, 2), fill_mode="nearest")
        >>> zoom(image, np.random.default_rng(0))[0, :, 0].tolist()
        [2, 2, 3, 3]
    """

    scale: Annotated[Range, RangeBounds(0.01, 10, "magnification")] = span(0.8, 1.25)
    stretch: Annotated[Range, RangeBounds(0.1, 10, "width over height")] = span(1.0, 1.0)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws both on a logarithmic scale, so that 2 is as likely as 1/2."""
        del size
        return {
            "scale": _draw_factor(self.scale, rng),
            "stretch": _draw_factor(self.stretch, rng),
        }

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Returns the matrix of a zoom around the center."""
        del out_size
        root = math.sqrt(parameters["stretch"])
        scale = parameters["scale"]
        return matrix_about_center(1 / (scale * root), 0, 0, root / scale, size)


@final
@dataclass(frozen=True)
class RandomPerspective(WarpOp):
    """Changes the perspective: moves each corner inwards by a random distance.

    Attributes:
        distortion: (low, high) of the maximum distance that a corner moves, 0 to 0.9, as a fraction
            of the distance to the center. Each corner moves horizontally and vertically by a random
            fraction of this maximum.
        fill_mode: How to fill the area outside the image: "reflect", "nearest", "constant" or
            "wrap", as in ``scipy.ndimage`` ("wrap" is its "grid-wrap"); or "auto": the mean color
            of the image for samples with boxes or keypoints, as a mirrored object would have none,
            else "reflect".
        cval: The fill value for "constant", in gray levels, 0 to 255.
        mask_cval: The fill value of masks for "constant", 0 to 65535.
        p: The probability that an image is changed, 0 to 1.

    Source: ``keras.layers.RandomPerspective``; ``distortion_scale`` of torchvision's
    ``RandomPerspective``.

    Example:
        >>> unchanged = RandomPerspective(distortion=(0.0, 0.0))
        >>> image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
        >>> bool((unchanged(image, np.random.default_rng(0)) == image).all())
        True
    """

    distortion: Annotated[Range, RangeBounds(0, 0.9, "as a fraction")] = span(0.0, 0.3)

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Parameters:
        """Draws the (vertical, horizontal) shift of each corner, as fractions of the sides."""
        del size
        low, high = self.distortion
        max_shift = (low + (high - low) * rng.random()) / 2
        shifts = (max_shift * rng.random((4, 2))).tolist()
        return {
            "top_left": shifts[0],
            "top_right": shifts[1],
            "bottom_right": shifts[2],
            "bottom_left": shifts[3],
        }

    def matrix(
        self, parameters: Parameters, size: tuple[int, int], out_size: tuple[int, int]
    ) -> Matrix:
        """Returns the homography from the moved corners to the original ones."""
        del out_size
        height, width = size
        equations: list[float] = []
        values: list[float] = []
        for corner, x, y, right, down in (
            ("top_left", -0.5, -0.5, 1, 1),
            ("top_right", width - 0.5, -0.5, -1, 1),
            ("bottom_right", width - 0.5, height - 0.5, -1, -1),
            ("bottom_left", -0.5, height - 0.5, 1, -1),
        ):
            down_by, right_by = parameters[corner]
            to_x, to_y = x + right * right_by * width, y + down * down_by * height
            equations += (to_x, to_y, 1.0, 0.0, 0.0, 0.0, -x * to_x, -x * to_y)
            equations += (0.0, 0.0, 0.0, to_x, to_y, 1.0, -y * to_x, -y * to_y)
            values += (x, y)
        matrix = np.ones(9)
        matrix[:8] = np.linalg.solve(np.array(equations).reshape(8, 8), np.array(values))
        return matrix.reshape(3, 3)


def matrix_about_center(
    xx: float, xy: float, yx: float, yy: float, size: tuple[int, int]
) -> Matrix:
    """Returns the matrix of ``x' = xx x + xy y, y' = yx x + yy y`` around the center."""
    center_x, center_y = (size[1] - 1) / 2, (size[0] - 1) / 2
    return np.array(
        [
            (xx, xy, center_x - xx * center_x - xy * center_y),
            (yx, yy, center_y - yx * center_x - yy * center_y),
            (0.0, 0.0, 1.0),
        ]
    )


def _draw_factor(factors: tuple[float, float], rng: np.random.Generator) -> float:
    """Draws a factor, uniformly on a logarithmic scale."""
    low, high = math.log(factors[0]), math.log(factors[1])
    return math.exp(low + (high - low) * rng.random())
