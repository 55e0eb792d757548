"""Classes: the names that users pass, the values of samples, and the index of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.core import check_whole, is_whole, shorten
from imggen.data.array_like import reject_missing, to_paths, to_values
from imggen.data.row_alignment import align_rows
from imggen.data.validation import validate_labels
from imggen.errors import ManifestError, OptionError

# Names in order; a mapping from name to index or from index to name; or an array of names, such as
# ``LabelEncoder.classes_``.
ClassNames = Sequence[str] | Mapping[str, int] | Mapping[int, str] | npt.NDArray[Any]

# More classes than this from integers alone are a mistake, such as IDs instead of classes.
_MAX_DEFAULT_CLASSES = 1_000_000


class _Names(NamedTuple):
    """The class names, and whether they were given by index."""

    names: tuple[str, ...]
    by_index: bool


def parse_class_names(class_names: ClassNames | None) -> tuple[str, ...]:
    """Returns the class names in the order of their indices; () for None.

    Args:
        class_names: A list or an array of names; or a mapping from name to index, such as
            ``class_indices``, or from index to name. The indices are those from 0 to
            ``num_classes - 1``, in any order; as keys they may be text, as in JSON.

    Raises:
        OptionError: A value that is not a name, or a mapping without every index.

    Example:
        >>> parse_class_names({"dog": 1, "cat": 0}), parse_class_names(np.array([3, 5]))
        (('cat', 'dog'), ('3', '5'))
    """
    return _parse(class_names).names


def resolve_labels(
    values: Sequence[Any] | None, class_names: ClassNames | None, num_classes: int | None
) -> tuple[npt.NDArray[np.int32] | None, tuple[str, ...]]:
    """Returns the class index of each sample of a list, and the class names.

    Args:
        values: One class index or class name per sample, as ``to_classes`` returns them. None: the
            samples have no classes.
        class_names: The classes. None: for names, the sorted names; for integers, "0", "1", ...
        num_classes: The number of classes. None: as many as there are names; without them, the
            largest integer + 1.

    Raises:
        ManifestError: A label without a class.
        OptionError: ``num_classes`` for names without ``class_names``, or another number than
            there are names; or integers that are names of other classes than their indices.
    """
    parsed = None if class_names is None else _parse(class_names)
    count = _check_num_classes(num_classes, parsed)
    if values is None:
        if parsed is None and count is not None:
            raise OptionError("num_classes= needs integer labels; pass labels, or class_names=.")
        return None, () if parsed is None else parsed.names
    if parsed is not None and parsed.by_index and set(map(type, values)) <= {bool}:
        values = list(map(int, values))
    if set(map(type, values)) <= {int}:
        if parsed is None:
            names = default_class_names(max(values, default=0) + 1 if count is None else count)
        else:
            names = parsed.names
            if not parsed.by_index:
                _check_indices_are_not_names(values, names)
        return validate_labels(values, len(names)), names
    if parsed is None and count is not None:
        raise OptionError("num_classes= needs integer labels; for names, pass class_names=.")
    distinct = list(dict.fromkeys(values))  # of one type, so that 1 and True are not the same
    names = infer_class_names(distinct) if parsed is None else parsed.names
    labels = find_class_indices(list(map(str, distinct)), names, "list of labels")
    return _spread(labels, distinct, values), names


def resolve_named_labels(
    values: Sequence[Any], class_names: ClassNames | None, description: str
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Returns the class index of each row of a table, and the class names.

    Args:
        values: One class name per sample, as ``to_classes`` returns them. Integers are names, too;
            they are indices if ``class_names`` maps indices to other names.
        class_names: The classes. None: the sorted names; integers by value.
        description: A noun for the labels, for the error message.

    Raises:
        ManifestError: A label without a class.
        OptionError: ``class_names`` is not valid.
    """
    distinct = list(dict.fromkeys(values))  # of one type, so that 1 and True are not the same
    texts = list(map(str, distinct))
    if class_names is None:
        names = infer_class_names(distinct)
        labels = find_class_indices(texts, names, description)
    else:
        names, by_index = _parse(class_names)
        if by_index and not set(texts) <= set(names) and all(isinstance(v, int) for v in distinct):
            labels = validate_labels(list(map(int, distinct)), len(names))
        else:
            labels = find_class_indices(texts, names, description)
    return _spread(labels, distinct, values), names


