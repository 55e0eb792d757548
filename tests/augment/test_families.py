"""What users bring as augmentations, and the contract that each step is held to."""

import functools
import pickle
import random

import numpy as np
import pytest

import imggen
from imggen.augment import Pipeline, Sample, adapt, find_nondeterministic_steps
from imggen.errors import AugmentationError, OptionError
from tests.helpers.augmenting import PIXELS, WHERE, applied, augmented, rngs


def augmented_sample(augment, sample, seed=0):
    return applied(augment, sample, seed).sample


def draw(seed=0):
    return int(np.random.default_rng(seed).integers(256))


def paint(image, rng):
    return np.full_like(image, rng.integers(256))


def paint_by_position(image, chance, /):
    return paint(image, chance)


def paint_by_position_only(image, rng, /):
    return paint(image, rng)


def paint_by_keyword(image, *, rng):
    return paint(image, rng)


def paint_or_not(image, rng=None):
    return image if rng is None else paint(image, rng)


def shift(image, amount=5):
    return image + np.uint8(amount)


class Painter:
    def __call__(self, image, rng):
        return paint(image, rng)

    def method(self, image, rng):
        return paint(image, rng)


@pytest.mark.parametrize("nothing", [None, [], (), [None, []]])
def test_nothing_adapts_to_no_step(nothing):
    assert adapt(nothing) == ()


@pytest.mark.parametrize(
    ("augment", "expected"),
    [
        (lambda image: image[:, ::-1], PIXELS[:, ::-1]),
        (np.flipud, PIXELS[::-1]),
        (np.invert, 255 - PIXELS),
        (np.array, PIXELS),
        (functools.partial(np.rot90, k=2), PIXELS[::-1, ::-1]),
        (functools.partial(shift, amount=9), PIXELS + np.uint8(9)),
        (shift, PIXELS + np.uint8(5)),
    ],
    ids=["lambda", "numpy", "ufunc", "builtin", "partial", "partial default", "default"],
)
def test_a_function_of_the_image_alone_gets_the_image_alone(augment, expected):
    np.testing.assert_array_equal(augmented(augment), expected)


@pytest.mark.parametrize(
    "augment",
    [
        paint,
        lambda image, generator: paint(image, generator),
        paint_by_position,
        paint_by_position_only,
        paint_by_keyword,
        paint_or_not,
        functools.partial(paint),
        Painter(),
        Painter().method,
    ],
    ids=[
        "rng",
        "named",
        "positional",
        "rng /",
        "keyword",
        "rng=None",
        "partial",
        "object",
        "method",
    ],
)
def test_a_function_that_asks_for_chance_gets_the_generator(augment):
    assert (augmented(augment, seed=4) == draw(4)).all()
    assert (augmented(augment, seed=5) == draw(5)).all()


@pytest.mark.parametrize(
    ("augment", "name"),
    [(paint, "paint"), (np.flipud, "flipud"), (Painter(), "Painter"), (Painter().method, "method")],
)
def test_a_step_is_named_after_what_the_user_wrote(augment, name):
    assert [step.name for step in adapt(augment)] == [name]


def test_a_nested_list_is_applied_in_order():
    augment = [
        shift,
        (np.invert, [None, lambda image: image[::-1]]),
        imggen.augment.RandomFlip(p=1.0),
    ]
    expected = (255 - (PIXELS + np.uint8(5)))[::-1, ::-1]

    np.testing.assert_array_equal(augmented(augment), expected)


def test_what_one_step_draws_does_not_change_what_the_next_one_draws():
    drawn = []

    def note(image, rng):
        drawn.append(int(rng.integers(1000)))
        return image

    def greedy(image, rng):
        rng.random(100)
        return image

    for first in (note, greedy):
        augmented([first, note], seed=8)

    assert len(drawn) == 3
    assert drawn[0] != drawn[1] == drawn[2]


