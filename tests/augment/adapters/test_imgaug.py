"""Augmenters in imgaug's style, by a stand-in: imgaug itself does not run with NumPy 2."""

import pickle

import numpy as np
import pytest

import imggen
from imggen.augment import Pipeline, Sample, adapt, find_nondeterministic_steps
from imggen.errors import AugmentationError
from tests.helpers.augmenting import (
    HALF,
    PIXELS,
    WHERE,
    applied,
    augmented,
    global_state,
    half_plane,
    in_threads,
    one_after_the_other,
    rngs,
)


class Augmenter:
    """Keeps its random state in itself, from one image to the next, as imgaug's do."""

    def __init__(self):
        self.seed_(None)

    def seed_(self, entropy=None):
        if entropy is not None and not 0 <= entropy < 2**31:
            raise ValueError(f"imgaug takes seeds of 31 bits, got {entropy}")
        self.random_state = np.random.default_rng(entropy)

    def augment_image(self, image):
        raise NotImplementedError


class Roll(Augmenter):
    def augment_image(self, image):
        down = self.random_state.integers(len(image))
        right = self.random_state.integers(image.shape[1])
        return np.roll(image, (down, right), (0, 1))


class Add(Augmenter):
    def augment_image(self, image):
        image += self.random_state.integers(0, 256, dtype=np.uint8)
        return image


class Sequential(Augmenter):
    def __init__(self, children):
        self.children = children
        super().__init__()

    def seed_(self, entropy=None):
        super().seed_(entropy)
        for child in self.children:
            child.seed_(int(self.random_state.integers(2**31)))

    def augment_image(self, image):
        for child in self.children:
            image = child.augment_image(image)
        return image


class Flattening(Augmenter):
    def augment_image(self, image):
        return image[:, :, 0]


class Raising(Augmenter):
    def augment_image(self, image):
        raise KeyError("no such thing")


AUGMENTERS = {"Roll": Roll(), "Add": Add(), "Sequential": Sequential([Roll(), Add()])}
all_augmenters = pytest.mark.parametrize("augment", AUGMENTERS.values(), ids=AUGMENTERS)


@all_augmenters
def test_the_same_generator_gives_the_same_image_and_another_another(augment):
    pipeline = Pipeline(adapt(augment))
    results = [
        pipeline(Sample(PIXELS), rngs(seed), WHERE).sample.image.tobytes()
        for seed in (*range(8), *range(8))
    ]

    assert results[:8] == results[8:]
    assert len(set(results)) == 8


@all_augmenters
def test_threads_give_what_they_give_alone(augment):
    assert in_threads(augment, 200) == one_after_the_other(augment, 200)


@all_augmenters
def test_the_same_comes_after_pickling(augment):
    steps = adapt(augment)
    steps[0].augment(Sample(PIXELS.copy()), np.random.default_rng(1))
    copied = pickle.loads(pickle.dumps(steps))
    got = Pipeline(copied)(Sample(PIXELS), rngs(6), WHERE).sample.image

    np.testing.assert_array_equal(got, augmented(augment, 6))
    assert copied[0].name == steps[0].name


@all_augmenters
def test_global_random_state_is_neither_read_nor_touched(augment):
    results = []
    for seed in (1, 2):
        with global_state(seed):
            results.append(augmented(augment).tobytes())

    assert results[0] == results[1]


def test_the_augmenter_of_the_user_is_not_seeded():
    roll = Roll()
    before = roll.random_state.bit_generator.state
    augmented(roll)

    assert roll.random_state.bit_generator.state == before


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_of_any_number_of_channels_come_through(channels):
    pixels = np.repeat(PIXELS[:, :, :1], channels, axis=2)
    got = augmented(Roll(), 2, pixels)

    assert got.shape == pixels.shape
    assert not np.array_equal(got, pixels)
    np.testing.assert_array_equal(np.sort(got, axis=None), np.sort(pixels, axis=None))


def test_an_augmenter_that_writes_to_its_image_does_not_reach_what_was_given():
    given = PIXELS.copy()
    Pipeline(adapt(Add()))(Sample(given), rngs(0), WHERE)

    np.testing.assert_array_equal(given, PIXELS)


@pytest.mark.parametrize("options", [{"masks": (HALF,)}, {"images": (PIXELS,)}], ids=list)
def test_masks_and_further_images_are_refused_and_not_left_behind(options):
    with pytest.raises(
        AugmentationError, match=r"'tests\.Roll' failed on 'cats.*cannot keep masks, further images"
    ):
        applied(Roll(), half_plane(**options))


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (Flattening(), r"'tests\.Flattening' returned uint8 of shape \(24, 32\) for 'cats"),
        (Raising(), r"'tests\.Raising' raised KeyError on 'cats.*no such thing"),
    ],
    ids=["shape", "raises"],
)
def test_an_augmenter_that_breaks_the_contract_is_named_with_the_file(augment, message):
    with pytest.raises(AugmentationError, match=message):
        augmented(augment)


def test_an_augmenter_is_named_by_its_package_and_class_and_says_nothing_of_what_it_drew():
    assert applied([Roll()], Sample(PIXELS)).describe() == (("tests.Roll", {}),)


def test_augmenters_are_repeatable():
    pipeline = Pipeline(adapt([*AUGMENTERS.values()]))

    assert find_nondeterministic_steps(pipeline, Sample(PIXELS), seed=1) == []


def test_augmenters_go_with_others_in_one_list_in_order():
    class AddAll(Augmenter):
        def augment_image(self, image):
            return image + np.uint8(9)

    got = augmented([np.invert, AddAll(), imggen.augment.RandomFlip(p=1.0), AddAll()])

    np.testing.assert_array_equal(got, (255 - PIXELS + np.uint8(18))[:, ::-1])
