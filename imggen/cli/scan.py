"""``imggen scan DIR``: what a folder holds."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the manifest to FILE (.csv or .parquet).",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw a page with sizes, formats and pictures.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write size, mode and format of each image to FILE (.csv or .json).",
)
def scan(directory: Path, save: Path | None, html: Path | None, output: Path | None) -> None:
    """Show the classes of DIRECTORY, their sizes, and what would be passed over."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from imggen.core import check_report_path, printable
    from imggen.data import scan as scan_folder
    from imggen.reports import check_page

    check_report_path(output)
    check_page(html)
    manifest = scan_folder(directory)
    console = Console(highlight=False, soft_wrap=True)
    table = Table(title=f"{manifest.num_samples} images in {manifest.num_classes} classes")
    table.add_column("index", justify="right")
    table.add_column("class")
    table.add_column("images", justify="right")
    table.add_column("share", justify="right")
    for index, (name, count) in enumerate(manifest.class_counts.items()):
        table.add_row(
            str(index), escape(printable(name)), str(count), f"{count / manifest.num_samples:.1%}"
        )
    console.print(table)
    for reason, count in manifest.skipped.items():
        console.print(f"passed over: {count} × {printable(reason)}", markup=False)
    if save is not None:
        manifest.save(save)
        console.print(f"manifest: {printable(str(save))}", markup=False)
    if html is None and output is None:
        return
    from imggen.cli.progress import progress_bars
    from imggen.quality import survey
    from imggen.reports import scan_page, write_page

    with progress_bars() as progress:
        found = survey(manifest, progress=progress)
        if output is not None:
            found.save(output)
        if html is not None:
            write_page(html, scan_page(found, progress))
    for file in filter(None, (output, html)):
        console.print(f"written: {printable(str(file))}", markup=False)
