"""Colors against Pillow and against formulas written out by hand."""

import math

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from imggen.augment import (
    AutoContrast,
    Equalization,
    Inversion,
    RandomBrightness,
    RandomChannelShift,
    RandomContrast,
    RandomGamma,
    RandomHue,
    RandomPosterization,
    RandomSaturation,
    RandomSolarization,
    Sample,
)
from imggen.augment.execution import apply_operations
from imggen.augment.operations import Operation
from tests.helpers.cases import each_case
from tests.helpers.resampling import noise, smooth

COLORS = noise(50, 70, 3)
# Dark on the whole, each channel with a range of its own.
DIM = (smooth(50, 70, 3) * [0.3, 0.5, 0.6] + [20, 5, 40]).astype(np.uint8)
PICTURES = {"noise": COLORS, "dim": DIM, "gray": COLORS[..., :1], "dim gray": DIM[..., :1]}
COLORED = {name: picture for name, picture in PICTURES.items() if picture.shape[2] == 3}
FACTORS = [0, 0.1, 0.5, 0.9, 1, 1.1, 1.5, 1.9, 3]

LINEAR = [
    RandomBrightness((1.3, 1.3)),
    RandomContrast((1.6, 1.6)),
    RandomSaturation((0.4, 0.4)),
    RandomHue((70, 70)),
    RandomChannelShift((-30, -30)),
]
TONAL = [
    RandomGamma((0.5, 0.5)),
    RandomPosterization((3, 3)),
    RandomSolarization((100, 100)),
    AutoContrast(cutoff=3),
    Equalization(),
    Inversion(),
]


def changed(augmentation, image, seed=0):
    return augmentation(image, np.random.default_rng(seed))


def as_pillow(image):
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def farthest(one, other):
    return np.abs(one.astype(int) - np.asarray(other).reshape(one.shape).astype(int)).max()


# Within 1 of Pillow, which cuts off what imggen rounds


@each_case("factor", FACTORS)
@each_case("picture", PICTURES)
@each_case(
    ("kind", "pillows"),
    [
        (RandomBrightness, ImageEnhance.Brightness),
        (RandomContrast, ImageEnhance.Contrast),
        (RandomSaturation, ImageEnhance.Color),
    ],
)
def test_a_factor_does_what_it_does_in_pillow_within_a_gray_level(kind, pillows, picture, factor):
    image = PICTURES[picture]
    expected = pillows(as_pillow(image)).enhance(factor)
    assert farthest(changed(kind((factor, factor)), image), expected) <= 1


@pytest.mark.parametrize("kind", [RandomBrightness, RandomContrast, RandomSaturation])
@pytest.mark.parametrize("picture", PICTURES)
def test_a_factor_of_one_changes_nothing(kind, picture):
    image = PICTURES[picture]
    np.testing.assert_array_equal(changed(kind((1, 1)), image), image)


# Exactly Pillow's tables


@each_case("picture", PICTURES)
@each_case("bits", range(1, 9))
def test_posterization_is_pillows(bits, picture):
    image = PICTURES[picture]
    expected = ImageOps.posterize(as_pillow(image), bits)
    assert farthest(changed(RandomPosterization((bits, bits)), image), expected) == 0


@each_case("picture", PICTURES)
@each_case("threshold", [0, 1, 99.5, 128, 255, 256])
def test_solarization_is_pillows(threshold, picture):
    image = PICTURES[picture]
    expected = ImageOps.solarize(as_pillow(image), threshold)
    assert farthest(changed(RandomSolarization((threshold, threshold)), image), expected) == 0


@each_case("picture", PICTURES)
@each_case("cutoff", [0, 0.1, 1, 5, 20, 33.3, 49])
def test_autocontrast_is_pillows(cutoff, picture):
    image = PICTURES[picture]
    expected = ImageOps.autocontrast(as_pillow(image), cutoff)
    assert farthest(changed(AutoContrast(cutoff=cutoff), image), expected) == 0


@pytest.mark.parametrize("picture", PICTURES)
def test_equalization_is_pillows(picture):
    image = PICTURES[picture]
    assert farthest(changed(Equalization(), image), ImageOps.equalize(as_pillow(image))) == 0


