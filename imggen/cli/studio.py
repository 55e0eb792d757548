"""``imggen studio SRC``: tune augmentations on a local web page."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from imggen.cli.console import Console
from imggen.cli.options import augment_option, image_size_option, source_argument
from imggen.cli.values import WholeNumber
from imggen.cli.verb import Verb


@click.command(cls=Verb)
@source_argument
@augment_option()
@image_size_option("224")
@click.option(
    "--port",
    type=WholeNumber(1, 65535),
    default=8765,
    show_default=True,
    metavar="N",
    help="Port of the local web server.",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page in the browser.")
def studio(
    source: Path, augment: str, image_size: tuple[int, int], port: int, no_browser: bool
) -> None:
    """Tune augmentations on a local web page that shows the images in SRC.

    SRC is a folder, or a table (.csv or .parquet) with a column path. Start from --augment, switch
    augmentations on and off, change their ranges, compare two policies side by side, and export a
    policy as YAML or Python. The page is served to this machine only, needs no internet connection,
    and shows only images inside the folder.

    Needs the extra: pip install 'imggen[studio]'.
    """
    from imggen.data import as_manifest
    from imggen.studio import serve

    with contextlib.suppress(KeyboardInterrupt):
        serve(
            as_manifest(source),
            augment,
            image_size=image_size,
            port=port,
            open_browser=not no_browser,
            started=lambda address: Console.current().show(f"{address} (press Ctrl-C to stop)"),
        )
