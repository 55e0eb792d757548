"""Output of the verbs: progress bars, shared messages, and checks of output files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imggen.cli.console import Console

if TYPE_CHECKING:
    from imggen.quality import Conflict, Duplicates
    from imggen.workers import Progress


def say_skipped(skipped: Mapping[str, int], *, err: bool = False) -> None:
    """Prints how many files a scan skipped, for each reason."""
    from imggen.core import printable

    console = Console.current()
    for reason, count in skipped.items():
        noun, space, rest = printable(reason).partition(" ")
        noun += "s" if noun in ("file", "folder") and count > 1 else ""
        (console.note if err else console.say)(f"skipped: {count} {noun}{space}{rest}")


def echo_conflicts(found: Duplicates, conflicts: Sequence[Conflict]) -> None:
    """Prints images with different labels or annotations, each in a line."""
    from imggen.core import printable

    limit = Console.current().max_listed
    for conflict in conflicts[:limit]:
        rows = found.contrast_labels(conflict.rows)
        labels = [found.get_label(row) for row in rows[:limit]]
        files = [
            printable(found.manifest.paths[row] + (f" ({label})" if label is not None else ""))
            for row, label in zip(rows, labels, strict=False)
        ]
        more = f" and {len(rows) - limit} more" if len(rows) > limit else ""
        click.echo(f"different {' and '.join(conflict.columns)}: {', '.join(files)}{more}")
    echo_more(len(conflicts), "conflicts")


def echo_more(number: int, noun: str = "") -> None:
    """Prints how many findings are not listed, if any."""
    left = number - Console.current().max_listed
    if left > 0:
        click.echo(
            f"... and {left} more{f' {noun}' if noun else ''}; -v prints all, -o FILE writes all"
        )


def note_invisible(paths: Sequence[str]) -> None:
    """Prints the images of which nothing is visible on the background."""
    from imggen.core import printable

    console = Console.current()
    for path in paths[: console.max_listed]:
        console.note(
            f"nothing visible on this background, compared by bytes only: {printable(path)}"
        )
    if len(paths) > console.max_listed:
        console.note(f"... and {len(paths) - console.max_listed} more; try another --background")


def echo_unreadable(failures: Sequence[tuple[str, str]]) -> None:
    """Prints the files that cannot be read to stderr, each with the reason."""
    from imggen.core import printable

    limit = Console.current().max_listed
    for path, reason in failures[:limit]:
        click.echo(f"cannot read {printable(path)}: {reason}", err=True)
    if len(failures) > limit:
        click.echo(f"... and {len(failures) - limit} more; -v prints all", err=True)


def check_places(
    name: str,
    sources: Iterable[Path],
    outputs: Iterable[Path | None],
    *,
    files: Iterable[str] = (),
    folder: Path | None = None,
) -> None:
    """Checks that no output is an input, inside an input folder, or another output.

    Args:
        name: The argument that names the sources, for the message.
        sources: Folders, and tables, whose metadata is next to them.
        outputs: The files to be written; None is skipped.
        files: Further files that are read.
        folder: A folder to be written, which is checked elsewhere.

    Raises:
        UsageError: An output is.
    """
    from imggen.core import find_clash

    read = [place for source in sources for place in (str(source), f"{source}.json")]
    written = [output for output in outputs if output is not None]
    for output in written:
        if find_clash(output, [*read, *files]) is not None:
            raise click.UsageError(
                f"{output} is inside {name}, or read as part of it. Choose another place."
            )
    places = [os.path.realpath(place) for place in (*written, *filter(None, [folder]))]
    places += [f"{place}.json" for place in places]  # the metadata of a manifest
    if len(set(places)) < len(places):
        raise click.UsageError(
            f"Two outputs are the same file: {', '.join(map(str, written))}. Choose another name."
        )


def check_page(html: Path | None, *, overwrite: bool) -> None:
    """Checks that a page can be written, if there is one; pages are imported only then."""
    if html is not None:
        from imggen.reports import check_page

        check_page(html, overwrite=overwrite)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Yields a function that draws a bar per task on stderr, if that is a terminal.

    The bars disappear at the end.
    """
    from rich.console import Console as RichConsole
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = RichConsole(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    tasks = {}
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=Console.current().is_quiet or not console.is_terminal,
    ) as bars:

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield advance
