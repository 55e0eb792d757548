"""Augmentations one after the other: generators, contracts, what was drawn, what is left alone."""

import dataclasses
import json

import numpy as np
import pytest

from imggen.augment import (
    AppliedStep,
    AugMix,
    MixUp,
    Pipeline,
    RandAugment,
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    RandomFlip,
    RandomGaussianNoise,
    RandomResizedCrop,
    RandomRotation,
    RandomTranslation,
    Sample,
    TrivialAugment,
    adapt,
)
from imggen.augment.execution import apply_operations
from imggen.core.rng import Stream, step_generators
from imggen.errors import AugmentationError, OptionError
from tests.helpers.resampling import noise, smooth

IMAGE = smooth(40, 56, 3)
WHERE = "'cats/1.jpg' (epoch 0, index 3)"


def rng_of(seed=0):
    return step_generators(seed, Stream.AUGMENT, 0, 3)


def augmented(steps, sample=None, seed=0, size=None):
    sample = Sample(IMAGE) if sample is None else sample
    return Pipeline(adapt(steps))(sample, rng_of(seed), WHERE, size)


def refusal(steps, sample=None, size=None):
    with pytest.raises(AugmentationError) as err:
        augmented(steps, sample, size=size)
    return str(err.value)


def parameters(steps, seed=0):
    return [applied.parameters for applied in augmented(steps, seed=seed).describe()]


# Generators


def test_each_step_draws_from_a_generator_of_its_own():
    twice = parameters([RandomRotation(), RandomRotation()])
    assert twice[0] != twice[1]
    assert twice[0] == {"degrees": rng_of()(0).uniform(-20, 20)}
    assert twice[1] == {"degrees": rng_of()(1).uniform(-20, 20)}


def test_no_step_draws_the_numbers_of_another():
    of_step = rng_of()
    numbers = np.concatenate([of_step(step).random(1000) for step in range(20)])
    assert len(np.unique(numbers)) == 20_000


@pytest.mark.parametrize(
    "other",
    [
        RandomErasing(p=0.1),
        RandomGaussianNoise((3, 4)),
        RandAugment(num_ops=14),
        lambda image, rng: image + np.uint8(rng.integers(9)),
    ],
    ids=["erasing", "noise", "randaugment", "function"],
)
def test_another_step_does_not_change_what_the_others_draw(other):
    for seed in range(10):
        expected = parameters([RandomRotation(), RandomErasing(), RandomBrightness()], seed)
        result = parameters([RandomRotation(), other, RandomBrightness()], seed)
        assert (result[0], result[2]) == (expected[0], expected[2])


def test_other_options_of_a_step_do_not_change_what_the_others_draw():
    for seed in range(10):
        weak = [RandomRotation((-5, 5)), RandomFlip(), RandomBrightness()]
        strong = [RandomRotation((-90, 90), p=0.5), RandomFlip(), RandomBrightness()]
        assert parameters(weak, seed)[1:] == parameters(strong, seed)[1:]


# As one


def test_neighbors_of_imggens_own_are_performed_together():
    steps = [RandomRotation(), RandomTranslation(), RandomBrightness(), RandomContrast()]
    operations = [
        operation
        for number, step in enumerate(steps)
        for operation in step.draw_operations((40, 56), rng_of()(number))
    ]
    expected = apply_operations(operations, Sample(IMAGE)).image
    np.testing.assert_array_equal(augmented(steps).sample.image, expected)


def test_a_function_between_two_is_given_what_those_before_made():
    seen = []

    def look(image):
        seen.append(image.copy())
        return 255 - image

    steps = [RandomRotation((20, 20)), look, RandomBrightness((0.5, 0.5))]
    result = augmented(steps).sample.image
    turned = RandomRotation((20, 20))(IMAGE, np.random.default_rng(0))
    np.testing.assert_array_equal(seen[0], turned)
    darker = RandomBrightness((0.5, 0.5))(255 - turned, np.random.default_rng(0))
    np.testing.assert_array_equal(result, darker)


def test_no_steps_give_the_sample_itself():
    sample = Sample(IMAGE)
    result = Pipeline([])(sample, rng_of(), WHERE)
    assert result.sample is sample
    assert result.describe() == ()


