"""The page of a folder: class counts, sizes, formats, skipped files, and examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.quality import Survey
from imggen.reports.render import choose_examples, format_root, make_thumbnails, render
from imggen.workers import Progress

_IMAGES_PER_CLASS = 5
_MAX_CLASSES = 100
_MAX_POINTS = 2000


def scan_page(survey: Survey, progress: Progress | None = None) -> str:
    """Renders a survey.

    Args:
        survey: Facts about the images.
        progress: Called with ("drawing", finished images, all images) from time to time.

    Returns:
        A self-contained HTML page.
    """
    manifest = survey.manifest
    counts = manifest.class_counts
    most = max(counts.values(), default=1) or 1
    examples = choose_examples(manifest, _IMAGES_PER_CLASS)
    shown = examples[:_MAX_CLASSES]
    return render(
        "scan.html",
        title="Folder contents",
        subtitle=format_root(manifest.root),
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
        thumbnails=make_thumbnails(
            [path for example in shown for path, _ in example["files"]], 112, progress=progress
        ),
    )


def _sizes(sizes: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Returns the smallest, median and largest size by area, and all points on 500 x 310."""
    by_area = sizes[np.argsort(sizes.prod(axis=1), kind="stable")]
    most = _round_up(int(sizes.max()))
    drawn = by_area[np.unique(np.linspace(0, len(sizes) - 1, _MAX_POINTS).astype(int))]
    # Many images have the same size; one point for all of them is enough.
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
    """Returns the next larger number whose quarters are round."""
    for power in range(1, 12):
        for first in (4, 6, 8, 10, 12, 16, 20, 24, 32):
            if number <= first * int(10**power):
                return first * int(10**power)
    return number
