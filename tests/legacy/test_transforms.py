"""Transforming single images: Keras's own functions and class are the oracle, bit for bit."""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import itertools
import warnings

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as theirs

from imggen import legacy as ours
from imggen.errors import KerasTrapWarning
from tests.helpers.cases import each_case

pytestmark = pytest.mark.filterwarnings(
    "ignore:Please import `affine_transform` from the `scipy.ndimage` namespace:DeprecationWarning"
)

AXES = {  # row, col, channel
    "channels last": (0, 1, 2),
    "channels last, transposed": (1, 0, 2),
    "channels first": (1, 2, 0),
    "channels first, transposed": (2, 1, 0),
}
FILL_MODES = ["nearest", "reflect", "constant", "wrap", "mirror"]
DTYPES = ["float32", "float64", "uint8", "int32"]


def noise(*shape, dtype="float32", seed=0, low=0, high=255):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(dtype)


def named_axes(name):
    return dict(zip(("row_axis", "col_axis", "channel_axis"), AXES[name], strict=True))


def picture(axes, dtype="float32"):
    """An image that is not square, three channels where ``axes`` has them."""
    shape = [12, 17, 3] if AXES[axes][2] == 2 else [3, 12, 17]
    return noise(*shape, dtype=dtype)


def assert_same_bits(came, expected):
    assert came.dtype == expected.dtype
    assert came.shape == expected.shape
    assert came.tobytes() == expected.tobytes()


def of_both(call):
    """What ``call`` returns, warns of and leaves of chance, for Keras and for imggen."""
    outcomes = []
    for module in (theirs, ours):
        np.random.seed(5)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            try:
                result = call(module)
            except Exception as err:  # noqa: BLE001 - compared
                result = err
        # Of options without fit, imggen has a warning of its own, once per generator.
        kinds = [
            warning.category
            for warning in caught
            if not issubclass(warning.category, KerasTrapWarning)
            and "been fit" not in str(warning.message)
        ]
        outcomes.append((result, kinds, np.random.random()))
    return outcomes


def assert_alike(call):
    (expected, their_warnings, their_chance), (came, our_warnings, our_chance) = of_both(call)
    if isinstance(expected, Exception):
        assert type(expected) in type(came).__mro__, came
        return came
    assert_same_bits(np.asarray(came), np.asarray(expected))
    assert our_warnings == their_warnings
    assert our_chance == their_chance
    return came


# Functions


@each_case("dtype", DTYPES)
@each_case("axes", AXES)
@each_case(
    "parameters",
    [
        {},
        {"theta": 30},
        {"theta": -123.4},
        {"tx": 3},
        {"ty": -2.25},
        {"tx": 0.5, "ty": 40},
        {"shear": 25},
        {"zx": 0.8},
        {"zx": 1.3, "zy": 0.7},
        {"zx": -1},
        {"theta": 10, "tx": 2.5, "ty": -3, "shear": -15, "zx": 1.1, "zy": 0.9},
    ],
)
def test_an_affine_transform_is_keras_bit_for_bit(parameters, axes, dtype):
    x = picture(axes, dtype)
    call = parameters | named_axes(axes)
    came = assert_alike(lambda module: module.apply_affine_transform(x, **call))
    assert (came is x) == (parameters == {})  # nothing to do: no copy, in Keras either


@each_case("order", range(6))
@each_case("fill_mode", FILL_MODES)
@each_case("axes", ["channels last", "channels first"])
def test_modes_and_orders_of_an_affine_transform_are_keras(axes, fill_mode, order):
    x, call = picture(axes), named_axes(axes)
    assert_alike(
        lambda module: module.apply_affine_transform(
            x, 17, 3.5, -8, 5, 1.2, 0.8, **call, fill_mode=fill_mode, cval=41.5, order=order
        )
    )


