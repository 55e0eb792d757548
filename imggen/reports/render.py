"""Templates to HTML pages, and images to data URIs in them."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imggen.core import (
    check_output,
    encode_data_uri,
    format_bytes,
    pluralize,
    printable,
    read_start,
    replace_files,
    shorten,
)
from imggen.data import Manifest
from imggen.decode import BackgroundLike, encode_picture, make_thumbnail
from imggen.errors import ExportError, OptionError
from imggen.workers import Progress, ThreadMap

if TYPE_CHECKING:
    import jinja2
    from PIL import Image

_GENERATOR = b'<meta name="generator" content="imggen'  # in base.html
MAX_IN_GROUP = 12


def render(template: str, **metadata: Any) -> str:
    """Renders a template of this folder.

    Args:
        template: Its file name.
        **metadata: The variables of the template; text is escaped.
    """
    return _environment().get_template(template).render(metadata, version=version("imggen"))


def write_page(file: str | os.PathLike[str], page: str, *, overwrite: bool = False) -> None:
    """Writes a page atomically.

    Raises:
        ExportError: The file cannot be written, or exists and is not a page of imggen.
        OptionError: See ``check_page``.
    """
    check_page(file, overwrite=overwrite)
    try:
        replace_files(
            {
                Path(file): lambda place: place.write_text(
                    page, encoding="utf-8", errors="backslashreplace"
                )
            }
        )
    except OSError as err:
        raise ExportError(f"Cannot write {shorten(os.fspath(file))}: {err}.") from err


def check_page(
    file: str | os.PathLike[str] | None,
    *,
    overwrite: bool = False,
) -> None:
    """Checks that a page can be written.

    Args:
        file: The file. None: there is nothing to check.
        overwrite: Replace a file that is not a page of imggen, too.

    Raises:
        OptionError: The path ends in neither ``.html`` nor ``.htm``.
        ExportError: See ``check_output``.
    """
    if file is None:
        return
    if Path(file).suffix.lower() not in (".html", ".htm"):
        raise OptionError(f"file={shorten(os.fspath(file))} must end in .html or .htm.")
    check_output(file, lambda path: _GENERATOR in read_start(path), overwrite=overwrite)


def format_root(root: str | os.PathLike[str]) -> str:
    """Returns a folder, file or URI as the user gave it; of "" and folders such as ".", the name.

    Example:
        >>> format_root("photos"), format_root("s3://bucket/photos")
        ('photos', 's3://bucket/photos')
    """
    given = os.fspath(root)
    if set(given) <= {".", "/", os.sep} and not os.path.isabs(given):
        return os.path.basename(os.path.abspath(given)) or given
    return given


def make_thumbnails(
    paths: list[str],
    side: int,
    *,
    background: BackgroundLike = "white",
    progress: Progress | None = None,
) -> dict[str, str | None]:
    """Makes thumbnails of files.

    Args:
        paths: The files; some may be listed twice.
        side: The shorter side of a thumbnail, in pixels.
        background: The background of transparent pixels; same as in ``ImageSpec``.
        progress: Called with ("drawing", finished images, all images) from time to time.

    Returns:
        A data URI by path; None if the file cannot be read.
    """
    distinct = list(dict.fromkeys(paths))
    drawn = ThreadMap(None).imap_with_progress(
        "drawing", lambda path: _encode_thumbnail(path, side, background), distinct, progress
    )
    return dict(zip(distinct, drawn, strict=True))


def choose_examples(manifest: Manifest, images_per_class: int) -> list[dict[str, Any]]:
    """Chooses a few samples of each class, at regular intervals.

    Returns:
        For each class with samples, ``name`` and ``files``, pairs of path and caption.
    """
    labels = manifest.labels
    names = manifest.class_names
    if labels is None:
        labels, names = np.zeros(len(manifest), np.int32), ("images",)
    examples = []
    for label, name in enumerate(names):
        rows = np.flatnonzero(labels == label)
        if len(rows):
            chosen = rows[np.unique(np.linspace(0, len(rows) - 1, images_per_class).astype(int))]
            files = [
                (manifest.filepath(row), os.path.basename(manifest.paths[row]))
                for row in chosen.tolist()
            ]
            examples.append({"name": name, "files": files})
    return examples


def _encode_thumbnail(path: str, side: int, background: BackgroundLike) -> str | None:
    data = make_thumbnail(path, side, background)
    return None if data is None else encode_data_uri(data)


def make_data_uri(image: Image.Image, *, lossless: bool = False) -> str:
    """Encodes an image as a data URI: a JPEG or, if ``lossless``, a PNG."""
    return encode_data_uri(encode_picture(image, lossless=lossless))


def _name_number(number: int, noun: str) -> str:
    """Returns a noun as it stands below a number: "image" below 1, and otherwise "images"."""
    return pluralize(number, noun).partition(" ")[2]


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["format_bytes"] = format_bytes
    environment.filters["noun"] = _name_number
    environment.filters["pluralize"] = pluralize
    environment.filters["printable"] = printable
    return environment
