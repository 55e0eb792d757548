"""Columns of every kind of container as lists of plain Python values."""

import datetime as dt
import decimal
import enum
import fractions
import pathlib
import uuid

import numpy as np
import pandas as pd
import pytest

from imggen import Boxes, Manifest
from imggen.core import StringColumn
from imggen.data import to_names, to_paths, to_values
from imggen.errors import ManifestError
from tests.helpers.cases import case


class Tensor:
    """An array of another package, such as TensorFlow's, with a shape of its own type."""

    def __init__(self, values):
        self._values = np.asarray(values)
        self.shape = list(self._values.shape) or ()
        self.ndim = self._values.ndim

    def __array__(self, dtype=None, copy=None):
        return self._values

    def __iter__(self):
        return map(Tensor, self._values)

    def __repr__(self):
        return f"Tensor({self._values})"


class OnDevice(Tensor):
    """A tensor as torch has them on a GPU or with gradients, which NumPy cannot convert."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("call detach().cpu() first")

    def detach(self):
        return self

    def cpu(self):
        return Tensor(self._values)


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 2


def containers(values):
    """The same values in every container that NumPy and pandas have for them."""
    yield from (list(values), tuple(values), iter(values), (value for value in values))
    yield from (dict.fromkeys(values).keys(), np.array(values), np.array(values, object))
    yield from (pd.Series(values), pd.Series(values, index=range(9, 9 + len(values))))
    yield from (pd.Index(values), pd.array(values), pd.Categorical(values))
    yield from (pd.Series(values, dtype=object), pd.Series(values, dtype="category"))
    yield from (Tensor(values), OnDevice(values), [Tensor(value) for value in values])


def test_a_container_does_not_matter():
    for values in ([3, 1, 2], ["b", "a"], [True, False], [1.5, 0.5]):
        for container in containers(values):
            with case(f"{values} in {type(container).__name__}"):
                got = to_values(container, "labels")
                assert got == values
                assert [type(value) for value in got] == [type(value) for value in values]


def test_nullable_columns_are_read():
    for dtype, values in (("Int64", [1, 2]), ("boolean", [True, False]), ("string", ["a", "b"])):
        assert to_values(pd.Series(values, dtype=dtype), "labels") == values
        gaps = to_values(pd.Series([values[0], None], dtype=dtype), "labels")
        assert gaps == [values[0], None]


def test_tensors_and_arrow_columns_are_read():
    torch = pytest.importorskip("torch")
    jnp = pytest.importorskip("jax.numpy")
    pa = pytest.importorskip("pyarrow")
    for column in (
        torch.arange(12),
        torch.arange(12, dtype=torch.uint8),
        torch.arange(12.0, requires_grad=True),
        torch.arange(12, dtype=torch.bfloat16),
        list(torch.arange(12)),
        list(torch.arange(12, dtype=torch.bfloat16)),
        jnp.arange(12),
        list(jnp.arange(12)),
        pa.array(range(12)),
        list(pa.array(range(12))),
        pa.chunked_array([range(6), range(6, 12)]),
    ):
        assert to_values(column, "labels") == list(range(12))


def test_a_scalar_becomes_a_plain_value():
    for value, expected in [
        (b"caf\xc3\xa9", "café"),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), "a"),
        (np.int8(3), 3),
        (np.bool_(True), True),
        (np.float32(0.5), 0.5),
        (np.array(3), 3),
        (np.array("a"), "a"),
        (Tensor(3), 3),
        (Color.RED, "red"),
        (Level.HIGH, 2),
        (decimal.Decimal(2), 2),
        (fractions.Fraction(1, 2), 0.5),
    ]:
        with case(repr(value)):
            (got,) = to_values([value], "labels")
            assert got == expected
            assert type(got) is type(expected)


def test_every_missing_value_is_none():
    nan, nat = float("nan"), np.datetime64("NaT", "s")
    missing = [
        None,
        nan,
        np.float32(nan),
        np.array(nan),
        pd.NA,
        pd.NaT,
        nat,
        decimal.Decimal("NaN"),
    ]
    for value in missing:
        with case(repr(value)):
            assert to_values(["a", value], "labels") == ["a", None]


def test_what_is_masked_is_missing():
    masked = np.ma.array([1, 2, 3], mask=[False, True, False])
    assert to_values(masked, "labels") == [1, None, 3]
    with pytest.raises(ManifestError, match="'b', in row 1"):
        Manifest.from_files(["a", "b", "c"], masked)
    with pytest.raises(ManifestError, match="labels has no value in 1 of 3 rows, first in row 1"):
        Manifest(".", ["a", "b", "c"], masked, ["x", "y", "z", "w"])


def test_what_is_not_a_column_is_refused():
    for value in [
        None,
        "abc",
        b"abc",
        pathlib.Path("a"),
        3,
        {"a": 1},
        {1, 2},
        np.array(3),
        object(),
    ]:
        with case(repr(value)), pytest.raises(ManifestError, match="^files"):
            to_values(value, "files")
    for value, hint in [(np.eye(3), "argmax"), (np.ones((3, 1)), r"np\.ravel\(files\)")]:
        with pytest.raises(ManifestError, match=hint):
            to_values(value, "files")
    with pytest.raises(ManifestError, match="files has the shape"):
        to_values(pd.DataFrame({"a": ["x"]}), "files")


def test_dates_do_not_become_numbers():
    days = pd.to_datetime(["2024-01-02", "2024-01-03"])
    for column in (days, days.to_numpy(), pd.Series(days), list(days), list(days.to_numpy())):
        names = to_names(column, "group_by")
        assert [name[:10] for name in names] == ["2024-01-02", "2024-01-03"]
        with pytest.raises(ManifestError, match=r"row 0; expected .*Convert it to text"):
            Manifest.from_files(["a", "b"], column)


def test_paths_are_text_bytes_path_objects_and_ids():
    given = ["a", b"b/\xff", pathlib.Path("c"), 7, 8.0, np.int64(9), np.str_("d"), Tensor(10)]
    assert to_paths(given, "files") == ["a", "b/\udcff", "c", "7", "8", "9", "d", "10"]
    assert list(Manifest.from_files(np.arange(3)).paths) == ["0", "1", "2"]


def test_what_is_not_a_path_is_refused_by_row():
    for value in [None, float("nan"), pd.NA, 1.5, True, object(), ["a"], ("a",)]:
        with case(repr(value)), pytest.raises(ManifestError, match=r"^files holds .* in row 1;"):
            to_paths(["a", value], "files")


def test_names_are_text_numbers_dates_and_tuples():
    name = uuid.UUID(int=1)
    given = ["a", b"b", 3, 2.5, dt.date(2024, 1, 2), name, ("a", 1), pathlib.Path("c")]
    expected = ["a", "b", "3", "2.5", "2024-01-02", str(name), "('a', 1)", "c"]
    assert to_names(given, "groups") == expected


def test_what_is_not_a_name_is_refused_by_row():
    for value in [object(), ["a"], {"a": 1}, len, ("a", object())]:
        with case(repr(value)), pytest.raises(ManifestError, match=r"^groups holds .* in row 1;"):
            to_names(["a", value], "groups")
    with pytest.raises(ManifestError, match="groups has no value in 2 of 3 rows, first in row 1"):
        to_names(["a", None, pd.NaT], "groups")


def test_a_manifest_takes_columns_of_any_kind():
    manifest = Manifest(
        ".",
        np.array(["a.png", "b.png"]),
        Tensor([1, 0]),
        np.array(["x", "y"]),
        groups=pd.Series([7, 8]),
        splits=iter(["train", "val"]),
        masks=[pathlib.Path("a"), b"b"],
        inputs={"depth": ("c", "d")},
    )
    assert all(
        isinstance(c, StringColumn) for c in (manifest.paths, manifest.groups, manifest.masks)
    )
    assert list(manifest.groups) == ["7", "8"]
    assert list(manifest.splits) == ["train", "val"]
    assert list(manifest.inputs["depth"]) == ["c", "d"]
    assert manifest.labels.tolist() == [1, 0]
    assert manifest.class_names == ("x", "y")


def test_rows_are_taken_by_number_or_by_mask():
    manifest = Manifest.from_files(list("abcd"))
    for indices in ([2, 0], np.array([2, 0]), Tensor([2, 0]), pd.Series([2, 0]), [-2, 0]):
        assert list(manifest.take(indices).paths) == ["c", "a"]
    mask = [True, False, False, True]
    for indices in (mask, np.array(mask), pd.Series(mask), pd.array(mask), Tensor(mask)):
        assert list(manifest.take(indices).paths) == ["a", "d"]
    assert len(manifest.take([])) == 0


def test_rows_that_do_not_exist_are_refused():
    manifest = Manifest.from_files(list("abcd"))
    for indices in ([4], [-5], [1.0], 2, [[0]], ["a"], [None], [True], None, "a"):
        with case(repr(indices)), pytest.raises(ValueError, match="^indices"):
            manifest.take(indices)


def test_cells_of_boxes_and_their_classes_may_be_tensors():
    numbers = [[0.0, 0.0, 9.0, 9.0], [5.0, 5.0, 2.0, 2.0]]
    for cell, kinds in [
        (numbers, ["cat", "dog"]),
        (Tensor(numbers), Tensor(["cat", "dog"])),
        ([Tensor(row) for row in numbers], [b"cat", np.str_("dog")]),
        (OnDevice(numbers), np.array(["cat", "dog"])),
    ]:
        frame = pd.DataFrame({"path": ["a"], "box": [cell], "kind": [kinds]})
        boxes = Boxes("box", "coco", labels="kind")
        manifest = Manifest.from_frame(frame, y_col=None, boxes=boxes)
        assert manifest.boxes.rows[0].tolist() == [[*numbers[0], 0], [*numbers[1], 1]]
        assert manifest.boxes.class_names == ("cat", "dog")
    frame = pd.DataFrame({"path": ["a"], "box": [OnDevice(numbers[0])]})
    manifest = Manifest.from_frame(frame, y_col=None, boxes=Boxes("box", "coco"))
    assert manifest.boxes.rows[0].tolist() == [[*numbers[0], 0]]
