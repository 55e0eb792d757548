"""Blur, sharpness, noise, JPEG and erasing against SciPy, Pillow and statistics."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from imggen.augment import (
    RandomErasing,
    RandomGaussianBlur,
    RandomGaussianNoise,
    RandomJPEG,
    RandomSharpness,
    Sample,
)
from imggen.augment.execution import apply_operations
from tests.helpers.cases import each_case
from tests.helpers.resampling import noise, smooth

COLORS, SPOTS = noise(50, 70, 3), smooth(50, 70, 3)
PICTURES = {"noise": COLORS, "smooth": SPOTS, "gray": COLORS[..., :1]}
GRAY = np.full((200, 300, 3), 128, np.uint8)

TEXTURAL = [
    RandomGaussianBlur((2, 2)),
    RandomSharpness((0, 0)),
    RandomGaussianNoise((20, 20)),
    RandomJPEG((20, 20)),
    RandomErasing(),
    RandomErasing(fill="mean"),
    RandomErasing(fill="black"),
]


def changed(augmentation, image, seed=0):
    return augmentation(image, np.random.default_rng(seed))


def as_pillow(image):
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def difference(one, other):
    return np.abs(one.astype(np.float64) - np.asarray(other, np.float64).reshape(one.shape))


# Blur


@each_case("sigma", [0, 0.1, 0.5, 1, 2.3, 6, 20])
@each_case("picture", PICTURES)
def test_a_blur_is_scipys_within_a_gray_level(picture, sigma):
    image = PICTURES[picture]
    expected = gaussian_filter(
        image.astype(np.float64), (sigma, sigma, 0), mode="mirror", truncate=4
    )
    result = changed(RandomGaussianBlur((sigma, sigma)), image)
    assert difference(result, np.rint(expected)).max() <= 1


@pytest.mark.parametrize("sigma", [0.7, 2, 4, 8])
def test_a_blur_of_black_and_white_noise_is_scipys_within_three_gray_levels(sigma):
    image = 255 * noise(200, 200, 1, most=1)
    expected = gaussian_filter(
        image.astype(np.float64), (sigma, sigma, 0), mode="mirror", truncate=4
    )
    result = changed(RandomGaussianBlur((sigma, sigma)), image)
    assert difference(result, np.rint(expected)).max() <= 3


def test_a_blur_spreads_a_point_and_keeps_its_light():
    point = np.zeros((31, 31, 1), np.uint8)
    point[15, 15] = 255
    result = changed(RandomGaussianBlur((1, 1)), point).astype(int)
    assert result.max() == result[15, 15, 0] < 45
    assert abs(result.sum() - 255) < 40


def test_a_blur_of_nothing_changes_nothing():
    np.testing.assert_array_equal(changed(RandomGaussianBlur((0, 0)), COLORS), COLORS)


# Sharpness


@each_case("factor", [0, 0.3, 1, 1.5, 2, 5])
@each_case("picture", PICTURES)
def test_sharpness_is_pillows_within_a_gray_level(picture, factor):
    image = PICTURES[picture]
    expected = ImageEnhance.Sharpness(as_pillow(image)).enhance(factor)
    result = changed(RandomSharpness((factor, factor)), image)
    # Above 1 Pillow's rounding of the smoothed copy counts so many times more.
    assert difference(result, expected).max() <= max(1, factor - 1)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 2)])
def test_sharpness_leaves_images_without_an_inside(size):
    image = noise(*size, 3)
    np.testing.assert_array_equal(changed(RandomSharpness((0, 0)), image), image)


# JPEG


@pytest.mark.parametrize("quality", [5, 50, 95])
@pytest.mark.parametrize("picture", PICTURES)
def test_jpeg_is_pillows_of_the_same_quality_on_average_within_a_gray_level(picture, quality):
    image = PICTURES[picture]
    file = io.BytesIO()
    as_pillow(image).save(file, "JPEG", quality=quality)
    expected = Image.open(file)
    result = changed(RandomJPEG((quality, quality)), image)
    # Both use libjpeg, but maybe not of the same version.
    assert difference(result, expected).mean() < 1
    assert difference(result, image).mean() > 0.1


def test_a_lower_quality_loses_more():
    lost = [
        difference(changed(RandomJPEG((quality, quality)), SPOTS), SPOTS).mean()
        for quality in (5, 30, 95)
    ]
    assert lost[0] > 2 * lost[1] > 2 * lost[2]


def test_qualities_are_whole_and_both_ends_occur():
    drawn = {
        RandomJPEG((40, 43)).draw((8, 8), np.random.default_rng(seed))["quality"]
        for seed in range(100)
    }
    assert drawn == {40, 41, 42, 43}


# Noise


def noise_of(std, seed=0):
    return changed(RandomGaussianNoise((std, std)), GRAY, seed).astype(np.float64) - 128


@pytest.mark.parametrize("std", [0.5, 3, 20])
def test_noise_has_no_mean_and_the_deviation_asked_for(std):
    added = noise_of(std)
    assert abs(added.mean()) < 0.01 * max(1, std)
    # Rounding adds a variance of 1/12.
    assert added.std() == pytest.approx(np.sqrt(std**2 + 1 / 12), rel=0.03)


@pytest.mark.parametrize("std", [3, 20])
def test_noise_is_normally_distributed(std):
    added = noise_of(std).ravel()
    levels = np.arange(-4 * std, 4 * std)
    shares = np.searchsorted(np.sort(added), levels, side="right") / added.size
    # The farthest of 180,000 from their distribution is 0.005 in one of a million.
    assert np.abs(shares - norm.cdf((levels + 0.5) / std)).max() < 0.006


def test_each_value_has_noise_of_its_own():
    added = noise_of(20)
    neighbors = [
        (added[1:], added[:-1]),
        (added[:, 1:], added[:, :-1]),
        (added[..., 0], added[..., 1]),
        (added[..., 1], added[..., 2]),
    ]
    for one, other in neighbors:
        # 60,000 pairs: 5 standard deviations are 0.02.
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02


def test_each_sample_has_noise_of_its_own():
    assert abs(np.corrcoef(noise_of(20, 0).ravel(), noise_of(20, 1).ravel())[0, 1]) < 0.02


def test_noise_is_clipped_at_black_and_white():
    for value in (0, 255):
        image = np.full((50, 50, 1), value, np.uint8)
        result = changed(RandomGaussianNoise((30, 30)), image)
        assert 0.4 < (result == value).mean() < 0.6
        assert np.abs(result.astype(int) - value).max() < 150


def test_noise_of_no_deviation_changes_nothing():
    np.testing.assert_array_equal(changed(RandomGaussianNoise((0, 0)), COLORS), COLORS)


# Erasing


def erased_part(result, image):
    """The smallest rectangle around all that changed, and how much of it did."""
    differs = (result != image).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return part, differs[part].mean()


@pytest.mark.parametrize("fill", ["noise", "mean", "black"])
def test_erasing_changes_one_rectangle_alone(fill):
    image = np.full((64, 80, 3), 200, np.uint8)
    image[0, 0] = 100  # so that the mean is another color
    image[:, :40] = 90
    for seed in range(20):
        result = changed(RandomErasing(fill=fill), image, seed)
        part, share = erased_part(result, image)
        assert share > 0.98
        outside = result.copy()
        outside[part] = image[part]
        np.testing.assert_array_equal(outside, image)


def test_the_area_and_the_shape_are_within_their_ranges():
    image = np.full((100, 100, 1), 255, np.uint8)
    erasing = RandomErasing(scale=(0.1, 0.2), ratio=(0.5, 2.0), fill="black")
    areas, ratios = [], []
    for seed in range(300):
        part, share = erased_part(changed(erasing, image, seed), image)
        height, width = (side.stop - side.start for side in part)
        assert share == 1
        areas.append(height * width / 10_000)
        ratios.append(width / height)
    # Sides are rounded to whole pixels, of 22 at least.
    assert 0.095 < min(areas) < 0.11 < 0.19 < max(areas) < 0.21
    assert 0.48 < min(ratios) < 0.55 < 1.8 < max(ratios) < 2.1


def test_any_place_may_be_erased():
    image = np.full((20, 20, 1), 255, np.uint8)
    hit = np.zeros((20, 20), bool)
    for seed in range(300):
        hit |= changed(RandomErasing(fill="black"), image, seed)[..., 0] == 0
    assert hit.all()


def test_erasing_with_noise_gives_each_pixel_a_color_of_its_own():
    result = changed(RandomErasing(scale=(0.9, 0.9), ratio=(1.5, 1.5)), GRAY)
    part = erased_part(result, GRAY)[0]
    values = result[part]
    assert np.bincount(values.ravel(), minlength=256).min() > 0
    assert values.mean() == pytest.approx(127.5, abs=2)
    assert abs(np.corrcoef(values[..., 0].ravel(), values[..., 1].ravel())[0, 1]) < 0.05


def test_erasing_with_the_mean_takes_that_of_each_channel():
    result = changed(RandomErasing(fill="mean"), SPOTS)
    part = erased_part(result, SPOTS)[0]
    expected = np.rint(SPOTS.mean((0, 1)))
    middle = result[part][3:-3, 3:-3]
    assert middle.size
    assert (middle == expected).all()


def test_erasing_with_black_is_black():
    image = np.full((30, 30, 3), 9, np.uint8)
    result = changed(RandomErasing(fill="black"), image)
    assert set(np.unique(result)) == {0, 9}


def test_a_part_that_fits_nowhere_is_cut_to_the_image():
    image = np.full((4, 400, 1), 9, np.uint8)
    result = changed(RandomErasing(scale=(1, 1), ratio=(1, 1), fill="black"), image)
    assert (result[..., 0] == 0).all(axis=0).sum() == 40


# All of them


@pytest.mark.parametrize("augmentation", TEXTURAL, ids=repr)
def test_alpha_stays_and_the_rest_is_as_without(augmentation):
    image = np.concatenate([SPOTS, COLORS[..., :1]], axis=2)
    result = changed(augmentation, image)
    np.testing.assert_array_equal(result[..., 3], image[..., 3])
    np.testing.assert_array_equal(result[..., :3], changed(augmentation, SPOTS))


@pytest.mark.parametrize("augmentation", TEXTURAL, ids=repr)
def test_masks_keep_what_they_mark(augmentation):
    mask = COLORS[..., 0]
    operations = augmentation.draw_operations((50, 70), np.random.default_rng(0))
    result = apply_operations(operations, Sample(SPOTS, (mask,)))
    np.testing.assert_array_equal(result.masks[0], mask)
    assert not np.array_equal(result.image, SPOTS)
