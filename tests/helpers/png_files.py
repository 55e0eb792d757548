"""A writer of PNG files of every color type, bit depth, interlacing and transparency.

Source: PNG (Portable Network Graphics) Specification, W3C.
"""

import struct
import zlib

import numpy as np

from tests.helpers.tiff_files import pack_bits

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
# Adam7: (first row, first column, step of rows, step of columns) of each pass.
_PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(
    samples: np.ndarray,
    bits: int,
    color_type: int,
    *,
    interlaced: bool = False,
    palette: np.ndarray | None = None,
    transparent: bytes | None = None,
    before: bytes = b"",
) -> bytes:
    """Writes samples, shape (height, width, channels).

    Args:
        palette: Colors, shape (n, 3).
        transparent: The content of the tRNS chunk.
        before: Further chunks, put after the header.
    """
    height, width, _ = samples.shape
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    rows = b"".join(
        b"\0" + row
        for top, left, down, across in passes
        for row in _pack(samples[top::down, left::across], bits)
    )
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + (b"" if palette is None else chunk(b"PLTE", palette.astype(np.uint8).tobytes()))
        + (b"" if transparent is None else chunk(b"tRNS", transparent))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _pack(samples: np.ndarray, bits: int) -> list[bytes]:
    if not samples.size:
        return []
    if bits >= 8:
        return [row.astype(f">u{bits // 8}").tobytes() for row in samples]
    return pack_bits(samples, bits)
