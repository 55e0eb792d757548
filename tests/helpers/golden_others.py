"""Files of the other formats, of every mode, depth and layout."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.helpers.encoded_files import ENCODED
from tests.helpers.golden_files import HEIGHT, WIDTH, Golden, palette_of, rgba, samples, turn
from tests.helpers.other_files import bmp, gif, netpbm
from tests.helpers.tiff_files import pack_bits


def netpbm_cases() -> Iterator[Golden]:
    for as_text in (False, True):
        bitmap = samples(1, 1).astype(bool)
        yield Golden(
            f"PBM {as_text}", netpbm(bitmap, 1, as_text=as_text), rgba(bitmap, 1), bitmap[:, :, 0]
        )
        for channels, top in itertools.product(
            (1, 3), (1, 3, 100, 254, 255, 256, 1000, 4095, 65535)
        ):
            values = (samples(17, channels) % (top + 1)).astype(np.uint16)
            stored = values[:, :, 0] if channels == 1 else None
            data = netpbm(values, top, as_text=as_text)
            yield Golden(f"PNM {channels} {top} {as_text}", data, rgba(values, top), stored)
    values = samples(8, 1).astype(np.float32)
    data = f"Pf\n{WIDTH} {HEIGHT}\n-1.0\n".encode() + values.tobytes()
    yield Golden("PFM", data, None, refusal="mode F")


def bmp_cases() -> Iterator[Golden]:
    for bits, top_down in itertools.product((1, 4, 8), (False, True)):
        index, colors = samples(bits, 1), palette_of(bits)
        rows = pack_bits(index, bits)
        data = bmp(rows, WIDTH, bits, palette=colors, top_down=top_down)
        yield Golden(
            f"BMP palette {bits} {top_down}",
            data,
            rgba(colors[index[:, :, 0]], 255),
            index[:, :, 0],
        )
        grays = np.repeat(np.linspace(0, 255, 1 << bits).astype(np.uint8)[:, None], 3, axis=1)
        data = bmp(rows, WIDTH, bits, palette=grays, top_down=top_down)
        yield Golden(
            f"BMP gray {bits} {top_down}", data, rgba(grays[index[:, :, 0]], 255), index[:, :, 0]
        )
    for top_down in (False, True):
        color = samples(8, 3)
        rows = [row[:, ::-1].tobytes() for row in color]
        yield Golden(
            f"BMP 24 {top_down}", bmp(rows, WIDTH, 24, top_down=top_down), rgba(color, 255)
        )
        four = np.dstack([color[:, :, ::-1], np.zeros((HEIGHT, WIDTH), np.uint8)])
        data = bmp([row.tobytes() for row in four], WIDTH, 32, top_down=top_down)
        yield Golden(f"BMP 32 {top_down}", data, rgba(color, 255))
        alpha = samples(8, 1)
        four = np.dstack([color[:, :, ::-1], alpha])
        masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        data = bmp(
            [row.tobytes() for row in four],
            WIDTH,
            32,
            masks=masks,
            compression=3,
            top_down=top_down,
        )
        yield Golden(f"BMP 32 alpha {top_down}", data, rgba(color, 255, alpha[:, :, 0]))
    for masks, name in (
        ((0x7C00, 0x3E0, 0x1F), "555"),
        ((0xF800, 0x7E0, 0x1F), "565"),
        ((0xF00, 0xF0, 0xF), "444"),
    ):
        fields = np.dstack([samples(mask.bit_count(), 1)[:, :, 0] for mask in masks])
        tops = [(1 << mask.bit_count()) - 1 for mask in masks]
        words = sum(
            fields[:, :, at].astype(np.uint16) << (mask & -mask).bit_length() - 1
            for at, mask in enumerate(masks)
        )
        rows = [row.astype("<u2").tobytes() for row in words]
        expected = rgba(fields / np.array(tops) * 255, 255)
        refusal = "BMP" if name == "444" else ""
        data = bmp(rows, WIDTH, 16, masks=masks, compression=3)
        yield Golden(f"BMP {name}", data, None if refusal else expected, None, 1.01, refusal)
        if name == "555":
            yield Golden("BMP 16", bmp(rows, WIDTH, 16), expected, None, 1.01)
    index, colors = samples(8, 1)[:, :, 0], palette_of(8)
    runs = b"".join(b"".join(bytes([1, v]) for v in row) + b"\0\0" for row in index[::-1].tolist())
    data = bmp([b""] * HEIGHT, WIDTH, 8, palette=colors, compression=1, data=runs + b"\0\1")
    yield Golden("BMP RLE8", data, rgba(colors[index], 255), index)
    index, colors = samples(4, 1)[:, :, 0], palette_of(4)
    runs = b"".join(
        b"".join(bytes([1, v << 4]) for v in row) + b"\0\0" for row in index[::-1].tolist()
    )
    data = bmp([b""] * HEIGHT, WIDTH, 4, palette=colors, compression=2, data=runs + b"\0\1")
    yield Golden("BMP RLE4", data, rgba(colors[index], 255), index)


def gif_cases() -> Iterator[Golden]:
    for bits, interlaced in itertools.product((1, 2, 4, 8), (False, True)):
        index, colors = samples(bits, 1)[:, :, 0], palette_of(bits)
        pixels = colors[index]
        name = f"GIF {bits} " + "interlaced" * interlaced
        yield Golden(name, gif([index], colors, interlaced=interlaced), rgba(pixels, 255), index)
        frames = [index, samples(bits, 1)[:, :, 0]]
        data = gif(frames, colors, interlaced=interlaced)
        yield Golden(name + " animated", data, rgba(pixels, 255), index)
        clear = int(index[1, 1])
        data = gif(frames, colors, transparent=clear, interlaced=interlaced)
        yield Golden(name + " tRNS", data, rgba(pixels, 255, (index != clear) * 255), index)


def jpeg_cases() -> Iterator[Golden]:
    blocks = np.array(
        [[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(255, 255, 255), (0, 0, 0), (200, 100, 50)]],
        np.uint8,
    )
    color = blocks.repeat(16, axis=0).repeat(16, axis=1)
    for mode, options in itertools.product(
        ("L", "RGB", "CMYK"),
        (
            {},
            {"progressive": True},
            {"subsampling": "4:2:2"},
            {"subsampling": "4:2:0"},
            {"optimize": True},
            {"restart_marker_rows": 1},
            {"restart_marker_blocks": 2},
            {"keep_rgb": True},
        ),
    ):
        if mode != "RGB" and "keep_rgb" in options:
            continue
        image = Image.fromarray(color).convert(mode)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=100, **options)
        expected = _blur_edges(np.asarray(image.convert("RGB")), 16)
        yield Golden(f"JPEG {mode} {options}", file.getvalue(), rgba(expected, 255), None, 3)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        file = io.BytesIO()
        Image.fromarray(color).save(file, "JPEG", quality=100, exif=exif)
        turned = rgba(turn(_blur_edges(color, 16), orientation), 255)
        yield Golden(f"JPEG orientation {orientation}", file.getvalue(), turned, None, 3)
    small = blocks.repeat(8, axis=0).repeat(8, axis=1)
    yield Golden("JPEG lossless", ENCODED["lossless8"], rgba(small, 255))
    cmyk = np.array(
        [
            [(255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)],
            [(255, 255, 255, 255), (0, 0, 0, 0), (200, 100, 50, 128)],
        ]
    )
    inverted = cmyk[:, :, :3] * (cmyk[:, :, 3:] / 255)  # as Adobe's programs store CMYK
    expected = _blur_edges(inverted.repeat(8, axis=0).repeat(8, axis=1), 8)
    yield Golden("JPEG YCCK", ENCODED["ycck"], rgba(expected, 255), None, 4)
    for name, kind in (
        ("gray12", "12-bit JPEG"),
        ("rgb12", "12-bit JPEG"),
        ("lossless16", "16-bit lossless JPEG"),
        ("jpegls", "8-bit JPEG-LS"),
    ):
        yield Golden(f"JPEG {name}", ENCODED[name], None, refusal=f"{kind} is not")


def jpeg2000_cases() -> Iterator[Golden]:
    for bits, channels in itertools.product((1, 4, 8, 9, 12, 16), (1, 2, 3, 4)):
        top = (1 << bits) - 1
        ramp = np.round(np.linspace(0, top, 16))
        values = np.stack([np.roll(ramp, 5 * channel) for channel in range(channels)], axis=1)
        values = values[np.newaxis].repeat(2, axis=0)
        has_alpha = channels in (2, 4)
        expected = rgba(
            values[:, :, : channels - has_alpha], top, values[:, :, -1] if has_alpha else None
        )
        stored = values[:, :, 0] if channels == 1 else None
        data = ENCODED[f"jp2_{bits}_{channels}"]
        yield Golden(f"JPEG 2000 {bits} {channels}", data, expected, stored, 1.1)
        if (bits, channels) == (12, 3):
            yield Golden("JPEG 2000 in boxes", ENCODED["jp2_box"], expected)
    for name, kind in (
        ("jp2_signed", "12-bit signed"),
        ("jp2_lossy_alpha", "12-bit grayscale-alpha"),
    ):
        yield Golden(name, ENCODED[name], None, refusal=f"{kind} .*JPEG 2000 is not")


def pillow_cases() -> Iterator[Golden]:
    """Formats that only Pillow writes here."""
    for mode, kinds in {
        "1": ("PCX", "TGA", "XBM", "MSP", "TIFF", "BMP"),
        "L": ("PCX", "TGA", "SGI", "WEBP", "ICO", "JPEG2000", "TIFF", "BMP", "DDS"),
        "LA": ("TGA", "WEBP", "TIFF", "DDS"),
        "P": ("PCX", "TGA", "ICO", "WEBP"),
        "RGB": ("PCX", "TGA", "SGI", "WEBP", "ICO", "DDS", "QOI", "BMP", "PPM"),
        "RGBA": ("TGA", "SGI", "WEBP", "ICO", "DDS", "QOI", "TIFF"),
        "CMYK": ("TIFF",),
        "YCbCr": ("TIFF",),
        "LAB": ("TIFF",),
    }.items():
        for kind in kinds:
            side = 16
            color = Image.fromarray(samples(8, 4, side, side))
            if mode == "CMYK":
                image = Image.frombytes(mode, (side, side), samples(8, 4, side, side).tobytes())
            elif mode == "LAB":
                image = Image.frombytes(
                    mode, (side, side), np.tile(np.uint8([120, 140, 90]), 256).tobytes()
                )
            else:
                image = (
                    color.convert(mode)
                    if mode in ("LA", "RGBA")
                    else color.convert("RGB").convert(mode)
                )
            options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
            if kind in ("ICO"):
                options = {"sizes": [(side, side)], "append_images": []}
            file = io.BytesIO()
            image.save(file, kind, **options)
            expected = np.asarray(
                image.convert("RGBA") if mode != "LAB" else image.convert("RGB").convert("RGBA")
            )
            yield Golden(f"{kind} {mode}", file.getvalue(), expected.astype(float), None, 1)
    red, blue = (
        Image.new("RGBA", (16, 16), color) for color in ((255, 0, 0, 128), (0, 0, 255, 255))
    )
    file = io.BytesIO()
    red.save(file, "WEBP", lossless=True, save_all=True, append_images=[blue])
    yield Golden("WEBP animated", file.getvalue(), np.asarray(red).astype(float))
    file = io.BytesIO()
    blue.convert("RGB").save(file, "WEBP", quality=100)
    yield Golden("WEBP lossy", file.getvalue(), np.asarray(blue).astype(float), None, 4)
    file = io.BytesIO()
    red.convert("RGB").save(file, "TIFF", save_all=True, append_images=[blue.convert("RGB")])
    yield Golden(
        "TIFF pages", file.getvalue(), np.asarray(red.convert("RGB").convert("RGBA")).astype(float)
    )
    for mode, size in (("L", 1), ("RGB", 3), ("CMYK", 4)):
        image = Image.frombytes(mode, (16, 16), bytes([200, 10, 90, 30][:size]) * 256)
        file = io.BytesIO()
        image.save(file, "TIFF", compression="jpeg", quality=100)
        yield Golden(
            f"TIFF JPEG {mode}",
            file.getvalue(),
            np.asarray(image.convert("RGBA")).astype(float),
            None,
            3,
        )
    for compression in ("group3", "group4", "tiff_ccitt"):
        bitmap = Image.fromarray(samples(1, 1, 16, 16)[:, :, 0] * np.uint8(255)).convert("1")
        file = io.BytesIO()
        bitmap.save(file, "TIFF", compression=compression)
        yield Golden(
            f"TIFF {compression}", file.getvalue(), np.asarray(bitmap.convert("RGBA")).astype(float)
        )


def _blur_edges(blocks: np.ndarray, side: int) -> np.ndarray:
    """Marks the edges of blocks, where a JPEG mixes colors, with NaN."""
    rows, columns = (np.arange(length) % side for length in blocks.shape[:2])
    inner = [(places >= 1) & (places < side - 1) for places in (rows, columns)]
    return np.where((inner[0][:, None] & inner[1])[:, :, None], blocks, np.nan)
