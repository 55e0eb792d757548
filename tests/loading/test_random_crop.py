"""RandomResizedCrop: where it cuts, how it resizes, and what a sequence cuts it from."""

import copy
import itertools
import math
import pickle
import random

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import imggen
from imggen import Cache, ImageSequence
from imggen.augment import RandomResizedCrop as Crop
from imggen.augment import Sample
from imggen.augment.execution import apply_operations
from imggen.core.rng import Stream, step_generators
from imggen.errors import AugmentationError, OptionError, SampleError
from tests.helpers.cases import each_case
from tests.helpers.images import write_images

WHOLE = {"scale": (1.0, 1.0)}


def rng(seed=0):
    return np.random.default_rng(seed)


def cut(crop, size, image, chance):
    return apply_operations(
        crop.draw_operations(image.shape[:2], chance), Sample(image), size
    ).image


# What may be asked for


NAN, INF = float("nan"), float("inf")


@each_case(
    "scale",
    [
        *[(0, 1), (-0.1, 1), (0.5, 0.4), (0.5, 1.01), (0.0, 0.0), (2, 3)],
        *[(NAN, 1), (0.5, INF), ("0.1", "1"), (True, 1)],
        *[(0.5,), (0.1, 0.2, 0.3), 0.5, "01", None],
    ],
)
def test_a_scale_that_is_none_is_refused(scale):
    with pytest.raises(OptionError, match=r"^scale=.* must be "):
        Crop(scale=scale)


@each_case(
    "ratio",
    [
        *[(0, 1), (-1, 1), (2, 1), (1, INF), (NAN, 1), ("3/4", "4/3"), (True, 1)],
        *[(9.9e-5, 1), (1, 10001)],
        *[(1,), (1, 1, 1), 1, "11", None],
    ],
)
def test_a_ratio_that_is_none_is_refused(ratio):
    with pytest.raises(OptionError, match=r"^ratio=.* must be "):
        Crop(ratio=ratio)


@pytest.mark.parametrize("source_size", [0, -1, 64.0, "64", (64, 64), True, False], ids=repr)
def test_a_source_size_that_is_none_is_refused(source_size):
    with pytest.raises(OptionError, match=r"^source_size=.* whole number of 1 or more, or None"):
        Crop(source_size=source_size)


def test_the_class_itself_is_no_augmentation(photos):
    with pytest.raises(OptionError, match=r"RandomResizedCrop is a class; expected an object"):
        ImageSequence(imggen.scan(photos), augment=Crop)


def test_the_ends_of_what_is_legal_are_legal():
    Crop(scale=(1, 1), ratio=(1e-4, 1e-4), source_size=1)
    Crop(scale=(1e-9, 1e-9), ratio=(1e4, 1e4))


def test_crops_are_values():
    crop = Crop((0.2, 0.5), (0.5, 2.0), 99)
    assert crop == Crop(scale=(0.2, 0.5), ratio=(0.5, 2.0), source_size=99) != Crop()
    assert hash(crop) == hash(Crop((0.2, 0.5), (0.5, 2.0), 99))
    assert pickle.loads(pickle.dumps(crop)) == copy.deepcopy(crop) == crop


def test_a_range_may_be_a_list():
    assert hash(Crop(scale=[0.2, 0.5])) == hash(Crop(scale=(0.2, 0.5)))


# Where it cuts


SIDES = st.integers(1, 400)
SHARES = st.floats(0.001, 1.0)
RATIOS = st.floats(0.05, 20.0)


def ends(of):
    return st.tuples(of, of).map(lambda pair: tuple(sorted(pair)))


@settings(deadline=None)
@given(SIDES, SIDES, ends(SHARES), ends(RATIOS), st.integers(0, 2**32))
def test_a_window_is_a_part_of_the_image(height, width, scale, ratio, seed):
    window = Crop(scale, ratio).window(height, width, rng(seed))
    assert all(type(side) is int for side in window)
    assert window.height >= 1
    assert window.width >= 1
    assert 0 <= window.top <= height - window.height
    assert 0 <= window.left <= width - window.width


def fits_in(sides, scale, ratio):
    """Whether sides, each rounded by half a pixel, may be of this area and aspect ratio."""
    height, width = sides
    most = (height + 0.5) * (width + 0.5)
    least = (height - 0.5) * (width - 0.5)
    widest = (width + 0.5) / (height - 0.5)
    narrowest = (width - 0.5) / (height + 0.5)
    tolerance = 1e-9
    return (
        least <= scale[1] * (1 + tolerance)
        and most >= scale[0] * (1 - tolerance)
        and narrowest <= ratio[1] * (1 + tolerance)
        and widest >= ratio[0] * (1 - tolerance)
    )


