import numpy as np
import pytest

from imggen.core import (
    check_choice,
    check_number,
    check_optional_whole,
    check_range,
    check_whole,
    is_whole,
)
from imggen.core.checks import is_number
from imggen.errors import OptionError, SplitError, shorten

NOT_WHOLE = (True, 10**5000, np.True_, 2.0, np.float32(2), "2", None, [2], np.array(2))
NOT_NUMBERS = (False, 10**400, np.False_, "2", None, (2,), 2j, np.array(2.0), np.nan, -np.inf)


def message(check, *args, **options):
    with pytest.raises(OptionError) as caught:
        check(*args, **options)
    return str(caught.value)


def test_integers_of_python_and_numpy_are_whole_numbers_and_booleans_are_not():
    for value in (0, -3, 2**70, np.int8(5), np.uint64(2**63)):
        assert is_whole(value), repr(value)
    for value in NOT_WHOLE:
        assert not is_whole(value), shorten(value)


def test_bounds_of_whole_numbers_are_inclusive():
    assert [is_whole(value, 1, 3) for value in range(5)] == [False, True, True, True, False]
    assert [is_whole(value, 1) for value in range(3)] == [False, True, True]
    assert [is_whole(value, maximum=1) for value in range(3)] == [True, True, False]


def test_finite_numbers_are_numbers_and_booleans_are_not():
    for value in (0, -0.5, np.float16(1.5), np.int8(5), 2**70):
        assert is_number(value), repr(value)
    for value in NOT_NUMBERS:
        assert not is_number(value), shorten(value)


def test_a_checked_whole_number_is_an_int():
    for value in (3, np.int8(3), np.uint64(3)):
        checked = check_whole("workers", value, 0)
        assert type(checked) is int
        assert checked == 3
    assert check_optional_whole("workers", None, 0) is None
    assert check_optional_whole("workers", np.int8(3), 0) == 3


def test_values_that_are_not_whole_numbers_are_refused():
    for value in NOT_WHOLE:
        assert message(check_whole, "epoch", value, 0) == (
            f"epoch={shorten(value)} must be a whole number of 0 or more."
        )


def test_whole_numbers_out_of_bounds_are_refused_with_their_bounds():
    assert message(check_optional_whole, "a", -1, 0) == (
        "a=-1 must be a whole number of 0 or more, or None."
    )
    assert message(check_whole, "a", 101, 1, 100) == "a=101 must be a whole number from 1 to 100."
    assert message(check_whole, "a", 0, 1, 10**7) == (
        "a=0 must be a whole number from 1 to 10000000."
    )
    assert message(check_whole, "a", 3, maximum=2) == "a=3 must be a whole number of 2 or less."
    assert message(check_whole, "a", "x") == "a='x' must be a whole number."


def test_the_class_of_the_error_can_be_chosen():
    with pytest.raises(SplitError, match="num_folds=1 must be a whole number of 2 or more"):
        check_whole("num_folds", 1, 2, error=SplitError)


def test_a_checked_number_is_a_float():
    for value in (1, 1.0, np.float32(1), np.int64(1)):
        checked = check_number("seconds", value, above=0, maximum=1)
        assert type(checked) is float
        assert checked == 1.0
    assert check_number("rescale", -0.5) == -0.5


def test_values_that_are_not_numbers_are_refused():
    for value in NOT_NUMBERS:
        assert message(check_number, "seconds", value, above=0) == (
            f"seconds={shorten(value)} must be a number above 0."
        )


def test_numbers_out_of_bounds_are_refused_with_their_bounds():
    assert message(check_number, "a", 0, above=0) == "a=0 must be a number above 0."
    assert message(check_number, "a", 1.1, maximum=1, above=0) == (
        "a=1.1 must be a number above 0 and at most 1."
    )
    assert message(check_number, "a", -0.1, 0.0, 0.5, unit="fraction of the side") == (
        "a=-0.1 must be a number from 0 to 0.5, fraction of the side."
    )
    assert message(check_number, "a", -1, 0) == "a=-1 must be a number of 0 or more."
    assert message(check_number, "a", 2, maximum=1.5) == "a=2 must be a number of 1.5 or less."
    assert message(check_number, "a", "x", unit="or None") == "a='x' must be a number, or None."


def test_a_checked_range_is_a_tuple_of_floats():
    for value in ((0, 1), [0.0, 1], (np.float32(0), np.int8(1))):
        checked = check_range("factor_range", value, 0, 1)
        assert checked == (0.0, 1.0)
        assert [type(end) for end in checked] == [float, float]
    assert check_range("a", (2.0, 2), whole=True) == (2.0, 2.0)
    assert check_range("a", (-1e9, 1e9)) == (-1e9, 1e9)


def test_values_other_than_two_numbers_are_refused():
    for value in (1, "01", (0,), (0, 1, 2), (0, True), (0, None), (0, np.inf), {0: 1, 1: 2}):
        assert message(check_range, "a", value, unit="degrees") == (
            f"a={value!r} must be two numbers, (low, high), degrees."
        )


def test_ranges_out_of_bounds_are_refused_with_their_bounds():
    assert message(check_range, "a", (0, 0.5), maximum=1, above=0) == (
        "a=(0, 0.5) must be (low, high) with 0 < low <= high <= 1."
    )
    assert message(check_range, "a", (-1, 2), 0, unit="pixels") == (
        "a=(-1, 2) must be (low, high) with 0 <= low <= high, pixels."
    )
    assert message(check_range, "a", (0, 2), 0, 1) == (
        "a=(0, 2) must be (low, high) with 0 <= low <= high <= 1."
    )
    assert message(check_range, "a", (1, 2.5), 1, 8, whole=True) == (
        "a=(1, 2.5) must be whole numbers (low, high) with 1 <= low <= high <= 8."
    )


def test_a_reversed_range_is_refused_with_a_suggestion():
    assert message(check_range, "a", (5, -5)) == (
        "a=(5, -5) must be (low, high) with low <= high. Did you mean (-5, 5)?"
    )


def test_a_choice_is_returned():
    assert check_choice("fit", "pad", ("crop", "pad")) == "pad"
    assert check_choice("fit", None, {"crop": 1, None: 2}) is None


def test_other_values_are_refused_with_the_choices_and_the_closest():
    assert message(check_choice, "fit", "corp", ("crop", "pad")) == (
        "fit='corp' is not one of 'crop', 'pad'. Did you mean 'crop'?"
    )
    assert message(check_choice, "fit", 3, iter(("crop", None))) == (
        "fit=3 is not one of 'crop', None."
    )


def test_values_that_cannot_be_compared_or_hashed_are_refused():
    for value in (["crop"], np.array(["crop", "pad"]), {"crop": 1}):
        assert f"fit={value!r} is not one of 'crop', 'pad'." in message(
            check_choice, "fit", value, {"crop": 1, "pad": 2}
        )
