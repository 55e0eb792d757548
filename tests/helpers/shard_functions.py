"""Functions for shards, at the top level of a module, so that worker processes can import them."""

import os
import signal
import threading
import time
from pathlib import Path


def square(number):
    return number * number


def process_id(shard):
    time.sleep(0.05)  # so that each process gets some
    return os.getpid()


def fail_from_three(number):
    if number >= 3:
        # The last fails first.
        time.sleep(0.2 / number)
        raise ValueError(f"{number} is too large")
    return number


def end_process(shard):
    """Kills the process that makes shard 1: each time, or at the first time in a folder."""
    number, folder = shard
    if number == 1:
        mark = folder and Path(folder, "killed")
        if not mark or not mark.exists():
            if mark:
                mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return number


def unusual(kind):
    if kind == "lock":
        return threading.Lock()
    if kind == "exit":
        raise SystemExit(3)
    if kind == "error":
        raise UnusualError(1, 2)
    print("printed")
    return kind


class UnusualError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")
