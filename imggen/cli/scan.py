"""``imggen scan DIRECTORY``: show the contents of a folder of classes."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.options import PATH, directory_argument, force_option, html_option, output_option


@click.command()
@directory_argument
@click.option(
    "--save", type=PATH, metavar="FILE", help="Write the manifest to FILE (.csv or .parquet)."
)
@html_option("Write an HTML page with image sizes, formats and examples.")
@output_option("Write the size, mode and format of each image to FILE (.csv or .json).")
@force_option
def scan(
    directory: Path, save: Path | None, html: Path | None, output: Path | None, force: bool
) -> None:
    """Show the classes in DIRECTORY, their sizes and the skipped files.

    DIRECTORY is a folder with one folder per class, or a folder of images without classes.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from imggen.cli.output import check_places, echo_skipped
    from imggen.core import check_report_file, pluralize, printable
    from imggen.data import as_manifest, check_manifest_file
    from imggen.quality import Survey
    from imggen.reports import check_page

    check_places("DIRECTORY", [directory], [save, html, output])
    check_manifest_file(save, overwrite=force)
    check_report_file(Survey, output, overwrite=force)
    check_page(html, overwrite=force)
    manifest = as_manifest(directory)
    console = Console(highlight=False, soft_wrap=True)
    classes = pluralize(manifest.num_classes, "class") if manifest.num_classes else "no classes"
    title = f"{manifest.num_samples:,} images in {classes}"
    table = Table(title=title)
    table.add_column("index", justify="right")
    table.add_column("class")
    table.add_column("images", justify="right")
    table.add_column("share", justify="right")
    for index, (name, count) in enumerate(manifest.class_counts.items()):
        table.add_row(
            str(index), escape(printable(name)), str(count), f"{count / manifest.num_samples:.1%}"
        )
    if manifest.num_classes:
        console.print(table)
    else:
        console.print(title)
    echo_skipped(manifest.skipped)
    if save is not None:
        manifest.save(save, overwrite=force)
        console.print(f"manifest: {printable(str(save))}", markup=False)
    if html is None and output is None:
        return
    from imggen.cli.output import progress_bars
    from imggen.quality import survey
    from imggen.reports import scan_page, write_page

    with progress_bars() as progress:
        found = survey(manifest, progress=progress)
        if output is not None:
            found.save(output, overwrite=force)
        if html is not None:
            write_page(html, scan_page(found, progress), overwrite=force)
    for file in filter(None, (output, html)):
        console.print(f"written: {printable(str(file))}", markup=False)
