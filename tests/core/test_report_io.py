"""Rows with named columns, written atomically as CSV or JSON."""

import csv
import json
import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imggen.core.report_io import write_records
from imggen.errors import ExportError, OptionError
from tests.helpers.disks import remount

COLUMNS = ("path", "count")
ROWS = [("a.png", 1), ("b.png", None)]


def csv_rows(file) -> list[list[str]]:
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        return list(csv.reader(text))


def json_rows(file) -> list[list[object]]:
    return [list(row.values()) for row in json.loads(file.read_text(encoding="ascii"))["rows"]]


# Names of files: any characters but NUL, or bytes that are not valid UTF-8.
NAMES = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
    st.binary().map(lambda some: os.fsdecode(some.replace(b"\0", b""))),
)


def test_csv_has_a_header_and_a_line_per_row(tmp_path):
    write_records(tmp_path / "a.csv", COLUMNS, ROWS, {"root": "."})

    assert csv_rows(tmp_path / "a.csv") == [["path", "count"], ["a.png", "1"], ["b.png", ""]]


def test_json_has_the_metadata_and_the_rows_by_name(tmp_path):
    write_records(tmp_path / "a.json", COLUMNS, ROWS, {"root": ".", "unreadable": ("x",)})

    assert json.loads((tmp_path / "a.json").read_text()) == {
        "root": ".",
        "unreadable": ["x"],
        "rows": [{"path": "a.png", "count": 1}, {"path": "b.png", "count": None}],
    }


@pytest.mark.parametrize("suffix", [".csv", ".json"])
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.lists(NAMES.filter(bool), max_size=5))
def test_every_file_name_can_be_read_back(tmp_path, suffix, names):
    file = tmp_path / f"a{suffix}"
    write_records(file, ["path", "number"], [(name, 1) for name in names], {})
    rows = csv_rows(file)[1:] if suffix == ".csv" else json_rows(file)

    assert [row[0] for row in rows] == names


def test_a_name_that_is_not_utf_8_is_written_to_csv_as_its_bytes(tmp_path):
    write_records(tmp_path / "a.csv", ["path"], [(os.fsdecode(b"caf\xe9.png"),)], {})

    assert (tmp_path / "a.csv").read_bytes() == b"path\r\ncaf\xe9.png\r\n"


@pytest.mark.parametrize("name", ["a.CSV", "a.Json"])
def test_the_extension_may_be_in_any_case(tmp_path, name):
    write_records(tmp_path / name, COLUMNS, ROWS, {})

    assert (tmp_path / name).is_file()


@pytest.mark.parametrize("name", ["a.txt", "a", "csv", "a.csv.gz"])
def test_another_extension_is_refused_and_no_file_is_written(tmp_path, name):
    with pytest.raises(OptionError, match=r"must end in \.csv or \.json"):
        write_records(tmp_path / name, COLUMNS, ROWS, {})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_no_rows_give_a_file_without_rows(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    write_records(file, COLUMNS, [], {})

    assert (csv_rows(file)[1:] if suffix == ".csv" else json_rows(file)) == []


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_rows_may_be_an_iterator(tmp_path, suffix):
    write_records(tmp_path / f"a{suffix}", COLUMNS, iter(ROWS), {})
    write_records(tmp_path / f"b{suffix}", COLUMNS, ROWS, {})

    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_a_failure_keeps_the_existing_file(tmp_path, suffix):
    def rows():
        yield ROWS[0]
        raise RuntimeError("stopped")

    write_records(tmp_path / f"a{suffix}", COLUMNS, ROWS, {})
    before = (tmp_path / f"a{suffix}").read_bytes()
    with pytest.raises(RuntimeError, match="stopped"):
        write_records(tmp_path / f"a{suffix}", COLUMNS, rows(), {})

    assert (tmp_path / f"a{suffix}").read_bytes() == before
    assert os.listdir(tmp_path) == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_a_full_disk_is_reported_and_keeps_the_existing_file(small_disk, suffix):
    file = small_disk / f"a{suffix}"
    write_records(file, COLUMNS, ROWS, {})
    before = file.read_bytes()
    with pytest.raises(ExportError, match="No space left"):
        write_records(file, COLUMNS, [("x" * 1000, 1)] * 1000, {})

    assert file.read_bytes() == before
    assert os.listdir(small_disk) == [file.name]


def test_an_unwritable_disk_is_reported(small_disk):
    remount(small_disk, "ro")

    with pytest.raises(ExportError, match=r"Cannot write .*a\.csv.*Read-only"):
        write_records(small_disk / "a.csv", COLUMNS, ROWS, {})


def test_a_folder_at_the_path_is_reported_and_stays(tmp_path):
    (tmp_path / "a.csv").mkdir()

    with pytest.raises(ExportError, match=r"a\.csv"):
        write_records(tmp_path / "a.csv", COLUMNS, ROWS, {})
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="names there are text")
def test_a_file_whose_name_is_not_utf_8_is_written(tmp_path):
    file = tmp_path / os.fsdecode(b"caf\xe9.csv")
    write_records(file, COLUMNS, ROWS, {})

    assert len(csv_rows(file)) == 3
