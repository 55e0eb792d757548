"""The tree of errors: base classes, messages and pickling."""

import collections
import copy
import inspect
import itertools
import pickle
import re
import types
from typing import NamedTuple

import numpy as np
import pytest

import imggen
from imggen import errors
from imggen.errors import (
    ImageError,
    ImggenError,
    ImggenWarning,
    MissingExtraError,
    OptionError,
    PolicyError,
    shorten,
)
from tests.helpers.cases import case

BUILTIN_OF = {
    "OptionError": ValueError,
    "OptionTypeError": TypeError,
    "CacheError": OSError,
    "ScanError": ValueError,
    "ScriptError": ValueError,
    "ManifestError": ValueError,
    "SplitError": ValueError,
    "ImageError": OSError,
    "StoreError": OSError,
    "SampleError": ValueError,
    "AugmentationError": ValueError,
    "PolicyError": ValueError,
    "PreprocessingError": ValueError,
    "TableError": ValueError,
    "ResumeError": ValueError,
    "ExportError": OSError,
    "WorkerError": RuntimeError,
    "MissingExtraError": ImportError,
}


def classes_of_module() -> dict[str, type]:
    return {
        name: member
        for name, member in inspect.getmembers(errors, inspect.isclass)
        if member.__module__ == errors.__name__
    }


def test_an_error_derives_from_imggen_error_and_from_its_builtin():
    for name in BUILTIN_OF:
        with case(name):
            error = getattr(errors, name)

            assert issubclass(error, ImggenError)
            assert issubclass(error, BUILTIN_OF[name])


def test_code_that_catches_the_builtin_catches_the_error():
    for name in BUILTIN_OF:
        with case(name), pytest.raises(BUILTIN_OF[name], match=r"^what went wrong$"):
            raise getattr(errors, name)("what went wrong")


def test_the_warning_is_a_user_warning_and_no_error():
    assert issubclass(ImggenWarning, UserWarning)
    assert not issubclass(ImggenWarning, ImggenError)


def test_the_drawn_tree_lists_exactly_the_classes_of_the_module():
    drawn = re.findall(r"^    (?:│   )?(?:[├└]── )?(\w+)", errors.__doc__, flags=re.MULTILINE)

    assert sorted(drawn) == sorted(classes_of_module())


def test_the_drawn_tree_names_the_builtin_that_each_error_derives_from():
    drawn = dict(re.findall(r"[├└]── (\w+) +\((\w+)\)", errors.__doc__))

    assert drawn == {name: builtin.__name__ for name, builtin in BUILTIN_OF.items()}


def test_the_errors_are_reached_from_the_package():
    assert imggen.errors is errors


def test_an_unknown_option_says_what_came_and_what_was_expected():
    error = OptionError.unknown("fit", "squash", ["stretch", "crop", "pad"])

    assert str(error).startswith("fit='squash' is not one of 'stretch', 'crop', 'pad'.")


def test_an_unknown_option_names_the_closest_choice():
    for value, closest in [
        ("bilinar", "bilinear"),
        ("bicubik", "bicubic"),
        ("nearset", "nearest"),
        ("lanczo", "lanczos"),
    ]:
        with case(value, closest):
            choices = ["nearest", "bilinear", "bicubic", "lanczos"]

            assert str(OptionError.unknown("x", value, choices)).endswith(
                f"Did you mean {closest!r}?"
            )


def test_an_unknown_option_guesses_nothing_where_no_choice_is_close():
    for value in ["zzz", 7, None, ()]:
        with case(value):
            message = str(OptionError.unknown("color_mode", value, ["rgb", "grayscale"]))

            assert message == f"color_mode={value!r} is not one of 'rgb', 'grayscale'."


def test_the_choices_of_an_unknown_option_may_be_any_iterable():
    choices = (choice for choice in ("rgb", "rgba"))

    assert "'rgb', 'rgba'" in str(OptionError.unknown("color_mode", "rgbb", choices))


def test_an_unknown_option_in_another_case_still_names_the_choice():
    for value in ["RGB", "GRAYSCALE"]:
        with case(value):
            message = str(OptionError.unknown("color_mode", value, ["rgb", "rgba", "grayscale"]))

            assert f"Did you mean {value.lower()!r}?" in message


