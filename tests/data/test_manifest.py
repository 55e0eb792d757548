"""The table of samples: validation, and conversion to DataFrames and files and back."""

import dataclasses
import os
import stat
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imggen import Manifest
from imggen.core import StringColumn
from imggen.errors import ManifestError, MissingExtraError, OptionError
from tests.helpers.cases import each_case

ENDINGS = pytest.mark.parametrize("ending", ["csv", "parquet"])
NOT_UTF8 = os.fsdecode(b"caf\xe9.jpg")
SEVEN = list("abcdefg")
AS_VALUES = ["007", "7", "1.0", "", " ", "NA", "null"]
AWKWARD = [*AS_VALUES, "a,b", 'a"b', "a\nb", "a\rb", "\r\n", "🐈", "#"]


def text(*strings):
    return StringColumn.of(strings)


def manifest_of(names=("cat", "dog"), labels=(0, 1, 0), **columns):
    paths = StringColumn.of(f"{row}.jpg" for row in range(len(labels)))
    return Manifest(columns.pop("root", "."), paths, np.asarray(labels), names, **columns)


def full(**columns):
    return manifest_of(
        groups=text("p1", "", "p1"),
        weights=[0.1, 0.0, 3.0],
        splits=text("train", "val", "train"),
        **columns,
    )


def content(manifest):
    columns = [manifest.paths, manifest.labels, manifest.groups, manifest.weights, manifest.splits]
    return [manifest.class_names, *(None if column is None else list(column) for column in columns)]


@each_case(
    ("columns", "message"),
    [
        (
            {"names": ("a", "b", "a")},
            r"class_names must differ from each other; the list has duplicates: \['a'\]",
        ),
        (
            {"labels": (0, 2, 1)},
            r"labels run from 0 to 2, but there are 2 class names.*index of each sample's class",
        ),
        ({"labels": (0, -1, 1)}, r"labels run from -1 to 1, but there are 2 class names"),
        ({"labels": (0, 2**40, 1)}, r"labels run from 0 to 1099511627776, but there are 2"),
        ({"labels": (0.0, 1.0)}, r"labels have dtype float64 and shape \(2,\); expected integers"),
        ({"labels": ((0, 1), (1, 0))}, r"dtype int64 and shape \(2, 2\); expected integers"),
        ({"labels": ("cat", "dog")}, r"labels have dtype <U3 and shape \(2,\); expected integers"),
        ({"weights": [1, -1, 1]}, r"finite numbers of 0 or more, one per sample; got shape \(3,\)"),
        ({"weights": [1, float("nan"), 1]}, "weights must be finite numbers of 0 or more"),
        ({"weights": [1, float("inf"), 1]}, "weights must be finite numbers of 0 or more"),
        ({"weights": [[1, 1, 1]]}, r"one per sample; got shape \(1, 3\)"),
        (
            {"weights": [1, 1]},
            "column 'weights' has 2 rows and 'paths' has 3; expected one row per",
        ),
        ({"groups": text("a")}, "column 'groups' has 1 rows and 'paths' has 3"),
        ({"splits": text(*"abcd")}, "column 'splits' has 4 rows and 'paths' has 3"),
        ({"weights": ["heavy"]}, "weights must be"),
    ],
)
def test_a_table_that_contradicts_itself_is_explained(columns, message):
    with pytest.raises(ManifestError, match=message):
        manifest_of(**columns)


def test_labels_of_another_length_are_refused():
    with pytest.raises(
        ManifestError, match="'labels' has 2 rows and 'paths' has 1; expected one row"
    ):
        Manifest(".", text("a"), np.array([0, 1]), ("cat", "dog"))


def test_counts_follow_the_class_order_and_keep_empty_classes():
    manifest = manifest_of(("dog", "none", "cat", "last"), (0, 2, 0))
    assert list(manifest.class_counts.items()) == [("dog", 2), ("none", 0), ("cat", 1), ("last", 0)]
    assert manifest.class_indices == {"dog": 0, "none": 1, "cat": 2, "last": 3}
    assert (manifest.num_samples, len(manifest), manifest.num_classes) == (3, 3, 4)


