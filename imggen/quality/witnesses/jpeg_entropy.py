"""The compressed data of a sequential JPEG, symbol by symbol: facts that libjpeg passes over.

libjpeg decodes what it can: a block of more than 64 coefficients, a mean brightness that no pixels
have, and a few bits more or less than the blocks need cause no warning. Reading every symbol in
Python costs some 50 ms for a photograph of 100 kB, so this is for files that raise a suspicion.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.quality.findings import Evidence, Problem
from imggen.quality.witnesses.jpeg_structure import JpegStructure

WITNESS = "JPEG symbols"

_BITS, _ADVANCE = (
    63,
    6,
)  # of an entry: the number of bits, and a shift to the number of coefficients
_END_OF_BLOCK, _BAD_CODE = 128, 1024
_NUM_WINDOWS = 1 << 16
_FEW_BYTES = 2  # which some cameras add before the end, as others add zeros
_HALF = 32  # so many coefficients more do not complete a block that has fewer


class _Component(NamedTuple):
    number: int
    dc: list[int]
    ac: list[int]
    several: list[int]
    step: int


def examine_symbols(data: bytes, found: JpegStructure, max_bytes: int) -> Evidence | None:
    """Reads all symbols of a sequential JPEG; returns what only damage explains, or None.

    Args:
        data: The bytes of the file.
        found: Its structure. Files that it describes incompletely are not examined.
        max_bytes: The most compressed data to read; files with more are not examined.
    """
    try:
        blocks, num_mcus = _plan(data, found)
    except (KeyError, IndexError, ValueError):
        return None
    _, start, end = found.scans[0]
    if end - start > max_bytes:
        return None
    intervals = _split_intervals(data[start:end])
    per_interval = found.restart_interval or num_mcus
    if len(intervals) != -(-num_mcus // per_interval):
        detail = f"the pixels need {-(-num_mcus // per_interval)} restart intervals; it has "
        return Evidence(Problem.DAMAGED, detail + str(len(intervals)), WITNESS)
    for number, interval in enumerate(intervals):
        count = min(per_interval, num_mcus - number * per_interval)
        problem = _read_interval(interval, blocks, count)
        if problem is not None:
            return Evidence(Problem.DAMAGED, problem, WITNESS)
    return None


def _plan(data: bytes, found: JpegStructure) -> tuple[list[_Component], int]:
    """Returns the component of each block of an MCU, and the number of MCUs."""
    header, start, _ = found.scans[0]
    scan = data[header:start]
    height, width = found.mcu_size
    blocks = []
    for number, (identifier, across, down, table) in enumerate(found.components):
        at = 1 + 2 * number
        if scan[at] != identifier:
            raise KeyError(identifier)
        tables = scan[at + 1]
        component = _Component(
            number,
            _lookup(found.huffman[0, tables >> 4], is_dc=True),
            _lookup(found.huffman[1, tables & 15], is_dc=False),
            _lookup_several(found.huffman[1, tables & 15]),
            found.quantization[table][0],
        )
        blocks += [component] * (across * down if len(found.components) > 1 else 1)
    return blocks, -(-found.height // height) * -(-found.width // width)


@functools.lru_cache(maxsize=16)
def _lookup(table: bytes, *, is_dc: bool) -> list[int]:
    """Returns the entry for each 16 bits that may come next."""
    found: list[int] = _entries(table, is_dc=is_dc).tolist()
    return found


@functools.lru_cache(maxsize=16)
def _lookup_several(table: bytes) -> list[int]:
    """Returns the sum of the entries of all AC symbols that end within the next 16 bits.

    That is, up to an end of block and of no more than ``_HALF`` coefficients before it.
    """
    single = _entries(table, is_dc=False)
    places = np.arange(_NUM_WINDOWS, dtype=np.int32)
    entries = single.copy()
    for _ in range(3):
        bits = entries & _BITS
        following = single[places << np.minimum(bits, 16) & 0xFFFF]
        both = entries + following
        # The sum of two bit counts may carry into the advance, but not if they fit.
        fits = (
            (entries < _END_OF_BLOCK << _ADVANCE)
            & (bits + (following & _BITS) <= 16)
            & ((both < (_HALF + 1) << _ADVANCE) | (following >> _ADVANCE == _END_OF_BLOCK))
        )
        np.copyto(entries, both, where=fits)
    found: list[int] = entries.tolist()
    return found


def _entries(table: bytes, *, is_dc: bool) -> npt.NDArray[np.int32]:
    lengths = np.repeat(np.arange(1, 17), np.frombuffer(table[:16], np.uint8))
    symbols = np.frombuffer(table[16:], np.uint8).astype(np.int64)
    if is_dc:
        codes = symbols << _ADVANCE | lengths
    else:
        run, size = symbols >> 4, symbols & 15
        advance = np.where((size == 0) & (run < 15), _END_OF_BLOCK, run + 1)
        codes = advance << _ADVANCE | (lengths + size)
    entries = np.full(_NUM_WINDOWS, _BAD_CODE << _ADVANCE | 1, np.int32)
    filled = np.repeat(codes, 1 << (16 - lengths))[:_NUM_WINDOWS]
    entries[: len(filled)] = filled
    return entries


def _split_intervals(data: bytes) -> list[bytes]:
    intervals, start, at = [], 0, data.find(b"\xff")
    while at >= 0:
        following = data[at + 1 : at + 2]
        if b"\xd0" <= following <= b"\xd7":
            intervals.append(data[start:at])
            start = at + 2
        at = data.find(b"\xff", at + 1 if following == b"\xff" else at + 2)
    intervals.append(data[start:])
    return [interval.replace(b"\xff\x00", b"\xff") for interval in intervals]


def _read_interval(data: bytes, blocks: list[_Component], num_mcus: int) -> str | None:
    """Reads the blocks of one restart interval; returns what is wrong, or None."""
    padded = np.frombuffer(data + b"\xff" * 8, np.uint8).astype(np.uint32)
    # The next 32 bits from each byte on.
    windows: list[int] = (
        padded[:-3] << 24 | padded[1:-2] << 16 | padded[2:-1] << 8 | padded[3:]
    ).tolist()
    position, num_bits = 0, 8 * len(data)
    means = [0] * (1 + max(block.number for block in blocks))
    for mcu in range(num_mcus):
        for number, dc, ac, several, step in blocks:
            if position >= num_bits:
                return f"its data end at block {mcu} of {num_mcus}"
            entry = dc[windows[position >> 3] >> (16 - (position & 7)) & 0xFFFF]
            position += entry & _BITS
            size = entry >> _ADVANCE
            if size > 11:
                return f"block {mcu} of {num_mcus} has a code that does not exist"
            if size:
                shift = 32 - (position & 7) - size
                value = windows[position >> 3] >> shift & ((1 << size) - 1)
                position += size
                mean = means[number] + (value if value >> (size - 1) else value + 1 - (1 << size))
                means[number] = mean
                if abs(mean) * step > 1040 + step:
                    return f"block {mcu} of {num_mcus} is brighter or darker than pixels can be"
            index = 1
            while index < _HALF:
                entry = several[windows[position >> 3] >> (16 - (position & 7)) & 0xFFFF]
                position += entry & _BITS
                index += entry >> _ADVANCE
                if position > num_bits:
                    return f"its data end at block {mcu} of {num_mcus}"
            while index < 64:
                entry = ac[windows[position >> 3] >> (16 - (position & 7)) & 0xFFFF]
                position += entry & _BITS
                index += entry >> _ADVANCE
                if position > num_bits:
                    return f"its data end at block {mcu} of {num_mcus}"
            if index >= _BAD_CODE:
                return f"block {mcu} of {num_mcus} has a code that does not exist"
            if index > 64 and not _END_OF_BLOCK < index < _END_OF_BLOCK + 64:
                return f"block {mcu} of {num_mcus} has more than 64 coefficients"
    unread = data[-(-position // 8) :]
    if len(unread) <= _FEW_BYTES or unread.strip(unread[:1]) == b"":
        return None
    return f"{len(unread)} bytes are left when all pixels are decoded"
