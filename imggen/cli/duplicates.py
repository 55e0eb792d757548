"""``imggen duplicates SRC``: find duplicate and near-duplicate images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    background_option,
    engine_options,
    exact_option,
    force_option,
    html_option,
    output_option,
    source_argument,
    threshold_option,
    workers_option,
)
from imggen.cli.verb import Verb

if TYPE_CHECKING:
    from imggen.workers import Engine


@click.command(cls=Verb, reports=True)
@source_argument
@exact_option
@threshold_option
@background_option
@html_option("Write an HTML page that shows the images of each group.")
@output_option("Write all groups and the files to drop.")
@force_option
@engine_options
@workers_option
def duplicates(
    source: Path,
    exact: bool,
    threshold: float,
    background: str,
    output: Path | None,
    html: Path | None,
    force: bool,
    engine: Engine,
    address: str | None,
    workers: int | None,
) -> None:
    """Find duplicate and near-duplicate images in SRC.

    SRC is a folder, or a table (.csv or .parquet) with a column path. If all images are in folders,
    the folder names are their labels. Images with different labels are listed first; decide which
    label is right. No file is changed. The exit status is 1 if there are duplicates.
    """
    import imggen
    from imggen.cli.output import (
        check_page,
        check_places,
        echo_conflicts,
        echo_more,
        note_invisible,
        progress_bars,
        say_skipped,
    )
    from imggen.core import check_report_file, pluralize, printable
    from imggen.quality import Duplicates

    check_places("SRC", [source], [output, html])
    check_report_file(Duplicates, output, overwrite=force)
    check_page(html, overwrite=force)
    console = Console.current()
    with progress_bars() as progress:
        found = imggen.find_duplicates(
            source,
            near=not exact,
            threshold=threshold,
            background=background,
            engine=engine,
            address=address,
            workers=workers,
            progress=progress,
        )
        if html is not None:
            from imggen.reports import duplicates_page, write_page

            write_page(html, duplicates_page(found, progress), overwrite=force)
    echo_conflicts(found, found.conflicts)
    paths, limit = found.manifest.paths, console.max_listed
    decided = [group for group in found.groups if group[0] not in found.undecided]
    for group in decided[:limit]:
        click.echo(f"keep {printable(paths[group[0]])}")
        for row in group[1:][:limit]:
            kind = "identical" if found.exact[row] == found.exact[group[0]] else "similar"
            click.echo(f"  drop {printable(paths[row])} ({kind})")
        if len(group) - 1 > limit:
            click.echo(f"  and {len(group) - 1 - limit} more")
    echo_more(len(decided), "groups")
    for path in found.unreadable:
        click.echo(f"cannot read {printable(path)}", err=True)
    note_invisible(found.invisible)
    if output is not None:
        found.save(output, overwrite=force)
    say_skipped(found.manifest.skipped)
    conflicts = f", {pluralize(len(found.conflicts), 'conflict')}" if found.conflicts else ""
    console.say(
        f"{pluralize(len(paths), 'file')}, {pluralize(len(found.groups), 'group')}, "
        f"{pluralize(len(found.drop), 'file')} to drop{conflicts}"
    )
    if output is not None:
        console.wrote(pluralize(len(found.groups), "group"), output)
    if html is not None:
        console.wrote("a page", html)
    console.report({**found.to_dict(), "skipped": found.manifest.skipped})
    if found.groups or found.conflicts:
        raise SystemExit(1)
