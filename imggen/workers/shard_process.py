"""A process of this machine that calls a function for shards, one at a time."""

from __future__ import annotations

import multiprocessing.spawn
import os
import pickle
import queue
import signal
import sys
import threading
from typing import Any, BinaryIO, final

from imggen.workers.shard_calls import call_packed, pack_failure

# The bytes that the process writes once it can answer.
READY = b"imggen\n"

_STDOUT, _STDERR = 1, 2


@final
class _MainScript:
    """Whether this process is importing the main script of its parent."""

    def __init__(self) -> None:
        self.is_importing = False


MAIN_SCRIPT = _MainScript()


def main() -> None:
    """Answers requests, each a shard, until stdin is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    # The function may print, which must not come between answers.
    answers = os.fdopen(os.dup(_STDOUT), "wb")
    os.dup2(_STDERR, _STDOUT)
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    answers.write(READY)
    answers.flush()
    function, preparation = requests.get()
    error = _import_main_script(preparation)
    while True:
        shard = requests.get()
        pickle.dump(error or call_packed(function, shard, pickle.dumps), answers)
        answers.flush()


def _read(stdin: BinaryIO, requests: queue.SimpleQueue[Any]) -> None:
    """Reads requests; ends the process, whatever it is doing, once its parent has ended."""
    while True:
        try:
            requests.put(pickle.load(stdin))
        except (EOFError, pickle.UnpicklingError, OSError):
            os._exit(1)


def _import_main_script(preparation: dict[str, Any] | None) -> bytes | None:
    """Imports the main script of the parent, where functions of it are called.

    Returns:
        The answer to each request if it cannot be imported.
    """
    if preparation is None:
        return None
    MAIN_SCRIPT.is_importing = True
    try:
        multiprocessing.spawn.prepare(preparation)
    except BaseException as err:  # noqa: BLE001 - raised where the answer is read
        return pack_failure(
            f"A worker process cannot import the main script: {type(err).__name__}: {err}. Put "
            'code that starts work under: if __name__ == "__main__":, or define the function in a '
            "module."
        )
    finally:
        MAIN_SCRIPT.is_importing = False
    return None
