"""albumentations' transforms: seeded from outside, masks in step, what they drew."""

import json
import pickle

import numpy as np
import pytest

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
from tests.helpers.cases import each_case

A = pytest.importorskip("albumentations")


class Custom(A.ImageOnlyTransform):
    def get_params(self):
        return {"value": self.py_random.randrange(256)}

    def apply(self, img, value, **_):
        return np.full_like(img, value)


def composed(**options):
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.OneOf([A.GaussNoise(p=1.0), A.RandomBrightnessContrast(p=1.0)], p=0.8),
            A.Affine(rotate=(-20, 20), p=1.0),
        ],
        **options,
    )


PIPELINES = {
    "transform": A.GaussNoise(p=1.0),
    "Compose": composed(),
    "seeded Compose": composed(seed=3),
    "OneOf": A.OneOf([A.GaussNoise(p=1.0), A.ShotNoise(p=1.0)], p=1.0),
    "SomeOf": A.SomeOf([A.GaussNoise(p=1.0), A.Affine(rotate=(1, 90), p=1.0)], n=1),
    "ReplayCompose": A.ReplayCompose([A.GaussNoise(p=1.0)]),
    "custom": Custom(p=1.0),
}
all_pipelines = pytest.mark.parametrize("augment", PIPELINES.values(), ids=PIPELINES)


@all_pipelines
def test_albumentations_gives_the_same_for_the_same_generator_and_another_for_another(augment):
    results = [augmented(augment, seed).tobytes() for seed in (*range(8), *range(8))]

    assert results[:8] == results[8:]
    assert len(set(results)) >= 7


@all_pipelines
def test_albumentations_neither_reads_nor_touches_global_random_state(augment):
    results = []
    for seed in (1, 2):
        with global_state(seed):
            results.append(augmented(augment).tobytes())

    assert results[0] == results[1]


@all_pipelines
def test_albumentations_gives_in_threads_what_it_gives_alone(augment):
    assert in_threads(augment, 120) == one_after_the_other(augment, 120)


@all_pipelines
def test_albumentations_gives_the_same_after_pickling(augment):
    steps = adapt(augment)
    steps[0].augment(Sample(PIXELS.copy()), np.random.default_rng(1))
    copied = pickle.loads(pickle.dumps(steps))
    got = Pipeline(copied)(Sample(PIXELS), rngs(6), WHERE).sample.image

    np.testing.assert_array_equal(got, augmented(augment, 6))
    assert copied[0].name == steps[0].name


def test_albumentations_is_named_by_its_class():
    assert [step.name for step in adapt([A.HorizontalFlip(), composed()])] == [
        "albumentations.HorizontalFlip",
        "albumentations.Compose",
    ]


def test_albumentations_that_cannot_be_seeded_are_refused_with_the_version_that_can():
    class Old:
        __module__ = "albumentations.old"

        def __call__(self, image):
            return {"image": image}

    with pytest.raises(OptionError, match=r"augment=Old .*pip install 'albumentations>=2\.0'"):
        adapt(Old())


# Those that take one channel. (What they do to three, test_augment_contract.py tells.)
# fmt: off
GRAYSCALE = [
    "AdvancedBlur", "Affine", "CLAHE", "ChannelShuffle", "CoarseDropout", "ColorJitter",
    "Downscale", "ElasticTransform", "Erasing", "FancyPCA", "GaussNoise", "GaussianBlur",
    "GlassBlur", "GridDistortion", "Illumination", "ImageCompression", "InvertImg", "MedianBlur",
    "Morphological", "MotionBlur", "OpticalDistortion", "Perspective", "PixelDropout",
    "PlasmaBrightnessContrast", "PlasmaShadow", "RandomBrightnessContrast", "RandomGamma",
    "RandomGridShuffle", "RandomRotate90", "RandomToneCurve", "Rotate", "SaltAndPepper", "Sharpen",
    "ShotNoise", "SquareSymmetry", "Superpixels", "ThinPlateSpline", "ToSepia", "Transpose",
    "UnsharpMask", "ZoomBlur",
]
# fmt: on
SQUARE = PIXELS[:, :24]


