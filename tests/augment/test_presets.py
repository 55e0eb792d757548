"""The three lists to start from: what is in them, and that all of it is mild enough."""

import numpy as np
import pytest

import imggen
from imggen.augment import BuiltIn, Pipeline, Sample, adapt
from imggen.errors import OptionError
from tests.helpers.resampling import noise, smooth

NAMES = ["light", "medium", "strong"]
IMAGE = smooth(48, 64, 3)


def augmented(name, seed, image=IMAGE, masks=()):
    pipeline = Pipeline(imggen.preset(name))
    return pipeline(Sample(image, masks), lambda step: np.random.default_rng([seed, step]), "it")


def test_light_is_as_documented():
    assert list(map(repr, imggen.preset("light"))) == list(
        map(
            repr,
            [
                imggen.augment.RandomFlip("horizontal"),
                imggen.augment.RandomRotation((-10, 10)),
                imggen.augment.RandomTranslation((-0.05, 0.05), (-0.05, 0.05)),
                imggen.augment.RandomZoom((0.9, 1.1)),
                imggen.augment.RandomBrightness((0.9, 1.1)),
                imggen.augment.RandomContrast((0.9, 1.1)),
            ],
        )
    )


def test_medium_is_as_documented():
    assert imggen.preset("medium") == (
        imggen.augment.RandomFlip("horizontal"),
        imggen.augment.RandomRotation((-20, 20)),
        imggen.augment.RandomTranslation((-0.1, 0.1), (-0.1, 0.1)),
        imggen.augment.RandomShear((-8, 8)),
        imggen.augment.RandomZoom((0.8, 1.25)),
        imggen.augment.RandomBrightness((0.75, 1.25)),
        imggen.augment.RandomContrast((0.75, 1.25)),
        imggen.augment.RandomSaturation((0.7, 1.3)),
        imggen.augment.RandomHue((-10, 10)),
    )


def test_strong_is_as_documented():
    assert imggen.preset("strong") == (
        imggen.augment.RandomResizedCrop((0.3, 1.0)),
        imggen.augment.RandomFlip("horizontal"),
        imggen.augment.RandAugment(num_ops=2, magnitude=10),
        imggen.augment.RandomErasing((0.02, 0.2), p=0.25),
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_as_good_as_the_list(name):
    assert adapt(name) == adapt([name]) == imggen.preset(name)
    assert all(isinstance(step, BuiltIn) for step in imggen.preset(name))


@pytest.mark.parametrize(
    ("name", "closest"), [("lihgt", "light"), ("Medium", "medium"), ("strongest", "strong")]
)
def test_another_name_is_refused_with_the_closest(name, closest):
    with pytest.raises(OptionError) as err:
        imggen.preset(name)
    assert str(err.value) == (
        f"name={name!r} is not one of 'light', 'medium', 'strong'. Did you mean {closest!r}?"
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_preset_takes_gray_rgb_and_rgba(name, channels):
    image = noise(32, 40, channels)
    for seed in range(10):
        result = augmented(name, seed, image).sample.image
        assert (result.shape, result.dtype) == (image.shape, np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_takes_masks(name):
    mask = noise(48, 64, most=3)
    for seed in range(10):
        result = augmented(name, seed, masks=(mask,)).sample.masks[0]
        assert result.shape == mask.shape
        assert result.max() <= 3


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_changes_nearly_every_image(name):
    changed = [not np.array_equal(augmented(name, seed).sample.image, IMAGE) for seed in range(40)]
    assert np.mean(changed) > 0.9


def test_each_preset_is_stronger_than_the_one_before():
    changes = [
        np.mean(
            [
                np.abs(augmented(name, seed).sample.image.astype(int) - IMAGE).mean()
                for seed in range(60)
            ]
        )
        for name in NAMES
    ]
    assert changes[0] < changes[1] < changes[2]
