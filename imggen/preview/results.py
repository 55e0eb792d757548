"""Predictions: rows of a prediction table as captions, and which of them are the worst mistakes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.core import format_number, pluralize, shorten
from imggen.errors import OptionError
from imggen.preview.colors import FAINT, INK, RIGHT, WRONG
from imggen.preview.layout import Cell, Note, split_phrases

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

_SCORE = "p_"
_ADVICE = "Pass a table that predict() of this sequence returns."


class Result(NamedTuple):
    """One prediction, next to the truth.

    Attributes:
        position: The row of the table.
        true: The true class, classes or numbers as text; None: not known.
        predicted: The predicted ones.
        score: The probability of the predicted class; with several classes per image, that of the
            class whose probability is the furthest from the truth; None for numbers.
        about: The class that ``score`` is the probability of; for several numbers, the unit of
            ``error``.
        is_right: Whether the prediction is right; None for numbers, or if the truth is not known.
        error: How bad a mistake is, to sort by; NaN: no mistake.
    """

    position: int
    true: str | None
    predicted: str
    score: float | None
    about: str | None
    is_right: bool | None
    error: float


def read_results(table: pd.DataFrame, *, separator: str | None = None) -> list[Result]:
    """Reads a table of predictions, as ``ImageSequence.predict`` returns it.

    Args:
        table: The table. Rows without a prediction are left out.
        separator: The text between class names, where an image may have several classes. None: it
            has one.

    Returns:
        A result for each row, in the order of the table.

    Raises:
        OptionError: The table does not have the columns of a prediction.
    """
    columns = [str(name) for name in table.columns]
    classes = [name.removeprefix(_SCORE) for name in columns if name.startswith(_SCORE)]
    if "predicted" in columns and classes:
        if separator is not None:
            return _read_several(table, classes, separator)
        return _read_classes(table, classes)
    numbers = [name for name in columns if name == "predicted" or name.startswith("predicted_")]
    if numbers and all(_is_numeric(table[name]) for name in numbers):
        return _read_numbers(table, [name.removeprefix("predicted") for name in numbers])
    several = sorted({name.removesuffix("_predicted") for name in columns if "_predicted" in name})
    if several:
        raise OptionError(
            f"The table is about several outputs, {shorten(several)}; expected one. Pass the table "
            f"of one of them, sequence.predict(model, output={several[0]!r})."
        )
    if "predicted" in columns:
        raise OptionError(
            f"The table has no probabilities, the columns 'p_<class name>'; its columns are "
            f"{shorten(columns)}. {_ADVICE}"
        )
    raise OptionError(f"The table has no column 'predicted', but {shorten(columns)}. {_ADVICE}")


def find_worst(results: Sequence[Result]) -> list[Result]:
    """Returns the mistakes, the worst first, and equally bad ones in their order."""
    wrong = [result for result in results if not math.isnan(result.error)]
    return sorted(wrong, key=lambda result: -result.error)


def draw_result(picture: Image.Image, result: Result, name: str = "") -> Cell:
    """Makes a picture with the prediction and the truth below, marked as right or wrong.

    Args:
        picture: The picture.
        result: The prediction.
        name: A last line, such as the name of the file.
    """
    mark = result.is_right
    color = {None: INK, True: RIGHT, False: WRONG}[mark]
    percent = "" if result.score is None else _format_percent(result.score)
    is_same = result.about == result.predicted
    score = f" ({percent})" if percent and is_same else ""
    notes = [Note(split_phrases(f"predicted: {result.predicted}{score}"), color, 3, mark)]
    if result.true is not None:
        notes.append(Note(split_phrases(f"true: {result.true}"), INK, 3))
    if percent and not is_same:
        notes.append(Note(f"furthest off: {result.about} ({percent})", FAINT))
    if mark is None and not math.isnan(result.error):
        unit = f" {result.about}" if result.about else ""
        notes.append(Note(f"off by {format_number(result.error)}{unit}", FAINT))
    if name:
        notes.append(Note(name, FAINT))
    return Cell(picture, notes, mark)


def describe_results(results: Sequence[Result], num_shown: int) -> str:
    """Describes in a sentence how many predictions are wrong, and which are shown."""
    known = [result for result in results if result.is_right is not None]
    if not known:
        predictions = pluralize(len(results), "prediction")
        if num_shown == 1:
            return f"The largest error of {predictions}"
        return f"The {num_shown} largest errors of {predictions}, the largest first"
    wrong = sum(not result.is_right for result in known)
    if len(known) == 1:
        return f"The only prediction is {'wrong' if wrong else 'right'}"
    if not wrong:
        return f"No mistakes: all {len(known)} predictions are right"
    if num_shown == 1 < wrong:
        return f"{wrong} of {len(known)} predictions are wrong; this is the worst one"
    which = "" if num_shown == wrong else f"the {num_shown} worst, "
    if wrong == 1:
        return f"1 of {len(known)} predictions is wrong"
    return f"{wrong} of {len(known)} predictions are wrong; {which}the worst first"


def _read_classes(table: pd.DataFrame, classes: list[str]) -> list[Result]:
    index_of = {name: index for index, name in enumerate(classes)}
    scores = _scores(table, classes)
    results = []
    for position, (predicted, true) in enumerate(_names(table)):
        if predicted is None:
            continue
        _check_known({predicted}, index_of)
        score = float(scores[position, index_of[predicted]])
        is_right = None if true is None else predicted == true
        error = float(np.nan_to_num(score)) if is_right is False else float("nan")
        results.append(Result(position, true, predicted, score, predicted, is_right, error))
    return results


def _read_several(table: pd.DataFrame, classes: list[str], separator: str) -> list[Result]:
    index_of = {name: index for index, name in enumerate(classes)}
    scores = _scores(table, classes)
    results = []
    for position, (predicted, true) in enumerate(_names(table)):
        if predicted is None:
            continue
        chosen, present = _split(predicted, separator), _split(true or "", separator)
        _check_known({*chosen, *present}, index_of)
        is_right = None if true is None else set(chosen) == set(present)
        hot = np.isin(np.array(classes, object), np.array(present, object))
        off = np.abs(scores[position] - hot) if true is not None else scores[position]
        off = np.nan_to_num(off)
        furthest = int(off.argmax())
        results.append(
            Result(
                position,
                None if true is None else ", ".join(present) or "no classes",
                ", ".join(chosen) or "no classes",
                float(scores[position, furthest]),
                classes[furthest],
                is_right,
                float(off[furthest]) if is_right is False else float("nan"),
            )
        )
    return results


def _read_numbers(table: pd.DataFrame, suffixes: list[str]) -> list[Result]:
    missing = [f"true{suffix}" for suffix in suffixes if f"true{suffix}" not in table]
    if missing:
        raise OptionError(f"The table has no column {missing[0]!r}. {_ADVICE}")
    predicted = table[[f"predicted{suffix}" for suffix in suffixes]].to_numpy(np.float64)
    true = table[[f"true{suffix}" for suffix in suffixes]].to_numpy(np.float64)
    errors = np.abs(predicted - true)
    if len(suffixes) > 1:
        # Columns of different units count alike.
        spread = np.nanstd(true, axis=0) if len(true) else np.ones(len(suffixes))
        errors = errors / np.where(spread > 0, spread, 1.0)
    errors = errors.mean(axis=1)
    names = [suffix.removeprefix("_") for suffix in suffixes]
    return [
        Result(
            position,
            _format_numbers(names, true[position]),
            _format_numbers(names, predicted[position]),
            None,
            "standard deviations" if len(names) > 1 else None,
            None,
            float(errors[position]),
        )
        for position in np.flatnonzero(~np.isnan(predicted).any(axis=1)).tolist()
    ]


def _names(table: pd.DataFrame) -> list[tuple[str | None, str | None]]:
    """Returns the predicted and the true class of each row; None where it is not known."""
    true = table["true"] if "true" in table else [None] * len(table)
    return [
        (to_class_name(one), to_class_name(other))
        for one, other in zip(table["predicted"], true, strict=True)
    ]


def to_class_name(value: Any) -> str | None:
    """Returns the class name in a cell of a table; None for an empty cell."""
    if value is None or value != value:
        return None
    # Names that are numbers are read from a CSV file as numbers, with gaps as floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _split(names: str, separator: str) -> list[str]:
    return [name for name in names.split(separator) if name]


def _scores(table: pd.DataFrame, classes: list[str]) -> npt.NDArray[np.float64]:
    return table[[f"{_SCORE}{name}" for name in classes]].to_numpy(np.float64)


def _check_known(names: set[str], known: dict[str, int]) -> None:
    unknown = sorted(names - set(known))
    if unknown:
        raise OptionError(
            f"The table has the class {unknown[0]!r}, but no column {_SCORE + unknown[0]!r}; its "
            f"columns are those of {shorten(list(known))}. {_ADVICE}"
        )


def _is_numeric(column: Any) -> bool:
    return column.dtype.kind in "iufb"


def _format_numbers(names: list[str], values: npt.NDArray[np.float64]) -> str:
    texts = [format_number(value) for value in values.tolist()]
    if len(names) == 1:
        return texts[0]
    return ", ".join(f"{name} {text}" for name, text in zip(names, texts, strict=True))


def _format_percent(score: float) -> str:
    """Formats a probability; only certainty is 0% or 100%."""
    if math.isnan(score):
        return ""
    percent = f"{score:.0%}"
    if percent == "100%" and score < 1:
        return ">99%"
    return "<1%" if percent == "0%" and score > 0 else percent
