"""Shards in processes of this machine. One that ends is replaced, and its shard is made again."""

from __future__ import annotations

import contextlib
import multiprocessing.spawn
import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, final

from imggen.errors import WorkerError
from imggen.workers.shard_calls import SetUpError
from imggen.workers.shard_process import MAIN_SCRIPT, READY

# As often as Ray.
MAX_RETRIES = 3

_CODE = """\
import sys
sys.path[:] = {path!r}
from imggen.workers.shard_calls import SetUpError
from imggen.workers.shard_process import main
main()
"""
_ENVIRONMENT = {"OPENCV_FOR_THREADS_NUM": "1"}  # there is a process per core
_UNUSED = "authkey"  # of multiprocessing's own queues, and not to be pickled


class _ProcessEndedError(Exception):
    """A process has ended instead of answering."""


@final
class ProcessTasks:
    """Calls a function for shards in processes; a context manager, which ends them.

    Unlike those of ``multiprocessing``, the processes import the main script only where a function
    of it is called, so that scripts
    need no ``if __name__ == "__main__":`` for functions of modules.

    Args:
        num_processes: The number of processes, which are started on demand.

    Raises:
        WorkerError: This is a program that cannot start Python, or such a process itself.
    """

    def __init__(self, num_processes: int) -> None:
        if MAIN_SCRIPT.is_importing:
            raise WorkerError(
                "The script that starts worker processes is imported by each of them, and would "
                "start more."
            )
        if getattr(sys, "frozen", False) or not sys.executable:
            raise WorkerError(
                "Worker processes need a Python interpreter, and this program is not run by one. "
                "Pass workers=0."
            )
        self.capacity = num_processes
        self._executor = ThreadPoolExecutor(num_processes, thread_name_prefix="imggen_shards")
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._all: list[_Process] = []
        self._is_closed = False

    def __enter__(self) -> ProcessTasks:
        return self

    def __exit__(self, *error: object) -> None:
        self._is_closed = True
        for process in list(self._all):
            process.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)
        for process in self._all:
            process.close()

    def dumps(self, value: Any) -> bytes:
        """Pickles a value; functions by name."""
        return pickle.dumps(value)

    def begin(self, function: bytes) -> None:
        """Sets the pickled function."""
        self._function = function

    def submit(self, shard: bytes) -> Future[bytes]:
        """Schedules the call for a pickled shard."""
        return self._executor.submit(self._ask, shard)

    def wait(self, futures: Iterable[Future[bytes]]) -> Iterable[Future[bytes]]:
        """Waits until some of the calls have ended, and returns these."""
        return wait(futures, return_when=FIRST_COMPLETED).done

    def answer(self, future: Future[bytes]) -> bytes:
        """Returns the answer of a call that has ended.

        Raises:
            WorkerError: The call ended its process, each time.
        """
        return future.result()

    def cancel(self, futures: Iterable[Future[bytes]]) -> None:
        """Cancels calls that have not begun."""
        for future in futures:
            future.cancel()

    def _ask(self, shard: bytes) -> bytes:
        for attempt in range(1 + MAX_RETRIES):
            try:
                process = self._idle.get_nowait()
            except queue.Empty:
                process = self._start(shard)
            try:
                answer = process.ask(shard)
            except _ProcessEndedError as err:
                process.close()
                self._all.remove(process)
                if self._is_closed or attempt == MAX_RETRIES:
                    raise WorkerError(
                        f"The worker process of this shard has ended {attempt + 1} times ({err}). "
                        "It may have run out of memory: use fewer workers or smaller shards. Or "
                        "one of its files ends the process: run with workers=0 to see it."
                    ) from err
            else:
                self._idle.put(process)
                return answer
        raise AssertionError

    def _start(self, shard: bytes) -> _Process:
        # Functions of the main script are pickled by this name.
        needs_main = b"__main__" in self._function or b"__main__" in shard
        process = _Process(self._function, _prepare() if needs_main else None)
        self._all.append(process)
        return process


def _prepare() -> dict[str, Any]:
    """Returns what a process needs to import the main script of this one."""
    preparation = multiprocessing.spawn.get_preparation_data("imggen")
    preparation.pop(_UNUSED, None)
    return preparation


@final
class _Process:
    """A process; ``ask`` waits until it has started."""

    def __init__(self, function: bytes, preparation: dict[str, Any] | None) -> None:
        self._opening: object = function, preparation  # sent once it has started
        self._process = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
            [sys.executable, "-c", _CODE.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ENVIRONMENT},
        )
        self._requests: Any = self._process.stdin
        self._answers: Any = self._process.stdout

    def ask(self, shard: bytes) -> bytes:
        if self._opening is not None:
            self._check_start()
            self._send(self._opening)
            self._opening = None
        self._send(shard)
        try:
            answer: bytes = pickle.load(self._answers)
        except (EOFError, OSError, pickle.UnpicklingError) as err:
            raise _ProcessEndedError(self._describe_end()) from err
        return answer

    def _check_start(self) -> None:
        if self._answers.read(len(READY)) != READY:
            raise SetUpError(
                f"Cannot start a worker process: {sys.executable!r} ended with status "
                f"{self._process.wait()}; see its messages above. Or pass workers=0."
            )

    def _send(self, request: object) -> None:
        try:
            pickle.dump(request, self._requests)
            self._requests.flush()
        except (OSError, ValueError) as err:
            raise _ProcessEndedError(self._describe_end()) from err

    def _describe_end(self) -> str:
        status = self._process.wait()
        return f"killed by signal {-status}" if status < 0 else f"exit status {status}"

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._requests, self._answers):
            with contextlib.suppress(OSError):  # what was not sent to it
                stream.close()
