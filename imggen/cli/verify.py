"""``imggen verify DIR``: every file decoded."""

from __future__ import annotations

from pathlib import Path

import click

_MOST_LISTED = 20


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write all findings to FILE (.csv or .json).",
)
@click.option(
    "--quarantine",
    type=click.Path(path_type=Path),
    metavar="DST",
    help="Move files that cannot be trained on there.",
)
@click.option("--workers", type=int, help="Threads; one a core, if not given.")
def verify(source: Path, output: Path | None, quarantine: Path | None, workers: int | None) -> None:
    """Decode every image of DIR (a folder or a table) and tell what is broken or unusual.

    The exit status is 1 if files that cannot be trained on are left where they were.
    """
    import imggen
    from imggen.cli.progress import progress_bars
    from imggen.cli.source import all_images
    from imggen.core import check_report_path, printable

    check_report_path(output)
    with progress_bars() as progress:
        report = imggen.verify(all_images(source), workers=workers, progress=progress)
    for finding in report.findings[:_MOST_LISTED]:
        click.echo(f"{finding.problem.value}: {printable(finding.path)}: {finding.detail}")
    if len(report.findings) > _MOST_LISTED:
        click.echo(f"... and {len(report.findings) - _MOST_LISTED} more; -o FILE has all")
    if output is not None:
        report.save(output)
    for reason, count in report.skipped.items():
        click.echo(f"passed over: {count} × {printable(reason)}")
    counts = ", ".join(f"{count} {problem}" for problem, count in report.counts.items())
    click.echo(
        f"{report.num_files} files, {len(report.faults)} cannot be trained on"
        + (f" ({counts})" if counts else "")
    )
    if quarantine is not None and report.faults:
        moved = report.quarantine(quarantine)
        click.echo(f"{len(moved)} files moved to {printable(str(quarantine))}")
    elif report.faults:
        raise SystemExit(1)
