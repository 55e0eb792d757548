"""``imggen preview DIRECTORY``: draw images next to their augmented variants."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.options import (
    PATH,
    directory_argument,
    force_option,
    image_size_option,
    policy_option,
    seed_option,
)


@click.command()
@directory_argument
@policy_option()
@click.option(
    "-o",
    "--output",
    required=True,
    type=PATH,
    metavar="FILE.png|FILE.html",
    help="Picture or self-contained HTML page to write.",
)
@click.option(
    "--images-per-class",
    type=int,
    default=2,
    show_default=True,
    help="Number of images to show per class.",
)
@click.option(
    "--variants",
    type=int,
    default=6,
    show_default=True,
    help="Number of augmented variants per image, one per epoch.",
)
@click.option(
    "--classes",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Maximum number of classes to show.",
)
@image_size_option(default=(224, 224))
@seed_option
@force_option
def preview(
    directory: Path,
    policy: str,
    output: Path,
    images_per_class: int,
    variants: int,
    classes: int,
    image_size: tuple[int, int],
    seed: int,
    force: bool,
) -> None:
    """Draw a few images of each class in DIRECTORY next to their augmented variants.

    DIRECTORY is a folder, or a table (.csv or .parquet) with a column path. The random parameters
    are printed below each variant, and variants that look damaged are marked.
    """
    from imggen.augment import adapt
    from imggen.cli.output import (
        check_places,
        echo_skipped,
        echo_unreadable,
    )
    from imggen.data import as_manifest
    from imggen.preview import check_picture, draw_preview, make_preview, save_picture
    from imggen.reports import check_page, preview_page, write_page

    is_page = output.suffix.lower() in (".html", ".htm")
    check = check_page if is_page else check_picture
    check_places("DIRECTORY", [directory], [output])
    check(output, overwrite=force)
    augment = list(adapt(policy))  # raises errors before any folder is read
    manifest = as_manifest(directory)
    check_places("DIRECTORY", [], [output], files=manifest.filepaths)

    from imggen.core import printable
    from imggen.loading import ImageBatches, default_label_mode

    batches = ImageBatches(
        manifest,
        image_size=image_size,
        label_mode=default_label_mode(manifest),
        augment=augment,
        seed=seed,
        on_error="substitute",
    )
    found = make_preview(
        batches, images_per_class=images_per_class, variants=variants, max_classes=classes
    )
    if is_page:
        write_page(output, preview_page(found, manifest.root), overwrite=force)
    else:
        save_picture(draw_preview(found, cell=160, parameters=True), output, overwrite=force)
    echo_unreadable(found.unread)
    echo_skipped(manifest.skipped, err=True)
    for warning in found.warnings:
        click.echo(f"warning: {warning}")
    if found.num_classes_left_out:
        click.echo(
            f"{found.num_classes_left_out} more classes are not shown; raise --classes to see them"
        )
    click.echo(f"written: {printable(str(output))}")