@settings(deadline=None)
@given(SIDES, SIDES, ends(SHARES), ends(RATIOS), st.integers(0, 2**32))
def test_area_and_aspect_ratio_are_within_their_ranges(height, width, scale, ratio, seed):
    window = Crop(scale, ratio).window(height, width, rng(seed))
    wanted = tuple(share * height * width for share in scale)
    if fits_in(window[2:], wanted, ratio):
        return
    # Else none of ten fitted: the middle, as much as the ratio allows.
    assert window.top == (height - window.height) // 2
    assert window.left == (width - window.width) // 2
    assert window.height == height or window.width == width
    aspect = min(max(width / height, ratio[0]), ratio[1])
    if window.height == height:
        assert window.width in {1, min(width, round(height * aspect))}
    else:
        assert window.height in {1, round(width / aspect)}


@settings(deadline=None)
@given(st.integers(2, 400), st.integers(2, 400), st.floats(0.05, 20.0), st.floats(1.0, 3.0), SHARES)
def test_the_fallback_is_the_largest_part_of_a_legal_aspect_ratio(
    height, width, low, spread, share
):
    ratio = (low, low * spread)
    fallback = Crop((share, share), ratio).window(height, width, NothingFits())
    exact = min(max(width / height, ratio[0]), ratio[1])
    exact_height, exact_width = (
        (height, height * exact) if height * exact <= width else (width / exact, width)
    )
    assert abs(fallback.height - max(1, exact_height)) <= 0.5 + 1e-6
    assert abs(fallback.width - max(1, exact_width)) <= 0.5 + 1e-6


class NothingFits:
    """Chance at its worst: every part that is drawn is far too wide, and no pixel high."""

    def uniform(self, low, high):
        return 100.0


@pytest.mark.parametrize("options", [{}, WHOLE, {"ratio": (10, 10)}, {"ratio": (0.1, 0.1)}])
def test_an_image_of_one_pixel_is_cut_whole(options):
    assert Crop(**options).window(1, 1, rng()) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (100, 50, (17, 0, 67, 50)),  # 3:4 is the narrowest: 50 by 66.7
        (50, 100, (0, 16, 50, 67)),  # 4:3 is the widest
        (60, 70, (0, 0, 60, 70)),  # within the range: all of it
        (1, 1000, (0, 499, 1, 1)),
        (1000, 1, (499, 0, 1, 1)),
    ],
)
def test_where_nothing_fits_the_middle_is_cut(height, width, expected):
    # The whole area, of a ratio that the image hardly ever has: worked out by hand.
    window = Crop(scale=(1.0, 1.0)).window(height, width, rng(3))
    top, left, part_height, part_width = expected
    assert (window.height, window.width) == (part_height, part_width)
    assert abs(window.top - top) <= 1
    assert abs(window.left - left) <= 1


@pytest.mark.parametrize("ratio", [(1e-4, 1e4), (1e-4, 1e-4), (1e4, 1e4)], ids=str)
@pytest.mark.parametrize("sides", [(1, 1), (300, 200), (1, 5000)], ids=str)
def test_extreme_ratios_give_a_part_too(ratio, sides):
    for seed in range(20):
        window = Crop(ratio=ratio).window(*sides, rng(seed))
        assert 1 <= window.height <= sides[0]
        assert 1 <= window.width <= sides[1]