def test_columns_have_their_documented_types(tmp_path):
    manifest = full(root=tmp_path)
    assert (manifest.labels.dtype, manifest.weights.dtype) == (np.int32, np.float32)
    assert type(manifest.root) is str
    assert type(manifest_of([1, 2]).class_names[0]) is str


def test_file_paths_begin_with_the_root():
    manifest = Manifest("photos", text("cat/1.jpg", "/mnt/2.jpg"))
    assert manifest.filepaths == [os.path.join("photos", "cat/1.jpg"), "/mnt/2.jpg"]
    assert manifest.filepath(0) == manifest.filepaths[0]


@pytest.mark.parametrize(
    ("column", "values", "key"),
    [
        ("labels", np.array([1, 1, 1], np.int32), 0),
        ("weights", np.array([1, 1, 1], np.float32), 0),
        ("skipped", {"hidden": 1}, "hidden"),
    ],
)
def test_changing_an_argument_later_does_not_change_the_manifest(column, values, key):
    manifest = manifest_of(**{column: values})
    values[key] = 0
    assert getattr(manifest, column)[key] == 1


def test_columns_cannot_be_replaced():
    with pytest.raises(dataclasses.FrozenInstanceError):
        manifest_of().labels = None


def test_take_selects_every_column_in_the_given_order():
    taken = full(skipped={"hidden": 4}).take([2, 1, 2])
    assert list(taken.paths) == ["2.jpg", "1.jpg", "2.jpg"]
    assert (taken.labels.tolist(), taken.weights.tolist()) == ([0, 1, 0], [3.0, 0.0, 3.0])
    assert (list(taken.groups), list(taken.splits)) == (["p1", "", "p1"], ["train", "val", "train"])
    assert taken.skipped == {"hidden": 4}


def test_the_repr_shows_counts_and_skipped_files():
    assert repr(manifest_of(skipped={"hidden": 4})) == (
        "Manifest(3 samples in '.'; classes {cat: 2, dog: 1}; skipped {hidden: 4})"
    )


def test_a_frame_has_a_column_for_each_column():
    frame = full().to_frame()
    assert list(frame.columns) == ["path", "label", "group", "weight", "split"]
    assert frame["label"].tolist() == ["cat", "dog", "cat"]
    assert list(Manifest(".", text("a")).to_frame().columns) == ["path"]


def test_a_manifest_is_read_back_from_its_frame():
    back = Manifest.from_frame(
        full().to_frame(), group_col="group", weight_col="weight", split_col="split"
    )
    assert content(back) == content(full())


def test_the_index_of_a_frame_is_not_used():
    frame = pd.DataFrame({"path": ["a", "b"], "label": ["x", "y"]}, index=[7, 7])
    manifest = Manifest.from_frame(frame, root="r")
    assert (list(manifest.paths), manifest.labels.tolist()) == (["a", "b"], [0, 1])


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([10, 9, 100], ("9", "10", "100")),
        (["10", "9", "100"], ("10", "100", "9")),
        (pd.Categorical(["b", "a", "b"]), ("a", "b")),
        (pd.array([3, 20, 3], dtype="Int64"), ("3", "20")),
        ([True, False, True], ("False", "True")),
        (["b", "", "NA"], ("", "NA", "b")),
    ],
)
def test_numbers_are_sorted_by_value_and_names_as_text(values, names):
    manifest = Manifest.from_frame(pd.DataFrame({"path": ["a", "b", "c"], "label": values}))
    assert manifest.class_names == names
    assert [names[label] for label in manifest.labels] == [str(value) for value in values]


def test_whole_numbers_that_a_table_holds_as_floats_are_classes():
    frame = pd.DataFrame({"path": ["a", "b", "c"], "label": [10.0, 9.0, 10.0]})
    manifest = Manifest.from_frame(frame)
    assert manifest.class_names == ("9", "10")
    assert manifest.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize("value", [1.5, ["a", "b"], np.eye(2)[0]])
def test_a_value_that_is_not_a_class_is_refused(value):
    frame = pd.DataFrame({"path": ["a", "b"], "label": [value, value]})
    with pytest.raises(ManifestError, match="column 'label' holds"):
        Manifest.from_frame(frame)


