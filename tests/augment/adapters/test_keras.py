"""Keras's preprocessing layers: seeded for each sample, alone in their thread, held to uint8."""

import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import keras
import numpy as np
import pytest
from keras import layers

import imggen
from imggen.augment import Pipeline, Sample, adapt, find_nondeterministic_steps
from imggen.errors import AugmentationError, OptionError
from tests.helpers.augmenting import (
    HALF,
    PIXELS,
    WHERE,
    applied,
    augmented,
    check_mask_shows_what_is_bright,
    global_state,
    half_plane,
    in_threads,
    one_after_the_other,
    rngs,
)


def sequential():
    return keras.Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomBrightness(0.2)]
    )


LAYERS = {
    "RandomRotation": layers.RandomRotation(0.2),
    "seeded": layers.RandomContrast(0.5, seed=3),
    "Sequential": sequential(),
    "Pipeline": layers.Pipeline([layers.RandomTranslation(0.2, 0.2), layers.RandomHue(0.5)]),
}
all_layers = pytest.mark.parametrize("augment", LAYERS.values(), ids=LAYERS)


# Chance


@all_layers
def test_the_same_generator_gives_the_same_image_and_another_another(augment):
    pipeline = Pipeline(adapt(augment))
    results = [
        pipeline(Sample(PIXELS), rngs(seed), WHERE).sample.image.tobytes()
        for seed in (*range(8), *range(8))
    ]

    assert results[:8] == results[8:]
    assert len(set(results)) >= 7


def test_keras_own_randaugment_repeats_itself():
    pipeline = Pipeline(adapt(layers.RandAugment()))
    results = [
        pipeline(Sample(PIXELS), rngs(seed), WHERE).sample.image.tobytes()
        for seed in (*range(6), *range(6))
    ]

    assert results[:6] == results[6:]
    assert len(set(results)) >= 5


@all_layers
def test_another_adaptation_of_the_layer_gives_the_same_images(augment):
    assert one_after_the_other(augment, 4) == one_after_the_other(augment, 4)


@all_layers
def test_threads_give_what_they_give_alone(augment):
    assert in_threads(augment, 40) == one_after_the_other(augment, 40)


@all_layers
def test_the_same_comes_after_pickling(augment):
    steps = adapt(augment)
    expected = Pipeline(steps)(Sample(PIXELS), rngs(6), WHERE).sample.image
    copied = pickle.loads(pickle.dumps(steps))

    got = Pipeline(copied)(Sample(PIXELS), rngs(6), WHERE).sample.image
    np.testing.assert_array_equal(got, expected)
    assert copied[0].name == steps[0].name


def test_a_layer_that_was_called_before_gives_what_a_new_one_gives():
    called = layers.RandomRotation(0.2)
    for _ in range(3):
        called(PIXELS[np.newaxis].astype(np.float32), training=True)

    assert one_after_the_other(called, 4) == one_after_the_other(layers.RandomRotation(0.2), 4)


@all_layers
def test_global_random_state_is_neither_read_nor_touched(augment):
    results = []
    for seed in (1, 2):
        with global_state(seed):
            results.append(augmented(augment).tobytes())

    assert results[0] == results[1]


@all_layers
def test_what_comes_first_does_not_depend_on_global_random_state(augment):
    results = []
    for seed in (1, 2):
        random.seed(seed)
        keras.utils.set_random_seed(seed)
        results.append(augmented(augment, 5).tobytes())

    assert results[0] == results[1]


def test_a_layer_that_draws_from_global_random_state_is_found():
    pipeline = Pipeline(adapt([layers.RandomRotation(0.2), AsThePoorDo()]))

    assert find_nondeterministic_steps(pipeline, Sample(PIXELS), seed=1) == ["keras.AsThePoorDo"]


@keras.saving.register_keras_serializable("tests")
class AsThePoorDo(layers.Layer):
    """Draws from ``random``."""

    def call(self, inputs):
        return inputs * random.random()


@pytest.mark.parametrize("together", [keras.Sequential, layers.Pipeline])
def test_layers_in_one_draw_independently_of_each_other(together):
    twice = together([layers.RandomFlip("horizontal"), layers.RandomFlip("horizontal")])
    pipeline = Pipeline(adapt(twice))
    mirrored = 0
    for seed in range(60):
        got = pipeline(Sample(PIXELS), rngs(seed), WHERE).sample.image
        is_mirrored = np.array_equal(got, PIXELS[:, ::-1])
        assert is_mirrored or np.array_equal(got, PIXELS)
        mirrored += is_mirrored

    assert 15 <= mirrored <= 45  # one of two; alike, they would undo each other


