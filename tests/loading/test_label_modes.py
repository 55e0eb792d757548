"""Targets against keras.utils.to_categorical, class weights against scikit-learn."""

import dataclasses
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from imggen import Boxes, Keypoints, Manifest
from imggen.data import MultiLabelColumn
from imggen.errors import OptionError
from imggen.loading.label_modes import (
    LABEL_MODES,
    class_weights,
    default_label_mode,
    find_label_mode,
)


def encode(labels, label_mode, num_classes):
    return find_label_mode(label_mode).encode(labels, num_classes)


def check_label_mode(label_mode, manifest):
    find_label_mode(label_mode).check_manifest(manifest)


LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=40).map(lambda x: np.array(x, np.int32))


@settings(deadline=None)
@given(LABELS)
def test_categorical_is_what_keras_makes(labels):
    one_hot = encode(labels, "categorical", 7)
    np.testing.assert_array_equal(one_hot, keras.utils.to_categorical(labels, 7))
    assert one_hot.shape == (len(labels), 7)


def test_categorical_is_one_hot():
    one_hot = encode(np.array([1, 0, 2], np.int32), "categorical", 4)
    assert one_hot.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]


def test_int_is_the_indices():
    assert encode(np.array([2, 0, 1], np.int32), "int", 3).tolist() == [2, 0, 1]


def test_binary_is_one_column():
    assert encode(np.array([1, 0, 1], np.int32), "binary", 2).tolist() == [[1.0], [0.0], [1.0]]


@pytest.mark.parametrize(
    ("label_mode", "dtype", "shape"),
    [
        ("categorical", np.float32, (3, 2)),
        ("int", np.int32, (3,)),
        ("binary", np.float32, (3, 1)),
    ],
)
@pytest.mark.parametrize("given_dtype", [np.int32, np.int64])
def test_targets_have_the_dtype_and_shape_of_keras(label_mode, dtype, shape, given_dtype):
    targets = encode(np.array([0, 1, 1], given_dtype), label_mode, 2)
    assert (targets.dtype, targets.shape) == (dtype, shape)


@pytest.mark.parametrize(
    ("label_mode", "shape"), [("categorical", (0, 2)), ("int", (0,)), ("binary", (0, 1))]
)
def test_no_labels_give_no_targets(label_mode, shape):
    assert encode(np.array([], np.int32), label_mode, 2).shape == shape


def test_targets_do_not_share_memory_with_the_labels():
    labels = np.array([1, 0], np.int32)
    encode(labels, "int", 2)[:] = 5
    assert labels.tolist() == [1, 0]


def test_a_label_beyond_the_classes_is_never_encoded():
    with pytest.raises(IndexError, match="2 is out of bounds"):
        encode(np.array([0, 2], np.int32), "categorical", 2)


@settings(deadline=None)
@given(LABELS)
def test_class_weights_are_those_of_scikit_learn(labels):
    present = np.unique(labels)
    balanced = compute_class_weight("balanced", classes=present, y=labels)
    assert class_weights(labels) == pytest.approx(
        dict(zip(present.tolist(), balanced, strict=True)), rel=1e-12
    )


def test_class_weights_leave_out_classes_without_samples():
    assert class_weights(np.array([0, 0, 0, 3], np.int32)) == pytest.approx({0: 2 / 3, 3: 2.0})


def test_class_weights_are_plain_numbers_as_keras_wants_them():
    weights = class_weights(np.array([0, 1, 1], np.int32))
    assert {(type(key), type(value)) for key, value in weights.items()} == {(int, float)}


def test_equal_classes_weigh_one():
    assert class_weights(np.array([2, 0, 1, 0, 1, 2], np.int32)) == {0: 1.0, 1: 1.0, 2: 1.0}


def test_no_labels_have_no_class_weights():
    assert class_weights(np.array([], np.int32)) == {}


