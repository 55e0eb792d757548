"""The page of duplicates: all groups, and image pairs close to the threshold."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from imggen.quality import Duplicates, Pairs
from imggen.reports.render import MAX_IN_GROUP, make_thumbnails, render
from imggen.workers import Progress

_MAX_GROUPS = 200
_PAIRS_PER_SIDE = 4
_SIDE = 112


def duplicates_page(found: Duplicates, progress: Progress | None = None) -> str:
    """Renders the result of ``find_duplicates``.

    Args:
        found: The duplicates; the first 200 groups are shown.
        progress: Called with ("drawing", finished images, all images) from time to time.

    Returns:
        A self-contained HTML page.
    """
    shown_groups = found.groups[:_MAX_GROUPS]
    groups = [group[:MAX_IN_GROUP] for group in shown_groups]
    similar = found.pairs.where(found.pairs.similarity < 1)
    inside = _pick_pairs(found, similar, np.argsort(similar.similarity, kind="stable"))
    outside = _pick_pairs(
        found, found.near_misses, np.argsort(-found.near_misses.similarity, kind="stable")
    )
    shown = [row for group in groups for row in group]
    shown += [row for pair in inside + outside for row in pair["rows"]]
    return render(
        "duplicates.html",
        title="Duplicates",
        subtitle=os.path.abspath(found.manifest.root),
        num_images=len(found.manifest),
        num_groups=len(found.groups),
        num_drop=len(found.drop),
        num_exact=int((found.exact != found.files).sum()),
        unreadable=found.unreadable,
        threshold=found.threshold,
        inside=inside,
        outside=outside,
        groups=[
            {
                "files": [
                    {
                        "path": found.manifest.filepath(row),
                        "name": found.manifest.paths[row],
                        "keep": row == group[0],
                        "caption": _describe(found, row, group[0]),
                    }
                    for row in group
                ],
                "num_left_out": len(whole) - len(group),
            }
            for group, whole in zip(groups, shown_groups, strict=True)
        ],
        num_groups_left_out=len(found.groups) - len(groups),
        thumbnails=make_thumbnails(
            [found.manifest.filepath(row) for row in shown], _SIDE, progress=progress
        ),
    )


def _pick_pairs(found: Duplicates, pairs: Pairs, order: Any) -> list[dict[str, Any]]:
    """Returns the first few pairs in an order."""
    return [
        {
            "rows": (int(pairs.first[place]), int(pairs.second[place])),
            "paths": [
                found.manifest.filepath(int(rows[place])) for rows in (pairs.first, pairs.second)
            ],
            "similarity": f"{pairs.similarity[place]:.3f}",
        }
        for place in order[:_PAIRS_PER_SIDE]
    ]


def _describe(found: Duplicates, row: int, best: int) -> str:
    if row == best:
        return "keep"
    if found.exact[row] == found.exact[best]:
        return "same bytes"
    return f"similarity {found.similarity[row]:.3f}"
