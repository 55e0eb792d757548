"""The page of duplicates: conflicting labels, groups, and pairs close to the threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from imggen.decode import BackgroundLike
from imggen.quality import Duplicates, Pairs
from imggen.reports.render import MAX_IN_GROUP, format_root, make_thumbnails, render
from imggen.workers import Progress

_MAX_GROUPS, _MAX_PATHS = 200, 20
_PAIRS_PER_SIDE = 4
_SIDE = 112


def duplicates_page(found: Duplicates, progress: Progress | None = None) -> str:
    """Renders the result of ``find_duplicates``.

    Args:
        found: The duplicates; the first 200 conflicts and groups are shown, of each the
            first 12 files.
        progress: Called with ("drawing", finished images, all images) from time to time.

    Returns:
        A self-contained HTML page.
    """
    decided = [group for group in found.groups if group[0] not in found.undecided]
    groups = decided[:_MAX_GROUPS]
    conflicts = found.conflicts[:_MAX_GROUPS]
    similar = found.pairs.where(found.pairs.similarity < 1)
    inside = _pick_pairs(found, similar, np.argsort(similar.similarity, kind="stable"))
    outside = _pick_pairs(
        found, found.near_misses, np.argsort(-found.near_misses.similarity, kind="stable")
    )
    contradicting = [found.contrast_labels(conflict.rows)[:MAX_IN_GROUP] for conflict in conflicts]
    shown = [row for rows in contradicting for row in rows]
    shown += [row for group in groups for row in group[:MAX_IN_GROUP]]
    shown += [row for pair in inside + outside for row in pair["rows"]]
    return render(
        "duplicates.html",
        title="Duplicates",
        subtitle=format_root(found.manifest.root),
        num_images=len(found.manifest),
        num_groups=len(found.groups),
        num_drop=len(found.drop),
        num_exact=int((found.exact != found.files).sum()),
        unreadable=found.unreadable[:_MAX_PATHS],
        num_unreadable=len(found.unreadable),
        invisible=found.invisible[:_MAX_PATHS],
        num_invisible=len(found.invisible),
        background=_describe_background(found.background),
        threshold=found.threshold,
        conflicts=[
            {
                "differs": " and ".join(conflict.columns),
                "files": [_show(found, row, found.get_label(row) or "") for row in rows],
                "num_left_out": len(conflict.rows) - len(rows),
            }
            for conflict, rows in zip(conflicts, contradicting, strict=True)
        ],
        num_conflicts=len(found.conflicts),
        inside=inside,
        outside=outside,
        groups=[
            {
                "files": [
                    _show(found, row, found.describe_row(row, group[0]))
                    for row in group[:MAX_IN_GROUP]
                ],
                "num_left_out": len(group[MAX_IN_GROUP:]),
            }
            for group in groups
        ],
        num_groups_left_out=len(decided) - len(groups),
        thumbnails=make_thumbnails(
            [found.manifest.filepath(row) for row in shown],
            _SIDE,
            background=found.background,
            progress=progress,
        ),
    )


def _show(found: Duplicates, row: int, caption: str) -> dict[str, Any]:
    return {
        "path": found.manifest.filepath(row),
        "name": found.manifest.paths[row],
        "keep": caption == "keep",
        "caption": caption,
    }


def _describe_background(background: BackgroundLike) -> str:
    """Returns the name or the code of a color, or "a checkerboard"."""
    if isinstance(background, str):
        return "a checkerboard"
    names = {(255, 255, 255): "white", (0, 0, 0): "black"}
    return names.get(background, "#{:02x}{:02x}{:02x}".format(*background))


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
