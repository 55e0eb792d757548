"""The page of predictions: the confusion matrix, the mistakes, and a row for each image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imggen.preview import confusion_matrix, find_worst, read_results
from imggen.reports.render import format_root, make_data_uri, make_thumbnails, render
from imggen.workers import Progress

if TYPE_CHECKING:
    import pandas as pd

_MAX_ROWS = 1000
_MAX_MISTAKES = 60
_SIDE = 112


def predictions_page(
    table: pd.DataFrame,
    files: Sequence[str],
    source: str | os.PathLike[str],
    progress: Progress | None = None,
) -> str:
    """Renders predictions.

    Args:
        table: The columns "path", "predicted", "p_<class name>", "error" and perhaps "true". The
            first 1,000 rows are listed; of the images whose prediction is wrong, the 60 with the
            highest score are shown.
        files: The path of each image.
        source: What was predicted, for the title.
        progress: Called with ("drawing", finished images, all images) from time to time.

    Returns:
        A self-contained HTML page.
    """
    scores = table[[name for name in table.columns if str(name).startswith("p_")]]
    best = scores.max(axis=1)
    true = table.get("true")
    mistakes: list[int] = []
    correct = evaluated = 0
    matrix = None
    if true is not None and true.notna().any():
        results = [result for result in read_results(table) if result.is_right is not None]
        evaluated, correct = len(results), sum(bool(result.is_right) for result in results)
        mistakes = [result.position for result in find_worst(results)]
        matrix = make_data_uri(confusion_matrix(table), lossless=True) if evaluated else None
    shown = mistakes[:_MAX_MISTAKES]
    failed = table.index[table["error"].notna()].tolist()
    return render(
        "predictions.html",
        title="Predictions",
        subtitle=format_root(source),
        num_images=len(table),
        num_failed=len(failed),
        num_mistakes=len(mistakes),
        accuracy=f"{correct / evaluated:.2%}" if evaluated else None,
        matrix=matrix,
        mistakes=[
            (
                files[row],
                f"{table['true'][row]} → {table['predicted'][row]} ({best[row]:.0%})",
                os.path.basename(table["path"][row]),
            )
            for row in shown
        ],
        failed=[(table["path"][row], table["error"][row]) for row in failed[:_MAX_ROWS]],
        has_true=true is not None,
        has_scores=bool(scores.shape[1]),
        rows=[
            {**_describe_row(table, row), "score": _format_score(best[row])}
            for row in range(min(len(table), _MAX_ROWS))
        ],
        num_left_out=max(0, len(table) - _MAX_ROWS),
        thumbnails=make_thumbnails([files[row] for row in shown], _SIDE, progress=progress),
    )


def _describe_row(table: pd.DataFrame, row: int) -> dict[str, str]:
    names = [name for name in ("path", "true", "predicted", "error") if name in table]
    values: dict[str, Any] = {name: table[name][row] for name in names}
    return {
        name: "" if value is None or value != value else value for name, value in values.items()
    }


def _format_score(score: float) -> str:
    return "" if score != score else f"{score:.4f}"
