"""The check that an image shows something."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from imggen.quality.findings import Evidence, Problem

WITNESS = "pixels"

_SAMPLED = 16  # of so many rows and columns, one is looked at first


def examine_visibility(pixels: npt.NDArray[np.uint8]) -> Iterator[Evidence]:
    """Yields a remark if all pixels are transparent, or have one color.

    Args:
        pixels: RGB or RGBA, shape (height, width, 3 or 4).
    """
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3]
        if not alpha[::_SAMPLED, ::_SAMPLED].any() and not alpha.any():
            yield Evidence(Problem.NOTHING_VISIBLE, "all pixels are transparent", WITNESS)
            return
    first = pixels[0, 0]
    if (pixels[::_SAMPLED, ::_SAMPLED] == first).all() and (pixels == first).all():
        color = tuple(first[:3].tolist())
        yield Evidence(Problem.NOTHING_VISIBLE, f"all pixels have the color {color}", WITNESS)
