"""Odd values for every parameter of the drop-in: Keras's own class says which are accepted.

What Keras accepts gives the same batches; anything else is an error that names the argument.
"""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import inspect

import keras.src.legacy.preprocessing.image as theirs
import numpy as np
import pandas as pd
import pytest

from imggen import ImageDataGenerator, legacy
from imggen.errors import ImggenError
from tests.helpers.images import write_images
from tests.test_fuzz_arguments import ODD

MORE = [2, 0.2, -0.5, (0.5, 1.5), [1, 2], "rgb", "nearest", "float16", "training", "categorical"]
MORE += [np.float32(0.3), ["cat", "dog"], {"cat": 0, "dog": 1}, "png"]
X = np.arange(4 * 6 * 6 * 3, dtype=np.float32).reshape(4, 6, 6, 3) % 255
Y = np.array([0, 1, 0, 1])
FILES = {"target_size": (6, 6), "batch_size": 3, "seed": 1}
# An error about the content of an argument may show it in place of its name.
OTHER_NAMES = {"dataframe": "dataframe", "directory": "No images were found", "x": "x["}
# Their other parameters are those of the methods of ImageDataGenerator.
CLASSES = {"NumpyArrayIterator": ("image_data_generator", "data_format", "dtype")}
OF_IMAGES = {
    "random_shift": {"wrg": 0.1, "hrg": 0.1},
    "random_zoom": {"zoom_range": (0.5, 1.5)},
    "random_brightness": {"brightness_range": (0.5, 1)},
    "apply_channel_shift": {"intensity": 3},
    "apply_brightness_shift": {"brightness": 0.5},
    "apply_affine_transform": {"theta": 10},
    "flip_axis": {"axis": 0},
}


def cases(module, folder):
    """Yields name, function, the function with its parameters, and valid arguments."""
    make = module.ImageDataGenerator
    options = {"rotation_range": 10, "validation_split": 0.5}
    frame = pd.DataFrame(
        {"filename": ["cat/000.png", "cat/001.png", "dog/000.png", "dog/001.png"]}
    ).assign(**{"class": ["a", "a", "b", "b"], "weight": 1.0})
    table = {"dataframe": frame, "directory": folder, **FILES}
    generator = make(**options)
    for name, valid in (
        ("flow", {"x": X, "y": Y, "batch_size": 3, "seed": 1}),
        ("flow_from_directory", {"directory": folder, **FILES}),
        ("flow_from_dataframe", table),
    ):
        yield name, getattr(generator, name), valid

    def generate(**options):
        return make(**options).flow(X.copy(), Y, batch_size=3, seed=1)

    generate.__signature__ = inspect.signature(make)
    yield "ImageDataGenerator", generate, {}
    arrays = {"x": X, "y": Y, "image_data_generator": generator, "batch_size": 3, "seed": 1}
    yield "NumpyArrayIterator", module.NumpyArrayIterator, arrays

    class Numbers(module.Iterator):
        def _get_batches_of_transformed_samples(self, index_array):
            return np.asarray(index_array)

    yield "Iterator", Numbers, {"n": 4, "batch_size": 3, "shuffle": False, "seed": 1}
    image = {"x": X[0].copy()}
    yield (
        "get_random_transform",
        generator.get_random_transform,
        {"img_shape": (6, 6, 3), "seed": 1},
    )
    yield "random_transform", generator.random_transform, {**image, "seed": 1}
    parameters = {"transform_parameters": {"theta": 10}}
    yield "apply_transform", generator.apply_transform, {**image, **parameters}
    for name, valid in OF_IMAGES.items():
        yield name, getattr(module, name), {**image, **valid}


