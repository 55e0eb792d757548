"""What all augmentations of imggen's own have in common."""

import dataclasses
import itertools
import json
import pickle
import random

import numpy as np
import pytest

from imggen.augment import (
    BUILT_INS,
    AugMix,
    AutoContrast,
    BuiltIn,
    Equalization,
    RandAugment,
    RandomErasing,
    RandomFlip,
    RandomPosterization,
    RandomResizedCrop,
    Sample,
    TrivialAugment,
)
from imggen.augment.execution import apply_operations
from imggen.augment.operations import GeometryOp
from imggen.errors import SampleError
from tests.helpers.cases import each_case
from tests.helpers.resampling import noise, smooth

SIZE = (40, 50)
IMAGE = (smooth(*SIZE, 3) * 0.6 + 20).astype(np.uint8)
ALL = [kind() for kind in BUILT_INS.values()]
# Every draw of these changes the image, and leaves a share of 1 - p.
CERTAIN = [
    one
    for one in ALL
    if not isinstance(one, RandomFlip | RandAugment | TrivialAugment | RandomResizedCrop)
]
COLORED = [one for one in ALL if not isinstance(one, GeometryOp)]


def rng(seed=0):
    return np.random.default_rng(seed)


def named(augmentation):
    return augmentation.name


each = pytest.mark.parametrize("augmentation", ALL, ids=named)


def test_there_are_as_many_as_are_documented():
    assert len(BUILT_INS) == 26
    assert all(issubclass(kind, BuiltIn) for kind in BUILT_INS.values())