def samples(num_classes: int, *, labels: bool, masks: bool) -> Manifest:
    """A manifest of two samples, which always have boxes, keypoints and a number."""
    table = {"path": ["1.png", "2.png"], "mask": ["m1.png", "m2.png"]}
    frame = pd.DataFrame({**table, "boxes": [[], []], "points": [[], []], "age": [1, 2]})
    manifest = Manifest.from_frame(
        frame,
        y_col=None,
        mask_col="mask" if masks else None,
        boxes=Boxes(col="boxes", format="coco"),
        keypoints=Keypoints(col="points"),
        target_cols="age",
        class_names=[str(number) for number in range(num_classes)],
    )
    return dataclasses.replace(manifest, labels=np.array([0, 0])) if labels else manifest


@pytest.mark.parametrize("label_mode", LABEL_MODES)
def test_every_mode_is_legal_for_two_labelled_classes_with_all_that_there_may_be(label_mode):
    manifest = samples(2, labels=True, masks=True)
    if label_mode == "multi_label":
        several = MultiLabelColumn.from_matrix(np.eye(2)[manifest.labels])
        manifest = dataclasses.replace(manifest, labels=None, multi_labels=several)
    check_label_mode(label_mode, manifest)


@pytest.mark.parametrize(
    ("label_mode", "option"), [("boxes", "boxes=Boxes"), ("keypoints", "keypoints=Keypoints")]
)
def test_boxes_and_keypoints_as_targets_need_a_column_and_the_message_names_it(label_mode, option):
    manifest = dataclasses.replace(samples(2, labels=True, masks=True), boxes=None, keypoints=None)
    with pytest.raises(OptionError, match=f"needs {label_mode}, .*have none.*{option}"):
        check_label_mode(label_mode, manifest)


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        ((), "mask"),
        (("masks",), "boxes"),
        (("masks", "boxes"), "keypoints"),
        (("masks", "boxes", "keypoints"), "regression"),
        (("masks", "boxes", "keypoints", "targets"), "categorical"),
        (("masks", "boxes", "keypoints", "targets", "labels"), None),
    ],
)
def test_the_default_mode_is_the_most_that_a_manifest_has(left_out, expected):
    manifest = samples(2, labels=True, masks=True)
    manifest = dataclasses.replace(manifest, **dict.fromkeys(left_out))
    assert default_label_mode(manifest).name == expected


@pytest.mark.parametrize("label_mode", ["input", None])
def test_modes_without_targets_need_no_labels(label_mode):
    check_label_mode(label_mode, samples(0, labels=False, masks=False))


@pytest.mark.parametrize("label_mode", ["categorical", "int", "binary"])
def test_targets_need_labels(label_mode):
    with pytest.raises(
        OptionError, match=f"label_mode='{label_mode}' needs labels, and these samples have none"
    ):
        check_label_mode(label_mode, samples(2, labels=False, masks=True))


@pytest.mark.parametrize("num_classes", [0, 2])
def test_masks_need_no_labels(num_classes):
    check_label_mode("mask", samples(num_classes, labels=False, masks=True))


def test_a_mask_as_target_needs_masks_and_the_message_says_where_they_come_from():
    with pytest.raises(OptionError, match=r"needs masks, .*have none\. Pass mask_dir=.*mask_col="):
        check_label_mode("mask", samples(2, labels=True, masks=False))


@pytest.mark.parametrize("num_classes", [1, 3])
def test_binary_needs_two_classes(num_classes):
    with pytest.raises(OptionError, match=f'"binary" needs two classes; there are {num_classes}.'):
        check_label_mode("binary", samples(num_classes, labels=True, masks=False))


def test_an_unknown_mode_is_named_with_the_closest_one():
    with pytest.raises(
        OptionError,
        match="label_mode='categorial' is not one of 'categorical', 'int', 'binary', "
        r"'multi_label', 'regression', 'mask', 'boxes', 'keypoints', 'input', None\. Did you mean "
        r"'categorical'\?",
    ):
        check_label_mode("categorial", samples(2, labels=True, masks=True))


@pytest.mark.parametrize("label_mode", LABEL_MODES)
def test_a_mode_is_pickled_and_has_no_state(label_mode):
    mode = LABEL_MODES[label_mode]

    assert type(pickle.loads(pickle.dumps(mode))) is type(mode)
    assert vars(mode) == {}


def test_the_names_of_modes_never_change():
    assert list(LABEL_MODES) == [
        *("categorical", "int", "binary", "multi_label", "regression"),
        *("mask", "boxes", "keypoints", "input"),
        None,
    ]
