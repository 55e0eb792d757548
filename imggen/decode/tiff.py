"""TIFF files whose samples Pillow reads wrongly or not at all.

libtiff decompresses them, and this module interprets the samples, whole numbers of up to 16 bits.

Source: TIFF Revision 6.0, and its supplements.
"""

from __future__ import annotations

import io
import struct
from itertools import chain, repeat
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from imggen.decode.orientation import UPRIGHT
from imggen.decode.rasters import CHANNELS, Raster, check_num_bytes
from imggen.decode.tiff_header import (
    ASSOCIATED,
    BITS,
    COMPRESSION,
    FILL_ORDER,
    HEIGHT,
    MODES,
    PHOTOMETRIC,
    ROWS_PER_STRIP,
    SAMPLES_PER_PIXEL,
    STRIP_OFFSETS,
    STRIP_SIZES,
    UNASSOCIATED,
    UNCOMPRESSED,
    UNPREDICTED,
    WHITE_IS_ZERO,
    WIDTH,
    TiffHeader,
)

_AT_ONCE = 1 << 20  # bytes


def read_tiff(file: BinaryIO, header: TiffHeader) -> Raster:
    """Reads the samples of a file whose header ``is_readable``.

    Raises:
        ValueError: It is damaged, or too large.
    """
    mode = MODES[header.photometric]
    values = _read_samples(file, header)
    max_value = (1 << header.bits[0]) - 1
    base = CHANNELS[mode]
    alpha = None
    if len(header.bits) > base:
        # Without the tag a fourth channel of RGB is opacity, as in Pillow.
        kinds = header.extra_samples or ((UNASSOCIATED,) if mode == "RGB" else ())
        if kinds and kinds[0] in (ASSOCIATED, UNASSOCIATED) and mode in ("L", "RGB"):
            alpha = values[:, :, base : base + 1]
            if kinds[0] == ASSOCIATED:
                values = _divide_by_alpha(values[:, :, :base], alpha, max_value)
    values = values[:, :, :base]
    if header.photometric == WHITE_IS_ZERO:
        values = values.dtype.type(max_value) - values
    palette = None
    if mode == "P":
        colors = np.array(header.color_map, np.uint16).reshape(3, -1).T
        # Some old files have palettes of 8 bits, as libtiff knows.
        palette = (colors >> 8 if header.has_wide_palette else colors).astype(np.uint8)
    if alpha is not None:
        values = np.concatenate([values, alpha], axis=2)
        mode = "LA" if mode == "L" else "RGBA"
    orientation = header.orientation if 1 <= header.orientation <= 8 else UPRIGHT
    return Raster(values, max_value, mode, palette, orientation)


def _read_samples(file: BinaryIO, header: TiffHeader) -> npt.NDArray[Any]:
    """Reads all samples, shape (height, width, channels), as stored."""
    height, width, channels = header.height, header.width, len(header.bits)
    down, across = header.block
    planes, in_chunk = (channels, 1) if header.is_planar else (1, channels)
    dtype = np.uint8 if header.bits[0] <= 8 else np.uint16
    check_num_bytes(height * width * channels * np.dtype(dtype).itemsize)
    if not (height and width and down and across):
        raise ValueError("its size, or that of its tiles, is 0")
    if header.num_missing > 0:
        raise ValueError("some of its strips or tiles are missing")
    samples = np.zeros((height, width, channels), dtype)
    # Where sizes are missing, as much is read as may be needed.
    chunks = zip(header.offsets, chain(header.sizes, repeat(1 << 62)), strict=False)
    for plane in range(planes):
        target = samples[:, :, plane : plane + 1] if header.is_planar else samples
        for top in range(0, height, down):
            for left in range(0, width, across):
                offset, size = next(chunks)
                place = target[top : top + down, left : left + across]
                if across == width:  # a strip; the last one may have fewer rows
                    shape = (len(place), across, in_chunk)
                else:
                    shape = (down, across, in_chunk)
                _read_chunk(file, offset, size, header, shape, place)
    return samples


