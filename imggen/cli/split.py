"""``imggen split SRC DST``: split a folder, or a table, into train, val and test."""

from __future__ import annotations

import dataclasses
import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

import click

from imggen.cli.options import PATH, force_option, seed_option
from imggen.cli.ratio_option import RatioCommand
from imggen.cli.split_output import (
    print_duplicates,
    print_nothing_written,
    print_rows,
    print_steps,
    print_summary,
    print_table,
    warnings_last,
)
from imggen.errors import shorten

if TYPE_CHECKING:
    import pandas as pd

    from imggen.data import Manifest
    from imggen.splitting import Recipe


@click.command(cls=RatioCommand)
@click.argument("source", type=PATH, metavar="SRC")
@click.argument("target", type=PATH, required=False, metavar="[DST]")
@click.option(
    "--ratio",
    "ratios",
    type=float,
    nargs=3,
    metavar="TRAIN VAL [TEST]",
    help="Two or three fractions of the images, which sum to 1. 0 leaves out a split.  "
    "[default: 0.7 0.15 0.15]",
)
@click.option(
    "--count",
    "counts",
    type=int,
    nargs=2,
    metavar="VAL TEST",
    help="Number of images per class for val and for test, instead of --ratio; the rest goes to "
    "train. 0 leaves out a split.",
)
@click.option(
    "--kfold",
    "num_folds",
    type=int,
    metavar="K",
    help="Number of folds for cross-validation, instead of train, val and test: DST/fold_0/train, "
    "DST/fold_0/val and so on. Each image is in val once.",
)
@seed_option
@click.option(
    "--no-labels",
    is_flag=True,
    help="Split all images at any depth without classes; folders inside of SRC are kept.",
)
@click.option(
    "--no-stratify",
    is_flag=True,
    help="Apply the ratios to all images together, rather than to each class.",
)
@click.option(
    "--stratify-by",
    multiple=True,
    metavar="COLUMN",
    help="Stratify by this column of the table instead of the class. For several labels per image, "
    "repeat it for columns of 0 and 1.",
)
@click.option(
    "--group-by",
    metavar="parent|stem|REGEX|COLUMN",
    help="Keep the images of a group in one split. Images belong together if they are in the same "
    "folder (parent), if their paths differ only in the extension (stem), if a regular expression "
    "matches the same text in their paths, or if they have the same value in a column.",
)
@click.option(
    "--near-duplicates",
    is_flag=True,
    help="Keep duplicates and near-duplicates in one split. Not with --stable.",
)
@click.option(
    "--stable",
    is_flag=True,
    help="Choose the split of each file by its hash, so that it stays the same when files are "
    "added. Not with --count or --kfold.",
)
@click.option(
    "--oversample",
    is_flag=True,
    help="Repeat images of rare classes in train until all classes are as large as the largest.",
)
@click.option("--copy", "mode", flag_value="copy", default=True, help="Copy files.  [default]")
@click.option("--move", "mode", flag_value="move", help="Move files; --undo moves them back.")
@click.option("--symlink", "mode", flag_value="symlink", help="Create symbolic links to the files.")
@click.option("--hardlink", "mode", flag_value="hardlink", help="Create hard links to the files.")
@click.option(
    "--manifest",
    type=PATH,
    metavar="FILE",
    help="Instead of files in DST, write a table (.csv or .parquet) with the columns path, label, "
    "group, split and hash.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print a summary of what would be done: counts, files to write, and warnings. Nothing is "
    "written, except the page of --report.",
)
@click.option(
    "--list",
    "list_files",
    is_flag=True,
    help="Print each file and where it would go, and write nothing, as with --dry-run.",
)
@click.option(
    "--report",
    type=PATH,
    metavar="FILE.html",
    help="Write an HTML page with counts, ratios, example images of each split, and the groups "
    "that were kept together.",
)
@click.option(
    "--undo",
    is_flag=True,
    help="Move all files back; SRC is the DST of an earlier run with --move.",
)
@force_option
def split(
    source: Path,
    target: Path | None,
    ratios: tuple[float, ...] | None,
    counts: tuple[int, ...] | None,
    stratify_by: tuple[str, ...],
    group_by: str | None,
    no_labels: bool,
    no_stratify: bool,
    mode: str,
    manifest: Path | None,
    dry_run: bool,
    list_files: bool,
    report: Path | None,
    undo: bool,
    force: bool,
    **chosen: Any,
) -> None:
    """Split the images in SRC into DST/train, DST/val and DST/test.

    SRC is a folder of images, with or without class folders, or a table (.csv or .parquet) with the
    columns path and, if there are classes, label. Rerun the same command to resume an interrupted
    run.

    The exit status is 1 if files have vanished since the run began.
    """
    if undo:
        others = (target, manifest, report, dry_run or None, list_files or None)
        if any(other is not None for other in others):
            raise click.UsageError(
                "--undo expects only the folder that files were moved to. Drop the other options."
            )
        _undo(source)
        return
    if (target is None) == (manifest is None):
        raise click.UsageError("Pass either a folder to split into (DST), or --manifest FILE.")
    folds = chosen["num_folds"]
    for one, other, clash in (
        ("--kfold", "--ratio or --count", folds and (ratios or counts)),
        ("--ratio", "--count", ratios and counts),
        ("--stratify-by", "--no-stratify", stratify_by and no_stratify),
        ("--manifest", f"--{mode}", manifest and mode != "copy"),
        ("--manifest with --kfold", "--oversample", manifest and folds and chosen["oversample"]),
    ):
        if clash:
            raise click.UsageError(f"{one} cannot be combined with {other}.")
    from imggen.cli.output import check_places
    from imggen.cli.source import read_columns
    from imggen.data import (
        SPLIT_NAMES,
        as_manifest,
        check_manifest_file,
        read_table_source,
        scan_all,
        scan_any,
    )
    from imggen.reports import check_page
    from imggen.splitting import DEFAULT_RATIOS, Recipe

    frame = read_columns(source)
    recipe = Recipe(
        ratios=_without_zeros(ratios, SPLIT_NAMES) if ratios else DEFAULT_RATIOS,
        counts=_without_zeros(counts, SPLIT_NAMES[1:]) if counts else None,
        stratify=_read_strata(frame, stratify_by) if stratify_by else not no_stratify,
        group_by=_read_groups(frame, group_by),
        **chosen,
    )
    # A folder is not scanned here: the run to resume may have moved all files out of it.
    images: Path | Manifest = source
    if frame is not None:
        # Hashes in a table may be out of date.
        images = dataclasses.replace(read_table_source(source), hashes=None)
        if no_labels:
            images = dataclasses.replace(images, labels=None, class_names=())
    check_places("SRC", [source], [manifest, report], folder=target)
    check_manifest_file(manifest, overwrite=force)
    check_page(_existing_place(report, target), overwrite=force)
    show = _Show(counts=dry_run or not list_files, files=list_files, is_dry=dry_run or list_files)
    with warnings_last() if dry_run else nullcontext():
        if manifest is not None:
            found = as_manifest(images, scan_all if no_labels else scan_any)
            _write_manifest(found, recipe, manifest, report, show)
        elif target is not None:
            _split_files(images, target, recipe, mode, report, show, labels=not no_labels)


