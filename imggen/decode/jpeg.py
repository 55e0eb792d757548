"""JPEGs decoded by OpenCV where its pixels equal Pillow's exactly.

Measured on photographs of 500×375 (CPU time, one thread, OpenCV 5.0, Pillow 13): to an array of
full size 0.60 ms against 0.78; shrunk by nearest neighbor 0.63 against 0.70. At a half, a quarter
and an eighth of the size the pixels are the same too.

OpenCV's decoder writes a line to stderr about oddities that it can read, such as extra bytes before
the end; Pillow's decoder reads the same pixels silently.
"""

from __future__ import annotations

import re
import struct
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.decode.exif import parse_orientation
from imggen.decode.formats import JPEG
from imggen.decode.nearest import resize_nearest
from imggen.decode.orientation import UPRIGHT, read_orientation_of_bytes, turn_pixels

# Inside compressed data only a zero, a restart marker or another 0xff may follow a 0xff; this finds
# the first 0xff that something else follows.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_END_OF_IMAGE = b"\xff\xd9"
_START_OF_SCAN = 0xDA
# Baseline and extended Huffman; progressive files have several scans.
_SEQUENTIAL = {0xC0, 0xC1}
# Tables, restart interval, application data and comments.
_OTHER_SEGMENTS = {_START_OF_SCAN, 0xC4, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE}
# The whole header of most small files in color: JFIF data, tables for luma and chroma, the frame,
# the Huffman tables of the specification. Without repetitions, for which ``re`` allocates memory.
_USUAL_HEADER = re.compile(
    rb"\xff\xd8(?:\xff\xe0\0\x10JFIF\0.{9})?\xff\xdb(?:\0\x43.{65}\xff\xdb\0\x43.{65}|\0\x84.{130})"
    rb"\xff[\xc0\xc1]\0\x11\x08(.{4})\x03.{9}"
    rb"\xff\xc4(?:\0\x1f.{29}\xff\xc4\0\xb5.{179}\xff\xc4\0\x1f.{29}\xff\xc4\0\xb5.{179}|\x01\xa2.{416})"
    rb"\xff\xda\0\x0c.{10}",
    re.DOTALL,
)
_SIZE = struct.Struct(">HH")  # height, width
_SEGMENT = struct.Struct(">BBH")  # 0xff, marker, length
_FRAME = struct.Struct(">BHHB")  # bits, height, width, channels
_APP0, _APP1, _APP2, _APP13, _APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
_PARSED_BY_PILLOW = {_APP0, _APP1, _APP2, _APP13, _APP14}
# The application data that Pillow parses by position, and the bytes that it then needs.
_LEAST_LENGTHS = ((b"JFIF", 7), (b"Adobe", 7), (b"ICC_PROFILE\0", 14))
# OpenCV names them for gray alone; with IMREAD_COLOR_RGB they reduce colors too.
_REDUCED_FLAGS = {1: 0, 2: 16, 4: 32, 8: 64}


class JpegHeader(NamedTuple):
    """The header of a JPEG that OpenCV and Pillow decode alike.

    Attributes:
        height: In pixels, as stored.
        width: In pixels, as stored.
        num_channels: 1 or 3.
        app1: The contents of its APP1 segments, which hold EXIF and XMP data.
    """

    height: int
    width: int
    num_channels: int
    app1: list[bytes]


def decode_jpeg(
    data: bytes, size: tuple[int, int] | None = None, *, exif_orientation: bool = False
) -> npt.NDArray[np.uint8] | None:
    """Decodes a JPEG with OpenCV, if it is sure that Pillow would give the same pixels.

    That holds for complete files of one scan, with one or three components of 8 bits, and of a size
    that Pillow does not refuse as a decompression bomb. If this returns None, Pillow decides what
    the file is, and what is wrong with it.

    Args:
        data: The bytes of a file, in any format.
        size: (height, width) to resize to, by nearest neighbor. None: keep the size.
        exif_orientation: Turn it upright as its EXIF tag says, before resizing.

    Returns:
        uint8, shape (height, width, 3), RGB; or None.

    Source: the pixels are those of ``PIL.Image.open(...).convert("RGB").resize(...)``.
    """
    header = read_plain_header(data)
    if header is None:
        return None
    orientation = read_header_orientation(header, data) if exif_orientation else UPRIGHT
    if orientation is None:
        return None
    pixels = decode_plain_jpeg(data)
    if pixels is None:
        return None
    if orientation != UPRIGHT:
        pixels = turn_pixels(pixels, orientation)
    return pixels if size is None else resize_nearest(pixels, size)


