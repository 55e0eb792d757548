"""Adapters that other packages bring, and objects that follow the protocol themselves."""

import dataclasses
import pickle

import numpy as np
import pytest

import imggen
from imggen.augment import (
    Augmentation,
    Pipeline,
    Sample,
    adapt,
    find_nondeterministic_steps,
    register_adapter,
)
from imggen.augment.adapters import registry
from imggen.errors import AugmentationError, OptionError
from tests.helpers.augmenting import (
    HALF,
    PIXELS,
    WHERE,
    applied,
    augmented,
    half_plane,
    in_threads,
    one_after_the_other,
    rngs,
)


class Darker:
    """Knows nothing of imggen, and cannot be called."""

    def __init__(self, most):
        self.most = most


class DarkerStep:
    def __init__(self, darker):
        self.name = f"dark.{type(darker).__name__}"
        self.darker = darker

    def augment(self, sample, rng):
        amount = int(rng.integers(1, self.darker.most))
        image = sample.image - np.minimum(sample.image, np.uint8(amount))
        return dataclasses.replace(sample, image=image), {"amount": amount}


class Mirror:
    """Follows the protocol as it is: no adapter is needed."""

    name = "my mirror"

    def augment(self, sample, rng):
        if rng.random() < 0.5:
            return sample, None
        mirrored = [np.ascontiguousarray(array[:, ::-1]) for array in sample.arrays]
        masks = len(sample.masks)
        return Sample(mirrored[0], tuple(mirrored[1 : 1 + masks]), tuple(mirrored[1 + masks :])), {}


@pytest.fixture(autouse=True)
def registered():
    """Adapters are of the whole program: what a test registers goes when it ends."""
    before = list(registry._registered)
    yield registry._registered
    registry._registered[:] = before


def is_darker(value):
    return isinstance(value, Darker)


@pytest.fixture
def darker():
    register_adapter(is_darker, DarkerStep)
    return Darker(100)


def test_without_an_adapter_the_object_is_refused():
    with pytest.raises(OptionError, match="is not callable"):
        adapt(Darker(100))


def test_an_object_is_adapted_wherever_augment_is_taken(darker, photos):
    assert [step.name for step in adapt([np.flipud, (darker,)])] == ["flipud", "dark.Darker"]

    plain = imggen.from_directory(photos, image_size=(24, 20), shuffle=False, dtype="uint8")
    dark = imggen.from_directory(
        photos, image_size=(24, 20), shuffle=False, dtype="uint8", augment=darker
    )
    for (bright, _), (result, _) in zip(plain, dark, strict=True):
        assert (result <= bright).all()
        assert (result < bright).any()


def test_the_same_generator_gives_the_same_image_and_another_another(darker):
    results = [augmented(darker, seed).tobytes() for seed in (*range(8), *range(8))]

    assert results[:8] == results[8:]
    assert len(set(results)) >= 7


def test_threads_give_what_they_give_alone(darker):
    assert in_threads(darker, 100) == one_after_the_other(darker, 100)


def test_the_step_of_an_adapter_pickles(darker):
    copied = pickle.loads(pickle.dumps(adapt(darker)))
    got = Pipeline(copied)(Sample(PIXELS), rngs(6), WHERE).sample.image

    np.testing.assert_array_equal(got, augmented(darker, 6))


def test_what_the_step_drew_is_described(darker):
    result = applied([darker, np.flipud], Sample(PIXELS), 3)
    (name, parameters), _ = result.describe()

    assert name == "dark.Darker"
    expected = PIXELS - np.minimum(PIXELS, np.uint8(parameters["amount"]))
    np.testing.assert_array_equal(result.sample.image, expected[::-1])


def test_the_adapter_registered_last_is_asked_first(darker):
    class Other(DarkerStep):
        pass

    register_adapter(is_darker, Other)
    assert isinstance(adapt(darker)[0], Other)


def test_adapters_of_other_kinds_are_skipped(darker):
    register_adapter(lambda value: isinstance(value, bytes), lambda value: value / 0)

    assert isinstance(adapt(darker)[0], DarkerStep)


def test_an_adapter_comes_before_those_of_imggen(darker):
    register_adapter(lambda value: value is np.flipud, lambda value: DarkerStep(darker))

    assert [step.name for step in adapt([np.flipud, np.fliplr])] == ["dark.Darker", "fliplr"]


