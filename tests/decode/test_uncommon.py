"""Files whose pixels are whole though Pillow refuses them; transparency; limits of memory."""

import io
import itertools
import re
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from imggen.decode import (
    ImageSpec,
    MaskValues,
    identify_kind,
    load_image,
    load_mask,
    source_geometry,
)
from imggen.decode.load import _convert_16_bits
from imggen.decode.transparency import composite
from imggen.errors import ImageError, OptionError
from tests.helpers.cases import case
from tests.helpers.golden_files import samples, turn
from tests.helpers.png_files import GRAY, RGBA, chunk, png
from tests.helpers.tiff_files import tiff

GRAYS = samples(8, 1)
LONG = b"k\0\0" + zlib.compress(bytes(2 << 20))
WHOLE = {
    "long zTXt": chunk(b"zTXt", LONG),
    "long iCCP": chunk(b"iCCP", LONG),
    "long iTXt": chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(2 << 20))),
    "many texts": chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(900_000))) * 80,
    "damaged tEXt": chunk(b"tEXt", b"k\0v")[:-1] + b"?",
    "damaged tIME": chunk(b"tIME", bytes(7))[:-1] + b"?",
    "illegal gAMA": chunk(b"gAMA", b""),
    "illegal pHYs": chunk(b"pHYs", b"\0"),
}


def load(data: bytes, **options) -> np.ndarray:
    return load_image(data, ImageSpec(None, **options))


def test_what_does_not_belong_to_its_pixels_does_not_break_a_png():
    gray = np.repeat(GRAYS, 3, axis=2)
    for name, extra in WHOLE.items():
        before = png(GRAYS, 8, GRAY, before=extra)
        plain = png(GRAYS, 8, GRAY)
        after = plain[:-12] + extra + plain[-12:]
        for data in (before, after):
            with case(name):
                np.testing.assert_array_equal(load(data), gray)


def test_a_png_with_a_long_text_keeps_its_orientation_and_transparency():
    exif = Image.Exif()
    exif[0x0112] = 6
    extra = chunk(b"eXIf", exif.tobytes()[6:]) + WHOLE["long zTXt"]
    four = samples(8, 4)

    got = load(png(four, 8, RGBA, before=extra), color_mode="rgba")
    np.testing.assert_array_equal(got, turn(four, 6))


def test_only_the_lowest_bits_of_the_transparent_gray_value_count():
    """PNG specification, 11.3.2.1: a decoder must mask the other bits."""
    for bits in (2, 4, 8):
        top = (1 << bits) - 1
        values = np.array([[[0], [1], [top]]], np.uint8)
        for high in (0, 1 << bits, 0x8000):
            with case(bits, high):
                data = png(values, bits, GRAY, transparent=struct.pack(">H", high | 1))
                got = load(data, color_mode="rgba")[0, :, 3]
                np.testing.assert_array_equal(got, [255, 0, 255])


def test_white_is_zero_with_reversed_bits_is_read():
    values = samples(8, 1)
    reversed_bits = np.packbits(np.unpackbits(values), bitorder="little").reshape(values.shape)

    got = load(tiff(reversed_bits, 8, 0, tags={266: (2,)}))
    np.testing.assert_array_equal(got[:, :, :1], 255 - values)


def test_a_large_16_bit_image_is_not_kept_in_memory_with_its_copies():
    image = Image.fromarray(np.full((2, 2), 5140, np.uint16))
    gray = _convert_16_bits(image, "PNG")

    assert np.asarray(gray).tolist() == [[20, 20], [20, 20]]
    with pytest.raises(ValueError, match="closed image"):
        image.load()


def test_damage_of_pixels_beside_a_long_text_is_an_error():
    data = png(GRAYS, 8, GRAY, before=WHOLE["long zTXt"])
    at = data.index(b"IDAT") + 20
    for damaged in (data[: at + 30], data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]):
        with pytest.raises(ImageError):
            load(damaged)


def test_transparent_pixels_show_the_background():
    four = samples(8, 4, 20, 21)
    four[:, :, 3] = 0
    four[3, 3, 3] = 255
    data = png(four, 8, RGBA)
    for background, color in {
        "white": (255, 255, 255),
        "black": (0, 0, 0),
        "red": (255, 0, 0),
        "#102030": (16, 32, 48),
        (1, 2, 3): (1, 2, 3),
    }.items():
        wanted = np.full((20, 21, 3), color)
        wanted[3, 3] = four[3, 3, :3]
        np.testing.assert_array_equal(load(data, background=background), wanted)
    np.testing.assert_array_equal(load(data, color_mode="rgba", background="red"), four)
    checkered = load(data, background="checker")
    assert checkered[0, 0].tolist() == checkered[8, 8].tolist() == [255] * 3
    assert checkered[0, 8].tolist() == checkered[8, 0].tolist() == [204] * 3
    assert ImageSpec(background="white").cache_key() != ImageSpec(background="red").cache_key()
    assert ImageSpec(background="black") == ImageSpec(background=(0, 0, 0))


def test_a_background_that_is_no_color_is_refused():
    for background in ("blank", "", (1, 2), (1, 2, 256), (0.5, 0, 0), None, 3, "#11223344"):
        with case(background), pytest.raises(OptionError, match=r"^background=.*checker"):
            ImageSpec(background=background)
    many = [0]
    for _ in range(18):
        many = [many, many]
    with pytest.raises(OptionError, match=r"^background=.*checker") as caught:
        ImageSpec(background=many)
    assert len(str(caught.value)) < 1000


