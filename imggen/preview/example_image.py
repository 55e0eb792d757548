"""Two example images, drawn by code: a house in a meadow, and a boat on the sea.

They have edges, fine texture, smooth gradients and many colors, and no symmetry, so that every
augmentation shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imggen.core import seeded

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_Color = tuple[int, int, int]

_WIDTH, _HEIGHT = 512, 384
_OVERSAMPLING = 3  # each pixel is the mean of so many squared, for smooth edges
_SEED = 4


def draw_house() -> npt.NDArray[np.uint8]:
    """Draws a house and a tree in a meadow, in front of mountains, at sunset.

    Returns:
        uint8, shape (384, 512, 3).
    """
    sky = [(0, (86, 150, 214)), (0.62, (250, 214, 165))]
    picture, draw = _paint_sky(sky, (0.24, 0.30, 0.26), (255, 236, 170))
    _ellipse(draw, 0.24, 0.30, 0.055, (255, 244, 196))
    for low, high, color, phase in (
        (0.50, 0.20, (150, 160, 196), 0.3),
        (0.58, 0.14, (112, 134, 164), 2.1),
    ):
        _ridge(draw, low, high, color, phase)
    _polygon(draw, [(0, 0.66), (0.3, 0.61), (0.7, 0.67), (1, 0.62), (1, 1), (0, 1)], (104, 158, 76))
    _polygon(draw, [(0, 0.80), (0.4, 0.74), (1, 0.82), (1, 1), (0, 1)], (82, 138, 62))
    _polygon(draw, [(0.60, 0.80), (0.64, 0.80), (0.56, 1), (0.38, 1)], (214, 190, 140))
    # The house: a front, a roof with an overhang, a chimney, windows and a door.
    _polygon(draw, [(0.755, 0.42), (0.755, 0.30), (0.795, 0.30), (0.795, 0.45)], (146, 84, 70))
    _polygon(draw, [(0.50, 0.54), (0.82, 0.54), (0.82, 0.81), (0.50, 0.81)], (246, 238, 220))
    _polygon(draw, [(0.82, 0.54), (0.92, 0.52), (0.92, 0.77), (0.82, 0.81)], (212, 200, 180))
    _polygon(draw, [(0.47, 0.56), (0.57, 0.37), (0.85, 0.36), (0.95, 0.53), (0.84, 0.56)], _ROOF)
    for row in range(1, 4):
        y = 0.56 - row * 0.047
        _line(draw, (0.47 + row * 0.025, y), (0.84 + row * 0.005, y), (150, 50, 40), 1)
    for left in (0.535, 0.735):
        _window(draw, left, 0.61)
    _polygon(draw, [(0.635, 0.64), (0.695, 0.64), (0.695, 0.81), (0.635, 0.81)], (52, 98, 130))
    _ellipse(draw, 0.682, 0.73, 0.005, (250, 214, 120))
    # The tree, from the shade to the light.
    _polygon(draw, [(0.195, 0.83), (0.21, 0.62), (0.24, 0.62), (0.255, 0.83)], (98, 70, 48))
    for x, y, radius, color in (
        (0.20, 0.52, 0.11, (38, 92, 56)),
        (0.29, 0.55, 0.085, (44, 102, 58)),
        (0.15, 0.58, 0.07, (50, 110, 62)),
        (0.21, 0.46, 0.085, (66, 134, 68)),
        (0.18, 0.44, 0.045, (104, 166, 84)),
    ):
        _ellipse(draw, x, y, radius, color)
    _scatter(draw, 900, (0.805, 0.99), ((64, 118, 50), (112, 170, 78), (92, 150, 66)), 0.004)
    _scatter(draw, 60, (0.84, 0.98), ((238, 92, 96), (250, 222, 92), (250, 250, 250)), 0.006)
    return _finish(picture)


def draw_boat() -> npt.NDArray[np.uint8]:
    """Draws a boat with two sails on the sea.

    Returns:
        uint8, shape (384, 512, 3).
    """
    sky = [(0, (34, 60, 110)), (0.55, (236, 150, 132))]
    picture, draw = _paint_sky(sky, (0.78, 0.24, 0.2), (255, 220, 190))
    _ellipse(draw, 0.78, 0.24, 0.06, (255, 240, 220))
    _polygon(draw, [(0, 0.58), (1, 0.58), (1, 1), (0, 1)], (32, 104, 128))
    for row in range(14):
        y = 0.60 + row * 0.03
        waves = [
            (x / 60, y + 0.006 * math.sin(x * 0.5 + row * 1.7) + 0.002 * row) for x in range(61)
        ]
        _curve(draw, waves, (70, 150, 168) if row % 2 else (44, 124, 148), 3)
    _scatter(draw, 260, (0.60, 0.99), ((120, 190, 200), (24, 90, 116)), 0.004)
    _polygon(draw, [(0.22, 0.72), (0.66, 0.72), (0.58, 0.84), (0.29, 0.84)], (178, 52, 48))
    _polygon(draw, [(0.22, 0.72), (0.66, 0.72), (0.65, 0.745), (0.235, 0.745)], (246, 238, 224))
    _line(draw, (0.42, 0.16), (0.42, 0.72), (92, 66, 48), 4)
    _polygon(draw, [(0.43, 0.18), (0.63, 0.67), (0.43, 0.67)], (250, 246, 236))
    _polygon(draw, [(0.41, 0.24), (0.41, 0.67), (0.27, 0.67)], (240, 190, 84))
    return _finish(picture)


_ROOF = (196, 78, 58)


def _paint_sky(
    stops: Sequence[tuple[float, _Color]], sun: tuple[float, float, float], light: _Color
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Paints rows that change from one color to the next, and the glow of a sun.

    Args:
        stops: Heights, each with a color.
        sun: The center of the glow, and its radius.
        light: Its color.

    Returns:
        The picture and its brush.
    """
    from PIL import Image, ImageDraw

    rows, cols = np.ogrid[:_HEIGHT, :_WIDTH]
    heights, colors = [height for height, _ in stops], np.array([color for _, color in stops])
    sky = np.stack(
        [np.interp(rows[:, 0] / _HEIGHT, heights, colors[:, channel]) for channel in range(3)], -1
    )[:, np.newaxis]
    x, y, radius = sun
    distance = np.hypot(cols - x * _WIDTH, rows - y * _HEIGHT) / (radius * _WIDTH)
    share = 0.67 * np.clip(1 - distance, 0, 1)[..., np.newaxis] ** 2
    pixels = np.rint(sky + share * (np.array(light) - sky)).astype(np.uint8)
    size = (_WIDTH * _OVERSAMPLING, _HEIGHT * _OVERSAMPLING)
    picture = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    return picture, ImageDraw.Draw(picture)


