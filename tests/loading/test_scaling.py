"""Scaling of values: rescale, mean and std, and functions of Keras and of the user's."""

import pickle
import warnings

import keras
import numpy as np
import pytest

import imggen
from imggen import ImageSequence
from imggen.errors import AugmentationError, ImggenWarning, OptionError, SampleError
from imggen.loading import Scaling, import_function, import_name
from tests.helpers.cases import each_case

SIZE = (8, 9)
IMAGENET = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
IDENTITIES = ["efficientnet", "efficientnet_v2", "convnext", "mobilenet_v3"]
OTHERS = [
    *["resnet", "vgg16", "vgg19", "inception_v3", "inception_resnet_v2", "mobilenet"],
    *["mobilenet_v2", "nasnet", "resnet_v2", "xception", "densenet"],
]


def function_of(name):
    return getattr(keras.applications, name).preprocess_input


def sequence_of(photos, **options):
    options = {"image_size": SIZE, "batch_size": 5, "shuffle": False, "workers": 0, **options}
    return imggen.from_directory(photos, **options)


def batch_of(photos, **options):
    return sequence_of(photos, **options)[0][0]


RANDOM = np.random.default_rng(0)


def own(x):
    return x / 2 - 1


def test_values_are_scaled_as_numpy_scales_them(photos):
    plain = batch_of(photos).astype(np.float64)
    mean, std = IMAGENET
    cases = [
        ({"rescale": "-1to1"}, plain / 127.5 - 1),
        ({"mean": "imagenet", "std": "imagenet"}, (plain / 255 - mean) / std),
        ({"mean": "imagenet"}, plain / 255 - mean),
        ({"std": [0.5, 0.25, 1]}, plain / 255 / [0.5, 0.25, 1]),
        ({"mean": 0.5, "std": np.float32(0.25), "rescale": 1 / 255}, (plain / 255 - 0.5) / 0.25),
        ({"mean": np.array([0.1, 0.2, 0.3])}, plain / 255 - [0.1, 0.2, 0.3]),
        ({"preprocess": own}, plain / 2 - 1),
        ({"preprocess": own, "rescale": 1 / 255}, plain / 255 / 2 - 1),
    ]
    for options, expected in cases:
        for dtype, tolerance in (("float32", 2e-6), ("float64", 1e-12), ("float16", 1e-2)):
            last = batch_of(photos, **options, dtype=dtype)
            first = batch_of(photos, **options, dtype=dtype, data_format="channels_first")
            assert str(last.dtype) == str(first.dtype) == dtype
            assert np.abs(last - expected).max() < tolerance * np.abs(expected).max(), options
            assert np.array_equal(first, np.moveaxis(last, -1, 1)), options
    assert batch_of(photos, rescale="-1to1", image_size=(24, 20)).max() == 1.0


@pytest.mark.parametrize("cache", [None, "ram"])
def test_every_preprocess_input_gives_what_keras_gives(photos, cache):
    plain = batch_of(photos)
    for name in (*IDENTITIES, *OTHERS):
        for data_format in ("channels_last", "channels_first"):
            with sequence_of(
                photos, preprocess=function_of(name), data_format=data_format, cache=cache
            ) as sequence:
                served = [sequence[0][0] for _ in range(2)]
            expected = function_of(name)(plain.copy(), data_format="channels_last")
            expected = expected if data_format == "channels_last" else np.moveaxis(expected, -1, 1)
            for x in served:
                assert np.array_equal(x, expected), (name, data_format)
                assert min(x.strides) > 0
                assert x.flags.c_contiguous


