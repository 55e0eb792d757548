"""PNGs decoded by OpenCV: Pillow's pixels to the bit, no warnings, or none at all."""

import io
import itertools
import random
import struct
import warnings
import zlib
from unittest import mock

import numpy as np
from PIL import Image, PngImagePlugin

from imggen.decode import ImageSpec, load, load_image, source_geometry
from imggen.decode.opencv_png import decode_plain_png, read_plain_png_header
from tests.decode.test_jpeg import SRGB, jpeg_of, oriented, outcome
from tests.decode.test_jpeg import by_pillow as rgb_by_pillow
from tests.decode.test_load import encoded, noise
from tests.helpers.cases import case

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, COLOR = noise(13, 17, 1), noise(13, 17)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(*chunks: bytes, data: list[bytes] | None = None, color_type: int = 0) -> bytes:
    """A PNG of ``GRAY`` or ``COLOR``, with more chunks before its data."""
    pixels = COLOR if color_type == 2 else GRAY
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 17, 13, 8, color_type, 0, 0, 0))
    parts = [zlib.compress(rows)] if data is None else data
    body = b"".join(chunk(b"IDAT", part) for part in parts)
    return SIGNATURE + header + b"".join(chunks) + body + chunk(b"IEND", b"")


def text(**texts: str) -> dict:
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key.replace("_", " "), value)
    return {"pnginfo": info}


ROWS = zlib.compress(b"".join(b"\0" + row.tobytes() for row in GRAY))
PLAIN = {
    "gray": encoded(GRAY),
    "color": encoded(COLOR),
    "not compressed": encoded(COLOR, compress_level=0),
    "one pixel": encoded(noise(1, 1)),
    "one row": encoded(noise(1, 300)),
    "one column": encoded(noise(300, 1, 1)),
    "resolution": encoded(COLOR, dpi=(300, 300)),
    "texts": encoded(COLOR, **text(Software="any", Comment="x" * 500)),
    "gamma": png(chunk(b"gAMA", struct.pack(">I", 45455))),
    "odd gamma": png(chunk(b"gAMA", struct.pack(">I", 7)), color_type=2),
    "sRGB": png(chunk(b"sRGB", b"\1"), chunk(b"gAMA", struct.pack(">I", 45455)), color_type=2),
    "sRGB, other gamma": png(chunk(b"gAMA", struct.pack(">I", 99)), chunk(b"sRGB", b"\0")),
    "a text behind the data": png()[:-12] + chunk(b"tEXt", b"a\0b") + png()[-12:],
    "data in parts": png(data=[ROWS[:5], b"", ROWS[5:]]),
}
# With what OpenCV warns about, decodes otherwise, or does not see.
NOT_PLAIN = {
    "palette": encoded(Image.fromarray(COLOR).quantize(9)),
    "bilevel": encoded(Image.fromarray(GRAY).convert("1")),
    "RGBA": encoded(noise(13, 17, 4)),
    "gray and alpha": encoded(Image.fromarray(noise(13, 17, 4)).convert("LA")),
    "transparent color": encoded(Image.fromarray(COLOR), transparency=(1, 2, 3)),
    "transparent gray": encoded(Image.fromarray(GRAY), transparency=3),
    "16 bits": encoded(Image.fromarray(GRAY.astype(np.uint16) * 257)),
    "profile": encoded(COLOR, icc_profile=SRGB),
    "EXIF": encoded(COLOR, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "EXIF as text": png(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 4\n00000000\n")),
    "EXIF as text of another name": png(chunk(b"tEXt", b"exif\0Exif\0\0II*\0")),
    "XMP as text": png(chunk(b"tEXt", b'XML:com.adobe.xmp\0<a tiff:Orientation="6"/>')),
    "a text that Pillow takes for a color": png(chunk(b"tEXt", b"transparency\0x")),
    "an empty text": png(chunk(b"tEXt", b"")),
    "more texts than libpng keeps": png(*[chunk(b"tEXt", b"a\0b")] * 1001),
    "a text between the data": png(data=[ROWS[:5]])[:-12]
    + chunk(b"tEXt", b"a\0b")
    + chunk(b"IDAT", ROWS[5:])
    + png()[-12:],
    "illegal gamma": png(chunk(b"gAMA", b"\xff" * 4)),
    "XMP": png(chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<a tiff:Orientation="6"/>')),
    "compressed text": png(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"text"))),
    "a long text": png(chunk(b"tEXt", b"a\0" + b"b" * 70_000)),
    "background": png(chunk(b"bKGD", b"\0\1")),
    "animation": encoded(
        Image.fromarray(COLOR), save_all=True, append_images=[Image.fromarray(255 - COLOR)]
    ),
    "interlaced": png().replace(
        chunk(b"IHDR", struct.pack(">IIBBBBB", 17, 13, 8, 0, 0, 0, 0)),
        chunk(b"IHDR", struct.pack(">IIBBBBB", 17, 13, 8, 0, 0, 0, 1)),
    ),
    "bytes behind the end": png() + b"x",
    "two headers": png(png()[8:33]),
    "two gammas": png(*[chunk(b"gAMA", bytes(4))] * 2),
    "illegal intent": png(chunk(b"sRGB", b"\4")),
    "short resolution": png(chunk(b"pHYs", b"123")),
    "wrong checksum": png(chunk(b"gAMA", bytes(4))[:-1] + b"\0"),
    "wrong checksum of data": png(data=[ROWS]).replace(
        chunk(b"IDAT", ROWS), chunk(b"IDAT", ROWS)[:-4] + b"abcd"
    ),
    "no data": png(data=[]),
    "no end": png()[:-12],
    "half an end": png()[:-3],
    "no width": png().replace(
        png()[8:33], chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 13, 8, 0, 0, 0, 0))
    ),
    "empty": b"",
    "a signature": SIGNATURE,
    "JPEG": encoded(COLOR, "JPEG"),
}
# Whose chunks are in order.
BROKEN_DATA = {
    "cut": png(data=[ROWS[:-9]]),
    "no row": png(data=[b""]),
    "no checksum": png(data=[ROWS[:-4]]),
    "wrong checksum": png(data=[ROWS[:-4] + b"abcd"]),
    "damaged": png(data=[ROWS[:30] + b"\xff\0\xff" + ROWS[33:]]),
    "too few rows": png(data=[zlib.compress(bytes(100))]),
    "too many rows": png(data=[zlib.compress(bytes(18 * 20))]),
    "bytes behind it": png(data=[ROWS + b"whatever"]),
    "an illegal filter": png(data=[zlib.compress(b"\7" * 18 * 13)]),
}


