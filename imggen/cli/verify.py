"""``imggen verify SRC``: decode every image and report broken files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    PATH,
    engine_options,
    force_option,
    html_option,
    output_option,
    source_argument,
    workers_option,
)
from imggen.cli.verb import Verb

if TYPE_CHECKING:
    from imggen.workers import Engine


@click.command(cls=Verb, reports=True)
@source_argument
@click.option(
    "--quarantine",
    type=PATH,
    metavar="FOLDER",
    help="Move broken files to this folder.",
)
@html_option("Write an HTML page with all findings and the images they are about.")
@output_option("Write all findings.")
@force_option
@engine_options
@workers_option
def verify(
    source: Path,
    output: Path | None,
    quarantine: Path | None,
    html: Path | None,
    force: bool,
    engine: Engine,
    address: str | None,
    workers: int | None,
) -> None:
    """Decode every image in SRC, and report broken, unsupported and unusual files.

    Each finding names its witness: a decoder, or a check of checksums, lengths or pixels.

    SRC is a folder, or a table (.csv or .parquet) with a column path. The exit status is 1 if files
    that cannot be used for training remain in it: broken ones, or kinds that imggen does not read,
    which --quarantine leaves where they are.
    """
    import imggen
    from imggen.cli.output import check_page, check_places, echo_more, progress_bars, say_skipped
    from imggen.core import check_output_folder, check_report_file, pluralize, printable
    from imggen.quality import VerifyReport

    check_places("SRC", [source], [output, html], folder=quarantine)
    if quarantine is not None:
        check_output_folder(quarantine)
    check_report_file(VerifyReport, output, overwrite=force)
    check_page(html, overwrite=force)
    console = Console.current()
    with progress_bars() as progress:
        report = imggen.verify(
            source, engine=engine, address=address, workers=workers, progress=progress
        )
        if html is not None:
            from imggen.reports import verify_page, write_page

            write_page(html, verify_page(report, progress), overwrite=force)
    for finding in report.findings[: console.max_listed]:
        line = f"{finding.problem.value}: {finding.path}: {finding.detail} ({finding.witness})"
        click.echo(printable(line))
    echo_more(len(report.findings))
    if output is not None:
        report.save(output, overwrite=force)
    say_skipped(report.skipped)
    remarks = {finding.problem.value for finding in report.findings if finding.problem.rank == 2}
    counts = {problem: f"{count} {problem}" for problem, count in report.counts.items()}
    unusable = ", ".join(text for problem, text in counts.items() if problem not in remarks)
    remarked = ", ".join(text for problem, text in counts.items() if problem in remarks)
    num_unusable = len(report.faults) + len(report.unsupported)
    console.say(
        f"{pluralize(report.num_files, 'file')}, {num_unusable} cannot be used for training"
        + (f" ({unusable})" if unusable else "")
        + (f"; remarks: {remarked}" if remarked else "")
    )
    if output is not None:
        console.wrote(pluralize(len(report.findings), "finding"), output)
    if html is not None:
        console.wrote("a page", html)
    moved: list[str] = []
    if quarantine is not None and report.faults:
        moved = report.quarantine(quarantine)
        place = printable(str(quarantine.absolute()))
        console.say(f"Moved {pluralize(len(moved), 'file')} to {place}")
        num_unusable = len(report.unsupported)
    console.report({**report.to_dict(), "skipped": report.skipped, "quarantined": moved})
    if num_unusable:
        raise SystemExit(1)
