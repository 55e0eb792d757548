"""The page of a split: counts and shares, examples from every split, and groups of duplicates."""

from __future__ import annotations

import os
from typing import Any

from imggen.data import Manifest, Splits
from imggen.export import RecipeSplits
from imggen.reports.render import (
    MAX_IN_GROUP,
    choose_examples,
    format_root,
    make_thumbnails,
    render,
)
from imggen.splitting import Recipe, find_deviation
from imggen.workers import Progress

_IMAGES_PER_CLASS = 3
_MAX_CLASSES = 30
_MAX_GROUPS = 100
_COLORS = ("var(--train)", "var(--val)", "var(--test)", "var(--other)")


def split_page(
    result: RecipeSplits,
    recipe: Recipe,
    root: str | os.PathLike[str],
    progress: Progress | None = None,
    *,
    sources: Splits[Manifest] | None = None,
) -> str:
    """Renders a split.

    Args:
        result: The splits and duplicates, with files that can be read: ``duplicates`` holds the
            same file paths as the splits.
        recipe: The recipe that made them.
        root: The folder of the images, which becomes the subtitle.
        progress: Called with ("drawing", finished images, all images) from time to time.
        sources: The splits, with the files in their original places. None: as in ``result``.

    Returns:
        A self-contained HTML page.
    """
    splits = recipe.disjoint(result.splits)
    duplicates = result.duplicates
    split_of = {path: name for name, split in splits.as_dict().items() for path in split.filepaths}
    sizes = [len(group) for group in (duplicates or [])[:_MAX_GROUPS]]
    groups = [group[:MAX_IN_GROUP] for group in (duplicates or [])[:_MAX_GROUPS]]
    examples = [
        (name, choose_examples(split, _IMAGES_PER_CLASS)[:_MAX_CLASSES])
        for name, split in splits.as_dict().items()
    ]
    shown = [path for group in groups for path in group]
    shown += [path for _, classes in examples for row in classes for path, _ in row["files"]]
    return render(
        "split.html",
        title="Split",
        subtitle=format_root(root),
        num_images=sum(map(len, splits)),
        splits=[
            {"name": name, "count": len(split), "color": _color(number)}
            for number, (name, split) in enumerate(splits.as_dict().items())
        ],
        classes=_count_classes(splits),
        deviation=find_deviation(sources or result.splits, recipe),
        settings={
            name: value
            for name, value in recipe.as_metadata().items()
            if value is not None and value is not False
        },
        duplicates=None if duplicates is None else len(duplicates),
        num_separated=result.num_separated,
        num_groups=result.num_groups,
        groups=[
            {
                "split": split_of[group[0]],
                "files": [(path, os.path.basename(path)) for path in group],
                "num_left_out": size - len(group),
            }
            for group, size in zip(groups, sizes, strict=True)
        ],
        examples=examples,
        thumbnails=make_thumbnails(shown, 112, progress=progress),
    )


def _count_classes(splits: Splits[Manifest]) -> list[dict[str, Any]]:
    """Returns the number and share of samples in each split, for each class."""
    counts = [split.class_counts or {"images": len(split)} for split in splits]
    rows = []
    for class_name in counts[0]:
        numbers = [count[class_name] for count in counts]
        total = sum(numbers) or 1
        rows.append(
            {
                "name": class_name,
                "splits": [
                    {
                        "count": number,
                        "share": round(100 * number / total, 1),
                        "color": _color(position),
                    }
                    for position, number in enumerate(numbers)
                ],
            }
        )
    return rows


def _color(position: int) -> str:
    return _COLORS[position % len(_COLORS)]
