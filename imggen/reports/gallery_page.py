"""The page of a gallery: each augmentation and preset on one image, with the line to copy."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.preview import Gallery, draw_sample
from imggen.reports.render import make_data_uri, render

_CELL, _SMALL_CELL = 256, 192


def gallery_page(found: Gallery) -> str:
    """Renders the result of ``make_gallery``.

    Returns:
        A self-contained HTML page.
    """
    height, width = found.image.shape[:2]
    return render(
        "gallery.html",
        title="Augmentation gallery",
        subtitle=found.file or "on an example image",
        name=os.path.basename(found.file),
        size=f"{width} × {height}",
        found=found,
        groups={"Presets": found.presets, **found.groups},
        make_uri=_make_uri,
    )


def _make_uri(image: npt.NDArray[np.uint8]) -> str:
    # Small images are enlarged without interpolation, and JPEG would blur their pixels.
    is_small = 2 * max(image.shape[:2]) < _SMALL_CELL
    picture = draw_sample(Sample(image), _SMALL_CELL if is_small else _CELL)
    return make_data_uri(picture, lossless=is_small)
