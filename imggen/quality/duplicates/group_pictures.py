"""Thumbnails of the first groups, kept with a result so that a notebook shows it without files."""

from __future__ import annotations

from collections.abc import Sequence

from imggen.core import MAX_PICTURE_BYTES
from imggen.data import Manifest
from imggen.decode import BackgroundLike, make_thumbnail
from imggen.quality.image_check import silence_pillow

MAX_SHOWN_GROUPS, MAX_SHOWN_FILES = 4, 4
_SIDE = 96
_MAX_BYTES = MAX_PICTURE_BYTES * 3 // 4  # Base64 takes 4 characters for 3 bytes


def make_group_pictures(
    manifest: Manifest, groups: Sequence[Sequence[int]], background: BackgroundLike
) -> dict[int, bytes]:
    """Makes thumbnails of the first files of the first groups.

    Args:
        manifest: The files.
        groups: Rows of the manifest.
        background: The background of transparent pixels.

    Returns:
        The bytes of a JPEG by row. Files that cannot be read are left out, and so are those for
        which there is no room within ``MAX_PICTURE_BYTES``.
    """
    made: dict[int, bytes] = {}
    room = _MAX_BYTES
    with silence_pillow():
        for group in groups[:MAX_SHOWN_GROUPS]:
            for row in group[:MAX_SHOWN_FILES]:
                picture = make_thumbnail(manifest.filepath(row), _SIDE, background)
                if picture is not None and len(picture) <= room:
                    made[row] = picture
                    room -= len(picture)
    return made