def test_an_augmentation_with_chance_of_its_own_is_found():
    def careless(image):
        return image if np.random.random() < 0.5 else shift(image)  # noqa: NPY002

    def old_fashioned(image, rng):
        return image + np.uint8(random.randrange(256))

    np.random.seed(1)  # noqa: NPY002 - eight equal draws in two trials would hide it
    random.seed(1)
    pipeline = Pipeline(adapt([shift, careless, paint, old_fashioned, imggen.augment.RandomFlip()]))
    assert find_nondeterministic_steps(pipeline, Sample(PIXELS), seed=1) == [
        "careless",
        "old_fashioned",
    ]


def test_an_image_is_left_as_it_is_when_steps_are_tried():
    def spoil(image):
        image[:] = 0
        return image

    before = PIXELS.copy()
    assert find_nondeterministic_steps(Pipeline(adapt(spoil)), Sample(PIXELS), seed=1) == []
    np.testing.assert_array_equal(PIXELS, before)


EXPECTED = (
    r"expected an augmentation of imggen, albumentations, Keras or torchvision, a function "
    r"image -> image or \(image, rng\) -> image, a list of these, a preset \('light', 'medium', "
    r"'strong'\), or a policy file \(\.yaml, \.yml, \.json\)\.$"
)


@pytest.mark.parametrize(
    "augment",
    [3, 0, {"train": shift}, [shift, 0]],
    ids=["number", "zero", "mapping", "list"],
)
def test_what_cannot_be_called_is_refused_with_what_is_expected(augment):
    with pytest.raises(OptionError, match=r"^augment=.* is not callable; " + EXPECTED):
        adapt(augment)


@pytest.mark.parametrize("augment", ["HorizontalFlip", "", "Light", "light.txt"])
def test_a_word_that_is_neither_a_preset_nor_a_policy_file_is_refused_with_what_is_expected(
    augment,
):
    hint = r"( Did you mean 'light'\?)?$"
    expected = f"^augment={augment!r} is not a preset or policy file; {EXPECTED.rstrip('$')}{hint}"
    with pytest.raises(OptionError, match=expected):
        adapt(augment)


def test_plain_functions_can_be_pickled():
    copied = pickle.loads(pickle.dumps(adapt([paint_by_keyword, np.flipud])))
    got = Pipeline(copied)(Sample(PIXELS), rngs(6), WHERE).sample.image

    assert (got == draw(6)).all()


def explode(image):
    raise KeyError("no such thing")


BREAKERS = {
    "crop": (lambda image: image[:10], r"uint8 of shape \(10, 32, 3\).*Resize the result"),
    "gray": (lambda image: image[:, :, 0], r"uint8 of shape \(24, 32\)"),
    "scale": (lambda image: image / 255, r"float64 of shape \(24, 32, 3\).*Scale values"),
    "none": (lambda image: None, "returned None for .*Return the image"),
    "list": (lambda image: image.tolist(), r"returned a builtins\.list for"),
    "number": (lambda image: image.mean(), r"returned a numpy\.float64 for"),
}


@pytest.mark.parametrize("name", BREAKERS)
def test_a_step_that_breaks_the_contract_is_named_with_the_file_and_what_came(name):
    augment, message = BREAKERS[name]
    with pytest.raises(AugmentationError, match=message) as caught:
        augmented([np.flipud, augment])

    assert f"{adapt(augment)[0].name!r}" in str(caught.value)
    assert WHERE in str(caught.value)
    assert "expected uint8 of shape (24, 32, 3)" in str(caught.value)


def test_a_step_that_raises_is_named_with_the_file_and_the_cause():
    with pytest.raises(AugmentationError, match=r"'explode' raised KeyError on 'cats") as caught:
        augmented([np.flipud, explode])

    assert WHERE in str(caught.value)
    assert "no such thing" in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_interruption_is_not_taken_for_a_broken_step():
    def interrupt(image):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augmented(interrupt)


def test_images_of_any_dtype_and_rank_may_be_augmented():
    volume = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

    np.testing.assert_array_equal(augmented(np.negative, 0, volume), -volume)


# Masks and further images


MASK = (PIXELS[:, :, 0] > 127).astype(np.uint8)
LABELLED = Sample(PIXELS, masks=(MASK,))


def mirror_both(image, mask):
    return image[:, ::-1], mask[:, ::-1]


def paint_both(image, mask, rng):
    gray = rng.integers(256)
    return np.full_like(image, gray), np.full_like(mask, gray)


