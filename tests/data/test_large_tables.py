"""Tables of millions of rows: no Python step and no Python string per row."""

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imggen import Manifest
from imggen.core import StringColumn, table_io
from imggen.data.sources import read_table_source
from imggen.errors import ManifestError
from tests.helpers.call_counts import count_bytes, count_calls

PATHS = ["cat/1.jpg", "hund/ü.jpg", "cat/日本.jpg", "dog/4.jpg"]
LABELS = ["cat", "hund", "cat", "dog"]


def large(num_rows):
    """Returns a manifest with every column of text."""
    text = {
        name: StringColumn.of(f"{name}_{row // 10}" for row in range(num_rows))
        for name in ("groups", "hashes", "masks")
    }
    return Manifest(
        ".",
        StringColumn.of(f"folder/{row}.jpg" for row in range(num_rows)),
        np.arange(num_rows) % 5,
        tuple("abcde"),
        splits=StringColumn.of("train" if row % 3 else "val" for row in range(num_rows)),
        weights=np.arange(num_rows),
        **text,
    )


def assert_same(manifest, expected):
    pd.testing.assert_frame_equal(manifest.to_frame(), expected.to_frame())
    assert manifest.class_names == expected.class_names


# Guards


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_loading_and_saving_take_no_calls_per_row(tmp_path, suffix):
    def cost(num_rows):
        manifest, file = large(num_rows), tmp_path / f"{num_rows}.{suffix}"
        if suffix == "parquet":
            saving = count_calls(lambda: manifest.save(file))
        else:  # pandas writes texts, of which it needs one each
            saving = manifest.save(file) or 0
        return saving + count_calls(lambda: Manifest.load(file))

    cost(10)  # imports
    assert cost(2000) - cost(200) < 20


def test_loading_parquet_makes_no_text_per_row(tmp_path):
    file = tmp_path / "table.parquet"
    large(20_000).save(file)
    (tmp_path / "table.parquet.json").unlink()
    manifest = read_table_source(file)  # imports
    peak = count_bytes(lambda: read_table_source(file))
    columns = (manifest.paths, manifest.groups, manifest.hashes, manifest.masks, manifest.splits)
    kept = sum(column.data.nbytes + column.offsets.nbytes for column in columns)
    assert peak < kept + 20_000 * 40  # a text of one character takes 50 bytes and a reference


@pytest.mark.parametrize("dtype", [None, "object", "string[python]", "string[pyarrow]"])
def test_a_frame_takes_no_calls_per_row(dtype):
    def cost(num_rows):
        frame = large(num_rows).to_frame()[["path", "label", "group"]].astype(dtype or "str")
        return count_calls(lambda: Manifest.from_frame(frame, group_col="group"))

    cost(10)  # imports
    assert cost(2000) == cost(200)


def test_a_list_of_files_takes_no_calls_per_file():
    def cost(num_rows):
        files = list(large(num_rows).paths)
        return count_calls(lambda: Manifest.from_files(files, np.arange(num_rows) % 3))

    cost(10)  # imports
    assert cost(2000) == cost(200)


def test_concatenating_takes_no_calls_per_row():
    def cost(num_rows):
        parts = [large(num_rows), large(10)]
        return count_calls(lambda: Manifest.concatenate(parts))

    cost(10)  # imports
    assert cost(2000) == cost(200)


# Every container of text


def containers():
    """Yields names and functions from a list of texts to a column of a frame."""
    for dtype in ("object", "str", "string[python]", "string[pyarrow]", "category"):
        yield dtype, lambda texts, dtype=dtype: pd.Series(texts, dtype=dtype)
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        yield f"Arrow {kind}", lambda texts, kind=kind: pd.Series(texts, dtype=pd.ArrowDtype(kind))
    arrow_category = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    yield "Arrow dictionary", lambda texts: pd.Series(texts, dtype=arrow_category)
    yield "bytes", lambda texts: pd.Series([t and t.encode() for t in texts], dtype=object)
    yield "a slice", lambda texts: pd.Series(["x", *texts], dtype="str").iloc[1:]


