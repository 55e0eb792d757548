"""Small pictures of files, encoded."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from imggen.decode.load import load_image
from imggen.decode.spec import BackgroundLike, ImageSpec
from imggen.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

_QUALITY = 80
_MAX_ASPECT = 3


def make_thumbnail(path: str, side: int, background: BackgroundLike = "white") -> bytes | None:
    """Makes a thumbnail of a file.

    Args:
        path: The file.
        side: The shorter side, in pixels; panoramas are made smaller.
        background: The background of transparent pixels; same as in ``ImageSpec``.

    Returns:
        The bytes of a JPEG; None if the file cannot be read.
    """
    from PIL import Image

    spec = ImageSpec(image_size=None, shorter_side=side, background=background)
    try:
        image = Image.fromarray(load_image(path, spec))
    except ImageError:
        return None
    longest = _MAX_ASPECT * min(image.size)
    image.thumbnail((longest, longest))
    return encode_picture(image)


def encode_picture(image: Image.Image, *, lossless: bool = False) -> bytes:
    """Encodes a Pillow image as a JPEG or, if ``lossless``, as a PNG."""
    out = io.BytesIO()
    image.save(out, "PNG" if lossless else "JPEG", quality=_QUALITY)
    return out.getvalue()
