"""The column of numbers: read from a table, checked, taken, concatenated, saved and loaded."""

import decimal
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import imggen
from imggen.data import Manifest, TargetColumn
from imggen.errors import ManifestError

PATHS = ["a.png", "b.png", "c.png"]


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame({"path": PATHS, **columns})


def manifest_of(cols, **columns) -> Manifest:
    return Manifest.from_frame(table(**columns), y_col=None, target_cols=cols)


def two() -> Manifest:
    return manifest_of(["x", "y"], x=[0.1, -2.5, 1e30], y=[1, 2, 3])


def test_one_column_is_float32_of_one_column_and_single():
    targets = manifest_of("age", age=[31, 4.5, -1]).targets

    assert targets.values.dtype == np.float32
    assert targets.values.tolist() == [[31.0], [4.5], [-1.0]]
    assert (targets.names, targets.is_single) == (("age",), True)


def test_a_list_of_one_column_is_not_single():
    targets = manifest_of(["age"], age=[31, 4.5, -1]).targets

    assert targets.select(np.array([1, 0])).tolist() == [[4.5], [31.0]]


def test_several_columns_keep_the_order_they_are_named_in():
    targets = manifest_of(["y", "x"], x=[1, 2, 3], y=[4, 5, 6]).targets

    assert targets.names == ("y", "x")
    assert targets.values.tolist() == [[4, 1], [5, 2], [6, 3]]


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint64", "object", "Int64"])
def test_columns_of_any_dtype_of_numbers_are_read(dtype):
    targets = manifest_of("age", age=pd.Series([1, 2, 3], dtype=dtype)).targets

    assert targets.values.tolist() == [[1.0], [2.0], [3.0]]


def test_texts_of_numbers_and_decimals_are_read_as_csv_and_databases_hold_them():
    ages = pd.Series(["1.5", decimal.Decimal("2.5"), " -3e1 "], dtype=object)

    assert manifest_of("age", age=ages).targets.values.tolist() == [[1.5], [2.5], [-30.0]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, float("nan"), 2.0], r"'age' has no value in 1 of 3 rows, first in row 1\. Fill"),
        ([1.0, 2.0, None], r"'age' has no value in 1 of 3 rows, first in row 2\."),
        ([1.0, float("inf"), 2.0], r"'age' holds inf in row 1; expected finite numbers"),
        ([-float("inf"), 1.0, 2.0], r"'age' holds -inf in row 0; expected finite numbers"),
        ([1.0, "old", 3.0], r"'age' holds 'old' in row 1; expected finite numbers"),
        ([1.0, "inf", 3.0], r"'age' holds 'inf' in row 1; expected finite numbers"),
        ([1.0, 2j, 3.0], r"'age' holds 2j in row 1; expected finite numbers"),
        ([1.0, 2.0, True], r"'age' holds True in row 2; expected finite numbers"),
        ([1.0, 2.0, 1e39], r"'age' holds 1e\+39 in row 2; .* fit into float32"),
        ([10**400, 2, 3], r"'age' holds <int of 1329 bits> in row 0; .* fit into float32"),
        ([[1.0, 2.0], [1.0], []], r"'age' holds \[1\.0, 2\.0\] in row 0; expected finite"),
    ],
    ids=str,
)
def test_other_values_are_refused_with_column_and_row(values, message):
    with pytest.raises(ManifestError, match=message):
        manifest_of("age", age=pd.Series(values, dtype=object))


def test_a_missing_column_is_refused_with_those_there_are():
    with pytest.raises(ManifestError, match=r"no column 'height'; its columns are .*'age'"):
        manifest_of(["age", "height"], age=[1, 2, 3])


def test_no_column_at_all_is_refused():
    with pytest.raises(ManifestError, match="target_cols is empty"):
        manifest_of([], age=[1, 2, 3])


@pytest.mark.parametrize(
    ("values", "names", "is_single", "message"),
    [
        ([1.0, 2.0], ("x",), False, r"shape \(2,\) and the names \['x'\]; expected shape"),
        ([[1.0, 2.0]], ("x",), False, r"shape \(1, 2\) and the names \['x'\]"),
        ([[1.0, 2.0]], ("x", "x"), False, r"names of targets must differ; got \['x', 'x'\]"),
        ([[1.0, 2.0]], ("x", "y"), True, "is_single=True needs one column"),
        ([[1.0], [np.nan]], ("x",), False, r"\['x'\] are \[nan\] in row 1; expected finite"),
        (np.empty((3, 0)), (), False, r"shape \(3, 0\) and the names \[\]"),
    ],
)
def test_arrays_that_are_no_targets_are_refused(values, names, is_single, message):
    with pytest.raises(ManifestError, match=message):
        TargetColumn(np.array(values), names, is_single)


