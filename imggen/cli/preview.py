"""``imggen preview DIR``: what augmentations make of the user's own images."""

from __future__ import annotations

import os
from pathlib import Path

import click

from imggen.cli.options import image_size_option, policy_option


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@policy_option()
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.png|FILE.html",
    help="A picture, or a page that needs no network.",
)
@click.option("--images-per-class", type=int, default=2, show_default=True)
@click.option("--variants", type=int, default=6, show_default=True, help="Epochs to show.")
@click.option(
    "--classes", type=click.IntRange(1), default=20, show_default=True, help="The most to show."
)
@image_size_option()
@click.option("--seed", type=int, default=0, show_default=True)
def preview(
    directory: Path,
    policy: str,
    output: Path,
    images_per_class: int,
    variants: int,
    classes: int,
    image_size: tuple[int, int],
    seed: int,
) -> None:
    """Draw a few images of each class of DIRECTORY beside what training makes of them.

    Below each stands what was drawn for it; images of which little is left are marked.
    """
    # Before TensorFlow is imported, which greets with news of its own.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from imggen.augment import adapt
    from imggen.cli.output import check_folder, check_picture
    from imggen.cli.source import images_by_class

    is_page = output.suffix.lower() in (".html", ".htm")
    if is_page:
        check_folder(output)
    else:
        check_picture(output)
    augment = list(adapt(policy))  # before any folder is looked at
    manifest = images_by_class(directory)

    import imggen
    from imggen.core import printable
    from imggen.loading import default_label_mode
    from imggen.preview import draw_preview
    from imggen.preview import preview as make_preview

    sequence = imggen.ImageSequence(
        manifest,
        image_size=image_size,
        label_mode=default_label_mode(manifest),
        augment=augment,
        seed=seed,
        on_error="substitute",
    )
    found = make_preview(
        sequence, images_per_class=images_per_class, variants=variants, max_classes=classes
    )
    if is_page:
        from imggen.reports import preview_page, write_page

        write_page(output, preview_page(found, manifest.root))
    else:
        draw_preview(found, cell=160, parameters=True).save(output)
    for path, reason in found.unread:
        click.echo(f"cannot be read: {printable(path)}: {reason}", err=True)
    for warning in found.warnings:
        click.echo(f"to look at: {warning}")
    if found.num_classes_left_out:
        click.echo(f"{found.num_classes_left_out} more classes are not shown; see --classes")
    click.echo(f"written: {printable(str(output))}")
