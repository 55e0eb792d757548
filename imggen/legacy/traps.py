"""Traps: legal uses of Keras's class whose result is rarely meant. Each causes one warning.

Keras serves such batches silently, and so does the drop-in: a warning never changes a batch.
"""

from __future__ import annotations

import difflib
import itertools
import math
import numbers
import os
import sys
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import shorten, warn_user
from imggen.errors import KerasTrapWarning

_MAX_LISTED = 5
_NUM_CHECKED_IMAGES = 64
_SMALL_SCALE = 0.1
# A column that is sorted by chance with a smaller probability was sorted on purpose.
_CHANCE = 0.01
_LOG_CHANCE = math.log(_CHANCE)


def warn_of_trap(owner: object, code: str, message: str) -> None:
    """Issues a ``KerasTrapWarning`` at the user's line, unless ``owner`` has caused it before.

    Args:
        owner: The generator or iterator that was used.
        code: The name of the trap.
        message: What happens and what to do instead.
    """
    codes: set[str] = getattr(owner, "__dict__", {}).setdefault("_trap_codes", set())
    if code in codes:
        return
    codes.add(code)
    warn_user(KerasTrapWarning(code, message))


def list_names(names: Iterable[object]) -> str:
    """Lists the first few names, and counts the others."""
    listed = [repr(name) for name in names]
    others = f" and {len(listed) - _MAX_LISTED} others" if len(listed) > _MAX_LISTED else ""
    return ", ".join(listed[:_MAX_LISTED]) + others


def is_unit_range(images: Any) -> bool:
    """Returns whether images have values from 0 to 1, and not only these two; reads the first few.

    Example:
        >>> is_unit_range(np.array([0.0, 0.5])), is_unit_range(np.array([0.0, 1.0, 200.5]))
        (True, False)
    """
    images = np.asarray(images)
    if images.dtype.kind == "V":  # bfloat16
        images = images.astype(np.float32)
    if images.dtype.kind != "f" or not images.size:
        return False
    return bool(images.min() >= 0 and images.max() <= 1 and np.any((images > 0) & (images < 1)))


def scales_down(rescale: Any) -> bool:
    """Returns whether ``rescale`` makes values much smaller, as 1/255 does."""
    return 0 < _size(rescale) <= _SMALL_SCALE


def _size(number: Any) -> float:
    """Returns the absolute value of an option; 0 if it is not a number, as Keras notices later."""
    return abs(float(number)) if isinstance(number, numbers.Real) else 0.0


def warn_of_unit_range(generator: Any, images: npt.NDArray[Any]) -> None:
    """Warns of options in gray levels that a generator applies to images with values of 0 to 1.

    The generator may be an object of any class, as in Keras.
    """
    misused = []
    if getattr(generator, "brightness_range", None) is not None:
        misused.append("brightness_range rounds values to whole numbers, here to 0 and 1")
    shift = getattr(generator, "channel_shift_range", 0)
    if _size(shift) >= 1:
        misused.append(f"channel_shift_range={shorten(shift)} is a number of gray levels")
    cval = getattr(generator, "cval", 0)
    mode = getattr(generator, "fill_mode", None)
    fills = isinstance(mode, str) and mode == "constant" and moves_pixels(generator)
    if fills and _size(cval) > 1:
        misused.append(f"cval={shorten(cval)} is a gray level")
    if misused and is_unit_range(images[:_NUM_CHECKED_IMAGES]):
        warn_of_trap(
            generator,
            "unit-range",
            f"The images have values from 0 to 1, but {'; '.join(misused)}. Pass images with "
            "values from 0 to 255, and scale them with rescale=1/255, which is applied last.",
        )


def moves_pixels(generator: Any) -> bool:
    """Returns whether a generator rotates, shifts, shears or zooms images."""
    ranges = ("rotation_range", "width_shift_range", "height_shift_range", "shear_range")
    return any(np.any(getattr(generator, name, 0)) for name in ranges) or (
        getattr(generator, "zoom_range", [1, 1]) != [1, 1]
    )


def warn_of_scaling_twice(generator: Any, images: npt.NDArray[Any]) -> None:
    """Warns of ``rescale`` for images with values of 0 to 1."""
    rescale = getattr(generator, "rescale", None)
    if scales_down(rescale) and is_unit_range(images[:_NUM_CHECKED_IMAGES]):
        warn_of_trap(
            generator,
            "scaled-twice",
            f"The images have values from 0 to 1 already, and rescale={rescale:.4g} scales them "
            "again, so that they are nearly black. Scale them once.",
        )


def warn_of_unsplit(iterator: Any, generator: Any, subset: str | None) -> bool:
    """Warns of a subset of a generator without ``validation_split``; returns whether it did."""
    if subset is None or getattr(generator, "_validation_split", None):
        return False
    share = "no sample" if subset == "validation" else "all samples"
    warn_of_trap(
        iterator,
        "subset-without-split",
        f'subset="{subset}" holds {share}, because its ImageDataGenerator has no '
        "validation_split. Pass validation_split, such as "
        "ImageDataGenerator(validation_split=0.2), to the generators of all subsets.",
    )
    return True


def warn_of_no_images(iterator: Any, reason: str) -> None:
    """Warns of an iterator that has no samples."""
    iterator._reason_for_none = f" No images were found: {reason}"
    warn_of_trap(
        iterator,
        "no-images",
        f"No images were found, so that there are no batches and training fails: {reason}",
    )