@pytest.mark.parametrize(("name", "make"), [pytest.param(*one, id=one[0]) for one in containers()])
def test_text_is_read_from_every_container(name, make):
    def read(paths, labels, groups):
        frame = pd.DataFrame(
            {"path": make(paths), "label": make(labels), "group": make(groups)}
        ).reset_index(drop=True)
        return Manifest.from_frame(frame, group_col="group")

    expected = Manifest(
        ".",
        StringColumn.of(PATHS),
        np.array([0, 2, 0, 1]),
        ("cat", "dog", "hund"),
        groups=StringColumn.of(LABELS),
    )
    assert_same(read(PATHS, LABELS, LABELS), expected)
    assert len(read([], [], [])) == 0
    missing = [*LABELS[:3], None]
    for columns in itertools.permutations([PATHS, LABELS, missing]):
        with pytest.raises(ManifestError, match="has no value in 1 of 4 rows, first in row 3"):
            read(*columns)
    with pytest.raises(ManifestError, match="in row 1, which cannot be a path: it has a null"):
        read(["a", "b\0c", "d", "e"], LABELS, LABELS)


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_parquet_files_of_others_are_read(tmp_path, kind):
    def write(paths):
        encoded = [path and path.encode() for path in paths]
        is_binary = kind == pa.binary()
        columns = {"path": pa.array(encoded if is_binary else paths, kind)}
        columns["label"] = pa.array(LABELS).cast(pa.string()).dictionary_encode()
        columns["weight"] = pa.array([1, 2, 3, 4])
        pq.write_table(pa.table(columns), tmp_path / "table.parquet", row_group_size=3)
        return tmp_path / "table.parquet"

    manifest = read_table_source(write(PATHS))
    assert list(manifest.paths) == PATHS
    assert [manifest.class_names[label] for label in manifest.labels] == LABELS
    assert manifest.weights.tolist() == [1, 2, 3, 4]
    with pytest.raises(ManifestError, match=r"'path' has no value in 1 of 4 rows.* row 2"):
        read_table_source(write([*PATHS[:2], None, "d"]))
    with pytest.raises(ManifestError, match=r"'path' is empty in 1 of 4 rows, first in row 3"):
        read_table_source(write([*PATHS[:3], ""]))


def test_parquet_that_is_no_utf8_is_refused(tmp_path):
    offsets = pa.py_buffer(np.array([0, 1, 2], np.int32))
    broken = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"a\xe9")])
    file = tmp_path / "table.parquet"
    pq.write_table(pa.table({"path": broken}), file)
    with pytest.raises(ManifestError, match="UTF"):
        read_table_source(file)
    manifest = Manifest(".", StringColumn.of(["a", "caf\udce9"]))
    with pytest.raises(ManifestError, match=r"not valid UTF-8.*caf.*row 1.*Save as .csv"):
        manifest.save(tmp_path / "names.parquet")


def test_names_of_parquet_columns_that_are_read_by_pandas_alone(tmp_path):
    frame = pd.DataFrame({"path": PATHS, "label": LABELS, "a.b": [1, 2, 3, 4]})
    for file, table in {
        "dot.parquet": frame,
        "index.parquet": frame.drop(columns="a.b").set_index(pd.Index(list("wxyz"), name="id")),
    }.items():
        table.to_parquet(tmp_path / file)
        assert list(read_table_source(tmp_path / file).paths) == PATHS
    frame.set_index("path").to_parquet(tmp_path / "paths.parquet")
    with pytest.raises(ManifestError, match="no column 'path'"):
        read_table_source(tmp_path / "paths.parquet")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("num_rows", [0, 1, 4, 7])
def test_a_table_in_several_parts_is_the_same_table(tmp_path, monkeypatch, suffix, num_rows):
    manifest = large(20).take(np.arange(num_rows))
    whole = tmp_path / f"whole.{suffix}"
    manifest.save(whole)
    monkeypatch.setattr(table_io, "_ROWS_PER_PART", 3)
    monkeypatch.setattr("imggen.core.column_table._ROWS_PER_BATCH", 3)
    manifest.save(tmp_path / f"parts.{suffix}")
    for file in (whole, tmp_path / f"parts.{suffix}"):
        assert file.read_bytes() == whole.read_bytes()
        assert_same(Manifest.load(file), manifest)


def test_a_column_of_a_csv_file_that_is_text_only_at_first(tmp_path, monkeypatch):
    monkeypatch.setattr(table_io, "_ROWS_PER_PART", 2)
    file = tmp_path / "table.csv"
    file.write_text("path,label\na,x\nb,x\nc,y\nd\n")
    manifest = read_table_source(file)
    assert [manifest.class_names[label] for label in manifest.labels] == ["x", "x", "y", ""]
