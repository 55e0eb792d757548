"""``imggen duplicates DIR``: files that show the same picture."""

from __future__ import annotations

from pathlib import Path

import click

_MOST_LISTED = 20


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--exact", is_flag=True, help="Only files of the same bytes.")
@click.option(
    "--threshold",
    type=float,
    default=0.95,
    show_default=True,
    help="How similar pictures must be, up to 1; the page of --html shows what that means.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write all groups, and which files to drop, to FILE (.csv or .json).",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw a page with the pictures of each group.",
)
@click.option("--workers", type=int, help="Threads; one a core, if not given.")
def duplicates(
    source: Path,
    exact: bool,
    threshold: float,
    output: Path | None,
    html: Path | None,
    workers: int | None,
) -> None:
    """Find files of DIR (a folder or a table) that show the same picture.

    The exit status is 1 if there are any.
    """
    import imggen
    from imggen.cli.progress import progress_bars
    from imggen.cli.source import all_images
    from imggen.core import check_report_path, pluralize, printable
    from imggen.reports import check_page, duplicates_page, write_page

    check_report_path(output)
    check_page(html)
    with progress_bars() as progress:
        found = imggen.find_duplicates(
            all_images(source),
            near=not exact,
            threshold=threshold,
            workers=workers,
            progress=progress,
        )
        if html is not None:
            write_page(html, duplicates_page(found, progress))
    paths = found.manifest.paths
    for group in found.groups[:_MOST_LISTED]:
        click.echo(f"keep {printable(paths[group[0]])}")
        for row in group[1 : _MOST_LISTED + 1]:
            equal = "the same bytes" if found.exact[row] == found.exact[group[0]] else "similar"
            click.echo(f"  drop {printable(paths[row])} ({equal})")
        if len(group) > _MOST_LISTED + 1:
            click.echo(f"  and {len(group) - _MOST_LISTED - 1} more")
    if len(found.groups) > _MOST_LISTED:
        click.echo(f"... and {len(found.groups) - _MOST_LISTED} more groups; -o FILE has all")
    for path in found.unreadable:
        click.echo(f"cannot be read: {printable(path)}", err=True)
    if output is not None:
        found.save(output)
    click.echo(
        f"{pluralize(len(paths), 'file')}, {pluralize(len(found.groups), 'group')}, "
        f"{pluralize(len(found.drop), 'file')} to drop"
    )
    if found.groups:
        raise SystemExit(1)