def test_augmented_mixed_and_further_inputs_are_scaled_last(photos):
    augment = [imggen.augment.RandomFlip(), imggen.augment.MixUp()]
    for options in ({"preprocess": own}, {"mean": 0.25, "std": 0.5}, {"rescale": "-1to1"}):
        plain = batch_of(photos, augment=augment, seed=1).astype(np.float64)
        served = batch_of(photos, augment=augment, seed=1, **options)
        expected = {
            "preprocess": plain / 2 - 1,
            "mean": (plain / 255 - 0.25) / 0.5,
            "rescale": plain / 127.5 - 1,
        }[next(iter(options))]
        assert np.abs(served - expected).max() < 1e-4
    inputs = {"other": photos}
    x, y = sequence_of(photos, input_dirs=inputs, preprocess=own, label_mode="input")[0]
    assert np.array_equal(x["other"], x["image"])
    assert np.array_equal(y, batch_of(photos) / 2 - 1)


def test_worker_processes_and_pickles_keep_the_function(photos):
    scaling = sequence_of(photos, preprocess=function_of("vgg16"), mean=None).batch_maker.scaling
    assert pickle.loads(pickle.dumps(scaling)) == scaling == Scaling(preprocess=scaling.preprocess)


def test_only_scaling_twice_is_warned_of(photos):
    for name in (*IDENTITIES, "resnet", "mobilenet_v2"):
        for options in ({"rescale": 1 / 255}, {"mean": "imagenet"}, {"rescale": "-1to1"}):
            with pytest.warns(ImggenWarning, match="scale twice"):
                sequence_of(photos, preprocess=function_of(name), **options)
    with pytest.warns(ImggenWarning, match=r"convnext.preprocess_input changes nothing, since"):
        sequence_of(photos, preprocess=function_of("convnext"), rescale=1 / 255)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sequence_of(photos, preprocess=function_of("convnext"))
        sequence_of(photos, preprocess=own, rescale=1 / 255)


@each_case(
    "options, message",
    [
        ({"rescale": "0to1"}, r"rescale='0to1' must be a number, such as 1 / 255, \"-1to1\""),
        ({"rescale": "-1to1", "mean": 0.5}, "cannot be combined with mean= and std="),
        ({"rescale": 1.0, "mean": 0.5}, r"rescale=1.0 contradicts mean= and std="),
        ({"mean": "image_net"}, "Did you mean 'imagenet'"),
        ({"mean": [0.5, 0.5]}, r"mean=\[0.5, 0.5\] has 2 values; expected one, or one per channel"),
        ({"mean": []}, r"mean=\[\] has 0 values"),
        ({"mean": (123.68, 116.78, 103.94)}, "divide one of gray levels by 255"),
        ({"mean": float("nan")}, "mean=nan must be a number"),
        ({"mean": True}, "mean=True"),
        ({"std": 0}, "std=0 must be a number above 0"),
        ({"std": [1, -1, 1]}, "std=-1 must be a number above 0"),
        ({"std": "imagenet", "color_mode": "grayscale"}, "has 3 values; expected one, or one per"),
        ({"mean": 0.5, "dtype": "uint8"}, r'mean=\(0.5,\) needs a float dtype; got dtype="uint8"'),
        ({"rescale": "-1to1", "dtype": "uint8"}, "needs a float dtype"),
        ({"preprocess": own, "dtype": "uint8"}, "needs a float dtype"),
        ({"preprocess": 3}, "preprocess=3 is of type int"),
    ],
)
def test_options_that_contradict_each_other_are_refused(photos, options, message):
    with pytest.raises(OptionError, match=message):
        sequence_of(photos, **options)


def writes(x):
    x -= 1
    return x


def writes_and_copies(x):
    x[:] = 0
    return x + 1


