"""Two-way and three-way subsets, the warning of augmented ones, and options refused."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imggen import legacy
from imggen.errors import KerasTrapWarning, OptionError

SUBSETS = ("training", "validation", "test")
SIZES = [0, 1, 2, 3, 5, 9, 10, 23, 100]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A class of each size; a scan does not look into files."""
    target = tmp_path_factory.mktemp("sizes")
    for size in SIZES:
        (target / f"{size:03d}").mkdir()
        for number in range(size):
            (target / f"{size:03d}" / f"{number:03d}.png").touch()
    return target


def assert_cuts(parts, whole, shares):
    """Parts are runs of the whole: validation, then test, then training."""
    validation, test, training = (parts[name] for name in ("validation", "test", "training"))
    assert [*validation, *test, *training] == list(whole)
    # Each border is rounded down on its own.
    assert len(validation) == int(shares[0] * len(whole))
    assert len(validation) + len(test) == int((shares[0] + shares[1]) * len(whole))


shares_of_three = st.tuples(
    st.floats(0.001, 0.998, allow_subnormal=False), st.floats(0.001, 0.998, allow_subnormal=False)
).filter(lambda shares: sum(shares) < 1)


# Small subsets may be empty.
small_subsets = pytest.mark.filterwarnings("ignore:no-images")


@small_subsets
@settings(max_examples=150, deadline=None)
@given(shares_of_three, st.integers(1, 300))
def test_three_subsets_of_arrays_are_disjoint_and_exhaustive(shares, num):
    generator = legacy.ImageDataGenerator(validation_split=shares)
    x = np.zeros((num, 1, 1, 1))
    parts = {
        name: generator.flow(x, np.arange(num), subset=name, ignore_class_split=True).y.tolist()
        for name in SUBSETS
    }
    assert_cuts(parts, range(num), shares)


@pytest.mark.parametrize(
    "shares", [(0.15, 0.15), (0.1, 0.2), (0.7, 0.2), (1 / 3, 1 / 3), (0.01, 0.98), [0.25, 0.25]]
)
def test_three_subsets_of_a_folder_are_disjoint_and_exhaustive_class_by_class(folder, shares):
    generator = legacy.ImageDataGenerator(validation_split=shares)
    whole = generator.flow_from_directory(folder)
    parts = {name: generator.flow_from_directory(folder, subset=name) for name in SUBSETS}
    for iterator in parts.values():
        assert iterator.class_indices == whole.class_indices
        assert [file[:3] for file in iterator.filenames] == [
            f"{SIZES[number]:03d}" for number in iterator.classes
        ]
    for size in SIZES:
        by_part = {
            name: [file for file in iterator.filenames if file.startswith(f"{size:03d}")]
            for name, iterator in parts.items()
        }
        of_class = [file for file in whole.filenames if file.startswith(f"{size:03d}")]
        assert len(of_class) == size
        assert_cuts(by_part, of_class, shares)


@small_subsets
@pytest.mark.parametrize("num", [1, 7, 23, 100])
@pytest.mark.parametrize("shares", [(0.15, 0.15), (0.1, 0.2), (0.7, 0.2)])
def test_three_subsets_of_a_dataframe_are_disjoint_and_exhaustive(folder, shares, num):
    files = [f"100/{number:03d}.png" for number in np.random.default_rng(0).permutation(num)]
    frame = pd.DataFrame({"filename": files, "class": ["a"] * num, "weight": np.arange(num)})
    generator = legacy.ImageDataGenerator(validation_split=shares)
    options = {"directory": folder, "weight_col": "weight"}
    parts = {name: generator.flow_from_dataframe(frame, subset=name, **options) for name in SUBSETS}
    assert_cuts({name: part.filenames for name, part in parts.items()}, files, shares)
    for part in parts.values():
        assert [files[weight] for weight in part.sample_weight] == part.filenames


@small_subsets
@settings(max_examples=60, deadline=None)
@given(st.floats(0.001, 0.999), st.integers(1, 300))
def test_two_subsets_are_disjoint_and_exhaustive(share, num):
    generator = legacy.ImageDataGenerator(validation_split=share)
    x, y = np.zeros((num, 1, 1, 1)), np.arange(num)
    validation, training = (
        generator.flow(x, y, subset=name, ignore_class_split=True).y.tolist()
        for name in ("validation", "training")
    )
    assert validation + training == y.tolist()
    assert len(validation) == int(share * num)


def test_beside_arrays_are_cut_like_the_images():
    generator = legacy.ImageDataGenerator(validation_split=(0.25, 0.25))
    x = np.arange(8.0).reshape(8, 1, 1, 1)
    for name in SUBSETS:
        flow = generator.flow([x, [np.arange(8), np.arange(8) * 2]], subset=name, batch_size=8)
        images, first, second = next(flow)
        np.testing.assert_array_equal(images.ravel(), first)
        np.testing.assert_array_equal(second, first * 2)


def test_subsets_of_arrays_must_hold_all_classes():
    generator = legacy.ImageDataGenerator(validation_split=(0.25, 0.25))
    x, y = np.zeros((8, 1, 1, 1)), [0, 1, 0, 0, 1, 0, 1, 1]
    assert generator.flow(x, y, subset="validation").n == 2
    assert generator.flow(x, y, subset="training").n == 4
    with pytest.raises(ValueError, match="ignore_class_split"):
        generator.flow(x, y, subset="test")
    assert generator.flow(x, y, subset="test", ignore_class_split=True).n == 2


def test_an_empty_subset_of_arrays_names_validation_split():
    with pytest.raises(ValueError, match=r"empty\. Pass validation_split"):
        legacy.ImageDataGenerator().flow(np.zeros((4, 8, 8, 3)), np.arange(4), subset="validation")


