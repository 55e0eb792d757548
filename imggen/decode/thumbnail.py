"""Small pictures of files, encoded."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imggen.decode.load import load_image, load_opened
from imggen.decode.read_errors import concerns_file
from imggen.decode.spec import BackgroundLike, ImageSpec
from imggen.errors import ImageError
from imggen.stores import open_file

if TYPE_CHECKING:
    from PIL import Image

_QUALITY = 80
_MAX_ASPECT = 3


def make_thumbnail(
    path: str, side: int, background: BackgroundLike = "white", *, is_quiet: bool = False
) -> bytes | None:
    """Makes a thumbnail of a file.

    Args:
        path: The file.
        side: The shorter side, in pixels; panoramas are made smaller.
        background: The background of transparent pixels; same as in ``ImageSpec``.
        is_quiet: Decode JPEGs with Pillow; OpenCV's decoder writes warnings of damage to stderr.

    Returns:
        The bytes of a JPEG; None if the file cannot be read.
    """
    from PIL import Image

    spec = ImageSpec(image_size=None, shorter_side=side, background=background)
    try:
        image = Image.fromarray((_load_quietly if is_quiet else load_image)(path, spec))
    except ImageError:
        return None
    longest = _MAX_ASPECT * min(image.size)
    image.thumbnail((longest, longest))
    return encode_picture(image)


def _load_quietly(path: str, spec: ImageSpec) -> npt.NDArray[np.uint8]:
    from PIL import Image

    try:
        with open_file(path) as file, Image.open(file) as image:
            if image.format == "JPEG":
                return load_opened(image, spec)
    except Exception as err:
        if not concerns_file(err):
            raise
    return load_image(path, spec)


def encode_picture(image: Image.Image, *, lossless: bool = False) -> bytes:
    """Encodes a Pillow image as a JPEG or, if ``lossless``, as a PNG."""
    out = io.BytesIO()
    image.save(out, "PNG" if lossless else "JPEG", quality=_QUALITY)
    return out.getvalue()
