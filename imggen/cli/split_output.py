"""Output of ``imggen split``: tables of counts, lists of files, and the summary of a dry run."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imggen.cli.console import Console

if TYPE_CHECKING:
    from imggen.data import Manifest, Splits
    from imggen.export import Plan
    from imggen.splitting import Recipe


def print_table(splits: Splits[Manifest], recipe: Recipe, title: str) -> None:
    """Prints the number of images by class and split.

    Args:
        splits: The splits.
        recipe: The recipe.
        title: The place of the images, as in "3 images in out"; or nothing.
    """
    from rich.console import Console as RichConsole
    from rich.markup import escape
    from rich.table import Table

    from imggen.core import pluralize, printable

    splits = recipe.disjoint(splits)
    table = Table(title=escape(f"{pluralize(sum(map(len, splits)), 'image')} {title}".rstrip()))
    table.add_column("class")
    for name in splits.names:
        table.add_column(name, justify="right")
    counts = [manifest.class_counts for manifest in splits]
    for class_name in splits[0].class_names if counts[0] else ():
        numbers = (str(count[class_name]) for count in counts)
        table.add_row(escape(printable(class_name)), *numbers)
    table.add_section()
    table.add_row("all", *(str(len(manifest)) for manifest in splits))
    RichConsole().print(table)


def print_deviation(sources: Splits[Manifest], recipe: Recipe) -> None:
    """Prints the largest deviation from a ratio, if there is one; see ``find_deviation``."""
    from imggen.core import printable
    from imggen.splitting import find_deviation

    deviation = find_deviation(sources, recipe)
    if deviation is not None and not math.isclose(deviation.got, deviation.wanted):
        Console.current().say(f"largest deviation from its ratio: {printable(str(deviation))}")


def print_groups(num_groups: int | None, recipe: Recipe) -> None:
    """Prints how many groups were kept whole, if there are groups."""
    from imggen.core import pluralize

    if num_groups is not None:
        several = "splits" if recipe.num_folds is None else "folds"
        Console.current().say(
            f"kept {pluralize(num_groups, 'group')} whole; none is in several {several}"
        )


def print_duplicates(groups: list[list[str]] | None, num_separated: int) -> None:
    """Prints how many groups of duplicates were kept together, if any were searched for."""
    from imggen.core import pluralize

    if groups is not None and not groups:
        Console.current().say("found no duplicates")
    elif groups is not None:
        Console.current().say(
            f"kept {pluralize(len(groups), 'group')} of duplicates together; without this, "
            f"{num_separated or 'none'} of them would be in several splits"
        )


def print_steps(plan: Plan) -> None:
    """Prints each file of a plan and its new place, in order."""
    from imggen.core import printable

    for step in plan.steps:
        click.echo(f"{plan.mode} {printable(step.source)} -> {printable(step.target)}")


def print_rows(splits: Splits[Manifest], recipe: Recipe) -> None:
    """Prints each file of a table and its split, in order."""
    from imggen.core import printable

    for name, split in recipe.disjoint(splits).as_dict().items():
        for path in split.paths:
            click.echo(f"{printable(path)} -> {name}")


def print_summary(plan: Plan, target: Path, *, listed: bool) -> None:
    """Prints what carrying out a plan would write.

    Args:
        plan: The plan.
        target: The folder to split into, as given.
        listed: Whether the files have been listed.
    """
    from imggen.core import format_bytes, pluralize, printable

    left = [step for step in plan.steps if not os.path.lexists(target / step.target)]
    size = ""
    if plan.mode in ("copy", "move"):
        size = f" ({format_bytes(sum(step.size for step in left))})"
    done = f", {len(plan.steps) - len(left)} of them done already" if left != plan.steps else ""
    folders = ", ".join(printable(str(target / name)) for name in plan.split_names)
    files = f"{pluralize(len(left), 'file')}{size}{done}"
    Console.current().say(f"would {plan.mode} {files} into {folders}")
    print_nothing_written(listed=listed)


def print_nothing_written(*, listed: bool) -> None:
    """Prints the last line of a dry run."""
    Console.current().say(f"nothing was written{'' if listed else '; --list prints the files'}")


@contextmanager
def warnings_last() -> Iterator[None]:
    """Prints the warnings of a block to stdout after it, as a part of a summary."""
    from imggen.cli.messages import translate
    from imggen.errors import ImggenWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ImggenWarning)
        yield
    for warning in caught:
        if issubclass(warning.category, ImggenWarning):
            command = click.get_current_context().command
            Console.current().say(f"warning: {translate(str(warning.message), command)}")
        else:
            warnings.showwarning(
                warning.message, warning.category, warning.filename, warning.lineno
            )