def test_a_function_with_a_parameter_mask_gets_the_mask_and_returns_both():
    got = augmented_sample(mirror_both, LABELLED)

    np.testing.assert_array_equal(got.image, PIXELS[:, ::-1])
    np.testing.assert_array_equal(got.masks[0], MASK[:, ::-1])


def test_a_function_of_image_and_mask_gets_chance_too():
    got = augmented_sample(paint_both, LABELLED, seed=4)

    assert (got.image == draw(4)).all()
    assert (got.masks[0] == draw(4)).all()


def test_a_function_with_an_optional_mask_is_given_the_image_alone_where_there_is_no_mask():
    def only_images(image, mask=None):
        return 255 - image if mask is None else (image, mask)

    np.testing.assert_array_equal(augmented(only_images), 255 - PIXELS)


@pytest.mark.parametrize(
    ("augment", "sample"),
    [
        (shift, LABELLED),
        (np.flipud, LABELLED),
        (mirror_both, Sample(PIXELS, masks=(MASK, MASK))),
        (mirror_both, Sample(PIXELS, masks=(MASK,), images=(PIXELS,))),
        (shift, Sample(PIXELS, images=(PIXELS,))),
    ],
    ids=["image alone", "numpy", "two masks", "mask and image", "another image"],
)
def test_a_function_that_cannot_keep_all_in_step_is_named(augment, sample):
    name = augment.__name__
    with pytest.raises(AugmentationError, match=f"'{name}' failed on 'cats.*Add a parameter m"):
        augmented_sample(augment, sample)


@pytest.mark.parametrize(
    ("augment", "reason"),
    [
        (lambda image, low, high: image, "missing a required argument: 'low'"),
        (
            lambda image, *, strength: image,
            "missing a required (keyword-only )?argument: 'strength'",
        ),
        (lambda image, mask, low, high: image, "missing a required argument: 'low'"),
        (lambda: PIXELS, "too many positional arguments"),
    ],
    ids=["three", "keyword", "mask and more", "none"],
)
def test_a_function_of_other_arguments_is_refused_before_it_is_called(augment, reason):
    with pytest.raises(OptionError, match=f"cannot be called with an image: {reason}; expected"):
        adapt(augment)


class Returning:
    """A step by the protocol that returns what it was made with."""

    name = "Returning"

    def __init__(self, result):
        self.result = result

    def augment(self, sample, rng):
        return self.result, {}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (Sample(PIXELS), "returned 1 arrays for .*; expected 2"),
        (Sample(PIXELS, (MASK,), (PIXELS,)), "returned 3 arrays for .*; expected 2"),
        (Sample(PIXELS, (MASK[:9],)), r"returned uint8 of shape \(9, 32\) for .*\(24, 32\)"),
        (Sample(PIXELS, (MASK / 2,)), r"returned float64 of shape \(24, 32\) for .*expected uint8"),
        (PIXELS, "raised AttributeError"),
        (None, "raised AttributeError"),
    ],
    ids=["no mask", "another array", "smaller mask", "other dtype", "no sample", "nothing"],
)
def test_a_step_of_the_protocol_is_held_to_the_contract_for_every_array(result, message):
    with pytest.raises(AugmentationError, match=f"'Returning' {message}"):
        augmented_sample(Returning(result), LABELLED)


def test_a_sample_that_is_not_changed_is_given_back_as_it_is():
    assert augmented_sample([], LABELLED) is LABELLED


# What is given stays as it is


def scribble(image):
    image[:] = 77
    return image


@pytest.mark.parametrize(
    "augment",
    [
        scribble,
        [imggen.augment.RandomFlip(p=0.0), scribble],
        [imggen.augment.RandomFlip(p=1.0), scribble],  # a view of the image
        [imggen.augment.RandomResizedCrop((1, 1), (4 / 3, 4 / 3)), scribble],
        [np.asarray, scribble],
        [lambda image: image[::-1], scribble],
    ],
    ids=["alone", "nothing drawn", "flip", "crop", "same array", "view"],
)
def test_a_step_that_writes_to_its_image_does_not_reach_what_was_given(augment):
    given = PIXELS.copy()
    given.flags.writeable = False
    got = Pipeline(adapt(augment))(Sample(given), rngs(0), WHERE).sample.image

    assert (got == 77).all()
    np.testing.assert_array_equal(given, PIXELS)


