"""Hides the log of TensorFlow, which its native code writes to the standard error."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from imggen.cli import log_filter

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def hide_tensorflow_log() -> None:
    """Hides the log until the verb ends; to be called before TensorFlow is imported.

    It is shown if the user has asked for it by ``TF_CPP_MIN_LOG_LEVEL=0`` (all messages) or ``1``
    (warnings and errors), and if the process crashes.
    """
    if os.environ.setdefault(_LEVEL, "2") not in ("0", "1"):
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        click.get_current_context().find_root().with_resource(_filtered_stderr())


@contextmanager
def _filtered_stderr() -> Iterator[None]:
    """Filters what native code writes; Python's ``sys.stderr`` stays what it is.

    The level of TensorFlow's log does not apply to messages of its import.
    """
    stream = sys.stderr
    try:
        if stream.fileno() != 2:
            raise OSError
        process, pipe = _start_filter()
    except (OSError, AttributeError, ValueError):  # such as a stream without a file
        yield
        return
    stream.flush()
    real = os.dup(2)
    os.dup2(pipe, 2)
    os.close(pipe)
    sys.stderr = open(  # noqa: SIM115
        real, "w", encoding=stream.encoding, errors=stream.errors, buffering=1
    )
    try:
        yield
    finally:
        with suppress(OSError):
            os.write(2, log_filter.END)
        os.dup2(real, 2)
        sys.stderr.close()
        sys.stderr = stream
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


def _start_filter() -> tuple[subprocess.Popen[bytes], int]:
    """Starts the filter, and returns it with the file descriptor to write to."""
    reading, writing = os.pipe()
    try:
        command = [sys.executable, "-I", "-S", log_filter.__file__]
        return subprocess.Popen(command, stdin=reading), writing  # noqa: S603 - our own program
    except OSError:
        os.close(writing)
        raise
    finally:
        os.close(reading)