def test_the_columns_of_a_manifest_are_read_only():
    manifest = Manifest(".", text("a", "b"), np.array([0, 1]), ("x", "y"), weights=np.ones(2))
    for column in (manifest.labels, manifest.weights):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


def test_class_names_give_order_and_empty_classes():
    frame = pd.DataFrame({"path": ["a", "b"], "label": [2, 10]})
    manifest = Manifest.from_frame(frame, class_names=[10, 5, 2])
    assert manifest.class_counts == {"10": 1, "5": 0, "2": 1}


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"a": [1]}, {}, r"no column 'path'; its columns are \['a'\]"),
        ({"path": ["a"]}, {}, r"no column 'label'; its columns are \['path'\]"),
        ({"path": ["a", None]}, {"y_col": None}, "'path' has no value in 1 of 2 rows, .*row 1"),
        ({"path": ["a", "b"], "label": [np.nan, 1]}, {}, "'label' has no value in 1 of 2.* row 0"),
        (
            {"path": ["a", "b"], "label": ["cat", "cow"]},
            {"class_names": ["cat", "dog"]},
            r"column 'label' holds \['cow'\], which are not in class_names=\['cat', 'dog'\]",
        ),
        ({"path": SEVEN, "label": SEVEN}, {"class_names": ["g"]}, r"'d', 'e'\] and more, which"),
        (
            {"path": ["a"], "w": ["x"]},
            {"y_col": None, "weight_col": "w"},
            "column 'w': Sample weights must be",
        ),
        ({"path": ["a"]}, {"y_col": None, "group_col": "g"}, "no column 'g'"),
        ({"path": ["a"]}, {"y_col": None, "split_col": "s"}, "no column 's'"),
    ],
)
def test_a_frame_that_is_not_a_manifest_is_explained(columns, options, message):
    with pytest.raises(ManifestError, match=message):
        Manifest.from_frame(pd.DataFrame(columns), **options)


@ENDINGS
@pytest.mark.parametrize(
    "manifest",
    [
        *(full(), manifest_of(), full().take([]), Manifest(".", text("", "b"))),
        # Unusual names in every column; classes in their own order, one of them empty.
        Manifest(
            *(".", text(*AWKWARD), np.arange(len(AWKWARD)), (*AWKWARD[::-1], "empty")),
            groups=text(*AWKWARD),
            splits=text(*AWKWARD),
        ),
    ],
    ids=["full", "labelled", "empty", "unlabelled", "awkward"],
)
def test_a_saved_manifest_replaces_an_older_one(tmp_path, ending, manifest):
    manifest_of(("older",), (0,)).save(str(tmp_path / f"m.{ending}"))
    manifest.save(tmp_path / f"m.{ending}")
    assert content(Manifest.load(tmp_path / f"m.{ending}")) == content(manifest)
    assert sorted(os.listdir(tmp_path)) == [f"m.{ending}", f"m.{ending}.json"]


# No file name holds a null character, or half of a surrogate pair.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@ENDINGS
@settings(deadline=None, max_examples=25)
@given(rows=st.lists(st.tuples(NAMES, st.floats(0, 2.0**99, width=32)), min_size=1, max_size=8))
def test_any_names_and_weights_are_read_back(tmp_path_factory, ending, rows):
    names, weights = zip(*rows, strict=True)
    manifest = Manifest(".", text(*names), groups=text(*names), weights=weights)
    file = tmp_path_factory.mktemp("any") / f"m.{ending}"
    manifest.save(file)
    assert content(Manifest.load(file)) == content(manifest)


def test_a_path_that_is_not_valid_text_is_read_back_from_csv(tmp_path):
    Manifest(".", text(NOT_UTF8), np.array([0]), (NOT_UTF8,)).save(tmp_path / "m.csv")
    assert content(Manifest.load(tmp_path / "m.csv"))[:2] == [(NOT_UTF8,), [NOT_UTF8]]
    assert b"caf\xe9.jpg" in (tmp_path / "m.csv").read_bytes()


