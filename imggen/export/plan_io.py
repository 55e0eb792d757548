"""Plans of splits to files and back; a plan that ``make_plan`` cannot have made is refused.

A plan may have been edited, or come with a downloaded folder. It names files to move, so everything
in it is checked before anything is touched: no path leads outside the source or the target.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import asdict
from typing import Any, TypeGuard, get_args

from imggen.core import is_relative_path, is_whole, shorten
from imggen.errors import ExportError
from imggen.export.journal import Journal
from imggen.export.names import check_folder_names
from imggen.export.path_keys import path_key
from imggen.export.plan import KIND, Mode, Plan, Step


def write_plan(plan: Plan) -> None:
    """Writes a plan into its target.

    Raises:
        OSError: It cannot be written.
    """
    metadata = asdict(plan)
    del metadata["target"]  # it is where the plan is
    del metadata["skipped"]
    plan.journal.write(metadata, metadata.pop("steps"))


def read_plan(target: str) -> Plan | None:
    """Reads the plan of a target, if there is one.

    Raises:
        ExportError: The plan is damaged, or it is not one that ``make_plan`` makes.
    """

    def parse(metadata: dict[str, Any], lines: list[Any]) -> Plan:
        metadata |= {key: tuple(metadata[key]) for key in ("split_names", "class_names")}
        steps = [Step(*line) for line in lines]
        plan = Plan(**metadata, target=target, steps=steps, skipped={})
        check_plan(plan)
        return plan

    return Journal(target, KIND).read(parse)


def check_plan(plan: Plan) -> None:
    """Checks that ``make_plan`` can have made a plan.

    Raises:
        ValueError: It cannot.
    """
    for folder in (plan.root, plan.source, plan.made_at):
        _require(_is_full_path(folder), f"the folder {folder!r}")
    _require(os.path.commonpath([plan.root, plan.source]) == plan.source, "source and root")
    _require(plan.mode in get_args(Mode), f"mode={plan.mode!r}")
    _require(isinstance(plan.recipe, dict), "the recipe")
    for names in (plan.split_names, plan.class_names):
        _require(all(isinstance(name, str) for name in names), "the names")
        _require(len(set(names)) == len(names), "names that are there twice")
    try:
        check_folder_names(plan.split_names, plan.class_names)
    except ExportError as err:
        raise ValueError(f"imggen does not write these names: {err}") from err
    _require(is_whole(plan.num_separated, 0), "num_separated")
    _require(plan.num_groups is None or is_whole(plan.num_groups, 1), "num_groups")
    sources = set()
    folders = {(-1, -1): ""}
    for split, split_name in enumerate(plan.split_names):
        folders[split, -1] = f"{split_name}/"
        for label, class_name in enumerate(plan.class_names):
            folders[split, label] = f"{split_name}/{class_name}/"
    target = os.path.relpath(plan.made_at, plan.source).replace(os.sep, "/") + "/"
    for step in plan.steps:
        if not _is_valid(step, folders) or step.source.startswith(target):
            raise ValueError(f"imggen does not write the step {shorten(list(step))}")
        sources.add(step.source)
    num_targets = len({path_key(step.target) for step in plan.steps})
    _require(num_targets == len(plan.steps), "two files with the same target")
    if plan.mode == "move":
        _require(len(sources) == len(plan.steps), "a file that is moved twice")
    _check_sidecars(plan.steps)
    if plan.duplicates is not None:
        named = {path for group in plan.duplicates for path in group}
        _require(named <= sources, "duplicates that are not in the split")


def _is_valid(step: Step, folders: dict[tuple[int, int], str]) -> bool:
    """Whether a step is one that ``make_plan`` makes.

    Args:
        step: The step, of any types.
        folders: By (split, label), the start of the target path.
    """
    return (
        is_relative_path(step.source)
        and is_relative_path(step.target)
        and is_whole(step.size, 0)
        and is_whole(step.mtime)
        and is_whole(step.split, -1)
        and is_whole(step.label, -1)
        and (step.split, step.label) in folders
        and step.target.startswith(folders[step.split, step.label])
        and (step.link is None or _is_text(step.link))
    )


def _check_sidecars(steps: list[Step]) -> None:
    """Checks that each sidecar comes from the folder of an image, and goes to that of one."""
    is_sidecar = [step.split < 0 for step in steps]
    for paths in ([step.source for step in steps], [step.target for step in steps]):
        pairs = list(zip(paths, is_sidecar, strict=True))
        stems = {path_key(posixpath.splitext(path)[0]) for path, other in pairs if not other}
        for path in (path for path, other in pairs if other):
            stem = path_key(path)
            while stem not in stems:
                shorter = posixpath.splitext(stem)[0]
                _require(shorter != stem, f"the sidecar {path!r} without an image")
                stem = shorter


def _is_full_path(folder: object) -> bool:
    return _is_text(folder) and os.path.isabs(folder) and os.path.normpath(folder) == folder


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _require(is_met: bool, what: str) -> None:
    if not is_met:
        raise ValueError(f"imggen does not write {what}")