@pytest.mark.parametrize("picture", PICTURES)
def test_inversion_is_pillows(picture):
    image = PICTURES[picture]
    assert farthest(changed(Inversion(), image), ImageOps.invert(as_pillow(image))) == 0


@each_case(
    "values",
    [[7], [7, 7, 7, 8], [0, 255], [0] * 300 + [9], [9] * 300 + [255], list(range(256)) * 2],
)
@each_case(
    ("augmentation", "pillows"),
    [
        (AutoContrast(), ImageOps.autocontrast),
        (AutoContrast(cutoff=25), lambda image: ImageOps.autocontrast(image, 25)),
        (Equalization(), ImageOps.equalize),
    ],
)
def test_odd_histograms_are_stretched_as_in_pillow(augmentation, pillows, values):
    image = np.array(values, np.uint8).reshape(1, -1, 1)
    assert farthest(changed(augmentation, image), pillows(as_pillow(image))) == 0


# By formula


@each_case("degrees", [-180, -75, -10, 0, 30, 120, 180])
@each_case("picture", COLORED)
def test_hue_is_the_w3cs_matrix_within_a_gray_level(picture, degrees):
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # https://www.w3.org/TR/filter-effects-1/#feColorMatrixElement, hueRotate
    matrix = [
        [
            0.213 + cos * 0.787 - sin * 0.213,
            0.715 - cos * 0.715 - sin * 0.715,
            0.072 - cos * 0.072 + sin * 0.928,
        ],
        [
            0.213 - cos * 0.213 + sin * 0.143,
            0.715 + cos * 0.285 + sin * 0.140,
            0.072 - cos * 0.072 - sin * 0.283,
        ],
        [
            0.213 - cos * 0.213 - sin * 0.787,
            0.715 - cos * 0.715 + sin * 0.715,
            0.072 + cos * 0.928 + sin * 0.072,
        ],
    ]
    expected = np.rint(COLORED[picture] @ np.transpose(matrix)).clip(0, 255)
    assert farthest(changed(RandomHue((degrees, degrees)), COLORED[picture]), expected) <= 1


def test_a_third_of_a_turn_makes_green_of_red():
    result = changed(RandomHue((120, 120)), np.array([[[200, 0, 0]]], np.uint8))[0, 0]
    assert result[1] > result[0]
    assert result[1] > result[2]


@each_case("gamma", [0.2, 0.5, 1, 2.2, 5])
@each_case("picture", PICTURES)
def test_gamma_is_the_power_law(picture, gamma):
    image = PICTURES[picture]
    expected = np.rint(255 * (image / 255.0) ** gamma)
    assert farthest(changed(RandomGamma((gamma, gamma)), image), expected) == 0


@each_case("shift", [-255, -30.4, 0, 17, 255])
@each_case("picture", PICTURES)
def test_a_channel_shift_adds_the_same_to_every_value(picture, shift):
    image = PICTURES[picture]
    expected = np.rint(image + float(shift)).clip(0, 255)
    assert farthest(changed(RandomChannelShift((shift, shift)), image), expected) == 0


def test_gamma_is_as_likely_to_lighten_as_to_darken():
    drawn = [
        RandomGamma((0.25, 4)).draw((8, 8), np.random.default_rng(seed))["gamma"]
        for seed in range(1000)
    ]
    assert 0.45 < np.mean(np.array(drawn) > 1) < 0.55
    assert 0.25 <= min(drawn) < 0.26 < 3.9 < max(drawn) <= 4


def test_bits_are_whole_and_both_ends_occur():
    drawn = [
        RandomPosterization((3, 6)).draw((8, 8), np.random.default_rng(seed))["bits"]
        for seed in range(100)
    ]
    assert set(drawn) == {3, 4, 5, 6}


# Gray, and alpha


@pytest.mark.parametrize("augmentation", [*LINEAR, *TONAL], ids=lambda one: one.name)
def test_gray_is_treated_as_red_green_and_blue_alike(augmentation):
    gray = DIM[..., :1]
    result = changed(augmentation, gray)
    assert result.shape == gray.shape
    # Of three channels a mean of the luma is taken, whose shares add up to 1 but for rounding.
    assert farthest(np.repeat(result, 3, axis=2), changed(augmentation, gray.repeat(3, 2))) <= 1


