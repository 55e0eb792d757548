"""targets=: a label mode for each output, from a table or a list to training."""

import dataclasses

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen.augment import CutMix, MixUp, RandomFlip
from imggen.errors import ManifestError, OptionError
from imggen.loading import MultiOutputMode, default_label_mode

NUM = 8
FILES = [f"{row}.png" for row in range(NUM)]
AGES = [0.5 * row for row in range(NUM)]
TARGETS = {"kind": "int", "age": "regression"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("outputs")
    for row, file in enumerate(FILES):
        Image.fromarray(np.full((8, 8, 3), 30 * row, np.uint8)).save(root / file)
    return root


def frame_of(**columns) -> pd.DataFrame:
    kinds, tags = ["x", "y"] * 4, ["a;b", "", "b", "a"] * 2
    weights = [float(row) for row in range(NUM)]
    common = {"path": FILES, "kind": kinds, "age": AGES, "tags": tags, "weight": weights}
    return pd.DataFrame({**common, **columns})


CHOSEN = {"image_size": (8, 8), "batch_size": 4, "seed": 3, "workers": 0, "shuffle": False}


def sequence_of(folder, targets=TARGETS, frame=None, **options):
    frame = frame_of() if frame is None else frame
    return imggen.from_dataframe(frame, root=folder, targets=targets, **{**CHOSEN, **options})


def test_one_target_is_a_bare_array_even_if_it_is_named(folder):
    x, y = sequence_of(folder, {"age": "regression"})[0]
    _, one_hot, weights = sequence_of(
        folder,
        {"kind": "categorical"},
        class_names={"kind": ["y", "x"]},
        weight_col={"kind": "weight"},
    )[0]

    assert (len(x), y.tolist()) == (4, AGES[:4])
    assert one_hot.tolist() == [[0, 1], [1, 0], [0, 1], [1, 0]]
    assert weights.tolist() == [0, 1, 2, 3]


def test_several_are_a_dictionary_in_their_order_or_a_tuple(folder):
    _, y = sequence_of(folder)[1]
    _, in_order = sequence_of(folder, targets_as="tuple")[1]

    assert list(y) == ["kind", "age"]
    assert (y["kind"].dtype, y["age"].dtype) == (np.int32, np.float32)
    assert (y["kind"].tolist(), y["age"].tolist()) == ([0, 1, 0, 1], AGES[4:])
    assert isinstance(in_order, tuple)
    assert [values.tolist() for values in in_order] == [[0, 1, 0, 1], AGES[4:]]


def test_an_output_without_weights_of_its_own_has_ones(folder):
    weights = sequence_of(folder, weight_col={"age": "weight"})[1][2]
    of_all = sequence_of(folder, weight_col="weight", targets_as="tuple")[1][2]

    assert {name: own.tolist() for name, own in weights.items()} == {
        "kind": [1.0] * 4,
        "age": [4.0, 5.0, 6.0, 7.0],
    }
    assert weights["kind"].dtype == np.float32
    assert [own.tolist() for own in of_all] == [[4.0, 5.0, 6.0, 7.0]] * 2
    assert len(sequence_of(folder)[0]) == 2


def test_weights_are_blended_with_their_images(folder):
    targets = {"kind": "categorical", "age": "regression"}
    sequence = sequence_of(
        folder, targets, weight_col={"age": "weight"}, augment=MixUp(1.0), batch_size=NUM
    )
    _, y, weights = sequence[0]

    np.testing.assert_allclose(y["age"] * 2, weights["age"], atol=1e-5)
    assert weights["kind"].tolist() == [1.0] * NUM
    assert not set(weights["age"].tolist()) <= set(range(NUM))


def test_lists_of_files_map_outputs_to_labels(folder):
    labels = {"kind": np.array(["x", "y"] * 4), "age": dict(zip(FILES, AGES, strict=True))}
    sequence = imggen.from_files(FILES, labels, root=folder, targets=TARGETS, **CHOSEN)
    _, y = sequence[0]

    assert (y["kind"].tolist(), y["age"].tolist()) == ([0, 1, 0, 1], AGES[:4])
    bare = imggen.from_files(
        FILES, {"age": AGES}, root=folder, targets={"age": "regression"}, **CHOSEN
    )
    assert bare[0][1].tolist() == AGES[:4]
    with pytest.raises(
        OptionError, match=r"labels must be a mapping from each of the outputs \['kind', 'age'\]"
    ):
        imggen.from_files(FILES, AGES, root=folder, targets=TARGETS)


def test_boxes_and_classes_go_together(folder):
    frame = frame_of(boxes=[[[1, 2, 5, 6]]] * NUM, names=[["cat"]] * NUM)
    boxes = imggen.Boxes("boxes", "pascal_voc", labels="names")
    sequence = sequence_of(
        folder,
        {"where": "boxes", "kind": "int"},
        frame,
        boxes=boxes,
        augment=RandomFlip("horizontal", p=1.0),
    )
    _, y = sequence[0]

    assert y["where"]["boxes"][:, 0].tolist() == [[3, 2, 7, 6]] * 4
    assert y["kind"].tolist() == [0, 1, 0, 1]
    assert sequence.show_batch(num_images=2, cell=16).size[0] > 16


def test_processes_serve_what_threads_serve(folder):
    targets = {**TARGETS, "tags": "multi_label"}
    options = {"workers": 1, "use_multiprocessing": True, "weight_col": {"tags": "weight"}}
    with sequence_of(folder, targets, **options) as by_processes:
        for one, other in zip(
            by_processes, sequence_of(folder, targets, weight_col={"tags": "weight"}), strict=True
        ):
            flat, expected = keras.tree.flatten(one), keras.tree.flatten(other)
            assert len(flat) == len(expected) == 7
            for array, wanted in zip(flat, expected, strict=True):
                np.testing.assert_array_equal(array, wanted)


def test_splits_stratify_by_the_classes_of_all_outputs(folder):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"path": [f"{row}.png" for row in range(120)]})
    frame["kind"] = rng.choice(["x", "y", "z"], 120, p=[0.7, 0.2, 0.1])
    frame["tags"] = rng.choice(["a;b", "", "b", "a"], 120)
    train, val = sequence_of(
        folder, {"kind": "int", "tags": "multi_label"}, frame, split={"train": 0.75, "val": 0.25}
    )
    for name in ("kind", "tags"):
        part = val.manifest.output(name).class_counts
        rest = train.manifest.output(name).class_counts
        assert all(abs(3 * part[label] - rest[label]) <= 6 for label in part)


