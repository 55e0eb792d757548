"""``imggen pack SRC DST``: write images, labels and annotations to tar shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    PATH,
    engine_options,
    image_size_option,
    seed_option,
    source_argument,
    workers_option,
)
from imggen.cli.values import ByteSize, Choice, ShareType, leave_out_zeros
from imggen.cli.verb import AliasedOption, Verb

if TYPE_CHECKING:
    from imggen.workers import Engine


@click.command(cls=Verb, reports=True, resumes=True)
@source_argument
@click.argument("target", type=PATH, metavar="DST")
@click.option(
    "--split",
    "ratios",
    cls=AliasedOption,
    aliases=["--ratio"],
    type=ShareType(),
    metavar="TRAIN VAL [TEST]",
    help="Two or three fractions of the images, which sum to 1. 0 leaves out a split.  "
    "[default: the splits of SRC, if it has any]",
)
@seed_option
@image_size_option("each file's own size")
@click.option(
    "--shard-size",
    type=ByteSize(),
    default="256MB",
    show_default=True,
    metavar="SIZE",
    help="Size of a shard, such as 256MB or 1GiB; estimated with --image-size.",
)
@click.option(
    "--on-error",
    type=Choice(("skip", "raise")),
    default="skip",
    show_default=True,
    help="Leave out images that cannot be read, or stop at the first one.",
)
@engine_options
@workers_option
def pack(
    source: Path,
    target: Path,
    ratios: tuple[float, ...] | None,
    seed: int,
    image_size: tuple[int, int] | None,
    shard_size: int,
    on_error: str,
    engine: Engine,
    address: str | None,
    workers: int | None,
) -> None:
    """Pack the images in SRC into tar files in DST, with their labels and annotations.

    SRC is a folder of images, with or without class folders, or a table (.csv or .parquet) with the
    columns path and, if there are classes, label. The tar files are those of WebDataset;
    DST/manifest.parquet places each image in them, so that all commands take DST as SRC. Rerun the
    same command to resume an interrupted run.

    The exit status is 1 if images cannot be read; all others are packed.
    """
    import imggen
    from imggen.cli.output import echo_unreadable, progress_bars, say_skipped
    from imggen.core import format_bytes, pluralize, printable
    from imggen.data import SPLIT_NAMES

    with progress_bars() as progress:
        made = imggen.pack(
            source,
            target,
            split=leave_out_zeros("--split", ratios, SPLIT_NAMES) if ratios else None,
            split_seed=seed,
            image_size=image_size,
            shard_size=shard_size,
            on_error=on_error,  # type: ignore[arg-type]  # one of the choices
            engine=engine,
            address=address,
            workers=workers,
            progress=progress,
        )
    console = Console.current()
    for name, count in made.counts.items():
        console.say(f"{printable(name)}: {count}")
    say_skipped(made.skipped)
    echo_unreadable(made.unread)
    shards = pluralize(len(made.shards), "shard")
    images = pluralize(len(made.manifest), "image")
    console.wrote(f"{images} in {shards} ({format_bytes(made.num_bytes)})", target)
    console.report(
        {
            "target": target,
            "num_images": len(made.manifest),
            "counts": made.counts,
            "shards": [shard._asdict() for shard in made.shards],
            "skipped": made.skipped,
            "unread": [{"path": path, "reason": reason} for path, reason in made.unread],
        }
    )
    if made.unread:
        raise SystemExit(1)
