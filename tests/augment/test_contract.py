"""The contract of all augmentations: built-in ones, and albumentations' that take an image."""

import functools
import inspect
import json
import os
import pickle
import warnings

import numpy as np
import pytest

import imggen
from imggen.augment import BUILT_INS, Pipeline, Sample, adapt
from imggen.augment.operations import ColorMatrixOp, FilterOp, GeometryOp, LookupTableOp
from imggen.augment.policy import format_policy
from imggen.augment.policy_reader import parse_policy
from imggen.core.rng import Stream, step_generators
from imggen.errors import OptionError

# Without this, importing albumentations asks the network for its latest version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
A = pytest.importorskip("albumentations")
from albumentations.core.transforms_interface import BasicTransform  # noqa: E402

HEIGHT, WIDTH = 48, 64
INDICES = range(6)


# Built-in augmentations


VARIANTS = [
    imggen.augment.RandomResizedCrop((0.2, 0.4), (0.5, 2.0), p=0.5),
    imggen.augment.RandomFlip("vertical"),
    imggen.augment.RandomFlip("horizontal_and_vertical", p=0.7),
    imggen.augment.RandomRotation((-180, 180), fill_mode="constant", cval=200, mask_cval=255),
    imggen.augment.RandomRotation((90, 90), fill_mode="wrap", p=0.5),
    imggen.augment.RandomTranslation((0, 1), (-1, 0), fill_mode="nearest"),
    imggen.augment.RandomTranslation((0, 0), (-0.5, 0.5), fill_mode="wrap"),
    imggen.augment.RandomShear((-60, 60), (-30, 30), fill_mode="constant"),
    imggen.augment.RandomZoom((0.1, 0.5), (0.5, 2.0), fill_mode="wrap"),
    imggen.augment.RandomZoom((2, 10), p=0.5),
    imggen.augment.RandomPerspective((0.9, 0.9), fill_mode="constant"),
    imggen.augment.RandomBrightness((0, 10), p=0.9),
    imggen.augment.RandomContrast((0, 10), p=0.9),
    imggen.augment.RandomSaturation((0, 10), p=0.9),
    imggen.augment.RandomHue((-180, 180), p=0.9),
    imggen.augment.RandomGamma((0.1, 10), p=0.9),
    imggen.augment.RandomChannelShift((-255, 255), p=0.9),
    imggen.augment.RandomPosterization((1, 8), p=0.9),
    imggen.augment.RandomSolarization((0, 256), p=0.9),
    imggen.augment.AutoContrast(cutoff=20.5),
    imggen.augment.AutoContrast(cutoff=49, p=0.5),
    imggen.augment.Equalization(p=0.5),
    imggen.augment.Inversion(p=0.5),
    imggen.augment.RandomGaussianBlur((0, 50), p=0.9),
    imggen.augment.RandomSharpness((0, 10), p=0.9),
    imggen.augment.RandomGaussianNoise((0, 255), p=0.9),
    imggen.augment.RandomJPEG((1, 100), p=0.9),
    imggen.augment.RandomErasing((0.5, 1.0), (0.1, 10), fill="mean"),
    imggen.augment.RandomErasing(fill="black", p=0.9),
    imggen.augment.RandAugment(14, 30, fill_mode="nearest"),
    imggen.augment.RandAugment(1, 2.5, p=0.5),
    imggen.augment.TrivialAugment(fill_mode="constant", p=0.9),
    imggen.augment.AugMix(10, 1, 1, 0.1, fill_mode="wrap"),
    imggen.augment.AugMix(severity=1, num_chains=5, chain_length=6, alpha=10, p=0.9),
]
BUILT_IN = {repr(step): step for step in (*(kind() for kind in BUILT_INS.values()), *VARIANTS)}
BUILT_IN_THAT_DRAW_NOTHING = {
    repr(imggen.augment.AutoContrast()),
    repr(imggen.augment.AutoContrast(cutoff=20.5)),
    repr(imggen.augment.Equalization()),
    repr(imggen.augment.Inversion()),
}
# Colors that are gray stay gray.
ALIKE_ON_GRAYSCALE = (imggen.augment.RandomSaturation, imggen.augment.RandomHue)