def test_an_affine_transform_takes_keras_defaults_for_its_axes():
    x = noise(4, 9, 11)
    assert_alike(lambda module: module.apply_affine_transform(x, 20))


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((6, 7, 3), {"row_axis": 0, "col_axis": 0, "channel_axis": 2}),
        ((6, 7, 3), {"row_axis": 1, "col_axis": 2, "channel_axis": 3}),
        ((6, 7, 3), {"row_axis": 0, "col_axis": 2, "channel_axis": 1}),
        ((6, 7, 3), {"row_axis": -3, "col_axis": -2, "channel_axis": -1}),
        ((6, 7), {}),
        ((2, 6, 7, 3), {}),
        ((6, 7, 3), {"fill_mode": "sideways"}),
        ((6, 7, 3), {"order": 6}),
        ((6, 7, 3), {"order": -1}),
    ],
)
def test_what_an_affine_transform_cannot_take_raises_what_keras_does(shape, options):
    came = assert_alike(
        lambda module: module.apply_affine_transform(noise(*shape), theta=10, **options)
    )
    assert isinstance(came, Exception)


@each_case("dtype", DTYPES)
@each_case("axes", AXES)
@each_case(
    ("name", "arguments"),
    [
        ("random_rotation", (40,)),
        ("random_rotation", (0,)),
        ("random_shift", (0.3, 0.1)),
        ("random_shift", (0, 0.4)),
        ("random_shear", (30,)),
        ("random_zoom", ((0.6, 1.4),)),
        ("random_zoom", ([1, 1],)),
        ("random_zoom", ([2, 2],)),
    ],
)
def test_random_affine_functions_draw_and_compute_as_keras(name, arguments, axes, dtype):
    x, call = picture(axes, dtype), named_axes(axes)
    for fill_mode, order in (("nearest", 1), ("constant", 0), ("reflect", 3)):
        options = {"fill_mode": fill_mode, "cval": 9.0, "interpolation_order": order}
        assert_alike(lambda module, o=options: getattr(module, name)(x, *arguments, **call, **o))
    if AXES[axes] == (1, 2, 0):
        assert_alike(lambda module: getattr(module, name)(x, *arguments))


@each_case("dtype", [*DTYPES, "int8", "float16"])
@each_case("axis", [0, 1, 2])
@each_case("intensity", [0, 20, -60.5, 1000])
def test_a_channel_shift_is_keras(intensity, axis, dtype):
    x = noise(5, 6, 3, high=120).astype(dtype)
    assert_alike(lambda module: module.apply_channel_shift(x, intensity, channel_axis=axis))
    assert_alike(lambda module: module.random_channel_shift(x, abs(intensity), axis))


def test_a_channel_shift_works_on_the_first_axis_by_default_as_in_keras():
    x = noise(3, 5, 6)
    assert_alike(lambda module: module.apply_channel_shift(x, 12.5))
    assert_alike(lambda module: module.random_channel_shift(x, 12.5))


@each_case("scale", [True, False])
@each_case("channels", [1, 3, 4])
@each_case(("low", "high"), [(0, 255), (40, 90), (-30, 100), (0, 600), (-1, 1), (0, 0)])
@each_case("dtype", ["float32", "float64", "uint8"])
def test_a_brightness_shift_is_keras(dtype, low, high, channels, scale):
    if dtype == "uint8":
        low, high = max(low, 0), min(high, 255)
    x = noise(7, 8, channels, low=low, high=high, dtype=dtype)
    for brightness in (0, 0.4, 1, 1.7):
        assert_alike(lambda module, b=brightness: module.apply_brightness_shift(x.copy(), b, scale))
    assert_alike(lambda module: module.random_brightness(x.copy(), (0.2, 1.8), scale))
    assert_alike(lambda module: module.random_brightness(x.copy(), [0.2, 1.8]))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_a_flip_is_keras_and_like_it_a_view(axis):
    x = noise(5, 6, 3)
    came = assert_alike(lambda module: module.flip_axis(x, axis))
    assert np.shares_memory(came, x)
    assert_alike(lambda module: module.flip_axis(x.tolist(), axis))


