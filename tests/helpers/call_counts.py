"""Counts what a batch costs in calls and memory: the same on any machine, unlike seconds."""

from __future__ import annotations

import gc
import os
import sys
import tracemalloc
from collections.abc import Callable
from typing import NamedTuple

import imggen

_PACKAGE = os.path.dirname(os.path.abspath(imggen.__file__)) + os.sep


class Cost(NamedTuple):
    """What a batch costs.

    Attributes:
        calls: Calls that each further sample adds.
        batch_calls: Calls that a batch of no samples would take.
        bytes: Bytes at the peak that each further sample adds.
    """

    calls: float
    batch_calls: float
    bytes: float


def count_calls(function: Callable[[], object]) -> int:
    """Counts the calls made by imggen's code, of Python and of C functions, in this thread.

    What libraries call inside differs between their versions, and is not counted. Calls of
    imggen's functions by others are.
    """
    count = 0

    def on_event(frame, event, _argument) -> None:
        nonlocal count
        if event == "c_call":
            count += frame.f_code.co_filename.startswith(_PACKAGE)
        elif event == "call":
            caller = frame.f_back
            count += frame.f_code.co_filename.startswith(_PACKAGE) or (
                caller is not None and caller.f_code.co_filename.startswith(_PACKAGE)
            )

    gc.collect()
    gc.disable()  # finalizers are calls too
    sys.setprofile(on_event)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def count_bytes(function: Callable[[], object]) -> int:
    """Measures the largest number of bytes that were allocated at once during a call."""
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def measure_cost(make: Callable[[int], Callable[[], object]]) -> Cost:
    """Measures batches of two sizes.

    Args:
        make: Returns a function that makes one batch of a number of samples.
    """
    few, many = 8, 16
    calls, peaks = [], []
    for size in (few, many):
        function = make(size)
        function()  # the first call imports, and fills what is kept
        calls.append(count_calls(function))
        peaks.append(count_bytes(function))
    slope = (calls[1] - calls[0]) / (many - few)
    return Cost(slope, calls[0] - few * slope, (peaks[1] - peaks[0]) / (many - few))