def torchvisions_window(height, width, scale, ratio, chance):
    """``RandomResizedCrop.get_params`` of torchvision 0.20, written down anew."""
    area = height * width
    for _ in range(10):
        target_area = area * chance.uniform(*scale)
        aspect = math.exp(chance.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w = round(math.sqrt(target_area * aspect))
        h = round(math.sqrt(target_area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return chance.randint(0, height - h), chance.randint(0, width - w), h, w
    if width / height < min(ratio):
        w, h = width, round(width / min(ratio))
    elif width / height > max(ratio):
        w, h = round(height * max(ratio)), height
    else:
        w, h = width, height
    return (height - h) // 2, (width - w) // 2, h, w


def summary(windows, height, width):
    """Means and spreads of what describes a window, each from 0 to about 1."""
    top, left, h, w = np.array(windows, dtype=float).T
    traits = [
        h * w / (height * width),
        np.log(w / h),
        (top + h / 2) / height,
        (left + w / 2) / width,
        top == 0,
        (h == height) | (w == width),
    ]
    return np.array([[trait.mean(), trait.std()] for trait in traits])


@pytest.mark.parametrize(
    ("height", "width", "scale", "ratio"),
    [
        (200, 200, (0.08, 1.0), (3 / 4, 4 / 3)),
        (120, 300, (0.08, 1.0), (3 / 4, 4 / 3)),
        (300, 120, (0.3, 0.9), (1 / 2, 2.0)),
        (90, 100, (0.9, 1.0), (1.0, 1.0)),
    ],
)
def test_windows_are_distributed_as_torchvisions_are(height, width, scale, ratio):
    count = 6000
    chance, ours = random.Random(1), rng(1)
    expected = [torchvisions_window(height, width, scale, ratio, chance) for _ in range(count)]
    got = [Crop(scale, ratio).window(height, width, ours) for _ in range(count)]
    # Each trait spreads by less than 0.6, so two means differ by 0.011 (one standard error).
    np.testing.assert_allclose(
        summary(got, height, width), summary(expected, height, width), atol=0.04
    )


def test_every_place_comes_up_as_often_as_any_other():
    crop, chance = Crop(scale=(0.25, 0.25), ratio=(1, 1)), rng(5)
    windows = [crop.window(6, 6, chance) for _ in range(1600)]
    assert {(height, width) for _, _, height, width in windows} == {(3, 3)}
    counts = np.zeros((4, 4))
    for top, left, _, _ in windows:
        counts[top, left] += 1
    assert np.abs(counts - 100).max() <= 50  # five standard deviations


def test_the_area_is_uniform_and_all_places_are_as_likely():
    crop, chance = Crop(scale=(0.2, 0.5), ratio=(3 / 4, 4 / 3)), rng(2)
    windows = np.array([crop.window(300, 300, chance) for _ in range(6000)])
    top, left, height, width = windows.T
    shares = height * width / 300**2
    assert shares.mean() == pytest.approx(0.35, abs=0.005)
    assert np.quantile(shares, [0.1, 0.9]) == pytest.approx([0.23, 0.47], abs=0.01)
    for start, side in ((top, height), (left, width)):
        places = start / (300 - side)
        assert places.mean() == pytest.approx(0.5, abs=0.02)
        assert np.quantile(places, [0.1, 0.9]) == pytest.approx([0.1, 0.9], abs=0.03)
    assert np.log(width / height).mean() == pytest.approx(0, abs=0.01)


# How it resizes


def gradient(height, width, channels=3):
    """No two places alike: each channel climbs in a direction of its own, steeply."""
    row, column = np.mgrid[:height, :width]
    climbs = [column, row, 0.5 * column + 0.5 * (height - row), 0.3 * row + 0.6 * column]
    image = np.stack(climbs[:channels], axis=-1)
    return (image * (250 / max(height, width))).astype(np.uint8)


def noise(height, width, channels=3, seed=0):
    return rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def by_pillow(image, window, size, resample):
    top, left, height, width = window
    part = np.ascontiguousarray(image[top : top + height, left : left + width])
    channels = [
        np.array(Image.fromarray(part[:, :, at]).resize(size[::-1], resample))
        for at in range(image.shape[2])
    ]
    return np.stack(channels, axis=-1).astype(float)


@each_case("make", [gradient, noise])
@each_case("channels", [1, 3, 4])
@each_case("seed", range(4))
def test_an_enlarged_part_is_pillows(make, channels, seed):
    image, size = make(40, 50, channels), (120, 101)
    crop = Crop(scale=(0.1, 0.9))
    window = crop.window(40, 50, rng(seed))
    got = cut(crop, size, image, rng(seed)).astype(float)
    expected = by_pillow(image, window, size, Image.Resampling.BILINEAR)
    assert np.abs(got - expected).max() <= 2  # of 255; both compute in fixed point


@each_case("make", [gradient, noise])
@each_case("channels", [1, 3, 4])
@each_case("seed", range(4))
def test_a_part_shrunk_to_less_than_half_is_the_mean_of_its_pixels(make, channels, seed):
    image, size = make(250, 200, channels), (31, 23)
    crop = Crop(scale=(0.4, 0.9))
    window = crop.window(250, 200, rng(seed))
    assert window.height > 2 * size[0]
    assert window.width > 2 * size[1]
    got = cut(crop, size, image, rng(seed)).astype(float)
    # Pillow's BOX counts a pixel or not; weights by overlap are the exact mean.
    assert np.abs(got - exact_means(image, window, size)).max() <= 1
    by_box = by_pillow(image, window, size, Image.Resampling.BOX)
    assert np.abs(got - by_box).mean() <= (1 if make is gradient else 10)


def exact_means(image, window, size):
    top, left, height, width = window
    part = image[top : top + height, left : left + width].astype(float)
    return np.einsum(
        "ih,hwc,jw->ijc", overlaps(height, size[0]), part, overlaps(width, size[1]), optimize=True
    )


def overlaps(length, new_length):
    """How much of each new pixel each old one covers."""
    edges = np.linspace(0, length, new_length + 1)
    start, stop = edges[:-1, None], edges[1:, None]
    old = np.arange(length)
    return np.clip(np.minimum(stop, old + 1) - np.maximum(start, old), 0, None) / (stop - start)


@each_case(
    ("size", "scale"), [((37, 35), (0.5, 0.8)), ((100, 90), (0.1, 0.6)), ((13, 11), (0.5, 1.0))]
)
@each_case("seed", range(5))
def test_the_part_stands_where_the_window_says(size, scale, seed):
    # Planes that climb by four levels a pixel: what stands at a place says which place it is.
    row, column = np.mgrid[:60, :50]
    image = (4 * np.stack([column, row, 60 - row], axis=-1)).astype(np.uint8)
    crop = Crop(scale)
    window = crop.window(60, 50, rng(seed))
    got = cut(crop, size, image, rng(seed)) / 4

    rows = window.top + (np.arange(size[0]) + 0.5) * window.height / size[0] - 0.5
    columns = window.left + (np.arange(size[1]) + 0.5) * window.width / size[1] - 0.5
    inner = (slice(6, -6), slice(5, -5))  # at its edge, the part goes on as its last pixel
    assert np.abs(got[..., 0] - columns[None, :])[inner].max() <= 0.25  # a level
    assert np.abs(got[..., 1] - rows[:, None])[inner].max() <= 0.25
    assert np.abs(got[..., 2] - (60 - rows)[:, None])[inner].max() <= 0.25
    assert np.abs((got[..., 0] - columns[None, :])[inner].mean()) <= 0.1
    assert np.abs((got[..., 1] - rows[:, None])[inner].mean()) <= 0.1


def test_nothing_beside_the_window_shows():
    crop = Crop((0.2, 0.3))
    for seed, size in itertools.product(range(10), [(11, 13), (64, 60), (150, 140)]):
        top, left, height, width = crop.window(100, 100, rng(seed))
        image = np.zeros((100, 100, 3), np.uint8)
        image[top : top + height, left : left + width] = 255
        assert (cut(crop, size, image, rng(seed)) == 255).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_part_of_the_wanted_size_keeps_its_pixels(channels):
    image = noise(60, 60, channels)
    crop = Crop(scale=(0.25, 0.25), ratio=(1, 1))
    top, left, height, width = crop.window(60, 60, rng(4))
    assert (height, width) == (30, 30)
    got = cut(crop, (30, 30), image, rng(4))
    np.testing.assert_array_equal(got, image[top : top + 30, left : left + 30])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_comes_of_a_call_may_be_written_to(channels):
    image = noise(60, 60, channels)
    got = Crop(scale=(1, 1), ratio=(1, 1))(image, rng())
    np.testing.assert_array_equal(got, image)
    got[:] = 0
    np.testing.assert_array_equal(image, noise(60, 60, channels))


@pytest.mark.parametrize("size", [(1, 1), (5, 90), (90, 5), (60, 60)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_image_is_left_as_it_is(size, channels):
    image = noise(60, 60, channels)
    image.flags.writeable = False
    got = cut(Crop(), size, image, rng())
    assert got.shape == (*size, channels)
    assert got.dtype == np.uint8
    assert not np.shares_memory(got, image)
    assert got.flags.writeable
    np.testing.assert_array_equal(image, noise(60, 60, channels))


def test_a_view_gives_the_same_bits_as_a_copy():
    # A packed grayscale image is one channel of three; a turned one has its axes swapped.
    base = noise(80, 70)
    for view in (base[:, :, :1], base.swapaxes(0, 1), base[::-1, ::2]):
        for seed in range(5):
            one, other = (
                cut(Crop(), (24, 24), image, rng(seed)) for image in (view, np.array(view))
            )
            np.testing.assert_array_equal(one, other)


def test_the_same_generator_gives_the_same_part_and_another_another():
    image, crop = noise(60, 60), Crop()
    parts = [cut(crop, (20, 20), image, rng(seed)).tobytes() for seed in (1, 1, *range(2, 20))]
    assert parts[0] == parts[1]
    assert len(set(parts)) == 19


def test_a_copy_from_elsewhere_cuts_the_same_part():
    crop = Crop((0.2, 0.5), (0.5, 2.0))
    copied = pickle.loads(pickle.dumps(crop))
    image = noise(60, 60)
    np.testing.assert_array_equal(copied(image, rng(3)), crop(image, rng(3)))


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 90, 1), (64, 48, 3), (30, 30, 4)], ids=str)
def test_called_it_keeps_the_size_of_its_image(shape):
    image = noise(*shape)
    got = Crop()(image, rng(2))
    assert got.shape == shape
    np.testing.assert_array_equal(got, cut(Crop(), shape[:2], image, rng(2)))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((9, 9, 3), np.int16),
        np.zeros((9, 9, 3), np.int64),
        np.zeros((2, 9, 9, 3), np.uint8),
    ],
    ids=lambda image: f"{image.dtype} {image.shape}",
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(
        SampleError,
        match=r"^Geometric augmentations take images of dtype uint8, .*; got \w+ of shape \(",
    ):
        Crop()(image, rng())


# In a sequence


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """PNGs and JPEGs of different sizes, some of them turned by their EXIF tag."""
    folder = tmp_path_factory.mktemp("shots")
    for number, (height, width) in enumerate([(60, 90), (90, 60), (50, 50), (200, 140), (20, 31)]):
        exif = Image.Exif()
        exif[0x0112] = (1, 6, 3, 8, 5)[number]
        smooth = Image.fromarray(noise(6, 6, seed=number)).resize((width, height))
        for name, suffix in (("plain", ".png"), ("packed", ".jpg")):
            (folder / name).mkdir(exist_ok=True)
            smooth.save(folder / name / f"{number}{suffix}", exif=exif, quality=92)
    return imggen.scan(folder)


SIZE = (24, 30)


def sequence_of(manifest, augment=None, **options):
    options = {"image_size": SIZE, "batch_size": 4, "seed": 7, "dtype": "uint8", **options}
    return ImageSequence(manifest, augment=augment, **options)


def images_of(sequence, epochs=2):
    """The images of each epoch, in the order served."""
    with sequence:
        return [np.concatenate([batch[0] for batch in sequence]) for _ in range(epochs)]


def upright(path):
    with Image.open(path) as image:
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def chance(epoch, index, step=0):
    """The generator of a step for a sample, as imggen/README.md has it."""
    return step_generators(7, Stream.AUGMENT, epoch, index)(step)


def test_the_part_is_cut_from_the_upright_file_before_it_is_resized(shots):
    crop = Crop(source_size=10**6)
    sequence = sequence_of(shots, crop, shuffle=False)
    for epoch, images in enumerate(images_of(sequence)):
        for index, image in enumerate(images):
            whole = upright(shots.filepath(index))
            np.testing.assert_array_equal(image, cut(crop, SIZE, whole, chance(epoch, index)))


def checkerboard(folder, side):
    """One image with pixels of black and white in turn: any resizing makes it grey."""
    (folder / "a").mkdir(parents=True)
    board = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(np.stack([board] * 3, axis=-1)).save(folder / "a" / "board.png")
    return imggen.scan(folder)


@pytest.mark.parametrize(
    ("augment", "is_sharp"),
    [
        ([Crop((1 / 64, 1 / 64), (1, 1), source_size=128)], True),
        ([Crop((1 / 4, 1 / 4), (1, 1))], False),  # from 32 by 32, twice the image_size
        ([np.ascontiguousarray, Crop((1 / 4, 1 / 4), (1, 1))], False),  # from 16 by 16
    ],
    ids=["from the file", "from twice the size", "not first"],
)
def test_fine_detail_is_kept_where_the_part_is_cut_from_the_file(tmp_path, augment, is_sharp):
    manifest = checkerboard(tmp_path, 128)
    sequence = sequence_of(manifest, augment, image_size=(16, 16))
    image = sequence[0][0][0]
    assert image.shape == (16, 16, 3)
    if is_sharp:
        assert set(np.unique(image)) == {0, 255}
    else:
        assert np.abs(image.astype(int) - 128).max() < 20


@pytest.mark.parametrize(
    ("file", "source_size", "expected"),
    [
        ((200, 300), None, (60, 90)),  # twice the longer side of 20 by 30
        ((300, 200), None, (90, 60)),
        ((200, 300), 100, (100, 150)),
        ((201, 333), 50, (50, 83)),
        ((200, 300), 200, (200, 300)),
        ((200, 300), 201, (200, 300)),
        ((40, 500), None, (40, 500)),
        ((3, 5), None, (3, 5)),
    ],
)
def test_sources_are_shrunk_to_their_source_size_and_never_enlarged(
    tmp_path, file, source_size, expected
):
    write_images(tmp_path, {"a": 1}, size=file)
    manifest = imggen.scan(tmp_path)
    sequence = sequence_of(manifest, Crop(source_size=source_size), image_size=(20, 30))
    source = sequence.original(0)
    assert source.shape == (*expected, 3)
    # To a size that is given, the decoder resizes as ever.
    spec = imggen.ImageSpec(expected)
    np.testing.assert_array_equal(source, imggen.load_image(manifest.filepath(0), spec))


@pytest.mark.parametrize(
    "how",
    [
        {"workers": 0},
        {"workers": 2},
        {"workers": 2, "use_multiprocessing": True},
        {"workers": 2, "cache": "ram"},
        {"workers": 0, "cache": "folder"},
        {"workers": 2, "use_multiprocessing": True, "cache": "folder"},
    ],
    ids=lambda how: ", ".join(f"{name} {value}" for name, value in how.items()),
)
def test_bits_do_not_depend_on_who_makes_the_batches_or_on_a_cache(shots, tmp_path, how):
    augment = [Crop(), np.flipud]
    expected = images_of(sequence_of(shots, augment, workers=0))
    if how.get("cache") == "folder":
        how = {**how, "cache": tmp_path / "kept"}
    for _ in range(2 if "cache" in how else 1):
        np.testing.assert_array_equal(images_of(sequence_of(shots, augment, **how)), expected)


@pytest.mark.parametrize("color_mode", ["rgb", "grayscale"])
def test_parts_of_packed_sources_are_the_same_wherever_they_are_kept(shots, tmp_path, color_mode):
    def images(cache, **options):
        return images_of(sequence_of(shots, Crop(), cache=cache, color_mode=color_mode, **options))

    expected = images(Cache("ram", "jpeg"), workers=0)
    assert not np.array_equal(expected, images(None))
    for _ in range(2):
        folder = Cache(tmp_path / "kept", "jpeg")
        np.testing.assert_array_equal(images(folder, workers=2), expected)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"color_mode": "grayscale"}, (*SIZE, 1)),
        ({"color_mode": "rgba"}, (*SIZE, 4)),
        ({"data_format": "channels_first"}, (3, *SIZE)),
        ({"color_mode": "grayscale", "data_format": "channels_first"}, (1, *SIZE)),
    ],
    ids=str,
)
def test_images_have_the_asked_for_shape(shots, options, shape):
    for images in images_of(sequence_of(shots, Crop(), **options), epochs=1):
        assert images.shape == (10, *shape)


