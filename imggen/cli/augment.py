"""``imggen augment SRC DST``: copy a folder of images and add augmented copies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    PATH,
    augment_option,
    engine_options,
    image_size_option,
    seed_option,
    source_argument,
    workers_option,
)
from imggen.cli.verb import Verb

if TYPE_CHECKING:
    from imggen.workers import Engine


@click.command(cls=Verb, reports=True, resumes=True)
@source_argument
@click.argument("target", type=PATH, metavar="DST")
@augment_option()
@click.option(
    "--copies",
    type=int,
    default=5,
    show_default=True,
    metavar="N",
    help="Number of augmented copies of each image.",
)
@click.option(
    "--balance",
    is_flag=True,
    help="Make more copies in rare classes until all classes are as large as the largest.",
)
@image_size_option("each file's own size")
@seed_option
@engine_options
@workers_option
def augment(
    source: Path,
    target: Path,
    augment: str,
    copies: int,
    balance: bool,
    image_size: tuple[int, int] | None,
    seed: int,
    engine: Engine,
    address: str | None,
    workers: int | None,
) -> None:
    """Write the images in SRC and augmented copies of them to DST.

    SRC is a folder of images, with or without class folders, or a table (.csv or .parquet) with a
    column path. Rerun the same command to resume an interrupted run.

    Split first, and augment only the training split. The exit status is 1 if images cannot be
    read; all others are written.
    """
    import imggen
    from imggen.cli.output import echo_unreadable, progress_bars
    from imggen.core import pluralize, printable

    with progress_bars() as progress:
        made = imggen.augment_directory(
            source,
            target,
            augment,
            copies=copies,
            balance=balance,
            image_size=image_size,
            seed=seed,
            engine=engine,
            address=address,
            workers=workers,
            progress=progress,
        )
    console = Console.current()
    for name, count in made.manifest.class_counts.items():
        console.say(f"{printable(name)}: {count}")
    echo_unreadable(made.unread)
    num_copies = pluralize(made.num_copies, "copy")
    copied = f"{pluralize(made.num_originals, 'original')} and {num_copies}"
    console.wrote(f"{pluralize(len(made.manifest), 'image')} ({copied})", target)
    console.report(
        {
            "target": target,
            "num_originals": made.num_originals,
            "num_copies": made.num_copies,
            "classes": made.manifest.class_counts,
            "unread": [{"path": path, "reason": reason} for path, reason in made.unread],
        }
    )
    if made.unread:
        raise SystemExit(1)