def warn_of_missing_values(iterator: Any, name: str, is_missing: npt.NDArray[np.bool_]) -> None:
    """Warns of targets or weights without a value, with which the loss is NaN.

    Args:
        iterator: The iterator that serves them.
        name: The name of the targets or weights.
        is_missing: For each row, whether it has no value.
    """
    rows = np.flatnonzero(is_missing)
    if len(rows):
        warn_of_trap(
            iterator,
            "missing-values",
            f"{name} has no value (NaN) in {len(rows)} of {len(is_missing)} rows, the first one is "
            f"row {rows[0]}, so the loss will be NaN. Remove or fill these rows.",
        )


def warn_of_sorted_classes(
    generator: Any, subset: str, labels: Sequence[Any], bounds: tuple[int, int]
) -> None:
    """Warns if a subset, or the rest, lacks classes because the rows are sorted by class.

    Args:
        generator: The generator of the subsets, which causes the warning once.
        subset: The name of the subset.
        labels: The class, or the list of classes, of every row of the table.
        bounds: The first row of the subset, and the one after its last.
    """
    rows = [tuple(label) if isinstance(label, list | tuple) else (label,) for label in labels]
    inside = {name for row in rows[bounds[0] : bounds[1]] for name in row}
    outside = {name for row in (*rows[: bounds[0]], *rows[bounds[1] :]) for name in row}
    lacking, missing = f'subset="{subset}"', outside - inside
    if not missing:
        lacking, missing = "The rest", inside - outside
    if not missing or not inside or not outside:
        return
    num = len(rows)
    num_changes = sum(one != other for one, other in itertools.pairwise(rows))
    num_same_pairs = sum(count * (count - 1) for count in Counter(rows).values())
    expected = (num - 1) * (1 - num_same_pairs / (num * (num - 1)))
    if num_changes > expected / 2:
        return  # in random order, a subset may lack a rare class
    warn_of_trap(
        generator,
        "sorted-table",
        f"{lacking} lacks {len(missing)} of {len(inside | outside)} classes "
        f"({list_names(sorted(missing, key=str))}): subsets are cut from the rows in their order, "
        f"and these are sorted by class. {_SHUFFLE_FIRST}",
    )


def warn_of_sorted_values(generator: Any, subset: str, name: str, values: list[Hashable]) -> None:
    """Warns if a subset is cut from rows that are sorted by their target.

    Args:
        generator: The generator of the subsets, which causes the warning once.
        subset: The name of the subset.
        name: The name of the target.
        values: The target of every row of the table.
    """
    if not _is_sorted(values):
        return
    counts = Counter(values)
    orders = math.lgamma(len(values) + 1) - sum(math.lgamma(n + 1) for n in counts.values())
    if math.log(2) - orders < _LOG_CHANCE:
        warn_of_trap(
            generator,
            "sorted-table",
            f'subset="{subset}" is cut from the rows in their order, and these are sorted by '
            f"{name}, so the subsets hold different ranges of it. {_SHUFFLE_FIRST}",
        )


_SHUFFLE_FIRST = (
    "Shuffle the rows first: frame.sample(frac=1, random_state=0), or a permutation of the arrays."
)


def _is_sorted(values: list[Any]) -> bool:
    try:
        hash(tuple(values))
        pairs = list(itertools.pairwise(values))
        return all(a <= b for a, b in pairs) or all(a >= b for a, b in pairs)
    except (TypeError, ValueError):  # values without an order, or arrays
        return False


def warn_of_ignored_keywords(
    owner: object, keywords: Collection[str], known: Collection[str]
) -> None:
    """Warns of keywords that ``flow_from_dataframe`` takes and does not use."""
    listed = []
    for name in keywords:
        words = sorted(name.split("_"))
        close = [other for other in known if sorted(other.split("_")) == words]
        close = close or difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        is_misspelled = close and name not in known
        listed.append(
            f"{shorten(name)} (did you mean {close[0]!r}?)" if is_misspelled else repr(name)
        )
    warn_of_trap(
        owner,
        "ignored-keyword",
        f"flow_from_dataframe has no argument {', '.join(listed)}, and ignores it. Remove it; "
        "augmentation is set by the arguments of ImageDataGenerator.",
    )


def warn_of_assignment(iterator: Any, name: str, value: Any) -> None:
    """Warns if the user's code sets an attribute that was read when the iterator was made.

    Call it in ``__setattr__``. Methods of the iterator itself may set anything.
    """
    setter = sys._getframe(2)
    if "index_generator" not in vars(iterator) or setter.f_locals.get("self") is iterator:
        return
    if _changes_nothing(iterator, name, value):
        return
    warn_of_trap(
        iterator,
        "ignored-assignment",
        f"{shorten(name)} of this iterator was set, which changes no batch: files and labels were "
        "read when it was made, and later changes of a folder or table are ignored too. Make "
        "another iterator.",
    )


def _changes_nothing(iterator: Any, name: str, value: Any) -> bool:
    """Returns whether an attribute is set to what the iterator serves, or widens its labels."""
    try:
        if name == "filenames":
            paths = [os.path.join(iterator.directory, file) for file in value]
            return paths == list(iterator.filepaths)
        if name == "class_indices" and len(value) != len(iterator.class_indices):
            return True  # one-hot labels have another length from now on
        return bool(getattr(iterator, name) == value)
    except (AttributeError, TypeError, ValueError):  # no such attribute, or values of other types
        return False