@pytest.mark.parametrize("interpolation", ["nearest", "area", "lanczos3"])
def test_any_interpolation_of_the_sources_goes_with_it(shots, interpolation):
    crop = Crop(source_size=40)
    sequence = sequence_of(shots, crop, interpolation=interpolation, shuffle=False)
    source = sequence.original(3)
    assert source.shape[:2] == (40, 57)  # 200 by 140, turned
    np.testing.assert_array_equal(sequence.augmented(3, 0), cut(crop, SIZE, source, chance(0, 3)))


def test_repeats_and_epochs_cut_other_parts(tmp_path):
    write_images(tmp_path, {"a": 2}, size=(80, 80))
    sequence = sequence_of(imggen.scan(tmp_path), Crop(), repeats=3)
    images = np.concatenate(images_of(sequence))
    assert len({image.tobytes() for image in images}) == 12


def pass_on(image, rng):
    rng.random(5)
    return image


def with_noise(image, rng):
    return rng.integers(0, 256, image.shape, dtype=np.uint8)


def scribble(image):
    image[:] = 77
    return image


def test_a_step_that_follows_does_not_change_what_is_cut(shots):
    alone = images_of(sequence_of(shots, Crop()))
    np.testing.assert_array_equal(images_of(sequence_of(shots, [Crop(), pass_on])), alone)
    np.testing.assert_array_equal(images_of(sequence_of(shots, [Crop(), pass_on, pass_on])), alone)