# albumentations


SIZE = {"height": HEIGHT, "width": WIDTH}


def darkened(image, **_):
    return image // 2


# What is not enough by default: sizes, arguments without one, and those that change nothing.
ARGUMENTS = {
    "Affine": {"rotate": (-30, 30)},
    "CLAHE": {"tile_grid_size": (2, 2)},
    "CenterCrop": SIZE,
    "Crop": {"x_max": WIDTH, "y_max": HEIGHT},
    "CropAndPad": {"percent": (-0.2, 0.2)},
    "Downscale": {"scale_range": (0.2, 0.8)},
    "FancyPCA": {"alpha": 1.0},
    "FrequencyMasking": {"freq_mask_param": 20},
    "GridElasticDeform": {"num_grid_xy": (4, 4), "magnitude": 6},
    "ImageCompression": {"quality_range": (10, 90)},
    "Lambda": {"image": darkened},
    "LongestMaxSize": {"max_size": WIDTH},
    "PadIfNeeded": {"min_height": HEIGHT, "min_width": WIDTH},
    "PiecewiseAffine": {"nb_rows": 2, "nb_cols": 2},  # more take long
    "Posterize": {"num_bits": (1, 7)},
    "RandomCrop": SIZE,
    "RandomGravel": {"gravel_roi": (0, 0, 1, 1), "number_of_patches": 60},
    "RandomResizedCrop": {"size": (HEIGHT, WIDTH)},
    "RandomScale": {"scale_limit": (0.0, 0.0)},
    "RandomSizedCrop": {"min_max_height": (16, 40), "size": (HEIGHT, WIDTH)},
    "Resize": SIZE,
    "SmallestMaxSize": {"max_size": HEIGHT},
    "Solarize": {"threshold_range": (0.1, 0.9)},
    "Superpixels": {"n_segments": 16},  # more take long
    "TimeMasking": {"time_mask_param": 30},
    "XYMasking": {"num_masks_x": (1, 3), "mask_x_length": (2, 10)},
}
# They turn by right angles, which keeps the shape of square images alone.
FOR_SQUARES = {"D4", "RandomRotate90", "SquareSymmetry", "Transpose"}
ALBUMENTATIONS_THAT_DRAW_NOTHING = {
    "AutoContrast",
    "CenterCrop",
    "Crop",
    "Equalize",
    "HorizontalFlip",
    "InvertImg",
    "Lambda",
    "LongestMaxSize",
    "Morphological",  # its scale is the size of its kernel, not a range
    "NoOp",
    "Pad",
    "PadIfNeeded",
    "RandomCrop",  # of the whole image, there is one
    "RandomScale",  # by nothing
    "Resize",
    "SmallestMaxSize",
    "TimeReverse",
    "ToGray",
    "ToRGB",
    "ToSepia",
    "Transpose",
    "VerticalFlip",
}
# They advise against themselves.
WARNING = {
    "FrequencyMasking": "FrequencyMasking is a specialized version of XYMasking",
    "PiecewiseAffine": "This augmenter is very slow",
    "ShiftScaleRotate": "ShiftScaleRotate is a special case of Affine",
    "TimeMasking": "TimeMasking is a specialized version of XYMasking",
    "TimeReverse": "TimeReverse is an alias for HorizontalFlip",
    "ToRGB": "The image is already an RGB",
}
LEFT_OUT = {
    # What the others derive from.
    "BasicTransform",
    "DualTransform",
    "ImageOnlyTransform",
    "Transform3D",
    # Volumes.
    "CenterCrop3D",
    "CoarseDropout3D",
    "CubicSymmetry",
    "Pad3D",
    "PadIfNeeded3D",
    "RandomCrop3D",
    "ToTensor3D",
    # They need bounding boxes, or a mask.
    "AtLeastOneBBoxRandomCrop",
    "BBoxSafeRandomCrop",
    "ConstrainedCoarseDropout",
    "CropNonEmptyMaskIfExists",
    "MaskDropout",
    "RandomCropNearBBox",
    "RandomSizedBBoxSafeCrop",
    # They need other images, or things to lay over, passed with each call.
    "FDA",
    "HistogramMatching",
    "Mosaic",
    "OverlayElements",
    "PixelDistributionAdaptation",
    # A font and a text.
    "TextImage",
    # They make floats or tensors: scaling belongs to the sequence.
    "FromFloat",
    "Normalize",
    "ToFloat",
    "ToTensorV2",
    # Another size each time.
    "RandomCropFromBorders",
}
EXPORTED = {
    name
    for name, member in inspect.getmembers(A, inspect.isclass)
    if issubclass(member, BasicTransform)
}
ALBUMENTATIONS = sorted(EXPORTED - LEFT_OUT)


