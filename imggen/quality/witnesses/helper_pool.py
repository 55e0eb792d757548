"""The helper processes that decode files: started on demand, one per thread that asks."""

from __future__ import annotations

import contextlib
import pickle
import queue
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Any, final

from imggen.quality.witnesses.helper_process import READY

_CODE = """\
import sys
sys.path[:] = {path!r}
from imggen.quality.witnesses.helper_process import main
main()
"""


class HelperDiedError(Exception):
    """The process that decoded a file has ended."""


@final
class HelperPool:
    """Processes that check files with OpenCV's decoders. A context manager, which ends them.

    Any number of threads may use it; each waits for a process of its own. Where no process can be
    started, as in programs frozen by PyInstaller, this process decodes the files: decoders write
    their warnings to its stderr, where nothing reads them.

    Attributes:
        start_error: Why no process can be started; empty if that has not been met.
    """

    def __init__(self) -> None:
        self._idle: queue.SimpleQueue[_Helper] = queue.SimpleQueue()
        self._is_closed = False
        self.start_error = ""

    def __enter__(self) -> HelperPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, check: str, path: str) -> Any:
        """Returns the result of a check of ``decoder_checks`` for the file.

        Raises:
            HelperDiedError: Decoding the file ends the process, twice.
            Exception: Same as the check.
        """
        try:
            answer = self._ask_once(check, path)
        except HelperDiedError:  # perhaps another program ended it
            answer = self._ask_once(check, path)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _ask_once(self, check: str, path: str) -> Any:
        if self.start_error:
            return _check_here(check, path)
        try:
            helper = self._idle.get_nowait()
        except queue.Empty:
            try:
                helper = _Helper()
            except _StartError as err:
                self.start_error = str(err)
                return _check_here(check, path)
        try:
            answer = helper.ask(check, path)
        except BaseException:  # an interrupted one has an answer on its way
            helper.close()
            raise
        self._idle.put(helper)
        if self._is_closed:  # meanwhile, after an error elsewhere
            self.close()
        return answer

    def close(self) -> None:
        """Ends all processes; one that is at work ends when it is done."""
        self._is_closed = True
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return


def _check_here(check: str, path: str) -> Any:
    from imggen.quality.witnesses.decoder_checks import CHECKS

    return CHECKS[check](path, list)


class _StartError(Exception):
    """No process that decodes files can be started."""


@final
class _Helper:
    """One process.

    Raises:
        _StartError: It cannot be started.
    """

    def __init__(self) -> None:
        if getattr(sys, "frozen", False) or not sys.executable:
            raise _StartError("this program is not run by a Python interpreter of its own")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        try:
            self._process = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
                [sys.executable, "-c", _CODE.format(path=sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        except OSError as err:
            self._errors.close()
            raise _StartError(str(err)) from err
        self._requests: Any = self._process.stdin
        self._answers: Any = self._process.stdout
        # Programs that embed Python may name themselves as the interpreter.
        if not self._is_ready():
            self.close()
            raise _StartError(f"{sys.executable!r} does not run Python code")

    def _is_ready(self) -> bool:
        """Waits for the process; returns whether it answers requests."""
        return bool(self._answers.read(len(READY)) == READY)

    def ask(self, check: str, path: str) -> Any:
        try:
            pickle.dump((check, path), self._requests)
            self._requests.flush()
            return pickle.load(self._answers)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as err:
            code = self._process.wait()
            raise HelperDiedError(f"the process that decoded it ended with status {code}") from err

    def close(self) -> None:
        for stream in (self._requests, self._answers):
            with contextlib.suppress(OSError):  # it has ended
                stream.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()
