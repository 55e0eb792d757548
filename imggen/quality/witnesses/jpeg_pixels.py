"""The check of a JPEG by decoding it: libjpeg's warnings, and seams in the pixels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.quality.findings import Evidence, Problem
from imggen.quality.witnesses.jpeg_entropy import examine_symbols
from imggen.quality.witnesses.jpeg_seams import (
    find_seam,
    has_odd_blocks,
    is_textured,
    measure_steps,
)
from imggen.quality.witnesses.jpeg_structure import JpegStructure, examine_structure, parse_jpeg
from imggen.quality.witnesses.opencv_decoder import decode_with_opencv
from imggen.quality.witnesses.visibility import examine_visibility

LIBJPEG = "libjpeg"
SEAMS = "pixels"

# Of 300 photographs, 1 % have one of more than 7, and none has one of more than 10.
_SUSPECT_STRENGTH = 7.0
_SEAM_STRENGTH = 14.0
# Reading the symbols takes 30 ms per 100 kB.
_MAX_BYTES, _MAX_SUSPECT_BYTES = 200_000, 4_000_000

_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes? before marker 0x([0-9a-f]+)")
# Cameras and old programs write such headers; the pixels are whole.
_HARMLESS = ("SOS parameters", "JFIF", "Adobe", "progression sequence", "scanlines")
# A few bytes that some cameras add before the end.
_FEW_BYTES = 2
# libjpeg reads ahead so many bytes.
_READ_AHEAD = 16


class JpegCheck(NamedTuple):
    """The result of decoding a JPEG.

    Attributes:
        is_decoded: Whether all of it was decoded, to the pixels that Pillow would give.
        evidence: What is wrong with it.
    """

    is_decoded: bool
    evidence: tuple[Evidence, ...]


def examine_jpeg(data: bytes, read_messages: Callable[[], list[str]]) -> JpegCheck:
    """Decodes a JPEG with OpenCV, and collects what libjpeg and the pixels say about damage.

    Args:
        data: The bytes of a file that begins with the signature of JPEG.
        read_messages: Returns the lines that were written to stderr since the last call.
    """
    structure = parse_jpeg(data)
    evidence = list(examine_structure(data, structure))
    read_messages()
    pixels = decode_with_opencv(data)
    for message in read_messages():
        evidence += _judge_message(message, data, structure)
    if pixels is None:
        return JpegCheck(False, tuple(evidence))
    if not any(found.problem.is_fault for found in evidence):
        evidence += _examine_pixels(data, pixels, structure, is_suspect=bool(evidence))
    if len(structure.components) in (1, 3):
        evidence += examine_visibility(pixels)
    return JpegCheck(structure.is_plain, tuple(evidence))


def _judge_message(message: str, data: bytes, structure: JpegStructure) -> Iterator[Evidence]:
    lower = message.lower()
    if "premature end of jpeg file" in lower:
        yield Evidence(Problem.TRUNCATED, message, LIBJPEG)
    elif match := _EXTRANEOUS.search(lower):
        number, marker = int(match[1]), int(match[2], 16)
        problem = Problem.DAMAGED
        if number <= _FEW_BYTES or _is_padding(data, structure, number, marker):
            problem = Problem.EXTRA_BYTES
        yield Evidence(problem, message, LIBJPEG)
    elif "corrupt jpeg data" in lower:
        yield Evidence(Problem.DAMAGED, message, LIBJPEG)
    elif any(word.lower() in lower for word in _HARMLESS):
        yield Evidence(Problem.DECODER_WARNING, message, LIBJPEG)


def _is_padding(data: bytes, structure: JpegStructure, number: int, marker: int) -> bool:
    """Whether the bytes before a marker are no more than the zeros or ones between two parts."""
    for _, start, end in structure.scans:
        if data[end + 1 : end + 2] != bytes((marker,)):
            continue
        tail = data[max(start, end - number - _READ_AHEAD) : end]
        for fill in (b"\0", b"\xff"):
            # More of them than libjpeg skipped were decoded as pixels.
            length = len(tail) - len(tail.rstrip(fill))
            if number - _READ_AHEAD < length <= number + 8:
                return True
    return False


def _examine_pixels(
    data: bytes,
    pixels: npt.NDArray[np.uint8],
    structure: JpegStructure,
    *,
    is_suspect: bool,
) -> Iterator[Evidence]:
    """Looks for steps between blocks, and reads the symbols of a file that looks suspicious."""
    steps = measure_steps(pixels, structure.mcu_size)
    seam = find_seam(steps, structure.units)
    is_suspect |= seam.strength > _SEAM_STRENGTH
    if structure.is_sequential and (
        is_suspect or seam.strength > _SUSPECT_STRENGTH or has_odd_blocks(steps)
    ):
        max_bytes = _MAX_SUSPECT_BYTES if is_suspect else _MAX_BYTES
        proof = examine_symbols(data, structure, max_bytes)
        if proof is not None:
            yield proof
            return
    if seam.strength > _SEAM_STRENGTH and is_textured(pixels, structure.mcu_size, seam):
        height, width = structure.mcu_size
        detail = (
            f"all pixels from row {seam.row * height}, column {seam.column * width} on are shifted "
            f"by {abs(seam.step):.0f} levels, which a damaged block causes"
        )
        yield Evidence(Problem.DAMAGED, detail, SEAMS)
