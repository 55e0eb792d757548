"""``imggen cache build|info|clear``: folders of loaded images."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    PACKS,
    PATH,
    color_mode_option,
    image_size_option,
    interpolation_option,
    source_argument,
    workers_option,
)
from imggen.cli.values import ByteSize, Choice
from imggen.cli.verb import Verb, VerbGroup

_SPEC = re.compile(r"ImageSpec\((.*)\)")
_folder_argument = click.argument("folder", type=PATH)


@click.group(cls=VerbGroup)
def cache() -> None:
    """Build, inspect and clear a cache folder of loaded images (in Python: cache=FOLDER)."""


@cache.command(cls=Verb, reports=True)
@_folder_argument
def info(folder: Path) -> None:
    """Show the caches in FOLDER with their sizes and settings."""
    from imggen.cache import list_stores
    from imggen.core import format_bytes, pluralize, printable

    console = Console.current()
    found = list_stores(folder)
    for store in found:
        size = f"{pluralize(store.num_images, 'image')}, {format_bytes(store.num_bytes)}"
        console.show(f"{size}: {printable(str(store.folder))}")
        for line in store.cache_key.splitlines():
            console.show(f"    {_describe_settings(line)}")
    if not found:
        console.say(f"There are no cached images in {printable(str(folder))}.")
    console.report(
        {
            "folder": folder,
            "caches": [
                {
                    "folder": store.folder,
                    "num_images": store.num_images,
                    "num_bytes": store.num_bytes,
                    "settings": store.cache_key,
                }
                for store in found
            ],
        }
    )


@cache.command(cls=Verb, reports=True)
@_folder_argument
def clear(folder: Path) -> None:
    """Delete the caches in FOLDER, and no other files."""
    from imggen.cache import clear_stores
    from imggen.core import format_bytes, printable

    console = Console.current()
    num_bytes = clear_stores(folder)
    place = printable(str(folder.absolute()))
    console.say(f"Deleted {format_bytes(num_bytes)} of cached images in {place}")
    console.report({"folder": folder, "num_bytes_deleted": num_bytes})


@cache.command(cls=Verb, reports=True, resumes=True)
@source_argument
@_folder_argument
@image_size_option(required=True)
@color_mode_option
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
    type=Choice(PACKS),
    default="raw",
    show_default=True,
    help="Storage format: pixels, or JPEGs, which are smaller and lossy.",
)
@click.option(
    "--quality",
    type=int,
    default=90,
    show_default=True,
    metavar="N",
    help="JPEG quality for --pack jpeg, from 1 to 100.",
)
@click.option(
    "--limit",
    type=ByteSize(),
    metavar="SIZE",
    help="Maximum size of all cached images, such as 500MB, 1GB or 2GiB.  "
    "[default: 95% of the free disk space]",
)
@workers_option
def build(
    source: Path,
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
    """Load all images in SRC into the cache FOLDER.

    SRC is a folder of images, at any depth, or a table (.csv or .parquet) with a column path.

    An imggen.ImageSequence with cache=FOLDER and the same settings then reads them from there.
    Images that are already cached are skipped: rerun the same command to resume an interrupted
    build. The exit status is 1 if images cannot be read; all others are cached.
    """
    from imggen.cache import Cache
    from imggen.cli.output import echo_unreadable, progress_bars, say_skipped
    from imggen.core import printable
    from imggen.data import as_manifest, scan_all
    from imggen.loading import ImageBatches

    manifest = as_manifest(source, scan_all)
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
    say_skipped(manifest.skipped, err=True)
    console = Console.current()
    num_cached = batches.samples - len(failures)
    place = printable(str(folder.absolute()))
    console.say(f"{num_cached} of {batches.samples} images are cached in {place}")
    console.report(
        {
            "folder": folder,
            "num_images": batches.samples,
            "num_cached": num_cached,
            "skipped": manifest.skipped,
            "unread": [{"path": path, "reason": reason} for path, reason in failures],
        }
    )
    if failures:
        raise SystemExit(1)


def _describe_settings(line: str) -> str:
    """Returns a line of the settings of a cache in words: ``ImageSpec(image_size=...)`` as well."""
    found = _SPEC.fullmatch(line)
    if found is None:
        return line
    words = re.sub(r"(\w+)=", lambda name: f"{name[1].replace('_', ' ')} ", found[1])
    return re.sub(r"\((\d+), (\d+)\)", r"\1 × \2", words).replace("'", "")
