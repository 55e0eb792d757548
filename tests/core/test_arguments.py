"""Types of arguments, as the annotations of public functions declare them."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from imggen.core import PathText, StringColumn, check_arguments
from imggen.errors import ManifestError, OptionError, OptionTypeError
from tests.helpers.cases import case

if TYPE_CHECKING:
    pass


class Options(TypedDict, total=False):
    shuffle: bool


class Sized(Protocol):
    width: int

    def area(self) -> int: ...


class Square:
    width = 3

    def area(self) -> int:
        return 9


def annotated(annotation: str) -> Callable[[object], object]:
    """A checked function that accepts everything its annotation allows."""

    def function(value):
        return value

    function.__annotations__["value"] = annotation
    return check_arguments(function)


class PathOf(os.PathLike):
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return self.path


ALLOWED = {
    "str": ["", "x", np.str_("x")],
    "bool": [True, False, np.bool_(True), 0, 1],
    "str | os.PathLike[str]": ["x", Path("x"), PathOf("x")],
    "PathText": ["x", Path("x")],
    "Sequence[str]": [["x"], (), np.array(["x"]), pd.Series(["x"]), iter(["x"]), {"x": 1}.keys()],
    "Iterable[str]": [{"x"}, ["x"]],
    "StringColumn": [StringColumn.of(["x"]), ["x"]],
    "npt.NDArray[np.int32] | None": [None, np.zeros(2), [1, 2], "decided by the function"],
    "Callable[[str, int], object]": [lambda a, b: 0, lambda *a: 0, lambda a, b=1, c=2: 0, pow],
    "Callable[..., object]": [len, int],
    "Mapping[str, str]": [{}, {"a": "b"}],
    "Sequence[Square]": [[Square()], ()],
    "Any": [None, object()],
    "int": [1, np.int64(1), "decided by the function"],
    "Literal['a', 'b'] | None": ["a", None, "decided by the function"],
    "pd.DataFrame": [pd.DataFrame()],
    "keras.Model": ["decided by the function"],
    "Sized": [Square(), "decided by the function"],
}
REFUSED = {
    "str": ([None, 1, b"x", ["x"]], "a string"),
    "bool": ([None, "False", 2, 1.0, pd.NA, np.array([True])], "True or False"),
    "str | os.PathLike[str]": ([None, 1, b"x", "\0", PathOf(b"x"), ["x"]], "a path"),
    "PathText": ([None, b"x"], "a path"),
    "Sequence[str]": (
        ["x", b"x", None, 1, {"x"}, {"x": 1}, np.eye(2), Path("x")],
        "a list of strings",
    ),
    "Sequence[str | os.PathLike[str]]": (["x", Path("x")], "a list of paths"),
    "StringColumn": (["x", None], "a list of strings"),
    "Callable[[str, int], object]": (
        [None, "x", lambda a: 0, lambda a, b, c: 0],
        "a function with 2 parameters",
    ),
    "Callable[..., object]": ([None, "x"], "a function"),
    "Mapping[str, str]": ([None, ["a"], {"a": 1}, {1: "a"}], "a mapping from a string to a string"),
    "str | None": ([1, b"x"], "a string or None"),
    "Column": ([1.5, None, b"x"], "a string or a whole number"),
}
Column = str | int


def test_what_an_annotation_allows_is_passed_on():
    for annotation, values in ALLOWED.items():
        for value in values:
            with case(f"{annotation}: {value!r}"):
                assert annotated(annotation)(value) is value


def test_another_type_is_refused_with_name_value_and_what_was_expected():
    for annotation, (values, expected) in REFUSED.items():
        for value in values:
            with case(f"{annotation}: {value!r}"), pytest.raises(OptionTypeError) as caught:
                annotated(annotation)(value)
            assert str(caught.value).startswith("value="), annotation
            assert f"expected {expected}" in str(caught.value), annotation


def test_the_message_says_type_and_how_to_pass_a_single_value():
    with pytest.raises(OptionTypeError) as caught:
        annotated("Sequence[str | os.PathLike[str]]")("a.png")

    assert str(caught.value) == (
        "value='a.png' is of type str; expected a list of paths. For one path, pass ['a.png']."
    )


def test_a_long_value_is_shown_by_its_type():
    with pytest.raises(OptionTypeError, match=r"^value=<DataFrame> is of type DataFrame; expected"):
        annotated("str")(pd.DataFrame({"x": range(100)}))


def test_splits_are_passed_as_a_mapping():
    import imggen

    @check_arguments
    def merge(splits: Mapping[str, int]) -> None:
        splits.values()

    with pytest.raises(OptionTypeError, match=r"a mapping .* Pass splits\.as_dict\(\)\.$"):
        merge(imggen.Splits([], []))


def test_the_error_is_a_value_error_and_a_type_error():
    with pytest.raises(OptionTypeError) as caught:
        annotated("str")(1)

    assert isinstance(caught.value, OptionError)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)


def test_positional_keyword_and_typed_options_are_checked():
    @check_arguments
    def function(first: str, /, second: str, *rest: int, third: str = "", **o: Unpack[Options]):
        return first, second, rest, third, o

    assert function("a", "b", 3, third="c", shuffle=True) == (
        "a",
        "b",
        (3,),
        "c",
        {"shuffle": True},
    )
    for arguments, options, name in [
        ((1, "b"), {}, "first"),
        (("a", 2), {}, "second"),
        (("a",), {"second": 2}, "second"),
        (("a", "b"), {"third": 3}, "third"),
        (("a", "b"), {"shuffle": "no"}, "shuffle"),
    ]:
        with pytest.raises(OptionTypeError, match=f"^{name}="):
            function(*arguments, **options)


def test_nothing_is_done_before_the_check():
    done = []

    @check_arguments
    def function(value: str) -> None:
        done.append(value)

    with pytest.raises(OptionTypeError):
        function(1)
    assert done == []


def test_a_class_is_checked_in_its_constructor():
    @check_arguments
    @dataclass(frozen=True)
    class Named:
        name: str

        def __post_init__(self) -> None:
            assert isinstance(self.name, str)

    assert Named("x") == Named("x")
    assert repr(Named("x")).endswith("Named(name='x')")
    with pytest.raises(OptionTypeError, match="^name=1 "):
        Named(1)


def test_a_class_of_imggen_says_how_to_make_one():
    import imggen

    with pytest.raises(OptionTypeError) as caught:
        imggen.split(["photos"])

    assert str(caught.value) == (
        "manifest=['photos'] is of type list; expected a path (a string or os.PathLike) or an "
        "imggen.Manifest. Pass imggen.scan(DIR), or Manifest.from_frame(table)."
    )


@check_arguments
def double(number: int, mode: Literal["a", "b"] = "a", frame: pd.DataFrame | None = None) -> int:
    width = 1 if frame is None else len(frame.columns)
    return {"a": 2, "b": 3}[mode] * abs(number) * width


def test_an_error_of_pythons_own_is_explained_by_the_argument():
    with pytest.raises(OptionTypeError, match=r"^number='x' .* expected a whole number") as caught:
        double("x")
    assert isinstance(caught.value.__cause__, TypeError)
    with pytest.raises(OptionTypeError, match=r"^mode='c' .* expected one of 'a', 'b'"):
        double(1, "c")
    with pytest.raises(OptionTypeError, match=r"^frame=\{\} .* a pandas\.DataFrame .*read_csv"):
        double(1, frame={})


def test_an_error_that_no_argument_explains_is_passed_on():
    @check_arguments
    def function(value: str) -> None:
        raise KeyError(value)

    with pytest.raises(KeyError, match="x"):
        function("x")


def test_errors_of_imggen_are_passed_on():
    @check_arguments
    def function(value: int) -> None:
        raise ManifestError("inconsistent")

    with pytest.raises(ManifestError, match="^inconsistent$"):
        function("x")


def test_a_checked_function_names_its_own_parameter_and_not_that_of_one_it_calls():
    @check_arguments
    def inner(text: str) -> str:
        return text

    @check_arguments
    def outer(name: str | int) -> str:
        return inner(name if isinstance(name, str) else object())  # type: ignore[arg-type]

    @check_arguments
    def lenient(number: int) -> str:
        return inner(number)  # type: ignore[arg-type]

    with pytest.raises(OptionTypeError, match="^number=1.5 "):
        lenient(1.5)
    with pytest.raises(OptionTypeError, match="^text="):
        outer(1)


def test_signature_name_and_docstring_stay():
    assert list(inspect.signature(double).parameters) == ["number", "mode", "frame"]
    assert double.__name__ == "double"


def test_annotations_are_read_once(monkeypatch):
    calls = []
    function = annotated("str")
    monkeypatch.setattr(
        "imggen.core.annotations._resolve",
        functools.partial(lambda original, *a: calls.append(a) or original(*a), resolve()),
    )
    for _ in range(3):
        function("x")
    assert len(calls) == 1


def resolve() -> Any:
    from imggen.core import annotations

    return annotations._resolve


_USED: tuple[Any, ...] = (npt, Iterable, Mapping, Sequence, PathText)
