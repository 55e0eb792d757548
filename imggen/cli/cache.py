"""``imggen cache info|build|clear``: folders that hold loaded images."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.group()
def cache() -> None:
    """Fill, look into and empty a folder of loaded images (cache=FOLDER)."""


@cache.command()
@click.argument("folder", type=click.Path(path_type=Path))
def info(folder: Path) -> None:
    """Show what FOLDER holds: for each setting, how many images and bytes."""
    from imggen.cache import stores

    found = stores(folder)
    for store in found:
        click.echo(f"{store.num_images} images, {store.num_bytes / 2**20:.1f} MiB: {store.folder}")
        for line in store.about.splitlines():
            click.echo(f"    {line}")
    if not found:
        click.echo(f"{folder} holds no loaded images.")


@cache.command()
@click.argument("folder", type=click.Path(path_type=Path))
def clear(folder: Path) -> None:
    """Delete what imggen keeps in FOLDER, and nothing else."""
    from imggen.cache import clear_stores

    click.echo(f"{clear_stores(folder) / 2**20:.1f} MiB deleted.")


@cache.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--image-size", type=int, nargs=2, required=True, metavar="HEIGHT WIDTH")
@click.option("--color-mode", default="rgb", show_default=True, help="rgb, rgba or grayscale.")
@click.option("--interpolation", default="bilinear", show_default=True)
@click.option("--crop-to-aspect-ratio", is_flag=True)
@click.option("--pad-to-aspect-ratio", is_flag=True)
@click.option("--pack", default="raw", show_default=True, help="raw pixels, or jpeg.")
@click.option("--quality", type=int, default=90, show_default=True, help="Of --pack jpeg.")
@click.option("--limit", type=int, metavar="BYTES", help="The most that images may take.")
@click.option("--workers", type=int, help="Threads; all cores, if not given.")
def build(
    directory: Path,
    folder: Path,
    image_size: tuple[int, int],
    color_mode: str,
    interpolation: str,
    crop_to_aspect_ratio: bool,
    pad_to_aspect_ratio: bool,
    pack: str,
    quality: int,
    limit: int | None,
    workers: int | None,
) -> None:
    """Load all images below DIRECTORY into FOLDER, as training with the same settings finds them.

    Images that are there already are passed over, so an interrupted build goes on where it was.
    """
    # Before TensorFlow is imported, which greets with news of its own.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from rich.console import Console
    from rich.progress import Progress

    import imggen

    sequence = imggen.ImageSequence(
        imggen.scan(directory, labels=None),
        image_size=image_size,
        color_mode=color_mode,  # type: ignore[arg-type]  # checked by ImageSpec
        interpolation=interpolation,  # type: ignore[arg-type]
        crop_to_aspect_ratio=crop_to_aspect_ratio,
        pad_to_aspect_ratio=pad_to_aspect_ratio,
        label_mode=None,
        cache=imggen.Cache(
            folder,
            pack=pack,  # type: ignore[arg-type]  # checked by Cache
            quality=quality,
            limit=limit,
        ),
        workers=workers,
    )
    progress_on = Console(stderr=True)
    with Progress(console=progress_on, transient=True, disable=not progress_on.is_terminal) as bar:
        task = bar.add_task("loading", total=sequence.samples)
        failures = sequence.fill_cache(progress=lambda: bar.advance(task))
    for failure in failures:
        click.echo(f"not loaded: {failure.path}: {failure.reason}", err=True)
    click.echo(f"{sequence.samples - len(failures)} of {sequence.samples} images are in {folder}.")
    if failures:
        raise SystemExit(1)