def ways(generator, folder):
    files = [f"100/{number:03d}.png" for number in range(10)]
    frame = pd.DataFrame({"filename": files, "class": ["a", "b"] * 5})
    x = np.zeros((4, 2, 2, 1))
    return {
        "arrays": lambda **options: generator.flow(x, **options),
        "directory": lambda **options: generator.flow_from_directory(folder, **options),
        "dataframe": lambda **options: generator.flow_from_dataframe(frame, folder, **options),
    }


WAYS = ["arrays", "directory", "dataframe"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("split", [0.25, 0.0])
def test_a_test_subset_without_two_shares_is_refused_with_a_hint(folder, way, split):
    flow = ways(legacy.ImageDataGenerator(validation_split=split), folder)[way]
    hint = r"'test' is not one of 'validation', 'training'.*validation_split=\(0\.15, 0\.15\)"
    with pytest.raises(ValueError, match=hint):
        flow(subset="test")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("split", [0.25, (0.25, 0.25)])
def test_an_unknown_subset_is_refused_and_the_known_ones_are_named(folder, way, split):
    flow = ways(legacy.ImageDataGenerator(validation_split=split), folder)[way]
    with pytest.raises(ValueError, match=r"subset='val' is not one of .*'validation'.*'training'"):
        flow(subset="val")


@pytest.mark.parametrize(
    "split",
    [(0.5, 0.5), (0.9, 0.2), (0, 0.5), (0.5, 0), (-0.1, 0.2), (0.1,), (0.1, 0.2, 0.3), 1.0, -1],
)
def test_shares_that_leave_nothing_are_refused(split):
    with pytest.raises(ValueError, match="validation_split="):
        legacy.ImageDataGenerator(validation_split=split)


# The warning of augmented subsets


AUGMENTING = [
    {"rotation_range": 10},
    {"width_shift_range": 0.1},
    {"height_shift_range": [1, 2]},
    {"shear_range": 5},
    {"zoom_range": 0.1},
    {"zoom_range": (1, 1.5)},
    {"channel_shift_range": 3},
    {"brightness_range": (0.5, 1)},
    {"horizontal_flip": True},
    {"vertical_flip": True},
]
HARMLESS = [
    {},
    {"rescale": 1 / 255, "samplewise_center": True, "fill_mode": "wrap"},
    {"zoom_range": 0, "width_shift_range": 0},
    {"zoom_range": (1, 1)},
    {"preprocessing_function": abs},
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("subset", ["validation", "test"])
@pytest.mark.parametrize("options", AUGMENTING)
def test_an_augmented_subset_is_warned_of_once_a_generator_with_the_remedy(
    folder, options, subset, way
):
    for _ in range(2):
        generator = legacy.ImageDataGenerator(**options, validation_split=(0.3, 0.3))
        flow = ways(generator, folder)[way]
        flow(subset="training")
        remedy = f'subset="{subset}".*second ImageDataGenerator.*no augmentation'
        with pytest.warns(KerasTrapWarning, match=remedy) as caught:
            flow(subset=subset)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for again in SUBSETS:
                flow(subset=again)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("options", HARMLESS)
def test_a_subset_that_is_not_augmented_is_not_warned_of(folder, options, way):
    generator = legacy.ImageDataGenerator(**options, validation_split=(0.3, 0.3))
    for subset in (*SUBSETS, None):
        ways(generator, folder)[way](subset=subset)  # warnings are errors here


@pytest.mark.parametrize("way", WAYS)
def test_training_on_augmented_images_is_not_warned_of(folder, way):
    generator = legacy.ImageDataGenerator(rotation_range=10, validation_split=0.3)
    for subset in ("training", None):
        ways(generator, folder)[way](subset=subset)


# Options refused


@pytest.mark.parametrize("way", WAYS[1:])
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("cache", "disk", "cache='disk' is neither"),
        ("cache", "RAM", "cache='RAM' is neither"),
        ("cache", True, "cache=True is of type bool"),
        ("on_error", "ignore", "on_error='ignore' is not one of 'raise', 'skip', 'substitute'"),
        ("on_error", "Skip", r"Did you mean 'skip'\?"),
        ("on_error", None, "on_error=None is not one of"),
        ("color_mode", "RGB", r"not one of 'rgb', 'rgba', 'grayscale'\. Did you mean 'rgb'\?"),
        ("class_mode", "catagorical", r"Did you mean 'categorical'\?"),
        ("workers", -1, "workers=-1 must be a whole number of 0 or more, or None"),
    ],
)
def test_what_is_not_an_option_is_refused_and_those_that_are_get_named(
    folder, way, option, value, message
):
    flow = ways(legacy.ImageDataGenerator(), folder)[way]
    with pytest.raises(OptionError, match=message):
        flow(**{option: value})


@pytest.mark.parametrize("way", WAYS[:2])
@pytest.mark.parametrize("option", ["worker", "sample_weigth", "max_queue_size"])
def test_a_misspelt_argument_is_refused(folder, way, option):
    with pytest.raises(TypeError, match=option):
        ways(legacy.ImageDataGenerator(), folder)[way](**{option: 1})


def test_a_misspelt_argument_of_flow_from_dataframe_is_ignored_as_in_keras_with_a_warning(folder):
    flow = ways(legacy.ImageDataGenerator(), folder)["dataframe"]
    with pytest.warns(KerasTrapWarning, match="no argument 'sample_weigth', and ignores it"):
        flow(sample_weigth=1)


@pytest.mark.parametrize("name", ["has_ext", "sort", "drop_duplicates"])
def test_arguments_that_keras_deprecates_are_warned_of(folder, name):
    with pytest.warns(DeprecationWarning, match=name):
        ways(legacy.ImageDataGenerator(), folder)["dataframe"](**{name: True})