@each_case("name", GRAYSCALE)
def test_a_transform_keeps_one_channel_and_repeats_itself(name):
    augment = getattr(A, name)(p=1.0)
    pixels = np.ascontiguousarray(SQUARE[:, :, :1])
    first, again = (augmented(augment, 5, pixels) for _ in range(2))

    assert (first.shape, first.dtype) == (pixels.shape, np.uint8)
    np.testing.assert_array_equal(first, again)


def test_grayscale_pixels_come_through_albumentations_with_their_channel():
    gray = PIXELS[:, :, :1]

    np.testing.assert_array_equal(augmented(A.HorizontalFlip(p=1.0), 0, gray), gray[:, ::-1])


class Flattening(A.ImageOnlyTransform):
    def apply(self, img, **_):
        return img[::-1, :, 0]


def test_a_channel_that_albumentations_drops_is_put_back():
    gray = PIXELS[:, :, :1]

    np.testing.assert_array_equal(augmented(Flattening(p=1.0), 0, gray), gray[::-1])


def test_a_view_that_runs_backwards_goes_through_albumentations():
    got = augmented([lambda image: image[:, ::-1], A.VerticalFlip(p=1.0)])

    np.testing.assert_array_equal(got, PIXELS[::-1, ::-1])


# What belongs to the image


MOVING = {
    "flip": A.HorizontalFlip(p=1.0),
    "Compose": A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]),
    "Affine": A.Affine(translate_px={"x": (-9, 9), "y": (-9, 9)}, p=1.0),
    "ElasticTransform": A.ElasticTransform(alpha=90, p=1.0),
}


@pytest.mark.parametrize("name", MOVING)
def test_a_mask_follows_its_image(name):
    for seed in range(6):
        got = applied(MOVING[name], half_plane(masks=(HALF,)), seed).sample
        check_mask_shows_what_is_bright(got)


def test_a_mask_is_flipped_with_its_image():
    got = applied(MOVING["flip"], half_plane(masks=(HALF,))).sample

    np.testing.assert_array_equal(got.image, half_plane().image[:, ::-1])
    np.testing.assert_array_equal(got.masks[0], HALF[:, ::-1])


def test_several_masks_follow_alike():
    sample = half_plane(masks=(HALF, HALF + np.uint8(1)))
    for seed in range(4):
        one, other = applied(composed(), sample, seed).sample.masks
        shown = other > 0  # beyond the edge, both are 0

        np.testing.assert_array_equal(other[shown], one[shown] + 1)
        assert not one[~shown].any()
        assert shown.any()


def test_masks_with_and_without_an_axis_of_channels_follow_alike():
    sample = half_plane(masks=(HALF, HALF[:, :, np.newaxis]))
    one, other = applied(composed(), sample, 3).sample.masks

    np.testing.assert_array_equal(other[:, :, 0], one)


def test_a_further_image_is_moved_as_the_first_one_is():
    sample = Sample(PIXELS, images=(PIXELS,))
    turn = A.Affine(rotate=(-30, 30), p=1.0)
    got = [applied(turn, sample, seed).sample for seed in range(4)]

    for each in got:
        np.testing.assert_array_equal(each.image, each.images[0])
    assert not np.array_equal(got[0].image, got[1].image)


def test_colors_are_changed_in_the_image_and_not_in_the_mask():
    got = applied(A.InvertImg(p=1.0), half_plane(masks=(HALF,))).sample

    np.testing.assert_array_equal(got.image, 255 - half_plane().image)
    np.testing.assert_array_equal(got.masks[0], HALF)


def test_masks_do_not_change_what_is_drawn():
    for seed in range(4):
        with_mask = applied(composed(), half_plane(masks=(HALF,)), seed).sample.image
        alone = applied(composed(), half_plane(), seed).sample.image
        np.testing.assert_array_equal(with_mask, alone)