def gray_by_pillow(data: bytes) -> np.ndarray:
    return rgb_by_pillow(data)[:, :, :1]


def test_a_plain_png_is_decoded_to_pillows_pixels_without_a_word(capfd):
    for kind, data in PLAIN.items():
        with case(kind):
            header = read_plain_png_header(data)
            wanted = rgb_by_pillow(data)
            assert (header.height, header.width) == wanted.shape[:2]
            np.testing.assert_array_equal(decode_plain_png(data, is_gray=False), wanted)
            if header.num_channels == 1:
                got = decode_plain_png(data, is_gray=True)
                np.testing.assert_array_equal(got, gray_by_pillow(data))
    assert capfd.readouterr() == ("", "")


def test_what_opencv_may_see_otherwise_is_left_to_pillow(capfd):
    for kind, data in NOT_PLAIN.items():
        with case(kind):
            assert read_plain_png_header(data) is None
    assert capfd.readouterr() == ("", "")


def test_every_color_mode_has_pillows_pixels():
    for kind, mode in itertools.product([*PLAIN, "RGBA", "palette"], ["rgb", "rgba", "grayscale"]):
        data = {**PLAIN, **NOT_PLAIN}[kind]
        if kind == "RGBA" and mode != "rgba":
            continue  # composited
        with case(kind, mode):
            pillow_mode = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}[mode]
            got = load_image(data, ImageSpec(None, mode))
            np.testing.assert_array_equal(got.squeeze(), opened(data, pillow_mode).squeeze())
            got[:] = 7  # may be written to


def opened(data: bytes, mode: str) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert(mode))


def assert_pillow_decides(data: bytes) -> bool:
    """Both ways of reading fail, or both give the same; returns whether there are pixels."""
    with mock.patch.object(load, "decode_plain", return_value=None):
        wanted = outcome(lambda: load_image(data, ImageSpec(None)))
    got = outcome(lambda: load_image(data, ImageSpec(None)))
    assert (got is None) == (wanted is None)
    if wanted is not None:
        np.testing.assert_array_equal(got, wanted)
    return wanted is not None


def test_of_damaged_data_pillow_decides_whether_there_are_pixels():
    readable = {kind for kind, data in BROKEN_DATA.items() if assert_pillow_decides(data)}

    assert {"too many rows", "bytes behind it"} <= readable < set(BROKEN_DATA)


def test_of_a_damaged_file_pillow_decides(capfd):
    rng = random.Random(2)
    sources = [PLAIN["gray"], PLAIN["texts"], PLAIN["sRGB"], PLAIN["data in parts"]]
    for _ in range(600):
        data = bytearray(rng.choice(sources))
        place = rng.randrange(8, len(data))
        match rng.randrange(4):
            case 0:
                del data[place:]
            case 1:
                data[place] ^= 1 << rng.randrange(8)
            case 2:
                data[place:place] = rng.randbytes(rng.randint(1, 13))
            case 3:
                del data[place : place + rng.randint(1, 13)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert_pillow_decides(bytes(data))
    assert capfd.readouterr() == ("", "")


def test_what_pillow_takes_for_a_bomb_is_left_to_it(monkeypatch):
    for limit, is_plain in ((17 * 13, True), (17 * 13 - 1, False), (None, True)):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert (read_plain_png_header(PLAIN["gray"]) is not None) == is_plain


def test_the_size_of_any_file_is_that_of_its_upright_image(tmp_path):
    path = tmp_path / "image"
    photo = oriented(6)
    for data in (*PLAIN.values(), NOT_PLAIN["palette"], NOT_PLAIN["XMP"], photo, jpeg_of(COLOR)):
        path.write_bytes(data)
        for upright in (True, False):
            spec = ImageSpec((7, 9), exif_orientation=upright)
            wanted = load_image(path, ImageSpec(None, exif_orientation=upright)).shape[:2]
            assert source_geometry(str(path), spec)[0] == wanted
    assert wanted == (13, 17)