def test_an_image_error_names_the_file_the_reason_and_a_way_on():
    error = ImageError.of("cats/1.jpg", "the file is empty")

    assert str(error).startswith("Cannot read 'cats/1.jpg': the file is empty.")
    assert 'on_error="skip"' in str(error)
    assert (error.path, error.reason) == ("cats/1.jpg", "the file is empty")
    assert "empty. Fix" in str(ImageError.of_file("1.jpg", "Pillow says that it is empty."))


def test_a_policy_error_names_the_file_and_the_line():
    error = PolicyError.of("a.yaml", 3, "this is not valid YAML")

    assert str(error) == "'a.yaml', line 3: this is not valid YAML"
    assert (error.file, error.line) == ("a.yaml", 3)


def test_a_policy_error_about_a_whole_file_names_no_line():
    error = PolicyError.of("a.yaml", None, "it is empty")

    assert str(error) == "'a.yaml': it is empty"
    assert (error.file, error.line) == ("a.yaml", None)


def test_a_missing_extra_names_the_pip_command():
    error = MissingExtraError.of("pyarrow", "parquet", "Reading Parquet")

    assert "Reading Parquet needs the package 'pyarrow'" in str(error)
    assert "pip install 'imggen[parquet]'" in str(error)


ONE_OF_EACH = [
    *(getattr(errors, name)("what went wrong") for name in BUILTIN_OF),
    ImggenError("what went wrong"),
    ImggenWarning("what went wrong"),
    OptionError.unknown("fit", "crp", ["crop"]),
    ImageError.of("a\udcff b.jpg", "it is broken"),
    MissingExtraError.of("pyarrow", "parquet", "Reading Parquet"),
    PolicyError.of("a\udcff b.yaml", 3, "it is empty"),
]


def by_pickle(error):
    return pickle.loads(pickle.dumps(error))


def test_an_error_survives_being_copied():
    for error, duplicate in itertools.product(ONE_OF_EACH, [by_pickle, copy.copy, copy.deepcopy]):
        with case(error, duplicate):
            copied = duplicate(error)

            assert type(copied) is type(error)
            assert str(copied) == str(error)
            assert copied.args == error.args
            assert vars(copied) == vars(error)


def test_a_short_value_is_shown_as_its_repr():
    class Named(NamedTuple):
        a: int
        b: list

    step = imggen.augment.RandomFlip("vertical")
    values = [None, True, 1.5, "it's", b"x", [], [1, [2]], (), (1,), (1, 2), {}, {1: "a"}, set()]
    values += [{1}, frozenset(), frozenset({2}), {(1,): [2]}, {1: 2}.keys(), {1: 2}.items()]
    values += [collections.deque([1]), types.MappingProxyType({1: 2}), range(9), Named(1, [2])]
    for value in [*values, step, np.arange(3), np.float32(3), Ellipsis, float]:
        with case(value):
            assert shorten(value) == repr(value)


def test_a_value_of_any_size_or_depth_has_a_short_text():
    laughs: list = ["l"] * 10  # ten to the power of 13 words, written out
    for _ in range(12):
        laughs = [laughs] * 10
    endless: dict = {}
    endless["again"] = endless
    boxed = np.empty(1, object)
    boxed[0] = laughs
    values = [laughs, {"a": laughs}, (laughs,), {1: laughs}.values(), collections.deque(laughs)]
    values += [collections.OrderedDict(a=laughs), endless, 10**5000, [-(10**5000)], boxed]
    values += ["x" * 10**7, ["x" * 10**7], {"x" * 10**7: 1}, list(range(10**6)), np.zeros(10**7)]
    for value in values:
        with case(type(value)):
            assert len(shorten(value)) < 1100
            assert len(str(OptionError.unknown("option", value, ["a", "b"]))) < 1200


def test_both_ends_of_a_long_path_are_shown():
    text = shorten("/start/" + "x" * 5000 + "/end.png")

    assert text.startswith("'/start/")
    assert text.endswith("/end.png'")


def test_a_value_whose_repr_fails_is_shown_as_its_type():
    class Broken:
        def __repr__(self):
            raise ValueError("no repr")

    assert shorten(Broken()) == "<Broken>"
    assert "<Broken>" in str(OptionError.unknown("option", Broken(), ["a"]))