@pytest.mark.parametrize(
    "call",
    [
        lambda module: module.random_zoom(noise(3, 5, 6), (0.5,)),
        lambda module: module.random_zoom(noise(3, 5, 6), (0.5, 1, 2)),
        lambda module: module.random_zoom(noise(3, 5, 6), 0.5),
        lambda module: module.random_brightness(noise(5, 6, 3), (0.5,)),
        lambda module: module.random_brightness(noise(5, 6, 3), 0.5),
        lambda module: module.apply_brightness_shift(noise(5, 6, 2), 0.5),
        lambda module: module.apply_brightness_shift(noise(5, 6), 0.5),
        lambda module: module.flip_axis(noise(5, 6, 3), 3),
        lambda module: module.apply_channel_shift(noise(5, 6, 3), 1, channel_axis=5),
        lambda module: module.random_shift(noise(5, 6), 0.1, 0.1),
    ],
)
def test_what_functions_cannot_take_raises_what_keras_does(call):
    assert isinstance(assert_alike(call), Exception)


def test_functions_leave_their_input_as_it_is():
    x = noise(3, 9, 10)
    before = x.copy()
    x.flags.writeable = False
    for name, arguments in {
        "apply_affine_transform": (20,),
        "apply_channel_shift": (20,),
        "random_rotation": (20,),
        "random_shift": (0.2, 0.2),
        "random_shear": (20,),
        "random_zoom": ((0.5, 2),),
        "random_channel_shift": (20,),
    }.items():
        getattr(ours, name)(x, *arguments)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", ["load_img", "save_img", "img_to_array", "array_to_img"])
def test_loading_and_saving_are_keras_own_functions(name):
    assert getattr(ours, name) is getattr(keras.preprocessing.image, name)


def test_every_name_of_keras_preprocessing_image_is_there():
    public = {name for name in vars(keras.preprocessing.image) if not name.startswith("_")}
    assert public - set(ours.__all__) == set()


def test_every_public_name_of_keras_legacy_module_is_there():
    public = {
        name
        for name, value in vars(theirs).items()
        if getattr(value, "__module__", None) == theirs.__name__ and not name.startswith("_")
    }
    assert public - set(ours.__all__) == {"transform_matrix_offset_center"}


@pytest.mark.parametrize("name", ["a.png", "A.PNG", "a.gif", "folder.png", "missing.png", "png"])
def test_a_file_name_is_valid_where_keras_has_it_so(tmp_path, name):
    for file in ("a.png", "A.PNG", "a.gif", "png"):
        (tmp_path / file).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    for formats in (("png", "jpg"), ("gif",), "png"):
        assert_alike(lambda module, f=formats: module.validate_filename(str(tmp_path / name), f))


# ImageDataGenerator


TRANSFORMS = [
    {},
    {"rotation_range": 40},
    {"width_shift_range": 0.2, "height_shift_range": 0.1},
    {"width_shift_range": 3, "height_shift_range": 2},
    {"width_shift_range": 2.5},
    {"height_shift_range": [-3, 0.5, 2], "width_shift_range": (1, 4)},
    {"height_shift_range": [0.1, 0.2]},
    {"shear_range": 20, "zoom_range": 0.3, "fill_mode": "reflect"},
    {"zoom_range": (0.5, 0.5), "interpolation_order": 0},
    {"horizontal_flip": True, "vertical_flip": True},
    {"channel_shift_range": 30, "fill_mode": "constant", "cval": 7},
    {"brightness_range": (0.3, 1.6)},
    {
        "rotation_range": 20,
        "width_shift_range": 0.2,
        "height_shift_range": 4,
        "shear_range": 10,
        "zoom_range": [0.7, 1.4],
        "channel_shift_range": 20,
        "brightness_range": [0.5, 1.5],
        "horizontal_flip": True,
        "vertical_flip": True,
        "fill_mode": "wrap",
    },
]


def made(module, options):
    return module.ImageDataGenerator(**options, **({"exact": True} if module is ours else {}))


@each_case("options", TRANSFORMS)
@each_case("data_format", ["channels_last", "channels_first"])
def test_parameters_are_drawn_as_keras_draws_them(data_format, options):
    options = {**options, "data_format": data_format}
    for seed, shape in itertools.product([None, 0, 1, 77], [(12, 17, 3), (3, 40, 20)]):
        expected, came = (
            repr(result)
            for result, *_ in of_both(
                lambda module, seed=seed, shape=shape: [
                    made(module, options).get_random_transform(shape, seed=seed),
                    made(module, options).get_random_transform(shape),
                ][0]
            )
        )
        assert came == expected


