"""``imggen duplicates DIRECTORY``: find duplicate and near-duplicate images."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.options import (
    background_option,
    directory_argument,
    exact_option,
    force_option,
    html_option,
    output_option,
    threshold_option,
    workers_option,
)


@click.command()
@directory_argument
@exact_option
@threshold_option
@output_option("Write all groups and the files to drop to FILE (.csv or .json).")
@background_option
@html_option("Write an HTML page that shows the images of each group.")
@force_option
@workers_option
def duplicates(
    directory: Path,
    exact: bool,
    threshold: float,
    background: str,
    output: Path | None,
    html: Path | None,
    force: bool,
    workers: int | None,
) -> None:
    """Find duplicate and near-duplicate images in DIRECTORY.

    DIRECTORY is a folder, or a table (.csv or .parquet) with a column path. If all images are in
    folders, the folder names are their labels. Images with different labels are listed first;
    decide which label is right. No file is changed. The exit status is 1 if there are duplicates.
    """
    import imggen
    from imggen.cli.output import (
        MAX_LISTED,
        check_places,
        echo_conflicts,
        echo_invisible,
        echo_skipped,
        progress_bars,
    )
    from imggen.core import check_report_file, pluralize, printable
    from imggen.quality import Duplicates
    from imggen.reports import check_page, duplicates_page, write_page

    check_places("DIRECTORY", [directory], [output, html])
    check_report_file(Duplicates, output, overwrite=force)
    check_page(html, overwrite=force)
    with progress_bars() as progress:
        found = imggen.find_duplicates(
            directory,
            near=not exact,
            threshold=threshold,
            background=background,
            workers=workers,
            progress=progress,
        )
        if html is not None:
            write_page(html, duplicates_page(found, progress), overwrite=force)
    echo_conflicts(found, found.conflicts)
    paths = found.manifest.paths
    decided = [group for group in found.groups if group[0] not in found.undecided]
    for group in decided[:MAX_LISTED]:
        click.echo(f"keep {printable(paths[group[0]])}")
        for row in group[1 : MAX_LISTED + 1]:
            kind = "identical" if found.exact[row] == found.exact[group[0]] else "similar"
            click.echo(f"  drop {printable(paths[row])} ({kind})")
        if len(group) > MAX_LISTED + 1:
            click.echo(f"  and {len(group) - MAX_LISTED - 1} more")
    if len(decided) > MAX_LISTED:
        click.echo(f"... and {len(decided) - MAX_LISTED} more groups; -o FILE writes all")
    for path in found.unreadable:
        click.echo(f"cannot read {printable(path)}", err=True)
    echo_invisible(found.invisible)
    if output is not None:
        found.save(output, overwrite=force)
    echo_skipped(found.manifest.skipped)
    conflicts = f", {pluralize(len(found.conflicts), 'conflict')}" if found.conflicts else ""
    click.echo(
        f"{pluralize(len(paths), 'file')}, {pluralize(len(found.groups), 'group')}, "
        f"{pluralize(len(found.drop), 'file')} to drop{conflicts}"
    )
    if found.groups or found.conflicts:
        raise SystemExit(1)
