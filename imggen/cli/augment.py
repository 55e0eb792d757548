"""``imggen augment SRC DST``: copy a folder of images and add augmented copies."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.options import (
    PATH,
    image_size_option,
    policy_option,
    seed_option,
    workers_option,
)


@click.command()
@click.argument("source", type=PATH, metavar="SRC")
@click.argument("target", type=PATH, metavar="DST")
@policy_option()
@click.option(
    "--copies",
    type=int,
    default=5,
    show_default=True,
    help="Number of augmented copies of each image.",
)
@click.option(
    "--balance",
    is_flag=True,
    help="Make more copies in rare classes until all classes are as large as the largest.",
)
@image_size_option(
    "Size in pixels that all images are resized to.  [default: each file's own size]"
)
@seed_option
@workers_option
def augment(
    source: Path,
    target: Path,
    policy: str,
    copies: int,
    balance: bool,
    image_size: tuple[int, int] | None,
    seed: int,
    workers: int | None,
) -> None:
    """Write the images in SRC and augmented copies of them to DST.

    SRC is a folder of images, with or without class folders, or a table (.csv or .parquet) with a
    column path. Rerun the same command to resume an interrupted run.

    Split first, and augment only the training split. The exit status is 1 if images cannot be
    read; all others are written.
    """
    import imggen
    from imggen.cli.output import MAX_LISTED, echo_unreadable, progress_bars
    from imggen.core import printable

    with progress_bars() as progress:
        made = imggen.augment_directory(
            source,
            target,
            policy,
            copies=copies,
            balance=balance,
            image_size=image_size,
            seed=seed,
            workers=workers,
            progress=progress,
        )
    for name, count in made.manifest.class_counts.items():
        click.echo(f"{printable(name)}: {count}")
    echo_unreadable(made.unread[:MAX_LISTED])
    if len(made.unread) > MAX_LISTED:
        click.echo(f"... and {len(made.unread) - MAX_LISTED} more", err=True)
    click.echo(
        f"{made.num_originals} originals and {made.num_copies} copies in {printable(str(target))}"
    )
    if made.unread:
        raise SystemExit(1)
