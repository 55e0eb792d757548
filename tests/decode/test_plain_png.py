"""open_plain_png opens what Pillow opens, with the same pixels, or leaves a file to Pillow."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from imggen.decode import open_plain_png

START = 33  # bytes of the signature and IHDR


def png(mode="L", size=(9, 7), **options):
    pixels = np.random.default_rng(3).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "png", **options)
    return file.getvalue()


def with_chunk(name, content):
    chunk = struct.pack(">I", len(content)) + name + content
    checked = chunk + struct.pack(">I", zlib.crc32(name + content))
    data = png()
    return data[:START] + checked + data[START:]


def by_pillow(data):
    """The pixels; None if Pillow does not read the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(Image.open(io.BytesIO(data)))
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error, IndexError):
        return None


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(9, 7), (1, 1), (300, 40)])
def test_plain_files_are_opened_with_the_pixels_of_pillow(mode, size):
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "a program")
    for options in ({}, {"compress_level": 0}, {"pnginfo": text, "dpi": (72, 72)}):
        data = png(mode, size, **options)
        opened = open_plain_png(data)
        assert opened.mode == mode
        assert np.array_equal(np.asarray(opened), by_pillow(data))


def test_a_color_profile_is_no_reason_to_be_slow():
    profile = with_chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(3000)))
    assert np.array_equal(np.asarray(open_plain_png(profile)), by_pillow(profile))


def test_other_files_are_left_to_pillow():
    others = {mode: png(mode) for mode in ("1", "P", "LA", "RGBA", "I;16")}
    others["transparent"] = png("L", transparency=3)
    others["bomb in a profile"] = with_chunk(b"iCCP", b"n\0\0" + zlib.compress(bytes(1 << 20)))
    others["odd profile"] = with_chunk(b"iCCP", b"n\0\1" + zlib.compress(b"abc"))
    others["short pHYs"] = with_chunk(b"pHYs", b"1234")
    others["animation"] = with_chunk(b"acTL", bytes(8))
    file = io.BytesIO()
    Image.new("L", (3, 3)).save(file, "bmp")
    others["bmp"] = file.getvalue()
    others["nothing"] = b""
    assert [name for name, data in others.items() if open_plain_png(data) is not None] == []


def test_damaged_files_are_left_to_pillow_or_have_its_pixels():
    whole = png()
    damaged = [whole[:stop] for stop in range(len(whole))]
    for position in range(len(whole)):
        for flipped in (0x01, 0xFF):
            changed = bytearray(whole)
            changed[position] ^= flipped
            damaged.append(bytes(changed))
    for position in range(START + 8, len(whole) - 16):  # with a new checksum of IDAT
        body = bytearray(whole[START + 4 : -16])
        body[position - START - 4] ^= 0x10
        checksum = struct.pack(">I", zlib.crc32(body))
        damaged.append(whole[: START + 4] + bytes(body) + checksum + whole[-12:])
    num_opened = 0
    for data in damaged:
        opened = open_plain_png(data)
        if opened is not None:
            num_opened += 1
            assert np.array_equal(np.asarray(opened), by_pillow(data))
    assert num_opened < len(damaged) / 5


def test_a_size_that_pillow_warns_of_is_left_to_it(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 62)
    assert open_plain_png(png()) is None
