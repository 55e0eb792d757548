"""StringColumn against a list of the same strings."""

import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imggen.core import StringColumn

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
