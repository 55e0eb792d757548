"""Random parameters of ImageDataGenerator: the same numbers as in Keras, in the same order."""

from __future__ import annotations

import math
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from imggen.core import shorten
from imggen.errors import ImggenWarning, OptionTypeError

# The module ``np.random``, whose functions share one global state, or a RandomState, which has
# methods of the same names.
RandomSource = Any

Parameters = dict[str, Any]


class Ranges(Protocol):
    """The arguments of an ImageDataGenerator that determine which parameters are drawn."""

    rotation_range: Any
    width_shift_range: Any
    height_shift_range: Any
    shear_range: Any
    zoom_range: Any
    horizontal_flip: Any
    vertical_flip: Any
    channel_shift_range: Any
    brightness_range: Any
    row_axis: int
    col_axis: int


def draw_parameters(ranges: Ranges, shape: tuple[int, ...], source: RandomSource) -> Parameters:
    """Draws the parameters of one image's transformation.

    Args:
        ranges: The ranges of the parameters.
        shape: The shape of the image; shifts below 1 are fractions of a side.
        source: The generator to draw from.

    Returns:
        The parameters that ``ImageDataGenerator.apply_transform`` takes.

    Source: keras/src/legacy/preprocessing/image.py, Keras 3.15. Both flips are always drawn, other
    parameters only if their range is not empty: one number more or less would change all later
    ones.
    """
    theta = _draw_symmetric(ranges.rotation_range, source) if ranges.rotation_range else 0
    tx = _draw_shift(ranges.height_shift_range, shape, ranges.row_axis, source)
    ty = _draw_shift(ranges.width_shift_range, shape, ranges.col_axis, source)
    shear = _draw_symmetric(ranges.shear_range, source) if ranges.shear_range else 0
    low, high = ranges.zoom_range
    zx, zy = (1, 1) if low == 1 and high == 1 else source.uniform(low, high, 2)
    flip_horizontal = (source.random() < 0.5) * ranges.horizontal_flip
    flip_vertical = (source.random() < 0.5) * ranges.vertical_flip
    channel_shift = ranges.channel_shift_range
    intensity = _draw_symmetric(channel_shift, source) if channel_shift != 0 else None
    bright = ranges.brightness_range
    return {
        "theta": theta,
        "tx": tx,
        "ty": ty,
        "shear": shear,
        "zx": zx,
        "zy": zy,
        "flip_horizontal": flip_horizontal,
        "flip_vertical": flip_vertical,
        "channel_shift_intensity": intensity,
        "brightness": None if bright is None else source.uniform(bright[0], bright[1]),
    }


def draw_batch(
    ranges: Ranges, shape: tuple[int, ...], source: RandomSource, count: int
) -> list[Parameters]:
    """Draws the parameters of several images: the same as ``draw_parameters`` for each in turn.

    All numbers are drawn by one call, unless a range is not a plain number.
    """
    limits = _list_limits(ranges)
    if limits is None:
        return [draw_parameters(ranges, shape, source) for _ in range(count)]
    lows, highs = zip(*limits.values(), strict=True)
    rows = source.uniform(lows, highs, (count, len(limits))).tolist()
    theta, tx, ty, shear, zx, zy, horizontal, vertical, intensity, brightness = (
        list(limits).index(name) if name in limits else None for name in _ORDER
    )
    height = _shift_unit(ranges.height_shift_range, shape, ranges.row_axis)
    width = _shift_unit(ranges.width_shift_range, shape, ranges.col_axis)
    flips_cols, flips_rows = ranges.horizontal_flip, ranges.vertical_flip
    return [
        {
            "theta": 0 if theta is None else row[theta],
            "tx": 0 if tx is None else row[tx] * height,
            "ty": 0 if ty is None else row[ty] * width,
            "shear": 0 if shear is None else row[shear],
            "zx": 1 if zx is None else row[zx],
            "zy": 1 if zy is None else row[zy],
            "flip_horizontal": (row[horizontal] < 0.5) * flips_cols,
            "flip_vertical": (row[vertical] < 0.5) * flips_rows,
            "channel_shift_intensity": None if intensity is None else row[intensity],
            "brightness": None if brightness is None else row[brightness],
        }
        for row in rows
    ]


def draw_flips(
    ranges: Ranges, shape: tuple[int, ...], source: RandomSource, count: int
) -> list[tuple[int, ...]]:
    """Draws the axes along which each of several images is flipped, if ``only_flips(ranges)``."""
    wanted = ranges.horizontal_flip, ranges.vertical_flip
    is_usual = all(type(one) in (bool, int) for one in wanted) and all(
        type(limit) in (int, float) for limit in _list_affine_ranges(ranges)
    )
    if is_usual:
        numbers = source.random((count, 2))  # no other parameter is drawn
        if not any(wanted):
            return [()] * count
        flips = ((numbers < 0.5) * wanted).tolist()
    else:
        drawn = draw_batch(ranges, shape, source, count)
        flips = [(each["flip_horizontal"], each["flip_vertical"]) for each in drawn]
    cols, rows = (ranges.col_axis - 1,), (ranges.row_axis - 1,)
    return [
        (cols if is_mirrored else ()) + (rows if is_upside_down else ())
        for is_mirrored, is_upside_down in flips
    ]


