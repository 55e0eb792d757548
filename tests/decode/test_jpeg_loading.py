"""JPEGs loaded from files: nearest pixels, color modes, and how files are read."""

import io
import itertools

import numpy as np
from PIL import Image

from imggen.decode import ImageSpec, load_image
from imggen.decode.file_bytes import read_if_signed
from tests.decode.test_jpeg import NOT_PLAIN, PLAIN, by_pillow, oriented
from tests.decode.test_load import encoded, noise
from tests.helpers.cases import case


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
