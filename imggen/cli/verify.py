"""``imggen verify DIRECTORY``: decode every image and report broken files."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.options import PATH, directory_argument, force_option, output_option, workers_option


@click.command()
@directory_argument
@output_option("Write all findings to FILE (.csv or .json).")
@click.option(
    "--quarantine",
    type=PATH,
    metavar="FOLDER",
    help="Move files that cannot be used for training to this folder.",
)
@force_option
@workers_option
def verify(
    directory: Path,
    output: Path | None,
    quarantine: Path | None,
    force: bool,
    workers: int | None,
) -> None:
    """Decode every image in DIRECTORY, and report broken and unusual files.

    DIRECTORY is a folder, or a table (.csv or .parquet) with a column path. The exit status is 1 if
    files that cannot be used for training remain in it.
    """
    import imggen
    from imggen.cli.output import MAX_LISTED, check_places, echo_skipped, progress_bars
    from imggen.cli.source import all_images
    from imggen.core import check_output_folder, check_report_file, pluralize, printable
    from imggen.quality import VerifyReport

    check_places("DIRECTORY", [directory], [output])
    if quarantine is not None:
        check_output_folder(quarantine)
    check_report_file(VerifyReport, output, overwrite=force)
    with progress_bars() as progress:
        report = imggen.verify(all_images(directory), workers=workers, progress=progress)
    for finding in report.findings[:MAX_LISTED]:
        click.echo(f"{finding.problem.value}: {printable(finding.path)}: {finding.detail}")
    if len(report.findings) > MAX_LISTED:
        click.echo(f"... and {len(report.findings) - MAX_LISTED} more; -o FILE writes all")
    if output is not None:
        report.save(output, overwrite=force)
    echo_skipped(report.skipped)
    counts = ", ".join(f"{count} {problem}" for problem, count in report.counts.items())
    click.echo(
        f"{pluralize(report.num_files, 'file')}, {len(report.faults)} cannot be used for training"
        + (f" ({counts})" if counts else "")
    )
    if quarantine is not None and report.faults:
        moved = report.quarantine(quarantine)
        click.echo(f"{pluralize(len(moved), 'file')} moved to {printable(str(quarantine))}")
    elif report.faults:
        raise SystemExit(1)
