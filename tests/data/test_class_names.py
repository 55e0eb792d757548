"""Labels and class names as users have them: the index that each sample is given."""

import json

import numpy as np
import pandas as pd
import pytest

from imggen import Boxes, Manifest, scan
from imggen.errors import ManifestError, OptionError
from tests.helpers.cases import case

FILES = ["a.png", "b.png", "c.png"]


def made(labels, **options):
    manifest = Manifest.from_files(FILES[: len(labels)], labels, **options)
    return manifest.labels.tolist(), manifest.class_names


def from_frame(labels, **options):
    frame = pd.DataFrame({"path": FILES[: len(labels)], "label": labels})
    manifest = Manifest.from_frame(frame, **options)
    return manifest.labels.tolist(), manifest.class_names


def test_class_names_are_read_from_every_container():
    names = ("dog", "cat")
    for given in [
        ["dog", "cat"],
        ("dog", "cat"),
        np.array(["dog", "cat"]),
        np.array(["dog", "cat"], object),
        np.array([b"dog", b"cat"]),
        pd.Series(["dog", "cat"]),
        pd.Series(["dog", "cat"]).unique(),
        pd.Index(["dog", "cat"]),
        (name for name in names),
        {"dog": 0, "cat": 1},
        {"cat": 1, "dog": 0},
        {"cat": np.int64(1), "dog": np.int64(0)},
        pd.Series({"cat": 1, "dog": 0}),
        {0: "dog", 1: "cat"},
        {1: "cat", 0: "dog"},
        json.loads(json.dumps({1: "cat", 0: "dog"})),
        json.loads(json.dumps({"cat": 1, "dog": 0})),
    ]:
        with case(repr(given)):
            assert Manifest(".", [], class_names=given).class_names == names


def test_the_order_of_a_mapping_does_not_matter_anywhere(photos):
    for mapping in ({"dog": 1, "cat": 0}, {1: "dog", 0: "cat"}):
        assert scan(photos, class_names=mapping).class_names == ("cat", "dog")
        assert scan(photos, labels=None, class_names=mapping).class_names == ("cat", "dog")
        assert made(["dog", "cat"], class_names=mapping) == ([1, 0], ("cat", "dog"))
        assert made([1, 0], class_names=mapping) == ([1, 0], ("cat", "dog"))
        assert from_frame(["dog", "cat"], class_names=mapping) == ([1, 0], ("cat", "dog"))
        assert Boxes("b", "coco", labels="l", class_names=mapping).class_names == ("cat", "dog")


def test_a_mapping_from_index_names_the_integers_of_a_table():
    assert from_frame([1, 0, 1], class_names={0: "cat", 1: "dog"}) == ([1, 0, 1], ("cat", "dog"))
    assert from_frame([True, False], class_names={0: "no", 1: "yes"}) == ([1, 0], ("no", "yes"))
    with pytest.raises(ManifestError, match="from 0 to 2, but there are 2 class names"):
        from_frame([0, 2], class_names={0: "cat", 1: "dog"})


def test_a_mapping_without_every_index_is_refused():
    for mapping in [
        {"cat": 1, "dog": 2},
        {"cat": 0, "dog": 0},
        {1: "cat", 2: "dog"},
        {"cat": "dog"},
        {"cat": None},
        {"cat": 0.5, "dog": 1},
    ]:
        with case(repr(mapping)), pytest.raises(OptionError, match="class_names="):
            made([0, 1], class_names=mapping)


def test_a_mapping_that_means_two_things_is_refused():
    with pytest.raises(OptionError, match="names to indices or indices to names"):
        made([0, 1, 2], class_names={0: 1, 1: 2, 2: 0})


def test_what_is_not_a_name_is_refused():
    for value in [None, float("nan"), pd.NA, 1.5, ["a"], object()]:
        with case(repr(value)), pytest.raises(OptionError, match="class_names holds"):
            made(["a"], class_names=["a", value])


