"""Thumbnails and hashes, against imagehash."""

import io

import imagehash
import numpy as np
import pytest
from PIL import Image

from imggen.quality.duplicates.fingerprints import (
    compute_fingerprint,
    compute_window_hashes,
    flatten_noise,
    hashed_windows,
)
from tests.helpers.pictures import data_of, photo, scenes


def phash(image) -> int:
    """The hash that imagehash computes of a 32x32 array, as one number."""
    bits = imagehash.phash(Image.fromarray(image)).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def compute_hashes(images):
    """The hashes of whole images."""
    return compute_window_hashes(images)[:, 0]


@pytest.mark.parametrize("smooth", [0, 1, 3, 8])
def test_the_hash_is_that_of_imagehash(smooth):
    images = scenes(100, side=32, smooth=smooth)

    assert compute_hashes(images).tolist() == [phash(image) for image in images]


def test_a_larger_thumbnail_is_averaged_down_first():
    images = scenes(20, side=32)
    doubled = images.repeat(2, axis=1).repeat(2, axis=2)

    assert compute_hashes(doubled).tolist() == compute_hashes(images).tolist()


def test_the_first_window_is_the_whole_image():
    assert hashed_windows()[0].tolist() == [0, 1, 0, 1]


def test_the_windows_differ_and_leave_at_most_8_percent_of_each_side():
    edges = hashed_windows()

    assert edges.shape == (81, 4)
    assert len(np.unique(edges, axis=0)) == 81
    assert edges[:, ::2].min() == 0
    assert edges[:, ::2].max() == pytest.approx(0.08)
    assert edges[:, 1::2].min() == pytest.approx(0.92)
    assert edges[:, 1::2].max() == 1


def test_the_hash_of_a_window_is_close_to_that_of_the_cropped_image():
    large = scenes(8, side=400, smooth=20)
    thumbs = np.stack([np.array(Image.fromarray(image).resize((64, 64))) for image in large])
    of_windows = compute_window_hashes(thumbs)

    for number, (left, right, top, bottom) in list(enumerate(hashed_windows()))[::7]:
        rows = slice(round(top * 400), round(bottom * 400))
        columns = slice(round(left * 400), round(right * 400))
        cut = [Image.fromarray(image[rows, columns]).resize((64, 64)) for image in large]
        of_cut = compute_hashes(np.stack([np.array(image) for image in cut]))
        assert np.bitwise_count(of_cut ^ of_windows[:, number]).max() <= 6


def test_a_hash_does_not_depend_on_the_other_images():
    images = scenes(150)
    alone = np.concatenate([compute_window_hashes(image[None]) for image in images])

    assert np.array_equal(compute_window_hashes(images), alone)


def test_no_images_give_no_hashes():
    assert compute_window_hashes(np.empty((0, 64, 64), np.uint8)).shape == (0, 81)


def test_hashes_of_symmetric_images_do_not_depend_on_rounding():
    stripes = np.tile(np.arange(32, dtype=np.uint8) * 8, (1, 32, 1))
    brighter = stripes // 2 + 100

    assert compute_hashes(stripes).tolist() == compute_hashes(brighter).tolist()


@pytest.mark.parametrize("level", [0, 3, 128, 251])
def test_noise_of_a_flat_image_is_removed(level):
    noise = np.random.default_rng(level).integers(0, 5, (3, 64, 64)).astype(np.uint8)

    assert np.unique(flatten_noise(noise + np.uint8(level))).tolist() == [level + 2]


def test_faint_structure_is_unchanged():
    faint = np.full((1, 64, 64), 250, np.uint8)
    faint[0, 30, 30] = 240

    assert flatten_noise(faint) is faint


def test_flattening_does_not_change_its_argument():
    noise = np.random.default_rng(0).integers(0, 3, (2, 64, 64)).astype(np.uint8)
    before = noise.copy()
    flatten_noise(noise)

    assert np.array_equal(noise, before)


WHITE = (255, 255, 255)


def png(image, **options):
    return data_of(image, "PNG", **options)


def test_a_file_becomes_gray_levels_and_color_planes():
    print_ = compute_fingerprint(png(Image.new("RGB", (300, 200), (255, 0, 0))), WHITE)

    assert print_.gray.shape == (64, 64)
    assert np.unique(print_.gray).tolist() == [76]  # 0.299 * 255
    assert print_.color.shape == (4, 16, 16)
    # Cb = (0 - 76) / 1.772, Cr = (255 - 76) / 1.402, opaque, and half of 76.
    assert [np.unique(plane).tolist() for plane in print_.color] == [[-43], [127], [127], [38]]


def test_a_jpeg_has_the_fingerprint_of_the_same_pixels_as_png():
    jpeg = data_of(photo(0, 100), "JPEG")  # too small to be decoded at half its size
    decoded = png(Image.open(io.BytesIO(jpeg)))

    for one, other in zip(
        compute_fingerprint(jpeg, WHITE), compute_fingerprint(decoded, WHITE), strict=True
    ):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("background", "level"),
    [((255, 255, 255), 205), ((0, 0, 0), 77), ((0, 255, 0), 152)],
)
def test_transparent_pixels_have_the_background(background, level):
    icon = Image.new("RGBA", (64, 64), (255, 255, 255, 255))
    icon.paste((0, 0, 0, 0), (0, 0, 32, 64))
    icon.paste((154, 154, 154, 128), (32, 0, 64, 64))
    print_ = compute_fingerprint(png(icon), background)

    assert abs(int(print_.gray[0, 63]) - level) <= 1
    assert print_.color[2, 0, 0] == 0
    assert print_.color[2, 0, 15] == 64


def test_a_checkerboard_is_seen_through_transparent_pixels():
    icon = Image.new("RGBA", (64, 64), (0, 0, 0, 0))

    assert np.unique(compute_fingerprint(png(icon), "checker").gray).tolist() == [204, 255]


@pytest.mark.parametrize(
    ("fill", "background", "is_visible"),
    [
        ((255, 255, 255, 255), (255, 255, 255), False),
        ((255, 255, 255, 255), (0, 0, 0), True),
        ((0, 0, 0, 0), (0, 0, 0), False),
        ((0, 0, 0, 255), (0, 0, 0), False),
        ((250, 253, 255, 255), (255, 255, 255), True),
        ((252, 253, 255, 255), (255, 255, 255), False),  # within noise
    ],
)
def test_a_shape_in_the_color_of_the_background_is_invisible(fill, background, is_visible):
    icon = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    icon.paste(fill, (16, 16, 48, 48))

    assert (compute_fingerprint(png(icon), background) is not None) == is_visible


def test_an_opaque_image_of_the_color_of_the_background_is_visible():
    for mode in ("RGB", "RGBA", "L", "LAB"):
        image = Image.new(mode, (8, 8), "white" if mode != "LAB" else (255, 0, 0))
        kind = "TIFF" if mode == "LAB" else "PNG"
        assert compute_fingerprint(data_of(image, kind), WHITE) is not None, mode


def test_thumbnails_are_upright():
    image = Image.fromarray(scenes(1, side=128, smooth=6)[0])
    tag = Image.Exif()
    tag[0x0112] = 6
    turned, upright = png(image.rotate(90), exif=tag), png(image)

    assert np.array_equal(
        compute_fingerprint(turned, WHITE).gray, compute_fingerprint(upright, WHITE).gray
    )
