"""What users bring as augmentations, and the contract that each step is held to."""

import functools
import os
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from imggen.augment import adapt, augment_image, unrepeatable
from imggen.errors import AugmentationError, OptionError

# Without this, importing albumentations asks the network for its latest version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
A = pytest.importorskip("albumentations")

WHERE = "'cats/1.jpg' (epoch 0, index 3)"
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def rngs(seed):
    """The generator of each step; that of the first is ``default_rng(seed)``."""
    return lambda step: np.random.default_rng([seed, step] if step else seed)


def augmented(augment, seed=0, pixels=PIXELS):
    return augment_image(pixels.copy(), adapt(augment), rngs(seed), WHERE)


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
    augment = [shift, (np.invert, [None, lambda image: image[::-1]]), A.HorizontalFlip(p=1.0)]
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

    steps = adapt([shift, careless, paint, old_fashioned, A.GaussNoise(p=1)])
    assert unrepeatable(steps, PIXELS, seed=1) == ["careless", "old_fashioned"]


def test_an_image_is_left_as_it_is_when_steps_are_tried():
    def spoil(image):
        image[:] = 0
        return image

    before = PIXELS.copy()
    assert unrepeatable(adapt(spoil), PIXELS, seed=1) == []
    np.testing.assert_array_equal(PIXELS, before)


@pytest.mark.parametrize("augment", ["HorizontalFlip", 3, 0, "", {"train": shift}, [shift, 0]])
def test_what_cannot_be_called_is_refused_with_what_would_do(augment):
    with pytest.raises(OptionError, match=r"augment=.* cannot be called; expected a function"):
        adapt(augment)


def test_an_albumentations_class_in_place_of_a_transform_is_refused():
    with pytest.raises(OptionError, match="HorizontalFlip"):
        adapt(A.HorizontalFlip)


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
        np.random.seed(seed)  # noqa: NPY002 - the state under test
        random.seed(seed)
        before = np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
        results.append(augmented(augment).tobytes())
        assert (np.random.get_state()[1].tolist(), random.getstate()) == before  # noqa: NPY002

    assert results[0] == results[1]


@all_pipelines
def test_albumentations_gives_in_threads_what_it_gives_alone(augment):
    steps = adapt(augment)

    def one(seed):
        return augment_image(PIXELS.copy(), steps, rngs(seed), WHERE).tobytes()

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(one, range(120)))

    assert together == [augmented(augment, seed).tobytes() for seed in range(120)]


@all_pipelines
def test_albumentations_gives_the_same_after_pickling(augment):
    steps = adapt(augment)
    steps[0](PIXELS.copy(), np.random.default_rng(1))
    copied = pickle.loads(pickle.dumps(steps))
    got = augment_image(PIXELS.copy(), copied, rngs(6), WHERE)

    np.testing.assert_array_equal(got, augmented(augment, 6))
    assert copied[0].name == steps[0].name


def test_plain_functions_can_be_pickled():
    copied = pickle.loads(pickle.dumps(adapt([paint_by_keyword, np.flipud])))
    got = augment_image(PIXELS.copy(), copied, rngs(6), WHERE)

    assert (got == draw(6)).all()


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


# With images alone, of any size, three channels or one.
# fmt: off
KEEPING = [
    "AdvancedBlur", "Affine", "CLAHE", "ChannelShuffle", "CoarseDropout", "ColorJitter",
    "Downscale", "ElasticTransform", "Erasing", "FancyPCA", "GaussNoise", "GaussianBlur",
    "GlassBlur", "GridDistortion", "Illumination", "ImageCompression", "InvertImg", "MedianBlur",
    "Morphological", "MotionBlur", "OpticalDistortion", "Perspective", "PixelDropout",
    "PlasmaBrightnessContrast", "PlasmaShadow", "RandomBrightnessContrast", "RandomGamma",
    "RandomGridShuffle", "RandomRotate90", "RandomToneCurve", "Rotate", "SaltAndPepper", "Sharpen",
    "ShotNoise", "SquareSymmetry", "Superpixels", "ThinPlateSpline", "ToSepia", "Transpose",
    "UnsharpMask", "ZoomBlur",
]
COLOUR_ONLY = [
    "ChannelDropout", "ChromaticAberration", "HEStain", "HueSaturationValue", "ISONoise",
    "PlanckianJitter", "RGBShift", "RandomFog", "RandomRain", "RandomSnow", "RandomSunFlare",
    "Spatter", "ToGray",
]
# fmt: on
SQUARE = PIXELS[:, :24]


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("name", KEEPING)
def test_a_transform_keeps_the_contract_and_repeats_itself(name, channels):
    augment = getattr(A, name)(p=1.0)
    pixels = np.ascontiguousarray(SQUARE[:, :, :channels])
    first, again = (augmented(augment, 5, pixels) for _ in range(2))

    assert (first.shape, first.dtype) == (pixels.shape, np.uint8)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", COLOUR_ONLY)
def test_a_transform_of_colours_keeps_the_contract_and_repeats_itself(name):
    augment = getattr(A, name)(p=1.0)
    first, again = (augmented(augment, 5, SQUARE) for _ in range(2))

    assert (first.shape, first.dtype) == (SQUARE.shape, np.uint8)
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


def explode(image):
    raise KeyError("no such thing")


BREAKERS = {
    "crop": (lambda image: image[:10], r"uint8 of shape \(10, 32, 3\).*Sizes belong"),
    "gray": (lambda image: image[:, :, 0], r"uint8 of shape \(24, 32\)"),
    "scale": (lambda image: image / 255, r"float64 of shape \(24, 32, 3\).*Scaling belongs"),
    "none": (lambda image: None, "returned None for .*must return it"),
    "list": (lambda image: image.tolist(), r"returned a builtins\.list for"),
    "number": (lambda image: image.mean(), r"returned a numpy\.float64 for"),
    "resize": (A.Resize(8, 8), r"albumentations\.Resize.*uint8 of shape \(8, 8, 3\)"),
    "normalize": (A.Normalize(), r"albumentations\.Normalize.*float32 of shape"),
}


@pytest.mark.parametrize("name", BREAKERS)
def test_a_step_that_breaks_the_contract_is_named_with_the_file_and_what_came(name):
    augment, came = BREAKERS[name]
    with pytest.raises(AugmentationError, match=came) as caught:
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
