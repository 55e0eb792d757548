"""``imggen studio DIR``: a local page to tune augmentations on one's own images."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click

from imggen.cli.options import image_size_option, policy_option


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@policy_option("What to start from: a policy file (.yaml, .json), or light, medium or strong.")
@image_size_option()
@click.option("--port", type=click.IntRange(1, 65535), default=8765, show_default=True)
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
def studio(
    directory: Path, policy: str, image_size: tuple[int, int], port: int, no_browser: bool
) -> None:
    """Switch augmentations on and off, move their ranges, and see your images change.

    The page is served to this machine alone, needs no internet, and shows nothing but images below
    DIRECTORY. It compares two policies side by side, and exports them as YAML and as Python.
    """
    # Before TensorFlow is imported, which greets with news of its own.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from imggen.cli.source import images_by_class
    from imggen.studio import serve

    with contextlib.suppress(KeyboardInterrupt):
        serve(
            images_by_class(directory),
            policy,
            image_size=image_size,
            port=port,
            open_browser=not no_browser,
            started=lambda address: click.echo(f"{address} (Ctrl-C ends it)"),
        )
