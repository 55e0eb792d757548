"""The steps of a split carried out: each file copied, moved or linked, and moved back."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Collection
from typing import Literal, NamedTuple, final

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
from imggen.export.journal import Journal
from imggen.export.plan import KIND, Plan, Step
from imggen.workers import Progress, ThreadMap

_VERBS = {"copy": "copying", "move": "moving", "symlink": "linking", "hardlink": "linking"}

_Deviation = Literal["vanished", "changed"]


class Outcome(NamedTuple):
    """The deviations from a plan.

    Attributes:
        vanished: Sources of files that existed when the plan was made and are gone.
        changed: Sources of files that have changed since, and were taken as they are now.
    """

    vanished: list[str]
    changed: list[str]


def check_possible(plan: Plan) -> None:
    """Checks that a plan can be completed, before it is begun.

    Raises:
        ExportError: There is not enough space, or hard links would cross file systems.
    """
    _check_devices(plan)
    _check_space(plan)


def carry_out(plan: Plan, progress: Progress | None = None) -> Outcome:
    """Carries out all steps that are not done yet.

    Raises:
        ExportError: A link leads outside the source or the target; see ``Journal.carry_out``.
    """
    Journal(plan.source, KIND).check_folders({os.path.dirname(step.source) for step in plan.steps})
    deviations = plan.journal.carry_out(
        _VERBS[plan.mode],
        _Worker(plan).do,
        plan.steps,
        [step.target for step in plan.steps],
        folders=plan.folders(),
        # Only copies take long enough for several threads.
        threads=ThreadMap(None if plan.mode == "copy" else 1),
        progress=progress,
    )
    return _make_outcome(plan, deviations)


def carry_back(plan: Plan, progress: Progress | None = None) -> Outcome:
    """Moves every file back to its original place.

    Raises:
        ExportError: A link leads outside the source or the target; see ``Journal.carry_out``.
    """
    plan.journal.check_folders({os.path.dirname(step.target) for step in plan.steps})
    deviations = Journal(plan.source, KIND).carry_out(
        "moving back",
        _Worker(plan).undo,
        plan.steps,
        [step.source for step in plan.steps],
        threads=ThreadMap(1),
        progress=progress,
    )
    return _make_outcome(plan, deviations)


def _make_outcome(plan: Plan, deviations: Collection[_Deviation | None]) -> Outcome:
    sources = [step.source for step in plan.steps]
    found = list(zip(sources, deviations, strict=True))
    return Outcome(
        sorted(source for source, deviation in found if deviation == "vanished"),
        sorted(source for source, deviation in found if deviation == "changed"),
    )


@final
class _Worker:
    """Carries out single steps; safe to call from several threads."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._source, self._target = Journal(plan.source, KIND), plan.journal
        # By resolved folders, as different links may lead to one file.
        self._new_path: dict[str, str] = {}
        if any(step.link is not None for step in plan.steps):
            paths = resolve_parents(os.path.join(plan.source, step.source) for step in plan.steps)
            targets = (os.path.join(plan.target, step.target) for step in plan.steps)
            self._new_path = dict(zip(paths, targets, strict=True))

    def do(self, step: Step, temporary: str) -> _Deviation | None:
        source, target = self._source.locate(step.source), self._target.locate(step.target)
        try:
            if self._plan.mode == "move":
                new_link = self._retarget(source, step.link)
                return self._move(source, target, step, (step.link, new_link), temporary)
            if self._plan.mode == "copy":
                return self._copy(source, target, step, temporary)
            if self._plan.mode == "symlink":
                symlink_file(source, target)
            else:
                hardlink_file(source, target)
        except FileNotFoundError:
            if os.path.lexists(source) or not os.path.isdir(os.path.dirname(target)):
                raise
            return "vanished"
        return None

    def undo(self, step: Step, temporary: str) -> _Deviation | None:
        source, target = self._source.locate(step.source), self._target.locate(step.target)
        new_link = self._retarget(source, step.link)
        try:
            return self._move(target, source, step, (new_link, step.link), temporary)
        except FileNotFoundError:
            if os.path.lexists(target):
                raise
            return "vanished"

    def _copy(self, source: str, target: str, step: Step, temporary: str) -> _Deviation | None:
        planned = (step.size, step.mtime)
        if not os.path.lexists(target):
            return None if copy_file(source, target, temporary) == planned else "changed"
        now = size_and_mtime(source) if os.path.exists(source) else planned
        # Some file systems store times less precisely.
        if size_and_mtime(target) not in (planned, now) and not is_same_file(source, target):
            raise FileExistsError(errno.EEXIST, "The copy has been edited", target)
        return None

    def _move(
        self,
        source: str,
        target: str,
        step: Step,
        links: tuple[str | None, str | None],
        temporary: str,
    ) -> _Deviation | None:
        """Moves a file or, if ``links`` holds its old and new target, a symbolic link."""
        link, new_link = links
        found = os.readlink(source) if os.path.islink(source) else None
        is_changed = found != link and os.path.lexists(source)
        if new_link is not None and not is_changed:
            move_link(source, target, new_link)
            return None
        if is_changed and found is not None:  # a link that has been changed or created since
            move_link(source, target, absolute_link(source, found))
            return "changed"
        if not is_changed and not os.path.lexists(target):
            is_changed = size_and_mtime(source) != (step.size, step.mtime)
        move_file(source, target, temporary)
        return "changed" if is_changed else None

    def _retarget(self, source: str, link: str | None) -> str | None:
        """Returns the target of a link after the link and maybe its file have moved."""
        if link is None:
            return None
        path = absolute_link(source, link)
        return self._new_path.get(resolve_parent(path), path)


def _check_devices(plan: Plan) -> None:
    if plan.mode == "hardlink" and _device(plan.source) != _device(plan.target):
        raise ExportError(
            f"{plan.source!r} and {plan.target!r} are on different file systems, and hard "
            'links cannot cross them. Use mode="copy" or "symlink".'
        )


def _check_space(plan: Plan) -> None:
    """Compares the space of missing files with the free space; others may write too."""
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
            f"{format_bytes(free)} free. Free some space, or use links."
        )


def _device(path: str) -> int:
    while not os.path.exists(path):  # removed after a move emptied it
        path = os.path.dirname(path)
    return os.stat(path).st_dev
