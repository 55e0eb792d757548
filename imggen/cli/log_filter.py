"""Filter for the native standard error of a process: leaves out the log of TensorFlow.

Run as a process of its own, since a crash of the other one must not end it. Without the end marker,
the other process has crashed, and its log is shown after all.
"""

from __future__ import annotations

import re
import signal
import sys
from collections import deque
from typing import BinaryIO

END = b"\0end of the log\n"

_PLACE = rb"[\w./-]+:\d+\] "
_MESSAGES = re.compile(
    # Of abseil, and of TensorFlow before it used abseil: I is information, W is a warning.
    rb"[IW]\d{4} \d\d:\d\d:[\d.]+ +\d+ " + _PLACE + rb"|"
    rb"\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IW] " + _PLACE + rb"|"
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called|"
    rb"To enable the following instructions: |"
    # E is an error; these only say that there is no GPU, or that a library was found twice.
    rb"(?:E\d{4} |\d{4}-\d\d-\d\d )\S+:.*(?:cuInit|Unable to register cu\w+ factory|"
    rb"computation placer already registered)"
)


def filter_log(lines: BinaryIO, output: BinaryIO) -> None:
    """Copies lines to ``output`` until ``END``, except for messages of TensorFlow's log."""
    hidden: deque[bytes] = deque(maxlen=1000)
    for line in lines:
        if line.endswith(END):
            output.write(line.removesuffix(END))
            output.flush()
            return
        if _MESSAGES.match(line):
            hidden.append(line)
        else:
            output.write(line)
            output.flush()
    output.writelines(hidden)
    output.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process decides what Ctrl+C does
    filter_log(sys.stdin.buffer, sys.stderr.buffer)