def test_parquet_refuses_a_path_that_is_not_valid_text(tmp_path):
    with pytest.raises(ManifestError, match=r"UTF-8, which Parquet requires.*Save as \.csv"):
        Manifest(".", text(NOT_UTF8)).save(tmp_path / "m.parquet")
    assert os.listdir(tmp_path) == []


@ENDINGS
def test_a_full_disk_leaves_the_old_manifest_and_no_other_file(tmp_path, ending):
    resource = pytest.importorskip("resource")
    manifest_of().save(tmp_path / f"m.{ending}")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    large = Manifest(".", StringColumn.of(f"{row}.jpg" for row in range(5000)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(ManifestError, match=r"Cannot write .*m\..*File too large"):
            large.save(tmp_path / f"m.{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_a_saved_manifest_is_readable_by_others_where_the_umask_allows(tmp_path):
    previous = os.umask(0o022)
    try:
        manifest_of().save(tmp_path / "m.csv")
    finally:
        os.umask(previous)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o644}


def test_a_folder_moved_with_its_manifest_is_found(tmp_path):
    (tmp_path / "old").mkdir()
    manifest_of(root=tmp_path / "old" / "photos").save(tmp_path / "old" / "m.csv")
    (tmp_path / "old").rename(tmp_path / "new")
    assert Manifest.load(tmp_path / "new" / "m.csv").root == str(tmp_path / "new" / "photos")


def test_a_root_given_to_load_is_used(tmp_path):
    manifest_of(root="elsewhere").save(tmp_path / "m.csv")
    assert Manifest.load(tmp_path / "m.csv", root=tmp_path).root == str(tmp_path)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(ManifestError, match=r"The manifest '.*gone\.csv' does not exist"):
        Manifest.load(tmp_path / "gone.csv")


@pytest.mark.parametrize("name", ["m.txt", "m", "m.csv.gz"])
def test_only_csv_and_parquet_are_written(tmp_path, name):
    with pytest.raises(OptionError, match=rf"{name}' must end in \.csv or \.parquet"):
        manifest_of().save(tmp_path / name)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        (None, r"m\.csv\.json', the class mapping of 'm\.csv', cannot be read: .*No"),
        ("{", r"cannot be read: it is not valid JSON \(Expecting property name"),
        ("[]", r"cannot be read: .* Save the manifest again, or build it .*from_frame"),
        ('{"version": 1, "root": "."}', "class_names None; expected a string and a list"),
        (
            '{"version": 2, "root": ".", "class_names": []}',
            r"m\.csv' has manifest version 2; this version of imggen reads version 1",
        ),
        ('{"version": 1, "root": ".", "class_names": ["cat"]}', r"'label' holds \['dog'\], which"),
    ],
)
def test_a_manifest_without_its_json_is_explained(tmp_path, meta, message):
    manifest_of().save(tmp_path / "m.csv")
    (tmp_path / "m.csv.json").unlink()
    if meta is not None:
        (tmp_path / "m.csv.json").write_text(meta)
    with pytest.raises(ManifestError, match=message):
        Manifest.load(tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("ending", "kind", "junk"),
    [("csv", "CSV", ""), ("csv", "CSV", '"path"\n"a","b","c"\n"d'), ("parquet", "Parquet", "x")],
)
def test_a_damaged_table_is_named(tmp_path, ending, kind, junk):
    manifest_of().save(tmp_path / f"m.{ending}")
    (tmp_path / f"m.{ending}").write_text(junk)
    with pytest.raises(ManifestError, match=rf"m\.{ending}', a {kind} table, cannot be read: "):
        Manifest.load(tmp_path / f"m.{ending}")


def test_parquet_without_pyarrow_names_the_pip_command(tmp_path, monkeypatch):
    manifest_of().save(tmp_path / "m.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = r"Parquet needs the package 'pyarrow'.*pip install 'imggen\[parquet\]'"
    with pytest.raises(MissingExtraError, match=message):
        Manifest.load(tmp_path / "m.parquet")
    with pytest.raises(MissingExtraError, match=message):
        manifest_of().save(tmp_path / "other.parquet")
    assert sorted(os.listdir(tmp_path)) == ["m.parquet", "m.parquet.json"]


def test_the_root_is_plain_text():
    assert type(Manifest(np.str_("photos"), ["a.png"]).root) is str
