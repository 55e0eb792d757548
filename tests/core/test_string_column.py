"""StringColumn against a list of the same strings."""

import dataclasses
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imggen.core import StringColumn, is_arrow_text, number_strings, string_numbering
from imggen.errors import ManifestError

# File names as Python gives them: any text, and any bytes with the undecodable ones escaped.
NAMES = st.text() | st.binary().map(lambda name: name.decode("utf-8", "surrogateescape"))
LISTS = st.lists(NAMES, max_size=12)
FIVE = ["a", "", "日本", "caf\udce9", "🐈 .jpg"]


@settings(deadline=None)
@given(LISTS)
def test_iteration_gives_back_the_packed_strings(strings):
    assert list(StringColumn.of(strings)) == strings


@settings(deadline=None)
@given(LISTS)
def test_rows_can_be_indexed(strings):
    column = StringColumn.of(strings)
    assert [column[row] for row in range(len(strings))] == strings


@settings(deadline=None)
@given(LISTS)
def test_rows_can_be_indexed_from_the_end(strings):
    column = StringColumn.of(strings)
    assert [column[-row] for row in range(1, len(strings) + 1)] == strings[::-1]


@settings(deadline=None)
@given(LISTS)
def test_bytes_are_packed_like_their_text(strings):
    encoded = [string.encode("utf-8", "surrogateescape") for string in strings]
    assert StringColumn.of_bytes(encoded) == StringColumn.of(strings)


@settings(deadline=None)
@given(LISTS, st.data())
def test_take_gives_any_rows_in_any_order_with_repeats(strings, data):
    row = st.integers(0, max(len(strings) - 1, 0))
    rows = data.draw(st.lists(row, max_size=20 if strings else 0))
    taken = StringColumn.of(strings).take(np.array(rows, dtype=np.int64))
    assert taken == StringColumn.of([strings[row] for row in rows])


@settings(deadline=None)
@given(LISTS, st.slices(12))
def test_a_slice_is_the_slice_of_the_list(strings, cut):
    assert StringColumn.of(strings)[cut] == StringColumn.of(strings[cut])


@settings(deadline=None)
@given(LISTS, LISTS)
def test_columns_are_equal_exactly_when_their_strings_are(left, right):
    assert (StringColumn.of(left) == StringColumn.of(right)) == (left == right)


@settings(deadline=None)
@given(LISTS)
def test_a_pickled_column_comes_back_equal(strings):
    column = StringColumn.of(strings)
    assert pickle.loads(pickle.dumps(column)) == column


def test_boundaries_count_for_equality():
    assert StringColumn.of(["ab", "c"]) != StringColumn.of(["a", "bc"])


def test_a_column_is_never_equal_to_a_list():
    assert StringColumn.of(["a"]) != ["a"]


def test_an_empty_column_has_no_rows():
    column = StringColumn.of([])
    assert (len(column), list(column)) == (0, [])


def test_empty_strings_are_rows():
    assert list(StringColumn.of(["", "a", "", ""])) == ["", "a", "", ""]


def test_an_iterator_is_packed_in_its_order():
    assert list(StringColumn.of(str(number) for number in range(4))) == ["0", "1", "2", "3"]


def test_the_bytes_of_a_name_that_is_not_utf_8_are_kept():
    assert StringColumn.of(["caf\udce9"]).data.tobytes() == b"caf\xe9"


def test_the_layout_is_utf_8_and_offsets():
    column = StringColumn.of(["a", "", "é"])
    assert column.data.dtype == np.uint8
    assert column.data.tolist() == [97, 0xC3, 0xA9]
    assert column.offsets.dtype == np.int64
    assert column.offsets.tolist() == [0, 1, 1, 3]


@pytest.mark.parametrize("row", [5, 6, -6, 10**12])
def test_a_row_outside_the_column_is_an_index_error(row):
    with pytest.raises(IndexError, match=rf"^Row {row} is out of range for a column of 5 rows\.$"):
        StringColumn.of(FIVE)[row]


def test_an_empty_column_has_no_row_zero():
    with pytest.raises(IndexError, match="Row 0 is out of range for a column of 0 rows"):
        StringColumn.of([])[0]


def test_taking_rows_beyond_the_end_is_an_index_error():
    with pytest.raises(IndexError):
        StringColumn.of(FIVE).take(np.array([5]))


def test_numpy_integers_are_row_numbers():
    assert StringColumn.of(FIVE)[np.int32(2)] == "日本"


def test_a_column_can_be_searched_and_reversed():
    column = StringColumn.of(FIVE)
    assert "日本" in column
    assert "b" not in column
    assert column.index("caf\udce9") == 3
    assert list(reversed(column)) == FIVE[::-1]