@pytest.mark.parametrize(
    "augmentation", [RandomSaturation((3, 3)), RandomHue((90, 90))], ids=lambda one: one.name
)
@pytest.mark.parametrize("channels", [1, 3])
def test_saturation_and_hue_leave_gray(augmentation, channels):
    gray = np.repeat(COLORS[..., :1], channels, axis=2)
    np.testing.assert_array_equal(changed(augmentation, gray), gray)


@pytest.mark.parametrize("augmentation", [*LINEAR, *TONAL], ids=lambda one: one.name)
def test_alpha_stays_and_the_rest_is_as_without(augmentation):
    image = np.concatenate([DIM, COLORS[..., :1]], axis=2)
    result = changed(augmentation, image)
    np.testing.assert_array_equal(result[..., 3], image[..., 3])
    assert farthest(result[..., :3], changed(augmentation, DIM)) <= 1
    assert not np.array_equal(result[..., :3], DIM)


@pytest.mark.parametrize("augmentation", [*LINEAR, *TONAL], ids=lambda one: one.name)
def test_masks_and_further_images_keep_their_values(augmentation):
    mask, other = COLORS[..., 0], DIM[..., ::-1].copy()
    operations = augmentation.draw_operations((50, 70), np.random.default_rng(0))
    result = apply_operations(operations, Sample(COLORS, (mask,), (other,)))
    np.testing.assert_array_equal(result.masks[0], mask)
    np.testing.assert_array_equal(result.images[0], other)


# Several as one


def one_by_one(image, steps):
    """Each in float64, without rounding or clipping in between."""
    values = image.astype(np.float64)
    luma = np.array([0.299, 0.587, 0.114])
    for name, amount in steps:
        if name == "brightness":
            values = values * amount
        elif name == "contrast":
            mean = (values.mean((0, 1)) * luma).sum() if values.shape[2] == 3 else values.mean()
            values = mean + amount * (values - mean)
        elif name == "saturation" and values.shape[2] == 3:
            gray = (values * luma).sum(2, keepdims=True)
            values = gray + amount * (values - gray)
        elif name == "shift":
            values = values + amount
    return np.rint(values).clip(0, 255)


CHAINS = [
    [("brightness", 1.7), ("contrast", 0.4), ("saturation", 1.5), ("shift", 12.5)],
    [("shift", -90.0), ("brightness", 1.4), ("contrast", 1.3)],
    [("saturation", 0.2), ("saturation", 2.0), ("contrast", 1.8), ("shift", 60.0)],
    [("brightness", 1.9), ("shift", -120.0), ("saturation", 0.5)],
]


@each_case("steps", CHAINS)
@each_case("picture", PICTURES)
def test_several_are_rounded_and_clipped_once(picture, steps):
    kinds = {
        "brightness": RandomBrightness,
        "contrast": RandomContrast,
        "saturation": RandomSaturation,
        "shift": RandomChannelShift,
    }
    operations = [
        Operation(kinds[name](), {"shift" if name == "shift" else "factor": amount})
        for name, amount in steps
    ]
    image = PICTURES[picture]
    result = apply_operations(operations, Sample(image)).image
    assert farthest(result, one_by_one(image, steps)) <= 1


def test_a_turn_of_the_hue_there_and_back_leaves_every_pixel():
    turns = [Operation(RandomHue(), {"degrees": angle}) for angle in (170.0, -170.0)]
    assert farthest(apply_operations(turns, Sample(COLORS)).image, COLORS) <= 1


def test_what_one_step_would_have_clipped_the_next_brings_back():
    steps = [Operation(RandomBrightness(), {"factor": factor}) for factor in (8.0, 0.125)]
    np.testing.assert_array_equal(apply_operations(steps, Sample(COLORS)).image, COLORS)


def test_a_table_between_two_factors_is_done_in_order():
    steps = [
        Operation(RandomBrightness(), {"factor": 2.0}),
        Operation(Inversion(), {}),
        Operation(RandomBrightness(), {"factor": 2.0}),
    ]
    image = np.array([[[0], [100], [200]]], np.uint8)
    assert apply_operations(steps, Sample(image)).image.ravel().tolist() == [255, 110, 0]