def to_classes(values: Any, description: str) -> list[Any]:
    """Converts a column of class names or class indices into str, bool or int.

    Args:
        values: As in ``to_values``. Whole floats, which tables often use, become integers.
        description: A noun for the column, for the error message.

    Raises:
        ManifestError: A missing value; a list, or a number with decimals, or another object; or
            different values with the same name, such as True and 1, or 1 and "1".
    """
    listed = to_values(values, description)
    reject_missing(listed, f"The {description}")
    kinds = set(map(type, listed))
    if not kinds <= {str, int, bool}:
        listed = [_to_class(value, row, description) for row, value in enumerate(listed)]
        kinds = set(map(type, listed))
    if {bool, int} <= kinds:
        raise ManifestError(
            f"The {description} holds both truth values and numbers, such as "
            f"{next(value for value in listed if type(value) is bool)} and "
            f"{next(value for value in listed if type(value) is int)}. Use one of them."
        )
    if {str, int} <= kinds:
        numbers = {str(value) for value in listed if type(value) is int}
        both = sorted(numbers & {value for value in listed if type(value) is str})
        if both:
            raise ManifestError(
                f"The {description} holds {both[0]} both as a number and as text. Convert all "
                "labels to text, or all to numbers."
            )
    return listed


def match_labels(paths: Sequence[str], labels: Any, files: Any = None) -> list[Any]:
    """Returns one label per path, as ``to_classes`` does.

    Args:
        paths: The files.
        labels: One label per file, or a mapping from file to label.
        files: The files as given.

    Raises:
        ManifestError: A path without a label, labels of another length, or a value that is not a
            class.
    """
    if isinstance(labels, Mapping):
        label_of = dict(zip(to_paths(list(labels), "labels"), labels.values(), strict=True))
        values = to_values([label_of.get(path) for path in paths], "labels")
    else:
        values = to_values(align_rows(labels, "labels", paths, files=files), "labels")
    if len(values) != len(paths):
        raise ManifestError(
            f"Got {len(paths)} files and {len(values)} labels; expected one label per file."
        )
    missing = [row for row, value in enumerate(values) if value is None]
    if missing:
        raise ManifestError(
            f"labels: {len(missing)} of {len(paths)} files have no label; the first is "
            f"{paths[missing[0]]!r}, in row {missing[0]}. Label or drop them."
        )
    return to_classes(values, "list of labels")


def find_class_indices(
    labels: Sequence[str], class_names: Sequence[str], description: str
) -> npt.NDArray[np.int32]:
    """Maps class names to class indices.

    Args:
        labels: One class name per sample.
        class_names: The classes; position is index.
        description: A noun for ``labels``, for the error message.

    Raises:
        ManifestError: A label is not in ``class_names``.
    """
    index_of = {name: index for index, name in enumerate(class_names)}
    unknown = sorted(set(labels) - set(index_of))
    if unknown:
        raise ManifestError(
            f"The {description} holds {shorten(unknown[:5])}"
            f"{' and more' if len(unknown) > 5 else ''}, "
            f"which are not in class_names={shorten(list(class_names))}. Add them, or drop "
            "those rows."
        )
    return np.fromiter((index_of[label] for label in labels), np.int32, len(labels))


def infer_class_names(values: Sequence[object]) -> tuple[str, ...]:
    """Returns the distinct values as names: numbers sorted by value, all else by text."""
    distinct = set(values)
    if all(isinstance(value, int | float | np.number) for value in distinct):
        return tuple(str(value) for value in sorted(distinct))  # type: ignore[type-var]
    return tuple(sorted(str(value) for value in distinct))


def default_class_names(num_classes: int) -> tuple[str, ...]:
    """Returns "0", "1", ... as the names of classes that are known by index only."""
    if not 0 < num_classes <= _MAX_DEFAULT_CLASSES:
        raise ManifestError(
            f"The labels make {num_classes} classes; expected 1 to {_MAX_DEFAULT_CLASSES}. Class "
            "indices start at 0; pass other numbers as text, or pass class_names."
        )
    return tuple(map(str, range(num_classes)))


