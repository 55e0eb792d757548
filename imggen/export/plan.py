"""The plan of a split: the target path of every file."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, final, get_args

import numpy as np

from imggen.core import StringColumn, check_choice
from imggen.data import Manifest, Splits
from imggen.export.journal import Journal

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
        root: The root of the manifest, as an absolute path without links.
        source: The folder that contains all files, likewise: the root, or a folder above it if
            some files are outside the root.
        target: The folder to split into, likewise.
        mode: How files get there.
        recipe: The recipe as metadata.
        split_names: The names of the splits.
        class_names: The classes, each a folder in every split.
        steps: In order of split and sample, sidecars last.
        duplicates: As in ``RecipeSplits``; paths as in the steps' sources.
        num_separated: As in ``RecipeSplits``.
        num_groups: As in ``RecipeSplits``.
        made_at: The target when the plan was made, which may have been moved since.
        skipped: The number of files and folders that the scan skipped, by reason; not saved.
    """

    root: str
    source: str
    target: str
    mode: Mode
    recipe: dict[str, Any]
    split_names: tuple[str, ...]
    class_names: tuple[str, ...]
    steps: list[Step]
    duplicates: list[list[str]] | None = None
    num_separated: int = 0
    num_groups: int | None = None
    made_at: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)

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
                    skipped=self.skipped,
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
