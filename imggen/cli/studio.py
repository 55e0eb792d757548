"""``imggen studio DIRECTORY``: tune augmentations on a local web page."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from imggen.cli.options import directory_argument, image_size_option, policy_option


@click.command()
@directory_argument
@policy_option("Policy to start from: a file (.yaml, .json), or light, medium or strong.")
@image_size_option(default=(224, 224))
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8765,
    show_default=True,
    help="Port of the local web server.",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page in the browser.")
def studio(
    directory: Path, policy: str, image_size: tuple[int, int], port: int, no_browser: bool
) -> None:
    """Tune augmentations on a local web page that shows the images in DIRECTORY.

    DIRECTORY is a folder, or a table (.csv or .parquet) with a column path. Switch augmentations on
    and off, change their ranges, compare two policies side by side, and export a policy as YAML or
    Python. The page is served to this machine only, needs no internet connection, and shows only
    images inside the folder.

    Needs the extra: pip install 'imggen[studio]'.
    """
    from imggen.data import as_manifest
    from imggen.studio import serve

    with contextlib.suppress(KeyboardInterrupt):
        serve(
            as_manifest(directory),
            policy,
            image_size=image_size,
            port=port,
            open_browser=not no_browser,
            started=lambda address: click.echo(f"{address} (press Ctrl-C to stop)"),
        )