meeting = threading.Barrier(2)


@keras.saving.register_keras_serializable("tests")
class Meeting(layers.Layer):
    """Inverts images when two threads are in one layer at once."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inside = 0

    def call(self, inputs):
        self.inside += 1
        with suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=1)
        alone = self.inside == 1
        self.inside -= 1
        return inputs if alone else 255 - inputs


def test_threads_take_turns_at_a_layer_that_is_in_use_twice():
    meeting.reset()
    layer = Meeting()
    layer.build(None)
    pipelines = [Pipeline(adapt(layer)), Pipeline(adapt(layer))]

    def one(pipeline):
        return pipeline(Sample(PIXELS), rngs(0), WHERE).sample.image

    with ThreadPoolExecutor(2) as pool:
        for got in pool.map(one, pipelines):
            np.testing.assert_array_equal(got, PIXELS)


def test_a_layer_in_another_place_of_a_list_draws_anew():
    flip = layers.RandomFlip("horizontal")
    pipeline = Pipeline(adapt([flip, flip]))
    drawn = {
        np.array_equal(pipeline(Sample(PIXELS), rngs(seed), WHERE).sample.image, PIXELS)
        for seed in range(12)
    }

    assert drawn == {True, False}


def test_a_layer_that_keras_cannot_copy_repeats_itself():
    # Its configuration has (-0.2, 0.2), which its constructor does not take.
    shear = layers.RandomShear(0.2, 0.2)

    assert one_after_the_other(shear, 4) == one_after_the_other(shear, 4)
    assert len(set(one_after_the_other(shear, 4))) == 4


# Batches


def in_one_batch(augment, seeds, sample=None):
    samples = [sample or Sample(np.roll(PIXELS, seed, axis=1)) for seed in seeds]
    where = [f"sample {seed}" for seed in seeds]
    pipeline = Pipeline(adapt(augment))
    return [
        each.sample for each in pipeline.augment_batch(samples, [rngs(s) for s in seeds], where)
    ]


BATCHED = {
    **LAYERS,
    "drawing for a batch as a whole": layers.RandAugment(),
    "no preprocessing": layers.Dropout(0.5),
    "nested": keras.Sequential([sequential(), layers.RandomPerspective(0.5, 0.4)]),
    "twice": [layers.RandomFlip(), np.invert, layers.RandomContrast(0.5)],
    "elastic": layers.RandomElasticTransform(0.5, 0.5),
}


@pytest.mark.parametrize("name", BATCHED)
def test_neighbors_in_a_batch_do_not_matter(name):
    alone = {
        seed: applied(BATCHED[name], Sample(np.roll(PIXELS, seed, axis=1)), seed).sample.image
        for seed in range(5)
    }
    for seeds in ([0, 1, 2, 3, 4], [4, 2], [3], [1, 1, 1]):
        for seed, got in zip(seeds, in_one_batch(BATCHED[name], seeds), strict=True):
            np.testing.assert_array_equal(got.image, alone[seed])

    assert len({image.tobytes() for image in alone.values()}) == 5


def test_masks_follow_their_images_in_a_batch():
    got = in_one_batch(layers.RandomRotation(0.3), range(4), half_plane(masks=(HALF,)))
    for each in got:
        check_mask_shows_what_is_bright(each)

    assert len({each.masks[0].tobytes() for each in got}) == 4


def test_a_batch_of_images_of_several_sizes_is_augmented_one_by_one():
    small, large = Sample(PIXELS[:8, :8]), Sample(PIXELS)
    pipeline = Pipeline(adapt(layers.RandomRotation(0.2)))
    got = pipeline.augment_batch([small, large], [rngs(0), rngs(1)], ["small", "large"])

    assert [each.sample.image.shape for each in got] == [(8, 8, 3), (24, 32, 3)]
    np.testing.assert_array_equal(
        got[1].sample.image, applied(layers.RandomRotation(0.2), large, 1).sample.image
    )


def test_a_batch_of_which_no_file_can_be_read_gets_a_substitute(photos):
    for number in range(4):
        (photos / "cat" / f"00{number}.png").write_bytes(b"")
    sequence = imggen.ImageSequence(
        imggen.scan(photos),
        image_size=(24, 20),
        batch_size=4,
        shuffle=False,
        workers=0,
        on_error="skip",
        augment=layers.RandomFlip(),
    )
    assert len(sequence[0][0]) == 1


# Pixels


@keras.saving.register_keras_serializable("tests")
class Shifted(layers.Layer):
    def __init__(self, shift, **options):
        super().__init__(**options)
        self.shift = shift

    def call(self, inputs):
        return inputs + self.shift

    def get_config(self):
        return {**super().get_config(), "shift": self.shift}


def test_values_are_clipped_to_those_of_images():
    assert (augmented(Shifted(-300)) == 0).all()
    assert (augmented(Shifted(300)) == 255).all()


def test_values_are_rounded_and_not_cut_off():
    darker = layers.RandomBrightness((-0.3 / 255, -0.3 / 255))
    pixels = np.full((4, 4, 3), 101, np.uint8)  # becomes 100.7

    assert (augmented(darker, 0, pixels) == 101).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "layer", [layers.RandomFlip("vertical"), layers.RandomRotation(0.2), sequential()], ids=repr
)
def test_grayscale_keeps_its_channel(layer, channels):
    pixels = np.ascontiguousarray(PIXELS[:, :, :channels])
    got = augmented(layer, 1, pixels)

    assert (got.shape, got.dtype) == (pixels.shape, np.uint8)


def test_a_flip_flips():
    results = {augmented(layers.RandomFlip("vertical"), seed).tobytes() for seed in range(12)}

    assert results == {PIXELS.tobytes(), PIXELS[::-1].tobytes()}


# Masks


MOVING = {
    "RandomFlip": layers.RandomFlip(),
    "RandomRotation": layers.RandomRotation(0.3),
    "RandomTranslation": layers.RandomTranslation(0.3, 0.3),
    "Pipeline": layers.Pipeline([layers.RandomFlip(), layers.RandomZoom(0.3)]),
}


@pytest.mark.parametrize("channels", [None, 1])
@pytest.mark.parametrize("name", MOVING)
def test_a_mask_follows_its_image(name, channels):
    mask = HALF if channels is None else HALF[:, :, np.newaxis]
    pipeline = Pipeline(adapt(MOVING[name]))
    for seed in range(4):
        got = pipeline(half_plane(masks=(mask,)), rngs(seed), WHERE).sample
        check_mask_shows_what_is_bright(got)


def test_the_mask_is_moved_at_all():
    turned = [applied(layers.RandomRotation(0.3), half_plane(masks=(HALF,)), s) for s in range(3)]

    assert len({each.sample.masks[0].tobytes() for each in turned}) == 3


def test_a_mask_follows_its_image_through_a_sequential():
    together = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.3)])
    for seed in range(4):
        check_mask_shows_what_is_bright(applied(together, half_plane(masks=(HALF,)), seed).sample)


def test_a_mask_keeps_its_dtype_and_invents_no_class():
    mask = HALF.astype(np.int32) * 1000
    got = applied(layers.RandomRotation(0.3), half_plane(masks=(mask,)), 1).sample.masks[0]

    assert (got.dtype, got.shape) == (np.int32, mask.shape)
    assert {*np.unique(got)} == {0, 7000}


def test_a_mask_does_not_change_what_the_image_becomes():
    rotation = layers.RandomRotation(0.3)
    with_mask = applied(rotation, half_plane(masks=(HALF,)), 3).sample.image

    np.testing.assert_array_equal(with_mask, applied(rotation, half_plane(), 3).sample.image)


@pytest.mark.parametrize("options", [{"masks": (HALF, HALF)}, {"images": (PIXELS,)}], ids=list)
def test_what_a_layer_cannot_keep_in_step_is_named(options):
    with pytest.raises(
        AugmentationError, match="RandomRotation' failed on 'cats.*can keep one mask aligned, but"
    ):
        applied(layers.RandomRotation(0.3), half_plane(**options))


# What is refused


@pytest.mark.parametrize(
    ("layer", "instead"),
    [
        (layers.MixUp(), "MixUp cannot be used.*Use imggen.augment.MixUp"),
        (layers.CutMix(), "CutMix cannot be used.*Use imggen.augment.CutMix"),
        (layers.AugMix(), "AugMix cannot be used.*global random state. Use imggen.augment.AugMix"),
        (layers.Rescaling(1 / 255), "Rescaling cannot be used.*Pass rescale= to the sequence"),
        (layers.Normalization(mean=0, variance=1), "Normalization cannot be used.*into the model"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("nested", [False, True])
def test_layers_that_cannot_be_used_are_refused_with_what_can(layer, instead, nested):
    together = keras.Sequential([layers.RandomFlip(), keras.Sequential([layer])])
    with pytest.raises(OptionError, match=rf"^augment=keras\.layers\.{instead}"):
        adapt(together if nested else layer)


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomBrightness(0.2, value_range=(0, 1)),
        layers.Solarization(value_range=(0, 1)),
        keras.Sequential([layers.RandomContrast(0.2, value_range=(0, 1))]),
        layers.RandomHue(0.2, value_range=[0, 1]),
    ],
    ids=["layer", "another", "in a Sequential", "list"],
)
def test_layers_for_other_gray_levels_are_refused_with_those_that_there_are(layer):
    with pytest.raises(
        OptionError, match=r"value_range=\(0, 1\); expected .*value_range=\(0, 255\)"
    ):
        adapt(layer)


def test_a_class_in_place_of_a_layer_is_refused():
    with pytest.raises(OptionError, match="augment=RandomFlip is a class"):
        adapt(layers.RandomFlip)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (layers.Resizing(8, 8), "keras.Resizing"),
        (layers.RandomCrop(8, 8), "keras.RandomCrop"),
        (layers.CenterCrop(8, 8), "keras.CenterCrop"),
        (keras.Sequential([layers.RandomFlip(), layers.Resizing(8, 8)]), "keras.Sequential"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_layer_that_changes_the_shape_is_named_with_the_file(layer, name):
    with pytest.raises(
        AugmentationError,
        match=rf"'{name}' returned uint8 of shape \(8, 8, 3\) for .*Resize the result of a crop",
    ) as caught:
        augmented(layer)

    assert WHERE in str(caught.value)


# In a pipeline


def test_layers_go_with_others_in_one_list_in_order():
    darken = layers.RandomBrightness((-0.2, -0.2))  # by 51
    augment = [
        imggen.augment.RandomFlip(p=1.0),
        darken,
        np.invert,
        imggen.augment.RandomFlip("vertical", p=1.0),
    ]
    expected = 255 - (PIXELS.astype(int) - 51).clip(0, 255)[::-1, ::-1]

    np.testing.assert_array_equal(augmented(augment), expected)


def test_a_layer_is_named_by_its_class_and_says_nothing_of_what_it_drew():
    described = applied([layers.RandomFlip(), sequential()], Sample(PIXELS)).describe()

    assert described == (("keras.RandomFlip", {}), ("keras.Sequential", {}))


def test_layers_are_repeatable():
    pipeline = Pipeline(adapt([layers.RandomRotation(0.2), sequential()]))

    assert find_nondeterministic_steps(pipeline, Sample(PIXELS), seed=1) == []


def test_a_sequence_serves_the_same_from_threads_as_from_its_own(photos):
    def served(**options):
        with imggen.ImageSequence(
            imggen.scan(photos), image_size=(24, 20), augment=sequential(), seed=3, **options
        ) as sequence:
            return np.concatenate([batch[0] for batch in sequence])

    np.testing.assert_array_equal(served(workers=0), served(workers=4))


@pytest.mark.parametrize("layer", [layers.Resizing(48, 40), layers.Permute((2, 1, 3))], ids=type)
def test_a_layer_that_turns_sides_about_is_named_though_the_number_of_pixels_is_right(layer):
    with pytest.raises(AugmentationError, match=r"returned uint8 of shape \(48, 40, 3\)"):
        augmented(layer, pixels=np.zeros((40, 48, 3), np.uint8))


def test_a_layer_with_channels_first_is_refused():
    with pytest.raises(OptionError, match="data_format='channels_first'"):
        adapt(layers.RandomFlip(data_format="channels_first"))


class OneForAll(layers.RandomBrightness):
    """Draws one number for a whole batch."""

    def get_random_transformation(self, data, training=True, seed=None):
        generator = self._get_seed_generator(self.backend._backend)
        return {"share": self.backend.random.uniform((), 0.2, 1.0, seed=generator)}

    def transform_images(self, images, transformation, training=True):
        return images * transformation["share"]


def test_what_a_layer_draws_for_a_batch_as_a_whole_depends_on_each_sample_alone():
    pipeline = Pipeline(adapt(OneForAll(0.1)))
    gray = Sample(np.full((8, 8, 3), 200, np.uint8))

    def of_batch(count):
        rngs = [lambda _, row=row: np.random.default_rng(row) for row in range(count)]
        done = pipeline.augment_batch([gray] * count, rngs, ["here"] * count)
        return [int(one.sample.image[0, 0, 0]) for one in done]

    four = of_batch(4)
    assert len(set(four)) == 4
    assert of_batch(1) == four[:1]
    assert of_batch(2) == four[:2]
