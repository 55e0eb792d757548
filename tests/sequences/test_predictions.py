"""Tables of predictions: what the output of a model means is found out, or asked for."""

import functools
import math
import os

import keras
import numpy as np
import pytest
from PIL import Image

import imggen
from imggen.errors import ImggenWarning, OptionError

GRAYS = [0, 60, 120, 180]
# The logits of each image: (slope, offset) of each unit, times the gray value / 60.
UNITS = [(1.0, -1.5), (-2.0, 1.0), (0.5, 0.25)]
LOGITS = [[slope * gray / 60 + offset for slope, offset in UNITS] for gray in GRAYS]


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def softmax(logits):
    return [math.exp(logit) / sum(map(math.exp, logits)) for logit in logits]


@pytest.fixture
def folder(tmp_path):
    """a/0.png, a/1.png, b/2.png, b/3.png, each of one gray value."""
    for number, gray in enumerate(GRAYS):
        path = tmp_path / "photos" / "ab"[number // 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (gray,) * 3).save(path)
    return tmp_path / "photos"


def sequence_of(folder, **options):
    chosen = {"image_size": (4, 4), "batch_size": 3, "workers": 0, **options}
    return imggen.from_directory(folder, **chosen)


def unlabelled(folder, **options):
    return sequence_of(folder, labels=None, **options)


def scores(units=(0, 1, 2), activation=None, name="scores"):
    """A layer that gives some columns of LOGITS, and then ``activation``."""
    slopes, offsets = zip(*(UNITS[unit] for unit in units), strict=True)
    layer = keras.layers.Dense(
        len(slopes),
        activation,
        name=name,
        kernel_initializer=lambda shape, dtype: np.array([slopes, *[[0.0] * len(slopes)] * 2]) / 60,
        bias_initializer=lambda shape, dtype: np.array(offsets),
    )
    return lambda x: layer(keras.layers.GlobalAveragePooling2D()(x))


def model_of(*outputs, loss=None):
    """A model of one output, or of several in a list."""
    x = keras.Input((4, 4, 3))
    made = [output(x) for output in outputs]
    model = keras.Model(x, made[0] if len(made) == 1 else made)
    if loss is not None:
        model.compile("sgd", loss)
    model.run_eagerly = True  # compiling takes longer
    return model


def columns_of(table):
    names = [name for name in table if name.startswith("p_")]
    return names, table[names].to_numpy()


ONE = (0,)
SECOND = [[1 - sigmoid(row[0]), sigmoid(row[0])] for row in LOGITS]
BINARY_LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
CATEGORICAL_LOGITS = keras.losses.CategoricalCrossentropy(from_logits=True)
FUNCTION = keras.losses.binary_crossentropy


# One unit is the second of two classes, or an error.


def test_a_class_name_that_is_not_utf_8_is_refused_before_any_image_is_loaded(folder):
    os.rename(folder / "b", os.fsencode(folder) + b"/b\xff")
    loaded = []

    def load(path):
        loaded.append(path)
        return imggen.load_image(path)

    model = model_of(scores(units=(0, 1), activation="softmax"))
    sequence = sequence_of(folder, loader=load, image_size=None)
    with pytest.raises(OptionError, match=r"'b\\udcff' is not valid UTF-8.*Rename the class"):
        sequence.predict(model)
    assert loaded == []


def test_one_sigmoid_is_the_second_class_also_without_class_names(folder):
    for loss in (None, "binary_crossentropy"):
        table = unlabelled(folder).predict(model_of(scores(ONE, "sigmoid"), loss=loss))
        names, found = columns_of(table)

        assert names == ["p_0", "p_1"]
        np.testing.assert_allclose(found, SECOND, rtol=1e-5)
        assert table["predicted"].tolist() == ["0", "0", "1", "1"]
        assert table["true"].isna().all()


def test_one_sigmoid_gets_the_class_names_that_are_passed(folder):
    model = model_of(scores(ONE, "sigmoid"))
    for sequence in (sequence_of(folder), unlabelled(folder, class_names=["a", "b"])):
        table = sequence.predict(model)
        assert columns_of(table)[0] == ["p_a", "p_b"]
        assert table["predicted"].tolist() == ["a", "a", "b", "b"]


def test_one_sigmoid_on_a_folder_of_one_class_is_refused(folder):
    sequence = sequence_of(folder, class_names=["b"])

    with pytest.raises(OptionError, match=r"the class 'b' only.*labels=None and class_names="):
        sequence.predict(model_of(scores(ONE, "sigmoid")))
    with pytest.raises(OptionError, match=r"the class 'b' only.*labels=None and class_names="):
        sequence.predict(model_of(scores(ONE), loss=BINARY_LOGITS))
    # A model that was trained on this one class.
    table = sequence.predict(model_of(scores(ONE), loss=CATEGORICAL_LOGITS))
    assert table["predicted"].tolist() == ["b", "b"]
    assert table["p_b"].tolist() == [1, 1]


def test_one_number_per_image_may_be_anything_without_classes(folder):
    for loss in (None, "mse"):
        model = model_of(scores(ONE, "relu"), loss=loss)
        with pytest.raises(OptionError, match=r"one number per image .*relu.*class_names=.*"):
            unlabelled(folder).predict(model)
    with pytest.raises(OptionError, match=r"no activation, the loss mse\), and these samples"):
        unlabelled(folder).predict(model_of(scores(ONE), loss="mse"))
    table = unlabelled(folder).predict(model_of(scores(ONE), loss="mse"), from_logits=True)
    np.testing.assert_allclose(columns_of(table)[1], SECOND, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:.*softmax over axis -1:UserWarning")  # of Keras
def test_a_softmax_over_one_unit_is_refused(folder):
    for sequence in (sequence_of(folder), unlabelled(folder)):
        with pytest.raises(OptionError, match="a softmax over one unit is always 1"):
            sequence.predict(model_of(scores(ONE, "softmax"), loss="binary_crossentropy"))
        with pytest.raises(OptionError, match="a softmax over one unit is always 1"):
            sequence.predict(model_of(scores(ONE), loss=CATEGORICAL_LOGITS))


def test_numbers_that_are_not_probabilities_are_not_taken_for_those_of_a_class(folder):
    for loss in ("mse", "binary_crossentropy"):  # which takes this output for probabilities
        with pytest.raises(OptionError, match=r"runs from -1\.5 to 1\.5 .*probability of 'b'"):
            sequence_of(folder).predict(model_of(scores(ONE), loss=loss))
    with pytest.raises(OptionError, match=r"its loss is Hinge, so it is not known"):
        sequence_of(folder).predict(model_of(scores(ONE), loss=keras.losses.Hinge()))
    with pytest.warns(ImggenWarning, match="not probabilities") as caught:
        table = sequence_of(folder).predict(model_of(scores(ONE), loss="mse"), from_logits=False)
    assert caught[0].filename == __file__
    assert table["p_b"].tolist() == pytest.approx([row[0] for row in LOGITS])


def test_an_output_without_an_axis_of_units_is_one_unit(folder):
    def flat(x):
        return keras.layers.Reshape(())(scores(ONE, "sigmoid")(x))

    np.testing.assert_allclose(
        columns_of(sequence_of(folder).predict(model_of(flat)))[1], SECOND, rtol=1e-5
    )


# Logits.


@pytest.mark.parametrize(
    "loss",
    [
        BINARY_LOGITS,
        [BINARY_LOGITS],
        {"scores": BINARY_LOGITS},
        keras.losses.BinaryFocalCrossentropy(from_logits=True),
        functools.partial(FUNCTION, from_logits=True),
        functools.partial(functools.partial(FUNCTION, from_logits=True), label_smoothing=0.1),
        [BINARY_LOGITS, lambda y, predicted: y - predicted],
    ],
    ids=["alone", "list", "name", "focal", "partial", "twice", "sum"],
)
def test_logits_of_one_unit_are_found_however_the_loss_is_given(folder, loss):
    table = sequence_of(folder, label_mode="binary").predict(model_of(scores(ONE), loss=loss))

    np.testing.assert_allclose(columns_of(table)[1], SECOND, rtol=1e-5)
    assert table["predicted"].tolist() == ["a", "a", "b", "b"]


def test_logits_of_a_crossentropy_of_classes_go_through_a_softmax_of_each_image(folder):
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for loss in (CATEGORICAL_LOGITS, sparse, {"scores": CATEGORICAL_LOGITS}):
        names, found = columns_of(unlabelled(folder).predict(model_of(scores(), loss=loss)))
        assert names == ["p_0", "p_1", "p_2"]
        np.testing.assert_allclose(found, [softmax(row) for row in LOGITS], rtol=1e-5)


def test_logits_of_a_binary_crossentropy_go_through_a_sigmoid_each(folder):
    found = columns_of(unlabelled(folder).predict(model_of(scores(), loss=BINARY_LOGITS)))[1]
    expected = [[sigmoid(logit) for logit in row] for row in LOGITS]
    np.testing.assert_allclose(found, expected, rtol=1e-5)

    independent = unlabelled(folder).predict(model_of(scores(activation="sigmoid")))
    np.testing.assert_allclose(columns_of(independent)[1], expected, rtol=1e-5)


def test_large_logits_do_not_overflow(folder):
    def large(x):
        return keras.layers.Rescaling(1e4)(scores(ONE)(x))

    table = sequence_of(folder).predict(model_of(large, loss=BINARY_LOGITS))
    assert columns_of(table)[1].tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]


def test_it_is_asked_whether_an_output_without_activation_and_loss_is_logits(folder):
    def own(y, predicted):
        return keras.ops.mean(y - predicted)

    for units in (ONE, (0, 1)):
        model = model_of(scores(units))
        with pytest.raises(OptionError, match=r"no activation, and the model has no loss, so"):
            sequence_of(folder).predict(model)
        with pytest.raises(OptionError, match=r"its loss is own, so it is not known"):
            sequence_of(folder).predict(model_of(scores(units), loss=own))
        expected = SECOND if units == ONE else [softmax(row[:2]) for row in LOGITS]
        found = columns_of(sequence_of(folder).predict(model, from_logits=True))[1]
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_activations_are_found_behind_layers_that_keep_values(folder):
    def reshaped(x):
        return keras.layers.Flatten()(keras.layers.Reshape((2, 1))(scores((0, 1), "softmax")(x)))

    def separate(x):
        return keras.layers.Activation("linear")(keras.layers.Softmax()(scores((0, 1))(x)))

    def nested(x):
        inner = keras.Input((4, 4, 3))
        return keras.Model(inner, scores((0, 1), "softmax")(inner))(x)

    def operation(x):
        return keras.ops.softmax(scores((0, 1))(x))

    expected = [softmax(row[:2]) for row in LOGITS]
    for output in (reshaped, separate, nested, operation):
        with pytest.raises(OptionError, match=r"ends in a softmax, and its loss .* as logits"):
            sequence_of(folder).predict(model_of(output, loss=CATEGORICAL_LOGITS))
        np.testing.assert_allclose(
            columns_of(sequence_of(folder).predict(model_of(output)))[1], expected, rtol=1e-5
        )


def test_a_sigmoid_whose_loss_takes_logits_is_a_contradiction(folder):
    model = model_of(scores(ONE, "sigmoid"), loss=BINARY_LOGITS)
    with pytest.raises(OptionError, match=r"ends in a sigmoid.*pass from_logits=False"):
        sequence_of(folder).predict(model)
    found = columns_of(sequence_of(folder).predict(model, from_logits=False))[1]
    np.testing.assert_allclose(found, SECOND, rtol=1e-5)


def test_losses_that_contradict_each_other_leave_the_question_open(folder):
    losses = [CATEGORICAL_LOGITS, keras.losses.CategoricalCrossentropy()]
    with pytest.raises(OptionError, match=r"its loss is Cat.* \+ Cat.*, so it is not known"):
        sequence_of(folder).predict(model_of(scores((0, 1)), loss=losses))


def test_a_subclassed_model_tells_by_its_loss_or_its_values(folder):
    class Own(keras.Model):
        def __init__(self, activation):
            super().__init__()
            self.pool = keras.layers.GlobalAveragePooling2D()
            self.dense = keras.layers.Dense(2, activation, kernel_initializer="zeros")

        def call(self, x):
            return self.dense(self.pool(x)) + keras.ops.convert_to_tensor([0.0, 1.0])

    model = Own(None)
    model.compile(loss=CATEGORICAL_LOGITS)
    found = columns_of(sequence_of(folder).predict(model))[1]
    np.testing.assert_allclose(found, [softmax([0, 1])] * 4, rtol=1e-5)
    shifted = Own("softmax")  # 0.5 and 1.5
    with pytest.raises(OptionError, match=r"runs from 0\.5 to 1\.5, so.*from_logits=True"):
        sequence_of(folder).predict(shifted)


# Other numbers of classes.


@pytest.mark.parametrize("classes", [["a"], ["a", "b"]])
def test_a_softmax_over_other_classes_is_refused_with_the_way_to_a_table(folder, classes):
    model = model_of(scores(activation="softmax"))
    with pytest.raises(
        OptionError, match=r"shape \(\d, 3\); .* needs \(\d, \d\).*labels=None and class_names="
    ):
        sequence_of(folder, class_names=classes).predict(model)
    table = unlabelled(folder, class_names=["x", "y", "z"]).predict(model)
    assert columns_of(table)[0] == ["p_x", "p_y", "p_z"]
    np.testing.assert_allclose(columns_of(table)[1], [softmax(row) for row in LOGITS], rtol=1e-5)


def test_two_units_are_fine_with_binary_labels(folder):
    sequence = sequence_of(folder, label_mode="binary")
    found = columns_of(sequence.predict(model_of(scores((0, 1), "softmax"))))[1]
    np.testing.assert_allclose(found, [softmax(row[:2]) for row in LOGITS], rtol=1e-5)


def test_an_output_of_pixels_is_refused(folder):
    for sequence in (sequence_of(folder), unlabelled(folder)):
        with pytest.raises(
            OptionError, match=r"shape \(4, 4, 4, 3\); .* needs \(4, .*call model\.predict on"
        ):
            sequence.predict(keras.Sequential([keras.Input((4, 4, 3)), keras.layers.ReLU()]))


def test_nan_is_not_taken_for_a_class(folder):
    def broken(x):
        made = scores((0, 1), "softmax")(x)
        return keras.ops.where(made[:, :1] > 0.9, keras.ops.log(-made), made)

    above = [softmax(row[:2])[0] > 0.9 for row in LOGITS]
    with pytest.warns(ImggenWarning, match=rf"NaN for {sum(above)} of 4 images"):
        table = sequence_of(folder).predict(model_of(broken))
    assert 0 < sum(above) < 4
    assert table["predicted"].isna().tolist() == above


def test_a_file_that_cannot_be_read_does_not_count_as_a_score(folder):
    def scaled(x):  # -0.2 for the zeros in place of the file, 0.1 to 0.7 for the other images
        return keras.layers.Rescaling(0.3 / 60, -0.2)(keras.layers.GlobalAveragePooling2D()(x))

    (folder / "a" / "0.png").write_bytes(b"broken")
    table = unlabelled(folder, on_error="skip").predict(model_of(scaled, loss="mse"))
    assert table["p_0"].isna().tolist() == [True, False, False, False]
    np.testing.assert_allclose(table["p_0"][1:], [0.1, 0.4, 0.7], rtol=1e-5)


# Several outputs.


def both(**options):
    second = scores(ONE, "sigmoid", "second")
    return model_of(scores((0, 1), "softmax", "first"), second, **options)


def test_of_several_outputs_one_is_asked_for(folder):
    x = keras.Input((4, 4, 3))
    layers = {"u": scores(ONE, "sigmoid", "second")(x), "t": scores((0, 1), "softmax", "first")(x)}
    for model, listed in ((both(), "'first', 'second'"), (keras.Model(x, layers), "'t', 'u'")):
        with pytest.raises(OptionError, match=rf"has 2 outputs.*Pass output=, one of \[{listed}\]"):
            sequence_of(folder).predict(model)
        with pytest.raises(OptionError, match=rf"no output='third'. Its outputs are \[{listed}\]"):
            sequence_of(folder).predict(model, output="third")
        with pytest.raises(OptionError, match="no output=2"):
            sequence_of(folder).predict(model, output=2)
        for output, expected in (
            ("first", [softmax(row[:2]) for row in LOGITS]),
            (0, [softmax(row[:2]) for row in LOGITS]),
            ("second", SECOND),
            (1, SECOND),
        ):
            table = sequence_of(folder).predict(model, output=output)
            np.testing.assert_allclose(columns_of(table)[1], expected, rtol=1e-5)
    table = sequence_of(folder).predict(keras.Model(x, layers), output="u")
    np.testing.assert_allclose(columns_of(table)[1], SECOND, rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        [CATEGORICAL_LOGITS, BINARY_LOGITS],
        {"first": CATEGORICAL_LOGITS, "second": BINARY_LOGITS},
        {"second": BINARY_LOGITS, "first": CATEGORICAL_LOGITS},
        {"t": CATEGORICAL_LOGITS, "u": BINARY_LOGITS},
    ],
)
def test_each_output_has_the_loss_that_it_was_compiled_with(folder, loss):
    x = keras.Input((4, 4, 3))
    first, second = scores((0, 1), None, "first")(x), scores(ONE, None, "second")(x)
    model = keras.Model(x, {"t": first, "u": second} if "t" in loss else [first, second])
    model.compile("sgd", loss)

    table = sequence_of(folder).predict(model, output=0)
    np.testing.assert_allclose(
        columns_of(table)[1], [softmax(row[:2]) for row in LOGITS], rtol=1e-5
    )
    table = sequence_of(folder).predict(model, output=1)
    np.testing.assert_allclose(columns_of(table)[1], SECOND, rtol=1e-5)


def test_an_output_in_a_list_or_dictionary_of_one_needs_no_name(folder):
    x = keras.Input((4, 4, 3))
    output = scores(ONE, "sigmoid")(x)
    for outputs in ([output], {"only": output}):
        table = sequence_of(folder).predict(keras.Model(x, outputs))
        np.testing.assert_allclose(columns_of(table)[1], SECOND, rtol=1e-5)


def test_wrong_arguments_are_named(folder):
    sequence, model = sequence_of(folder), model_of(scores(ONE, "sigmoid"))
    with pytest.raises(OptionError, match="from_logits='yes' is of type str; expected True or"):
        sequence.predict(model, from_logits="yes")
    with pytest.raises(OptionError, match="model is NoneType, which has no method predict"):
        sequence.predict(None)
    with pytest.raises(OptionError, match="no output='x'"):
        sequence.predict(model, output="x")
