"""``imggen cache info|build|clear``: folders of loaded images."""

from __future__ import annotations

import itertools
from pathlib import Path

import click

from imggen.cli.options import (
    PATH,
    directory_argument,
    image_size_option,
    interpolation_option,
    workers_option,
)


@click.group()
def cache() -> None:
    """Build, inspect and clear a cache folder of loaded images (in Python: cache=FOLDER)."""


@cache.command()
@click.argument("folder", type=PATH)
def info(folder: Path) -> None:
    """Show the caches in FOLDER with their sizes and settings."""
    from imggen.cache import list_stores
    from imggen.core import pluralize

    found = list_stores(folder)
    for store in found:
        size = f"{pluralize(store.num_images, 'image')}, {store.num_bytes / 2**20:.1f} MiB"
        click.echo(f"{size}: {store.folder}")
        for line in store.cache_key.splitlines():
            click.echo(f"    {line}")
    if not found:
        click.echo(f"There are no cached images in {folder}.")


@cache.command()
@click.argument("folder", type=PATH)
def clear(folder: Path) -> None:
    """Delete the caches in FOLDER, and no other files."""
    from imggen.cache import clear_stores

    click.echo(f"{clear_stores(folder) / 2**20:.1f} MiB deleted.")


@cache.command()
@directory_argument
@click.argument("folder", type=PATH)
@image_size_option(required=True)
@click.option(
    "--color-mode", default="rgb", show_default=True, help="Channels: rgb, rgba or grayscale."
)
@interpolation_option
@click.option(
    "--crop-to-aspect-ratio",
    is_flag=True,
    help="Crop images to the aspect ratio of --image-size instead of distorting them.",
)
@click.option(
    "--pad-to-aspect-ratio",
    is_flag=True,
    help="Pad images to the aspect ratio of --image-size instead of distorting them.",
)
@click.option(
    "--pack",
    default="raw",
    show_default=True,
    help="Storage format: raw (pixels) or jpeg (smaller, lossy).",
)
@click.option(
    "--quality",
    type=int,
    default=90,
    show_default=True,
    help="JPEG quality for --pack jpeg, from 1 to 100.",
)
@click.option(
    "--limit",
    type=int,
    metavar="BYTES",
    help="Maximum size of all cached images.  [default: 95% of the free disk space]",
)
@workers_option
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
    """Load all images in DIRECTORY into the cache FOLDER.

    An imggen.ImageSequence with cache=FOLDER and the same settings then reads them from there.
    Images that are already cached are skipped: rerun the same command to resume an interrupted
    build. The exit status is 1 if images cannot be read; all others are cached.
    """
    from imggen.cache import Cache
    from imggen.cli.output import echo_skipped, echo_unreadable, progress_bars
    from imggen.data import as_manifest, scan_all
    from imggen.loading import ImageBatches

    manifest = as_manifest(directory, scan_all)
    batches = ImageBatches(
        manifest,
        image_size=image_size,
        color_mode=color_mode,  # type: ignore[arg-type]  # checked by ImageSpec
        interpolation=interpolation,  # type: ignore[arg-type]
        crop_to_aspect_ratio=crop_to_aspect_ratio,
        pad_to_aspect_ratio=pad_to_aspect_ratio,
        label_mode=None,
        cache=Cache(
            folder,
            pack=pack,  # type: ignore[arg-type]  # checked by Cache
            quality=quality,
            limit=limit,
        ),
        workers=workers,
    )
    counts = itertools.count(1)
    with progress_bars() as progress:
        failures = batches.batch_maker.samples.fill_cache(
            batches.worker_options.num_workers,
            lambda: progress("loading", next(counts), batches.samples),
        )
    echo_unreadable(failures)
    echo_skipped(manifest.skipped, err=True)
    click.echo(
        f"{batches.samples - len(failures)} of {batches.samples} images are cached in {folder}."
    )
    if failures:
        raise SystemExit(1)
