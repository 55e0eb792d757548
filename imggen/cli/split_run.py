"""The work of ``imggen split``: files or a table, and what is printed about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

from imggen.cli.console import Console
from imggen.cli.split_output import (
    print_deviation,
    print_duplicates,
    print_groups,
    print_nothing_written,
    print_rows,
    print_steps,
    print_summary,
    print_table,
)

if TYPE_CHECKING:
    from imggen.data import Manifest, Splits
    from imggen.splitting import Recipe


@final
class Show(NamedTuple):
    """The kinds of output.

    Attributes:
        counts: The table of counts, and the summary of a dry run.
        files: Each file and its split.
        is_dry: Whether nothing is written.
    """

    counts: bool
    files: bool
    is_dry: bool


def undo_split(folder: Path) -> None:
    """Moves the files of a split back."""
    import imggen
    from imggen.cli.output import progress_bars
    from imggen.core import pluralize, printable

    with progress_bars() as progress:
        num_files = imggen.undo_split(folder, progress=progress)
    console, place = Console.current(), printable(str(folder.absolute()))
    console.say(f"Moved {pluralize(num_files, 'file')} back from {place}")
    console.report({"target": folder, "num_files_moved_back": num_files})


_PAST = {"copy": "copied", "move": "moved", "symlink": "linked", "hardlink": "linked"}


def split_files(
    images: Path | Manifest,
    target: Path,
    recipe: Recipe,
    mode: str,
    html: Path | None,
    show: Show,
    *,
    labels: bool,
) -> None:
    """Splits files into a folder, or shows what would be done.

    Args:
        images: The folder, or the manifest of a table.
        target: The folder to split into.
        recipe: The recipe.
        mode: How files get there.
        html: The page to write, or None.
        show: The kinds of output.
        labels: Whether class folders are classes.
    """
    from imggen.cli.output import progress_bars, say_skipped
    from imggen.core import pluralize, printable
    from imggen.export import RecipeSplits, carry_out_plan, plan_split, warn_of_outcome

    with progress_bars() as progress:
        plan = plan_split(images, target, recipe, mode, progress, labels=labels)
        outcome = None if show.is_dry else carry_out_plan(plan, progress)
        splits = plan.splits(str(target), without=() if outcome is None else outcome.vanished)
        if html is not None:
            from imggen.reports import split_page, write_page

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
            result = RecipeSplits(shown, groups, plan.num_separated, plan.num_groups)
            source = images if isinstance(images, Path) else images.root
            root = source if outcome is None else target
            page = split_page(result, recipe, root, progress, sources=plan.sources())
            write_page(html, page, overwrite=True)
    if outcome is not None:
        warn_of_outcome(plan, outcome)
    vanished = [] if outcome is None else outcome.vanished
    console = Console.current()
    if show.counts:
        print_table(splits, recipe, f"in {printable(str(target))}")
        print_deviation(plan.sources(), recipe)
        print_groups(plan.num_groups, recipe)
        print_duplicates(plan.duplicates, plan.num_separated)
        say_skipped(plan.skipped)
        num_sidecars = sum(step.split < 0 for step in plan.steps)
        if num_sidecars:
            action = f"to {mode}" if show.is_dry else _PAST[mode]
            console.say(f"also {action}: {pluralize(num_sidecars, 'sidecar file')}")
    if show.files:
        print_steps(plan)
    if show.is_dry and show.counts:
        print_summary(plan, target, listed=show.files)
    num_files = len(plan.steps) - len(vanished)
    if not show.is_dry:
        place = printable(str(target.absolute()))
        console.say(f"{_PAST[mode].title()} {pluralize(num_files, 'file')} to {place}")
    if html is not None:
        console.wrote("a page", html)
    console.report(
        {
            "target": target,
            "mode": mode,
            "num_files": num_files,
            "splits": _count_splits(splits),
            "num_groups": plan.num_groups,
            "skipped": plan.skipped,
            "vanished": vanished,
            "is_dry_run": show.is_dry,
        }
        | ({"files": [[step.source, step.target] for step in plan.steps]} if show.files else {})
    )
    if vanished:
        raise SystemExit(1)


def write_manifest(
    found: Manifest, recipe: Recipe, file: Path, html: Path | None, show: Show
) -> None:
    """Writes a table of the splits, or shows what would be done; see ``split_files``."""
    import imggen
    from imggen.cli.output import progress_bars, say_skipped
    from imggen.core import pluralize, printable
    from imggen.export import make_splits, merge_splits

    with progress_bars() as progress:
        result = make_splits(found, recipe, progress)
        if not show.is_dry:
            table = merge_splits(result.splits, recipe)
            if table.hashes is None:
                table = imggen.hash_files(table, progress=progress)
            table.save(file, overwrite=True)
        if html is not None:
            from imggen.reports import split_page, write_page

            row_of = {path: row for row, path in enumerate(found.paths)}
            groups = result.duplicates and [
                [found.filepath(row_of[path]) for path in group] for group in result.duplicates
            ]
            shown = result._replace(duplicates=groups)
            write_page(html, split_page(shown, recipe, found.root, progress), overwrite=True)
    if show.counts:
        print_table(result.splits, recipe, "")
        print_deviation(result.splits, recipe)
        print_groups(result.num_groups, recipe)
        print_duplicates(result.duplicates, result.num_separated)
        say_skipped(found.skipped)
    if show.files:
        print_rows(result.splits, recipe)
    console = Console.current()
    rows = sum(map(len, recipe.disjoint(result.splits)))
    if not show.is_dry:
        console.wrote(f"a manifest of {pluralize(rows, 'image')}", file)
    elif show.counts:
        place = printable(str(file.absolute()))
        console.say(f"would write a manifest of {pluralize(rows, 'image')} to {place}")
        print_nothing_written(listed=show.files)
    if html is not None:
        console.wrote("a page", html)
    console.report(
        {
            "manifest": file,
            "num_images": rows,
            "splits": _count_splits(result.splits),
            "num_groups": result.num_groups,
            "skipped": found.skipped,
            "is_dry_run": show.is_dry,
        }
    )


def _count_splits(splits: Splits[Manifest]) -> dict[str, Any]:
    return {
        name: {"num_images": len(manifest), "classes": manifest.class_counts}
        for name, manifest in splits.as_dict().items()
    }
