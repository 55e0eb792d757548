"""Large JPEGs decoded at a half, a quarter or an eighth of their size."""

import io
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images

from imggen.decode import ImageSpec, load_image
from tests.decode.test_load import encoded, noise
from tests.helpers.cases import case

# Cut to whole blocks of JPEG; what becomes of others is shown where nothing is displaced.
PHOTOS = {
    name: np.ascontiguousarray(pixels[:416])
    for name, pixels in zip(("china", "flower"), load_sample_images().images, strict=True)
}
MODES = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}

# The mean absolute difference to a full decode, in gray levels: the most that was measured over
# both photographs at quality 95, all fits and color modes and the sizes below, and half as much.
MOST = {
    "bilinear": 1.5 * 4.0,
    "bicubic": 1.5 * 2.8,
    "lanczos3": 1.5 * 3.2,
    "lanczos": 1.5 * 3.2,
    "hamming": 1.5 * 2.4,
}
REDUCING = list(MOST)
IN_FULL = ["nearest", "area", "box"]


def photo(pixels: np.ndarray, orientation: int = 1, **options) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels, "JPEG", exif=exif, **{"quality": 95, **options})


def in_full(data: bytes, spec: ImageSpec) -> np.ndarray:
    """What ``spec`` makes of all pixels: those of a file of a kind that is never reduced."""
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image) if spec.exif_orientation else image
        return load_image(encoded(upright.convert(MODES[spec.color_mode]), "TIFF"), spec)


def difference(data: bytes, spec: ImageSpec) -> float:
    got, wanted = load_image(data, spec), in_full(data, spec)
    assert got.shape == wanted.shape == spec.shape
    return float(np.abs(got.astype(float) - wanted)[..., :3].mean())


# How close it is


def test_a_photograph_is_close_to_its_full_decode():
    for factor, interpolation, fit in itertools.product(
        [2, 4, 5.3, 8], REDUCING, ["stretch", "crop", "pad"]
    ):
        with case(factor, interpolation, fit):
            for pixels, color_mode, orientation in itertools.product(
                PHOTOS.values(), ("rgb", "grayscale"), (1, 6)
            ):
                size = (int(416 / factor), int(640 / factor))
                size = size[::-1] if orientation == 6 else size
                spec = ImageSpec(size, color_mode, interpolation, fit)

                assert difference(photo(pixels, orientation), spec) <= MOST[interpolation]


def test_every_kind_of_jpeg_is_close_to_its_full_decode():
    for options, subsampling in itertools.product(
        [{"progressive": True}, {"quality": 60}, {}], ["4:4:4", "4:2:2", "4:2:0"]
    ):
        with case(options, subsampling):
            for pixels in PHOTOS.values():
                data = photo(pixels, subsampling=subsampling, **options)
                assert difference(data, ImageSpec((100, 150))) <= MOST["bilinear"]


def test_every_mode_is_close_to_its_full_decode():
    for color_mode, mode in itertools.product(MODES, ["L", "CMYK", "RGB several"]):
        with case(color_mode, mode):
            image = Image.fromarray(PHOTOS["china"])
            data = (
                encoded(image, "MPO", quality=95, save_all=True, append_images=[image.rotate(180)])
                if mode == "RGB several"
                else encoded(image.convert(mode), "JPEG", quality=95)
            )
            spec = ImageSpec((53, 80), color_mode)

            assert 0 < difference(data, spec) <= MOST["bilinear"]


def test_every_orientation_is_close_to_its_full_decode():
    for fit, orientation in itertools.product(["stretch", "crop", "pad"], range(1, 9)):
        with case(fit, orientation):
            data = photo(PHOTOS["china"], orientation)
            for size in ((60, 60), (50, 75), (75, 50)):
                for exif_orientation in (True, False):
                    spec = ImageSpec(size, fit=fit, exif_orientation=exif_orientation)
                    assert difference(data, spec) <= MOST["bilinear"]


