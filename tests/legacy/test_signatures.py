"""What Keras's ImageDataGenerator and its companions are called with: the oracle."""

import inspect
import warnings

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as theirs

from imggen import legacy as ours
from imggen.errors import OptionTypeError
from tests.helpers.cases import case

FUNCTIONS = [
    "validate_filename",
    *("apply_affine_transform", "apply_brightness_shift", "apply_channel_shift", "flip_axis"),
    *("random_brightness", "random_channel_shift", "random_rotation", "random_shear"),
    *("random_shift", "random_zoom"),
]
METHODS = [
    *(f"ImageDataGenerator.{name}" for name in ("__init__", "flow", "flow_from_directory")),
    *(f"ImageDataGenerator.{name}" for name in ("flow_from_dataframe", "fit", "standardize")),
    *(f"ImageDataGenerator.{name}" for name in ("get_random_transform", "apply_transform")),
    "ImageDataGenerator.random_transform",
    *(f"{name}Iterator.__init__" for name in ("", "Directory", "NumpyArray", "DataFrame")),
    "Iterator._get_batches_of_transformed_samples",
    "BatchFromFilesMixin.set_processing_attrs",
]


@pytest.mark.parametrize("name", [*FUNCTIONS, *METHODS])
def test_keras_parameters_are_in_their_places_and_all_others_are_keyword_only(name):
    def parameters(module):
        target = module
        for part in name.split("."):
            target = getattr(target, part)
        return list(inspect.signature(target).parameters.values())

    def place(parameter):
        return parameter.name, parameter.kind, parameter.default

    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    expected = [place(one) for one in parameters(theirs) if one.kind in named]
    came = [place(one) for one in parameters(ours) if one.kind in named]
    extra = [one for one in parameters(ours) if one.kind not in named]
    assert came == expected
    assert {one.kind for one in extra} <= {
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    }
    assert all(
        one.default is not inspect.Parameter.empty
        for one in extra
        if one.kind is inspect.Parameter.KEYWORD_ONLY
    )


def test_an_iterator_takes_what_keras_pydataset_takes():
    options = set(inspect.signature(keras.utils.PyDataset.__init__).parameters) - {"self"}
    assert options <= set(inspect.signature(ours.Iterator.__init__).parameters)


# The constructor of ImageDataGenerator


GENERATORS = [
    {},
    {"zoom_range": 0.2},
    {"zoom_range": (0.5, 2)},
    {"zoom_range": [0.5, 2.0]},
    {"zoom_range": np.array([0.5, 2.0])},
    {"zoom_range": 0},
    {"rescale": 1 / 255, "rotation_range": 10, "fill_mode": "wrap", "cval": 3},
    {"brightness_range": (0.5, 1.5)},
    {"brightness_range": [0.5, 1.5], "dtype": "float64"},
    {"data_format": "channels_first"},
    {"data_format": "channels_last", "interpolation_order": 3},
    {"validation_split": 0.25},
    {"validation_split": 0},
    {"validation_split": None},
    {"width_shift_range": [-1, 2], "height_shift_range": 3},
    {"samplewise_center": True, "samplewise_std_normalization": True},
    {"samplewise_std_normalization": True},
    {"featurewise_std_normalization": True},
    {"featurewise_center": True, "featurewise_std_normalization": True},
    {"zca_whitening": True},
    {"zca_whitening": True, "featurewise_center": True},
    {"zca_whitening": True, "featurewise_center": True, "featurewise_std_normalization": True},
    {"zca_whitening": True, "samplewise_std_normalization": True, "zca_epsilon": 1e-3},
    {"zca_whitening": True, "featurewise_std_normalization": True},
    {"horizontal_flip": 1, "vertical_flip": "yes", "channel_shift_range": 7},
    # Refused
    {"data_format": "channels_middle"},
    {"validation_split": 1.0},
    {"validation_split": -0.1},
    {"validation_split": 7},
    {"zoom_range": (0.5,)},
    {"zoom_range": (0.5, 1, 2)},
    {"zoom_range": ("0.5", "1")},
    {"zoom_range": None},
    {"brightness_range": 0.5},
    {"brightness_range": (0.5,)},
    {"brightness_range": np.array([0.5, 1.5])},
    {"sidewise_center": True},
]


def outcome(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except Exception as err:  # noqa: BLE001 - compared
            result = err
    return result, [warning.category for warning in caught]


@pytest.mark.parametrize("options", GENERATORS)
def test_a_generator_has_keras_attributes_warnings_and_errors(options):
    expected, their_warnings = outcome(lambda: theirs.ImageDataGenerator(**options))
    came, our_warnings = outcome(lambda: ours.ImageDataGenerator(**options))
    assert our_warnings == their_warnings
    if isinstance(expected, Exception):
        assert type(expected) in type(came).__mro__
        return
    for name, value in vars(expected).items():
        assert repr(getattr(came, name)) == repr(value), name


def test_positional_arguments_mean_what_they_mean_in_keras():
    arguments = (True, True, True, True, False, 1e-5, 9, 0.1, 0.2, (0.5, 2), 3.0, 0.1, 4.0)
    arguments += ("wrap", 1.5, True, True, 0.5, None, "channels_last", 0.25, 0, "float64")
    expected = vars(theirs.ImageDataGenerator(*arguments))
    came = vars(ours.ImageDataGenerator(*arguments))
    assert {name: came[name] for name in expected} == expected


def test_an_error_of_pythons_own_names_the_argument():
    generator = ours.ImageDataGenerator()
    for call, name in [
        (lambda: generator.flow_from_directory(object()), "directory"),
        (lambda: generator.flow_from_dataframe("labels.csv"), "dataframe"),
        (lambda: ours.ImageDataGenerator(zoom_range=object()), "zoom_range"),
        (lambda: ours.ImageDataGenerator(validation_split="0.2"), "validation_split"),
        (lambda: ours.ImageDataGenerator(data_format=["channels_last"]), "data_format"),
    ]:
        with case(name), pytest.raises(OptionTypeError, match=f"^{name}="):
            call()


def test_what_keras_accepts_is_not_refused():
    generator = ours.ImageDataGenerator(horizontal_flip="yes", rotation_range=np.float32(3))
    assert generator.horizontal_flip == "yes"
