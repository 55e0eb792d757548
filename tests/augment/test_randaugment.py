"""RandAugment, TrivialAugment and AugMix: what is picked, how often and how strong."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy.stats import kstest

from imggen.augment import AugMix, Pipeline, RandAugment, Sample, TrivialAugment
from imggen.augment.execution import apply_operations
from imggen.errors import AugmentationError
from tests.helpers.resampling import noise, smooth

SIZE = (60, 80)
IMAGE = smooth(*SIZE, 3)
PLACES = {
    "RandomShear": ("x", "y"),
    "RandomTranslation": ("height", "width"),
}
MOVES = {"RandomShear x", "RandomShear y", "RandomTranslation height", "RandomTranslation width"}
MOVES |= {"RandomRotation"}
TONES = {"RandomPosterization", "RandomSolarization", "AutoContrast", "Equalization"}
ENHANCEMENTS = {"RandomBrightness", "RandomContrast", "RandomSaturation", "RandomSharpness"}
DRAWS = 2100


def drawn(augmentation, number=DRAWS, seed=0):
    rng = np.random.default_rng(seed)
    return [augmentation.draw_operations(SIZE, rng) for _ in range(number)]


def called(operation):
    """Its name, and of shears and translations the direction."""
    name = operation.op.name
    ways = [way for way in PLACES.get(name, ()) if operation.parameters[way]]
    return " ".join([name, *ways])


def amounts(operations):
    """How far each goes, by what it is called."""
    found = {}
    for operation in operations:
        amount = next((value for value in operation.parameters.values() if value), 0)
        found.setdefault(called(operation), []).append(amount)
    return found


# What is picked


@pytest.mark.parametrize(
    "augmentation", [RandAugment(num_ops=1), TrivialAugment()], ids=lambda one: one.name
)
def test_every_operation_is_picked_about_equally_often(augmentation):
    counts = Counter(called(one[0]) if one else "identity" for one in drawn(augmentation))
    assert set(counts) == {"identity"} | MOVES | TONES | ENHANCEMENTS
    # 150 each; 5 standard deviations are 59.
    assert all(91 <= count <= 209 for count in counts.values())


@pytest.mark.parametrize("num_ops", [1, 3, 14])
def test_so_many_operations_are_picked_less_those_that_do_nothing(num_ops):
    numbers = [len(one) for one in drawn(RandAugment(num_ops=num_ops), 400)]
    assert max(numbers) == num_ops
    # One of 14 is the identity; 5 standard deviations of the mean are at most 0.25.
    assert np.mean(numbers) == pytest.approx(num_ops * 13 / 14, abs=0.25)


def test_the_same_may_come_twice():
    twice = [one for one in drawn(RandAugment(num_ops=2), 400) if len(one) == 2]
    assert any(called(first) == called(second) for first, second in twice)


@pytest.mark.parametrize(
    "augmentation", [RandAugment(num_ops=1), TrivialAugment()], ids=lambda one: one.name
)
def test_both_signs_are_as_likely(augmentation):
    of = amounts(operation for one in drawn(augmentation) for operation in one)
    for name in MOVES | ENHANCEMENTS:
        middle = 1 if name in ENHANCEMENTS else 0
        # 150 each; 5 standard deviations are 20 %.
        assert 0.3 < np.mean(np.array(of[name]) > middle) < 0.7


# How strong


@pytest.mark.parametrize("magnitude", [3, 9.5, 30])
def test_magnitudes_of_randaugment_are_as_documented(magnitude):
    share = magnitude / 30
    of = amounts(
        operation
        for one in drawn(RandAugment(num_ops=3, magnitude=magnitude), 300)
        for operation in one
    )
    expected = {
        "RandomShear x": math.degrees(math.atan(0.3 * share)),
        "RandomShear y": math.degrees(math.atan(0.3 * share)),
        "RandomTranslation width": 150 / 331 * share,
        "RandomTranslation height": 150 / 331 * share,
        "RandomRotation": 30 * share,
    }
    for name, most in expected.items():
        np.testing.assert_allclose(np.unique(of[name]), [-most, most])
    for name in ENHANCEMENTS:
        np.testing.assert_allclose(np.unique(of[name]), [1 - 0.9 * share, 1 + 0.9 * share])
    assert set(of["RandomPosterization"]) == {8 - round(4 * share)}
    np.testing.assert_allclose(of["RandomSolarization"], 256 * (1 - share), atol=1e-12)


def test_strengths_of_trivialaugment_are_evenly_drawn_up_to_what_is_documented():
    of = amounts(operation for one in drawn(TrivialAugment(), 3000) for operation in one)
    strengths = {
        "RandomRotation": np.abs(of["RandomRotation"]) / 135,
        "RandomTranslation width": np.abs(of["RandomTranslation width"]) / (32 / 224),
        "RandomShear y": np.tan(np.radians(np.abs(of["RandomShear y"]))) / 0.99,
        "RandomSolarization": 1 - np.array(of["RandomSolarization"]) / 256,
        **{name: np.abs(np.array(of[name]) - 1) / 0.99 for name in ENHANCEMENTS},
    }
    for strength in strengths.values():
        assert kstest(strength, "uniform").pvalue > 1e-4
    assert set(of["RandomPosterization"]) == {2, 3, 4, 5, 6, 7, 8}


def test_randaugment_of_no_magnitude_changes_nothing_but_what_has_no_magnitude():
    rng = np.random.default_rng(0)
    unchanged = 0
    for operations in drawn(RandAugment(magnitude=0), 200):
        if {operation.op.name for operation in operations} & {"AutoContrast", "Equalization"}:
            continue
        unchanged += 1
        image = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        np.testing.assert_array_equal(apply_operations(operations, Sample(image)).image, image)
    assert unchanged > 100


def test_the_fill_is_that_of_every_operation():
    for augmentation in (
        RandAugment(num_ops=3, fill_mode="wrap"),
        TrivialAugment(fill_mode="wrap"),
    ):
        modes = {
            operation.op.fill_mode
            for one in drawn(augmentation, 100)
            for operation in one
            if hasattr(operation.op, "fill_mode")
        }
        assert modes == {"wrap"}


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "augmentation",
    [RandAugment(num_ops=5), TrivialAugment(), AugMix()],
    ids=lambda one: one.name,
)
def test_every_operation_takes_gray_rgb_and_rgba(augmentation, channels):
    image = noise(20, 30, channels)
    for seed in range(60):
        result = augmentation(image, np.random.default_rng(seed))
        assert (result.shape, result.dtype) == (image.shape, image.dtype)


# AugMix


def parameters_of_augmix(number=300, **options):
    return [one[0].parameters for one in drawn(AugMix(**options), number)]


def test_the_weights_of_the_chains_add_up_to_one():
    for parameters in parameters_of_augmix(num_chains=4):
        assert len(parameters["weights"]) == len(parameters["chains"]) == 4
        assert min(parameters["weights"]) >= 0
        assert sum(parameters["weights"]) == pytest.approx(1)
        assert 0 <= parameters["share"] <= 1


def test_chains_have_one_to_chain_length_operations_equally_likely():
    lengths = Counter(
        len(chain) for one in parameters_of_augmix(chain_length=4) for chain in one["chains"]
    )
    assert set(lengths) == {1, 2, 3, 4}
    # 225 each of 900; 5 standard deviations are 65.
    assert all(160 <= count <= 290 for count in lengths.values())


def test_chains_hold_geometry_and_tone_alone_all_of_them():
    names = {
        called(operation)
        for one in parameters_of_augmix(severity=10)
        for chain in one["chains"]
        for operation in chain
    }
    assert names == MOVES | TONES


@pytest.mark.parametrize("severity", [1, 3, 10])
def test_severity_is_the_greatest_strength(severity):
    of = amounts(
        operation
        for one in parameters_of_augmix(severity=severity)
        for chain in one["chains"]
        for operation in chain
    )
    strengths = np.abs(of["RandomRotation"]) / 30
    assert 0.9 * severity / 10 < strengths.max() <= severity / 10
    assert kstest(strengths / (severity / 10), "uniform").pvalue > 1e-4


def test_a_large_alpha_blends_evenly():
    for parameters in parameters_of_augmix(50, alpha=100):
        assert parameters["share"] == pytest.approx(0.5, abs=0.2)
        np.testing.assert_allclose(parameters["weights"], 1 / 3, atol=0.2)


def test_the_blend_is_the_weighted_mean_of_the_copies_and_the_image():
    augmix = AugMix(severity=10, num_chains=4)
    for operations in drawn(augmix, 20):
        parameters = operations[0].parameters
        copies = [apply_operations(chain, Sample(IMAGE)).image for chain in parameters["chains"]]
        mixed = np.tensordot(parameters["weights"], np.array(copies, np.float64), 1)
        share = parameters["share"]
        expected = np.rint((1 - share) * IMAGE + share * mixed)
        result = apply_operations(operations, Sample(IMAGE)).image
        assert np.abs(result - expected).max() <= 1
        assert not np.array_equal(result, IMAGE)


def test_augmix_refuses_masks_with_what_to_use_instead():
    sample = Sample(IMAGE, (IMAGE[..., 0],))
    with pytest.raises(AugmentationError) as err:
        Pipeline([AugMix()])(sample, lambda step: np.random.default_rng(step), "'a.jpg'")
    assert str(err.value) == (
        "The augmentation 'AugMix' failed on 'a.jpg': AugMix blends differently moved "
        "copies of an image, so masks, boxes and keypoints cannot follow. Remove it, or use "
        "RandAugment."
    )


def test_augmix_that_chance_leaves_out_takes_masks():
    sample = Sample(IMAGE, (IMAGE[..., 0],))
    pipeline = Pipeline([AugMix(p=0)])
    result = pipeline(sample, lambda step: np.random.default_rng(step), "'a.jpg'")
    assert result.sample.masks[0] is sample.masks[0]
