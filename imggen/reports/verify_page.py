"""The page of a verification: each finding, its witness, and the images it is about."""

from __future__ import annotations

import itertools
import os

from imggen.quality import VerifyReport
from imggen.reports.render import format_root, make_thumbnails, render
from imggen.workers import Progress

_MAX_ROWS = 1000
_MAX_THUMBNAILS = 24
_SIDE = 112


def verify_page(report: VerifyReport, progress: Progress | None = None) -> str:
    """Renders the result of ``verify``.

    Args:
        report: The findings; of each kind, the first 1,000 are listed, and the images of the first
            24 are shown.
        progress: Called with ("drawing", finished images, all images) from time to time.

    Returns:
        A self-contained HTML page.
    """
    found = sorted(
        report.findings, key=lambda finding: (finding.problem.rank, finding.problem.value)
    )
    kinds = [
        (problem, list(findings))
        for problem, findings in itertools.groupby(found, key=lambda finding: finding.problem)
    ]
    paths = {finding.path: os.path.join(report.root, finding.path) for finding in found}
    return render(
        "verify.html",
        title="Verification",
        subtitle=format_root(report.root),
        num_files=report.num_files,
        num_faults=len(report.faults),
        num_unsupported=len(report.unsupported),
        kinds=[
            {
                "name": problem.value,
                "rank": findings[0].problem.rank,
                "count": len(findings),
                "rows": findings[:_MAX_ROWS],
                "num_left_out": max(0, len(findings) - _MAX_ROWS),
                "shown": [
                    (paths[finding.path], finding.path) for finding in findings[:_MAX_THUMBNAILS]
                ],
            }
            for problem, findings in kinds
        ],
        skipped=dict(report.skipped),
        thumbnails=make_thumbnails(
            [
                paths[finding.path]
                for _, findings in kinds
                for finding in findings[:_MAX_THUMBNAILS]
            ],
            _SIDE,
            progress=progress,
        ),
    )