# Both


def pixels_for(name: str, channels: int = 3) -> np.ndarray:
    """Smooth noise, with dark and light parts, no two pixels of a row alike."""
    rng = np.random.default_rng(1)
    width = HEIGHT if name in FOR_SQUARES else WIDTH
    row, column = np.mgrid[:HEIGHT, :width]
    waves = [
        128 + 90 * np.sin(row / (5 + at)) * np.cos(column / (9 - at)) for at in range(channels)
    ]
    noise = rng.normal(0, 12, (HEIGHT, width, channels))
    return (np.stack(waves, axis=-1) + noise).clip(0, 255).astype(np.uint8)


def make(name: str):
    if name in BUILT_IN:
        return BUILT_IN[name]
    return getattr(A, name)(p=1.0, **ARGUMENTS.get(name, {}))


def outcome(augment, pixels: np.ndarray, index: int = 0):
    rng_of = step_generators(7, Stream.AUGMENT, 0, index)
    return Pipeline(adapt(augment))(Sample(pixels), rng_of, f"sample {index}")


def images(augment, pixels: np.ndarray, indices=INDICES) -> list[bytes]:
    return [outcome(augment, pixels, index).sample.image.tobytes() for index in indices]


@functools.cache
def expected_images(name: str) -> list[bytes]:
    return images(make(name), pixels_for(name))


def for_each(cases):
    """Runs a test for each case in a loop; the message of a failure begins with the case."""

    def decorate(test):
        def run():
            for case in cases:
                arguments = case if isinstance(case, tuple) else (case,)
                try:
                    with warnings.catch_warnings():
                        if arguments[0] in WARNING:
                            warnings.filterwarnings("ignore", WARNING[arguments[0]], UserWarning)
                        test(*arguments)
                except Exception as err:
                    raise AssertionError(f"{case}: {err}") from err

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate


every = for_each([*BUILT_IN, *ALBUMENTATIONS])
built_in_grayscale_and_rgba = for_each(
    [(name, channels) for name in BUILT_IN for channels in (1, 4)]
)


def test_at_least_85_of_albumentations_are_held_to_the_contract():
    assert len(ALBUMENTATIONS) >= 85


def test_whatever_albumentations_exports_is_tried_or_left_out_for_a_reason():
    # A new one is tried with its defaults; one that went is to be taken off the lists.
    named = {*ARGUMENTS, *FOR_SQUARES, *ALBUMENTATIONS_THAT_DRAW_NOTHING, *WARNING}
    assert named <= {*ALBUMENTATIONS}
    assert LEFT_OUT <= EXPORTED


def test_every_built_in_augmentation_is_held_to_the_contract_with_its_defaults_and_without():
    tried = [type(step).__name__ for step in BUILT_IN.values()]

    assert {*tried} == {*BUILT_INS}
    assert min(map(tried.count, BUILT_INS)) >= 2


@every
def test_shape_and_dtype_are_kept_and_the_image_is_left_as_it_is(name):
    given = pixels_for(name)
    given.flags.writeable = False
    step = make(name)
    for index in INDICES:
        got = outcome(step, given, index).sample.image
        assert (got.shape, got.dtype) == (given.shape, np.uint8)

    np.testing.assert_array_equal(given, pixels_for(name))


@every
def test_the_same_generator_gives_the_same_image(name):
    assert images(make(name), pixels_for(name)) == expected_images(name)


