"""The plan of a split: the target path of every file, decided before any file is touched."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, final, get_args

import numpy as np

from imggen.core import StringColumn, check_choice, class_folder_path, resolve_parents
from imggen.data import Manifest, Splits
from imggen.errors import ExportError
from imggen.export.journal import Journal
from imggen.export.names import TargetNames, check_folder_names
from imggen.export.recipe_splits import RecipeSplits
from imggen.export.sidecars import Sidecar, find_sidecars

Mode = Literal["copy", "move", "symlink", "hardlink"]

KIND = "split"  # of journal


class Step(NamedTuple):
    """One file to copy, move or link.

    Attributes:
        source: Its path, relative to the plan's source.
        target: Its new path, relative to the plan's target.
        size: Its size when the plan was made, in bytes.
        mtime: Its modification time then, in nanoseconds.
        split: The number of its split; -1 for a sidecar.
        label: Its class index, or -1.
        link: The target of a symbolic link that is moved; None for files.
    """

    source: str
    target: str
    size: int
    mtime: int
    split: int
    label: int
    link: str | None = None


@final
@dataclass(frozen=True)
class Plan:
    """All steps, and the settings that made them.

    Attributes:
        source: The folder of the files, as an absolute path without links.
        target: The folder to split into, likewise.
        mode: How files get there.
        recipe: The recipe as metadata.
        split_names: The names of the splits.
        class_names: The classes, each a folder in every split.
        steps: In order of split and sample, sidecars last.
        duplicates: As in ``RecipeSplits``; paths as in the steps' sources.
        num_separated: As in ``RecipeSplits``.
    """

    source: str
    target: str
    mode: Mode
    recipe: dict[str, Any]
    split_names: tuple[str, ...]
    class_names: tuple[str, ...]
    steps: list[Step]
    duplicates: list[list[str]] | None = None
    num_separated: int = 0

    @property
    def journal(self) -> Journal:
        """The journal of the target."""
        return Journal(self.target, KIND)

    def folders(self) -> list[str]:
        """Returns all folders below the target, including those of empty classes."""
        needed = {posixpath.dirname(step.target) for step in self.steps}
        needed |= {
            f"{name}/{label}" for name in self.split_names for label in self.class_names or [""]
        }
        return sorted(needed)

    def splits(self, target: str, *, without: Collection[str] = ()) -> Splits[Manifest]:
        """Returns the manifest of each split, as it is when the plan has been carried out.

        Args:
            target: The path of the target in the manifests.
            without: The sources of files that have vanished.
        """
        return self._manifests(
            [os.path.join(target, name) for name in self.split_names],
            lambda step: step.target[len(self.split_names[step.split]) + 1 :],
            frozenset(without),
        )

    def sources(self) -> Splits[Manifest]:
        """Returns the manifest of each split, with the files in their original places."""
        return self._manifests([self.source] * len(self.split_names), lambda step: step.source)

    def _manifests(
        self,
        roots: list[str],
        path_of: Callable[[Step], str],
        without: frozenset[str] = frozenset(),
    ) -> Splits[Manifest]:
        rows: list[list[Step]] = [[] for _ in self.split_names]
        for step in self.steps:
            if step.split >= 0 and step.source not in without:
                rows[step.split].append(step)
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
            self.split_names,
        )


def check_mode(mode: str) -> Mode:
    """Validates ``mode=``.

    Raises:
        OptionError: An unknown mode.
    """
    checked: Mode = check_choice("mode", mode, get_args(Mode))
    return checked


def make_plan(
    manifest: Manifest, result: RecipeSplits, target: str, mode: Mode, recipe: dict[str, Any]
) -> Plan:
    """Plans the target of every sample and its sidecars; reads sizes and times of files only.

    A sample goes to ``split/class/path in the class``. If two would go to the same
    path, a number is added to the later one.

    Args:
        manifest: All samples.
        result: The same samples, by split.
        target: An absolute path without links.
        mode: How files get there.
        recipe: The recipe as metadata.

    Raises:
        ExportError: A file does not exist, the name of a split or class cannot be the name of a
            folder, or ``mode`` is "move" and a file would have to be in two places.
    """
    check_folder_names(result.splits.names, manifest.class_names)
    source = os.path.realpath(manifest.root)
    row_of = {path: row for row, path in reversed(list(enumerate(manifest.paths)))}
    sidecars_by_row: dict[int, list[Sidecar]] = {}
    for sidecar in find_sidecars(manifest):
        for row in sidecar.rows:
            sidecars_by_row.setdefault(row, []).append(sidecar)
    taken = TargetNames()
    steps: list[Step] = []
    sidecar_steps: dict[str, Step] = {}
    for number, (name, split) in enumerate(result.splits.as_dict().items()):
        labels = [-1] * len(split) if split.labels is None else split.labels.tolist()
        for path, label in zip(split.paths, labels, strict=True):
            class_name = manifest.class_names[label] if label >= 0 else ""
            sidecars = sidecars_by_row.get(row_of[path], [])
            target_path = taken.reserve(
                posixpath.join(name, class_folder_path(path, class_name)), sidecars
            )
            steps.append(_make_step(source, path, target_path, number, label, mode))
            for sidecar in sidecars:
                path_of_sidecar = posixpath.splitext(target_path)[0] + sidecar.suffix
                if path_of_sidecar not in sidecar_steps:
                    sidecar_steps[path_of_sidecar] = _make_step(
                        source, sidecar.path, path_of_sidecar, -1, -1, mode
                    )
    steps += sidecar_steps.values()
    if mode == "move":
        _check_moves(source, steps)
    return Plan(
        source,
        target,
        mode,
        recipe,
        result.splits.names,
        manifest.class_names,
        steps,
        result.duplicates,
        result.num_separated,
    )


def _make_step(
    source: str, path: str, target_path: str, split: int, label: int, mode: Mode
) -> Step:
    file = os.path.join(source, path)
    try:
        found = os.stat(file)
        link = os.readlink(file) if mode == "move" and os.path.islink(file) else None
    except OSError as err:
        raise ExportError(
            f"Cannot use {file!r}: {err.strerror}. No file was touched yet. Fix the file, or "
            "leave it out."
        ) from err
    return Step(path, target_path, found.st_size, found.st_mtime_ns, split, label, link)


def _check_moves(source: str, steps: list[Step]) -> None:
    """Refuses to move a file to two places, even if links give it two paths."""
    path_of: dict[str, str] = {}
    files = resolve_parents(os.path.join(source, step.source) for step in steps)
    for step, file in zip(steps, files, strict=True):
        if path_of.get(file) == step.source:
            raise ExportError(
                f"{step.source!r} would be in several places, as folds and oversampling require, "
                'and cannot be moved. Copy or link instead (mode="copy", "symlink" or '
                '"hardlink").'
            )
        if file in path_of:
            raise ExportError(
                f"{path_of[file]!r} and {step.source!r} are the same file, which cannot be moved "
                'to two places. Copy or link instead (mode="copy", "symlink" or "hardlink"), or '
                'keep files of the same name together (group_by="stem").'
            )
        path_of[file] = step.source


def write_plan(plan: Plan) -> None:
    """Writes a plan into its target.

    Raises:
        OSError: It cannot be written.
    """
    metadata = asdict(plan)
    plan.journal.write(metadata, metadata.pop("steps"))


def read_plan(target: str) -> Plan | None:
    """Reads the plan of a target, if there is one.

    Raises:
        ExportError: The plan is damaged.
    """

    def parse(metadata: dict[str, Any], steps: list[Any]) -> Plan:
        metadata |= {key: tuple(metadata[key]) for key in ("split_names", "class_names")}
        metadata["target"] = target  # which may have been renamed since
        return Plan(**metadata, steps=[Step(*step) for step in steps])

    return Journal(target, KIND).read(parse)
