"""A plan carried out: each step at once or not at all, and none twice."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from dataclasses import dataclass, field
from typing import final

from imggen.errors import ExportError
from imggen.export.journal import scratch_folder
from imggen.export.plan import Plan, Step
from imggen.threads import Progress, Threads
from imggen.transfer import (
    absolute_link,
    copy_file,
    hardlink_file,
    move_file,
    size_and_time,
    symlink_file,
)

_DOING = {"copy": "copying", "move": "moving", "symlink": "linking", "hardlink": "linking"}


@final
@dataclass
class Outcome:
    """What did not go as planned.

    Attributes:
        vanished: Files that were there when the plan was made and are gone; paths.
        changed: Files that have changed since, and were taken as they are now.
    """

    vanished: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def carry_out(plan: Plan, progress: Progress | None = None) -> Outcome:
    """Does all steps that are not done yet.

    What is done already is seen from the files themselves, so a plan can be carried out again
    after an interruption of any kind.

    Raises:
        ExportError: A step fails for a reason that others would fail for too: a full disk, say.
    """
    _check_devices(plan)
    _check_room(plan)
    worker = _Worker(plan, scratch_folder(plan.target))
    try:
        for folder in plan.folders():
            os.makedirs(os.path.join(plan.target, folder), exist_ok=True)
        os.makedirs(worker.scratch, exist_ok=True)
        # Only copies take long enough to be worth several threads.
        threads = Threads(None if plan.mode == "copy" else 1)
        for _ in threads.each(_DOING[plan.mode], worker.do, plan.steps, progress):
            pass
    except OSError as err:
        places = [os.path.join(plan.target, step.target) for step in plan.steps]
        raise _stopped(plan.target, err, places) from err
    finally:
        shutil.rmtree(worker.scratch, ignore_errors=True)
    return worker.outcome()


def carry_back(plan: Plan, progress: Progress | None = None) -> Outcome:
    """Brings every file that was moved back to where it was.

    Raises:
        ExportError: As ``carry_out``.
    """
    worker = _Worker(plan, scratch_folder(plan.source))
    try:
        for folder in sorted({os.path.dirname(step.source) for step in plan.steps}):
            os.makedirs(os.path.join(plan.source, folder), exist_ok=True)
        os.makedirs(worker.scratch, exist_ok=True)
        for _ in Threads(1).each("moving back", worker.undo, plan.steps, progress):
            pass
    except OSError as err:
        places = [os.path.join(plan.source, step.source) for step in plan.steps]
        raise _stopped(plan.source, err, places) from err
    finally:
        shutil.rmtree(worker.scratch, ignore_errors=True)
    return worker.outcome()


@final
class _Worker:
    """Does single steps; safe to call from several threads."""

    def __init__(self, plan: Plan, scratch: str) -> None:
        self.scratch = scratch
        self._plan = plan
        self._numbers = itertools.count()
        self._vanished: list[str] = []
        self._changed: list[str] = []

    def outcome(self) -> Outcome:
        return Outcome(sorted(self._vanished), sorted(self._changed))

    def do(self, step: Step) -> None:
        source = os.path.join(self._plan.source, step.source)
        target = os.path.join(self._plan.target, step.target)
        try:
            if self._plan.mode == "move":
                link = None if step.link is None else absolute_link(source, step.link)
                self._move(source, target, step, link)
            elif self._plan.mode == "copy":
                self._copy(source, target, step)
            elif self._plan.mode == "symlink":
                symlink_file(source, target)
            else:
                hardlink_file(source, target)
        except FileNotFoundError:
            if os.path.lexists(source) or not os.path.isdir(os.path.dirname(target)):
                raise
            self._vanished.append(source)

    def undo(self, step: Step) -> None:
        source = os.path.join(self._plan.source, step.source)
        target = os.path.join(self._plan.target, step.target)
        try:
            self._move(target, source, step, step.link)
        except FileNotFoundError:
            if os.path.lexists(target):
                raise
            self._vanished.append(target)

    def _copy(self, source: str, target: str, step: Step) -> None:
        planned = (step.size, step.time)
        if os.path.lexists(target):
            now = size_and_time(source) if os.path.exists(source) else planned
            if size_and_time(target) in (planned, now):
                return
        if copy_file(source, target, self._part()) != planned:
            self._changed.append(source)

    def _move(self, source: str, target: str, step: Step, link: str | None) -> None:
        is_due = link is None and not os.path.lexists(target)
        if is_due and size_and_time(source) != (step.size, step.time):
            self._changed.append(source)
        move_file(source, target, self._part(), link)

    def _part(self) -> str:
        """Where a file may lie until it is complete."""
        return os.path.join(self.scratch, str(next(self._numbers)))


def _check_devices(plan: Plan) -> None:
    if plan.mode == "hardlink" and _device(plan.source) != _device(plan.target):
        raise ExportError(
            f"{plan.source!r} and {plan.target!r} are on different file systems, between which "
            'there are no hard links. Use mode="copy" or "symlink".'
        )


def _check_room(plan: Plan) -> None:
    """Refuses to start what cannot end; an estimate, since others write too."""
    if plan.mode not in ("copy", "move"):
        return
    if plan.mode == "move" and _device(plan.source) == _device(plan.target):
        return
    missing = [
        step.size
        for step in plan.steps
        if not os.path.lexists(os.path.join(plan.target, step.target))
    ]
    free = shutil.disk_usage(plan.target).free
    if sum(missing) > free:
        raise ExportError(
            f"{len(missing)} files take {sum(missing) / 2**20:,.1f} MiB, and {plan.target!r} has "
            f"{free / 2**20:,.1f} MiB free. Make room, or use links."
        )


def _device(path: str) -> int:
    return os.stat(path).st_dev


def _stopped(folder: str, err: OSError, places: list[str]) -> ExportError:
    what = "The disk is full" if err.errno in (errno.ENOSPC, errno.EDQUOT) else str(err)
    done = sum(map(os.path.lexists, places))
    return ExportError(
        f"{what}: stopped when {done} of {len(places)} files were in {folder!r}. Nothing is lost: "
        "mend the cause and run the same again, and it goes on from there."
    )