def test_masks_and_further_images_go_through_all_steps():
    mask, other = noise(40, 56, most=3), noise(40, 56, 3)
    steps = [RandomFlip(p=1), RandomBrightness((0.5, 0.5)), RandomFlip("vertical", p=1)]
    result = augmented(steps, Sample(IMAGE, (mask,), (other,))).sample
    np.testing.assert_array_equal(result.masks[0], mask[::-1, ::-1])
    np.testing.assert_array_equal(result.images[0], other[::-1, ::-1])


# Contracts


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (IMAGE.astype(np.float32), "float32 of shape (40, 56, 3)"),
        (IMAGE[..., :2], "uint8 of shape (40, 56, 2)"),
        (IMAGE[..., 0], "uint8 of shape (40, 56)"),
    ],
    ids=["float", "two channels", "no channels"],
)
def test_an_image_that_has_no_colors_is_refused_by_the_names_of_the_steps(image, what):
    assert refusal([RandomFlip(p=1), RandomBrightness(), RandomContrast()], Sample(image)) == (
        "The augmentation 'RandomFlip, RandomBrightness, RandomContrast' failed on "
        "'cats/1.jpg' (epoch 0, index 3): RandomBrightness, RandomContrast takes uint8 images of "
        "1, 3 or 4 channels, shape (height, width, channels), values 0 to 255; "
        f"got {what}."
    )


def test_geometry_alone_takes_floats():
    image = IMAGE.astype(np.float32)
    result = augmented([RandomFlip(p=1), RandomRotation()], Sample(image)).sample.image
    assert (result.dtype, result.shape) == (np.float32, image.shape)


def test_what_cannot_be_moved_is_refused_by_the_name_of_the_step():
    text = refusal([RandomRotation()], Sample(IMAGE.astype(np.int64)))
    start = (
        f"The augmentation 'RandomRotation' failed on {WHERE}: Geometric augmentations take images"
    )
    assert text.startswith(start)
    assert "got int64 of shape (40, 56, 3)" in text


def test_steps_after_a_function_are_named_without_those_before_it():
    with pytest.raises(AugmentationError, match="^The augmentation 'RandomBrightness' failed on"):
        augmented([RandomFlip(p=1), np.array, RandomBrightness()], Sample(IMAGE[..., :2]))


@pytest.mark.parametrize("number", [0, 2], ids=["first", "last"])
def test_augmix_refuses_masks_wherever_it_stands(number):
    steps = [RandomFlip(p=1), RandomBrightness()]
    steps.insert(number, AugMix())
    text = refusal(steps, Sample(IMAGE, (IMAGE[..., 0],)))
    assert "AugMix blends differently moved copies of an image, so masks, boxes" in text
    assert WHERE in text


def test_a_function_that_returns_another_dtype_is_named_with_what_to_do():
    def scaled(image):
        return image / 255

    assert refusal([RandomFlip(p=1), scaled]) == (
        "The augmentation 'scaled' returned float64 of shape (40, 56, 3) for "
        "'cats/1.jpg' (epoch 0, index 3); expected uint8 of shape (40, 56, 3), as in its "
        "input. Augmentations keep uint8. Scale values for the model after them, with rescale=, "
        "mean= and std=, or preprocess= of the sequence."
    )


def test_a_step_that_loses_a_mask_is_refused():
    class Loser:
        name = "Loser"

        def augment(self, sample, rng):
            return Sample(sample.image), {}

    assert refusal([Loser()], Sample(IMAGE, (IMAGE[..., 0],))) == (
        f"The augmentation 'Loser' returned 1 arrays for {WHERE}; expected 2, as in its input."
    )


def test_an_error_of_a_step_is_passed_on_with_its_cause():
    class Breaker:
        name = "Breaker"

        def augment(self, sample, rng):
            raise KeyError("gone")

    with pytest.raises(AugmentationError) as err:
        augmented([Breaker()])
    assert str(err.value) == f"The augmentation 'Breaker' raised KeyError on {WHERE}: 'gone'"
    assert isinstance(err.value.__cause__, KeyError)