def test_an_orientation_that_is_none_turns_nothing():
    for orientation, fit in [
        *((0, fit) for fit in ("stretch", "crop", "pad")),
        *((number, fit) for number in (9, 255) for fit in ("stretch", "crop", "pad")),
    ]:
        with case(orientation, fit):
            data = photo(PHOTOS["china"], orientation)

            assert difference(data, ImageSpec((50, 60), fit=fit)) <= MOST["bilinear"]


def test_a_plain_color_stays_what_it_is():
    for fit, (height, width) in itertools.product(
        ("stretch", "crop"), [(8, 8), (9, 15), (100, 199), (255, 257)]
    ):
        data = photo(np.full((height, width, 3), 100, np.uint8))
        got = load_image(data, ImageSpec((1 + height // 9, 1 + width // 9), fit=fit))
        assert (got == 100).all()


# Where things are


def displacement(got: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """By how many pixels ``got`` lies further right and further down than ``wanted``.

    By least squares: got = wanted - right · d wanted/dx - down · d wanted/dy.
    """
    got, wanted = got.astype(float).mean(-1), wanted.astype(float).mean(-1)
    down, right = np.gradient(wanted)
    slopes = np.stack([right.ravel(), down.ravel(), np.ones(right.size)], axis=1)
    found = np.linalg.lstsq(slopes, (wanted - got).ravel(), rcond=None)[0]
    return float(found[0]), float(found[1])


def corners(pixels: np.ndarray) -> list[np.ndarray]:
    height, width = pixels.shape[0] // 3, pixels.shape[1] // 3
    return [
        pixels[rows, columns]
        for rows in (slice(0, height), slice(-height, None))
        for columns in (slice(0, width), slice(-width, None))
    ]


def blotches(height: int, width: int, diameter: float) -> np.ndarray:
    """Soft blotches of a size, all over the place."""
    few = noise(round(height / diameter) + 2, round(width / diameter) + 2)
    large = Image.fromarray(few).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(large)


def test_a_displacement_is_found():
    wanted = blotches(60, 80, 4)
    further = np.roll(wanted, (0, 1), (0, 1))
    halfway = (wanted.astype(float) + further) / 2

    assert displacement(halfway, wanted) == pytest.approx((0.5, 0), abs=0.05)


def assert_nothing_is_displaced(height, width, factor, orientation, fit):
    size = (height // factor, (height if fit == "crop" else width) // factor)
    data = photo(blotches(height, width, 5 * factor), orientation)
    spec = ImageSpec(size[::-1] if orientation > 4 else size, fit=fit)
    got, wanted = load_image(data, spec), in_full(data, spec)

    for one, other in zip(corners(got), corners(wanted), strict=True):
        assert displacement(one, other) == pytest.approx((0, 0), abs=0.05)


def test_nothing_is_displaced():
    for factor, orientation, fit in itertools.product([2, 4, 8], range(1, 9), ["stretch", "crop"]):
        with case(factor, orientation, fit):
            assert_nothing_is_displaced(400, 600, factor, orientation, fit)


def test_nothing_is_displaced_where_the_last_reduced_pixel_is_a_part_of_one():
    for (height, width), factor, orientation in itertools.product(
        [(401, 601), (399, 599)], [2, 4, 8], [1, 3, 6, 8]
    ):
        with case(height, width, factor, orientation):
            assert_nothing_is_displaced(height, width, factor, orientation, "stretch")


def test_every_corner_of_an_image_is_in_its_place():
    for orientation in range(1, 9):
        with case(orientation):
            pixels = np.zeros((321, 481, 3), np.uint8)
            pixels[:160, :240] = (255, 0, 0)
            pixels[160:, :240] = (0, 255, 0)
            pixels[:160, 240:] = (0, 0, 255)
            data = photo(pixels, orientation, subsampling=0)
            got = load_image(data, ImageSpec((60, 60)))
            places = (10, 50)
            with Image.open(io.BytesIO(data)) as image:
                wanted = np.asarray(ImageOps.exif_transpose(image).resize((60, 60)))

            for row, column in itertools.product(places, places):
                assert np.abs(got[row, column].astype(int) - wanted[row, column]).max() <= 4


# When it is done, and when not


def test_what_says_which_pixels_count_is_decoded_in_full():
    for interpolation, color_mode, fit in itertools.product(
        IN_FULL, MODES, ["stretch", "crop", "pad"]
    ):
        with case(interpolation, color_mode, fit):
            data = photo(noise(240, 320), 6)
            for size in ((60, 60), (20, 30), (7, 9)):
                spec = ImageSpec(size, color_mode, interpolation, fit)
                np.testing.assert_array_equal(load_image(data, spec), in_full(data, spec))


def test_less_than_a_half_is_decoded_in_full():
    for size, interpolation, color_mode in itertools.product(
        [(121, 160), (120, 161), (121, 161), (240, 320), (300, 20)], REDUCING, MODES
    ):
        with case(size, interpolation, color_mode):
            data = photo(noise(240, 320))
            spec = ImageSpec(size, color_mode, interpolation)

            np.testing.assert_array_equal(load_image(data, spec), in_full(data, spec))


def test_what_counts_is_the_part_of_the_image_that_is_used():
    for fit, size in [
        ("crop", (121, 121)),
        ("crop", (100, 161)),
        ("pad", (200, 161)),
        ("pad", (121, 200)),
    ]:
        with case(fit, size):
            data = photo(noise(240, 320))
            spec = ImageSpec(size, fit=fit)

            np.testing.assert_array_equal(load_image(data, spec), in_full(data, spec))


def test_other_formats_are_decoded_in_full():
    for kind in ["PNG", "BMP", "TIFF", "WEBP", "GIF"]:
        with case(kind):
            data = encoded(noise(240, 320), kind)
            spec = ImageSpec((20, 30))

            np.testing.assert_array_equal(load_image(data, spec), in_full(data, spec))


def test_files_that_keep_their_size_are_decoded_in_full():
    data = photo(noise(240, 320), 6)
    spec = ImageSpec(None, "grayscale")

    np.testing.assert_array_equal(load_image(data, spec), in_full(data, spec))


def test_a_half_and_less_is_decoded_at_reduced_size():
    for size, interpolation, fit in itertools.product(
        [(120, 160), (60, 80), (30, 40), (7, 9)], REDUCING, ["stretch", "crop", "pad"]
    ):
        with case(size, interpolation, fit):
            data = photo(noise(240, 320))
            spec = ImageSpec(size, interpolation=interpolation, fit=fit)

            # A full decode would be the same bit for bit; noise shows the difference.
            assert (load_image(data, spec) != in_full(data, spec)).any()


def test_a_path_and_its_bytes_give_the_same(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo(PHOTOS["flower"], 8))

    spec = ImageSpec((50, 40))
    np.testing.assert_array_equal(load_image(path, spec), load_image(path.read_bytes(), spec))


PEAK = """
import sys
from imggen.decode import ImageSpec, load_image

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

load_image(sys.argv[2], ImageSpec((100, 100)))  # all that decoding imports is loaded by now
before = peak()
load_image(sys.argv[1], ImageSpec((100, 100), interpolation=sys.argv[3]))
print(peak() - before)
"""


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="reads its own memory from /proc")
def test_a_large_photograph_takes_little_memory(tmp_path):
    Image.fromarray(PHOTOS["china"]).resize((6000, 4000)).save(tmp_path / "large.jpg")
    Image.fromarray(PHOTOS["china"]).save(tmp_path / "small.jpg")

    def peak(interpolation):
        done = subprocess.run(
            [sys.executable, "-c", PEAK, "large.jpg", "small.jpg", interpolation],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return int(done.stdout) / 1024

    full = 6000 * 4000 * 3 / 2**20
    assert peak("area") > full
    assert peak("bilinear") < full / 4
