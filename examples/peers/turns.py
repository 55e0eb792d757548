"""Contenders in separate processes that take turns."""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from typing import Any

from peers.contenders import CLOSE, Epoch, Job
from peers.works import Contender, Rates, Work, works

_SCRIPT = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "benchmark_peers.py"
)
REPORTED = ("imggen", "keras", "tensorflow", "torch", "grain", "nvidia.dali", "ffcv", "numpy")
REPORTED += ("scipy", "cv2", "PIL", "albumentations", "torchvision")


def measure_rate(epoch: Epoch, seconds: float) -> float:
    """Measures images per second over whole epochs, for at least ``seconds``."""
    started, images = time.perf_counter(), 0
    while True:
        images += epoch()
        elapsed = time.perf_counter() - started
        if elapsed >= seconds:
            return images / elapsed


def versions() -> dict[str, str]:
    """Returns the versions of the packages that this process has imported."""
    found = {"Python": platform.python_version()}
    for name in REPORTED:
        if name in sys.modules:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:  # the distribution has another name
                found[name] = sys.modules[name].__version__
    return found


def serve(work: str, name: str, job: Job) -> None:
    """Takes a turn per line of standard input, and answers each with a line of JSON.

    A line names the row to measure; an empty one stands for all.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of libraries must not mix with the answers

    def answer(**message: Any) -> None:
        print(json.dumps(message), file=answers, flush=True)

    contender = next(one for one in works(job.cores)[work].contenders if one.name == name)
    try:
        made = contender.make(job)
        rows = made if isinstance(made, dict) else {"": made}
        epochs = {f"{name}: {row}" if row else name: epoch for row, epoch in rows.items()}
        answer(versions=versions(), rows=list(epochs))
        for line in sys.stdin:
            rates = {}
            for row, epoch in epochs.items():
                if line.strip() not in ("", row):
                    continue
                if row.endswith(CLOSE):
                    epoch()
                else:
                    rates[row] = measure_rate(epoch, job.seconds)
            answer(rates=rates)
    except ImportError as err:
        answer(problem=f"missing: {err.name} ({err})")
    except Exception as err:  # noqa: BLE001 - peers raise any type
        traceback.print_exc()
        answer(problem=f"failed: {type(err).__name__}: {err}")


class Child:
    """A contender in its own process, stopped while others take their turn.

    Args:
        work: The name of the work.
        contender: The contender.
        job: Its options.
        python: The Python interpreter.
        timeout: The maximum duration of a turn in seconds.
    """

    def __init__(
        self, work: str, contender: Contender, job: Job, python: str, timeout: float
    ) -> None:
        self.contender = contender
        self.problem = ""
        self.rows: list[str] = []
        self._timeout = timeout
        self._log = tempfile.TemporaryFile("w+", dir=job.scratch)  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603 - this script
            [
                *(python, _SCRIPT, "--contender", work, contender.name),
                json.dumps(dataclasses.asdict(job)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "TF_CPP_MIN_LOG_LEVEL": "2"},
            # Not a new session: if this process is killed, the system ends the stopped processes.
            **({"process_group": 0} if hasattr(os, "killpg") else {}),
        )

    def ready(self) -> dict[str, str]:
        """Waits until the contender is ready; returns the versions of its packages."""
        answer = self._answer()
        self.rows = answer.get("rows", [])
        return answer.get("versions", {})

    def turn(self, row: str = "") -> Rates:
        """Lets the contender take its turn at one row or all; returns no rates if it failed."""
        self._signal("SIGCONT")
        try:
            self._process.stdin.write(f"{row}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the process has ended; the answer reports it
        return self._answer().get("rates", {})

    def close(self) -> None:
        """Ends the process and its children."""
        self._signal("SIGKILL")
        self._process.communicate()
        self._log.close()

    def _answer(self) -> dict[str, Any]:
        late = threading.Timer(self._timeout, self._signal, ["SIGKILL"])
        late.start()
        line = self._process.stdout.readline()
        late.cancel()
        answer: dict[str, Any] = {
            "problem": "failed: the process ended or timed out without an answer"
        }
        if line:
            answer = json.loads(line)
        self._signal("SIGSTOP")
        self.problem = " ".join(answer.get("problem", "").split())
        if self.problem:
            print(f"{self.contender.name}: {self.problem}", file=sys.stderr)
        if self.problem.startswith("failed"):
            self._log.seek(0)
            print(self._log.read()[-3000:], file=sys.stderr)
        return answer

    def _signal(self, name: str) -> None:
        """Signals the process and its children; on Windows it can only be killed."""
        if self._process.poll() is None and hasattr(os, "killpg"):
            os.killpg(self._process.pid, getattr(signal, name))
        elif name == "SIGKILL":
            self._process.kill()


@dataclasses.dataclass
class Row:
    """A row of a table, and a bar of the chart."""

    name: str
    contender: Contender
    rates: list[float] = dataclasses.field(default_factory=list)
    ratios: list[float] = dataclasses.field(default_factory=list)
    problem: str = ""

    @property
    def cells(self) -> tuple[str, str, str]:
        """The median rate, its range, and the ratio, as text."""
        if self.problem:
            return self.problem.replace("|", "/")[:160], "", ""
        low, high = format_number(min(self.rates)), format_number(max(self.rates))
        ratio = f"{statistics.median(self.ratios):.2f}" if self.ratios else ""
        return format_number(statistics.median(self.rates)), f"{low} to {high}", ratio


def format_number(value: float) -> str:
    """Formats a number with at least three digits and with commas."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def measure(
    name: str, job: Job, args: argparse.Namespace, used: dict[str, set[str]]
) -> tuple[Work, list[Row]]:
    """Lets all contenders of a work take turns, after a round that is not counted."""
    work = works(job.cores)[name]
    pythons = dict(args.python)
    rounds: list[Rates] = []
    children: list[Child] = []
    by_child: dict[str, list[str]] = {}
    try:
        for contender in work.contenders:
            python = pythons.get(contender.peer, sys.executable)
            children.append(Child(name, contender, job, python, args.timeout))
        for child in children:
            for package, version in child.ready().items():
                used.setdefault(package, set()).add(version)
        for done in range(args.rounds + 1):
            print(f"{name}: round {done} of {args.rounds}", file=sys.stderr)
            rates: Rates = {}
            first = done % len(children)
            in_turn = children[first:] + children[:first]
            num_turns = max(len(child.rows) for child in children) if work.row_by_row else 1
            for number in range(num_turns):
                for child in in_turn:
                    if not child.problem:
                        served = child.turn(child.rows[number] if work.row_by_row else "")
                        rates |= served
                        rows_of = by_child.setdefault(child.contender.name, [])
                        rows_of += [name for name in served if name not in rows_of]
            if done > 0:
                rounds.append(rates)
    finally:
        for child in children:
            child.close()
    rows = []
    for child in children:
        names = by_child.get(child.contender.name) or [child.contender.name]
        for row_name in names:
            row = Row(row_name, child.contender, problem=child.problem)
            for rates in rounds:
                reference = work.reference(row_name, rates)
                if row_name in rates:
                    row.rates.append(rates[row_name])
                    row.ratios += [rates[row_name] / reference] if reference else []
            rows.append(row)
    return work, rows
