"""Thumbnails of a few files, kept with a result so that a notebook shows it without files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from imggen.core import MAX_PICTURE_BYTES
from imggen.decode import BackgroundLike, make_thumbnail
from imggen.quality.image_check import silence_pillow

MAX_EXAMPLES = 8
_SIDE = 96
_MAX_BYTES = MAX_PICTURE_BYTES * 3 // 4  # Base64 takes 4 characters for 3 bytes
_MAX_TRIED = 3


def make_example_pictures(
    root: str,
    paths: Iterable[str],
    count: int = MAX_EXAMPLES,
    background: BackgroundLike = "white",
) -> Mapping[str, bytes]:
    """Makes thumbnails of the first files that can be read.

    Args:
        root: The folder that paths are relative to.
        paths: The files; three times ``count`` of them are tried.
        count: The most thumbnails.
        background: The background of transparent pixels.

    Returns:
        The bytes of a JPEG by path; at most ``MAX_PICTURE_BYTES`` in all, as Base64.
    """
    made: dict[str, bytes] = {}
    room = _MAX_BYTES
    with silence_pillow():
        for tried, path in enumerate(paths):
            if len(made) == count or tried == _MAX_TRIED * count:
                break
            picture = make_thumbnail(os.path.join(root, path), _SIDE, background, is_quiet=True)
            if picture is not None and len(picture) <= room:
                made[path] = picture
                room -= len(picture)
    return made