def test_contradictions_of_the_number_of_classes_are_refused():
    for labels in ([0, 1], ["x", "y"], [True, False]):
        with pytest.raises(OptionError, match=r"num_classes=5 contradicts class_names="):
            made(labels, num_classes=5, class_names=["x", "y", "z"])
    assert made([0, 1], num_classes=3, class_names=["x", "y", "z"])[1] == ("x", "y", "z")
    assert made(["z"], num_classes=3, class_names=["x", "y", "z"])[0] == [2]
    with pytest.raises(OptionError, match="num_classes= needs integer labels"):
        Manifest.from_files(FILES, num_classes=3)
    for count in (0, -1, 2.0, "3", True, 10**7):
        with pytest.raises(OptionError, match="num_classes="):
            made([0, 1], num_classes=count)


def test_integers_that_may_be_names_or_indices_are_refused():
    for names in (["1", "2", "3"], [1, 2, 3], np.array([2, 1, 0])):
        with pytest.raises(OptionError, match=r"class_names=dict\(enumerate\(names\)\)"):
            made([1, 2], class_names=names)
    # The way out that the message names.
    names = dict(enumerate(["2", "1", "0"]))
    assert made([1, 2], class_names=names) == ([1, 2], ("2", "1", "0"))
    # LabelEncoder.transform begins at 0, which is not among these classes_.
    assert made([0, 2, 1], class_names=np.array([1, 2, 3])) == ([0, 2, 1], ("1", "2", "3"))
    assert made([0, 1], class_names=["0", "1"]) == ([0, 1], ("0", "1"))
    assert from_frame([3, 1], class_names=np.array([1, 3])) == ([1, 0], ("1", "3"))


def test_a_missing_label_is_refused_with_its_row():
    for value in [None, float("nan"), np.nan, pd.NA, pd.NaT, np.datetime64("NaT", "s")]:
        with case(repr(value)):
            with pytest.raises(ManifestError, match=r"1 of 3 files .*'c.png', in row 2"):
                made(["a", "b", value])
            with pytest.raises(ManifestError, match="'label' has no value in 1 of 3 rows.* row 2"):
                from_frame(["a", "b", value])


def test_an_object_is_never_a_class():
    for value in [object(), len, ("a", "b"), {"a"}, pd.Timestamp("2024-01-01"), 1 + 2j]:
        with case(repr(value)), pytest.raises(ManifestError, match="list of labels holds"):
            made(["a", value])


def test_truth_values_are_not_mixed_with_numbers():
    for labels in ([True, 0, 1], [np.bool_(False), 2], [1.0, True]):
        for make in (made, from_frame):
            with pytest.raises(ManifestError, match="both truth values and numbers"):
                make(pd.Series(labels, dtype=object))
    assert made([True, False, True]) == ([1, 0, 1], ("False", "True"))
    assert from_frame([True, False, True]) == ([1, 0, 1], ("False", "True"))


def test_a_number_and_its_text_are_not_two_classes():
    for make in (made, from_frame):
        with pytest.raises(ManifestError, match="holds 1 both as a number and as text"):
            make(pd.Series([1, "1", 2], dtype=object))
        assert make(pd.Series([1, "x"], dtype=object)) == ([0, 1], ("1", "x"))


def test_a_categorical_column_is_read_by_its_values():
    column = pd.Categorical(["b", "a", "b"], categories=["c", "b", "a"])
    assert made(column) == from_frame(column) == ([1, 0, 1], ("a", "b"))


def test_a_mapping_of_labels_has_paths_of_any_kind():
    import pathlib

    manifest = Manifest.from_files(
        [b"a.png", pathlib.Path("b.png"), 3], {"a.png": 0, pathlib.Path("b.png"): 1, 3: 0}
    )
    assert manifest.labels.tolist() == [0, 1, 0]


def test_labels_of_another_shape_say_how_to_reshape_them():
    with pytest.raises(ManifestError, match=r"np\.ravel\(labels\)"):
        made(np.zeros((3, 1), int))
    with pytest.raises(ManifestError, match=r"np\.argmax\(labels, axis=1\)"):
        made(np.eye(3))


def test_a_table_without_a_header_has_numbered_columns():
    manifest = Manifest.from_frame(pd.DataFrame([["a.png", "x"]]), x_col=0, y_col=1)
    assert (list(manifest.paths), manifest.class_names) == (["a.png"], ("x",))