@each_case("dtype", ["float32", "float64", "uint8"])
@each_case("options", TRANSFORMS)
def test_images_are_transformed_as_keras_does_it(options, dtype):
    for seed in (None, 0, 1, 2, 3):
        x = noise(12, 17, 3, dtype=dtype)
        before = x.copy()
        results = of_both(
            lambda module, x=x, seed=seed: made(module, options).random_transform(x, seed=seed)
        )
        assert_same_bits(results[1][0], results[0][0])
        np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"theta": 30},
        {"flip_horizontal": True},
        {"flip_vertical": 1, "brightness": 0.5},
        {"channel_shift_intensity": -10, "zx": 0.5},
        {"tx": 2, "ty": 1, "shear": 3, "zy": 2, "unknown": 1},
    ],
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_parameters_given_are_applied_as_in_keras(data_format, parameters):
    x = noise(*((9, 10, 3) if data_format == "channels_last" else (3, 9, 10)))
    assert_alike(
        lambda module: made(module, {"data_format": data_format}).apply_transform(x, parameters)
    )


STANDARDS = [
    {},
    {"rescale": 1 / 255},
    {"samplewise_center": True},
    {"samplewise_center": True, "samplewise_std_normalization": True, "rescale": 2},
    {"featurewise_center": True},
    {"featurewise_center": True, "featurewise_std_normalization": True},
    {"featurewise_center": True, "zca_whitening": True},
    {"featurewise_center": True, "zca_whitening": True, "zca_epsilon": 0.1, "rescale": 1 / 9},
    {"preprocessing_function": lambda image: image[..., ::-1] * 2, "rescale": 0.5},
]


@pytest.mark.parametrize("shape", [(6, 7, 3), (4, 6, 7, 3)])
@pytest.mark.parametrize("is_fit", [False, True])
@pytest.mark.parametrize("options", STANDARDS)
def test_standardizing_is_keras_and_in_place_where_keras_is(options, is_fit, shape):
    def standardized(module):
        generator = made(module, options)
        if is_fit:
            generator.fit(noise(9, 6, 7, 3, seed=4))
        x = noise(*shape)
        came = generator.standardize(x)
        return np.stack([came, x, np.full(shape, came is x, "float32")])

    assert_alike(standardized)


@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ({"rescale": 0.5}, "uint8"),
        ({"rescale": 2}, "uint8"),
        ({"samplewise_center": True}, "int32"),
        ({"samplewise_center": True}, "float16"),
    ],
)
def test_standardizing_other_dtypes_is_keras_or_fails_as_keras_does(options, dtype):
    x = noise(5, 6, 3, dtype=dtype)
    assert_alike(lambda module: made(module, options).standardize(x.copy()))


@pytest.mark.parametrize(
    "fit", [{}, {"augment": True}, {"augment": True, "rounds": 3}, {"augment": True, "seed": 8}]
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_what_fit_finds_is_what_keras_finds(data_format, fit):
    options = {
        "featurewise_center": True,
        "featurewise_std_normalization": True,
        "rescale": 1 / 255,
        "rotation_range": 30,
        "zoom_range": 0.2,
        "data_format": data_format,
    }
    x = noise(5, 6, 7, 3) if data_format == "channels_last" else noise(5, 3, 6, 7)
    before = x.copy()

    def found(module):
        generator = made(module, options)
        generator.fit(x, **fit)
        return np.stack([generator.mean, generator.std])

    assert_same_bits(*(result for result, *_ in of_both(found)))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("shape", [(6, 7, 3), (2, 5, 6, 2)])
def test_fit_refuses_and_warns_as_keras_does(shape):
    def found(module):
        generator = module.ImageDataGenerator(featurewise_center=True)
        generator.fit(noise(*shape))
        return generator.mean

    assert_alike(found)
