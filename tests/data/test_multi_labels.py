"""Any number of classes per sample: read from tables and lists, taken, saved and loaded."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import imggen
from imggen.data import Manifest, MultiLabelColumn, Output
from imggen.errors import ImggenWarning, ManifestError, OptionError

NAMES = ("b", "a", "c")


def read(cells, cols="tags", class_names=None, **options) -> Manifest:
    paths = [f"{row}.png" for row in range(len(cells))]
    frame = pd.DataFrame({"path": paths, "tags": pd.Series(cells, dtype=object)})
    return Manifest.from_frame(
        frame, y_col=None, multi_label_cols=cols, class_names=class_names, **options
    )


def matrix(manifest) -> list[list[int]]:
    return manifest.multi_labels.to_matrix(manifest.num_classes).astype(int).tolist()


def test_text_is_split_trimmed_and_counted_once_and_may_be_empty():
    manifest = read(["", " a ; b ", "a;a", "007", "NA", "b;;"])

    assert manifest.class_names == ("007", "NA", "a", "b")
    assert matrix(manifest) == [
        *([0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]),
        *([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]),
    ]
    assert manifest.class_counts == {"007": 1, "NA": 1, "a": 2, "b": 2}


def test_lists_arrays_sets_and_the_text_of_lists_are_read():
    cells = [["a", "c"], [], ("b",), np.array(["c"]), {"a", "b"}, "['a', 'b']", '["c"]', "[]"]

    assert ["".join(map(str, row)) for row in matrix(read(cells))] == [
        *("101", "000", "010", "001", "110", "110", "001", "000")
    ]


def test_columns_of_truth_values_are_classes_in_the_order_of_class_names():
    frame = pd.DataFrame(
        {"path": ["x", "y"], "a": [0, 1], "b": [True, False], "c": ["1", "0"], "d": [0.0, 0.0]}
    )
    cols = ["a", "b", "c", "d"]
    by_column = Manifest.from_frame(frame, y_col=None, multi_label_cols=cols)
    named = Manifest.from_frame(
        frame, y_col=None, multi_label_cols=["a", "b"], class_names=["b", "z", "a"]
    )

    assert (by_column.class_names, matrix(by_column)) == (tuple(cols), [[0, 1, 1, 0], [1, 0, 0, 0]])
    assert (named.class_names, matrix(named)) == (("b", "z", "a"), [[1, 0, 0], [0, 0, 1]])


def test_a_row_without_classes_survives_a_given_class_list():
    manifest = read(["", "b", ""], class_names=NAMES)

    assert (manifest.class_names, matrix(manifest)) == (NAMES, [[0, 0, 0], [1, 0, 0], [0, 0, 0]])
    assert matrix(read(["", ""], class_names=["a"])) == [[0], [0]]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["a", float("nan")], r"no value in row 1.*keep_default_na=False"),
        (["a", "b", None], r"no value in row 2"),
        ([["a", None]], r"a missing value in row 0, which is not a class"),
        ([[], ["a", ["b"]]], r"\['b'\] in row 1, which is not a class"),
        (["a", "[a, b"[:5] + "]"], r"in row 1, which is not a list"),
        (["a", 7.5], r"7\.5 in row 1, which is not a class"),
        ([True], r"True in row 0, which is not a class"),
        ([np.zeros((2, 2))], r"an array of shape \(2, 2\) in row 0"),
        ([[0, 1, 1], [1, 0, 0]], r"0 and 1 for each class, such as \[0, 1, 1\]"),
    ],
)
def test_cells_that_hold_no_classes_are_refused_with_their_row(cells, message):
    with pytest.raises(ManifestError, match=message):
        read(cells)


def test_names_unknown_to_class_names_are_refused_with_their_row():
    with pytest.raises(ManifestError, match=r"the class 'd' in row 1.*class_names=\['b', 'a'"):
        read(["a", "b;d"], class_names=list(NAMES))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [0, 2]}, r"column 'a' has 2 for the class 'a' in row 1; expected 0 or 1"),
        ({"a": [float("nan"), 1]}, r"column 'a' has no value for the class 'a' in row 0"),
        ({"a": ["yes", "no"]}, r"has 'yes' for the class 'a' in row 0"),
    ],
)
def test_columns_of_other_values_are_refused_with_the_row(columns, message):
    frame = pd.DataFrame({"path": ["x", "y"], **columns})
    with pytest.raises(ManifestError, match=message):
        Manifest.from_frame(frame, y_col=None, multi_label_cols=["a"])


def test_another_separator_is_used_or_suggested():
    assert read(["a|b", "c"], label_separator="|").class_names == ("a", "b", "c")
    with pytest.warns(ImggenWarning, match=r"holds 'a\|b' and never the separator ';'.*'\|'"):
        assert read(["a|b", "c"]).class_names == ("a|b", "c")
    with pytest.raises(OptionError, match="label_separator=''"):
        read(["a"], label_separator="")


def test_lists_of_files_take_lists_arrays_indices_and_mappings():
    files = ["x", "y", "z"]

    def from_files(labels, **options):
        return Manifest.from_files(files, labels, kind="multi_label", **options)

    hot = np.eye(3)[[0, 2, 1]]
    assert matrix(from_files([["a"], [], "a;b"])) == [[1, 0], [0, 0], [1, 1]]
    assert matrix(from_files(hot, class_names=NAMES)) == hot.astype(int).tolist()
    assert matrix(from_files([[2, 0], [], [1]], class_names=NAMES)) == [
        [1, 0, 1],
        [0] * 3,
        [0, 1, 0],
    ]
    assert matrix(from_files({"z": "a", "y": "", "x": "b"})) == [[0, 1], [0, 0], [1, 0]]
    assert from_files(hot).class_names == ("0", "1", "2")
    for labels, options, message in [
        (hot * 2, {}, "has 2.0 for the class '0' in row 0"),
        (hot, {"num_classes": 4}, "shape .3, 3., and there are 4 classes"),
        (["a"], {}, "3 files and 1 labels"),
        ({"x": "a"}, {}, "'y', in row 1, has no label"),
    ]:
        with pytest.raises(ManifestError, match=message):
            from_files(labels, **options)


ROWS = st.lists(st.sets(st.sampled_from(NAMES)).map(sorted), min_size=1, max_size=8)


@given(ROWS, st.data())
def test_taken_and_concatenated_rows_keep_their_classes(rows, data):
    manifest = read(rows, class_names=NAMES)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6))
    taken = manifest.take(np.array(chosen, np.int64))
    both = Manifest.concatenate([taken, manifest])
    names = np.array(NAMES)

    assert [sorted(names[np.array(row, bool)]) for row in matrix(both)] == [
        rows[row] for row in [*chosen, *range(len(rows))]
    ]


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_saved_and_loaded_they_are_the_same(tmp_path, extension):
    names = ["a;b", "007", "NA", "é", "none"]
    manifest = read([["a;b", "NA"], [], ["007"], ["é"]], class_names=names, label_separator="/")
    manifest.save(tmp_path / f"table.{extension}")
    loaded = Manifest.load(tmp_path / f"table.{extension}")

    assert (loaded.class_names, matrix(loaded)) == (tuple(names), matrix(manifest))
    assert loaded.multi_labels.separator == "/"
    assert loaded.to_frame()["labels"].tolist() == ['["a;b", "NA"]', "[]", '["007"]', '["é"]']


def test_a_million_rows_of_a_hundred_classes_take_little_memory():
    indices = np.tile(np.array([3, 50, 99], np.int32), 10**6)
    column = MultiLabelColumn(indices, np.arange(0, 3 * 10**6 + 1, 3))

    assert column.indices.nbytes + column.offsets.nbytes < 25e6
    assert np.flatnonzero(column.multi_hot(np.array([10**6 - 1]), 100)[0]).tolist() == [3, 50, 99]


@pytest.mark.parametrize(
    ("indices", "offsets"),
    [([0, 0], [0, 2]), ([1, 0], [0, 2]), ([0], [0, 2]), ([-1], [0, 1]), ([], [])],
)
def test_arrays_that_do_not_fit_together_are_refused(indices, offsets):
    with pytest.raises(ManifestError, match=r"expected|not ascending"):
        MultiLabelColumn(np.array(indices), np.array(offsets))
    assert len(MultiLabelColumn(np.array([1, 0]), np.array([0, 0, 1, 1, 2]))) == 4


def test_splits_stratify_by_every_class_and_keep_groups():
    rng = np.random.default_rng(1)
    present = rng.random((400, 3)) < (0.5, 0.2, 0.1)
    rows = [[name for name, has in zip(NAMES, row, strict=True) if has] for row in present]
    manifest = read(rows, class_names=NAMES)
    train, val = imggen.split(manifest, (0.75, 0.25), seed=2)
    for name, count in manifest.class_counts.items():
        assert abs(val.class_counts[name] - count / 4) <= 1
    groups = [str(row // 4) for row in range(400)]
    train, val = imggen.split(imggen.group_by(manifest, groups), (0.75, 0.25), seed=2)

    assert not set(train.groups) & set(val.groups)
    assert all(
        abs(val.class_counts[name] - count / 4) < 6 for name, count in manifest.class_counts.items()
    )


def test_one_class_and_several_exclude_each_other_and_repeats_do_not_balance():
    manifest = read(["a", "b"])
    with pytest.raises(ManifestError, match="expected one of the two"):
        Manifest(
            ".", manifest.paths, np.array([0, 1]), ("a", "b"), multi_labels=manifest.multi_labels
        )
    with pytest.raises(ManifestError, match="class index 1, but there are 1 class names"):
        Manifest(".", manifest.paths, None, ("a",), multi_labels=manifest.multi_labels)
    with pytest.raises(imggen.errors.SplitError, match="class_weight"):
        imggen.oversample(manifest)


def outputs_of(num=6) -> Manifest:
    frame = pd.DataFrame(
        {
            "path": [f"{row}.png" for row in range(num)],
            "kind": ["007", "NA", "b"] * (num // 3),
            "weight": np.arange(num, dtype=float),
        }
    )
    tags = MultiLabelColumn.from_matrix(np.arange(2 * num).reshape(num, 2) % 3 == 0)
    return Manifest.from_frame(
        frame,
        y_col=None,
        outputs={
            "kind": Output(labels=np.arange(num) % 3, class_names=("007", "NA", "b")),
            "tags": Output(multi_labels=tags, class_names=("x", "y"), weights=np.arange(num) / 2),
            "mask": Output(),
        },
    )


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_outputs_are_saved_loaded_taken_and_concatenated(tmp_path, extension):
    manifest = outputs_of()
    both = Manifest.concatenate([manifest.take([5, 0]), manifest])
    both.save(tmp_path / f"table.{extension}")
    loaded = Manifest.load(tmp_path / f"table.{extension}")

    rows = [5, 0, *range(6)]
    assert loaded.output("kind").labels.tolist() == [row % 3 for row in rows]
    assert loaded.output("kind").class_names == ("007", "NA", "b")
    assert matrix(loaded.output("tags")) == [matrix(manifest.output("tags"))[row] for row in rows]
    assert loaded.output("tags").weights.tolist() == [row / 2 for row in rows]
    assert loaded.output("mask").labels is None
    assert "outputs kind (3 classes), tags (2 classes per sample), mask" in repr(loaded)


def test_outputs_are_checked():
    manifest = outputs_of()
    with pytest.raises(OptionError, match="output='kin' is not one of.*Did you mean 'kind'"):
        manifest.output("kin")
    with pytest.raises(ManifestError, match="labels and targets|labels and multi_labels"):
        Output(np.array([0]), MultiLabelColumn.from_matrix(np.eye(1)), class_names=("a",))
    with pytest.raises(ManifestError, match=r"columns of \[1, 2\] rows"):
        Output(np.array([0]), class_names=("a",), weights=np.ones(2))
    with pytest.raises(ManifestError, match="'output:kind' has 6 rows and 'paths' has 2"):
        Manifest(".", ["a", "b"], outputs={"kind": manifest.outputs["kind"]})
    with pytest.raises(ManifestError, match="outputs .* expected the same outputs"):
        Manifest.concatenate([manifest, Manifest(".", manifest.paths)])
