"""Counts what a batch costs in calls and memory: the same on any machine, unlike seconds."""

from __future__ import annotations

import dis
import gc
import os
import sys
import tracemalloc
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import imggen

# The instructions that run the code of other objects, in the Python versions that have them.
_OPERATIONS = {
    dis.opmap[name]
    for name in (
        *("CALL", "CALL_KW", "CALL_FUNCTION_EX"),
        *("BINARY_OP", "BINARY_SUBSCR", "BINARY_SLICE", "STORE_SUBSCR", "STORE_SLICE"),
    )
    if name in dis.opmap
}
_PACKAGE = os.path.dirname(os.path.abspath(imggen.__file__)) + os.sep

_ALLOCATING = (_PACKAGE, os.path.dirname(os.path.abspath(np.__file__)) + os.sep)


class Cost(NamedTuple):
    """What a batch costs. All but ``batch_calls`` is what each further sample adds.

    Attributes:
        calls: Calls of Python functions and built-in functions.
        operations: Steps of imggen's code that run anything else: calls, also of types and of
            compiled functions, which ``calls`` does not see; subscripts; arithmetic.
        batch_calls: Calls that a batch of no samples would take.
        peak: Bytes at the peak, as multiples of an image.
        allocated: Bytes of all arrays of about the size of an image or more that were allocated,
            freed again or not, as multiples of an image.
    """

    calls: float
    operations: float
    batch_calls: float
    peak: float
    allocated: float


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

    sys.setprofile(on_event)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def count_bytes(function: Callable[[], object]) -> int:
    """Measures the largest number of bytes that were allocated at once during a call."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def count_operations(function: Callable[[], object]) -> int:
    """Counts the calls, subscripts and arithmetic that imggen's code executes in this thread.

    ``count_calls`` does not see types that are written in C, such as ``SeedSequence``, nor
    functions compiled by Cython, nor subscripts of arrays. The instructions have the same counts
    in Python 3.11 to 3.13, except for comprehensions, which are calls in 3.11.
    """
    count = 0

    def on_instruction(frame, event, _argument):
        nonlocal count
        if event == "opcode":
            code = frame.f_code.co_code
            count += code[frame.f_lasti] in _OPERATIONS
        return on_instruction

    def on_call(frame, _event, _argument):
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return on_instruction

    before = sys.gettrace()  # a debugger's, or that of coverage
    # Python 3.12 reports instructions from the next settrace() on after a frame asked for them.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(on_call)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def count_allocated(function: Callable[[], object], least: int) -> int:
    """Measures the bytes of all allocations of at least ``least`` bytes, freed again or not.

    Counts what imggen and NumPy allocate; other libraries differ between their versions. Looks
    whenever a function is called or returns, so of several allocations between, those count that
    were there at once.
    """
    total = known = 0

    def on_event(frame, event, _argument) -> None:
        nonlocal total, known
        current, peak = tracemalloc.get_traced_memory()
        if peak - known >= least:
            by = frame.f_back if event == "call" else frame
            if by is not None and by.f_code.co_filename.startswith(_ALLOCATING):
                total += peak - known
        tracemalloc.reset_peak()
        known = current

    tracemalloc.start()
    sys.setprofile(on_event)
    try:
        function()
    finally:
        sys.setprofile(None)
        tracemalloc.stop()
    return total


def measure_cost(make: Callable[[int], Callable[[], object]], image_bytes: int) -> Cost:
    """Measures batches of two sizes.

    Args:
        make: Returns a function that makes one batch of a number of samples.
        image_bytes: The bytes of an image as uint8.
    """
    few, many = 8, 16
    rows = []
    for size in (few, many):
        function = make(size)
        function()  # the first call imports, and fills what is kept
        gc.collect()
        gc.disable()  # finalizers are calls too
        try:
            rows.append(
                (
                    count_calls(function),
                    count_operations(function),
                    count_bytes(function) / image_bytes,
                    count_allocated(function, image_bytes // 2) / image_bytes,
                )
            )
        finally:
            gc.enable()
    calls, operations, peak, allocated = (
        (more - less) / (many - few) for less, more in zip(*rows, strict=True)
    )
    return Cost(calls, operations, rows[0][0] - few * calls, peak, allocated)
