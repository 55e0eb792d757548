"""Which file goes to which path, decided before anything is touched."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, final, get_args

import numpy as np

from imggen.core import StringColumn, check_choice, class_folder_path, resolve_parents
from imggen.data import Manifest, Splits
from imggen.errors import ExportError
from imggen.export.names import TargetNames, check_folder_names
from imggen.export.recipe import Made
from imggen.export.sidecars import Sidecar, sidecars_of

Mode = Literal["copy", "move", "symlink", "hardlink"]


class Step(NamedTuple):
    """One file's way.

    Attributes:
        source: Its path, relative to the plan's source.
        target: Where it goes, relative to the plan's target.
        size: Its size when the plan was made.
        time: Its time of change then, in nanoseconds.
        part: The number of its part; -1 for a sidecar.
        label: Its class index, or -1.
        link: If it is a symbolic link that is to be moved, what it holds.
    """

    source: str
    target: str
    size: int
    time: int
    part: int
    label: int
    link: str | None = None


@final
@dataclass(frozen=True)
class Plan:
    """All steps, and what is needed to tell that another run wants the same.

    Attributes:
        source: The folder that files are taken from, as an absolute path without links.
        target: The folder that they go to, likewise.
        mode: How.
        recipe: All that decided who goes where.
        names: The parts.
        class_names: The classes, each a folder in every part.
        steps: In order of part and sample, sidecars last.
        duplicates: As in ``recipe.Made``; paths as in the steps' sources.
        num_torn: As in ``recipe.Made``.
    """

    source: str
    target: str
    mode: Mode
    recipe: dict[str, Any]
    names: tuple[str, ...]
    class_names: tuple[str, ...]
    steps: list[Step]
    duplicates: list[list[str]] | None = None
    num_torn: int = 0

    def folders(self) -> list[str]:
        """All folders that the plan needs below the target; those of empty classes too."""
        needed = {posixpath.dirname(step.target) for step in self.steps}
        needed |= {f"{name}/{label}" for name in self.names for label in self.class_names or [""]}
        return sorted(needed)

    def parts(self, target: str, *, without: Collection[str] = ()) -> Splits[Manifest]:
        """The manifest of each part, as it is when the plan is carried out.

        Args:
            target: What to call the target folder in the manifests.
            without: The sources of steps that could not be done.
        """
        return self._manifests(
            [os.path.join(target, name) for name in self.names],
            lambda step: step.target[len(self.names[step.part]) + 1 :],
            frozenset(without),
        )

    def sources(self) -> Splits[Manifest]:
        """The manifest of each part, of the files where they are taken from."""
        return self._manifests([self.source] * len(self.names), lambda step: step.source)

    def _manifests(
        self,
        roots: list[str],
        path_of: Callable[[Step], str],
        without: frozenset[str] = frozenset(),
    ) -> Splits[Manifest]:
        rows: list[list[Step]] = [[] for _ in self.names]
        for step in self.steps:
            if step.part >= 0 and step.source not in without:
                rows[step.part].append(step)
        return Splits(
            (
                Manifest(
                    root,
                    StringColumn.of(map(path_of, steps)),
                    np.array([step.label for step in steps], np.int32)
                    if self.class_names
                    else None,
                    self.class_names,
                )
                for root, steps in zip(roots, rows, strict=True)
            ),
            self.names,
        )


def checked_mode(mode: str) -> Mode:
    """Checks ``mode=``.

    Raises:
        OptionError: It is none of the four.
    """
    checked: Mode = check_choice("mode", mode, get_args(Mode))
    return checked


def make_plan(
    manifest: Manifest, made: Made, target: str, mode: Mode, recipe: dict[str, Any]
) -> Plan:
    """Decides where every sample and its sidecars go; reads no file but its size and time.

    A sample goes to ``split/class/path in the class``. Where two would go to the same path, the
    later gets a number.

    Args:
        manifest: All samples.
        made: The same, by part.
        target: An absolute path without links.
        mode: How.
        recipe: What made the parts of the manifest.

    Raises:
        ExportError: A file is not there, a part or class cannot be the name of a folder, or
            ``mode`` is "move" and a file would have to be in two places.
    """
    check_folder_names(made.parts.names, manifest.class_names)
    source = os.path.realpath(manifest.root)
    row_of = {path: row for row, path in reversed(list(enumerate(manifest.paths)))}
    sidecars_by_row: dict[int, list[Sidecar]] = {}
    for sidecar in sidecars_of(manifest):
        for row in sidecar.rows:
            sidecars_by_row.setdefault(row, []).append(sidecar)
    taken = TargetNames()
    steps: list[Step] = []
    along: dict[str, Step] = {}
    for number, (name, part) in enumerate(made.parts.as_dict().items()):
        labels = [-1] * len(part) if part.labels is None else part.labels.tolist()
        for path, label in zip(part.paths, labels, strict=True):
            class_name = manifest.class_names[label] if label >= 0 else ""
            sidecars = sidecars_by_row.get(row_of[path], [])
            goal = taken.free(posixpath.join(name, class_folder_path(path, class_name)), sidecars)
            steps.append(_step(source, path, goal, number, label, mode))
            for sidecar in sidecars:
                beside = posixpath.splitext(goal)[0] + sidecar.ending
                if beside not in along:
                    along[beside] = _step(source, sidecar.path, beside, -1, -1, mode)
    steps += along.values()
    if mode == "move":
        _check_moves(source, steps)
    return Plan(
        source,
        target,
        mode,
        recipe,
        made.parts.names,
        manifest.class_names,
        steps,
        made.duplicates,
        made.num_torn,
    )


def _step(source: str, path: str, goal: str, part: int, label: int, mode: Mode) -> Step:
    place = os.path.join(source, path)
    try:
        found = os.stat(place)
        link = os.readlink(place) if mode == "move" and os.path.islink(place) else None
    except OSError as err:
        raise ExportError(
            f"Cannot use {place!r}: {err.strerror}. Nothing was touched yet; mend the file or "
            "leave it out."
        ) from err
    return Step(path, goal, found.st_size, found.st_mtime_ns, part, label, link)


def _check_moves(source: str, steps: list[Step]) -> None:
    """Refuses to move a file to two places, also where it goes by two names through a link."""
    place_of: dict[str, str] = {}
    places = resolve_parents(os.path.join(source, step.source) for step in steps)
    for step, place in zip(steps, places, strict=True):
        if place_of.get(place) == step.source:
            raise ExportError(
                f"{step.source!r} would be in several places, as folds and repeats of rare classes "
                'have it, and cannot be moved there. Copy or link instead (mode="copy", "symlink" '
                'or "hardlink").'
            )
        if place in place_of:
            raise ExportError(
                f"{place_of[place]!r} and {step.source!r} are one file, which cannot be moved to "
                'two places. Copy or link instead (mode="copy", "symlink" or "hardlink"), or keep '
                'files of one name together (group_by="stem").'
            )
        place_of[place] = step.source
