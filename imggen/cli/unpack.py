"""``imggen unpack SRC DST``: write the images of a packed set to class folders."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.console import Console
from imggen.cli.options import PATH, source_argument, workers_option
from imggen.cli.verb import Verb


@click.command(cls=Verb, reports=True, resumes=True)
@source_argument
@click.argument("target", type=PATH, metavar="DST")
@workers_option
def unpack(source: Path, target: Path, workers: int | None) -> None:
    """Write the images of SRC, a folder that `imggen pack` has written, to class folders in DST.

    Files have their original names and contents, unless --image-size has changed them. All shards
    are compared with their hashes first. Splits, groups and annotations are written to
    DST/manifest.csv. Rerun the same command to resume an interrupted run.
    """
    import imggen
    from imggen.cli.output import progress_bars
    from imggen.core import pluralize, printable

    with progress_bars() as progress:
        manifest = imggen.unpack(source, target, workers=workers, progress=progress)
    console = Console.current()
    for name, count in manifest.class_counts.items():
        console.say(f"{printable(name)}: {count}")
    console.wrote(pluralize(len(manifest), "image"), target)
    console.report(
        {"target": target, "num_images": len(manifest), "classes": manifest.class_counts}
    )