def _read_chunk(
    file: BinaryIO,
    offset: int,
    size: int,
    header: TiffHeader,
    shape: tuple[int, int, int],
    target: npt.NDArray[Any],
) -> None:
    """Reads a strip or tile, shape (rows, columns, channels), as far as ``target`` needs it."""
    rows, columns, channels = shape
    row_size = -(-columns * channels * header.bits[0] // 8)
    if header.compression != UNCOMPRESSED:
        check_num_bytes(2 * rows * row_size)  # it is copied on its way through Pillow
        file.seek(offset)
        compressed = file.read(min(size, 2 * rows * row_size + 65536))
        decompressed = _decompress(compressed, row_size, rows, header)
        values = _unpack(decompressed, row_size, header, shape)
        target[:] = values[: target.shape[0], : target.shape[1]]
        return
    at_once = max(1, 8 * _AT_ONCE // row_size)
    for top in range(0, len(target), at_once):
        part = target[top : top + at_once]
        file.seek(offset + top * row_size)
        data = file.read(len(part) * row_size)
        if header.fill_order == 2:
            digits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
            data = np.packbits(digits).tobytes()
        part[:] = _unpack(data, row_size, header, (len(part), columns, channels))[
            :, : part.shape[1]
        ]


def _decompress(data: bytes, row_size: int, rows: int, header: TiffHeader) -> bytearray:
    """Has libtiff decompress a strip or tile, as if it were an image of single bytes."""
    from PIL import Image

    tags = (
        *((WIDTH, row_size), (HEIGHT, rows), (BITS, 8), (COMPRESSION, header.compression)),
        *((PHOTOMETRIC, 1), (FILL_ORDER, header.fill_order), (STRIP_OFFSETS, 0)),
        *((SAMPLES_PER_PIXEL, 1), (ROWS_PER_STRIP, rows), (STRIP_SIZES, len(data))),
    )
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, start if tag == STRIP_OFFSETS else value)
        for tag, value in tags
    )
    wrapped = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data
    decompressed = bytearray()
    with Image.open(io.BytesIO(wrapped)) as image:
        at_once = max(1, 8 * _AT_ONCE // row_size)
        for top in range(0, rows, at_once):
            part = image.crop((0, top, row_size, min(top + at_once, rows)))
            decompressed += part.tobytes()
    return decompressed


def _unpack(
    data: bytes | bytearray, row_size: int, header: TiffHeader, shape: tuple[int, int, int]
) -> npt.NDArray[Any]:
    """Unpacks rows of samples, the highest bit first, to an array of ``shape``."""
    rows, columns, channels = shape
    bits, per_row = header.bits[0], columns * channels
    if len(data) < rows * row_size:
        raise ValueError("the file is truncated")
    raw = np.frombuffer(data, np.uint8, rows * row_size).reshape(rows, row_size)
    if bits in (8, 16):
        values: npt.NDArray[Any] = raw if bits == 8 else raw.view(header.order + "u2")
        values = values.reshape(shape)
        if header.predictor == 2 and header.compression not in UNPREDICTED:
            values = np.cumsum(values, axis=1, dtype=np.uint8 if bits == 8 else np.uint16)
        return values
    values = np.zeros((rows, per_row), np.uint8 if bits < 8 else np.uint16)
    at_once = max(1, _AT_ONCE // row_size)
    for top in range(0, rows, at_once):  # a digit takes a byte
        part = values[top : top + at_once]
        digits = np.unpackbits(raw[top : top + at_once], axis=1)[:, : per_row * bits]
        digits = digits.reshape(len(part), per_row, bits)
        for position in range(bits):
            part <<= 1
            part |= digits[:, :, position]
    return values.reshape(shape)


def _divide_by_alpha(
    colors: npt.NDArray[Any], alpha: npt.NDArray[Any], max_value: int
) -> npt.NDArray[Any]:
    """Undoes the multiplication of colors by their opacity."""
    opacity = np.maximum(alpha, 1).astype(np.uint32)
    divided = (colors.astype(np.uint32) * max_value + opacity // 2) // opacity
    limited: npt.NDArray[Any] = np.minimum(divided, max_value).astype(colors.dtype)
    return limited