@final
class _Show(NamedTuple):
    """The kinds of output.

    Attributes:
        counts: The table of counts, and the summary of a dry run.
        files: Each file and its split.
        is_dry: Whether nothing is written.
    """

    counts: bool
    files: bool
    is_dry: bool


def _existing_place(report: Path | None, target: Path | None) -> Path | None:
    """Returns where a report can be checked: DST, which may hold it, is created later."""
    if report is None or target is None:
        return report
    place = Path(os.path.abspath(report))
    while not place.parent.is_dir() and Path(os.path.abspath(target)) in place.parents:
        place = place.parent.with_name(report.name)
    return place


def _undo(folder: Path) -> None:
    import imggen
    from imggen.cli.output import progress_bars
    from imggen.core import pluralize

    with progress_bars() as progress:
        num_files = imggen.undo_split(folder, progress=progress)
    click.echo(f"moved {pluralize(num_files, 'file')} back")


_PAST = {"copy": "copied", "move": "moved", "symlink": "linked", "hardlink": "linked"}


def _split_files(
    images: Path | Manifest,
    target: Path,
    recipe: Recipe,
    mode: str,
    report: Path | None,
    show: _Show,
    *,
    labels: bool,
) -> None:
    from imggen.cli.output import echo_skipped, progress_bars
    from imggen.core import pluralize, printable
    from imggen.export import RecipeSplits, carry_out_plan, plan_split, warn_of_outcome
    from imggen.reports import split_page, write_page

    with progress_bars() as progress:
        plan = plan_split(images, target, recipe, mode, progress, labels=labels)
        outcome = None if show.is_dry else carry_out_plan(plan, progress)
        splits = plan.splits(str(target), without=() if outcome is None else outcome.vanished)
        if report is not None:
            shown = plan.sources() if outcome is None else plan.splits(str(target))
            pairs = zip(recipe.disjoint(plan.sources()), recipe.disjoint(shown), strict=True)
            file_of = {
                path: after.filepath(row)
                for before, after in pairs
                for row, path in enumerate(before.paths)
            }
            groups = plan.duplicates and [
                [file_of[path] for path in group] for group in plan.duplicates
            ]
            result = RecipeSplits(shown, groups, plan.num_separated)
            write_page(report, split_page(result, recipe, progress), overwrite=True)
    if outcome is not None:
        warn_of_outcome(plan, outcome)
    if show.counts:
        print_table(splits, recipe, f"images in {printable(str(target))}")
        print_duplicates(plan.duplicates, plan.num_separated)
        echo_skipped(plan.skipped)
        num_sidecars = sum(step.split < 0 for step in plan.steps)
        if num_sidecars:
            action = f"to {mode}" if show.is_dry else _PAST[mode]
            click.echo(f"also {action}: {pluralize(num_sidecars, 'sidecar file')}")
    if show.files:
        print_steps(plan)
    if show.is_dry and show.counts:
        print_summary(plan, target, listed=show.files)
    if outcome is not None and outcome.vanished:
        raise SystemExit(1)


