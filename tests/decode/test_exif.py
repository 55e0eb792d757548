"""The orientation parsed from EXIF segments is the one that Pillow reads."""

import io
import random
import struct
import warnings

import pytest
from PIL import Image, ImageOps

from imggen.decode.exif import parse_orientation
from imggen.decode.orientation import read_orientation
from tests.decode.test_jpeg import PLAIN, oriented, with_segment
from tests.helpers.cases import case

EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
ORIENTATION = 0x0112


def by_pillow(segments: list[bytes]) -> int | None:
    """The orientation of a JPEG with these APP1 segments; None where it cannot be turned."""
    data = PLAIN
    for segment in reversed(segments):
        data = with_segment(data, 0xE1, segment)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                orientation = read_orientation(image)
                ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - Pillow raises whatever its parsers meet
        return None
    return orientation


def assert_parsed_as_pillow_does(segments: list[bytes]) -> int | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = parse_orientation(segments)
    if got is not None:
        assert got == by_pillow(segments), segments
    return got


def directory(*entries: tuple[int, int, int, int], order: str = "<", tail: bytes = b"") -> bytes:
    """EXIF data: entries of tag, type, count and value as four bytes."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    packed = b"".join(struct.pack(order + "HHLL", *entry) for entry in entries)
    count = struct.pack(order + "H", len(entries))
    return EXIF + start + struct.pack(order + "L", 8) + count + packed + bytes(4) + tail


def short(value: int, order: str = "<") -> tuple[int, int, int, int]:
    return (ORIENTATION, 3, 1, value if order == "<" else value << 16)


@pytest.mark.parametrize("order", "<>")
def test_every_value_is_read_in_either_byte_order(order):
    for value in (*range(12), 255, 256, 65535):
        with case(value):
            segments = [directory(short(value, order), order=order)]
            wanted = value if 1 <= value <= 8 else 1
            assert assert_parsed_as_pillow_does(segments) == wanted


def test_without_the_tag_an_image_is_upright():
    for segments in (
        [],
        [b""],
        [b"whatever"],
        [directory()],
        [directory((0x0110, 3, 1, 6))],
        [XMP + b"<x:xmpmeta/>"],
        [directory(), XMP + b"<x:xmpmeta/>"],
    ):
        with case(segments):
            assert assert_parsed_as_pillow_does(segments) == 1


def test_the_tag_is_found_behind_others():
    text = (0x010F, 2, 6, 26 + 12)
    for others in ([text], [text, (0x0110, 99, 1 << 31, 0)], [(0x0100, 4, 1, 500)]):
        entries = [*others, short(6)]
        segments = [directory(*entries, tail=b"Maker\0" * 9)]
        with case(segments):
            assert assert_parsed_as_pillow_does(segments) == 6


def test_what_is_unusual_is_left_to_pillow():
    xmp = XMP + b'<rdf:Description tiff:Orientation="8"/>'
    good = directory(short(6))
    for segments in (
        [good, good],  # joined by Pillow
        [directory(), xmp],
        [xmp],
        [EXIF],
        [EXIF + good],  # twice the prefix
        [EXIF + b"II+\0" + good[10:]],  # as in a BigTIFF
        [EXIF + b"XX" + good[8:]],
        [good[: len(good) - 5]],
        [directory((ORIENTATION, 4, 1, 6))],
        [directory((ORIENTATION, 1, 1, 6))],
        [directory((ORIENTATION, 2, 2, 0x36))],
        [directory((ORIENTATION, 3, 2, 6))],
        [directory((ORIENTATION, 3, 0, 6))],
        [directory((0x010F, 2, 999, 50), short(6))],  # Pillow reads no further
        [directory((0x0106, 2, 4, 0x00414141), short(6))],  # a text instead of a number
    ):
        with case(segments):
            assert parse_orientation(segments) is None


def test_a_tag_in_exif_data_counts_before_one_in_xmp():
    xmp = XMP + b'<rdf:Description tiff:Orientation="8"/>'

    assert assert_parsed_as_pillow_does([directory(short(3)), xmp]) == 3
    assert assert_parsed_as_pillow_does([xmp, directory(short(1))]) == 1


def corrupt(segment: bytes, rng: random.Random) -> bytes:
    changed = bytearray(segment)
    place = rng.randrange(len(changed))
    match rng.randrange(5):
        case 0:
            del changed[place:]
        case 1:
            changed[place] = rng.randrange(256)
        case 2:
            changed[place] ^= 1 << rng.randrange(8)
        case 3:
            changed[place:place] = rng.randbytes(rng.randint(1, 4))
        case 4:
            changed[place : place + 4] = rng.choice(
                [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\x12\0\3"]
            )
    return bytes(changed)


def test_damaged_data_is_read_as_pillow_reads_it_or_left_to_it():
    rng = random.Random(5)
    with Image.open(io.BytesIO(oriented(6))) as image:
        exif = image.getexif()
        exif[0x8769] = {0x829A: 0.01, 0x9003: "2026:01:01 00:00:00"}
        exif[0x011A] = 72.0
        camera = exif.tobytes()
    sources = [camera, directory(short(8, ">"), order=">"), directory((0x0100, 4, 1, 9), short(2))]
    parsed = [
        assert_parsed_as_pillow_does([corrupt(rng.choice(sources), rng)]) for _ in range(1500)
    ]

    assert 300 < sum(orientation is not None for orientation in parsed) < 1400
    assert {2, 6, 8} < set(parsed)
