"""What a folder holds, as a page: counts, sizes, formats, what was passed over, and pictures."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.quality import Survey
from imggen.reports.render import examples_of, pictures, render
from imggen.workers import Progress

_IMAGES_A_CLASS = 5
_MOST_CLASSES = 100
_MOST_POINTS = 2000


def scan_page(survey: Survey, progress: Progress | None = None) -> str:
    """Draws a survey.

    Args:
        survey: What is known of the images.
        progress: Called with ("drawing", pictures drawn, pictures in all) now and then.

    Returns:
        A page in HTML, with all it needs in it.
    """
    manifest = survey.manifest
    counts = manifest.class_counts
    most = max(counts.values(), default=1) or 1
    examples = examples_of(manifest, _IMAGES_A_CLASS)
    shown = examples[:_MOST_CLASSES]
    return render(
        "scan.html",
        title="What is in this folder",
        subtitle=os.path.abspath(manifest.root),
        num_images=len(manifest),
        classes=[
            {
                "name": name,
                "count": count,
                "share": count / len(manifest),
                "width": round(100 * count / most, 1),
            }
            for name, count in counts.items()
        ],
        imbalance=survey.imbalance,
        num_bytes=survey.num_bytes,
        num_unreadable=survey.num_unreadable,
        sizes=_sizes(survey.sizes),
        formats=survey.formats,
        modes=survey.modes,
        skipped=dict(manifest.skipped),
        examples=shown,
        num_classes_left_out=len(examples) - len(shown),
        pictures=pictures(
            [path for example in shown for path, _ in example["files"]], 112, progress=progress
        ),
    )


def _sizes(sizes: npt.NDArray[np.int64]) -> dict[str, Any]:
    """The smallest, median and largest size by area, and where to draw each on 500 x 310."""
    by_area = sizes[np.argsort(sizes.prod(axis=1), kind="stable")]
    most = _round_up(int(sizes.max()))
    drawn = by_area[np.unique(np.linspace(0, len(sizes) - 1, _MOST_POINTS).astype(int))]
    # Many images have the same size; a point each would only fill the page.
    distinct = np.unique(drawn, axis=0)
    least, median, largest = (
        " × ".join(map(str, by_area[row])) for row in (0, len(by_area) // 2, -1)
    )
    return {
        "least": least,
        "median": median,
        "most": largest,
        "num_distinct": len(np.unique(sizes, axis=0)),
        "is_sample": len(drawn) < len(sizes),
        "points": [
            (round(50 + 500 * width / most, 1), round(320 - 310 * height / most, 1))
            for width, height in distinct.tolist()
        ],
        "ticks": [
            {
                "x": 50 + 125 * step,
                "y": 320 - 77.5 * step,
                "label": most * step // 4,
            }
            for step in range(5)
        ],
    }


def _round_up(number: int) -> int:
    """The next number whose quarters are round."""
    for power in range(1, 12):
        for first in (4, 6, 8, 10, 12, 16, 20, 24, 32):
            if number <= first * int(10**power):
                return first * int(10**power)
    return number
