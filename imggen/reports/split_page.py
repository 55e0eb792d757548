"""A split as a page: counts and shares, examples from every part, and what was kept together."""

from __future__ import annotations

import os
from typing import Any

from imggen.data import Manifest, Splits
from imggen.export import Recipe
from imggen.reports.render import MOST_IN_GROUP, examples_of, pictures, render
from imggen.splitting import furthest_off
from imggen.workers import Progress

_IMAGES_A_CLASS = 3
_MOST_CLASSES = 30
_MOST_GROUPS = 100
_COLOURS = ("var(--train)", "var(--val)", "var(--test)", "var(--other)")


def split_page(
    parts: Splits[Manifest],
    recipe: Recipe,
    duplicates: list[list[str]] | None,
    num_torn: int,
    progress: Progress | None = None,
) -> str:
    """Draws a split.

    Args:
        parts: Its parts, of files that can be read.
        recipe: What made them.
        duplicates: The files of each group of pictures that was kept together, as the parts name
            them; None if nobody looked.
        num_torn: How many of these groups would be in several parts otherwise.
        progress: Called with ("drawing", pictures drawn, pictures in all) now and then.

    Returns:
        A page in HTML, with all it needs in it.
    """
    parts = recipe.once(parts)
    part_of = {path: name for name, part in parts.as_dict().items() for path in part.filepaths}
    sizes = [len(group) for group in (duplicates or [])[:_MOST_GROUPS]]
    groups = [group[:MOST_IN_GROUP] for group in (duplicates or [])[:_MOST_GROUPS]]
    examples = [
        (name, examples_of(part, _IMAGES_A_CLASS)[:_MOST_CLASSES])
        for name, part in parts.as_dict().items()
    ]
    shown = [path for group in groups for path in group]
    shown += [path for _, classes in examples for row in classes for path, _ in row["files"]]
    return render(
        "split.html",
        title="How the images were split",
        subtitle=os.path.commonpath([os.path.abspath(part.root) for part in parts]),
        num_images=sum(map(len, parts)),
        parts=[
            {"name": name, "count": len(part), "colour": _colour(number)}
            for number, (name, part) in enumerate(parts.as_dict().items())
        ],
        classes=_classes(parts),
        off=recipe.shares and furthest_off(parts, recipe.shares),
        settings={
            name: value
            for name, value in recipe.as_facts().items()
            if value is not None and value is not False
        },
        duplicates=None if duplicates is None else len(duplicates),
        num_torn=num_torn,
        groups=[
            {
                "part": part_of[group[0]],
                "files": [(path, os.path.basename(path)) for path in group],
                "num_left_out": size - len(group),
            }
            for group, size in zip(groups, sizes, strict=True)
        ],
        examples=examples,
        pictures=pictures(shown, 112, progress=progress),
    )


def _classes(parts: Splits[Manifest]) -> list[dict[str, Any]]:
    """For each class how many samples each part has, and what share that is."""
    counts = [part.class_counts or {"images": len(part)} for part in parts]
    rows = []
    for class_name in counts[0]:
        numbers = [count[class_name] for count in counts]
        total = sum(numbers) or 1
        rows.append(
            {
                "name": class_name,
                "parts": [
                    {
                        "count": number,
                        "share": round(100 * number / total, 1),
                        "colour": _colour(position),
                    }
                    for position, number in enumerate(numbers)
                ],
            }
        )
    return rows


def _colour(position: int) -> str:
    return _COLOURS[position % len(_COLOURS)]