def test_the_default_modes_of_a_saved_manifest_are_those_of_its_columns(folder):
    manifest = sequence_of(folder, {**TARGETS, "tags": "multi_label"}).manifest
    mode = default_label_mode(manifest)

    assert isinstance(mode, MultiOutputMode)
    assert mode.describe() == "{'kind': 'categorical', 'age': 'regression', 'tags': 'multi_label'}"


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        ({"kind": "integer", "age": "int"}, {}, r"Output 'kind': label_mode='integer'.*mean 'int'"),
        (TARGETS, {"y_col": "age"}, r"targets=.* and y_col='age' both name"),
        (TARGETS, {"label_mode": "int"}, r"label_mode='int' contradicts it"),
        ({}, {}, r"targets=\{\} must map each output to its label mode"),
        ({"kind": None, "age": "regression"}, {}, r"'kind' has the label mode None"),
        ({"kind": "int", "path": "boxes"}, {}, r"Output 'path': label_mode='boxes' needs boxes"),
        ({1: "int", "1": "int"}, {}, r"output '1' is empty or named twice"),
        (TARGETS, {"targets_as": "list"}, r"^targets_as='list' is not one of 'dict', 'tuple'"),
        ({"age": "regression"}, {"targets_as": "tuple"}, r"label_mode='regression' has one"),
        (TARGETS, {"class_names": ["x", "y"]}, r"class_names=.* must be a mapping from output"),
        (TARGETS, {"class_names": {"kin": ["x"]}}, r"class_names=.* outputs are \['kind', 'age'\]"),
        (
            TARGETS,
            {"weight_col": {"kin": "weight"}},
            r"weight_col=.* outputs are \['kind', 'age'\]",
        ),
        (TARGETS, {"augment": MixUp()}, r"Output 'kind': MixUp .*cannot be blended"),
        (
            {"kind": "categorical", "age": "regression"},
            {"augment": CutMix()},
            r"Output 'age': CutMix cannot blend the numbers",
        ),
    ],
)
def test_targets_that_cannot_be_are_refused(folder, targets, options, message):
    frame = frame_of()
    frame[1], frame["1"] = "x", "y"
    with pytest.raises(OptionError, match=message):
        sequence_of(folder, targets, frame, **options)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {"input_cols": {"n": []}}, r"input_cols\['n'\] is empty"),
        ({"age": [None, *AGES[1:]]}, {}, "'age' has no value in 1 of 8 rows, first in row 0"),
        ({"age": [*AGES[1:], float("inf")]}, {}, "'age' holds inf in row 7"),
        ({"kind": ["x"] * 7 + [None]}, {}, "'kind' has no value in 1 of 8 rows"),
        ({}, {"class_names": {"kind": ["x"]}}, r"holds \['y'\], which are not in class_names"),
        ({"weight": [-1.0] * NUM}, {"weight_col": {"age": "weight"}}, "weights must be finite"),
    ],
)
def test_columns_that_hold_something_else_are_refused(folder, columns, options, message):
    with pytest.raises(ManifestError, match=message):
        sequence_of(folder, frame=frame_of(**columns), **options)


