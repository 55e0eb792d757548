"""Exit guard: the process does not exit while another thread is making a batch.

TensorFlow calls Python from threads of its own, which Python does not join. A thread that is in
Python code when the interpreter shuts down never returns, TensorFlow waits for it, and the process
hangs: after Ctrl-C during ``fit``, for example.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from imggen.errors import WorkerError
from imggen.workers.fork_safety import register_after_fork

# A user's function may never return; exiting must not depend on it for longer than this.
_MAX_WAIT = 30.0  # seconds
# TensorFlow asks for batches until it is refused; each refusal takes it much less time than this,
# on a busy machine, too.
_QUIET = 0.5  # seconds


class ExitGuard:
    """Counts the batches that are made in threads other than the main one.

    Attributes:
        is_exiting: True once the process is about to exit; nothing more is made then.
    """

    def __init__(self) -> None:
        self.is_exiting = False
        self._was_used = False
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Starts over: in a forked process, the other threads do not exist."""
        self._condition = threading.Condition()
        self._num_active = 0
        self._last_request = 0.0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Delays the exit of the process until the context is left; for threads but the main one.

        Raises:
            WorkerError: The process is exiting.
        """
        if threading.get_ident() == threading.main_thread().ident:
            yield
            return
        with self._condition:
            self._was_used = True
            self._last_request = time.monotonic()
            self.check()
            self._num_active += 1
        try:
            yield
        finally:
            with self._condition:
                self._num_active -= 1
                self._last_request = time.monotonic()
                self._condition.notify_all()

    def check(self) -> None:
        """Stops the making of a batch when the process is exiting; call it once in a while.

        Raises:
            WorkerError: The process is exiting.
        """
        if self.is_exiting:
            raise WorkerError("The process is exiting, so this batch is not made.")

    def wait(self) -> None:
        """Refuses further batches, and waits until no thread is making one."""
        self.is_exiting = True
        if not self._was_used:
            return
        deadline = time.monotonic() + _MAX_WAIT
        with self._condition:
            while (now := time.monotonic()) < deadline:
                quiet_at = self._last_request + _QUIET
                if self._num_active == 0 and now >= quiet_at:
                    return
                self._condition.wait(deadline - now if self._num_active else quiet_at - now)


EXIT_GUARD = ExitGuard()
atexit.register(EXIT_GUARD.wait)
