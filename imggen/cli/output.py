"""Output of the verbs: progress bars, shared messages, and checks of output files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from imggen.quality import Conflict, Duplicates
    from imggen.workers import Progress

# The number of findings that are printed; files have all of them.
MAX_LISTED = 20


def replace_surrogates(text: str) -> str:
    """Replaces the bytes of file names that are not valid UTF-8, which cannot be printed."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def echo_skipped(skipped: Mapping[str, int], *, err: bool = False) -> None:
    """Prints how many files a scan skipped, for each reason."""
    from imggen.core import printable

    for reason, count in skipped.items():
        click.echo(f"skipped: {count} {printable(reason)}", err=err)


def echo_conflicts(found: Duplicates, conflicts: Sequence[Conflict]) -> None:
    """Prints images with different labels or annotations, each in a line."""
    from imggen.core import printable

    for conflict in conflicts[:MAX_LISTED]:
        rows = found.contrast_labels(conflict.rows)
        labels = [found.get_label(row) for row in rows[:MAX_LISTED]]
        files = [
            printable(found.manifest.paths[row] + (f" ({label})" if label is not None else ""))
            for row, label in zip(rows, labels, strict=False)
        ]
        more = f" and {len(rows) - MAX_LISTED} more" if len(rows) > MAX_LISTED else ""
        click.echo(f"different {' and '.join(conflict.columns)}: {', '.join(files)}{more}")
    if len(conflicts) > MAX_LISTED:
        click.echo(f"... and {len(conflicts) - MAX_LISTED} more conflicts; -o FILE writes all")


def echo_invisible(paths: Sequence[str]) -> None:
    """Prints the images of which nothing is visible on the background."""
    from imggen.core import printable

    for path in paths[:MAX_LISTED]:
        click.echo(
            f"nothing visible on this background, compared by bytes only: {printable(path)}",
            err=True,
        )
    if len(paths) > MAX_LISTED:
        click.echo(f"... and {len(paths) - MAX_LISTED} more; try another --background", err=True)


def echo_unreadable(failures: Iterable[tuple[str, str]]) -> None:
    """Prints the files that cannot be read, each with the reason."""
    from imggen.core import printable

    for path, reason in failures:
        click.echo(f"cannot read {printable(path)}: {reason}", err=True)


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


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Yields a function that draws a bar per task on stderr, if that is a terminal.

    The bars disappear at the end.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    tasks = {}
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield advance