def _write_manifest(
    found: Manifest, recipe: Recipe, file: Path, report: Path | None, show: _Show
) -> None:
    import imggen
    from imggen.cli.output import echo_skipped, progress_bars
    from imggen.core import pluralize, printable
    from imggen.export import make_splits, merge_splits
    from imggen.reports import split_page, write_page

    with progress_bars() as progress:
        result = make_splits(found, recipe, progress)
        if not show.is_dry:
            table = merge_splits(result.splits, recipe)
            if table.hashes is None:
                table = imggen.hash_files(table, progress=progress)
            table.save(file, overwrite=True)
        if report is not None:
            row_of = {path: row for row, path in enumerate(found.paths)}
            groups = result.duplicates and [
                [found.filepath(row_of[path]) for path in group] for group in result.duplicates
            ]
            shown = result._replace(duplicates=groups)
            write_page(report, split_page(shown, recipe, progress), overwrite=True)
    if show.counts:
        print_table(result.splits, recipe, "images")
        print_duplicates(result.duplicates, result.num_separated)
        echo_skipped(found.skipped)
    if show.files:
        print_rows(result.splits, recipe)
    if not show.is_dry:
        click.echo(f"manifest: {printable(str(file))}")
    elif show.counts:
        rows = sum(map(len, recipe.disjoint(result.splits)))
        click.echo(f"would write a table of {pluralize(rows, 'image')}: {printable(str(file))}")
        print_nothing_written(listed=show.files)


def _read_groups(frame: pd.DataFrame | None, by: str | None) -> str | list[str] | None:
    """Reads the groups from a column of the table; anything else is passed on to ``group_by``."""
    from imggen.data import table_column

    if by is None or frame is None:
        return by
    if by not in frame.columns:
        # A single word as a regular expression would match the same text in every path.
        if by.isidentifier() and by not in ("parent", "stem"):
            raise click.UsageError(
                f"--group-by {by}: the table has no such column. It has "
                f"{shorten(list(frame.columns))}."
            )
        return by
    names = list(map(str, table_column(frame, by)))
    if "" in names:
        raise click.UsageError(
            f"--group-by {by}: {names.count('')} of {len(names)} rows have no group, such as row "
            f"{names.index('')}. Give each row a group; use a unique one for independent images."
        )
    return names


def _read_strata(frame: pd.DataFrame | None, columns: tuple[str, ...]) -> Any:
    """Reads the strata: one column as text, several as numbers 0 and 1."""
    import numpy as np

    from imggen.data import table_column

    if frame is None:
        raise click.UsageError(
            "--stratify-by needs a table, and SRC is a folder. Pass a .csv or .parquet file."
        )
    values = [table_column(frame, name) for name in columns]
    if len(values) == 1:
        strata = list(map(str, values[0]))
        if "" in strata:
            raise click.UsageError(
                f"--stratify-by {columns[0]}: {strata.count('')} of {len(strata)} rows have no "
                f"value, such as row {strata.index('')}. Give each row a value."
            )
        return np.array(strata)
    try:
        return np.array([[float(value) for value in column] for column in values]).T
    except ValueError as err:
        raise click.UsageError(f"--stratify-by: columns must hold 0 and 1: {err}.") from err


def _without_zeros(numbers: tuple[Any, ...], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: number for name, number in zip(names, numbers, strict=True) if number != 0}