@every
def test_another_index_gives_another_image_where_anything_is_drawn(name):
    draws = name not in BUILT_IN_THAT_DRAW_NOTHING | ALBUMENTATIONS_THAT_DRAW_NOTHING

    assert (len(set(expected_images(name))) > 1) == draws


@every
def test_an_image_does_not_depend_on_those_before_it(name):
    pixels, step = pixels_for(name), make(name)

    assert images(step, pixels, reversed(INDICES)) == expected_images(name)[::-1]


@every
def test_a_pickled_step_gives_the_same_images(name):
    pixels, step = pixels_for(name), make(name)
    (copied,) = pickle.loads(pickle.dumps(adapt(step)))

    assert images(copied, pixels) == expected_images(name)


# A file cannot contain the function of a Lambda.
@for_each([name for name in (*BUILT_IN, *ALBUMENTATIONS) if name != "Lambda"])
def test_a_step_read_from_a_policy_gives_the_same_images(name):
    pixels, step = pixels_for(name), make(name)
    policies = [
        parse_policy(format_policy([step], as_json=suffix == ".json"), f"policy{suffix}")
        for suffix in (".yaml", ".json")
    ]
    (from_yaml,), (from_json,) = policies

    assert images(from_yaml, pixels) == expected_images(name)
    assert repr(adapt_repr(from_json)) == repr(adapt_repr(from_yaml))


def adapt_repr(step):
    return step if repr(step) in BUILT_IN else A.to_dict(step)


def test_a_function_within_albumentations_cannot_be_written_to_a_policy_file(tmp_path):
    with pytest.raises(OptionError, match="Lambda cannot be saved to a file"):
        imggen.save_policy(tmp_path / "policy.yaml", make("Lambda"))
    assert not any(tmp_path.iterdir())


@every
def test_what_was_drawn_can_be_written_as_json(name):
    pixels, step = pixels_for(name), make(name)
    for index in INDICES:
        (described,) = outcome(step, pixels, index).describe()
        assert described.name == adapt(step)[0].name
        json.dumps(described, allow_nan=False)


@built_in_grayscale_and_rgba
def test_grayscale_and_rgba_keep_shape_and_dtype(name, channels):
    given = pixels_for(name, channels)
    given.flags.writeable = False
    for index in INDICES:
        got = outcome(make(name), given, index).sample.image
        assert (got.shape, got.dtype) == (given.shape, np.uint8)

    np.testing.assert_array_equal(given, pixels_for(name, channels))


@built_in_grayscale_and_rgba
def test_another_index_gives_another_grayscale_and_rgba_image(name, channels):
    draws = name not in BUILT_IN_THAT_DRAW_NOTHING
    if channels == 1 and isinstance(make(name), ALIKE_ON_GRAYSCALE):
        draws = False

    assert (len(set(images(make(name), pixels_for(name, channels)))) > 1) == draws


COLOR_AND_TEXTURE = [
    n for n in BUILT_IN if isinstance(make(n), ColorMatrixOp | LookupTableOp | FilterOp)
]
GEOMETRIC = [n for n in BUILT_IN if isinstance(make(n), GeometryOp)]


@for_each(COLOR_AND_TEXTURE)
def test_color_and_texture_leave_alpha(name):
    given = pixels_for(name, 4)
    for index in INDICES:
        got = outcome(make(name), given, index).sample.image
        np.testing.assert_array_equal(got[:, :, 3], given[:, :, 3])


@for_each(COLOR_AND_TEXTURE)
def test_colors_do_not_depend_on_alpha(name):
    given = pixels_for(name, 4)
    opaque = given.copy()
    opaque[:, :, 3] = 255
    for index in INDICES:
        got, expected = (outcome(make(name), each, index).sample.image for each in (given, opaque))
        np.testing.assert_array_equal(got[:, :, :3], expected[:, :, :3])


@for_each(GEOMETRIC)
def test_geometry_moves_alpha_as_it_moves_colors(name):
    given = pixels_for(name, 4)
    given[:, :, 3] = given[:, :, 0]
    for index in INDICES:
        got = outcome(make(name), given, index).sample.image
        np.testing.assert_array_equal(got[:, :, 3], got[:, :, 0])
