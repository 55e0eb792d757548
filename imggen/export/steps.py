"""A plan carried out: each step at once or not at all, and none twice."""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from imggen.core import (
    absolute_link,
    copy_file,
    format_bytes,
    hardlink_file,
    is_same_file,
    move_file,
    move_link,
    resolve_parent,
    resolve_parents,
    size_and_mtime,
    symlink_file,
)
from imggen.errors import ExportError
from imggen.export.journal import remove_scratch, scratch_folder
from imggen.export.plan import Plan, Step
from imggen.workers import Progress, ThreadMap

_DOING = {"copy": "copying", "move": "moving", "symlink": "linking", "hardlink": "linking"}


@final
@dataclass
class Outcome:
    """What did not go as planned.

    Attributes:
        vanished: Sources of files that were there when the plan was made and are gone.
        changed: Sources of files that have changed since, and were taken as they are now.
    """

    vanished: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def check_possible(plan: Plan) -> None:
    """Refuses to start what cannot end.

    Raises:
        ExportError: There is no room, or no link from one file system to another.
    """
    _check_devices(plan)
    _check_room(plan)


def carry_out(plan: Plan, progress: Progress | None = None) -> Outcome:
    """Does all steps that are not done yet.

    What is done already is seen from the files themselves, so a plan can be carried out again
    after an interruption of any kind.

    Raises:
        ExportError: A step fails for a reason that others would fail for too: a full disk, say.
    """
    worker = _Worker(plan, plan.target)
    # Only copies take long enough to be worth several threads.
    threads = ThreadMap(None if plan.mode == "copy" else 1)
    work = threads.imap_with_progress(_DOING[plan.mode], worker.do, plan.steps, progress)
    return _carry(worker, plan.folders(), work, [step.target for step in plan.steps])


def carry_back(plan: Plan, progress: Progress | None = None) -> Outcome:
    """Brings every file that was moved back to where it was.

    Raises:
        ExportError: As ``carry_out``.
    """
    worker = _Worker(plan, plan.source)
    goals = [step.source for step in plan.steps]
    work = ThreadMap(1).imap_with_progress("moving back", worker.undo, plan.steps, progress)
    return _carry(worker, sorted(set(map(os.path.dirname, goals))), work, goals)


def _carry(worker: _Worker, folders: list[str], work: Iterator[None], goals: list[str]) -> Outcome:
    """Makes the folders that files go to, and does the work."""
    try:
        for folder in folders:
            os.makedirs(os.path.join(worker.place, folder), exist_ok=True)
        os.makedirs(worker.scratch, exist_ok=True)
        for _ in work:
            pass
    except OSError as err:
        raise _stopped(worker.place, err, goals) from err
    finally:
        remove_scratch(worker.place)
    return worker.outcome()


@final
class _Worker:
    """Does single steps; safe to call from several threads."""

    def __init__(self, plan: Plan, place: str) -> None:
        self.place = place
        # Of each run its own: a thread of one that was interrupted may be at work still.
        self.scratch = os.path.join(scratch_folder(place), secrets.token_hex(4))
        self._plan = plan
        self._numbers = itertools.count()
        self._vanished: list[str] = []
        self._changed: list[str] = []
        # By names without links on the way, as different links may lead to one.
        self._goal_of: dict[str, str] = {}
        if any(step.link is not None for step in plan.steps):
            places = resolve_parents(os.path.join(plan.source, step.source) for step in plan.steps)
            goals = (os.path.join(plan.target, step.target) for step in plan.steps)
            self._goal_of = dict(zip(places, goals, strict=True))

    def outcome(self) -> Outcome:
        return Outcome(sorted(self._vanished), sorted(self._changed))

    def do(self, step: Step) -> None:
        source = os.path.join(self._plan.source, step.source)
        target = os.path.join(self._plan.target, step.target)
        try:
            if self._plan.mode == "move":
                self._move(source, target, step, step.link, self._moved_link(source, step.link))
            elif self._plan.mode == "copy":
                self._copy(source, target, step)
            elif self._plan.mode == "symlink":
                symlink_file(source, target)
            else:
                hardlink_file(source, target)
        except FileNotFoundError:
            if os.path.lexists(source) or not os.path.isdir(os.path.dirname(target)):
                raise
            self._vanished.append(step.source)

    def undo(self, step: Step) -> None:
        source = os.path.join(self._plan.source, step.source)
        target = os.path.join(self._plan.target, step.target)
        try:
            self._move(target, source, step, self._moved_link(source, step.link), step.link)
        except FileNotFoundError:
            if os.path.lexists(target):
                raise
            self._vanished.append(step.source)

    def _copy(self, source: str, target: str, step: Step) -> None:
        planned = (step.size, step.time)
        if os.path.lexists(target):
            now = size_and_mtime(source) if os.path.exists(source) else planned
            # Some file systems keep times less exactly.
            if size_and_mtime(target) not in (planned, now) and not is_same_file(source, target):
                raise FileExistsError(errno.EEXIST, "Somebody has changed it", target)
        elif copy_file(source, target, self._part()) != planned:
            self._changed.append(step.source)

    def _move(
        self, source: str, target: str, step: Step, link: str | None, link_there: str | None
    ) -> None:
        """Moves a file, or what holds ``link`` and is to hold ``link_there``."""
        holds = os.readlink(source) if os.path.islink(source) else None
        if link_there is not None and (holds == link or not os.path.lexists(source)):
            move_link(source, target, link_there)
            return
        if holds != link and os.path.lexists(source):
            # A file in place of a link, or a link that somebody has made since: moved as it is.
            self._changed.append(step.source)
            if holds is not None:
                move_link(source, target, absolute_link(source, holds))
                return
        elif not os.path.lexists(target) and size_and_mtime(source) != (step.size, step.time):
            self._changed.append(step.source)
        move_file(source, target, self._part())

    def _moved_link(self, source: str, link: str | None) -> str | None:
        """What a link holds once it and maybe its file are moved."""
        if link is None:
            return None
        leads_to = absolute_link(source, link)
        return self._goal_of.get(resolve_parent(leads_to), leads_to)

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
    """An estimate, since others write too."""
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
            f"{len(missing)} files take {format_bytes(sum(missing))}, and {plan.target!r} has "
            f"{format_bytes(free)} free. Make room, or use links."
        )


def _device(path: str) -> int:
    while not os.path.exists(path):  # emptied by a move, and removed
        path = os.path.dirname(path)
    return os.stat(path).st_dev


def _stopped(folder: str, err: OSError, goals: list[str]) -> ExportError:
    what = "The disk is full" if err.errno in (errno.ENOSPC, errno.EDQUOT) else str(err)
    done = sum(os.path.lexists(os.path.join(folder, goal)) for goal in goals)
    return ExportError(
        f"{what}: stopped when {done} of {len(goals)} files were in {folder!r}. Nothing is lost: "
        "mend the cause and run the same again, and it goes on from there."
    )
