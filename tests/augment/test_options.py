"""What options of augmentations may be, and what those that are not are told."""

import dataclasses
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import imggen
from imggen.augment import BUILT_INS, MIXERS
from imggen.augment.options import option_constraints
from imggen.errors import OptionError
from tests.helpers.cases import each_case

INF, NAN = float("inf"), float("nan")

# Option: least, most, unit, whether the least itself is out of bounds.
DEGREES, TURN, LEAN = (-360, 360, "degrees", 0), (-180, 180, "degrees", 0), (-60, 60, "degrees", 0)
FACTOR, AREA, ASPECT = (0, 10, "as a factor", 0), (0, 1, "", 1), (1e-4, 1e4, "", 0)
BITS = (1, 8, "bits", 0)
RANGES = {
    ("RandomResizedCrop", "scale"): AREA,
    ("RandomResizedCrop", "ratio"): ASPECT,
    ("RandomRotation", "degrees"): DEGREES,
    ("RandomTranslation", "height"): (-1, 1, "as a fraction of the height", 0),
    ("RandomTranslation", "width"): (-1, 1, "as a fraction of the width", 0),
    ("RandomShear", "x"): LEAN,
    ("RandomShear", "y"): LEAN,
    ("RandomZoom", "scale"): (0.01, 10, "magnification", 0),
    ("RandomZoom", "stretch"): (0.1, 10, "width over height", 0),
    ("RandomPerspective", "distortion"): (0, 0.9, "as a fraction", 0),
    ("RandomBrightness", "factor"): FACTOR,
    ("RandomContrast", "factor"): FACTOR,
    ("RandomSaturation", "factor"): FACTOR,
    ("RandomHue", "degrees"): TURN,
    ("RandomGamma", "gamma"): (0, 10, "exponent", 1),
    ("RandomChannelShift", "shift"): (-255, 255, "gray levels", 0),
    ("RandomPosterization", "bits"): BITS,
    ("RandomSolarization", "threshold"): (0, 256, "gray levels", 0),
    ("RandomGaussianBlur", "sigma"): (0, 50, "pixels", 0),
    ("RandomSharpness", "factor"): FACTOR,
    ("RandomGaussianNoise", "std"): (0, 255, "gray levels", 0),
    ("RandomJPEG", "quality"): (1, 100, "JPEG quality", 0),
    ("RandomErasing", "scale"): AREA,
    ("RandomErasing", "ratio"): ASPECT,
}
SYMMETRIC = [option for option, (low, high, *_) in RANGES.items() if low == -high]
FILLING = ["RandomRotation", "RandomTranslation", "RandomShear", "RandomZoom", "RandomPerspective"]
ALPHA = (0, 100, "", 1)
NUMBERS = {
    **{(kind, "p"): (0, 1, "", 0) for kind in [*BUILT_INS, *MIXERS]},
    **{(kind, "cval"): (0, 255, "gray levels", 0) for kind in FILLING},
    ("AutoContrast", "cutoff"): (0, 49, "percent", 0),
    ("RandAugment", "magnitude"): (0, 30, "", 0),
    ("AugMix", "severity"): (0, 10, "", 0),
    ("AugMix", "alpha"): ALPHA,
    ("MixUp", "alpha"): ALPHA,
    ("CutMix", "alpha"): ALPHA,
    ("MixUpOrCutMix", "mixup_alpha"): ALPHA,
    ("MixUpOrCutMix", "cutmix_alpha"): ALPHA,
}
WHOLES = {
    **{(kind, "mask_cval"): (0, 65535, "", 0) for kind in FILLING},
    ("RandAugment", "num_ops"): (1, 14, "", 0),
    ("AugMix", "num_chains"): (1, 10, "", 0),
    ("AugMix", "chain_length"): (1, 10, "", 0),
}
FILL_MODES = ("auto", "reflect", "nearest", "constant", "wrap")
CHOICES = {
    **{
        (kind, "fill_mode"): FILL_MODES
        for kind in [*FILLING, "RandAugment", "TrivialAugment", "AugMix"]
    },
    ("RandomFlip", "mode"): ("horizontal", "vertical", "horizontal_and_vertical"),
    ("RandomErasing", "fill"): ("noise", "mean", "black"),
}
KINDS = {**BUILT_INS, **MIXERS}


def made(option, value):
    kind, name = option
    return getattr(KINDS[kind](**{name: value}), name)


def refusal(option, value):
    with pytest.raises(OptionError) as err:
        made(option, value)
    return str(err.value)


def legal(bounds):
    least, most, _, above = bounds
    if bounds == BITS:
        return st.integers(least, most).map(float)
    return st.floats(
        least, None if math.isinf(most) else most, exclude_min=bool(above), allow_infinity=False
    ).map(lambda value: value + 0.0)


def illegal(bounds):
    least, most, _, above = bounds
    below = st.floats(
        max_value=least, exclude_max=not above, allow_infinity=False, allow_nan=False
    ).map(lambda value: value - 0.0)
    if math.isinf(most):
        return below
    return below | st.floats(min_value=most, exclude_min=True, allow_infinity=False)