def test_the_crop_does_not_change_what_a_step_that_follows_draws(shots):
    expected = images_of(sequence_of(shots, [pass_on, with_noise]))
    for crop in (Crop(), Crop((0.1, 0.2), source_size=30)):
        np.testing.assert_array_equal(images_of(sequence_of(shots, [crop, with_noise])), expected)


@pytest.mark.parametrize("cache", [None, "ram"])
def test_a_step_that_writes_to_its_image_does_not_reach_the_source(shots, cache):
    sequence = sequence_of(shots, [Crop(source_size=200), scribble], cache=cache, shuffle=False)
    assert all((images == 77).all() for images in images_of(sequence))
    np.testing.assert_array_equal(sequence.original(0), upright(shots.filepath(0)))


def test_not_first_it_cuts_from_the_resized_image(shots):
    crop = Crop()
    plain = images_of(sequence_of(shots, shuffle=False), epochs=1)[0]
    sequence = sequence_of(shots, [np.flipud, crop], shuffle=False)
    for index, image in enumerate(images_of(sequence, epochs=1)[0]):
        assert image.shape == (*SIZE, 3)
        np.testing.assert_array_equal(image, crop(plain[index][::-1], chance(0, index, step=1)))
    assert sequence.original(0).shape == (*SIZE, 3)


