"""``imggen scan SRC``: show the contents of a folder of classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    engine_options,
    force_option,
    html_option,
    manifest_option,
    output_option,
    source_argument,
)
from imggen.cli.verb import Verb

if TYPE_CHECKING:
    from imggen.workers import Engine


@click.command(cls=Verb, reports=True)
@source_argument
@manifest_option("Write a table of all images.", "--save")
@html_option("Write an HTML page with image sizes, formats and examples.")
@output_option("Write the size, mode and format of each image.")
@force_option
@engine_options
def scan(
    source: Path,
    manifest: Path | None,
    html: Path | None,
    output: Path | None,
    force: bool,
    engine: Engine,
    address: str | None,
) -> None:
    """Show the classes in SRC, their sizes and the skipped files.

    SRC is a folder with one folder per class, a folder of images without classes, or a table (.csv
    or .parquet) with a column path.
    """
    from imggen.cli.output import check_page, check_places, say_skipped
    from imggen.core import check_report_file, pluralize
    from imggen.data import as_manifest, check_manifest_file
    from imggen.quality import Survey
    from imggen.workers import check_engine

    check_engine(engine, address)
    check_places("SRC", [source], [manifest, html, output])
    check_manifest_file(manifest, overwrite=force)
    check_report_file(Survey, output, overwrite=force)
    check_page(html, overwrite=force)
    images = as_manifest(source)
    _print_classes(images.class_counts, images.num_samples)
    say_skipped(images.skipped)
    console = Console.current()
    if manifest is not None:
        images.save(manifest, overwrite=force)
        console.wrote(f"a manifest of {pluralize(len(images), 'image')}", manifest)
    if html is not None or output is not None:
        from imggen.cli.output import progress_bars
        from imggen.quality import survey

        with progress_bars() as progress:
            found = survey(images, engine=engine, address=address, progress=progress)
            if output is not None:
                found.save(output, overwrite=force)
            if html is not None:
                from imggen.reports import scan_page, write_page

                write_page(html, scan_page(found, progress), overwrite=force)
        if output is not None:
            console.wrote(f"a table of {pluralize(len(images), 'image')}", output)
        if html is not None:
            console.wrote("a page", html)
    console.report(
        {
            "root": images.root,
            "num_images": images.num_samples,
            "classes": images.class_counts,
            "skipped": images.skipped,
        }
    )


def _print_classes(counts: dict[str, int], num_images: int) -> None:
    from rich.console import Console as RichConsole
    from rich.markup import escape
    from rich.table import Table

    from imggen.core import pluralize, printable

    classes = pluralize(len(counts), "class") if counts else "no classes"
    title = f"{pluralize(num_images, 'image')} in {classes}"
    if not counts:
        click.echo(title)
        return
    table = Table(title=title)
    table.add_column("index", justify="right")
    table.add_column("class")
    table.add_column("images", justify="right")
    table.add_column("share", justify="right")
    for index, (name, count) in enumerate(counts.items()):
        share = count / num_images
        table.add_row(str(index), escape(printable(name)), str(count), f"{share:.1%}")
    RichConsole(highlight=False, soft_wrap=True).print(table)