@each
def test_the_same_generator_gives_the_same_image(augmentation):
    for seed in range(5):
        one, other = (augmentation(IMAGE, rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(one, other)


@each
def test_nothing_but_the_generator_is_a_source_of_chance(augmentation):
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    one = augmentation(IMAGE, rng(3))
    np.random.seed(2)  # noqa: NPY002
    random.seed(2)
    np.testing.assert_array_equal(augmentation(IMAGE, rng(3)), one)


@each_case(
    "augmentation",
    [one for one in ALL if one.name not in {"AutoContrast", "Equalization", "Inversion"}],
)
def test_other_generators_give_other_images(augmentation):
    assert len({augmentation(IMAGE, rng(seed)).tobytes() for seed in range(30)}) > 1


@each
def test_the_image_given_is_left_as_it_is(augmentation):
    image = IMAGE.copy()
    image.flags.writeable = False
    for seed in range(5):
        result = augmentation(image, rng(seed))
        assert not np.shares_memory(result, image)
        assert result.flags.writeable
    np.testing.assert_array_equal(image, IMAGE)


@each
def test_shape_and_dtype_are_kept_however_small(augmentation):
    sizes = [(1, 1), (1, 9), (9, 1), (2, 2), (17, 31)]
    for size, channels, seed in itertools.product(sizes, [1, 3, 4], range(3)):
        image = noise(*size, channels)
        result = augmentation(image, rng(seed))
        assert (result.shape, result.dtype) == (image.shape, np.uint8), (size, channels, seed)


@each
def test_a_view_is_as_good_as_a_copy(augmentation):
    view = noise(60, 90, 6)[::2, 5:80:3, 4:0:-1]
    np.testing.assert_array_equal(augmentation(view, rng(1)), augmentation(view.copy(), rng(1)))


@each_case(
    "augmentation",
    [one for one in COLORED if one.name not in {"RandAugment", "TrivialAugment", "AugMix"}],
)
def test_what_changes_colors_leaves_alpha(augmentation):
    image = noise(*SIZE, 4)
    for seed in range(5):
        result = augmentation(image, rng(seed))
        np.testing.assert_array_equal(result[..., 3], image[..., 3])


@each_case(
    "augmentation",
    [one for one in COLORED if one.name not in {"RandAugment", "TrivialAugment", "AugMix"}],
)
@each_case(
    "image", [IMAGE.astype(np.float32), IMAGE[..., :2], IMAGE[..., 0], IMAGE.astype(np.uint16)]
)
def test_what_changes_colors_refuses_what_has_none_by_its_own_name(augmentation, image):
    with pytest.raises(SampleError) as err:
        augmentation(image, rng())
    assert str(err.value) == (
        f"{augmentation.name} takes uint8 images of 1, 3 or 4 channels, shape (height, width, "
        f"channels), values 0 to 255; got {image.dtype} of shape {image.shape}."
    )


@each
def test_it_pickles_as_itself(augmentation):
    same = pickle.loads(pickle.dumps(augmentation))
    assert same == augmentation
    assert hash(same) == hash(augmentation)
    np.testing.assert_array_equal(same(IMAGE, rng(2)), augmentation(IMAGE, rng(2)))


@each
def test_objects_of_other_options_are_not_equal(augmentation):
    assert dataclasses.replace(augmentation, p=0.25) != augmentation


@each
def test_what_is_drawn_is_what_json_can_hold(augmentation):
    for seed in range(10):
        for operation in augmentation.draw_operations(SIZE, rng(seed)) or ():
            metadata = operation.as_dict()
            assert json.loads(json.dumps(metadata)) == metadata


@each
def test_drawn_operations_do_what_a_call_does(augmentation):
    for seed in range(5):
        operations = augmentation.draw_operations(SIZE, rng(seed)) or []
        result = apply_operations(operations, Sample(IMAGE)).image
        np.testing.assert_array_equal(result, augmentation(IMAGE, rng(seed)))


# The share of images


@each_case("p", [0.2, 0.7])
@each_case("augmentation", [*CERTAIN, TrivialAugment(), RandAugment()])
def test_p_is_the_share_of_images_for_which_anything_is_drawn(augmentation, p):
    some = dataclasses.replace(augmentation, p=p)
    hits = sum(some.draw_operations(SIZE, rng(seed)) is not None for seed in range(400))
    # 5 standard deviations
    assert abs(hits - 400 * p) < 5 * np.sqrt(400 * p * (1 - p))


@pytest.mark.parametrize("p", [0.2, 0.7])
@pytest.mark.parametrize("mode", ["horizontal", "vertical"])
def test_p_is_the_share_of_images_that_are_mirrored(mode, p):
    flip = RandomFlip(mode, p=p)
    hits = sum(not np.array_equal(flip(IMAGE, rng(seed)), IMAGE) for seed in range(400))
    assert abs(hits - 400 * p) < 5 * np.sqrt(400 * p * (1 - p))


def test_p_is_the_share_of_images_that_are_cut():
    crop = RandomResizedCrop((0.3, 0.8), p=0.4)
    hits = sum(not np.array_equal(crop(IMAGE, rng(seed)), IMAGE) for seed in range(400))
    assert abs(hits - 160) < 5 * np.sqrt(400 * 0.4 * 0.6)


@each
def test_p_of_zero_changes_nothing(augmentation):
    none = dataclasses.replace(augmentation, p=0)
    for seed in range(20):
        np.testing.assert_array_equal(none(IMAGE, rng(seed)), IMAGE)


@each_case("augmentation", CERTAIN)
def test_p_of_one_leaves_no_image_out(augmentation):
    every = dataclasses.replace(augmentation, p=1)
    assert all(every.draw_operations(SIZE, rng(seed)) for seed in range(200))


@each
def test_p_changes_whether_and_never_what(augmentation):
    few, many = (dataclasses.replace(augmentation, p=p) for p in (0.3, 0.8))
    kept = 0
    for seed in range(60):
        drawn = few.draw_operations(SIZE, rng(seed))
        other = many.draw_operations(SIZE, rng(seed))
        if drawn is None or metadata_of(drawn) == metadata_of(whole_image()):
            continue
        kept += 1
        assert metadata_of(drawn) == metadata_of(other)
    assert kept > 5


def whole_image():
    return RandomResizedCrop(p=0).draw_operations(SIZE, rng())


def metadata_of(operations):
    return [operation.as_dict() for operation in operations]


@pytest.mark.parametrize(
    "augmentation",
    [RandomErasing(), AutoContrast(), Equalization(), RandomPosterization(), AugMix()],
    ids=named,
)
def test_an_image_of_one_color_is_no_trouble(augmentation):
    for value in (0, 255):
        result = augmentation(np.full((9, 9, 3), value, np.uint8), rng())
        assert result.shape == (9, 9, 3)