def test_every_option_is_in_these_tables_but_source_size():
    known = {*RANGES, *NUMBERS, *WHOLES, *CHOICES}
    fields = {
        (name, field.name)
        for name, kind in KINDS.items()
        for field in dataclasses.fields(kind)
        if field.init
    }
    assert fields == known | {("RandomResizedCrop", "source_size")}
    assert known == {
        (name, option) for name, kind in KINDS.items() for option in option_constraints(kind)
    }


# Ranges


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_range_within_its_bounds_is_legal(data):
    option = data.draw(st.sampled_from(sorted(RANGES)))
    ends = data.draw(st.tuples(legal(RANGES[option]), legal(RANGES[option])).map(sorted))
    assert made(option, ends) == tuple(ends)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_range_that_leaves_its_bounds_is_refused_with_bounds_and_unit(data):
    option = data.draw(st.sampled_from(sorted(RANGES)))
    least, most, unit, above = RANGES[option]
    outside = data.draw(illegal(RANGES[option]))
    inside = data.draw(legal(RANGES[option]))
    value = (min(outside, inside), max(outside, inside))
    text = refusal(option, value)
    kind = "whole numbers " if RANGES[option] == BITS else ""
    assert text.startswith(f"{option[1]}={value!r} must be {kind}(low, high) with {least:g} ")
    assert f" {least:g} {'<' if above else '<='} low <= high" in text
    assert math.isinf(most) or f"high <= {most:g}" in text
    assert text.endswith(f", {unit}." if unit else ".")
    assert "Did you mean" not in text


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_range_turned_round_is_refused_and_the_other_way_round_suggested(data):
    option = data.draw(st.sampled_from(sorted(RANGES)))
    low, high = data.draw(
        st.tuples(legal(RANGES[option]), legal(RANGES[option]))
        .map(sorted)
        .filter(lambda ends: ends[0] < ends[1])
    )
    text = refusal(option, (high, low))
    kind = "whole numbers " if RANGES[option] == BITS else ""
    assert text.startswith(f"{option[1]}={(high, low)!r} must be {kind}(low, high) with ")
    assert text.endswith(f" Did you mean ({low}, {high})?")


NOT_RANGES = [
    5,
    "12",
    (1,),
    (1, 2, 3),
    None,
    (True, False),
    ("1", "2"),
    (NAN, 1),
    (0, INF),
    {1, 2},
    (),
]


def test_what_is_no_range_is_refused_with_what_a_range_is():
    for option, value in itertools.product(RANGES, NOT_RANGES):
        if value == 5 and option in SYMMETRIC:
            continue
        text = refusal(option, value)
        assert text.startswith(f"{option[1]}={value!r} must be two numbers, (low, high)"), (
            option,
            value,
        )
        assert RANGES[option][2] in text, (option, value)


def test_a_number_is_a_symmetric_range_where_the_bounds_are_symmetric():
    for option in SYMMETRIC:
        highest = RANGES[option][1]
        for number in (0, 0.5, np.float32(0.5), np.int64(1), highest):
            assert made(option, number) == (-number, number), (option, number)
            assert type(made(option, number)[1]) is float
        assert made(option, np.array([-0.5, 0.5])) == (-0.5, 0.5), option
        assert refusal(option, -0.5).endswith("Did you mean 0.5?"), option
        assert refusal(option, highest + 1).startswith(f"{option[1]}={highest + 1} must be (low")


@each_case("option", RANGES)
def test_a_range_becomes_a_tuple_of_floats(option):
    result = made(option, [1, np.int64(1)] if option[1] != "distortion" else [0, np.float32(0.5)])
    assert type(result) is tuple
    assert [type(end) for end in result] == [float, float]


def test_a_range_of_whole_numbers_takes_no_others():
    text = refusal(("RandomPosterization", "bits"), (3, 7.5))
    assert text == (
        "bits=(3, 7.5) must be whole numbers (low, high) with 1 <= low <= high <= 8, bits."
    )


def test_the_whole_message_of_a_range_turned_round():
    assert refusal(("RandomRotation", "degrees"), (20, -20)) == (
        "degrees=(20, -20) must be (low, high) with -360 <= low <= high <= 360, degrees. "
        "Did you mean (-20, 20)?"
    )


# Numbers


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_number_within_its_bounds_is_legal_and_becomes_a_float(data):
    option = data.draw(st.sampled_from(sorted(NUMBERS)))
    value = data.draw(legal(NUMBERS[option]))
    result = made(option, value)
    assert result == value
    assert type(result) is float


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_number_out_of_bounds_is_refused_with_bounds_and_unit(data):
    option = data.draw(st.sampled_from(sorted(NUMBERS)))
    least, most, unit, above = NUMBERS[option]
    value = data.draw(illegal(NUMBERS[option]))
    bounds = f"above {least:g} and at most {most:g}" if above else f"from {least:g} to {most:g}"
    ending = f", {unit}." if unit else "."
    expected = f"{option[1]}={value!r} must be a number {bounds}{ending}"
    assert refusal(option, value) == expected