def test_a_list_within_the_list_counts_as_the_list(shots):
    np.testing.assert_array_equal(
        images_of(sequence_of(shots, [[Crop()], [pass_on]])), images_of(sequence_of(shots, Crop()))
    )


def test_a_second_crop_cuts_from_what_the_first_one_made(tmp_path):
    # On planes one resample through both windows is what two of them are, but at the edges.
    row, column = np.mgrid[:48, :60]
    plane = (4 * np.stack([column, row, column], axis=-1)).astype(np.uint8)
    (tmp_path / "a").mkdir()
    Image.fromarray(plane).save(tmp_path / "a" / "plane.png")
    first, second = Crop((0.5, 0.9)), Crop((0.2, 0.4))
    sequence = sequence_of(imggen.scan(tmp_path), [first, second])
    for epoch, (image,) in enumerate(images_of(sequence, epochs=5)):
        alone = cut(first, SIZE, plane, chance(epoch, 0))
        both = second(alone, chance(epoch, 0, step=1))
        inner = (slice(2, -2), slice(2, -2))
        difference = image[inner].astype(int) - both[inner]
        assert np.abs(difference).max() <= 2  # of 255; the first was rounded, steps are 1 or more
        assert abs(difference.mean()) <= 0.5


def test_what_follows_turns_about_the_middle_of_the_part(shots):
    alone = images_of(sequence_of(shots, Crop()))
    upside_down = images_of(sequence_of(shots, [Crop(), imggen.augment.RandomRotation((180, 180))]))
    np.testing.assert_array_equal(upside_down, np.array(alone)[:, :, ::-1, ::-1])


