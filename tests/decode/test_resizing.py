"""Arrays resized by cykooz-resizer: Pillow's pixels, or a gray level away."""

import concurrent.futures
import io
import itertools
import os

import keras
import numpy as np
import pytest
from PIL import Image

import imggen
from imggen.decode import ImageSpec, load, load_image
from imggen.decode.resizing import find_resizer
from tests.decode.test_load import encoded, noise
from tests.helpers.cases import case
from tests.helpers.resizers import without_cykooz

# There are no wheels for some systems.
cykooz_resizer = pytest.importorskip("cykooz_resizer")

SHAPES = [(1, 1), (1, 37), (37, 1), (1, 900), (3, 5), (16, 16), (63, 64), (90, 121), (7, 500)]
SIZES = [(1, 1), (2, 3), (7, 5), (16, 16), (31, 33), (1, 200), (200, 1), (64, 128), (211, 17)]

BY_PILLOW = ("nearest", "bicubic", "area", "box", "hamming", "lanczos3", "lanczos")


def resize(pixels: np.ndarray, size: tuple[int, int], box=None) -> np.ndarray:
    """Resizes to (width, height) by bilinear interpolation."""
    resizer = find_resizer()
    assert resizer is not None
    return resizer.filters["BILINEAR"](pixels, size, box)


def by_pillow(pixels: np.ndarray, size: tuple[int, int], box=None) -> np.ndarray:
    image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
    resized = np.asarray(image.resize(size, Image.Resampling.BILINEAR, box))
    return resized.reshape(*size[::-1], -1)


def difference(got: np.ndarray, wanted: np.ndarray) -> int:
    assert got.shape == wanted.shape
    assert got.dtype == np.uint8
    return int(np.abs(got.astype(int) - wanted).max())


