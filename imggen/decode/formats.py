"""The table of image file formats: extensions, decoder and modes.

Pillow knows many more formats and extensions; those without a row here are read by Pillow and have
none of the peculiarities that the table names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final


@final
@dataclass(frozen=True)
class ImageFormat:
    """A file format, as far as reading it differs from others.

    Attributes:
        name: Pillow's name.
        extensions: The usual extensions in lower case, with the dot, the most frequent first.
        decoder: "opencv" where it gives the pixels of Pillow in less time, and Pillow for those
            files of the format where it does not; "pillow"; or None where Pillow recognizes the
            format but needs a program or plugin to decode it that it does not include.
        signature: The first bytes of every file, for formats that are recognized without Pillow.
        stored_as: The format whose extension such files often have, and rightly.
        has_reduced_decoding: Whether the decoder can skip most pixels of large images.
        is_turned_on_load: Whether Pillow itself turns images upright when it loads pixels, and
            gives their size as if it had.
        has_previews: Whether frames after the first are previews or other views of it.
        modes_16_bit: Pillow's modes of 16-bit grayscale besides "I;16" and its like.
    """

    name: str
    extensions: tuple[str, ...] = ()
    decoder: Literal["opencv", "pillow"] | None = "pillow"
    signature: bytes = b""
    stored_as: str = ""
    has_reduced_decoding: bool = False
    is_turned_on_load: bool = False
    has_previews: bool = False
    modes_16_bit: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The name of the format whose extension such files have."""
        return self.stored_as or self.name

    def is_16_bit(self, mode: str) -> bool:
        """Whether values of ``mode`` run from 0 to 65535 in this format."""
        return mode.startswith("I;16") or mode in self.modes_16_bit


JPEG = ImageFormat(
    "JPEG", (".jpg", ".jpeg"), "opencv", signature=b"\xff\xd8\xff", has_reduced_decoding=True
)

FORMATS = {
    row.name: row
    for row in (
        JPEG,
        ImageFormat("PNG", (".png",)),
        ImageFormat("WEBP", (".webp",)),
        ImageFormat("TIFF", (".tif", ".tiff"), is_turned_on_load=True),
        ImageFormat("BMP", (".bmp",)),
        ImageFormat("GIF", (".gif",)),
        # Scaled to 16 bits by Pillow, whatever the largest value of the file.
        ImageFormat("PPM", (".ppm", ".pgm", ".pbm"), modes_16_bit=("I",)),
        ImageFormat("DIB", stored_as="BMP"),
        # A JPEG followed by others. Pillow lists it among the formats that it writes, not reads.
        ImageFormat("MPO", stored_as="JPEG", has_reduced_decoding=True, has_previews=True),
        *(
            ImageFormat(name, decoder=None)
            for name in ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF")
        ),
    )
}

# The first extension of each format in the table, for examples in messages.
COMMON_EXTENSIONS = tuple(row.extensions[0] for row in FORMATS.values() if row.extensions)

# Modes that become RGB without a decision that a user might want to make.
PLAIN_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})


def find_format(name: str | None) -> ImageFormat:
    """Returns the row of a format by Pillow's name for it; a plain one if it has none."""
    return FORMATS.get(name or "") or ImageFormat(name or "")


def format_by_extension(extension: str) -> str | None:
    """Returns Pillow's name for the format of an extension with the dot; None for others.

    Example:
        >>> format_by_extension(".JPG")
        'JPEG'
    """
    from PIL import Image

    return Image.registered_extensions().get(extension.lower())


def image_extensions() -> frozenset[str]:
    """Returns the lower-case extensions, with the dot, of every format that can be decoded.

    Example:
        >>> {".jpg", ".png", ".webp", ".tif"} <= image_extensions()
        True
    """
    from PIL import Image

    return frozenset(
        extension
        for extension, name in Image.registered_extensions().items()
        if (name in Image.OPEN or find_format(name).family in Image.OPEN)
        and find_format(name).decoder is not None
    )
