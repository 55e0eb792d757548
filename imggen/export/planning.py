"""Makes the plan of a split: decides where every file goes, before any file is touched."""

from __future__ import annotations

import os
import posixpath
from typing import Any

from imggen.core import class_folder_path, is_inside, is_relative_path, resolve_parents
from imggen.data import Manifest
from imggen.errors import ExportError
from imggen.export.names import TargetNames, check_folder_names
from imggen.export.plan import Mode, Plan, Step
from imggen.export.recipe_splits import RecipeSplits
from imggen.export.sidecars import Sidecar, find_sidecars


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
    source, full_paths = locate_sources(manifest)
    start = len(os.path.join(source, ""))
    located = {path: full[start:].replace(os.sep, "/") for path, full in full_paths.items()}
    row_of = {path: row for row, path in reversed(list(enumerate(manifest.paths)))}
    sidecars_by_row: dict[int, list[Sidecar]] = {}
    for sidecar in find_sidecars(manifest):
        for row in sidecar.rows:
            sidecars_by_row.setdefault(row, []).append(sidecar)
    taken = TargetNames(target)
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
            source_path = located[path]
            steps.append(_make_step(source, source_path, target_path, number, label, mode))
            for sidecar in sidecars:
                path_of_sidecar = _sidecar_target(sidecar, path, target_path)
                if path_of_sidecar not in sidecar_steps:
                    beside = posixpath.join(
                        posixpath.dirname(source_path), posixpath.basename(sidecar.path)
                    )
                    sidecar_steps[path_of_sidecar] = _make_step(
                        source, beside, path_of_sidecar, -1, -1, mode
                    )
    steps += sidecar_steps.values()
    if mode == "move":
        _check_moves(source, steps)
    duplicates = result.duplicates and [
        [located[path] for path in group] for group in result.duplicates
    ]
    return Plan(
        os.path.realpath(manifest.root),
        source,
        target,
        mode,
        recipe,
        result.splits.names,
        manifest.class_names,
        steps,
        duplicates,
        result.num_separated,
        result.num_groups,
        made_at=target,
        skipped=dict(manifest.skipped),
    )


def locate_sources(manifest: Manifest) -> tuple[str, dict[str, str]]:
    """Finds the files of a manifest, and a folder that contains all of them.

    The folder is the root, unless a table or a linked folder leads outside. Paths relative to it
    are never absolute and never contain "..", so that a plan can be checked before it is used.

    Returns:
        The folder, and for each path of the manifest the full path; both without links.
    """
    root = os.path.realpath(manifest.root)
    resolved: dict[str, str] = {}
    for folder in {posixpath.dirname(path) for path in manifest.paths}:
        full = os.path.join(root, folder) if folder else root
        found = os.path.realpath(full)
        is_plain = is_inside(found, root) and (not folder or is_relative_path(folder))
        resolved[folder] = full if is_plain else found
    outside = [folder for folder in resolved.values() if not is_inside(folder, root)]
    full_paths = {}
    for path in manifest.paths:
        folder, name = posixpath.split(path)
        full_paths[path] = os.path.join(resolved[folder], name)
    return os.path.commonpath([root, *outside]), full_paths


def _sidecar_target(sidecar: Sidecar, path: str, target_path: str) -> str:
    """Returns the path of a sidecar, which keeps its name if its image does."""
    stem = posixpath.splitext(target_path)[0]
    if posixpath.basename(stem) == posixpath.splitext(posixpath.basename(path))[0]:
        return posixpath.join(posixpath.dirname(target_path), posixpath.basename(sidecar.path))
    return stem + sidecar.suffix


def _make_step(
    source: str, path: str, target_path: str, split: int, label: int, mode: Mode
) -> Step:
    file = os.path.join(source, path)
    try:
        found = os.stat(file)
        link = os.readlink(file) if mode == "move" and os.path.islink(file) else None
    except OSError as err:
        advice = "Fix the file, or leave it out."
        if isinstance(err, FileNotFoundError):
            advice = (
                "Leave it out. If it comes from a table, its paths are relative to the folder of "
                "the table, or to that in the .json file next to it."
            )
        raise ExportError(
            f"Cannot use {file!r}: {err.strerror}. No file was touched yet. {advice}"
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