def test_a_mixer_among_the_steps_of_a_sample_is_refused():
    with pytest.raises(OptionError, match="as the last augmentation; got MixUp among 2"):
        Pipeline([MixUp(), RandomFlip()])


# What was drawn


def test_one_operation_is_described_by_its_parameters():
    steps = [RandomRotation((7, 7)), RandomFlip(p=1), RandomBrightness((1.5, 1.5))]
    assert augmented(steps).describe() == (
        AppliedStep("RandomRotation", {"degrees": 7.0}),
        AppliedStep("RandomFlip", {"horizontal": True, "vertical": False}),
        AppliedStep("RandomBrightness", {"factor": 1.5}),
    )


def test_a_step_that_chance_left_out_is_described_by_none():
    steps = [RandomRotation(p=0), RandomFlip(p=0), RandAugment(p=0)]
    assert [applied.parameters for applied in augmented(steps).describe()] == [None] * 3


def test_a_policy_is_described_by_its_operations():
    (applied,) = augmented([RandAugment(num_ops=14, magnitude=15)]).describe()
    assert applied.name == "RandAugment"
    assert list(applied.parameters) == ["operations"]
    names = [name for operation in applied.parameters["operations"] for name in operation]
    assert len(names) > 8
    assert all(name.startswith(("Random", "AutoContrast", "Equalization")) for name in names)
    assert {"RandomRotation": {"degrees": 15.0}} in applied.parameters["operations"] or {
        "RandomRotation": {"degrees": -15.0}
    } in applied.parameters["operations"]


def test_a_policy_that_picks_what_another_step_is_called_is_told_from_it():
    for seed in range(60):
        (applied,) = augmented([TrivialAugment()], seed=seed).describe()
        assert list(applied.parameters) == ["operations"]


def test_augmix_is_described_by_its_chains():
    (applied,) = augmented([AugMix(num_chains=2)]).describe()
    assert set(applied.parameters) == {"weights", "share", "chains"}
    assert [type(operation) for chain in applied.parameters["chains"] for operation in chain] == [
        dict
    ] * sum(map(len, applied.parameters["chains"]))


def test_a_function_is_described_by_its_name_alone():
    assert augmented([np.flipud]).describe() == (AppliedStep("flipud", {}),)


def test_what_an_adapter_tells_is_described():
    class Teller:
        name = "Teller"

        def augment(self, sample, rng):
            return sample, {"seed": np.int64(3), "noise": np.zeros(100), "few": np.arange(3)}

    assert augmented([Teller()]).describe() == (
        AppliedStep("Teller", {"seed": 3, "noise": "float64 of shape (100,)", "few": [0, 1, 2]}),
    )


def test_descriptions_are_what_json_can_hold():
    steps = ["strong", "medium", AugMix(), TrivialAugment(), np.flipud]
    for seed in range(10):
        metadata = parameters(steps, seed)
        assert json.loads(json.dumps(metadata)) == metadata


def test_repeating_what_is_described_gives_the_same_image():
    for seed in range(10):
        result = augmented([RandomRotation(), RandomBrightness()], seed=seed)
        turn, light = (applied.parameters for applied in result.describe())
        fixed = [
            RandomRotation((turn["degrees"],) * 2),
            RandomBrightness((light["factor"],) * 2),
        ]
        np.testing.assert_array_equal(augmented(fixed, seed=99).sample.image, result.sample.image)


# A crop at the start


def test_a_crop_at_the_start_is_known_and_elsewhere_it_is_not():
    crop = RandomResizedCrop()
    assert Pipeline([crop, RandomFlip()]).crop is crop
    assert Pipeline([RandomFlip(), crop]).crop is None
    assert Pipeline([]).crop is None


def test_a_crop_at_the_start_makes_the_size_of_the_larger_image():
    large = noise(120, 150, 3)
    result = augmented([RandomResizedCrop()], Sample(large), size=(32, 48))
    window = result.describe()[0].parameters
    assert result.sample.image.shape == (32, 48, 3)
    assert window["top"] + window["height"] <= 120
    assert window["left"] + window["width"] <= 150
    whole = RandomResizedCrop().window(120, 150, rng_of()(0))
    assert window == whole._asdict()


