"""TGA, Sun raster, SGI, FITS and PSD files, written by hand."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from tests.helpers.golden_files import HEIGHT, WIDTH, Golden, palette_of, rgba, samples
from tests.helpers.tiff_files import pack_bits


def tga(
    body: bytes, bits: int, flags: int, kind: int = 2, colors: bytes = b"", color_bits: int = 0
) -> bytes:
    """Flags are the number of bits of opacity, 16 for right to left and 32 for top to bottom."""
    spec = (0, 256 if colors else 0, color_bits)
    head = struct.pack(
        "<BBBHHBHHHHBB", 0, bool(colors), kind, *spec, 0, 0, WIDTH, HEIGHT, bits, flags
    )
    return head + colors + body


def words_of(fields: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(fields.astype(np.uint16), -1, 0)
    return (red << 10 | green << 5 | blue).astype("<u2")


def tga_cases() -> Iterator[Golden]:
    color = samples(8, 3)
    for alpha, flags in ((0, 32), (255, 32), (0, 40), (77, 40), (255, 40)):
        opacity = np.full((HEIGHT, WIDTH), alpha, np.uint8)
        data = tga(np.dstack([color[:, :, ::-1], opacity]).tobytes(), 32, flags)
        is_declared = flags == 40
        yield Golden(
            f"TGA {alpha} {flags}", data, rgba(color, 255, opacity if is_declared else None)
        )
    yield Golden("TGA 24", tga(color[::-1, :, ::-1].tobytes(), 24, 0), rgba(color, 255))
    yield Golden("TGA mirrored", tga(color[:, ::-1, ::-1].tobytes(), 24, 48), rgba(color, 255))
    fields = samples(5, 3)
    for flags, top_bit in ((32, 0), (33, 0), (33, 0x8000)):
        data = tga((words_of(fields) | top_bit).astype("<u2").tobytes(), 16, flags)
        yield Golden(f"TGA 16 {flags} {top_bit}", data, rgba(fields, 31), None, 1.01)
    index, colors = samples(8, 1), palette_of(8)
    yield Golden("TGA gray", tga(index.tobytes(), 8, 32, 3), rgba(index, 255), index[:, :, 0])
    data = tga(index.tobytes(), 8, 32, 1, colors[:, ::-1].tobytes(), 24)
    yield Golden("TGA palette", data, rgba(colors[index[:, :, 0]], 255), index[:, :, 0])
    fields = samples(5, 3, 1, 256)
    for top_bit in (0, 0x8000):
        table = (words_of(fields)[0] | top_bit).astype("<u2").tobytes()
        data = tga(index.tobytes(), 8, 32, 1, table, 16)
        expected = rgba(fields[0][index[:, :, 0]], 31)
        yield Golden(f"TGA palette 16 {top_bit}", data, expected, index[:, :, 0], 1.01)


def sun(rows: list[bytes], depth: int, kind: int = 1, colors: bytes = b"") -> bytes:
    body = b"".join(row + bytes(-len(row) % 2) for row in rows)
    fields = (0x59A66A95, WIDTH, HEIGHT, depth, len(body), kind, bool(colors), len(colors))
    return struct.pack(">8I", *fields) + colors + body


def sun_cases() -> Iterator[Golden]:
    color, index, colors = samples(8, 3), samples(8, 1), palette_of(8)
    yield Golden("Sun 24", sun([row[:, ::-1].tobytes() for row in color], 24), rgba(color, 255))
    yield Golden("Sun RGB", sun([row.tobytes() for row in color], 24, 3), rgba(color, 255))
    rows = [row.tobytes() for row in index]
    yield Golden("Sun gray", sun(rows, 8), rgba(index, 255), index[:, :, 0])
    data = sun(rows, 8, 1, colors.T.tobytes())
    yield Golden("Sun palette", data, rgba(colors[index[:, :, 0]], 255), index[:, :, 0])
    bits = samples(1, 1)
    yield Golden("Sun 1", sun(pack_bits(bits, 1), 1), rgba(1 - bits, 1))
    four = np.dstack([np.zeros((HEIGHT, WIDTH, 1), np.uint8), color[:, :, ::-1]])
    data = sun([row.tobytes() for row in four], 32)
    yield Golden("Sun 32", data, None, refusal="32-bit Sun raster is not")


def sgi_cases() -> Iterator[Golden]:
    for num_bytes in (1, 2):
        for channels in (1, 3, 4):
            values = samples(8 * num_bytes, channels)
            top = (1 << 8 * num_bytes) - 1
            fields = (474, 0, num_bytes, 2 if channels == 1 else 3, WIDTH, HEIGHT, channels, 0, top)
            head = struct.pack(">HBBHHHHII", *fields).ljust(512, b"\0")
            body = np.moveaxis(values[::-1], -1, 0).astype(f">u{num_bytes}").tobytes()
            alpha = values[:, :, 3] if channels == 4 else None
            expected = rgba(values[:, :, :3], top, alpha)
            # Pillow keeps the higher byte.
            yield Golden(f"SGI {num_bytes} {channels}", head + body, expected, None, num_bytes)


def fits_cases() -> Iterator[Golden]:
    for bits, extra in ((8, ()), (16, ()), (16, ("BZERO   =                32768",))):
        values = samples(8, 1)
        cards = (
            "SIMPLE  =                    T",
            f"BITPIX  = {bits:20d}",
            "NAXIS   =                    2",
            f"NAXIS1  = {WIDTH:20d}",
            f"NAXIS2  = {HEIGHT:20d}",
            *extra,
            "END",
        )
        head = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
        body = values[::-1].astype(f">i{bits // 8}" if bits > 8 else "u1").tobytes()
        data = head + body.ljust(2880, b"\0")
        expected = rgba(values, 255) if bits == 8 else None
        yield Golden(f"FITS {bits} {extra}", data, expected, refusal="16-bit FITS is not")


def psd_cases() -> Iterator[Golden]:
    for bits, mode, channels in (
        (8, 1, 1),
        (8, 3, 3),
        (8, 4, 4),
        (16, 1, 1),
        (16, 3, 3),
        (32, 3, 3),
    ):
        values = samples(min(bits, 16), channels)
        head = b"8BPS" + struct.pack(">H6xHIIHH", 1, channels, HEIGHT, WIDTH, bits, mode)
        body = np.moveaxis(values, -1, 0).astype(f">u{bits // 8}").tobytes()
        data = head + bytes(14) + body
        if mode == 4:  # stored as 255 for no ink
            expected = rgba(values[:, :, :3] * (values[:, :, 3:] / 255), 255)
        else:
            expected = rgba(values, 255) if bits == 8 else None
        yield Golden(f"PSD {bits} {mode}", data, expected, None, 1, f"{bits}-bit .*PSD is not")


def old_cases() -> Iterator[Golden]:
    for cases in (tga_cases, sun_cases, sgi_cases, fits_cases, psd_cases):
        yield from cases()
