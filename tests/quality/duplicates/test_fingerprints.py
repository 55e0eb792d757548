"""Thumbnails and hashes, against imagehash."""

import imagehash
import numpy as np
import pytest
from PIL import Image

from imggen.quality.duplicates.fingerprints import (
    compute_thumb,
    compute_window_hashes,
    flatten_noise,
    hashed_windows,
)
from tests.helpers.pictures import scenes


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


def test_a_file_becomes_a_thumbnail(tmp_path):
    path = tmp_path / "gray.png"
    Image.new("RGB", (300, 200), (10, 10, 10)).save(path)
    thumb = compute_thumb(path)

    assert thumb.shape == (64, 64)
    assert thumb.dtype == np.uint8
    assert np.unique(thumb).tolist() == [10]


def test_bytes_and_path_of_a_file_give_the_same_thumbnail(tmp_path):
    path = tmp_path / "scene.png"
    Image.fromarray(scenes(1, side=200)[0]).save(path)

    assert np.array_equal(compute_thumb(path), compute_thumb(path.read_bytes()))


def test_thumbnails_are_upright(tmp_path):
    image = Image.fromarray(scenes(1, side=128, smooth=6)[0])
    image.save(tmp_path / "upright.png")
    tag = Image.Exif()
    tag[0x0112] = 6
    image.rotate(90).save(tmp_path / "turned.png", exif=tag)

    assert np.array_equal(
        compute_thumb(tmp_path / "turned.png"), compute_thumb(tmp_path / "upright.png")
    )
