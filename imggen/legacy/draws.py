"""Random parameters as Keras's class draws them: the same numbers, in the same order."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from imggen.errors import ImggenWarning

# Where the numbers come from: the module ``np.random``, whose functions share one global state, or
# a RandomState of one's own with functions of the same names.
Source = Any

Parameters = dict[str, Any]


class Ranges(Protocol):
    """The arguments of an ImageDataGenerator that decide what is drawn."""

    rotation_range: Any
    width_shift_range: Any
    height_shift_range: Any
    shear_range: Any
    zoom_range: Any
    horizontal_flip: Any
    vertical_flip: Any
    channel_shift_range: Any
    brightness_range: Any


def draw_parameters(ranges: Ranges, height: int, width: int, source: Source) -> Parameters:
    """Draws the parameters of one image's transformation.

    Args:
        ranges: What may be drawn.
        height: Of the image, in pixels; shifts below 1 are fractions of it.
        width: As ``height``.
        source: Where the numbers come from.

    Returns:
        What ``ImageDataGenerator.apply_transform`` takes.

    Source: keras/src/legacy/preprocessing/image.py, Keras 3.15. Both flips are always drawn, all
    else only where its range is not empty: one number more or less would change all that follow.
    """
    theta = _within(ranges.rotation_range, source) if ranges.rotation_range else 0
    tx = _shift(ranges.height_shift_range, height, source)
    ty = _shift(ranges.width_shift_range, width, source)
    shear = _within(ranges.shear_range, source) if ranges.shear_range else 0
    low, high = ranges.zoom_range
    zx, zy = (1, 1) if low == 1 and high == 1 else source.uniform(low, high, 2)
    flip_horizontal = (source.random() < 0.5) * ranges.horizontal_flip
    flip_vertical = (source.random() < 0.5) * ranges.vertical_flip
    channel_shift = ranges.channel_shift_range
    intensity = _within(channel_shift, source) if channel_shift != 0 else None
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


def _within(limit: Any, source: Source) -> Any:
    return source.uniform(-limit, limit)


def _shift(limit: Any, side: int, source: Source) -> Any:
    if not limit:
        return 0
    try:
        # A list holds the shifts to choose from; a whole number stands for range(limit).
        shift = source.choice(limit)
        shift *= source.choice([-1, 1])
    except ValueError:
        shift = _within(limit, source)
    return shift * side if np.max(limit) < 1 else shift


@contextmanager
def as_global_state(source: Source) -> Iterator[None]:
    """Lets code that draws from ``np.random`` draw from ``source``.

    Afterwards the global state is what it was, and ``source`` has moved on. NumPy has one state for
    all threads, so that one at a time may lend its own. Where that takes very long, the code that
    runs in between may be waiting for this very thread: it is then let through, with a warning.
    """
    if source is np.random:
        yield
        return
    lender = _lending
    is_ours = lender.acquire(timeout=_PATIENCE)
    if not is_ours:
        warnings.warn(
            "Another thread has been drawing from np.random in the name of an iterator for "
            f"{_PATIENCE} s. This one no longer waits for it; its numbers may not repeat.",
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
        if is_ours:
            lender.release()


_lending = threading.RLock()
_PATIENCE = 20  # seconds


def _renew() -> None:
    global _lending
    _lending = threading.RLock()


# The thread that held the lock when a process was forked is not there to release it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def same_state(one: Any, other: Any) -> bool:
    """Whether two results of ``get_state`` are the same."""
    return bool(one[2:] == other[2:] and one[0] == other[0] and np.array_equal(one[1], other[1]))