def decode_plain_jpeg(
    data: bytes, factor: int = 1, *, is_gray: bool = False
) -> npt.NDArray[np.uint8] | None:
    """Decodes a JPEG that has a plain header.

    Args:
        data: The bytes of the file.
        factor: Decode at 1/1, 1/2, 1/4 or 1/8 of its size, rounded up.
        is_gray: Return one channel, of a file of one channel.

    Returns:
        uint8, shape (height, width, 3), RGB, or (height, width, 1); not turned upright. None if
        OpenCV cannot decode it.
    """
    import cv2

    flags = (cv2.IMREAD_GRAYSCALE if is_gray else cv2.IMREAD_COLOR_RGB) | _REDUCED_FLAGS[factor]
    try:
        decoded: Any = cv2.imdecode(
            np.frombuffer(data, dtype=np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error:
        return None
    pixels: npt.NDArray[np.uint8] | None = decoded
    return pixels[:, :, np.newaxis] if is_gray and pixels is not None else pixels


def read_header_orientation(header: JpegHeader, data: bytes) -> int | None:
    """Returns the EXIF orientation, 1 to 8; None where Pillow would fail to turn the image."""
    if not header.app1:
        return UPRIGHT
    orientation = parse_orientation(header.app1)
    return read_orientation_of_bytes(data) if orientation is None else orientation


def read_plain_header(data: bytes) -> JpegHeader | None:
    """Reads the header of a JPEG that OpenCV and Pillow decode alike; None for other files."""
    import PIL.Image

    usual = _USUAL_HEADER.match(data)
    if usual is not None:
        height, width = _SIZE.unpack(usual[1])
        header, position = JpegHeader(height, width, 3, []), usual.end()
    else:
        segments = _read_segments(data)
        if segments is None:
            return None
        header, position = segments
    num_pixels, limit = header.height * header.width, PIL.Image.MAX_IMAGE_PIXELS
    if num_pixels == 0 or (limit is not None and num_pixels > limit):
        return None
    # At a marker inside the data OpenCV continues and Pillow stops; without a marker at the end,
    # the file is truncated.
    found = _MARKER.search(data, position)
    return header if found is not None and found[0] == _END_OF_IMAGE else None


def _read_segments(data: bytes) -> tuple[JpegHeader, int] | None:
    """Reads the segments up to the compressed data; returns their content and their end."""
    if not data.startswith(JPEG.signature):
        return None
    position, marker = 2, 0
    height = width = num_channels = 0
    app1 = []
    try:
        while marker != _START_OF_SCAN:
            start, marker, length = _SEGMENT.unpack_from(data, position)
            if start != 0xFF or length < 2:
                return None
            if marker in _SEQUENTIAL:
                bits, height, width, num_channels = _FRAME.unpack_from(data, position + 4)
                if length < 2 + _FRAME.size or bits != 8 or num_channels not in (1, 3):
                    return None
            elif marker in _PARSED_BY_PILLOW:
                body = data[position + 4 : position + 2 + length]
                if _is_refused_by_pillow(marker, body):
                    return None
                if marker == _APP1:
                    app1.append(body)
            elif marker not in _OTHER_SEGMENTS:
                return None
            position += 2 + length
    except struct.error:  # the file ends
        return None
    return JpegHeader(height, width, num_channels, app1), position


def _is_refused_by_pillow(marker: int, body: bytes) -> bool:
    """Whether Pillow may fail to parse application data, and refuses the whole file."""
    if marker == _APP13:  # the name of a resource, of which Pillow reads the length without care
        return body.startswith(b"Photoshop 3.0\0") and body[-6:-2] == b"8BIM"
    for start, least in _LEAST_LENGTHS:
        if body.startswith(start):
            return len(body) < least
    return False