def _spread(
    labels: npt.NDArray[np.int32], distinct: Sequence[Any], values: Sequence[Any]
) -> npt.NDArray[np.int32]:
    """Returns the label of each value from the labels of the distinct values."""
    label_of = dict(zip(distinct, labels.tolist(), strict=True))
    return np.fromiter(map(label_of.__getitem__, values), np.int32, len(values))


def _to_class(value: Any, row: int, description: str) -> Any:
    if type(value) in (str, int, bool):
        return value
    if isinstance(value, float):
        if value.is_integer():
            return int(value)
        raise ManifestError(
            f"The {description} holds {shorten(value)}, which is not a class; expected whole "
            "numbers or names. To predict measured values, pass "
            'label_mode="regression"; to use them as classes, convert them first.'
        )
    is_array = hasattr(value, "__array__") and not isinstance(value, np.generic)
    if isinstance(value, list | tuple | set | dict) or is_array:
        raise ManifestError(
            f"The {description} holds {shorten(value)}; expected one class index or name per "
            "sample. To convert one-hot rows into class indices, use labels.argmax(axis=1)."
        )
    raise ManifestError(
        f"The {description} holds {shorten(value)} of type {type(value).__name__} in row {row}; "
        "expected text or whole numbers. Convert it to text."
    )


def _parse(class_names: ClassNames | None) -> _Names:
    if class_names is None:
        return _Names((), by_index=False)
    if isinstance(class_names, Mapping):
        return _parse_mapping(class_names)
    values = to_values(class_names, "class_names", OptionError)
    if hasattr(class_names, "to_dict") and all(map(is_whole, values)):
        mapping = class_names.to_dict()  # a Series, which may map names to indices
        if not all(map(is_whole, mapping)):
            return _parse_mapping(mapping)
    return _Names(tuple(map(_to_name, values)), by_index=False)


def _parse_mapping(mapping: Mapping[Any, Any]) -> _Names:
    keys = to_values(list(mapping), "class_names", OptionError)
    values = to_values(list(mapping.values()), "class_names", OptionError)
    from_keys = _order(map(_as_index, keys), values)
    from_values = _order(values, keys)
    if from_keys and from_values and from_keys != from_values:
        raise OptionError(
            f"class_names={shorten(dict(mapping))} may map names to indices or indices to names. "
            "Pass a list of names."
        )
    names = from_values or from_keys
    if names is None:
        raise OptionError(
            f"class_names={shorten(dict(mapping))} must map each name to its index, or each index "
            f"to its name, with the indices 0 to {len(mapping) - 1}."
        )
    return _Names(names, by_index=from_values is None)


def _order(indices: Any, names: Sequence[Any]) -> tuple[str, ...] | None:
    """Sorts names by their indices; None if those are not 0 to n - 1."""
    listed = list(indices)
    if not all(map(is_whole, listed)) or sorted(listed) != list(range(len(names))):
        return None
    return tuple(_to_name(name) for _, name in sorted(zip(listed, names, strict=True)))


def _as_index(key: Any) -> Any:
    return int(key) if isinstance(key, str) and key.isdecimal() and key.isascii() else key


def _to_name(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int):
        raise OptionError(f"class_names holds {shorten(value)}; expected a name as text.")
    return str(value)


def _check_num_classes(num_classes: int | None, names: _Names | None) -> int | None:
    """Returns ``num_classes``, if it is legal and the number of names."""
    if num_classes is None:
        return None
    count = check_whole("num_classes", num_classes, 1, _MAX_DEFAULT_CLASSES)
    if names is not None and count != len(names.names):
        raise OptionError(
            f"num_classes={count} contradicts class_names={shorten(list(names.names))}, which has "
            f"{len(names.names)} names. Leave out num_classes, or name every class."
        )
    return count


def _check_indices_are_not_names(values: Sequence[int], names: Sequence[str]) -> None:
    """Rejects integers that are the names of other classes than those at their positions."""
    position = {name: index for index, name in enumerate(names)}
    distinct = set(values)
    if not all(str(value) in position for value in distinct):
        return
    moved = sorted(value for value in distinct if position[str(value)] != value)
    if moved:
        raise OptionError(
            f"class_names={shorten(list(names))} has the label {moved[0]} at position "
            f"{position[str(moved[0])]}, but integer labels are class indices. Pass labels as text "
            "if they are names; if they are indices of these names, pass "
            "class_names=dict(enumerate(names))."
        )