def test_the_arrays_of_a_column_cannot_be_replaced():
    column = StringColumn.of(FIVE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        column.data = np.zeros(3, np.uint8)


def test_a_column_does_not_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(StringColumn.of(FIVE))


@pytest.mark.parametrize(
    ("strings", "shown"),
    [
        ([], "StringColumn([], rows=0)"),
        (["a", "b", "c"], "StringColumn(['a', 'b', 'c'], rows=3)"),
        (["a", "b", "c", "d"], "StringColumn(['a', 'b', 'c', ...], rows=4)"),
    ],
)
def test_the_repr_shows_three_rows_and_their_number(strings, shown):
    assert repr(StringColumn.of(strings)) == shown


@settings(deadline=None)
@given(st.lists(LISTS, max_size=4))
def test_columns_are_concatenated_in_order(lists):
    joined = StringColumn.concatenate([StringColumn.of(strings) for strings in lists])
    assert list(joined) == [string for strings in lists for string in strings]
    assert joined.offsets.dtype == np.int64


def test_a_part_that_does_not_begin_at_the_first_byte_is_concatenated_too():
    whole = StringColumn.of(FIVE)
    part = StringColumn(whole.data, whole.offsets[2:5])
    assert list(StringColumn.concatenate([part, whole])) == FIVE[2:4] + FIVE


@pytest.mark.parametrize("string", ["", "a", "日本", "caf\udce9"])
def test_a_string_is_repeated(string):
    assert StringColumn.repeat(string, 3) == StringColumn.of([string] * 3)
    assert StringColumn.repeat(string, 0) == StringColumn.of([])


def test_rows_are_replaced():
    replaced = StringColumn.of(FIVE).replace(np.array([3, 0]), ["", "longer"])
    assert list(replaced) == ["longer", "", "日本", "", "🐈 .jpg"]


def test_more_strings_than_are_packed_at_once(monkeypatch):
    monkeypatch.setattr("imggen.core.string_column._STRINGS_PER_CHUNK", 3)
    monkeypatch.setattr("imggen.core.string_column._ROWS_PER_CHUNK", 2)
    strings = [*FIVE, "a\0b", "\0", *FIVE[::-1], "x" * 50]
    column = StringColumn.of(iter(strings))
    assert list(column) == strings
    assert list(column[::-1]) == strings[::-1]


# Arrow

TEXT_TYPES = [pa.string(), pa.large_string(), pa.string_view()]
TEXT_TYPES += [pa.binary(), pa.large_binary(), pa.binary_view()]
TEXT_TYPES += [pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int64(), pa.large_binary())]
UNICODE = ["a", "", "日本", "🐈 .jpg", "a", "x" * 40]


def arrow(strings, kind):
    """Returns an Arrow array of ``strings``."""
    values = getattr(kind, "value_type", kind)
    encoded = [None if string is None else string.encode() for string in strings]
    plain = pa.array(strings if "string" in str(values) else encoded, values)
    return plain if values == kind else plain.dictionary_encode().cast(kind)


@pytest.mark.parametrize("kind", TEXT_TYPES, ids=str)
def test_every_type_of_text_of_arrow_is_read(kind):
    array = arrow(UNICODE, kind)
    assert is_arrow_text(array)
    for part, expected in (
        (array, UNICODE),
        (array.slice(1, 3), UNICODE[1:4]),
        (array.slice(6), []),
        (pa.chunked_array([array.slice(2), array.slice(0, 0), array.slice(1, 2)]), None),
        (pa.chunked_array([], kind), []),
    ):
        column = StringColumn.from_arrow(part)
        assert list(column) == (UNICODE[2:] + UNICODE[1:3] if expected is None else expected)
        assert column.data.base is None  # a slice must not keep a large array in memory
    with pytest.raises(ManifestError, match="1 of 2 values are missing"):
        StringColumn.from_arrow(arrow(["a", None], kind))


@settings(deadline=None)
@given(st.lists(st.text(), max_size=12))
def test_arrow_gives_back_what_it_is_given(strings):
    column = StringColumn.of(strings)
    assert column.to_arrow().to_pylist() == strings
    assert StringColumn.from_arrow(column.to_arrow()) == column


def test_bytes_that_are_not_utf8_are_read_but_not_written_as_text():
    column = StringColumn.from_arrow(pa.array([b"a", b"caf\xe9"]))
    assert list(column) == ["a", "caf\udce9"]
    with pytest.raises(UnicodeError, match="caf.udce9' in row 1"):
        column.to_arrow()
    offsets = pa.py_buffer(np.array([0, 1], np.int32))
    broken = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xe9")])
    with pytest.raises(ManifestError, match="UTF8"):
        StringColumn.from_arrow(broken)


@pytest.mark.parametrize(
    "other",
    [pa.array([1]), pa.nulls(2), pa.array([["a"]]), pa.array([1, 1]).dictionary_encode()],
    ids=["numbers", "nulls", "lists", "a dictionary of numbers"],
)
def test_other_arrow_arrays_are_refused(other):
    assert not is_arrow_text(other)
    with pytest.raises(ManifestError, match="expected text or bytes"):
        StringColumn.from_arrow(other)
    assert not any(is_arrow_text(value) for value in ("a", ["a"], np.array(["a"]), None))


# Numbers


@pytest.mark.parametrize("has_collisions", [False, True])
@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["", "a", "b", "\0", "a\0", "日本", "x" * 7, "x" * 8, "x" * 9, "y"]))
)
def test_strings_are_numbered_in_order_of_first_appearance(has_collisions, strings):
    number_of = {}
    expected = [number_of.setdefault(string, len(number_of)) for string in strings]
    with pytest.MonkeyPatch.context() as patch:
        if has_collisions:
            hash_rows = string_numbering._hash_rows
            patch.setattr(string_numbering, "_hash_rows", lambda rows: hash_rows(rows) % 2)
        numbers, first_rows = number_strings(StringColumn.of(strings))
    assert numbers.tolist() == expected
    assert [strings[row] for row in first_rows] == list(number_of)


def test_rows_beyond_the_first_chunk_are_numbered(monkeypatch):
    monkeypatch.setattr(string_numbering, "_ROWS_PER_CHUNK", 3)
    strings = [str(number % 7) * (number % 7) for number in range(40)]
    number_of = {}
    expected = [number_of.setdefault(string, len(number_of)) for string in strings]
    assert number_strings(StringColumn.of(strings)).numbers.tolist() == expected
