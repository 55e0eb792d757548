"""Files with the pixels that they were written from, and what both are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

HEIGHT, WIDTH = 11, 21
RNG = np.random.default_rng(0)


class Golden(NamedTuple):
    """A file, and what it should be read as.

    Attributes:
        name: Says what is special about the file.
        data: The file.
        rgba: The color and opacity of each pixel, float64, shape (height, width, 4), 0 to 255;
            None for files that should be refused.
        stored: For files that can be masks, the numbers in the file, shape (height, width).
        tolerance: How far a value may be off: 0.5 of rounding, and more for lossy formats.
        refusal: The name of the kind, or another reason for refusing the file.
    """

    name: str
    data: bytes
    rgba: np.ndarray | None
    stored: np.ndarray | None = None
    tolerance: float = 0.5
    refusal: str = ""


def samples(bits: int, channels: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Random samples with the extremes among them."""
    dtype = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    values = RNG.integers(0, 1 << bits, (height, width, channels), dtype=np.uint64)
    values[0, :2] = [[0], [(1 << bits) - 1]]
    return values.astype(dtype)


def rgba(values: np.ndarray, max_value: int, alpha: np.ndarray | None = None) -> np.ndarray:
    """Gray or color, and opacity, scaled to 255; shape (height, width, 4)."""
    scaled = np.broadcast_to(values[:, :, :3], (*values.shape[:2], 3)) * (255 / max_value)
    opacity = np.full(values.shape[:2], 255.0) if alpha is None else alpha * (255 / max_value)
    return np.dstack([scaled, opacity])


def palette_of(bits: int) -> np.ndarray:
    return RNG.integers(0, 256, (1 << bits, 3), dtype=np.uint8)


def turn(stored: np.ndarray, orientation: int) -> np.ndarray:
    """What a viewer shows for an EXIF orientation."""
    turned = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: np.rot90,
    }
    return turned[orientation](stored)