@pytest.mark.parametrize(
    "step",
    [RandomErasing(), RandomTranslation(), RandomResizedCrop(), np.array, RandAugment()],
    ids=["texture", "geometry", "crop", "function", "policy"],
)
def test_what_follows_the_crop_is_drawn_for_the_size_it_makes(step):
    large = noise(120, 150, 3)
    for seed in range(5):
        result = augmented([RandomResizedCrop(), step], Sample(large), seed, size=(32, 48))
        assert result.sample.image.shape == (32, 48, 3)
        expected = augmented([np.array, step], Sample(noise(32, 48, 3)), seed).describe()[1]
        assert result.describe()[1] == expected


def test_masks_and_further_images_are_cut_as_the_image_is():
    large = np.repeat(noise(120, 150, 1, most=3), 3, axis=2)
    sample = Sample(large, (large[..., 0],), (large,))
    result = augmented([RandomResizedCrop(), RandomFlip(p=1)], sample, size=(32, 48)).sample
    assert result.masks[0].shape == (32, 48)
    assert result.images[0].shape == (32, 48, 3)
    np.testing.assert_array_equal(result.images[0], result.image)


def test_a_crop_that_chance_leaves_out_shows_the_whole_image():
    large = np.full((120, 150, 3), 9, np.uint8)
    large[:60] = 200
    result = augmented([RandomResizedCrop(p=0)], Sample(large), size=(32, 48)).sample.image
    assert (result[:15] == 200).all()
    assert (result[17:] == 9).all()


# What is given is left alone


def scribble(image):
    image[:] = 7
    return image


def guarded():
    """A sample as a cache keeps it: nobody may write to it."""
    sample = Sample(IMAGE.copy(), (IMAGE[..., 0].copy(),), (IMAGE.copy(),))
    for array in sample.arrays:
        array.flags.writeable = False
    return sample


class Scribbler:
    name = "Scribbler"

    def augment(self, sample, rng):
        for array in sample.arrays:
            array[:] = 7
        return sample, {}


@pytest.mark.parametrize(
    "before",
    [
        [],
        [RandomFlip(p=0)],
        [RandomFlip(p=1)],
        [RandomResizedCrop((0.2, 0.2), ratio=(1, 1))],
        [RandomResizedCrop(p=0)],
        [RandomBrightness()],
        [RandomTranslation((0, 0), (0, 0))],
        [RandomRotation((0, 0)), RandomBrightness((1, 1))],
    ],
    ids=["nothing", "left out", "flip", "crop", "whole", "color", "no shift", "no turn"],
)
def test_a_step_that_writes_to_its_arrays_never_writes_to_those_of_the_cache(before):
    sample = guarded()
    result = augmented([*before, Scribbler()], sample).sample
    for new, old in zip(result.arrays, sample.arrays, strict=True):
        assert (new == 7).all()
        assert not np.shares_memory(new, old)
    np.testing.assert_array_equal(sample.image, IMAGE)


def test_a_view_of_a_cached_image_is_copied_before_a_function_writes_to_it():
    cached = noise(120, 150, 3)
    kept = cached.copy()
    steps = [RandomResizedCrop((0.2, 0.2), ratio=(1, 1)), scribble]
    # A window of the very size that is asked for is a view of what is cached.
    for seed in range(5):
        side = round(np.sqrt(0.2 * 120 * 150))
        augmented(steps, Sample(cached), seed, size=(side, side))
    np.testing.assert_array_equal(cached, kept)


def test_a_function_that_returns_what_it_was_given_hands_on_no_cached_array():
    sample = guarded()
    result = augmented([lambda image: image, scribble], Sample(sample.image)).sample
    assert (result.image == 7).all()
    np.testing.assert_array_equal(sample.image, IMAGE)


def test_imggens_own_steps_leave_what_is_given():
    sample = guarded()
    for seed in range(10):
        augmented(["medium", RandomErasing(), RandAugment(num_ops=5)], sample, seed)
    np.testing.assert_array_equal(sample.image, IMAGE)


def test_a_sample_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sample(IMAGE).image = IMAGE