def test_targets_of_another_length_than_the_paths_are_refused():
    targets = TargetColumn(np.zeros((2, 1)), ("x",), True)
    with pytest.raises(ManifestError, match="'targets' has 2 rows and 'paths' has 3"):
        Manifest(".", two().paths, targets=targets)


def test_values_cannot_be_written_to_and_are_not_those_given():
    given_values = np.ones((3, 1), np.float32)
    targets = TargetColumn(given_values, ("x",), True)
    given_values[0] = 7

    assert targets.values.tolist() == [[1], [1], [1]]
    with pytest.raises(ValueError, match="read-only"):
        targets.values[0] = 1


def test_samples_are_taken_with_their_targets():
    taken = two().take([2, 0, 2])

    assert taken.targets.values.tolist() == two().targets.values[[2, 0, 2]].tolist()
    assert taken.targets.names == ("x", "y")


def test_manifests_are_concatenated_with_their_targets():
    whole = Manifest.concatenate([two().take([1]), two().take([0, 2])])

    assert whole.targets.values.tolist() == two().targets.values[[1, 0, 2]].tolist()


@pytest.mark.parametrize("cols", ["x", ["x"], ["y", "x"]], ids=str)
def test_manifests_of_other_targets_are_not_concatenated(cols):
    other = manifest_of(cols, x=[1, 2, 3], y=[4, 5, 6])
    with pytest.raises(ManifestError, match="cannot be concatenated with"):
        Manifest.concatenate([two(), other])


def test_they_are_annotations_which_exports_would_lose():
    assert two().attached == ("targets",)


def test_a_frame_has_them_under_a_prefix_that_is_removed_again():
    frame = two().to_frame()
    again = Manifest.from_frame(frame, y_col=None, target_cols=["target:x", "target:y"])

    assert list(frame.columns) == ["path", "target:x", "target:y"]
    assert again.targets.names == ("x", "y")
    np.testing.assert_array_equal(again.targets.values, two().targets.values)


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@given(arrays.arrays(np.float32, (3, 2), elements=FLOATS))
def test_saved_and_loaded_they_are_the_same_to_the_bit(tmp_path_factory, ending, values):
    file = tmp_path_factory.mktemp("saved") / f"table.{ending}"
    manifest = Manifest(".", two().paths, targets=TargetColumn(values, ("x", "über"), False))
    manifest.save(file)
    targets = Manifest.load(file).targets

    np.testing.assert_array_equal(targets.values, values)
    assert (targets.names, targets.is_single) == (("x", "über"), False)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("cols", ["age", ["age"]], ids=str)
def test_saved_and_loaded_they_are_served_with_the_same_shape(tmp_path, ending, cols):
    file = tmp_path / f"table.{ending}"
    manifest = manifest_of(cols, age=[1.5, 2, 3])
    manifest.save(file)

    rows = np.array([0, 2])
    expected = [1.5, 3.0] if cols == "age" else [[1.5], [3.0]]
    assert Manifest.load(file).targets.select(rows).tolist() == expected


def test_metadata_without_the_shape_is_refused(tmp_path):
    two().save(tmp_path / "table.csv")
    beside = tmp_path / "table.csv.json"
    beside = beside if beside.exists() else tmp_path / "table.json"
    beside.write_text(beside.read_text("utf-8").replace("is_single", "single"), "utf-8")
    with pytest.raises(ManifestError, match=r"has targets .*; expected \['is_single'\]"):
        Manifest.load(tmp_path / "table.csv")


def test_splits_have_the_targets_of_their_samples():
    numbers = [float(row) for row in range(20)]
    frame = pd.DataFrame({"path": [f"{row}.png" for row in range(20)], "age": numbers})
    manifest = Manifest.from_frame(frame, y_col=None, target_cols="age")

    for one in imggen.split(manifest, (0.5, 0.25, 0.25)):
        paths = [f"{int(age)}.png" for age in one.targets.values[:, 0]]
        assert paths == list(one.paths)


def test_they_are_pickled():
    copied = pickle.loads(pickle.dumps(two()))

    np.testing.assert_array_equal(copied.targets.values, two().targets.values)