def test_a_manifest_needs_the_outputs_of_the_modes(folder):
    manifest = sequence_of(folder).manifest
    with pytest.raises(OptionError, match=r"no targets for the output 'kid'.*\['kind', 'age'\]"):
        imggen.ImageSequence(manifest, label_mode={"kid": "int", "age": "regression"})
    with pytest.raises(
        OptionError, match="expected at least two. For one output, pass its label mode itself"
    ):
        imggen.ImageSequence(manifest, label_mode={"age": "regression"})
    with pytest.raises(OptionError, match="Output 'kind': .*needs columns of numbers"):
        imggen.ImageSequence(manifest, label_mode={"kind": "regression", "age": "regression"})


def by_name(kind, age):
    return {"kind": kind, "age": age}


def model_of(outputs, **compiled):
    inputs = keras.Input((8, 8, 3))
    flat = keras.layers.GlobalAveragePooling2D()(inputs)
    kind = keras.layers.Dense(2, "softmax", name="kind")(flat)
    age = keras.layers.Dense(1, name="age")(flat)
    model = keras.Model(inputs, outputs(kind, age))
    model.compile("sgd", **compiled)
    return model


@pytest.mark.parametrize(
    ("outputs", "options", "message"),
    [
        (lambda kind, age: kind, {}, "The model has one output, and these targets are for"),
        (lambda kind, age: {"kind": kind, "old": age}, {}, "targets for the output 'age'"),
        (lambda kind, age: [age, kind], {"targets_as": "tuple"}, r"in the order \['age', 'kind'\]"),
        (
            lambda kind, age: [kind, keras.layers.Identity(name="other")(age)],
            {},
            r"list of outputs.*\['kind', 'other'\].*by sorted name",
        ),
        (
            lambda kind, age: {"kind": kind, "age": age},
            {"targets_as": "tuple"},
            'targets_as="dict"',
        ),
    ],
)
def test_models_that_keras_would_pair_wrongly_are_refused(folder, outputs, options, message):
    model = model_of(outputs, loss="mse")
    for method in (model.fit, model.evaluate):
        with pytest.raises(OptionError, match=message):
            method(sequence_of(folder, **options), verbose=0)


def test_class_weights_are_for_one_output(folder):
    sequence = sequence_of(folder)
    with pytest.raises(OptionError, match=r"class_weight\(\) is for one output.*weight_col="):
        sequence.class_weight()
    model = model_of(by_name, loss="mse")
    with pytest.raises(OptionError, match="class_weight= is for a model of one output"):
        model.fit(sequence, class_weight={0: 1.0, 1: 2.0}, verbose=0)


def test_class_weights_balance_several_classes_per_sample(folder):
    tags = {"y_col": "tags", "label_mode": "multi_label"}
    sequence = imggen.from_dataframe(frame_of(), root=folder, **tags, **CHOSEN)
    rare = dataclasses.replace(sequence.manifest.take([0, 2, 2, 2]))

    assert sequence.class_weight() == {0: 1.0, 1: 1.0}
    weights = imggen.ImageSequence(rare, label_mode="multi_label").class_weight()
    assert weights == {0: 5 / 2, 1: 5 / 8}
    weighted = imggen.from_dataframe(frame_of(), root=folder, weight_col="weight", **tags, **CHOSEN)
    for given, message in [({2: 1.0}, "must map class indices, 0 to 1"), ({0: "a"}, "to numbers")]:
        with pytest.raises(OptionError, match=message):
            sequence.begin_training(None, given)
    with pytest.raises(OptionError, match="cannot be used together"):
        weighted.begin_training(None, {0: 1.0})


def test_predictions_select_an_output_by_its_name(folder):
    model = model_of(lambda kind, age: [kind, age], run_eagerly=True)
    sequence = sequence_of(folder)

    assert list(sequence.predict(model, output="age").columns) == ["path", "true", "predicted"]
    assert list(sequence.predict(model, output=0).columns)[1:] == [
        "true",
        "predicted",
        "p_x",
        "p_y",
    ]
    with pytest.raises(OptionError, match=r"no output='agee'.*\['kind', 'age'\]"):
        sequence.predict(model, output="agee")
    other = model_of(lambda kind, age: {"kind": kind, "old": age}, run_eagerly=True)
    assert "age_true" in sequence.predict(other).columns  # by the name of its layer
    renamed = sequence_of(folder, {"kind": "int", "weight": "regression"})
    with pytest.raises(OptionError, match=r"no output 'weight'.*names of the targets"):
        renamed.predict(model)