@each_case(
    "function, message",
    [
        (lambda x: x[:, :4], r"returned float32 of shape \(2, 4, 9, 3\)"),
        (lambda x: x.mean(axis=-1), "expected floats of the same shape"),
        (lambda x: x.astype(np.uint8), "returned uint8"),
        (lambda x: x > 3, "returned bool"),
        (lambda x: None, "returned object"),
        (lambda x: x / 0, "returned NaN or infinite values"),
        (lambda x: np.log(x), "returned NaN or infinite values"),
        (lambda x: x + np.nan, "returned NaN or infinite values"),
        (writes, "writes writes into its argument. Return a new array"),
        (writes_and_copies, "writes into its argument"),
        (lambda x: x[5], "raised IndexError"),
        (lambda: 1, "has other parameters"),
        (lambda x: x - x.mean(), "other values for an image alone than in a batch"),
        (lambda x: x * RANDOM.random(), "or random ones"),
    ],
)
def test_a_function_that_breaks_the_contract_is_refused(photos, function, message):
    with pytest.raises(OptionError, match=message):
        sequence_of(photos, preprocess=function)
    loader = {"loader": lambda path: np.ones((8, 9, 3)), "image_size": None}
    with pytest.raises((OptionError, SampleError)):
        batch_of(photos, **loader, preprocess=function)


def test_values_that_are_not_finite_for_the_first_batch_only_are_refused(photos):
    (photos / "cat/001.png").write_bytes((photos / "cat/001.png").read_bytes())
    from PIL import Image

    Image.new("RGB", (9, 8)).save(photos / "cat/001.png")

    def standardize(x):
        with np.errstate(all="ignore"):
            return x / x.max(axis=(1, 2, 3), keepdims=True)

    with pytest.raises(SampleError, match=r"standardize returned NaN.* for image 1 of the first"):
        batch_of(photos, preprocess=standardize)


def test_arrays_of_a_loader_are_scaled_and_not_written_to(photos):
    shared = np.full((4, 5, 2), 0.5, np.float32)
    options = {"loader": lambda path: shared, "image_size": None}
    assert (batch_of(photos, **options, preprocess=own) == -0.75).all()
    x = batch_of(photos, **options, rescale=1, mean=[0.5, 0.25], std=0.5)
    assert (x == [0.0, 0.5]).all()
    assert (shared == 0.5).all()
    with pytest.raises(OptionError, match="Pass rescale=1 / 255 with a loader= that"):
        sequence_of(photos, **options, mean=0.5)
    with pytest.raises(SampleError, match=r"have 3 values, but a batch has shape \(5, 4, 5, 2\)"):
        batch_of(photos, **options, rescale=1, mean="imagenet")


def test_an_augmentation_that_returns_floats_is_told_where_scaling_belongs(photos):
    with pytest.raises(AugmentationError) as caught:
        batch_of(photos, augment=lambda image: image / 255.0)
    assert "rescale=, mean= and std=, or preprocess= of the sequence" in str(caught.value)
    assert "clip" not in str(caught.value)


def test_pictures_of_a_batch_do_not_depend_on_scaling(photos):
    plain = np.asarray(sequence_of(photos).show_batch())
    for options in ({"rescale": 1 / 255}, {"rescale": "-1to1"}, {"mean": "imagenet"},
                    {"preprocess": function_of("vgg16")}):  # fmt: skip
        assert np.array_equal(np.asarray(sequence_of(photos, **options).show_batch()), plain)


def test_functions_are_named_by_how_they_are_imported():
    vgg16 = function_of("vgg16")
    assert import_name(vgg16) == "keras.applications.vgg16:preprocess_input"
    assert import_name(own) == "tests.loading.test_scaling:own"
    for function in (vgg16, own):
        assert import_function(import_name(function)) is function

    def local(x):
        return x

    main = type(own)(own.__code__, {"__name__": "__main__"})
    for other in (lambda x: x, local, np.negative, ImageSequence.__len__, print, main, "own"):
        assert import_name(other) is None
    names = ["os:remove", "pickle:loads", "tests.loading.test_scaling:SIZE", "no_such:f", "os:"]
    names += ["__main__:own", "os.path:join.x", "imggen.loading:import_name", "", ":", "..a:b"]
    for name in names:
        with pytest.raises(OptionError):
            import_function(name)