@pytest.mark.filterwarnings("ignore")
def test_an_odd_argument_has_the_batches_of_keras_or_is_named(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    folder = write_images(tmp_path / "photos", {"cat": 2, "dog": 2})
    wrong, count = [], 0
    both = zip(cases(legacy, folder), cases(theirs, folder), strict=True)
    for (name, function, valid), (_, keras_function, keras_valid) in both:
        known = set(inspect.signature(keras_function).parameters)
        for parameter in inspect.signature(function).parameters:
            if parameter == "kwargs" or (name in CLASSES and parameter not in CLASSES[name]):
                continue
            for value in [*ODD, *MORE] if name.startswith(("flow", "Image")) else ODD:
                count += 1
                problem = try_call(function, valid, parameter, value)
                if parameter in known:
                    problem = compare(
                        problem, outcome(keras_function, {**keras_valid, parameter: value})
                    )
                if isinstance(problem, str):
                    wrong.append(f"{name}({parameter}={value!r}): {problem}")

    assert count > 3000
    assert not wrong, "\n".join(wrong)


def try_call(function, valid, parameter, value):
    """Returns the batches, an error that is right, or in words what is wrong with it."""
    result = outcome(function, {**valid, parameter: value})
    if not isinstance(result, Exception):
        return result
    words = (parameter, OTHER_NAMES.get(parameter, parameter))
    is_ours = isinstance(result, ImggenError | OSError) or str(result).startswith(f"{parameter}=")
    is_named = any(word in str(result) for word in words)
    return result if is_named or (is_ours and shows(result, value)) else f"{result!r}"


def shows(err, value):
    return isinstance(value, str) and repr(value)[1:-1] in str(err)


def compare(ours, expected):
    if isinstance(expected, Exception):
        return ours
    if isinstance(ours, str | Exception):
        return f"Keras accepts it: {ours!r}"
    return None if is_same(ours, expected) else "other batches than Keras's"


def outcome(function, arguments):
    """Two batches, or the result of a function, or its error."""
    np.random.seed(0)
    try:
        result = function(**arguments)
        return [next(result), result[0]] if hasattr(result, "batch_index") else result
    except Exception as err:  # noqa: BLE001 - compared
        return err


def is_same(one, other):
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict):
        return str(one) == str(other)
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    return one.dtype == other.dtype and np.allclose(one, other, atol=0.05, equal_nan=True)


def test_an_error_of_the_users_own_code_stays_as_it_is():
    def fail(image):
        raise error

    for error in (ValueError("mine"), KeyError("mine"), LookupError()):
        batches = ImageDataGenerator(rescale=2, preprocessing_function=fail).flow(X)
        with pytest.raises(type(error)) as raised:
            next(batches)
        assert raised.value is error

    class Own(ImageDataGenerator):
        def apply_transform(self, x, transform_parameters):
            raise error

    with pytest.raises(LookupError) as raised:
        Own().random_transform(X[0])
    assert raised.value is error


def test_a_named_error_is_caught_like_the_one_of_keras():
    for kind, name, call in (
        (RuntimeError, "fill_mode", lambda: legacy.random_shift(X[0], 0.1, 0.1, fill_mode="no")),
        (ZeroDivisionError, "batch_size", lambda: ImageDataGenerator().flow(X, batch_size=0)[0]),
        (OverflowError, "rotation_range", lambda: next(rotate(float("inf")))),
        (TypeError, "seed", lambda: ImageDataGenerator().flow(X, seed="1")),
        (np.exceptions.AxisError, "axis", lambda: legacy.flip_axis(X[0], 3)),
    ):
        with pytest.raises(kind, match=f"^{name}=") as raised:
            call()
        assert isinstance(raised.value, ImggenError)


def rotate(rotation_range):
    return ImageDataGenerator(rotation_range=rotation_range).flow(X)


def test_naming_an_argument_draws_no_random_number():
    def draw(module):
        np.random.seed(3)
        with pytest.raises(OverflowError):
            next(module.ImageDataGenerator(shear_range=float("inf")).flow(X, shuffle=False))
        return np.random.random()

    assert draw(legacy) == draw(theirs)