# The parameters, in the order in which they are drawn.
_ORDER = (
    "theta",
    "tx",
    "ty",
    "shear",
    "zx",
    "zy",
    "horizontal",
    "vertical",
    "intensity",
    "brightness",
)


def _list_limits(ranges: Ranges) -> dict[str, tuple[float, ...]] | None:
    """Returns the limits of each parameter that is drawn; None: drawing depends on their types."""
    shifts = ranges.height_shift_range, ranges.width_shift_range
    symmetric = {
        "theta": ranges.rotation_range,
        "tx": shifts[0],
        "ty": shifts[1],
        "shear": ranges.shear_range,
        "intensity": ranges.channel_shift_range,
    }
    low, high = ranges.zoom_range
    bright = () if ranges.brightness_range is None else tuple(ranges.brightness_range[:2])
    values = (*symmetric.values(), low, high, *bright)
    if not all(type(value) in (int, float) and math.isfinite(value) for value in values):
        return None
    if any(shift and type(shift) is int for shift in shifts):
        return None  # one of range(shift)
    limits: dict[str, tuple[float, ...]] = {
        name: (-limit, limit) for name, limit in symmetric.items() if limit
    }
    limits |= {"horizontal": (0, 1), "vertical": (0, 1)}
    if low != 1 or high != 1:
        limits |= {"zx": (low, high), "zy": (low, high)}
    if bright:
        limits["brightness"] = bright
    return {name: limits[name] for name in _ORDER if name in limits}


def _shift_unit(limit: Any, shape: tuple[int, ...], axis: int) -> int:
    return shape[axis - 1] if limit < 1 else 1


def only_flips(ranges: Ranges) -> bool:
    """Returns whether no image is changed, except that it is flipped."""
    return not (
        any(
            limit != 0 if type(limit) in (int, float) else np.any(limit)
            for limit in _list_affine_ranges(ranges)
        )
        or tuple(ranges.zoom_range) != (1, 1)
        or ranges.channel_shift_range != 0
        or ranges.brightness_range is not None
    )


def _list_affine_ranges(ranges: Ranges) -> tuple[Any, ...]:
    shifts = ranges.height_shift_range, ranges.width_shift_range
    return (ranges.rotation_range, *shifts, ranges.shear_range)


def _draw_symmetric(limit: Any, source: RandomSource) -> Any:
    return source.uniform(-limit, limit)


def _draw_shift(limit: Any, shape: tuple[int, ...], axis: int, source: RandomSource) -> Any:
    if not limit:
        return 0
    try:
        # A list is the set of shifts; a whole number n stands for range(n).
        shift = source.choice(limit)
        shift *= source.choice([-1, 1])
    except ValueError:
        shift = _draw_symmetric(limit, source)
    return shift * shape[axis - 1] if np.max(limit) < 1 else shift


def check_zoom_range(zoom_range: Any) -> list[float]:
    """Returns ``zoom_range`` as two factors.

    Raises:
        ValueError: It is neither a number nor two.
    """
    if isinstance(zoom_range, float | int):
        return [1 - zoom_range, 1 + zoom_range]
    text = f"zoom_range={shorten(zoom_range)} must be a float, or two floats (low, high)."
    if not hasattr(zoom_range, "__len__"):
        raise OptionTypeError(text)
    if len(zoom_range) == 2 and all(isinstance(factor, float | int) for factor in zoom_range):
        return list(zoom_range)
    raise ValueError(text)


class _NoEntropy(np.random.bit_generator.ISeedSequence):
    """The seed of a state that is seeded next; to gather entropy for it takes 40 µs."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return np.zeros(n_words, dtype)


_NO_ENTROPY: Any = _NoEntropy()  # NumPy's own annotations forbid it


def seed_state(seed: Any) -> np.random.RandomState:
    """Returns ``np.random.RandomState(seed)``, made in a third of the time."""
    state = np.random.RandomState(np.random.MT19937(_NO_ENTROPY))
    state.seed(seed)
    return state


@contextmanager
def as_global_state(source: RandomSource) -> Iterator[None]:
    """Makes code that draws from ``np.random`` draw from ``source`` inside the context.

    Afterwards the global state is restored, and ``source`` has advanced. NumPy has one global state
    for all threads, so only one thread at a time may replace it. If another thread takes very long,
    it may be waiting for this thread: this one then continues, with a warning.
    """
    if source is np.random:
        yield
        return
    lock = _global_state_lock
    is_locked = lock.acquire(timeout=_TIMEOUT)
    if not is_locked:
        warnings.warn(
            "Another thread has been drawing from np.random on behalf of an iterator for "
            f"{_TIMEOUT} s. This thread no longer waits for it; its random numbers may not be "
            "reproducible.",
            ImggenWarning,
            stacklevel=2,
        )
    before = np.random.get_state()
    np.random.set_state(source.get_state())
    try:
        yield
    finally:
        source.set_state(np.random.get_state())
        np.random.set_state(before)
        if is_locked:
            lock.release()


_global_state_lock = threading.RLock()
_TIMEOUT = 20  # seconds


def _replace_lock() -> None:
    global _global_state_lock
    _global_state_lock = threading.RLock()


# In a forked process, the thread that held the lock does not exist and cannot release it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_lock)


def is_same_state(one: Any, other: Any) -> bool:
    """Returns whether two results of ``get_state`` are equal."""
    return bool(one[2:] == other[2:] and one[0] == other[0] and np.array_equal(one[1], other[1]))
