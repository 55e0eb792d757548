"""JPEGs decoded by OpenCV: Pillow's pixels to the bit, or none at all."""

import functools
import io
import itertools
import random
import struct
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, ImageOps

from imggen.decode import ImageSpec, decode_jpeg, load_image
from imggen.errors import ImageError
from tests.decode.test_load import encoded, noise
from tests.helpers.cases import case


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft blotches: what photographs are like, and JPEG is made for."""
    rng = np.random.default_rng([height, width, seed])
    few = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    large = Image.fromarray(few).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(large)


def jpeg_of(pixels: np.ndarray | Image.Image, **options) -> bytes:
    return encoded(pixels, "JPEG", **options)


def by_pillow(data: bytes, size=None, *, exif_orientation: bool = False) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image) if exif_orientation else image
        flat = upright.convert("RGB")
    if size is not None:
        flat = flat.resize(size[::-1], Image.Resampling.NEAREST)
    return np.asarray(flat)


def assert_is_pillows(data: bytes, size=None, **options) -> None:
    got = decode_jpeg(data, size, **options)
    assert got is not None
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, by_pillow(data, size, **options))


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """``data`` with one more segment right after the start of the image."""
    return data[:2] + segment(marker, body) + data[2:]


def without_jfif(data: bytes) -> bytes:
    assert data[2:4] == b"\xff\xe0"
    return data[:2] + data[20:]


def altered(data: bytes, marker: int, offset: int, new: bytes) -> bytes:
    """``data`` with some bytes of the segment ``marker`` exchanged."""
    start = data.index(bytes([0xFF, marker])) + 4 + offset
    return data[:start] + new + data[start + len(new) :]


PHOTO = smooth(33, 50)
PLAIN = jpeg_of(PHOTO)


def oriented(orientation: int | None, xmp_orientation: int | None = None, **options) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    if orientation is not None:
        exif[0x0112] = orientation
    if xmp_orientation is not None:
        options["xmp"] = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
            'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
            f'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{xmp_orientation}"/>'
            "</rdf:RDF></x:xmpmeta>"
        ).encode()
    return jpeg_of(PHOTO, exif=exif, **options)


def several_pictures() -> bytes:
    first, *others = (Image.fromarray(smooth(33, 50, seed)) for seed in range(3))
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(first, "MPO", save_all=True, append_images=others, exif=exif)


# What is decoded by OpenCV

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PLAIN_KINDS = {
    "plain": PLAIN,
    "grayscale": jpeg_of(PHOTO[..., 0]),
    "bilevel": jpeg_of(Image.fromarray(PHOTO).convert("1")),
    "YCbCr": jpeg_of(Image.fromarray(PHOTO).convert("YCbCr")),
    "RGB, not converted": jpeg_of(PHOTO, keep_rgb=True),
    "optimized": jpeg_of(PHOTO, optimize=True),
    "restart markers": jpeg_of(PHOTO, restart_marker_blocks=1),
    "restart markers by row": jpeg_of(PHOTO, restart_marker_rows=1),
    "ICC profile": jpeg_of(PHOTO, icc_profile=SRGB),
    "comment with markers": jpeg_of(PHOTO, comment=b"\xff\xd9 and \xff\xda and \xff\xc2"),
    "resolution": jpeg_of(PHOTO, dpi=(300, 300)),
    "without JFIF": without_jfif(PLAIN),
    "several pictures": several_pictures(),
    "extended": PLAIN.replace(b"\xff\xc0", b"\xff\xc1", 1),
    "components R, G, B": altered(
        altered(without_jfif(PLAIN), 0xC0, 6, b'R"\0G\x11\1B\x11\1'), 0xDA, 1, b"R\0G\x11B\x11"
    ),
    "no Huffman tables": PLAIN.replace(b"\xff\xc4", b"\xff\xe5"),
    "zeros before the end": PLAIN[:-2] + bytes(20) + b"\xff\xd9",
    "fill bytes before the end": PLAIN[:-2] + b"\xff\xff\xff\xd9",
    "less data than its height says": altered(PLAIN, 0xC0, 1, struct.pack(">H", 200)),
    **{
        f"{name} behind the end": PLAIN + trailing
        for name, trailing in {
            "text": b"garbage",
            "an end": b"\xff\xd9",
            "another JPEG": PLAIN,
            "half a marker": b"\xff",
            "a marker": b"\xff\xc0",
            "zeros": bytes(99),
        }.items()
    },
    **{
        f"Adobe transform {transform}, {name}": with_segment(
            data, 0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform])
        )
        for transform in (0, 1, 2)
        for name, data in (("JFIF", PLAIN), ("no JFIF", without_jfif(PLAIN)))
    },
    **{
        f"segment {marker:02x}": with_segment(PLAIN, marker, b"whatever")
        for marker in (*range(0xE0, 0xF0), 0xFE)
    },
    **{
        f"sampling {factors:02x}": altered(PLAIN, 0xC0, 7, bytes([factors]))
        for factors in (0x11, 0x12, 0x21, 0x22, 0x14, 0x41, 0x31)
    },
}


def test_a_plain_jpeg_is_decoded_to_pillows_pixels():
    for kind, size in itertools.product(PLAIN_KINDS, [None, (20, 70)]):
        with case(kind, size):
            assert_is_pillows(PLAIN_KINDS[kind], size)


def test_every_quality_and_sampling_is_decoded_to_pillows_pixels():
    for make, subsampling in itertools.product([noise, smooth], ["4:4:4", "4:2:2", "4:2:0", None]):
        with case(make, subsampling):
            gray = subsampling is None
            for quality in range(1, 101):
                pixels = make(21, 35)[..., 0] if gray else make(21, 35)
                assert_is_pillows(jpeg_of(pixels, quality=quality, subsampling=subsampling or -1))


def test_every_small_size_is_decoded_to_pillows_pixels():
    for subsampling in ["4:4:4", "4:2:2", "4:2:0"]:
        with case(subsampling):
            for height in range(1, 19):
                for width in range(1, 19):
                    assert_is_pillows(jpeg_of(noise(height, width), subsampling=subsampling))


def test_large_and_long_images_are_decoded_to_pillows_pixels():
    for size in [(1, 3000), (3000, 1), (517, 389), (64, 1025)]:
        with case(size):
            assert_is_pillows(jpeg_of(smooth(*size)))


def test_orientations_are_those_that_pillow_sees():
    for (orientation, xmp_orientation), exif_orientation, size in itertools.product(
        [
            *((number, None) for number in (*range(11), 255, None)),
            (None, 6),
            (None, 3),
            (1, 6),
            (3, 6),
        ],
        [True, False],
        [None, (40, 11)],
    ):
        with case(orientation, xmp_orientation, exif_orientation, size):
            data = oriented(orientation, xmp_orientation)

            assert_is_pillows(data, size, exif_orientation=exif_orientation)


def test_exif_data_that_is_none_turns_nothing():
    for body in [b"junk", b"Exif\0\0", b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff"]:
        with case(body):
            data = with_segment(PLAIN, 0xE1, body)

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, of corrupt EXIF data
                assert_is_pillows(data, exif_orientation=True)


def test_of_several_pictures_the_first_is_taken_and_turned():
    data = several_pictures()

    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 3
    assert_is_pillows(data, exif_orientation=True)


def test_a_comment_that_holds_a_marker_hides_no_orientation():
    assert_is_pillows(with_segment(oriented(6), 0xFE, b"\xff\xda"), exif_orientation=True)


# What is left to Pillow

NOT_PLAIN = {
    "progressive": jpeg_of(PHOTO, progressive=True),
    "CMYK": jpeg_of(Image.fromarray(PHOTO).convert("CMYK")),
    "YCCK": with_segment(
        jpeg_of(Image.fromarray(PHOTO).convert("CMYK")), 0xEE, b"Adobe\0\x64\0\0\0\0\2"
    ),
    "without an end": PLAIN[:-2],
    "with half an end": PLAIN[:-1],
    "a header alone": jpeg_of(PHOTO, streamtype=2),
    "a marker amid the data": PLAIN[:-100] + b"\xff\xc4" + PLAIN[-98:],
    "fill bytes in the header": PLAIN[:20] + b"\xff\xff" + PLAIN[20:],
    "no height": altered(PLAIN, 0xC0, 1, b"\0\0"),
    "no width": altered(PLAIN, 0xC0, 3, b"\0\0"),
    "the largest size": altered(PLAIN, 0xC0, 1, b"\xff" * 4),
    "12 bits": altered(PLAIN, 0xC0, 0, b"\x0c"),
    "arithmetic": PLAIN.replace(b"\xff\xc0", b"\xff\xc9", 1),
    "lossless": PLAIN.replace(b"\xff\xc0", b"\xff\xc3", 1),
    "two starts": b"\xff\xd8" + PLAIN,
    "two frame headers": with_segment(PLAIN, 0xC0, PLAIN[PLAIN.index(b"\xff\xc0") + 4 :][:15]),
    "a segment shorter than its length": with_segment(PLAIN, 0xE4, b"")[:4] + b"\0\1" + PLAIN[2:],
    "empty": b"",
    "a start": b"\xff\xd8\xff",
    "a start and a marker": b"\xff\xd8\xff\xe0",
    "a start and zeros": b"\xff\xd8\xff" + bytes(50),
    "zeros": bytes(50),
    **{
        kind: encoded(PHOTO, kind)
        for kind in ("PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "TGA")
    },
}


def outcome(call) -> np.ndarray | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of corrupt EXIF data
            return call()
    except Exception:  # noqa: BLE001 - Pillow raises whatever its parsers meet
        return None


def assert_pillow_decides(data: bytes, *, exif_orientation: bool = False) -> bool:
    """Both fail, or both give the same; returns whether there are pixels."""
    spec = ImageSpec(None, exif_orientation=exif_orientation)
    wanted = outcome(functools.partial(by_pillow, data, exif_orientation=exif_orientation))
    got = outcome(functools.partial(load_image, data, spec))
    assert (got is None) == (wanted is None)
    if wanted is not None:
        np.testing.assert_array_equal(got, wanted)
    return wanted is not None


def test_what_opencv_may_see_otherwise_is_left_to_pillow():
    for kind in NOT_PLAIN:
        with case(kind):
            assert decode_jpeg(NOT_PLAIN[kind]) is None
            assert_pillow_decides(NOT_PLAIN[kind])


def test_a_truncated_file_is_left_to_pillow_wherever_it_is_cut():
    for data in (PLAIN, jpeg_of(PHOTO, restart_marker_blocks=1), oriented(6)):
        assert [decode_jpeg(data[:length]) for length in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize(
    ("limit", "decoded"), [(33 * 50, True), (33 * 50 - 1, False), (None, True)]
)
def test_what_pillow_takes_for_a_bomb_is_left_to_it(monkeypatch, limit, decoded):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)

    assert (decode_jpeg(PLAIN) is not None) == decoded


@pytest.mark.parametrize("limit", [33 * 50 - 1, 33 * 25 - 1])
def test_pillow_warns_of_bombs_and_refuses_them_as_ever(monkeypatch, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)

    with pytest.raises(ImageError, match="exceeds limit"):  # a warning is an error in here
        load_image(PLAIN, ImageSpec(None))


def test_what_pillow_makes_of_truncated_files_when_told_to_is_served(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)

    assert assert_pillow_decides(PLAIN[: len(PLAIN) * 2 // 3])


def corrupted(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    # Headers are what decoders disagree about; data is what most of a file is.
    place = rng.randrange(2, min(len(data), 700) if rng.random() < 0.5 else len(data))
    match rng.choice(["cut", "flip", "delete", "insert", "zero", "several", "marker", "repeat"]):
        case "cut":
            del changed[place:]
        case "flip":
            changed[place] ^= 1 << rng.randrange(8)
        case "delete":
            del changed[place : place + rng.randint(1, 9)]
        case "insert":
            changed[place:place] = rng.randbytes(rng.randint(1, 5))
        case "zero":
            changed[place : place + 20] = bytes(len(changed[place : place + 20]))
        case "several":
            for _ in range(rng.randint(2, 9)):
                changed[rng.randrange(2, len(changed))] = rng.randrange(256)
        case "marker":
            changed[place] = rng.choice([0xFF, 0xD8, 0xD9, 0xC0, 0xDA, 0xD0, 0])
        case "repeat":
            changed[place:place] = changed[place : place + rng.randint(1, 60)]
    return bytes(changed)


FUZZED = {
    "photo": PLAIN,
    "noise": jpeg_of(noise(17, 23)),
    "restart markers": jpeg_of(PHOTO, restart_marker_blocks=2),
    "grayscale": jpeg_of(noise(20, 30)[..., 0]),
    "4:4:4, optimized": jpeg_of(PHOTO, subsampling=0, optimize=True),
    "progressive": jpeg_of(PHOTO, progressive=True),
    "CMYK": jpeg_of(Image.fromarray(noise(12, 13)).convert("CMYK")),
    "EXIF": oriented(6),
    "XMP": oriented(None, 8),
    "several pictures": several_pictures(),
}


def test_of_a_broken_file_pillow_decides_whether_there_are_pixels_and_which():
    for kind in FUZZED:
        with case(kind):
            rng = random.Random(kind)
            readable = [
                assert_pillow_decides(corrupted(FUZZED[kind], rng), exif_orientation=bool(at % 2))
                for at in range(300)
            ]

            assert 20 < sum(readable) < 280


def test_a_marker_that_pillow_does_not_know_is_left_to_it():
    for body in [b"", b"whatever"]:
        with case(body):
            assert_pillow_decides(with_segment(PLAIN, 0x01, body))


def test_every_other_marker_in_the_header_is_as_pillow_has_it():
    for marker in [number for number in range(256) if number != 0x01]:
        with case(marker):
            for body in (b"", b"whatever", bytes(40)):
                assert_pillow_decides(with_segment(PLAIN, marker, body))


def test_application_data_that_pillow_refuses_is_left_to_it():
    starts = [b"JFIF\0", b"Adobe", b"ICC_PROFILE\0", b"Exif\0\0", b"Photoshop 3.0\x008BIM\4\4"]
    starts += [b"MPF\0", b"FPXR\0", b"http://ns.adobe.com/xap/1.0/\0"]
    refused = set()
    for marker, start in itertools.product((0xE0, 0xE1, 0xE2, 0xED, 0xEE), starts):
        for length in range(20):
            with case(marker, start, length):
                data = with_segment(without_jfif(PLAIN), marker, start + bytes(length))
                if not assert_pillow_decides(data, exif_orientation=bool(length % 2)):
                    refused.add(start[:4])
    assert {b"JFIF", b"Adob", b"ICC_", b"Phot"} <= refused


def test_exif_data_that_pillow_cannot_write_anew_are_left_to_it():
    # The maker's name stands where Pillow expects a number: PhotometricInterpretation.
    data = oriented(6).replace(b"\x01\x0f\x00\x02", b"\x01\x06\x00\x02")
    assert_pillow_decides(data, exif_orientation=True)


# Resizing by nearest neighbor
