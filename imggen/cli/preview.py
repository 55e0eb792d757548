"""``imggen preview SRC``: draw images next to their augmented variants."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    augment_option,
    force_option,
    html_option,
    image_size_option,
    output_option,
    seed_option,
    source_argument,
)
from imggen.cli.verb import AliasedOption, Verb

_CELL = 160  # the larger side of each image of a picture, in pixels


@click.command(cls=Verb, reports=True)
@source_argument
@augment_option()
@output_option("Write a picture.", "FILE.png")
@html_option("Write a self-contained HTML page.")
@click.option(
    "--images-per-class",
    type=int,
    default=2,
    show_default=True,
    metavar="N",
    help="Number of images to show per class.",
)
@click.option(
    "--variants",
    type=int,
    default=6,
    show_default=True,
    metavar="N",
    help="Number of augmented variants per image, one per epoch.",
)
@click.option(
    "--max-classes",
    cls=AliasedOption,
    aliases=["--classes"],
    type=int,
    default=20,
    show_default=True,
    metavar="N",
    help="Maximum number of classes to show.",
)
@image_size_option("224")
@seed_option
@force_option
def preview(
    source: Path,
    augment: str,
    output: Path | None,
    html: Path | None,
    images_per_class: int,
    variants: int,
    max_classes: int,
    image_size: tuple[int, int],
    seed: int,
    force: bool,
) -> None:
    """Draw a few images of each class in SRC next to their augmented variants.

    SRC is a folder, or a table (.csv or .parquet) with a column path. The random parameters are
    printed below each variant, and variants that look damaged are marked.
    """
    from imggen.augment import adapt
    from imggen.cli.output import check_page, check_places, echo_unreadable, say_skipped
    from imggen.core import pluralize
    from imggen.data import as_manifest
    from imggen.loading import ImageBatches, default_label_mode
    from imggen.preview import check_picture, draw_preview, make_preview, save_picture

    if output is None and html is None:
        raise click.UsageError("Pass --output FILE.png, --html FILE.html, or both.")
    if output is not None and html is None and output.suffix.lower() in (".html", ".htm"):
        output, html = None, output
    check_places("SRC", [source], [output, html])
    if output is not None:
        check_picture(output, overwrite=force)
    check_page(html, overwrite=force)
    steps = list(adapt(augment))  # raises errors before any folder is read
    manifest = as_manifest(source)
    check_places("SRC", [], [output, html], files=manifest.filepaths)
    batches = ImageBatches(
        manifest,
        image_size=image_size,
        label_mode=default_label_mode(manifest),
        augment=steps,
        seed=seed,
        on_error="substitute",
    )
    found = make_preview(
        batches,
        images_per_class=images_per_class,
        variants=variants,
        max_classes=max_classes,
        cell=None if output is None else _CELL,
    )
    if html is not None:
        from imggen.reports import preview_page, write_page

        write_page(html, preview_page(found, manifest.root), overwrite=force)
    if output is not None:
        save_picture(draw_preview(found, cell=_CELL, parameters=True), output, overwrite=force)
    console = Console.current()
    echo_unreadable(found.unread)
    say_skipped(manifest.skipped, err=True)
    for warning in found.warnings:
        console.say(f"warning: {warning}")
    if found.num_classes_left_out:
        more = pluralize(found.num_classes_left_out, "more class")
        verb, them = ("is", "it") if found.num_classes_left_out == 1 else ("are", "them")
        console.say(f"{more} {verb} not shown; raise --max-classes to see {them}")
    variants_of_each = f"{pluralize(found.num_variants, 'variant')} of each"
    shown = f"{pluralize(len(found.rows), 'image')} and {variants_of_each}"
    for kind, file in (("a picture", output), ("a page", html)):
        if file is not None:
            console.wrote(f"{kind} of {shown}", file)
    console.report(
        {
            "written": [file for file in (output, html) if file is not None],
            "images": [{"path": row.path, "label": row.label} for row in found.rows],
            "num_variants": found.num_variants,
            "warnings": found.warnings,
            "num_classes_left_out": found.num_classes_left_out,
            "unread": [{"path": path, "reason": reason} for path, reason in found.unread],
        }
    )