def test_large_images_are_composited_in_strips_to_the_same_pixels():
    image = Image.fromarray(samples(8, 4, 90, 50))
    indexed = Image.fromarray(samples(8, 1, 90, 50)[:, :, 0]).convert("P")
    indexed.info["transparency"] = bytes(range(256))
    for source, mode, background in itertools.product(
        (image, indexed), ("RGB", "L"), ((9, 90, 200), "checker")
    ):
        whole = np.asarray(composite(source, mode, background))
        got = composite(source.copy(), mode, background, 50 * 60)
        np.testing.assert_array_equal(np.asarray(got), whole)


def test_tiles_and_strips_much_larger_than_the_image_are_refused():
    gray = samples(8, 1, 1, 2)
    for bits, compression, tags in itertools.product(
        (8, 12), ("lzw", "none"), ({322: (60_000,), 323: (60_000,)}, {322: (1 << 31,)})
    ):
        with case(bits, compression, tags):
            data = tiff(gray, bits, 1, tile=(16, 16), compression=compression)
            for tag, (value,) in tags.items():
                data = data.replace(
                    struct.pack("<HHIHH", tag, 3, 1, 16, 0), struct.pack("<HHII", tag, 4, 1, value)
                )
            with pytest.raises(ImageError, match="too large"):
                load(data)


def test_missing_strips_are_an_error_rather_than_black():
    for bits, compression in itertools.product((8, 12), ("none", "lzw")):
        with case(bits, compression):
            data = tiff(samples(bits, 1), bits, 1, compression=compression, rows_per_strip=11)
            height = struct.pack("<HHIHH", 278, 3, 1, 11, 0)
            assert height in data
            with pytest.raises(ImageError, match=r"missing|-2"):
                load(data.replace(height, struct.pack("<HHIHH", 278, 3, 1, 5, 0)))


def test_strips_without_sizes_are_read():
    for bits in (8, 12):
        values = samples(bits, 1)
        data = tiff(values, bits, 1)
        tag = struct.pack("<HH", 279, 4)
        assert tag in data
        got = load(data.replace(tag, struct.pack("<HH", 60_000, 4)), color_mode="grayscale")
        np.testing.assert_array_equal(got, load(data, color_mode="grayscale"))


def test_uncommon_files_over_the_limit_of_memory_are_refused(monkeypatch):
    files = {
        "12-bit TIFF": tiff(samples(12, 3, 40, 40), 12, 2),
        "16-bit PNG": png(samples(16, 3, 40, 40), 16, 2, transparent=bytes(6)),
        "PGM": b"P2 40 40 1000 " + b"1 " * 1600,
    }
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 799)
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    for name, data in files.items():
        with case(name), pytest.raises(ImageError, match="too large"):
            load(data)
    # Pillow's pixels are right but for rounding.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1599)
    large = samples(16, 3, 40, 40)
    for data in (png(large, 16, 2), tiff(large, 16, 2)):
        np.testing.assert_array_equal(load(data), large >> 8)


def test_boxes_of_files_that_pillow_cannot_open_are_placed(tmp_path):
    path = str(tmp_path / "a.tif")
    for orientation, size in ((1, (11, 21)), (6, (21, 11))):
        with open(path, "wb") as file:
            file.write(tiff(samples(12, 3), 12, 2, tags={274: (orientation,)}))
        assert source_geometry(path, ImageSpec((5, 6)))[0] == size
    assert source_geometry(path, ImageSpec((5, 6), exif_orientation=False))[0] == (11, 21)


def test_masks_are_turned_like_their_images(tmp_path):
    path = str(tmp_path / "a.tif")
    for bits, upright, compression in itertools.product((2, 8, 12), (True, False), ("none", "lzw")):
        values = samples(bits, 1)
        with open(path, "wb") as file:
            file.write(tiff(values, bits, 1, tags={274: (6,)}, compression=compression))
        spec = ImageSpec(None, exif_orientation=upright)
        wanted = turn(values, 6) if upright else values
        np.testing.assert_array_equal(load_mask(path, path, spec), wanted)


def test_masks_of_few_bits_are_found_by_value_and_by_color(tmp_path):
    path = str(tmp_path / "a")
    bitmap, two_bits = samples(1, 1), samples(2, 1)
    colors = {(85 * value,) * 3: value for value in range(4)}
    for values, data, mapping in (
        (bitmap, tiff(bitmap, 1, 1), {0: 0, 255: 1}),
        (bitmap, tiff(bitmap, 1, 1, tile=(16, 16)), {0: 0, 255: 1}),
        (bitmap, tiff(bitmap, 1, 1, tile=(16, 16)), {0: 0, 1: 1}),
        (two_bits, png(two_bits, 2, GRAY), {value: value for value in range(4)}),
        (two_bits, png(two_bits, 2, GRAY), colors),
    ):
        with open(path, "wb") as file:
            file.write(data)
        got = load_mask(path, path, ImageSpec(None), MaskValues.parse(mapping))
        np.testing.assert_array_equal(got, values, str(mapping))


def test_a_file_of_no_kind_is_not_supported(tmp_path):
    assert identify_kind(b"") == identify_kind(b"<html>") == ("", False)
    assert identify_kind(b"\x89PNG\r\n\x1a\n") == ("", False)
    with pytest.raises(ImageError, match="no such file"):
        identify_kind(tmp_path / "none.png")
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "WEBP")
    assert identify_kind(buffer.getvalue()) == ("WEBP of mode RGB", True)
    assert re.fullmatch("8-bit RGB TIFF", identify_kind(tiff(samples(8, 3), 8, 2)).name)
