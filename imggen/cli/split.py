"""``imggen split SRC DST``: split a folder, or a table, into train, val and test."""

from __future__ import annotations

import dataclasses
import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    PATH,
    force_option,
    group_by_option,
    html_option,
    manifest_option,
    seed_option,
    source_argument,
)
from imggen.cli.split_output import warnings_last
from imggen.cli.split_run import Show, split_files, undo_split, write_manifest
from imggen.cli.values import ShareType, leave_out_zeros
from imggen.cli.verb import AliasedOption, Verb

if TYPE_CHECKING:
    import pandas as pd

    from imggen.data import Manifest


@click.command(cls=Verb, reports=True, resumes=True)
@source_argument
@click.argument("target", type=PATH, required=False, metavar="[DST]")
@click.option(
    "--split",
    "ratios",
    cls=AliasedOption,
    aliases=["--ratio"],
    type=ShareType(),
    metavar="TRAIN VAL [TEST]",
    help="Two or three fractions of the images, which sum to 1. 0 leaves out a split.  "
    "[default: 0.7 0.15 0.15]",
)
@click.option(
    "--counts",
    cls=AliasedOption,
    aliases=["--count"],
    type=int,
    nargs=2,
    metavar="VAL TEST",
    help="Number of images per class for val and for test, instead of --split; the rest goes to "
    "train. 0 leaves out a split.",
)
@click.option(
    "--kfold",
    "num_folds",
    cls=AliasedOption,
    aliases=["--num-folds"],
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
    help="Apply --split to all images together, rather than to each class.",
)
@click.option(
    "--stratify-by",
    multiple=True,
    metavar="COLUMN",
    help="Stratify by this column of the table instead of the class. For several labels per image, "
    "repeat it for columns of 0 and 1.",
)
@group_by_option
@click.option(
    "--near-duplicates",
    is_flag=True,
    help="Keep duplicates and near-duplicates in one split. Not with --stable.",
)
@click.option(
    "--stable",
    is_flag=True,
    help="Choose the split of each file by its hash, so that it stays the same when files are "
    "added. Not with --counts or --kfold.",
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
@manifest_option(
    "Write a table of all images, with the columns path, label, group, split and hash, instead of "
    "files in DST."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print a summary of what would be done: counts, files to write, and warnings. Nothing is "
    "written, except the page of --html.",
)
@click.option(
    "--list",
    "list_files",
    is_flag=True,
    help="Print each file and where it would go, and write nothing, as with --dry-run.",
)
@html_option(
    "Write an HTML page with counts, shares, example images of each split, and the groups that "
    "were kept together.",
    "--report",
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
    html: Path | None,
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
        others = (target, manifest, html, dry_run or None, list_files or None)
        if any(other is not None for other in others):
            raise click.UsageError(
                "--undo expects only the folder that files were moved to. Drop the other options."
            )
        undo_split(source)
        return
    if (target is None) == (manifest is None):
        raise click.UsageError("Pass either a folder to split into (DST), or --manifest FILE.")
    folds = chosen["num_folds"]
    for one, other, clash in (
        ("--kfold", "--split or --counts", folds and (ratios or counts)),
        ("--split", "--counts", ratios and counts),
        ("--stratify-by", "--no-stratify", stratify_by and no_stratify),
        ("--manifest", f"--{mode}", manifest and mode != "copy"),
        ("--manifest with --kfold", "--oversample", manifest and folds and chosen["oversample"]),
    ):
        if clash:
            raise click.UsageError(f"{one} cannot be combined with {other}.")
    from imggen.cli.output import check_page, check_places
    from imggen.cli.source import read_columns, read_groups
    from imggen.data import (
        SPLIT_NAMES,
        as_manifest,
        check_manifest_file,
        read_table_source,
        scan_all,
        scan_any,
    )
    from imggen.splitting import DEFAULT_RATIOS, Recipe

    frame = read_columns(source)
    recipe = Recipe(
        ratios=leave_out_zeros("--split", ratios, SPLIT_NAMES) if ratios else DEFAULT_RATIOS,
        counts=leave_out_zeros("--counts", counts, SPLIT_NAMES[1:]) if counts else None,
        stratify=_read_strata(frame, stratify_by) if stratify_by else not no_stratify,
        group_by=read_groups(frame, group_by),
        **chosen,
    )
    # A folder is not scanned here: the run to resume may have moved all files out of it.
    images: Path | Manifest = source
    if frame is not None:
        # Hashes in a table may be out of date.
        images = dataclasses.replace(read_table_source(source), hashes=None)
        if no_labels:
            images = dataclasses.replace(images, labels=None, class_names=())
    check_places("SRC", [source], [manifest, html], folder=target)
    check_manifest_file(manifest, overwrite=force)
    check_page(_existing_place(html, target), overwrite=force)
    is_shown = dry_run or not (list_files or Console.current().is_quiet)
    show = Show(counts=is_shown, files=list_files, is_dry=dry_run or list_files)
    with warnings_last() if dry_run else nullcontext():
        if manifest is not None:
            found = as_manifest(images, scan_all if no_labels else scan_any)
            write_manifest(found, recipe, manifest, html, show)
        elif target is not None:
            split_files(images, target, recipe, mode, html, show, labels=not no_labels)


def _existing_place(html: Path | None, target: Path | None) -> Path | None:
    """Returns where a page can be checked: DST, which may hold it, is created later."""
    if html is None or target is None:
        return html
    place = Path(os.path.abspath(html))
    while not place.parent.is_dir() and Path(os.path.abspath(target)) in place.parents:
        place = place.parent.with_name(html.name)
    return place


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