@pytest.mark.parametrize("option", ["crop_to_aspect_ratio", "pad_to_aspect_ratio"])
def test_it_does_not_go_with_another_crop(shots, option):
    with pytest.raises(OptionError, match=r"Pass it without crop_to_aspect_ratio and pad"):
        sequence_of(shots, Crop(), **{option: True})
    # Behind another step, it cuts from whatever it is given.
    assert sequence_of(shots, [pass_on, Crop()], **{option: True})[0][0].shape == (4, *SIZE, 3)


def test_parts_that_are_not_trained_on_are_whole(photos):
    options = {"image_size": (16, 16), "split": (0.5, 0.25, 0.25), "seed": 3, "dtype": "uint8"}
    cut = imggen.from_directory(photos, augment=Crop(), **options)
    plain = imggen.from_directory(photos, **options)
    for name in ("val", "test"):
        np.testing.assert_array_equal(
            images_of(getattr(cut, name)), images_of(getattr(plain, name))
        )
    assert not np.array_equal(images_of(cut.train), images_of(plain.train))


@pytest.mark.parametrize("cache", [None, "folder", "jpeg"])
def test_parts_share_a_folder_of_cached_images_and_are_what_they_are_without(
    photos, tmp_path, cache
):
    kept = cache and Cache(tmp_path / "kept", "jpeg" if cache == "jpeg" else "raw", quality=100)
    options = {"image_size": (24, 20), "split": (0.5, 0.5), "seed": 3, "dtype": "uint8"}
    parts = imggen.from_directory(photos, augment=Crop(), cache=kept, **options)
    for part in parts:
        first, again = images_of(part), images_of(part)
        assert first[0].shape == again[0].shape == (8, 24, 20, 3)
    if cache != "jpeg":
        plain = imggen.from_directory(photos, **options)
        np.testing.assert_array_equal(images_of(parts.val), images_of(plain.val))