@pytest.mark.parametrize("before", [None, imggen.augment.Inversion()], ids=["alone", "a new image"])
def test_what_a_step_writes_to_its_mask_does_not_reach_what_was_given(before):
    def spoil(image, mask):
        image[:], mask[:] = 0, 0
        return image, mask

    mask = MASK.copy()
    got = augmented_sample([before, spoil], Sample(PIXELS, (mask,)))

    assert not got.masks[0].any()
    np.testing.assert_array_equal(mask, MASK)


# Built-in augmentations among others


def test_a_built_in_augmentation_that_cannot_do_a_sample_is_named_with_the_file_and_the_reason():
    with pytest.raises(
        AugmentationError,
        match=r"'RandomBrightness' failed on 'cats/1\.jpg' \(epoch 0, index 3\): .* takes uint8",
    ):
        augmented([np.negative, imggen.augment.RandomBrightness()], 0, PIXELS.astype(np.float32))


def test_built_in_augmentations_that_are_done_together_are_named_together():
    augment = [
        np.negative,
        imggen.augment.RandomFlip(p=1.0),
        imggen.augment.RandomHue(),
        np.negative,
    ]
    with pytest.raises(AugmentationError, match="^The augmentation 'RandomFlip, RandomHue' failed"):
        augmented(augment, 0, PIXELS.astype(np.float32))


@pytest.mark.parametrize("shape", [(), (5,)], ids=str)
def test_an_array_that_is_no_image_is_named_with_the_file(shape):
    with pytest.raises(AugmentationError, match=r"'RandomFlip' failed on 'cats/1\.jpg'"):
        augmented(imggen.augment.RandomFlip(), 0, np.zeros(shape, np.uint8))


def test_a_foreign_step_between_built_in_ones_gets_what_those_before_made():
    seen = []

    def look(image):
        seen.append(image.copy())
        return image

    augmented([imggen.augment.RandomFlip(p=1.0), look, imggen.augment.Inversion(), look])

    np.testing.assert_array_equal(seen, [PIXELS[:, ::-1], 255 - PIXELS[:, ::-1]])


@pytest.mark.parametrize(
    "other", [imggen.augment.RandAugment(), paint, imggen.augment.RandomErasing()]
)
def test_what_a_step_before_draws_does_not_change_what_a_built_in_one_draws(other):
    turn = imggen.augment.RandomRotation((-90, 90))
    alone, with_other = (
        Pipeline(adapt([first, turn]))(Sample(PIXELS), rngs(3), WHERE).describe()[1]
        for first in (shift, other)
    )

    assert alone == with_other


def test_a_preset_adapts_to_its_augmentations():
    assert adapt(["light", shift])[:-1] == imggen.preset("light")


def test_what_was_drawn_is_described_step_by_step():
    augment = [imggen.augment.RandomFlip(p=1.0), imggen.augment.RandomBrightness((2, 2)), shift]
    described = applied(augment, Sample(PIXELS)).describe()

    assert described == (
        ("RandomFlip", {"horizontal": True, "vertical": False}),
        ("RandomBrightness", {"factor": 2.0}),
        ("shift", {}),
    )


def test_a_step_that_chance_leaves_out_is_described_by_none():
    augment = [
        imggen.augment.RandomFlip(p=0.0),
        imggen.augment.RandomHue(p=0.0),
        imggen.augment.RandAugment(p=0.0),
    ]
    described = applied(augment, Sample(PIXELS)).describe()

    assert described == (("RandomFlip", None), ("RandomHue", None), ("RandAugment", None))


def test_operations_that_were_picked_are_described_each_by_its_name():
    described = Pipeline([imggen.augment.RandAugment(5)])(Sample(PIXELS), rngs(1), WHERE).describe()
    (name, parameters) = described[0]

    assert name == "RandAugment"
    assert 1 <= len(parameters["operations"]) <= 5
    assert {name for each in parameters["operations"] for name in each} <= {
        *imggen.augment.BUILT_INS
    }
