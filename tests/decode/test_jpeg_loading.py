"""JPEGs loaded from files: resizing to the nearest pixel, color modes, and how files are read."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imggen.decode import ImageSpec, jpeg, load_image
from imggen.decode.file_bytes import read_if_signed
from tests.decode.test_jpeg import NOT_PLAIN, PLAIN, by_pillow, oriented
from tests.decode.test_load import encoded, noise
from tests.helpers.cases import case

LENGTHS = st.one_of(st.integers(1, 40), st.integers(1, 3000), st.integers(3000, 30000))


def assert_resized_as_pillow_does(pixels: np.ndarray, size: tuple[int, int]) -> None:
    wanted = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.NEAREST)
    np.testing.assert_array_equal(jpeg.resize_nearest(pixels, size), np.asarray(wanted))


@given(LENGTHS, LENGTHS, st.integers(1, 9), st.integers(1, 9), st.booleans())
@settings(deadline=None, max_examples=100)
def test_long_lines_are_resized_as_pillow_does(length, new_length, side, new_side, is_upright):
    pixels = noise(side, length)
    size = (new_side, new_length)
    if is_upright:
        pixels, size = np.ascontiguousarray(pixels.swapaxes(0, 1)), size[::-1]

    assert_resized_as_pillow_does(pixels, size)


@given(*[st.integers(1, 400)] * 4)
@settings(deadline=None, max_examples=100)
def test_images_are_resized_as_pillow_does(height, width, new_height, new_width):
    assert_resized_as_pillow_does(noise(height, width), (new_height, new_width))


@pytest.mark.parametrize(("length", "new_length"), [(20000, 7919), (65500, 65499), (7919, 20000)])
@pytest.mark.parametrize("opencv_agrees", [True, False])
def test_lines_that_opencv_may_round_otherwise_are_resized_as_pillow_does(
    monkeypatch, length, new_length, opencv_agrees
):
    if not opencv_agrees:  # OpenCV 4 takes other pixels here; OpenCV 5, as far as known, never does
        monkeypatch.setattr(jpeg, "_keeps_pillow_columns", lambda *_: False)

    assert_resized_as_pillow_does(noise(2, length), (3, new_length))


def test_opencv_is_trusted_only_where_it_takes_the_pixels_that_pillow_takes():
    for length, new_length in [(20000, 7919), (65500, 65499), (13, 40)]:
        with case(length, new_length):
            import cv2

            line = np.arange(length, dtype=np.float32)[np.newaxis]
            theirs = cv2.resize(line, (new_length, 1), interpolation=cv2.INTER_NEAREST_EXACT)[0]
            size = (new_length, 1)
            wanted = np.asarray(Image.fromarray(line).resize(size, Image.Resampling.NEAREST))[0]

            assert jpeg._keeps_pillow_columns(length, new_length) == np.array_equal(theirs, wanted)


# As part of load_image


def test_whoever_decodes_a_file_its_nearest_pixels_are_pillows():
    for kind in (
        "AVIF BMP DDS GIF ICNS ICO JPEG JPEG2000 MPO PCX PNG PPM QOI SGI TGA TIFF WEBP XBM".split()
    ):
        with case(kind):
            tried = 0
            for mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"):
                try:
                    data = encoded(
                        Image.fromarray(noise(32, 32, 4)).convert("RGB").convert(mode), kind
                    )
                except (OSError, ValueError, KeyError, TypeError):
                    continue  # not a mode that this format can hold
                with Image.open(io.BytesIO(data)) as image:
                    if image.has_transparency_data:
                        wanted = Image.new("RGBA", image.size, "white")
                        wanted.alpha_composite(image.convert("RGBA"))
                    else:
                        wanted = image.convert("RGB")
                for size in (None, (9, 50), (32, 32)):
                    at_size = wanted.resize((size or wanted.size)[::-1], Image.Resampling.NEAREST)
                    got = load_image(data, ImageSpec(size, interpolation="nearest"))
                    np.testing.assert_array_equal(got, np.asarray(at_size.convert("RGB")))
                tried += 1
            assert tried


def test_no_color_mode_and_no_fit_makes_other_pixels_of_a_jpeg_than_of_its_png():
    for fit, color_mode in itertools.product(
        ["stretch", "crop", "pad"], ["rgb", "rgba", "grayscale"]
    ):
        with case(fit, color_mode):
            spec = ImageSpec((20, 25), color_mode, "nearest", fit)

            same = encoded(by_pillow(PLAIN), "PNG")
            np.testing.assert_array_equal(load_image(PLAIN, spec), load_image(same, spec))


def test_what_opencv_decodes_may_be_written_to(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(oriented(6))
    for size in (None, (7, 9), (50, 33)):
        pixels = load_image(path, ImageSpec(size, interpolation="nearest"))
        pixels[:] = 7
        assert (pixels == 7).all()


def test_a_file_is_read_in_full_if_it_begins_as_it_should(tmp_path):
    start = b"\xff\xd8\xff"
    for data in [b"", start[:2], start, PLAIN, NOT_PLAIN["PNG"], PLAIN * 400]:
        with case(len(data)):
            path = tmp_path / "any"
            path.write_bytes(data)

            assert read_if_signed(path, (start,)) == (data if data.startswith(start) else None)


def test_opencv_is_told_nothing_by_the_file_name(tmp_path):
    for name in ("photo.png", "photo", "photo ü.gif"):
        (tmp_path / name).write_bytes(PLAIN)
        got = load_image(tmp_path / name, ImageSpec(None))
        np.testing.assert_array_equal(got, by_pillow(PLAIN))
