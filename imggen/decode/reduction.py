"""Decoding of JPEGs at a half, a quarter or an eighth of their size."""

from __future__ import annotations

from typing import NamedTuple

from imggen.decode.orientation import MIRRORED, UPSIDE_DOWN
from imggen.decode.placement import Placement
from imggen.decode.resizing import Box


class Reduction(NamedTuple):
    """Facts about an image that is decoded at reduced size.

    Attributes:
        full_size: (width, height) of the full image, upright.
        factor: The number of pixels that became one. The last of a line may cover fewer.
        orientation: The EXIF orientation, 1 to 8.
    """

    full_size: tuple[int, int]
    factor: int
    orientation: int

    def box(self, window: tuple[int, int, int, int]) -> Box:
        """Converts a window of the full image to pixels of the reduced one, once upright."""
        left, top, right, bottom = window
        starts = []
        for length, is_reversed in zip(
            self.full_size,
            (self.orientation in MIRRORED, self.orientation in UPSIDE_DOWN),
            strict=True,
        ):
            reduced = -(-length // self.factor)
            starts.append(reduced - length / self.factor if is_reversed else 0.0)
        across, down = starts
        return (
            across + left / self.factor,
            down + top / self.factor,
            across + right / self.factor,
            down + bottom / self.factor,
        )


def find_factor(placement: Placement) -> int:
    """Returns the factor by which an image may be reduced and still be large enough."""
    (left, top, right, bottom), size, _ = placement
    shrinkage = min((right - left) // size[0], (bottom - top) // size[1])
    for factor in (8, 4, 2):
        if factor <= shrinkage:
            return factor
    return 1