def test_an_adapter_comes_before_the_protocol():
    mirror = Mirror()
    register_adapter(lambda value: value is mirror, lambda value: DarkerStep(Darker(9)))

    assert [step.name for step in adapt([mirror, Mirror()])] == ["dark.Darker", "my mirror"]


@pytest.mark.parametrize(
    "value", [imggen.augment.RandomFlip(), "light", imggen.augment.MixUp()], ids=repr
)
def test_what_is_imggens_own_is_never_given_to_an_adapter(value):
    expected = adapt(value)
    register_adapter(lambda value: True, DarkerStep)

    assert adapt(value) == expected


def test_a_class_is_never_given_to_an_adapter():
    register_adapter(lambda value: True, DarkerStep)
    with pytest.raises(OptionError, match="augment=Darker is a class"):
        adapt(Darker)


def test_what_the_adapter_raises_is_passed_on():
    def refuse(value):
        raise OptionError("this Darker is too dark.")

    register_adapter(is_darker, refuse)
    with pytest.raises(OptionError, match=r"^this Darker is too dark\.$"):
        adapt(Darker(9))


def test_the_step_of_an_adapter_is_held_to_the_contract():
    class Halving(DarkerStep):
        def augment(self, sample, rng):
            return dataclasses.replace(sample, image=sample.image[::2]), {}

    register_adapter(is_darker, Halving)
    with pytest.raises(AugmentationError, match=r"'dark\.Darker' returned uint8 of shape \(12, 32"):
        augmented(Darker(9))


def test_a_step_of_an_adapter_that_draws_from_elsewhere_is_found(darker):
    class Careless(DarkerStep):
        def augment(self, sample, rng):
            return super().augment(sample, np.random.default_rng())

    careless = Careless(Darker(99))
    careless.name = "careless"
    register_adapter(lambda value: isinstance(value, bytes), lambda value: careless)
    pipeline = Pipeline(adapt([darker, b""]))

    assert find_nondeterministic_steps(pipeline, Sample(PIXELS), seed=1) == ["careless"]


# Objects that follow the protocol


def test_an_object_that_follows_the_protocol_is_taken_as_it_is():
    mirror = Mirror()

    assert isinstance(mirror, Augmentation)
    assert adapt([mirror, None]) == (mirror,)


def test_masks_and_images_go_through_a_step_of_the_protocol_together():
    sample = half_plane(masks=(HALF,), images=(PIXELS,))
    seen = set()
    for seed in range(12):
        result = applied(Mirror(), sample, seed)
        left_out = result.describe()[0].parameters is None
        for got, given in zip(result.sample.arrays, sample.arrays, strict=True):
            np.testing.assert_array_equal(got, given if left_out else given[:, ::-1])
        seen.add(left_out)

    assert seen == {True, False}


# Everything at once


def test_steps_of_all_packages_go_together_in_one_list():
    albumentations = pytest.importorskip("albumentations")
    keras = pytest.importorskip("keras")

    class LikeImgaug:
        def seed_(self, entropy):
            self.rng = np.random.default_rng(entropy)

        def augment_image(self, image):
            return np.roll(image, int(self.rng.integers(24)), axis=0)

    register_adapter(is_darker, DarkerStep)
    augment = [
        "light",
        albumentations.GaussNoise(p=1.0),
        keras.layers.RandomRotation(0.1),
        LikeImgaug(),
        Mirror(),
        Darker(40),
        [lambda image, rng: image ^ rng.integers(256, dtype=np.uint8), np.flipud],
        imggen.augment.RandAugment(),
        imggen.augment.MixUp(),
    ]
    pipeline = Pipeline(adapt(augment))
    results = [
        pipeline(Sample(PIXELS), rngs(seed), WHERE).sample.image.tobytes() for seed in (1, 2, 1, 2)
    ]

    assert [step.name for step in pipeline.steps] == [
        "RandomFlip",
        "RandomRotation",
        "RandomTranslation",
        "RandomZoom",
        "RandomBrightness",
        "RandomContrast",
        "albumentations.GaussNoise",
        "keras.RandomRotation",
        "tests.LikeImgaug",
        "my mirror",
        "dark.Darker",
        "<lambda>",
        "flipud",
        "RandAugment",
    ]
    assert pipeline.mixer == imggen.augment.MixUp()
    assert results[:2] == results[2:]
    assert results[0] != results[1]
    assert in_threads(augment, 24) == one_after_the_other(augment, 24)
    assert find_nondeterministic_steps(pipeline, Sample(PIXELS), seed=1) == []
