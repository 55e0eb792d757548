"""A check of a few masks when a sequence is made: are their values the classes of pixels?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

import numpy as np

from imggen.core import warn_user
from imggen.data import Manifest
from imggen.decode import MaskContent, MaskValues, inspect_mask, list_values
from imggen.errors import MaskValueWarning, OptionError

_NUM_SAMPLED = 8
# Of all sampled masks together, and of the first one, which is read even if it is larger.
_MAX_PIXELS, _MAX_PIXELS_OF_FIRST = 1 << 24, 1 << 26
# Numbers of classes leave small gaps at most, even if only a few of the classes are in the sample.
_MIN_GAP = 8
# More values than this are not listed as classes.
_MAX_CLASSES = 32
_MIN_INTERPOLATED = 8
_TWO_RANGES = "{range(0, 128): 0, range(128, 256): 1}"

_is_checked: ContextVar[list[bool] | None] = ContextVar("is_checked", default=None)


@contextmanager
def check_masks_once() -> Iterator[None]:
    """Within the block, only the first call of ``check_masks`` has an effect."""
    token = _is_checked.set([])
    try:
        yield
    finally:
        _is_checked.reset(token)


def check_masks(manifest: Manifest, mask_values: MaskValues | None, *, is_lenient: bool) -> None:
    """Checks the values of up to 8 masks, evenly spread over the manifest.

    Files that cannot be read are left to the batch that needs them.

    Args:
        manifest: The samples, which have masks.
        mask_values: The class of each value, or None.
        is_lenient: Whether training goes on without files that cannot be read, so that only a
            problem of all sampled masks is an error.

    Raises:
        OptionError: The masks are the images themselves, are in color, or have values that
            ``mask_values`` does not have.
    """
    checked = _is_checked.get()
    if checked:
        return
    if checked is not None:
        checked.append(True)
    assert manifest.masks is not None  # noqa: S101 - checked by the label mode
    count = min(_NUM_SAMPLED, manifest.num_samples)
    rows = np.unique(np.linspace(0, manifest.num_samples - 1, count).astype(np.int64)).tolist()
    paths = [manifest.resolve(manifest.masks[row]) for row in rows]
    _check_not_images(paths, [manifest.filepath(row) for row in rows])
    contents = _inspect(paths, mask_values)
    problems = [content for content in contents if content.problem]
    if problems and (not is_lenient or len(problems) == len(contents)):
        _refuse(problems, mask_values)
    if mask_values is None:
        _warn_of_values(contents)


def _inspect(paths: list[str], mask_values: MaskValues | None) -> list[MaskContent]:
    left = _MAX_PIXELS
    contents: list[MaskContent] = []
    for path in paths:
        limit = left if contents else _MAX_PIXELS_OF_FIRST
        content = inspect_mask(path, mask_values, limit)
        if content is not None:
            left -= content.num_pixels
            contents.append(content)
    return contents


def _check_not_images(masks: list[str], images: list[str]) -> None:
    if all(
        os.path.realpath(mask) == os.path.realpath(image)
        for mask, image in zip(masks, images, strict=True)
    ):
        raise OptionError(
            f"The masks are the images themselves: {masks[0]!r} is both. Pass the folder or the "
            'column of the masks; for images that are their own targets, label_mode="input".'
        )


def _refuse(problems: list[MaskContent], mask_values: MaskValues | None) -> None:
    first = problems[0]
    if mask_values is not None:
        lossy = next((content for content in problems if content.lossy_format), None)
        hint = "" if lossy is None else f" The mask {_explain_lossy(lossy)}"
        raise OptionError(
            f"mask_values does not fit the mask {first.path!r}: {first.problem}.{hint}"
        )
    colors = sorted({color for content in problems for color in content.colors})
    if not colors:
        return  # the batch that loads the file raises the error
    raise OptionError(
        f"Masks are in color: {first.path!r} has {list_values(list(first.colors))}. Pass the class "
        f"of each color, such as mask_values={_offer(colors[:_MAX_CLASSES])}."
    )


def _warn_of_values(contents: list[MaskContent]) -> None:
    lossy = next((content for content in contents if content.lossy_format), None)
    if lossy is not None:
        warn_user(f"The mask {_explain_lossy(lossy)}", MaskValueWarning)
        return
    counts: Counter[int] = Counter()
    for content in contents:
        counts.update(content.counts)
    values = sorted(counts)
    if not values:
        return
    is_mixed = set(values) == {0, 1, 255} and not any(
        {1, 255} <= content.counts.keys() for content in contents
    )
    # Whoever makes a palette numbers its colors on purpose.
    is_numbered = any(content.palette for content in contents) and not set(values) <= {0, 255}
    if is_mixed:
        _warn(contents, values, "1 in some files and 255 in others", "{0: 0, 1: 1, 255: 1}")
    elif len(values) <= _MAX_CLASSES and _are_spread(values) and not is_numbered:
        _warn(contents, values, "unlike class numbers", _offer([0, *values]))
    elif 1 < len(values) <= _MAX_CLASSES and values == list(range(1, len(values) + 1)):
        _warn(contents, values, "but not 0, the first class of most losses", _offer(values))
    elif _are_interpolated(counts):
        _warn(contents, values, "as after interpolation", _TWO_RANGES)
    _warn_of_palettes(contents)


def _warn(contents: list[MaskContent], values: list[int], fact: str, offer: str) -> None:
    example = next(content.path for content in contents if values[-1] in content.counts)
    warn_user(
        f"Masks have {list_values(values)}, {fact}, and are served as they are (such as "
        f"{example!r}). Pass mask_values={offer} to serve classes. If the values are right, map "
        "each to itself, or filter imggen.errors.MaskValueWarning.",
        MaskValueWarning,
    )


def _warn_of_palettes(contents: list[MaskContent]) -> None:
    """Warns if the same color has different indices in the palettes of two files."""
    index_of: dict[Any, tuple[int, str]] = {}
    for content in contents:
        times = Counter(content.palette.values())
        for index, color in content.palette.items():
            other, path = index_of.setdefault(color, (index, content.path))
            if other != index and times[color] == 1:
                colors = [*content.palette.values(), *index_of]
                warn_user(
                    f"Masks have different palettes: the color {color} is number {other} in "
                    f"{path!r} and {index} in {content.path!r}, and these numbers are served. Pass "
                    f"the class of each color, such as mask_values={_offer(sorted(set(colors)))}.",
                    MaskValueWarning,
                )
                return


def _explain_lossy(content: MaskContent) -> str:
    values = f" It has {list_values(sorted(content.counts))}." if content.counts else ""
    return (
        f"{content.path!r} is in a lossy format ({content.lossy_format}), which changes values."
        f"{values} Save masks as PNG; or map ranges of values, for two classes with "
        f"mask_values={_TWO_RANGES}."
    )


def _are_spread(values: list[int]) -> bool:
    """Whether values, together with 0, are further apart than classes would be."""
    gaps = [high - low for low, high in pairwise(sorted({0, *values}))]
    return bool(gaps) and min(gaps) >= _MIN_GAP


def _are_interpolated(counts: Counter[int]) -> bool:
    """Whether most pixels are 0 or 255, and the others all over the range between them."""
    between = [value for value in counts if 0 < value < 255]
    return (
        max(counts) == 255
        and len(between) >= _MIN_INTERPOLATED
        and 3 * sum(value > 127 for value in between) >= len(between)
        and 2 * (counts[0] + counts[255]) >= counts.total()
    )


def _offer(values: Iterable[object]) -> str:
    """Formats a mapping from values to consecutive classes."""
    return str({value: number for number, value in enumerate(dict.fromkeys(values))})
