"""The process that decodes files with OpenCV, whose decoders write warnings to stderr only.

In a process of its own, each line on stderr belongs to the one file that is being decoded, the
user's stderr stays as it is, and a file that ends the decoder's process ends nothing else.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable
from typing import Any, final

# The bytes that the process writes once it can answer.
READY = b"imggen\n"

_STDERR = 2


@final
class Messages:
    """Reads the lines that are written to stderr, which must be a file of this process alone."""

    def __call__(self) -> list[str]:
        """Returns the lines since the last call."""
        length = os.lseek(_STDERR, 0, os.SEEK_CUR)
        if length == 0:
            return []
        os.lseek(_STDERR, 0, os.SEEK_SET)
        text = os.read(_STDERR, length).decode("utf-8", "replace")
        os.lseek(_STDERR, 0, os.SEEK_SET)
        os.ftruncate(_STDERR, 0)
        return [line.strip() for line in text.splitlines() if line.strip()]


def main() -> None:
    """Answers requests, each the name of a check and a path, until stdin is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent closes stdin
    from imggen.quality.witnesses.decoder_checks import CHECKS

    read_messages = Messages()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(READY)
    answers.flush()
    while True:
        try:
            name, path = pickle.load(requests)
        except EOFError:
            return
        pickle.dump(_answer(CHECKS[name], path, read_messages), answers)
        answers.flush()


def _answer(
    check: Callable[[str, Callable[[], list[str]]], Any],
    path: str,
    read_messages: Callable[[], list[str]],
) -> Any:
    try:
        return check(path, read_messages)
    except Exception as err:  # noqa: BLE001 - raised again where the answer is read
        return err