def test_what_is_no_number_is_refused():
    values = [NAN, INF, -INF, "0.5", None, True, (0, 1), [1], 1j]
    for option, value in itertools.product(NUMBERS, values):
        start = f"{option[1]}={value!r} must be a number"
        assert refusal(option, value).startswith(start), (option, value)


@pytest.mark.parametrize("value", [np.float32(0.5), np.int8(1), 1, Fraction(1)], ids=repr)
def test_numbers_may_be_numpys_but_not_of_other_kinds(value):
    if isinstance(value, Fraction):
        assert refusal(("RandomFlip", "p"), value).startswith("p=Fraction(1, 1) must be")
    else:
        assert type(made(("RandomFlip", "p"), value)) is float


@pytest.mark.parametrize("value", [10**400, -(10**400)], ids=["large", "small"])
def test_a_whole_number_that_no_float_can_hold_is_refused(value):
    assert refusal(("RandomFlip", "p"), value).startswith("p=")


def test_a_complex_number_of_numpys_is_refused():
    refusal(("RandomFlip", "p"), np.complex64(0.5))


# Whole numbers


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_whole_number_within_its_bounds_is_legal_and_becomes_an_int(data):
    option = data.draw(st.sampled_from(sorted(WHOLES)))
    least, most, _, _ = WHOLES[option]
    value = data.draw(st.integers(least, most))
    for same in (value, float(value), np.int64(value)):
        result = made(option, same)
        assert result == value
        assert type(result) is int


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_what_is_no_whole_number_within_bounds_is_refused(data):
    option = data.draw(st.sampled_from(sorted(WHOLES)))
    least, most, _, _ = WHOLES[option]
    value = data.draw(
        st.integers(-(10**9), least - 1)
        | st.integers(most + 1, 10**9)
        | st.floats(least, most).filter(lambda number: number != int(number))
    )
    expected = f"{option[1]}={value!r} must be a whole number from {least} to {most}."
    assert refusal(option, value) == expected


# Words


@pytest.mark.parametrize("option", CHOICES, ids=".".join)
def test_every_choice_is_legal(option):
    assert [made(option, choice) for choice in CHOICES[option]] == list(CHOICES[option])


def test_an_unknown_choice_is_refused_with_those_there_are():
    values = ["purple", "", None, 3, True, ["reflect"], b"reflect"]
    for option, value in itertools.product(CHOICES, values):
        listed = ", ".join(map(repr, CHOICES[option]))
        start = f"{option[1]}={value!r} is not one of {listed}."
        assert refusal(option, value).startswith(start), (option, value)


@pytest.mark.parametrize(
    ("option", "value", "closest"),
    [
        (("RandomRotation", "fill_mode"), "refelct", "reflect"),
        (("RandomZoom", "fill_mode"), "NEAREST", "nearest"),
        (("AugMix", "fill_mode"), "constnat", "constant"),
        (("RandomFlip", "mode"), "horizontally", "horizontal"),
        (("RandomErasing", "fill"), "blakc", "black"),
    ],
)
def test_an_unknown_choice_is_told_the_closest(option, value, closest):
    assert refusal(option, value).endswith(f" Did you mean {closest!r}?")


# Objects


@each_case("kind", KINDS)
def test_options_cannot_be_changed_afterwards(kind):
    augmentation = KINDS[kind]()
    with pytest.raises(dataclasses.FrozenInstanceError):
        augmentation.p = 0.3


@each_case("kind", KINDS)
def test_p_is_passed_by_name_alone(kind):
    fields = [field for field in dataclasses.fields(KINDS[kind]) if not field.kw_only]
    with pytest.raises(TypeError):
        KINDS[kind](*[field.default for field in fields], 0.5)


@each_case("kind", KINDS)
def test_an_unknown_option_is_refused(kind):
    with pytest.raises(TypeError, match="brightness_range"):
        KINDS[kind](brightness_range=(0, 1))


@each_case("kind", KINDS)
def test_every_augmentation_is_imggens_own_name(kind):
    assert getattr(imggen.augment, kind) is KINDS[kind]
    assert KINDS[kind]().name == kind


# What is legal works

IMAGE = np.random.default_rng(0).integers(0, 256, (17, 13, 3), dtype=np.uint8)


@settings(deadline=None, max_examples=300)
@given(st.data(), st.integers(0, 2**32))
def test_any_legal_option_makes_an_image(data, seed):
    """Shares and enlargements of a hundredth at least: nobody trains on less."""
    ranges = sorted(option for option in RANGES if option[0] in BUILT_INS)
    option = data.draw(st.sampled_from(ranges))
    least, most, unit, above = RANGES[option]
    moderate = (max(least, 0.01) if above else least, min(most, 100), unit, False)
    ends = data.draw(st.tuples(legal(moderate), legal(moderate)).map(sorted))
    augmentation = BUILT_INS[option[0]](**{option[1]: ends})
    result = augmentation(IMAGE, np.random.default_rng(seed))
    assert (result.shape, result.dtype) == (IMAGE.shape, IMAGE.dtype)
