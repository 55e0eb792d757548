"""Images that are cached as JPEGs."""

import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import imggen
from imggen import Cache, ImageSequence
from imggen.cache import open_cache
from imggen.errors import OptionError
from tests.helpers.caches import BOTH, bytes_kept, place, resized, sequence_of, served
from tests.helpers.images import through_jpeg

ROOT = Path(__file__).parents[2]


MODES = {"rgb": "RGB", "grayscale": "L"}


@BOTH
@pytest.mark.parametrize("color_mode", MODES)
@pytest.mark.parametrize("quality", [30, 90])
def test_every_epoch_is_served_the_decoded_jpeg(shots, tmp_path, where, color_mode, quality):
    expected = [through_jpeg(image, quality) for image in resized(shots, color_mode)]
    cache = Cache(place(where, tmp_path), "jpeg", quality)
    for epoch in served(shots, cache, color_mode=color_mode):
        np.testing.assert_array_equal(epoch, expected)


@BOTH
@pytest.mark.parametrize("quality", [1, 100])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 1), (1, 9, 3), (17, 33, 1), (64, 64, 3)])
def test_images_of_any_size_are_served_from_jpegs(tmp_path, where, shape, quality):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "file").touch()
    cache = open_cache(
        Cache(place(where, tmp_path), "jpeg", quality),
        "",
        1,
        lambda _: str(tmp_path / "file"),
        color_mode="rgb",
        same_size=True,
    )
    for _ in range(3):
        got = cache.get(0, lambda: image)
        np.testing.assert_array_equal(got, through_jpeg(image, quality))
        assert not got.flags.writeable
        cache.flush()


@pytest.mark.parametrize(
    "how",
    [{"workers": 0}, {"workers": 2}, {"workers": 2, "use_multiprocessing": True}],
    ids=["caller", "threads", "processes"],
)
def test_packed_images_do_not_depend_on_the_workers(shots, tmp_path, how):
    options = {"shuffle": True, "seed": 5, "augment": np.flipud}
    expected = served(shots, Cache("ram", "jpeg", 70), workers=0, **options)
    for _ in range(2):  # an empty folder, and the same again in another sequence
        got = served(shots, Cache(tmp_path / "kept", "jpeg", 70), **options, **how)
        np.testing.assert_array_equal(got, expected)


IN_ANOTHER_PROCESS = """
import sys, zlib
from imggen import Cache, ImageSpec
from imggen.cache import open_cache
folder, *paths = sys.argv[1:]
about = ImageSpec((96, 128)).cache_key()
cache = open_cache(
    Cache(folder, "jpeg", 80), about, len(paths), paths.__getitem__,
    color_mode="rgb", same_size=True,
)
for index in range(len(paths)):
    print(zlib.crc32(cache.get(index, lambda: sys.exit("not kept")).tobytes()))
"""


def test_another_process_reads_the_same_bits(shots, tmp_path):
    (epoch,) = served(shots, Cache(tmp_path / "kept", "jpeg", 80), epochs=1)
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(tmp_path / "kept"), *shots.filepaths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(zlib.crc32(image.tobytes())) for image in epoch]


def test_original_and_augmented_images_are_made_from_the_jpeg(shots):
    sequence = sequence_of(shots, Cache("ram", "jpeg", 50), augment=np.flipud)
    expected = through_jpeg(resized(shots)[2], 50)
    np.testing.assert_array_equal(sequence.original(2), expected)
    np.testing.assert_array_equal(sequence.augmented(2, 0), expected[::-1])


def scribble(image):
    image[:] = 0
    return image


@BOTH
def test_an_augmentation_that_writes_to_its_image_does_not_change_the_cache(shots, tmp_path, where):
    sequence = sequence_of(shots, Cache(place(where, tmp_path), "jpeg"), augment=scribble)
    assert not sequence[0][0].any()
    np.testing.assert_array_equal(sequence.original(0), through_jpeg(resized(shots)[0]))


# JPEGs: stored images


def test_each_quality_and_the_raw_pixels_have_a_store_of_their_own(shots, tmp_path):
    caches = [Cache(tmp_path, "jpeg", 40), Cache(tmp_path, "jpeg", 41), Cache(tmp_path)]
    expected = [
        [through_jpeg(image, 40) for image in resized(shots)],
        [through_jpeg(image, 41) for image in resized(shots)],
        resized(shots),
    ]
    for _ in range(2):
        for cache, images in zip(caches, expected, strict=True):
            for epoch in served(shots, cache):
                np.testing.assert_array_equal(epoch, images)
    assert len(list(tmp_path.glob("[!.]*"))) == 3


def test_the_quality_does_not_matter_for_raw_pixels(shots, tmp_path):
    for quality in (10, 90):
        served(shots, Cache(tmp_path, "raw", quality), epochs=1)
    assert len(list(tmp_path.glob("[!.]*"))) == 1


# Measured on these photographs, Pillow 13, quality 90: 0.13 of the bytes and 3.5 gray levels in
# color, 0.33 and 1.8 in grayscale.


@pytest.mark.parametrize(
    ("color_mode", "share", "levels"), [("rgb", 0.2, 5.0), ("grayscale", 0.5, 2.7)]
)
def test_photographs_take_far_fewer_bytes_and_hardly_change(
    shots, tmp_path, color_mode, share, levels
):
    raw, packed = (
        served(shots, Cache(tmp_path / pack, pack), epochs=1, color_mode=color_mode)[0].astype(int)
        for pack in ("raw", "jpeg")
    )
    assert bytes_kept(tmp_path / "raw") == raw.size
    assert bytes_kept(tmp_path / "jpeg") < share * raw.size
    assert 0 < np.abs(packed - raw).mean() < levels


def test_transparency_cannot_be_packed(shots, tmp_path):
    with pytest.raises(OptionError, match=r'pack="jpeg" cannot keep the transparency'):
        sequence_of(shots, Cache(tmp_path / "kept", "jpeg"), color_mode="rgba")
    assert not (tmp_path / "kept").exists()


@BOTH
def test_arrays_of_a_custom_loader_are_not_packed(photos, tmp_path, where):
    with pytest.raises(OptionError, match=r'loader=.* need not be images\. Use cache="ram"'):
        ImageSequence(
            imggen.scan(photos), loader=np.load, cache=Cache(place(where, tmp_path), "jpeg")
        )


@BOTH
@pytest.mark.parametrize(
    "array",
    [
        np.float32([[0.25, 1e6], [-3, 0.125]]),
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.arange(12, dtype=np.uint16).reshape(2, 2, 3) * 5000,
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_other_than_images_are_stored_unchanged(tmp_path, where, array):
    (tmp_path / "file").touch()
    cache = open_cache(
        Cache(place(where, tmp_path), "jpeg"),
        "",
        1,
        lambda _: str(tmp_path / "file"),
        color_mode="rgb",
        same_size=True,
    )
    for _ in range(2):
        got = cache.get(0, array.copy)
        assert got.dtype == array.dtype
        np.testing.assert_array_equal(got, array)
        cache.flush()
