"""``imggen gallery [IMAGE]``: a page of all augmentations and presets on one image."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.console import Console
from imggen.cli.options import PATH, force_option
from imggen.cli.verb import AliasedOption, Verb


@click.command(cls=Verb, reports=True)
@click.argument("image", type=PATH, required=False, metavar="[IMAGE]")
@click.option(
    "-o",
    "--output",
    cls=AliasedOption,
    aliases=["--html"],
    type=PATH,
    required=True,
    metavar="FILE.html",
    help="Write a self-contained HTML page.",
)
@force_option
def gallery(image: Path | None, output: Path, force: bool) -> None:
    """Show every built-in augmentation and preset on IMAGE, over its range.

    Each has its name, its options and the line of Python that creates it. Without IMAGE, an example
    is used.
    """
    from imggen.cli.output import check_page, check_places
    from imggen.preview import make_gallery
    from imggen.reports import gallery_page, write_page

    check_places("IMAGE", [] if image is None else [image], [output])
    check_page(output, overwrite=force)
    found = make_gallery(None if image is None else str(image))
    write_page(output, gallery_page(found), overwrite=force)
    console = Console.current()
    names = [shown.name for group in found.groups.values() for shown in group]
    presets = [shown.name for shown in found.presets]
    console.wrote(f"a page of {len(names)} augmentations and {len(presets)} presets", output)
    console.report({"written": [output], "augmentations": names, "presets": presets})
