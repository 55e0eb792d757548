"""Names of classes for scores, and Keras layers in place of settings."""

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen.errors import OptionError, PreprocessingError

# Of TensorFlow and torch, when Keras reads weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def sequence_of(photos, **options):
    return imggen.from_directory(photos, image_size=(8, 9), workers=0, **options)


def test_scores_are_named_in_order(photos):
    prep = sequence_of(photos, class_names=["dog", "cat"]).preprocessing
    assert prep.decode_predictions([[0.25, 0.75], [0.5, 0.5]]) == [
        [("cat", 0.75), ("dog", 0.25)],
        [("dog", 0.5), ("cat", 0.5)],
    ]
    assert prep.decode_predictions(np.array([0.25, 0.75]), top=1) == [[("cat", 0.75)]]
    assert prep.decode_predictions(keras.ops.convert_to_tensor([[0.25]])) == [
        [("dog", 0.75), ("cat", 0.25)]
    ]
    three = sequence_of(photos, labels=None, class_names=["a", "b", "c"]).preprocessing
    assert three.decode_predictions([[0, 1, 0]], top=9)[0][0] == ("b", 1.0)


def test_scores_that_do_not_fit_are_refused(photos):
    prep = sequence_of(photos).preprocessing
    for scores in ([[0.1, 0.2, 0.7]], [[[0.5, 0.5]]], [["a", "b"]], 0.5, [[1j, 0]]):
        with pytest.raises(OptionError, match="one score for each of the classes"):
            prep.decode_predictions(scores)
    for scores in ([[3.0, -1.0]], [[np.nan, 0.5]], [[200.0]]):
        with pytest.raises(OptionError, match="expected probabilities"):
            prep.decode_predictions(scores)
    with pytest.raises(OptionError, match="top=0"):
        prep.decode_predictions([[0.5, 0.5]], top=0)
    nameless = sequence_of(photos, labels=None).preprocessing
    with pytest.raises(OptionError, match="no class names"):
        nameless.decode_predictions([[0.5, 0.5]])


def test_scores_of_several_outputs_are_a_dictionary(photos):
    frame = pd.DataFrame({"path": ["cat/000.png"], "kind": ["cat"], "age": [1.0]})
    prep = imggen.from_dataframe(
        frame, y_col=None, targets={"kind": "int", "age": "regression"}, root=photos
    ).preprocessing
    assert prep.class_names == ()
    assert prep.decode_predictions({"kind": [[1.0]], "age": [[3.0]]}) == {"kind": [[("cat", 1.0)]]}
    for scores, given in (
        ([[[1.0]], [[3.0]]], "is list"),
        ({"age": [[3.0]]}, "has the keys .'age'"),
    ):
        with pytest.raises(OptionError, match=rf"scores {given}.*dictionary with the key 'kind'"):
            prep.decode_predictions(scores)


def call(layers, image):
    x = keras.ops.convert_to_tensor(np.asarray(image, np.float32)[None])
    for layer in layers:
        x = layer(x)
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({}, 1.01),
        ({"interpolation": "nearest", "rescale": 2.0}, 0),
        ({"interpolation": "bicubic", "crop_to_aspect_ratio": True, "rescale": 1 / 255}, 8 / 255),
        ({"rescale": "-1to1", "interpolation": "lanczos"}, 13 / 127),
        ({"mean": "imagenet", "std": "imagenet"}, 1.1 / 255 / 0.224),
        ({"std": 0.5}, 1.1 / 255 / 0.5),
        ({"preprocess": keras.applications.densenet.preprocess_input}, 1.1 / 255 / 0.224),
        ({"preprocess": keras.applications.resnet_v2.preprocess_input}, 1.1 / 127),
        ({"preprocess": keras.applications.efficientnet.preprocess_input}, 1.01),
        ({"augment": imggen.augment.RandomCrop()}, 0),
    ],
)
def test_layers_do_what_the_settings_do(photos, tmp_path, options, tolerance):
    noise = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    smooth = Image.fromarray(noise).resize((15, 13), Image.Resampling.BICUBIC)
    prep = sequence_of(photos, **options).preprocessing
    if keras.backend.backend() == "torch" and "lanczos" in options.values():
        with pytest.raises(PreprocessingError, match="torch does not resize by it"):
            prep.to_keras_layers()
        return
    expected = prep(smooth)
    made = call(prep.to_keras_layers(), smooth)
    assert made.shape == expected.shape
    assert np.abs(made - expected).max() <= tolerance
    x = keras.Input((None, None, 3))
    outputs = x
    for layer in prep.to_keras_layers():
        outputs = layer(outputs)
    model = keras.Model(x, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.allclose(loaded(np.asarray(smooth)[None].astype("float32")), made, atol=1e-5)


def test_what_keras_has_no_layer_for_is_refused(photos):
    cases = [
        ({"interpolation": "hamming"}, "interpolation='hamming' cannot be exported"),
        ({"preprocess": keras.applications.vgg16.preprocess_input}, "the order of the channels"),
        ({"preprocess": lambda x: x / 2}, "it is not a layer"),
        ({"pad_to_aspect_ratio": True, "color_mode": "rgba"}, "pads opaquely"),
        ({"augment": imggen.augment.CenterCrop(source_size=9)}, "source_size=9 cannot be exported"),
    ]
    for options, message in cases:
        with pytest.raises(PreprocessingError, match=message):
            sequence_of(photos, **options).preprocessing.to_keras_layers()
    loader = imggen.from_directory(photos, loader=lambda path: np.ones((2, 2, 3)))
    with pytest.raises(PreprocessingError, match="custom loader"):
        loader.preprocessing.to_keras_layers()
