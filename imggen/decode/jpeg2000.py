"""JPEG 2000 files of other depths than 8 bits, whose white Pillow turns to black.

Source: ISO/IEC 15444-1, annexes A (codestream) and I (file format).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.decode.orientation import UPRIGHT
from imggen.decode.rasters import Raster, RasterMode, check_num_bytes, scale_to_8_bits

_BOX_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_START = b"\xff\x4f\xff\x51"  # of a codestream, and of its SIZ segment
_CODING_STYLE = b"\xff\x52"
_MODES: dict[int, RasterMode] = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# Enumerated color spaces: sRGB, gray, and none given.
_PLAIN_SPACES = {16, 17, None}
_MAX_SEGMENTS = 64


class Jpeg2000Header(NamedTuple):
    """The header of a JPEG 2000 file or codestream.

    Attributes:
        width: In pixels.
        height: In pixels.
        bits: The bits of each component.
        is_signed: Whether values of a component may be negative.
        is_subsampled: Whether components differ in size.
        is_reversible: Whether its wavelet transform is of whole numbers.
        color_space: The number of its color space in the standard, or None.
        has_palette: Whether values are indices of a palette.
        bits_at: Where the bits of each component are, in bytes from the start of the file.
    """

    width: int
    height: int
    bits: tuple[int, ...]
    is_signed: bool
    is_subsampled: bool
    is_reversible: bool
    color_space: int | None
    has_palette: bool
    bits_at: tuple[int, ...]

    @property
    def kind(self) -> str:
        """The kind of file in words, such as "12-bit RGB JPEG 2000"."""
        bits = "/".join(map(str, dict.fromkeys(self.bits)))
        sign = " signed" if self.is_signed else ""
        palette = " palette" if self.has_palette else ""
        sampled = " subsampled" if self.is_subsampled else ""
        colors = {1: "grayscale", 2: "grayscale-alpha", 3: "RGB", 4: "RGBA"}
        space = {12: "CMYK", 18: "YCbCr"}.get(self.color_space or 0)
        color = space or colors.get(len(self.bits), f"{len(self.bits)}-channel")
        return f"{bits}-bit{sign}{sampled}{palette} {color} JPEG 2000"

    @property
    def is_for_pillow(self) -> bool:
        """Whether Pillow reads such files rightly."""
        return set(self.bits) == {8} and not self.is_signed and len(self.bits) in _MODES

    @property
    def is_readable(self) -> bool:
        """Whether this module reads such files."""
        return (
            not (self.is_signed or self.is_subsampled or self.has_palette)
            and self.color_space in _PLAIN_SPACES
            and len(self.bits) in _MODES
            and len(set(self.bits)) == 1
            and 1 <= self.bits[0] <= 16
            and (len(self.bits) != 2 or self.bits[0] <= 8 or self.is_reversible)
        )


def read_jpeg2000_header(file: BinaryIO) -> Jpeg2000Header | None:
    """Reads the header of a file or codestream; None if it is neither."""
    color_space, has_palette, start = None, False, None
    beginning = file.read(len(_BOX_SIGNATURE))
    if beginning.startswith(_START):
        start = 0
    elif beginning == _BOX_SIGNATURE:
        for kind, at, end in _iter_boxes(file, len(_BOX_SIGNATURE), None):
            if kind == b"jp2c":
                start = at
                break
            if kind == b"jp2h":
                for inner, inner_at, _ in _iter_boxes(file, at, end):
                    has_palette |= inner == b"pclr"
                    if inner == b"colr" and color_space is None:
                        file.seek(inner_at)
                        method = file.read(7)
                        if method[:1] == b"\x01":
                            color_space = int.from_bytes(method[3:])
    return None if start is None else _read_codestream(file, start, color_space, has_palette)


def read_jpeg2000(file: BinaryIO, header: Jpeg2000Header) -> Raster:
    """Reads the samples of a file whose header ``is_readable``.

    Raises:
        ValueError: It is damaged, or too large.
    """
    channels, bits = len(header.bits), header.bits[0]
    check_num_bytes(header.width * header.height * channels * (1 if bits < 8 else 2))
    file.seek(0)
    data = file.read()
    mode = _MODES[channels]
    if bits <= 8:
        # Pillow moves the bits to the upper end of a byte.
        return Raster(_read_with_pillow(data, channels) >> (8 - bits), (1 << bits) - 1, mode)
    import cv2

    flags = cv2.IMREAD_ANYDEPTH if channels <= 2 else cv2.IMREAD_UNCHANGED
    try:
        decoded: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as err:
        raise ValueError(f"OpenCV cannot decode it: {err.err}") from err
    if decoded is None or decoded.dtype != np.uint16:
        raise ValueError("broken data stream")
    values = decoded.reshape(*decoded.shape[:2], -1)
    if channels == 2:
        gray = scale_to_8_bits(values, (1 << bits) - 1)
        alpha = _read_wide_alpha(data, header)
        return Raster(np.concatenate([gray, alpha], axis=2), 255, mode)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    return Raster(values[:, :, order], (1 << bits) - 1, mode, None, UPRIGHT)


def _read_with_pillow(data: bytes, channels: int) -> npt.NDArray[np.uint8]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image)
    if pixels.dtype != np.uint8:
        raise ValueError(f"broken data stream (mode {image.mode})")
    return pixels.reshape(*pixels.shape[:2], channels)


def _read_wide_alpha(data: bytes, header: Jpeg2000Header) -> npt.NDArray[np.uint8]:
    """Reads the opacity of a file of gray and opacity, which OpenCV leaves out.

    Pillow rounds to 8 bits, and the highest values wrap to 0. In a copy of the file that claims one
    bit more, 0 is a quarter of the range, and the highest value three quarters, so none wraps.
    """
    claimed = bytearray(data)
    for at in header.bits_at:
        claimed[at] += 1
    alpha = _read_with_pillow(data, 2)[:, :, 1:].copy()
    alpha[(alpha == 0) & (_read_with_pillow(bytes(claimed), 2)[:, :, 1:] > 128)] = 255
    return alpha


def _iter_boxes(
    file: BinaryIO, start: int, end: int | None
) -> Iterator[tuple[bytes, int, int | None]]:
    """Yields the kind of each box, and where its content starts and ends."""
    for _ in range(_MAX_SEGMENTS):
        if end is not None and start >= end:
            return
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        content = start + 8
        if length == 1:
            length, content = int.from_bytes(file.read(8)), start + 16
        if length and length < content - start:
            return
        yield kind, content, start + length if length else None
        if not length:
            return
        start += length


def _read_codestream(
    file: BinaryIO, start: int, color_space: int | None, has_palette: bool
) -> Jpeg2000Header | None:
    file.seek(start)
    fixed = file.read(42)
    if len(fixed) < 42 or not fixed.startswith(_START):
        return None
    width, height, left, top = struct.unpack(">4I", fixed[8:24])
    channels = int.from_bytes(fixed[40:42])
    components = file.read(3 * channels)
    if not channels or len(components) < 3 * channels:
        return None
    depths = components[::3]
    return Jpeg2000Header(
        width=max(0, width - left),
        height=max(0, height - top),
        bits=tuple((depth & 0x7F) + 1 for depth in depths),
        is_signed=any(depth & 0x80 for depth in depths),
        is_subsampled=len(set(components[1::3] + components[2::3])) > 1,
        is_reversible=_is_reversible(file),
        color_space=color_space,
        has_palette=has_palette,
        bits_at=tuple(start + 42 + 3 * channel for channel in range(channels)),
    )


def _is_reversible(file: BinaryIO) -> bool:
    """Whether the coding style segment, one of those that follow, names the 5/3 transform."""
    for _ in range(_MAX_SEGMENTS):
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            return False
        body = file.read(max(0, int.from_bytes(head[2:]) - 2))
        if head[:2] == _CODING_STYLE:
            return len(body) > 9 and body[9] == 1
    return False