def whole_numbers(path):
    return np.zeros((8, 8, 3), np.int64)


def test_an_array_of_a_loader_that_is_no_image_is_named_with_its_file(photos):
    sequence = ImageSequence(
        imggen.scan(photos), loader=whole_numbers, augment=Crop(), shuffle=False, workers=0
    )
    with pytest.raises(
        AugmentationError,
        match=r"'RandomResizedCrop' failed on '.*000\.png' \(epoch 0, index 0\): "
        r"Geometric augmentations take images of dtype uint8, .*; got int64 of shape \(8, 8, 3\)",
    ):
        sequence[0]


def pixels_of(path):
    return np.array(Image.open(path))


def test_images_of_a_loader_keep_their_size(photos):
    crop = Crop(source_size=5)
    sequence = ImageSequence(
        imggen.scan(photos), loader=pixels_of, augment=crop, seed=7, shuffle=False, dtype="uint8"
    )
    expected = crop(pixels_of(sequence.filepaths[2]), chance(0, 2))
    np.testing.assert_array_equal(sequence[0][0][2], expected)


def test_a_file_that_cannot_be_read_is_substituted(photos):
    (photos / "cat" / "000.png").write_bytes(b"")
    sequence = sequence_of(imggen.scan(photos), Crop(), on_error="substitute", shuffle=False)
    with pytest.warns(imggen.errors.ImggenWarning, match="1 of 16 images .* substituted"):
        (images,) = images_of(sequence, epochs=1)
    assert images.shape == (16, *SIZE, 3)
    assert images[0].any()


def global_noise(image):
    return (image * random.random()).astype(np.uint8)


@pytest.mark.parametrize("first", [True, False])
def test_chance_from_elsewhere_is_told_of_and_the_crop_is_not_blamed(shots, first):
    augment = [Crop(), global_noise] if first else [global_noise, Crop()]
    with pytest.warns(
        imggen.errors.ImggenWarning, match=r"augmentations \['global_noise'\] return another"
    ):
        list(sequence_of(shots, augment))


# What looks at a sequence


def test_original_is_the_source_and_augmented_is_the_part(shots):
    sequence = sequence_of(shots, [Crop(), np.flipud], shuffle=True)
    row = int(sequence.served(1)[5])
    sequence.epoch = 1
    assert sequence.original(3).shape == (60, 86, 3)  # 200 by 140 turned, its shorter side at 60
    assert sequence.augmented(row, epoch=1).shape == (*SIZE, 3)
    np.testing.assert_array_equal(sequence.augmented(row, epoch=1), sequence[1][0][1])


def test_a_contact_sheet_shows_sources_beside_their_parts(shots):
    sheet = imggen.contact_sheet(sequence_of(shots, Crop()), variants=3, cell=32)
    assert sheet.mode == "RGB"
    assert sheet.width > 4 * 30
    assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 100


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((*SIZE, 3))
    scaled = keras.layers.Rescaling(1 / 50)(inputs)
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(scaled))
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("cache", [None, "ram", Cache("ram", "jpeg", 5)], ids=str)
def test_predictions_see_whole_images(shots, model, cache):
    expected = sequence_of(shots, shuffle=False, dtype="float32").predict(model)
    sequence = sequence_of(shots, [Crop(), scribble], dtype="float32", cache=cache)
    list(sequence)
    got = sequence.predict(model)
    assert got["path"].tolist() == expected["path"].tolist()
    np.testing.assert_allclose(got["p_plain"], expected["p_plain"], atol=1e-6)
    assert expected["p_plain"].nunique() > 5  # the model does tell images apart


def test_training_goes_as_it_does_with_any_augmentation(shots, model):
    trained = keras.models.clone_model(model)
    trained.compile("sgd", "categorical_crossentropy")
    with sequence_of(shots, Crop(), dtype="float32", rescale=1 / 255, workers=2) as sequence:
        history = trained.fit(sequence, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert sequence.epoch == 2
