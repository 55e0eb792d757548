"""``imggen leaks TRAIN VAL TEST``: find images that are in more than one split."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    PATH,
    background_option,
    engine_options,
    exact_option,
    force_option,
    group_by_option,
    output_option,
    threshold_option,
    workers_option,
)
from imggen.cli.source import read_columns, read_groups
from imggen.cli.verb import Verb

if TYPE_CHECKING:
    from imggen.workers import Engine


@click.command(cls=Verb, reports=True)
@click.argument("sources", type=PATH, nargs=-1, metavar="TRAIN VAL [TEST]")
@group_by_option
@exact_option
@threshold_option
@background_option
@output_option("Write all leaks.")
@click.option(
    "--fix",
    type=PATH,
    metavar="FILE.csv|FILE.parquet",
    help="Write a table of all images of the splits without leaks. A leaked image is kept "
    "in test rather than in val, and in val rather than in train.",
)
@force_option
@engine_options
@workers_option
def leaks(
    sources: tuple[Path, ...],
    group_by: str | None,
    exact: bool,
    threshold: float,
    background: str,
    output: Path | None,
    fix: Path | None,
    force: bool,
    engine: Engine,
    address: str | None,
    workers: int | None,
) -> None:
    """Find images that are in more than one of the folders TRAIN, VAL and TEST.

    Or pass one folder that contains train, val and test, or a table (.csv or .parquet) with the
    columns path and split. Images with different labels are listed first; correct these before
    --fix. With --group-by, or a column group in the table, also find groups that are in more than
    one split. No image file is changed. The exit status is 1 if there are leaks and --fix is not
    given.
    """
    import imggen
    from imggen.cli.output import (
        check_places,
        echo_conflicts,
        echo_more,
        note_invisible,
        progress_bars,
        say_skipped,
    )
    from imggen.core import StringColumn, check_report_file, pluralize, printable
    from imggen.data import check_manifest_file
    from imggen.quality import Leaks

    check_places("one of the splits", sources, [output, fix])
    check_report_file(Leaks, output, overwrite=force)
    check_manifest_file(fix, overwrite=force)
    splits: Any = _choose_splits(sources)
    groups = read_groups(read_columns(splits), group_by) if isinstance(splits, Path) else group_by
    if isinstance(groups, list):  # one name per row of a table
        splits = dataclasses.replace(imggen.Manifest.load(splits), groups=StringColumn.of(groups))
        groups = None
    with progress_bars() as progress:
        found = imggen.find_leaks(
            splits,
            group_by=groups,
            near=not exact,
            threshold=threshold,
            background=background,
            engine=engine,
            address=address,
            workers=workers,
            progress=progress,
        )
    say_skipped(found.manifest.skipped, err=True)
    for path in found.duplicates.unreadable:
        click.echo(f"cannot decode, compared by bytes only: {printable(path)}", err=True)
    note_invisible(found.duplicates.invisible)
    echo_conflicts(found.duplicates, found.conflicts)
    dropped = set(found.drop)
    undisputed = found.leaks[len(found.conflicts) :]
    console = Console.current()
    for leak in undisputed[: console.max_listed]:
        for row in leak:
            action = "drop" if row in dropped else "keep"
            click.echo(f"{action} {found.get_split(row)}: {printable(found.manifest.paths[row])}")
        click.echo("")
    echo_more(len(undisputed))
    for leak in found.group_leaks[: console.max_listed]:
        click.echo(found.describe_group_leak(leak))
    echo_more(len(found.group_leaks))
    if output is not None:
        found.save(output, overwrite=force)
    leaking = pluralize(len(found.leaks), "image")
    if found.manifest.groups is not None:
        leaking += f" and {pluralize(len(found.group_leaks), 'group')}"
    console.say(f"{pluralize(len(found.manifest), 'file')}, {leaking} in more than one split")
    num_leaks = len(found.leaks) + len(found.group_leaks)
    if output is not None:
        console.wrote(pluralize(num_leaks, "leak"), output)
    if fix is not None:
        fixed = imggen.Manifest.concatenate(found.fix())
        fixed.save(fix, overwrite=force)
        console.wrote(f"a manifest of {pluralize(len(fixed), 'image')} without leaks", fix)
    console.report({**found.to_dict(), "skipped": found.manifest.skipped})
    if num_leaks and fix is None:
        raise SystemExit(1)


def _choose_splits(sources: tuple[Path, ...]) -> Path | dict[str, Path]:
    """Returns a folder or a table of all splits; or the split of each folder or table."""
    from imggen.data import SPLIT_NAMES, is_table, split_name

    if not sources:
        raise click.UsageError(
            "No folder is given. Pass the folders of the splits, or the folder that contains them."
        )
    if len(sources) == 1:
        return sources[0]
    names = [split_name(source.stem if is_table(source) else source.name) for source in sources]
    if len(set(names)) < len(names):
        if len(sources) > len(SPLIT_NAMES):
            raise click.UsageError(f"Several folders have the same name: {names}. Rename them.")
        names = list(SPLIT_NAMES[: len(sources)])
    return dict(zip(names, sources, strict=True))
