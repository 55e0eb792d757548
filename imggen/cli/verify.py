"""``imggen verify DIRECTORY``: decode every image and report broken files."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.options import (
    PATH,
    directory_argument,
    force_option,
    html_option,
    output_option,
    workers_option,
)


@click.command()
@directory_argument
@output_option("Write all findings to FILE (.csv or .json).")
@click.option(
    "--quarantine",
    type=PATH,
    metavar="FOLDER",
    help="Move broken files to this folder.",
)
@html_option("Write an HTML page with all findings and the images they are about.")
@force_option
@workers_option
def verify(
    directory: Path,
    output: Path | None,
    quarantine: Path | None,
    html: Path | None,
    force: bool,
    workers: int | None,
) -> None:
    """Decode every image in DIRECTORY, and report broken, unsupported and unusual files.

    Each finding names its witness: a decoder, or a check of checksums, lengths or pixels.

    DIRECTORY is a folder, or a table (.csv or .parquet) with a column path. The exit status is 1 if
    files that cannot be used for training remain in it: broken ones, or kinds that imggen does not
    read, which --quarantine leaves where they are.
    """
    import imggen
    from imggen.cli.output import MAX_LISTED, check_places, echo_skipped, progress_bars
    from imggen.core import check_output_folder, check_report_file, pluralize, printable
    from imggen.quality import VerifyReport
    from imggen.reports import check_page, verify_page, write_page

    check_places("DIRECTORY", [directory], [output, html], folder=quarantine)
    if quarantine is not None:
        check_output_folder(quarantine)
    check_report_file(VerifyReport, output, overwrite=force)
    check_page(html, overwrite=force)
    with progress_bars() as progress:
        report = imggen.verify(directory, workers=workers, progress=progress)
        if html is not None:
            write_page(html, verify_page(report, progress), overwrite=force)
    for finding in report.findings[:MAX_LISTED]:
        line = f"{finding.problem.value}: {finding.path}: {finding.detail} ({finding.witness})"
        click.echo(printable(line))
    if len(report.findings) > MAX_LISTED:
        click.echo(f"... and {len(report.findings) - MAX_LISTED} more; -o FILE writes all")
    if output is not None:
        report.save(output, overwrite=force)
    echo_skipped(report.skipped)
    counts = ", ".join(f"{count} {problem}" for problem, count in report.counts.items())
    num_unusable = len(report.faults) + len(report.unsupported)
    click.echo(
        f"{pluralize(report.num_files, 'file')}, {num_unusable} cannot be used for training"
        + (f" ({counts})" if counts else "")
    )
    if quarantine is not None and report.faults:
        moved = report.quarantine(quarantine)
        click.echo(f"{pluralize(len(moved), 'file')} moved to {printable(str(quarantine))}")
        num_unusable = len(report.unsupported)
    if num_unusable:
        raise SystemExit(1)
