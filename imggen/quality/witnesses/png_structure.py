"""The checksums and lengths of a PNG: every chunk, and the compressed pixels."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from imggen.quality.findings import Evidence, Problem

WITNESS = "PNG checksums"

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chunks that decide what the pixels are; damage to another one leaves them whole.
_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# (first column, first row, column step, row step) of the passes of an interlaced image.
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_BYTES_PER_STEP = 1 << 20


class _Chunk(NamedTuple):
    kind: bytes
    position: int
    body: memoryview
    is_whole: bool


def examine_png(data: bytes) -> list[Evidence]:
    """Compares the checksums of a PNG, and the number of its pixels with its header.

    Args:
        data: The bytes of a file that begins with the signature of PNG.
    """
    evidence = []
    header, compressed, last = b"", [], b""
    for chunk in _chunks(data):
        last = chunk.kind
        if not chunk.is_whole:
            evidence.append(_judge_chunk(chunk))
        if chunk.kind == b"IHDR":
            header = bytes(chunk.body)
        elif chunk.kind == b"IDAT":
            compressed.append(chunk.body)
    if last != b"IEND":
        detail = "the file ends without the chunk IEND"
        evidence.append(Evidence(Problem.TRUNCATED, detail, WITNESS))
    if len(header) >= 13:
        evidence += _check_pixels(header, compressed)
    return evidence


def _chunks(data: bytes) -> Iterator[_Chunk]:
    view = memoryview(data)
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        length = int.from_bytes(view[position : position + 4])
        kind = bytes(view[position + 4 : position + 8])
        end = position + 8 + length
        if end + 4 > len(data):
            return
        body = view[position + 8 : end]
        expected = int.from_bytes(view[end : end + 4])
        yield _Chunk(kind, position, body, zlib.crc32(body, zlib.crc32(kind)) == expected)
        if kind == b"IEND":
            return
        position = end + 4


def _judge_chunk(chunk: _Chunk) -> Evidence:
    name = chunk.kind.decode("ascii", "replace")
    detail = f"the checksum of the chunk {name} at byte {chunk.position} is wrong"
    if chunk.kind in _PIXEL_CHUNKS or not chunk.kind.isalpha():
        return Evidence(Problem.DAMAGED, detail, WITNESS)
    return Evidence(Problem.DAMAGED_METADATA, detail, WITNESS)


def _check_pixels(header: bytes, compressed: list[memoryview]) -> Iterator[Evidence]:
    expected = _count_bytes(header)
    inflater = zlib.decompressobj()
    found = 0
    try:
        for body in compressed:
            rest: bytes | memoryview = body
            while rest and not inflater.eof:
                found += len(inflater.decompress(rest, _BYTES_PER_STEP))
                rest = inflater.unconsumed_tail
                if found > expected + _BYTES_PER_STEP:
                    break
    except zlib.error as err:
        what = str(err).rpartition(": ")[2]
        detail = f"the compressed pixels are damaged after {found} of {expected} bytes: {what}"
        yield Evidence(Problem.DAMAGED, detail, WITNESS)
        return
    if found != expected:
        detail = f"the pixels have {found} bytes; the header says {expected}"
        # More than enough pixels: the image is whole.
        problem = Problem.DAMAGED if found < expected else Problem.EXTRA_BYTES
        yield Evidence(problem, detail, WITNESS)
    elif not inflater.eof:
        detail = "the compressed pixels end without their checksum"
        yield Evidence(Problem.DAMAGED, detail, WITNESS)


def _count_bytes(header: bytes) -> int:
    """Returns the number of bytes of all rows, each with its filter type."""
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    bits = header[8] * _CHANNELS.get(header[9], 1)
    passes = _ADAM7 if header[12] else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total