@pytest.mark.parametrize(
    "augment",
    [
        A.RandomGridShuffle((3, 3), p=1),
        A.OneOf([A.RandomGridShuffle((3, 3), p=1)], p=1),
        A.Compose([A.Sequential([A.RandomGridShuffle((3, 3), p=1)], p=1)]),
    ],
    ids=["alone", "nested", "compose"],
)
def test_boxes_follow_their_tiles(augment):
    image = np.zeros((90, 90, 3), np.uint8)
    image[35:50, 5:25] = 255  # inside of one tile
    boxes = np.array([[5.0, 35, 25, 50, 4]])
    places = set()
    for seed in range(8):
        result = applied(augment, Sample(image, boxes=boxes), seed).sample
        rows, columns = np.nonzero(result.image[..., 0])
        shown = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 4]
        np.testing.assert_allclose(result.boxes, [shown], atol=1)
        places.add(tuple(shown))
    assert len(places) > 1


# What they say


def test_a_transform_says_what_it_drew():
    described = applied(A.RandomGamma((50, 150), p=1.0), Sample(PIXELS)).describe()
    (name, parameters) = described[0]

    assert name == "albumentations.RandomGamma"
    assert list(parameters) == ["gamma"]
    assert 0.5 <= parameters["gamma"] <= 1.5


def test_a_transform_that_chance_left_out_says_so():
    transform = A.RandomGamma((50, 150), p=0.5)
    drawn = []
    for seed in range(12):
        result = applied(transform, Sample(PIXELS), seed)
        left_out = np.array_equal(result.sample.image, PIXELS)
        drawn.append((left_out, result.describe()[0].parameters is None))

    assert all(left_out == is_none for left_out, is_none in drawn)
    assert {left_out for left_out, _ in drawn} == {True, False}


def test_a_compose_says_what_each_of_its_transforms_drew():
    described = applied(composed(), Sample(PIXELS), 1).describe()
    names = [name for each in described[0].parameters["applied"] for name in each]

    assert "Affine" in names
    assert set(names) <= {"HorizontalFlip", "GaussNoise", "RandomBrightnessContrast", "Affine"}
    json.dumps(described)


# Among others


def test_it_goes_with_others_in_one_list_in_order():
    augment = [A.HorizontalFlip(p=1.0), np.invert, imggen.augment.RandomFlip("vertical", p=1.0)]

    np.testing.assert_array_equal(augmented(augment), 255 - PIXELS[::-1, ::-1])


def test_a_transform_counts_as_repeatable():
    pipeline = Pipeline(adapt([A.GaussNoise(p=1), composed(), np.flipud]))

    assert find_nondeterministic_steps(pipeline, Sample(PIXELS), seed=1) == []


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (
            A.Resize(8, 8),
            r"'albumentations\.Resize' returned uint8 of shape \(8, 8, 3\) .*Resize the",
        ),
        (A.Normalize(), r"'albumentations\.Normalize' returned float32 of shape .*Scale values"),
        (A.MaskDropout(p=1.0), r"'albumentations\.MaskDropout' raised ValueError on "),
    ],
    ids=["resize", "normalize", "raises"],
)
def test_a_transform_that_breaks_the_contract_is_named_with_the_file(augment, message):
    with pytest.raises(AugmentationError, match=message) as caught:
        augmented([np.flipud, augment])

    assert WHERE in str(caught.value)


def test_what_the_user_passed_stays_as_it_was():
    transform = composed(seed=3)
    before = A.to_dict(transform)
    augmented(transform)

    assert A.to_dict(transform) == before
    assert not transform.save_applied_params


@pytest.mark.parametrize("kind", [A.OneOf, A.SomeOf, A.Sequential])
def test_of_a_container_it_is_said_what_was_applied(kind):
    options = {"n": 1} if kind is A.SomeOf else {}
    augment = kind([A.HorizontalFlip(p=1.0), A.VerticalFlip(p=1.0)], p=1.0, **options)
    done = Pipeline(adapt(augment))(Sample(PIXELS), rngs(0), WHERE)

    (applied,) = done.describe()
    names = [name for one in applied.parameters["applied"] for name in one]
    assert names
    assert set(names) <= {"HorizontalFlip", "VerticalFlip"}
