"""Witnesses: checks of the bytes and pixels of one file, each of which may know of damage.

In: the bytes or the path of a file. Out: ``Evidence``. Checks that need a decoder's warnings run
in helper processes, since decoders write them to stderr. A witness may be added or changed here
without looking elsewhere.
"""

from imggen.quality.witnesses.containers import (
    examine_avif,
    examine_bmp,
    examine_gif,
    examine_jpeg_2000,
    examine_tiff,
    examine_webp,
)
from imggen.quality.witnesses.helper_pool import HelperDiedError, HelperPool
from imggen.quality.witnesses.jpeg_pixels import JpegCheck
from imggen.quality.witnesses.pillow_decoder import (
    decode_with_pillow,
    examine_error,
    examine_image_visibility,
)
from imggen.quality.witnesses.png_structure import examine_png
from imggen.quality.witnesses.signatures import name_kind

__all__ = [
    "HelperDiedError",
    "HelperPool",
    "JpegCheck",
    "decode_with_pillow",
    "examine_avif",
    "examine_bmp",
    "examine_error",
    "examine_gif",
    "examine_image_visibility",
    "examine_jpeg_2000",
    "examine_png",
    "examine_tiff",
    "examine_webp",
    "name_kind",
]
