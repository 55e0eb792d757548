"""``imggen augment SRC DST``: a folder of images and augmented copies of them."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.options import policy_option

_MOST_LISTED = 20


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="SRC")
@click.argument("target", type=click.Path(path_type=Path), metavar="DST")
@policy_option()
@click.option("--copies", type=int, default=5, show_default=True, help="Of each image.")
@click.option(
    "--balance",
    is_flag=True,
    help="Make more of rare classes, so that all have as many images as the largest.",
)
@click.option(
    "--image-size",
    type=int,
    nargs=2,
    metavar="HEIGHT WIDTH",
    help="Of all images; each file's own, if not given.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--workers", type=int, help="Threads; one a core, if not given.")
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
    """Put the images of SRC (class folders, or a table) and augmented copies of them into DST.

    Interrupted, the same command goes on. Split before, and augment only what trains.
    """
    import imggen
    from imggen.cli.progress import progress_bars
    from imggen.cli.source import images_by_class
    from imggen.core import printable

    with progress_bars() as progress:
        made = imggen.augment_directory(
            source if source.is_dir() else images_by_class(source),
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
    for path, reason in made.unread[:_MOST_LISTED]:
        click.echo(f"cannot be read: {printable(path)}: {reason}", err=True)
    if len(made.unread) > _MOST_LISTED:
        click.echo(f"... and {len(made.unread) - _MOST_LISTED} more", err=True)
    click.echo(
        f"{made.num_originals} originals and {made.num_copies} copies in {printable(str(target))}"
    )
    if made.unread:
        raise SystemExit(1)
