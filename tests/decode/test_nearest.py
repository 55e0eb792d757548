"""Nearest neighbors as Pillow chooses them: of arrays, of files, and written into a batch."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imggen.decode import jpeg, nearest, read_nearest
from tests.decode.test_jpeg import NOT_PLAIN, by_pillow, jpeg_of, smooth
from tests.decode.test_load import encoded, noise
from tests.helpers.cases import case

LENGTHS = st.one_of(st.integers(1, 40), st.integers(1, 3000), st.integers(3000, 30000))


def assert_resized_as_pillow_does(pixels: np.ndarray, size: tuple[int, int]) -> None:
    wanted = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.NEAREST)
    np.testing.assert_array_equal(nearest.resize_nearest(pixels, size), np.asarray(wanted))


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
        monkeypatch.setattr(nearest, "_keeps_pillow_columns", lambda *_: False)

    assert_resized_as_pillow_does(noise(2, length), (3, new_length))


def test_opencv_is_trusted_only_where_it_takes_the_pixels_that_pillow_takes():
    for length, new_length in [(20000, 7919), (65500, 65499), (13, 40)]:
        with case(length, new_length):
            import cv2

            line = np.arange(length, dtype=np.float32)[np.newaxis]
            theirs = cv2.resize(line, (new_length, 1), interpolation=cv2.INTER_NEAREST_EXACT)[0]
            size = (new_length, 1)
            wanted = np.asarray(Image.fromarray(line).resize(size, Image.Resampling.NEAREST))[0]

            assert nearest._keeps_pillow_columns(length, new_length) == np.array_equal(
                theirs, wanted
            )


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_that_becomes_larger_is_written_into_a_batch_of_float32(channels):
    for shape, size, dtype, is_written in (
        ((7, 9), (20, 30), np.float32, True),
        ((7, 9), (20, 30), np.float64, False),
        ((7, 9), (30, 20), np.float32, False),  # the batch has another size
        ((40, 50), (20, 30), np.float32, False),
        ((20, 30), (20, 30), np.float32, False),
    ):
        with case(shape, size, dtype):
            pixels = noise(*shape, channels).reshape(*shape, channels)
            row = np.full((3, 20, 30, channels), -1, dtype)[1]
            got = nearest.resize_nearest(pixels, size, row)
            wanted = nearest.resize_nearest(pixels, size)
            assert (got is row) == is_written
            assert np.array_equal(got, wanted)
            assert is_written or (row == -1).all()
    channels_first = np.empty((3, 20, 30), np.float32).transpose(1, 2, 0)
    assert nearest.resize_nearest(noise(7, 9), (20, 30), channels_first) is not channels_first


def test_files_are_read_as_pillow_does_and_others_are_left_to_it(tmp_path):
    path = tmp_path / "image"
    for mode, is_gray in itertools.product(("L", "RGB", "P"), (False, True)):
        with case(mode, is_gray):
            image = Image.fromarray(noise(13, 17)).convert(mode)
            path.write_bytes(encoded(image))
            channels = 1 if is_gray else 3
            row = np.empty((20, 30, channels), np.float32)
            for size in ((20, 30), (9, 40)):
                pixels = read_nearest(path, size, is_gray=is_gray, row=row)
                if mode == "P" or (is_gray and mode == "RGB"):
                    assert pixels is None
                else:
                    wanted = image.convert("L" if is_gray else "RGB").resize(size[::-1], 0)
                    assert np.array_equal(pixels, np.asarray(wanted).reshape(*size, channels))
                    assert (pixels is row) == (size == (20, 30))
    data = jpeg_of(smooth(30, 41))
    path.write_bytes(data)
    pixels = read_nearest(path, (50, 60), is_gray=False)
    assert np.array_equal(pixels, by_pillow(data, (50, 60)))
    assert read_nearest(path, (50, 60), is_gray=True) is None
    for kind in ("CMYK", "progressive"):
        path.write_bytes(NOT_PLAIN[kind])
        assert read_nearest(path, (50, 60), is_gray=False) is None
    for missing in (tmp_path / "none.jpg", tmp_path, "a\0b", 3.5):
        assert read_nearest(missing, (5, 6), is_gray=False) is None


def test_the_usual_header_is_read_like_any_other(monkeypatch):
    """Of files with one byte changed too, each in turn."""
    photo = smooth(16, 24)
    usual = [jpeg_of(photo, quality=quality, subsampling=1) for quality in (30, 95)]
    assert all(jpeg._USUAL_HEADER.match(data) for data in usual)
    assert jpeg._USUAL_HEADER.match(jpeg_of(photo, optimize=True)) is None
    end = usual[0].index(b"\xff\xda") + 14
    changed = [
        usual[0][:place] + bytes([usual[0][place] ^ flipped]) + usual[0][place + 1 :]
        for place in range(end)
        for flipped in (1, 0xFF)
    ]
    cut = [usual[0][:length] for length in range(0, len(usual[0]), 7)]
    files = [*usual, *changed, *cut]
    quick = [jpeg.read_plain_header(data) for data in files]
    monkeypatch.setattr(jpeg, "_USUAL_HEADER", jpeg.re.compile(b"never"))
    assert quick == [jpeg.read_plain_header(data) for data in files]
    assert None in quick
    assert quick[0] == (16, 24, 3, [])