def _finish(picture: Image.Image) -> npt.NDArray[np.uint8]:
    """Shrinks a picture to its size, and adds a little grain."""
    pixels = np.asarray(picture.reduce(_OVERSAMPLING), np.float32)
    grain = 2.5 * seeded(_SEED).standard_normal(pixels.shape[:2], np.float32)[..., np.newaxis]
    return np.rint(pixels + grain).clip(0, 255).astype(np.uint8)


# Coordinates are fractions of the width and the height, radii of the width; lines are in pixels.


def _place(point: tuple[float, float]) -> tuple[float, float]:
    return point[0] * _WIDTH * _OVERSAMPLING, point[1] * _HEIGHT * _OVERSAMPLING


def _polygon(
    draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], color: _Color
) -> None:
    draw.polygon([_place(point) for point in points], fill=color)


def _ellipse(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, color: _Color) -> None:
    center_x, center_y = _place((x, y))
    side = radius * _WIDTH * _OVERSAMPLING
    draw.ellipse((center_x - side, center_y - side, center_x + side, center_y + side), fill=color)


def _line(
    draw: ImageDraw.ImageDraw,
    start: tuple[float, float],
    end: tuple[float, float],
    color: _Color,
    width: int,
) -> None:
    _curve(draw, [start, end], color, width)


def _curve(
    draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], color: _Color, width: int
) -> None:
    draw.line([_place(point) for point in points], fill=color, width=width * _OVERSAMPLING)


def _ridge(draw: ImageDraw.ImageDraw, low: float, high: float, color: _Color, phase: float) -> None:
    """Draws a mountain range that ends at ``low`` and rises by up to ``high``."""
    tops = [
        (x / 40, low - high * abs(math.sin(x * 0.31 + phase) * math.cos(x * 0.13 + phase)))
        for x in range(41)
    ]
    _polygon(draw, [*tops, (1, 0.7), (0, 0.7)], color)


def _window(draw: ImageDraw.ImageDraw, left: float, top: float) -> None:
    right, bottom = left + 0.055, top + 0.09
    _polygon(draw, [(left, top), (right, top), (right, bottom), (left, bottom)], (126, 180, 208))
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    frame = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    cross = [(middle_x, top), (middle_x, bottom)], [(left, middle_y), (right, middle_y)]
    for line in (frame, *cross):
        _curve(draw, line, (110, 82, 62), 2)


def _scatter(
    draw: ImageDraw.ImageDraw,
    count: int,
    rows: tuple[float, float],
    colors: Sequence[_Color],
    radius: float,
) -> None:
    """Draws dots at random places between two heights."""
    rng = seeded(_SEED)
    for _ in range(count):
        x, y = rng.random(), rows[0] + (rows[1] - rows[0]) * rng.random()
        color = colors[int(rng.integers(len(colors)))]
        _ellipse(draw, x, y, radius * (0.4 + 0.6 * rng.random()), color)
