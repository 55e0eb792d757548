"""The lengths and positions that WebP, AVIF, BMP, GIF, TIFF and JPEG 2000 files state."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from imggen.decode import read_tiff_tags
from imggen.quality.findings import Evidence, Problem

WITNESS = "file structure"


def _truncated(detail: str) -> Evidence:
    return Evidence(Problem.TRUNCATED, detail, WITNESS)


def examine_webp(data: bytes) -> Iterator[Evidence]:
    """Compares the length of a WebP with the one that it states."""
    stated = 8 + int.from_bytes(data[4:8], "little")
    if stated > len(data):
        yield _truncated(f"the file has {len(data)} of {stated} bytes")
        return
    position = 12
    while position + 8 <= stated:
        end = position + 8 + int.from_bytes(data[position + 4 : position + 8], "little")
        if end > stated:
            name = data[position : position + 4].decode("ascii", "replace")
            detail = f"the chunk {name.strip()} at byte {position} ends outside the file"
            yield Evidence(Problem.DAMAGED, detail, WITNESS)
            return
        position = end + (end & 1)


def examine_avif(data: bytes) -> Iterator[Evidence]:
    """Follows the boxes of an AVIF to its end."""
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4])
        if length == 0:  # to the end of the file
            return
        if length == 1:
            length = int.from_bytes(data[position + 8 : position + 16])
        name = data[position + 4 : position + 8].decode("ascii", "replace")
        if length < 8:
            yield Evidence(Problem.DAMAGED, f"the box {name} has {length} bytes", WITNESS)
            return
        if position + length > len(data):
            end = position + length
            yield _truncated(f"the box {name} ends at byte {end} of {len(data)}")
            return
        position += length


def examine_bmp(data: bytes) -> Iterator[Evidence]:
    """Compares the length of an uncompressed BMP with its width and height."""
    if len(data) < 34 or int.from_bytes(data[14:18], "little") < 40:
        return
    start = int.from_bytes(data[10:14], "little")
    width, height = struct.unpack("<ii", data[18:26])
    bits, compression = struct.unpack("<HI", data[28:34])
    needed = start + (width * bits + 31) // 32 * 4 * abs(height)
    if compression in (0, 3) and needed > len(data):
        yield _truncated(f"the file has {len(data)} of {needed} bytes")


def examine_gif(data: bytes) -> Iterator[Evidence]:
    """Follows the blocks of a GIF to the end of its first frame, and one block further."""
    position = 13 + _palette_length(data, 10)
    while position < len(data):
        kind = data[position]
        if kind == 0x21:
            position = _skip_sub_blocks(data, position + 2)
        elif kind == 0x2C:
            start = position + 10 + _palette_length(data, position + 9) + 1
            end = _skip_sub_blocks(data, start)
            if end > len(data):
                yield _truncated("the file ends inside the first frame")
            elif end < len(data) and data[end] not in (0x21, 0x2C, 0x3B):
                detail = f"the first frame ends at byte {end}, where no block begins"
                yield Evidence(Problem.DAMAGED, detail, WITNESS)
            return
        else:
            return
    yield _truncated("the file ends before the first frame")


def _palette_length(data: bytes, at: int) -> int:
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_sub_blocks(data: bytes, position: int) -> int:
    """Returns the position after a chain of sub-blocks; more than the length if it is cut."""
    while position < len(data):
        length = data[position]
        position += 1 + length
        if length == 0:
            return position
    return len(data) + 1


def examine_jpeg_2000(data: bytes) -> Iterator[Evidence]:
    """Follows the tile parts of a JPEG 2000 code stream to its end."""
    position = data.find(b"\xff\x4f\xff\x51")
    if position < 0:
        return
    position += 2
    while position + 4 <= len(data) and data[position : position + 2] != b"\xff\x90":
        position += 2 + int.from_bytes(data[position + 2 : position + 4])
    while data[position : position + 2] == b"\xff\x90":
        length = int.from_bytes(data[position + 6 : position + 10])
        if length == 0:  # to the end of the file
            return
        if position + length > len(data):
            yield _truncated(f"a tile ends at byte {position + length}, outside the file")
            return
        position += length
    if data[position : position + 2] != b"\xff\xd9":
        yield _truncated(f"there is no end of the code stream at byte {position}")


_STRIP_OFFSETS, _STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS = 273, 279, 324, 325
_COMPRESSION, _FILL_ORDER, _DEFLATE = 259, 266, {(8,), (32946,)}
_AT_ONCE = 1 << 20  # bytes


def examine_tiff(data: bytes) -> Iterator[Evidence]:
    """Compares the positions of the strips or tiles of the first page with the length.

    Deflated data are decompressed to their checksums; libtiff stops at the last pixel.
    """
    tags, _, is_complete = read_tiff_tags(io.BytesIO(data))
    if not is_complete:
        yield _truncated("the file ends inside its directory")
        return
    for kind, offsets_tag, lengths_tag in (
        ("strip", _STRIP_OFFSETS, _STRIP_LENGTHS),
        ("tile", _TILE_OFFSETS, _TILE_LENGTHS),
    ):
        offsets, lengths = tags.get(offsets_tag, ()), tags.get(lengths_tag, ())
        for number, (start, length) in enumerate(zip(offsets, lengths, strict=False), 1):
            if start + length > len(data):
                yield _truncated(
                    f"{kind} {number} of {len(offsets)} ends at byte {start + length} of "
                    f"{len(data)}"
                )
                return
            is_deflated = tags.get(_COMPRESSION) in _DEFLATE and tags.get(_FILL_ORDER) != (2,)
            error = _decompress(data[start : start + length]) if is_deflated else None
            if error is not None:
                detail = f"{kind} {number} of {len(offsets)} does not decompress: {error}"
                yield Evidence(Problem.DAMAGED, detail, WITNESS)
                return


def _decompress(deflated: bytes) -> str | None:
    """Decompresses data, and returns why that fails; None if it does not, or the end is missing."""
    stream = zlib.decompressobj()
    try:
        while deflated and not stream.eof:
            stream.decompress(deflated, _AT_ONCE)
            deflated = stream.unconsumed_tail
    except zlib.error as err:
        return str(err).rpartition(": ")[2]
    return None
