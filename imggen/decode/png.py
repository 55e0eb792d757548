"""PNG files that Pillow reads wrongly, or refuses for what does not belong to their pixels.

Source: PNG (Portable Network Graphics) Specification, W3C.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from imggen.decode.orientation import UPRIGHT
from imggen.decode.rasters import Raster, RasterMode, check_num_bytes

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chunks that decide pixels, with the orientation; frames of animations are not among them.
_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf"}
# Text chunks in which Pillow looks for an orientation.
_ORIENTATION_TEXTS = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_MAX_TEXT = 1 << 16
_COLORS: dict[int, tuple[str, int, RasterMode]] = {
    0: ("grayscale", 1, "L"),
    2: ("RGB", 3, "RGB"),
    3: ("palette", 1, "P"),
    4: ("grayscale-alpha", 2, "LA"),
    6: ("RGBA", 4, "RGBA"),
}
_LEGAL_BITS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}


class PngHeader(NamedTuple):
    """The content of the IHDR chunk."""

    width: int
    height: int
    bits: int
    color_type: int
    methods: tuple[int, int, int]

    @property
    def kind(self) -> str:
        """The kind of file in words, such as "16-bit RGB PNG"."""
        color = _COLORS[self.color_type][0] if self.color_type in _COLORS else ""
        return f"{self.bits}-bit {color or f'color type {self.color_type}'} PNG"

    @property
    def is_for_pillow(self) -> bool:
        """Whether Pillow reads such files rightly."""
        return self.is_readable and (self.bits != 16 or self.color_type == 0)

    @property
    def is_readable(self) -> bool:
        """Whether the specification allows such a file."""
        is_known = self.methods[:2] == (0, 0) and self.methods[2] in (0, 1)
        return is_known and self.bits in _LEGAL_BITS.get(self.color_type, ())


def read_png_header(file: BinaryIO) -> PngHeader | None:
    """Reads the header of a PNG; None if it is not one."""
    start = file.read(29)
    if len(start) < 29 or not start.startswith(SIGNATURE) or start[12:16] != b"IHDR":
        return None
    width, height, bits, color_type, *methods = struct.unpack(">IIBBBBB", start[16:29])
    return PngHeader(width, height, bits, color_type, tuple(methods))


def keep_needed_chunks(file: BinaryIO) -> bytes:
    """Returns a PNG without the chunks that its first image does not need, such as long texts."""
    kept = [SIGNATURE]
    file.seek(len(SIGNATURE))
    for kind, head, length in _iter_chunks(file):
        if kind in _NEEDED or (kind.isalpha() and kind[:1].isupper()):
            kept += [head, file.read(length + 4)]
        elif kind in _TEXTS and length <= _MAX_TEXT:
            body = file.read(length + 4)
            if body.startswith(_ORIENTATION_TEXTS):
                kept += [head, body]
    return b"".join(kept)


def read_wide_png(
    file: BinaryIO, header: PngHeader, get_orientation: Callable[[], int]
) -> Raster | None:
    """Reads the samples of a PNG of 16 bits; None if it is damaged.

    Args:
        file: The file.
        header: Its header.
        get_orientation: Called if it may have an orientation; Pillow reads all pixels for it.

    Raises:
        DecompressionBombError: It is too large.
    """
    import cv2

    _, channels, mode = _COLORS[header.color_type]
    decoded_channels = 4 if channels == 2 else channels  # OpenCV has no gray with alpha
    check_num_bytes(header.width * header.height * decoded_channels * 2)
    file.seek(0)
    data = keep_needed_chunks(file)
    transparent = _find_transparent(data, header)
    # Without tRNS, which OpenCV would compare at its own depth, and without an orientation.
    without_texts = _drop(data, {b"eXIf", *_TEXTS})
    orientation = UPRIGHT if without_texts == data else get_orientation()
    stripped = _drop(without_texts, {b"tRNS"})
    try:
        decoded: Any = cv2.imdecode(np.frombuffer(stripped, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # such as one about the width
        return None
    if decoded is None or decoded.dtype != np.uint16:
        return None
    values = decoded.reshape(header.height, header.width, decoded_channels)
    order = {1: [0], 2: [0, 3], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    return Raster(values[:, :, order], 65535, mode, None, orientation, transparent)


def _iter_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, int]]:
    """Yields the kind, head and length of each chunk, with ``file`` at its content."""
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        start = file.tell()
        yield kind, head, length
        file.seek(start + length + 4)
        if kind == b"IEND":
            return


def _drop(data: bytes, kinds: set[bytes]) -> bytes:
    import io

    file = io.BytesIO(data)
    file.seek(len(SIGNATURE))
    kept = [SIGNATURE]
    for kind, head, length in _iter_chunks(file):
        if kind not in kinds:
            kept += [head, file.read(length + 4)]
    return b"".join(kept)


def _find_transparent(data: bytes, header: PngHeader) -> tuple[int, ...] | None:
    import io

    file = io.BytesIO(data)
    file.seek(len(SIGNATURE))
    expected = {0: 2, 2: 6}.get(header.color_type)
    for kind, _, length in _iter_chunks(file):
        if kind == b"tRNS" and length == expected:
            return struct.unpack(f">{length // 2}H", file.read(length))
        if kind == b"IDAT":
            break
    return None
