"""The segments of a JPEG: sizes, tables, the scans, and facts that only damage explains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from imggen.quality.findings import Evidence, Problem
from imggen.quality.witnesses.jpeg_tables import (
    count_huffman_changes,
    count_quantization_changes,
)

WITNESS = "JPEG structure"

# Inside compressed data only a zero, a restart marker or another 0xff may follow a 0xff.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_SEQUENTIAL = {0xC0, 0xC1}
_END, _SCAN, _QUANTIZATION, _HUFFMAN, _RESTARTS = 0xD9, 0xDA, 0xDB, 0xC4, 0xDD
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_USUAL = {*_SEQUENTIAL, _SCAN, _QUANTIZATION, _HUFFMAN, _RESTARTS, *range(0xE0, 0xF0), 0xFE}
# A block of zeros that no encoder writes, unless zero bits encode a flat block.
_ZEROS = bytes(64)


@final
@dataclass
class JpegStructure:
    """The parts of a JPEG that the checks of its pixels need.

    Attributes:
        frame: The marker of the frame, 0xC0 to 0xCF; 0 if there is none.
        precision: The number of bits of a sample.
        width: In pixels.
        height: In pixels.
        components: The (identifier, horizontal, vertical sampling factor, quantization table) of
            each color component.
        quantization: The quantization tables by number, in zigzag order.
        huffman: The Huffman tables by (class, number): the number of codes of each length 1 to 16,
            followed by the symbols.
        restart_interval: The number of MCUs between restart markers; 0: none.
        scans: The (position of the header, start, end of the compressed data) of each scan.
        end: The position after the end-of-image marker; None if there is none.
        is_unusual: Whether it has segments that few files have, or bytes between segments.
    """

    frame: int = 0
    precision: int = 0
    width: int = 0
    height: int = 0
    components: list[tuple[int, int, int, int]] = field(default_factory=list)
    quantization: dict[int, list[int]] = field(default_factory=dict)
    huffman: dict[tuple[int, int], bytes] = field(default_factory=dict)
    restart_interval: int = 0
    scans: list[tuple[int, int, int]] = field(default_factory=list)
    end: int | None = None
    is_unusual: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether OpenCV and Pillow decode it to the same pixels, as ``decode_jpeg`` has it."""
        return (
            self.is_sequential
            and not self.is_unusual
            and self.precision == 8
            and len(self.components) in (1, 3)
            and self.end == self.scans[0][2] + 2
        )

    @property
    def is_sequential(self) -> bool:
        """Whether it is baseline or extended, Huffman coded, and has one scan."""
        return self.frame in _SEQUENTIAL and len(self.scans) == 1

    @property
    def mcu_size(self) -> tuple[int, int]:
        """The (height, width) of the units that are coded together, in pixels."""
        if len(self.components) == 1:
            return 8, 8
        return (
            8 * max([1, *(vertical for _, _, vertical, _ in self.components)]),
            8 * max([1, *(horizontal for _, horizontal, _, _ in self.components)]),
        )

    @property
    def units(self) -> tuple[float, float, float]:
        """The smallest change of the mean of a block, of each of three components, in levels."""
        steps = [self.quantization.get(number, [8])[0] / 8 for *_, number in self.components]
        first, second, third, *_ = [*steps, 1.0, 1.0, 1.0]
        return first, second, third


def parse_jpeg(data: bytes) -> JpegStructure:
    """Reads the segments of a JPEG as far as they can be followed."""
    found = JpegStructure()
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:  # libjpeg skips what is between two segments
            found.is_unusual = True
            position = data.find(b"\xff", position)
            if position < 0:
                break
            continue
        marker = data[position + 1]
        if marker in (0, 0xFF):  # no marker, and a fill byte
            found.is_unusual = True
            position += 1
            continue
        if marker == _END:
            found.end = position + 2
            return found
        if marker in _WITHOUT_LENGTH:
            found.is_unusual = True
            position += 2
            continue
        start = position + 4
        stop = position + 2 + int.from_bytes(data[position + 2 : start])
        body = data[start:stop]
        try:
            _read_segment(found, marker, body)
        except (IndexError, ValueError):  # libjpeg refuses it as well
            break
        found.is_unusual |= marker not in _USUAL
        if marker == _SCAN:
            match = _MARKER.search(data, stop)
            scan_end = len(data) if match is None else match.start()
            found.scans.append((start, stop, scan_end))
            stop = scan_end
        position = stop
    if found.scans:
        at = data.rfind(b"\xff\xd9", found.scans[0][1])
        found.end = at + 2 if at >= 0 else None
    return found


def _read_segment(found: JpegStructure, marker: int, body: bytes) -> None:
    if marker in _FRAMES:
        found.frame, found.precision = marker, body[0]
        found.height, found.width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
        found.components = [
            (body[at], body[at + 1] >> 4, body[at + 1] & 15, body[at + 2])
            for at in range(6, 6 + 3 * body[5], 3)
        ]
    elif marker == _QUANTIZATION:
        position = 0
        while position < len(body):
            size = 2 if body[position] >> 4 else 1
            number, position = body[position] & 15, position + 1
            found.quantization[number] = [
                int.from_bytes(body[at : at + size])
                for at in range(position, position + 64 * size, size)
            ]
            position += 64 * size
    elif marker == _HUFFMAN:
        position = 0
        while position < len(body):
            length = 17 + sum(body[position + 1 : position + 17])
            key = body[position] >> 4, body[position] & 15
            found.huffman[key] = body[position + 1 : position + length]
            position += length
    elif marker == _RESTARTS:
        found.restart_interval = int.from_bytes(body[:2])


def examine_structure(data: bytes, found: JpegStructure) -> Iterator[Evidence]:
    """Yields what in the segments of a JPEG only damage explains."""
    if found.scans and found.end is None:
        detail = "the file ends without an end-of-image marker"
        yield Evidence(Problem.TRUNCATED, detail, WITNESS)
    if found.is_sequential:
        header, start, end = found.scans[0]
        zeros = data.find(_ZEROS, start, end)
        if zeros >= 0 and not _is_flat_in_zeros(data[header:start], found):
            detail = f"its compressed data has a block of zeros at byte {zeros}"
            yield Evidence(Problem.DAMAGED, detail, WITNESS)
    yield from _examine_tables(found)


def _is_flat_in_zeros(scan: bytes, found: JpegStructure) -> bool:
    """Whether zero bits encode flat blocks, as optimized Huffman tables may have it."""
    for number in scan[2 : 1 + 2 * scan[0] : 2]:
        for key in ((0, number >> 4), (1, number & 15)):
            # The first symbol has the code of zeros alone; 0 means no change, and end of block.
            if found.huffman.get(key, bytes(17))[16:17] != b"\0":
                return False
    return True


def _examine_tables(found: JpegStructure) -> Iterator[Evidence]:
    for number, steps in sorted(found.quantization.items()):
        if 0 in steps:
            detail = f"the quantization table {number} has a zero"
            yield Evidence(Problem.DAMAGED, detail, WITNESS)
        elif changed := count_quantization_changes(tuple(steps)):
            detail = f"{changed} of 64 entries of the quantization table {number} are damaged"
            yield Evidence(Problem.DAMAGED, detail, WITNESS)
    for (kind, number), table in sorted(found.huffman.items()):
        if kind == 1 and (changed := count_huffman_changes(table)):
            detail = f"{changed} bytes of the Huffman table {number} are damaged"
            yield Evidence(Problem.DAMAGED, detail, WITNESS)
