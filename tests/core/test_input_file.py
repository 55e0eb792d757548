"""Files that are read back: any damage is one error of imggen's, with the path and the reason."""

import os
import random

import pytest

from imggen.core import InputFile, parse_json, read_frame
from imggen.errors import CacheError, ImggenError, ManifestError

ADVICE = "Save it again."


def file_of(folder, content):
    path = folder / "x.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return InputFile(str(path), ManifestError, "the list of names", ADVICE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"not valid JSON \(Expecting value in line 1, column 1\)"),
        (b'{"a": 1', r"not valid JSON \(.* in line 1, column 8\)"),
        (b"\0", "not valid JSON"),
        (b'"\xff"', r"it is not UTF-8 text \(byte 1\)"),
        ("[]".encode("utf-16"), "it is not UTF-8 text"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' occurs twice in an object"),
        (b"[" * 100_000, "it is nested more than 100 levels deep"),
        (b"[" * 100_000 + b"]" * 100_000, "it is nested more than 100 levels deep"),
        (b"[" * 101 + b"]" * 101, "it is nested more than 100 levels deep"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "it is nested more than 100 levels deep"),
        (b"9" * 5000, "Exceeds the limit"),
        (rb'{"a": ["\ud800"]}', r"a text contains '\\ud800', half a character"),
        (rb'{"\uDFFF": 1}', r"a text contains '\\udfff', half a character"),
    ],
    ids=range(13),
)
def test_damaged_json_is_one_error_that_names_the_file_and_the_reason(tmp_path, content, reason):
    file = file_of(tmp_path, content)
    with pytest.raises(ManifestError, match=reason) as caught:
        file.read_json()
    assert str(caught.value).startswith(
        f"{str(tmp_path / 'x.json')!r}, the list of names, cannot be read: "
    )
    assert str(caught.value).endswith(f". {ADVICE}")
    assert len(str(caught.value)) < 600


def test_whole_files_are_read(tmp_path):
    assert file_of(tmp_path, "[" * 100 + "]" * 100).read_json()
    assert file_of(tmp_path, b'\xef\xbb\xbf{"a": ["\xc3\xa9"]}').read_json() == {"a": ["é"]}
    assert file_of(tmp_path, '{"a": 1}').read_json_object() == {"a": 1}
    assert list(file_of(tmp_path, "a\r\nb\n\nc").read_lines()) == ["a", "b", "", "c"]
    assert parse_json(r'["\ud83d\ude00", "\udcff"]') == ["\U0001f600", "\udcff"]  # a byte of a name
    assert parse_json("[NaN, 1e999]")[1] == float("inf")  # as json.dumps writes them


@pytest.mark.parametrize("content", ["[]", "5", '"a"', "null", "NaN"])
def test_json_that_is_not_an_object_is_refused(tmp_path, content):
    with pytest.raises(ManifestError, match=r"it holds a \w+; expected a JSON object"):
        file_of(tmp_path, content).read_json_object()


def test_the_size_is_bounded(tmp_path):
    file = file_of(tmp_path, "[1, 2]\n[3]\n")
    assert file.read_text(11) == "[1, 2]\n[3]\n"
    assert list(file.read_lines(7)) == ["[1, 2]", "[3]"]
    with pytest.raises(ManifestError, match="larger than 10 bytes"):
        file.read_text(10)
    with pytest.raises(ManifestError, match="a line is larger than 6 bytes"):
        list(file.read_lines(6))


def test_a_line_that_is_not_utf_8_is_an_error(tmp_path):
    lines = file_of(tmp_path, b"a\n\xff\n").read_lines()
    assert next(lines) == "a"
    with pytest.raises(ManifestError, match="not UTF-8"):
        next(lines)


def test_what_is_not_a_regular_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, reason in [
        ("pipe", "it is not a regular file"),
        (".", "it is not a regular file"),
        ("none", "No such file or directory"),
        ("a\0b", "(stat: )?embedded null"),
        ("n" * 300, "File name too long"),
    ]:
        with pytest.raises(CacheError, match=f"cannot be read: {reason}"):
            InputFile(f"{tmp_path}/{name}", CacheError).read_bytes()
    with pytest.raises(CacheError, match="not a regular file"):
        InputFile("/dev/zero", CacheError).read_bytes()


@pytest.mark.parametrize(
    "raised",
    [KeyError("n"), IndexError("i"), OverflowError(), RecursionError(), MemoryError(), OSError(5)],
    ids=repr,
)
def test_errors_of_conversions_are_translated_and_those_of_imggen_are_not(tmp_path, raised):
    file = InputFile(tmp_path / "x", CacheError)
    with (
        pytest.raises(CacheError, match="x' cannot be read: .+") as caught,
        file.translate_errors(),
    ):
        raise raised
    assert caught.value.__cause__ is raised
    with pytest.raises(ManifestError, match="^mine$"), file.translate_errors():
        raise ManifestError("mine")


def test_a_table_with_a_column_twice_or_surplus_fields_is_refused(tmp_path):
    table = tmp_path / "t.csv"
    for text, reason in [
        ("path,label,path\na,b,c\n", "the column 'path' occurs twice"),
        ("path,label\na,b,c\n", "its rows have more fields than its header"),
        ("path,label\na,b\na,b,c\n", "Expected 2 fields"),
        ("", "No columns"),
    ]:
        table.write_text(text)
        with pytest.raises(ManifestError, match=f"t.csv', a CSV table, cannot be read: .*{reason}"):
            read_frame(table)
    table.write_bytes(b"\xef\xbb\xbfpath,,\n007,NA,\n")  # columns without names may be several
    assert read_frame(table).iloc[0].tolist() == ["007", "NA", ""]
    assert next(iter(read_frame(table).columns)) == "path"


def test_a_small_parquet_file_cannot_claim_many_rows(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"path": pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000), ["a"])})
    parquet.write_table(table, tmp_path / "t.parquet", use_dictionary=True)
    assert (tmp_path / "t.parquet").stat().st_size < 40_000
    with pytest.raises(ManifestError, match="it claims 1,000,000 rows in "):
        read_frame(tmp_path / "t.parquet")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_with_random_damage_raise_only_errors_of_imggen(tmp_path, ending):
    import pandas as pd

    table = tmp_path / f"t.{ending}"
    frame = pd.DataFrame({"path": ["a.png", "b.png"], "label": ["cat", "dog"]})
    write = {"csv": frame.to_csv, "parquet": frame.to_parquet}[ending]
    write(table, index=False)
    whole, rng = table.read_bytes(), random.Random(1)
    num_refused = 0
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(rng.choice([1, 4])):
            at = rng.randrange(len(content))
            content[at : at + rng.choice([0, 1, 9])] = rng.randbytes(rng.choice([0, 1, 9]))
        table.write_bytes(content)
        try:
            read_frame(table)
        except ImggenError:
            num_refused += 1
    assert num_refused > 5
