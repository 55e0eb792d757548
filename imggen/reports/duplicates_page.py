"""Groups of duplicates as a page, with what the threshold means on these very pictures."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from imggen.quality import Duplicates, Pairs
from imggen.reports.render import MOST_IN_GROUP, pictures, render
from imggen.workers import Progress

_MOST_GROUPS = 200
_PAIRS_EACH_SIDE = 4
_SIDE = 112


def duplicates_page(found: Duplicates, progress: Progress | None = None) -> str:
    """Draws what ``find_duplicates`` found.

    Args:
        found: Any number of groups; the first 200 are shown.
        progress: Called with ("drawing", pictures drawn, pictures in all) now and then.

    Returns:
        A page in HTML, with all it needs in it.
    """
    shown_groups = found.groups[:_MOST_GROUPS]
    groups = [group[:MOST_IN_GROUP] for group in shown_groups]
    counted = found.pairs.where(found.pairs.similarity < 1)
    inside = _picked(found, counted, np.argsort(counted.similarity, kind="stable"))
    outside = _picked(
        found, found.near_misses, np.argsort(-found.near_misses.similarity, kind="stable")
    )
    shown = [row for group in groups for row in group]
    shown += [row for pair in inside + outside for row in pair["rows"]]
    return render(
        "duplicates.html",
        title="Pictures that are there more than once",
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
                        "about": _about(found, row, group[0]),
                    }
                    for row in group
                ],
                "num_left_out": len(whole) - len(group),
            }
            for group, whole in zip(groups, shown_groups, strict=True)
        ],
        num_groups_left_out=len(found.groups) - len(groups),
        pictures=pictures(
            [found.manifest.filepath(row) for row in shown], _SIDE, progress=progress
        ),
    )


def _picked(found: Duplicates, pairs: Pairs, order: Any) -> list[dict[str, Any]]:
    """The first few pairs in an order."""
    return [
        {
            "rows": (int(pairs.first[place]), int(pairs.second[place])),
            "paths": [
                found.manifest.filepath(int(rows[place])) for rows in (pairs.first, pairs.second)
            ],
            "similarity": f"{pairs.similarity[place]:.3f}",
        }
        for place in order[:_PAIRS_EACH_SIDE]
    ]


def _about(found: Duplicates, row: int, best: int) -> str:
    if row == best:
        return "keep"
    if found.exact[row] == found.exact[best]:
        return "the same bytes"
    return f"similarity {found.similarity[row]:.3f}"
