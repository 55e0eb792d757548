"""Output of the verbs: progress bars, shared messages, and checks of output files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imggen.core import shorten

if TYPE_CHECKING:
    from imggen.workers import Progress

# The number of findings that are printed; files have all of them.
MAX_LISTED = 20


def silence_tensorflow() -> None:
    """Turns off TensorFlow's log messages; to be called before its first import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def replace_surrogates(text: str) -> str:
    """Replaces the bytes of file names that are not valid UTF-8, which cannot be printed."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def echo_skipped(skipped: Mapping[str, int], *, err: bool = False) -> None:
    """Prints how many files a scan skipped, for each reason."""
    from imggen.core import printable

    for reason, count in skipped.items():
        click.echo(f"skipped: {count} {printable(reason)}", err=err)


def echo_unreadable(failures: Iterable[tuple[str, str]]) -> None:
    """Prints the files that cannot be read, each with the reason."""
    from imggen.core import printable

    for path, reason in failures:
        click.echo(f"cannot read {printable(path)}: {reason}", err=True)


def check_picture(output: Path) -> None:
    """Checks that a picture can be written to a file.

    Raises:
        OptionError: Pillow cannot write the format, or the folder does not exist.
    """
    from imggen.decode import format_by_extension
    from imggen.errors import OptionError

    check_folder(output)
    if format_by_extension(output.suffix) is None:
        raise OptionError(
            f"{shorten(str(output))} must end in .png, or in another extension of an image format."
        )


def check_folder(output: Path) -> None:
    """Checks that the folder of a file exists.

    Raises:
        OptionError: It does not.
    """
    from imggen.errors import OptionError

    if not output.parent.is_dir():
        raise OptionError(
            f"Cannot write {shorten(str(output))}: the folder does not exist. Create it first."
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
