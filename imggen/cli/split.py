"""``imggen split SRC DST``: a folder of classes, or a table, into train, val and test."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from imggen.data import Manifest, Splits
    from imggen.export import Plan, Recipe
    from imggen.workers import Progress


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="SRC")
@click.argument("target", type=click.Path(path_type=Path), required=False, metavar="[DST]")
@click.option(
    "--ratio",
    "ratios",
    type=float,
    nargs=3,
    metavar="TRAIN VAL TEST",
    help="The share of each part; they sum to 1. 0: no such part.  [default: 0.7 0.15 0.15]",
)
@click.option(
    "--count",
    "counts",
    type=int,
    nargs=2,
    metavar="VAL TEST",
    help="In place of shares, how many of every class go to val and test. 0: no such part.",
)
@click.option("--kfold", "num_folds", type=int, metavar="K", help="In place of parts, K folds.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides who goes where.")
@click.option("--no-stratify", is_flag=True, help="Keep shares of the whole, not of every class.")
@click.option(
    "--stratify-by",
    multiple=True,
    metavar="COLUMN",
    help="Of a table, what to keep the shares of; several columns of 0 and 1 for several labels.",
)
@click.option(
    "--group-by",
    metavar="parent|stem|REGEX|COLUMN",
    help="What stays together: a folder, a name whatever its extension, what an expression finds "
    "in the path, or a column of the table.",
)
@click.option("--near-duplicates", is_flag=True, help="Keep equal and similar pictures together.")
@click.option("--stable", is_flag=True, help="Files never move as others come: chosen by hash.")
@click.option("--oversample", is_flag=True, help="Repeat images of rare classes in train.")
@click.option("--copy", "mode", flag_value="copy", default=True, help="Copy files (default).")
@click.option("--move", "mode", flag_value="move", help="Move them; --undo brings them back.")
@click.option("--symlink", "mode", flag_value="symlink", help="Link to them.")
@click.option("--hardlink", "mode", flag_value="hardlink", help="Give them a further name.")
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="In place of DST, write a table (.csv, .parquet): path, label, group, split, hash.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print what would go where (and draw --report), and touch nothing else.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Draw a page: counts, shares, examples from every part, what was kept together.",
)
@click.option("--undo", is_flag=True, help="Bring back what was moved to SRC by an earlier split.")
def split(
    source: Path,
    target: Path | None,
    ratios: tuple[float, ...] | None,
    counts: tuple[int, ...] | None,
    stratify_by: tuple[str, ...],
    group_by: str | None,
    no_stratify: bool,
    mode: str,
    manifest: Path | None,
    dry_run: bool,
    report: Path | None,
    undo: bool,
    **chosen: Any,
) -> None:
    """Share out the images of SRC among DST/train, DST/val and DST/test.

    SRC is a folder of class folders, or a table (.csv or .parquet) with the columns path and
    label. A run that was interrupted goes on when the same command is given again.
    """
    if undo:
        if target is not None or manifest is not None or dry_run or report is not None:
            raise click.UsageError("--undo takes the folder that files were moved to, and no more.")
        _undo(source)
        return
    if (target is None) == (manifest is None):
        raise click.UsageError("Name either a folder to split into (DST), or --manifest FILE.")
    folds = chosen["num_folds"]
    for one, other, clash in (
        ("--kfold", "--ratio or --count", folds and (ratios or counts)),
        ("--ratio", "--count", ratios and counts),
        ("--stratify-by", "--no-stratify", stratify_by and no_stratify),
        ("--manifest", f"--{mode}", manifest and mode != "copy"),
        ("--manifest of folds", "--oversample", manifest and folds and chosen["oversample"]),
    ):
        if clash:
            raise click.UsageError(f"{one} does not go with {other}.")
    from imggen.cli.source import manifest_of, read_frame_of
    from imggen.data import SPLIT_NAMES
    from imggen.export import Recipe
    from imggen.reports import check_page
    from imggen.splitting import DEFAULT_RATIOS

    frame = read_frame_of(source)
    recipe = Recipe(
        ratios=_without_zeros(ratios, SPLIT_NAMES) if ratios else DEFAULT_RATIOS,
        counts=_without_zeros(counts, SPLIT_NAMES[1:]) if counts else None,
        stratify=_strata(frame, stratify_by) if stratify_by else not no_stratify,
        group_by=_groups(frame, group_by),
        **chosen,
    )
    # A folder is not scanned here: all may have been moved out of it by the run that goes on.
    images: Path | Manifest = source
    if frame is not None:
        # Hashes in a table may be those of what a file was once.
        images = dataclasses.replace(manifest_of(source, frame), hashes=None)
    check_page(report)
    _check_output(source, manifest, report)
    if manifest is not None:
        _write_manifest(images, recipe, manifest, dry_run, report)
    elif target is not None:
        _split_files(images, target, recipe, mode, dry_run, report)


def _check_output(source: Path, *outputs: Path | None) -> None:
    """Refuses to write over what is read."""
    for output in outputs:
        if output is None:
            continue
        place = output.resolve()
        if place == source.resolve() or source.resolve() in place.parents:
            raise click.UsageError(f"{output} is or lies in SRC; choose another place.")


def _undo(folder: Path) -> None:
    import imggen
    from imggen.cli.progress import progress_bars

    with progress_bars() as progress:
        num_files = imggen.undo_split(folder, progress=progress)
    click.echo(f"{num_files} files are where they were before the split.")


def _split_files(
    images: Path | Manifest,
    target: Path,
    recipe: Recipe,
    mode: str,
    dry_run: bool,
    report: Path | None,
) -> None:
    from imggen.cli.progress import progress_bars
    from imggen.core import printable
    from imggen.export import carry_out_plan, plan_split, warn_of

    with progress_bars() as progress:
        plan = plan_split(images, target, recipe, mode, progress)
        if not dry_run:
            outcome = carry_out_plan(plan, progress)
        parts = plan.parts(str(target), without=() if dry_run else outcome.vanished)
        if report is not None:
            drawn = plan.sources() if dry_run else plan.parts(str(target))
            sources = zip(recipe.once(plan.sources()), recipe.once(drawn), strict=True)
            place_of = {
                path: drawn_part.filepath(row)
                for source_part, drawn_part in sources
                for row, path in enumerate(source_part.paths)
            }
            groups = plan.duplicates and [
                [place_of[path] for path in group] for group in plan.duplicates
            ]
            _write_report(report, drawn, recipe, groups, plan.num_torn, progress)
    if not dry_run:
        warn_of(plan, outcome)
    _print_table(parts, recipe, f"images in {printable(str(target))}")
    _print_duplicates(plan.duplicates, plan.num_torn)
    num_sidecars = sum(step.part < 0 for step in plan.steps)
    if num_sidecars:
        click.echo(f"{num_sidecars} files of the same names went along.")
    if dry_run:
        _print_plan(plan)
    elif outcome.vanished:
        raise SystemExit(1)


def _write_manifest(
    images: Path | Manifest, recipe: Recipe, file: Path, dry_run: bool, report: Path | None
) -> None:
    import imggen
    from imggen.cli.progress import progress_bars
    from imggen.core import printable

    with progress_bars() as progress:
        found = imggen.scan(images) if isinstance(images, Path) else images
        made = recipe.make(found, progress)
        if not dry_run:
            table = recipe.table(made.parts)
            if table.hashes is None:
                table = imggen.hash_files(table, progress=progress)
            table.save(file)
        if report is not None:
            row_of = {path: row for row, path in enumerate(found.paths)}
            groups = made.duplicates and [
                [found.filepath(row_of[path]) for path in group] for group in made.duplicates
            ]
            _write_report(report, made.parts, recipe, groups, made.num_torn, progress)
    _print_table(made.parts, recipe, "images")
    _print_duplicates(made.duplicates, made.num_torn)
    if not dry_run:
        click.echo(f"manifest: {printable(str(file))}")


def _write_report(
    file: Path,
    parts: Splits[Manifest],
    recipe: Recipe,
    groups: list[list[str]] | None,
    num_torn: int,
    progress: Progress,
) -> None:
    from imggen.reports import split_page, write_page

    write_page(file, split_page(parts, recipe, groups, num_torn, progress))


def _print_duplicates(groups: list[list[str]] | None, num_torn: int) -> None:
    if groups is not None:
        click.echo(
            f"{len(groups)} groups of equal or similar pictures were kept together; "
            f"{num_torn} of them would be in several parts otherwise."
        )


def _print_table(parts: Splits[Manifest], recipe: Recipe, title: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from imggen.core import printable
    from imggen.splitting import furthest_off

    parts = recipe.once(parts)
    table = Table(title=escape(f"{sum(map(len, parts))} {title}"))
    table.add_column("class")
    for name in parts.names:
        table.add_column(name, justify="right")
    counts = [part.class_counts for part in parts]
    for class_name in parts[0].class_names if counts[0] else ():
        numbers = (str(count[class_name]) for count in counts)
        table.add_row(escape(printable(class_name)), *numbers)
    table.add_section()
    table.add_row("all", *(str(len(part)) for part in parts))
    Console().print(table)
    if recipe.shares is not None:
        off = furthest_off(parts, recipe.shares)
        if off is not None:
            click.echo(f"furthest from its share: {printable(str(off))}")


def _print_plan(plan: Plan) -> None:
    from imggen.core import printable

    for step in plan.steps:
        click.echo(f"{plan.mode} {printable(step.source)} -> {printable(step.target)}")


def _groups(frame: pd.DataFrame | None, by: str | None) -> str | list[str] | None:
    """The names in a column of the table; what is no column is for ``group_by``."""
    from imggen.data import table_column

    if by is None or frame is None:
        return by
    if by not in frame.columns:
        # An expression that is a mere word would be the same in every path.
        if by.isidentifier() and by not in ("parent", "stem"):
            raise click.UsageError(
                f"--group-by {by}: the table has no such column; it has {list(frame.columns)}."
            )
        return by
    names = list(map(str, table_column(frame, by)))
    if "" in names:
        raise click.UsageError(
            f"--group-by {by}: {names.count('')} of {len(names)} rows have no group, first row "
            f"{names.index('')}. Name one for each; a name of its own lets an image go anywhere."
        )
    return names


def _strata(frame: pd.DataFrame | None, columns: tuple[str, ...]) -> Any:
    """One column as it is; several as 0 and 1."""
    import numpy as np

    from imggen.data import table_column

    if frame is None:
        raise click.UsageError("--stratify-by goes with a table; SRC is a folder.")
    values = [table_column(frame, name) for name in columns]
    if len(values) == 1:
        return np.array(list(map(str, values[0])))
    try:
        return np.array([[float(value) for value in column] for column in values]).T
    except ValueError as err:
        raise click.UsageError(f"--stratify-by: columns must hold 0 and 1: {err}.") from err


def _without_zeros(numbers: tuple[Any, ...], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: number for name, number in zip(names, numbers, strict=True) if number != 0}