def adversaries(height: int, width: int):
    """Images whose errors of rounding add up, if any do."""
    rows, columns = np.indices((height, width))
    yield (rows + columns) % 2 * 255
    yield (rows // 2 + columns // 2) % 2 * 255
    yield (columns % 7 == 3) * 255
    yield (rows % 5 == 2) * 255
    yield np.full((height, width), 255)
    yield columns * 255 // max(1, width - 1)
    yield np.random.default_rng([height, width]).integers(0, 2, (height, width)) * 255


def test_every_image_and_size_is_a_level_from_pillow():
    differing = 0
    for shape, size in itertools.product(SHAPES, SIZES):
        images = [image.astype(np.uint8)[:, :, np.newaxis] for image in adversaries(*shape)]
        for pixels in (*images, noise(*shape)):
            with case(shape, size):
                apart = difference(resize(pixels, size), by_pillow(pixels, size))
                assert apart <= 1
                differing += apart
    assert differing > 0  # or Pillow has been compared with itself


def test_every_window_is_a_level_from_pillow():
    rng = np.random.default_rng(3)
    num_values = num_farther = 0
    for _ in range(300):
        width, height, *size = rng.integers(1, 90, 4).tolist()
        factor = int(rng.choice([2, 4, 8]))
        left, top = rng.integers(0, width * factor), rng.integers(0, height * factor)
        right = rng.integers(left, width * factor) + 1
        bottom = rng.integers(top, height * factor) + 1
        box = tuple(float(side) / factor for side in (left, top, right, bottom))
        pixels = noise(height, width)
        got, wanted = resize(pixels, tuple(size), box), by_pillow(pixels, size, box)
        with case(height, width, size, box):
            assert difference(got, wanted) <= 2
        num_values += got.size
        num_farther += int((np.abs(got.astype(int) - wanted) > 1).sum())
    # In noise, one value in ten million: both roundings of Pillow go up, and both others down.
    assert num_farther <= 2 < num_values / 500_000


def test_what_shrinks_too_far_for_its_weights_is_resized_by_pillow():
    pixels = np.repeat(np.uint8([0, 255]), 500_000).reshape(1, -1, 1)

    assert difference(resize(pixels, (1, 1)), by_pillow(pixels, (1, 1))) == 0


def test_bits_do_not_depend_on_the_instructions_of_the_processor(monkeypatch):
    levels = cykooz_resizer.CpuExtensions
    if cykooz_resizer.Resizer().cpu_extensions != levels.avx2:
        pytest.skip("this processor has one level of instructions")
    images = [(noise(63, 64), (31, 33)), (noise(90, 121), (200, 150)), (noise(40, 40, 1), (7, 9))]
    images = [(pixels.reshape(*pixels.shape[:2], -1), size) for pixels, size in images]
    wanted = [resize(pixels, size) for pixels, size in images]

    for level in (levels.none, levels.sse4_1):
        used = []

        class Limited(cykooz_resizer.Resizer):
            def __init__(self, level=level, used=used):
                super().__init__()
                self.cpu_extensions = level
                used.append(self.cpu_extensions)

        with monkeypatch.context() as patched:
            patched.setattr(cykooz_resizer, "Resizer", Limited)
            find_resizer.cache_clear()
            for (pixels, size), expected in zip(images, wanted, strict=True):
                np.testing.assert_array_equal(resize(pixels, size), expected)
        find_resizer.cache_clear()
        assert used == [level] * len(images)


def test_threads_get_the_same_bits_and_start_no_others():
    images = [noise(side, 2 * side) for side in range(20, 40)]
    wanted = [resize(pixels, (15, 70)) for pixels in images]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        list(threads.map(resize, images, [(3, 3)] * 20))
        before = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
        for _ in range(5):
            got = list(threads.map(resize, images, [(15, 70)] * 20))
            for one, other in zip(got, wanted, strict=True):
                np.testing.assert_array_equal(one, other)
        if before:
            assert len(os.listdir("/proc/self/task")) == before


def test_alpha_is_resized_by_pillow_unless_all_is_opaque():
    opaque = Image.fromarray(noise(30, 41)).convert("RGBA")
    transparent = Image.fromarray(noise(30, 41, 4), "RGBA")
    for size, kind in itertools.product([(13, 17), (40, 44)], ["PNG", "WEBP", "TIFF"]):
        options = {"lossless": True} if kind == "WEBP" else {}
        for image, levels in ((opaque, 1), (transparent, 0)):
            data = encoded(image, kind, **options)
            with Image.open(io.BytesIO(data)) as opened:
                wanted = np.asarray(opened.convert("RGBA").resize(size[::-1], 2))
            got = load_image(data, ImageSpec(size, "rgba"))
            with case(size, kind, levels):
                assert difference(got, wanted) <= levels


def test_the_cache_key_names_what_resizes():
    resized = ImageSpec((8, 8)).cache_key()
    version = find_resizer().name

    assert version.startswith("cykooz-resizer 4.")
    assert version in resized
    assert version in ImageSpec(None, shorter_side=8).cache_key()
    for spec in (ImageSpec(None), *(ImageSpec((8, 8), "rgb", name) for name in BY_PILLOW)):
        assert "cykooz" not in spec.cache_key()
    with without_cykooz():
        assert ImageSpec((8, 8)).cache_key() == resized.replace(f", resized by {version}", "")


def test_without_the_resizer_pixels_are_pillows():
    with without_cykooz():
        for kind, fit in itertools.product(["PNG", "JPEG", "BMP"], ["stretch", "crop", "pad"]):
            data = encoded(noise(40, 31), kind)
            with Image.open(io.BytesIO(data)) as image:
                whole = image.convert("RGB")
            window = whole.crop((0, 4, 31, 35)) if fit == "crop" else whole
            size = (18, 23) if fit == "pad" else (23, 23)
            wanted = np.zeros((23, 23, 3), np.uint8)
            left = (23 - size[0]) // 2
            wanted[:, left : left + size[0]] = np.asarray(window.resize(size, 2))
            with case(kind, fit):
                assert difference(load_image(data, ImageSpec((23, 23), fit=fit)), wanted) == 0


def test_the_drop_in_keeps_the_pixels_of_keras(tmp_path):
    (tmp_path / "class").mkdir()
    path = tmp_path / "class" / "photo.png"
    Image.fromarray(noise(90, 121)).save(path)

    native = load_image(path, ImageSpec((31, 33)))
    for interpolation in ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"):
        options = {"target_size": (31, 33), "interpolation": interpolation}
        flow = imggen.ImageDataGenerator().flow_from_directory(str(tmp_path), **options)
        wanted = keras.utils.img_to_array(keras.utils.load_img(path, **options))
        np.testing.assert_array_equal(flow[0][0][0], wanted)
        if interpolation == "bilinear":
            assert difference(native, wanted.astype(np.uint8)) == 1


def test_very_large_images_are_not_copied_to_resize_them(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    spec = ImageSpec((20, 20))
    calls = []
    monkeypatch.setattr(load, "fit_array", lambda *_: calls.append(_) or pixels)
    load_image(buffer.getvalue(), spec)
    assert len(calls) == 1
    monkeypatch.setattr(load, "_MOST_PIXELS_COPIED", 40 * 50 - 1)
    found = load_image(buffer.getvalue(), spec)
    assert len(calls) == 1
    wanted = Image.fromarray(pixels).resize((20, 20), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(found, wanted)
