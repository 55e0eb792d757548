"""``split_directory`` and ``undo_split``: class folders to folders of parts, and back."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

import numpy.typing as npt

from imggen.core import check_not_nested
from imggen.data import Manifest, Splits, scan, split_name
from imggen.errors import ExportError, ImggenWarning, ScanError
from imggen.export.journal import (
    forget_plan,
    hold_run_lock,
    holds_more_than_plan,
    read_plan,
    write_plan,
)
from imggen.export.plan import Mode, Plan, checked_mode, make_plan
from imggen.export.recipe import Recipe
from imggen.export.steps import Outcome, carry_back, carry_out, check_possible
from imggen.splitting import DEFAULT_RATIOS, Counts, GroupBy, Ratios
from imggen.workers import Progress

Source = str | os.PathLike[str] | Manifest


def split_directory(
    source: Source,
    target: str | os.PathLike[str],
    ratios: Ratios | None = DEFAULT_RATIOS,
    *,
    counts: Counts | None = None,
    num_folds: int | None = None,
    seed: int = 0,
    stratify: bool | npt.ArrayLike = True,
    group_by: GroupBy | None = None,
    near_duplicates: bool = False,
    stable: bool = False,
    oversample: bool = False,
    mode: Mode = "copy",
    progress: Progress | None = None,
) -> Splits[Manifest]:
    """Puts ``source/<class>/**`` into ``target/train|val|test/<class>/**``.

    Files of an image's name with another extension (``1.txt`` or ``1.jpg.json`` beside ``1.jpg``)
    go where it goes. Links to one file stay in one part, and so do images that share such a file
    (with ``stable``, as far as their content or group has it).

    What goes where is written to ``target/.imggen-split`` before a file is touched, and every file
    gets to its place at once or not at all. After an interruption the same call goes on from
    there; a call with other settings is refused.

    Args:
        source: The folder of class folders, or a manifest.
        target: Where to put the parts: a new folder, an empty one, or one that an interrupted call
            with the same settings has begun to fill.
        ratios: As in ``split``.
        counts: As in ``split``.
        num_folds: In place of parts make folds, ``fold_0/train``, ``fold_0/val`` and so on, each
            image being in ``val`` once. See ``kfold``.
        seed: As in ``split``.
        stratify: As in ``split``.
        group_by: What stays together, as in ``group_by``.
        near_duplicates: Keep images together that are equal or look alike; see
            ``find_duplicates``.
        stable: As in ``split``; without groups, by content.
        oversample: Repeat images of rare classes in train; see ``oversample``.
        mode: "copy"; "move"; "symlink": links that hold the absolute path; or "hardlink": further
            names of the same files, on the same file system.
        progress: Called with (what is being done, files done, files in all) now and then.

    Returns:
        The manifest of each part, of the files in ``target``.

    Raises:
        ExportError: ``target`` holds something else, lies in ``source`` or the reverse, or cannot
            be written; a file would have to be moved to two places; the disk is full. What was
            done stays, and the same call goes on.
        ScanError: See ``scan``.
        SplitError: See ``split``, ``group_by`` and ``kfold``.

    Warns:
        ImggenWarning: Files that vanished or changed since the plan was made, or that came to
            ``source`` since; and as ``split``.

    Example:
        >>> import tempfile
        >>> parts = split_directory(photos, tempfile.mkdtemp(), (0.5, 0.25, 0.25))
        >>> parts.train.class_counts
        {'cat': 4, 'dog': 4}
    """
    recipe = Recipe(
        ratios=ratios,
        counts=counts,
        num_folds=num_folds,
        seed=seed,
        stratify=stratify,
        group_by=group_by,
        near_duplicates=near_duplicates,
        stable=stable,
        oversample=oversample,
    )
    plan = plan_split(source, target, recipe, mode, progress)
    outcome = carry_out_plan(plan, progress)
    warn_of(plan, outcome)
    return plan.parts(os.fspath(target), without=outcome.vanished)


def undo_split(target: str | os.PathLike[str], *, progress: Progress | None = None) -> int:
    """Brings back what ``split_directory`` with ``mode="move"`` has moved, complete or not.

    May be interrupted and called again. Folders that are empty then are removed from ``target``.

    Args:
        target: The folder that files were moved to.
        progress: As in ``split_directory``.

    Returns:
        The number of files in their old places.

    Raises:
        ExportError: Nothing was moved to ``target``, a file is in both places and differs, or one
            cannot be moved.

    Warns:
        ImggenWarning: Files that are in neither place.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> parts = split_directory(photos, folder, mode="move")
        >>> undo_split(folder)
        16
    """
    place = os.path.realpath(target)
    plan = read_plan(place)
    if plan is None or plan.mode != "move":
        found = "no split" if plan is None else f"a split made with mode={plan.mode!r}"
        raise ExportError(
            f"{os.fspath(target)!r} holds {found}; only what was moved can be brought back."
        )
    try:
        with hold_run_lock(place):
            outcome = carry_back(plan, progress)
    except ExportError:
        raise
    except OSError as err:
        raise ExportError(f"Cannot write {place!r}: {err}.") from err
    if not outcome.vanished:
        forget_plan(place)
    else:
        warnings.warn(
            f"{len(outcome.vanished)} files, such as {outcome.vanished[0]!r}, are neither in "
            f"{plan.source!r} nor in {place!r}; the plan is kept.",
            ImggenWarning,
            stacklevel=2,
        )
    return len(plan.steps) - len(outcome.vanished)


def plan_split(
    source: Source,
    target: str | os.PathLike[str],
    recipe: Recipe,
    mode: str,
    progress: Progress | None = None,
) -> Plan:
    """Decides where every file goes, or finds what an earlier call has decided; writes nothing.

    Raises:
        As ``split_directory``.
    """
    root = source.root if isinstance(source, Manifest) else os.fspath(source)
    goal = os.path.realpath(target)
    if isinstance(source, Manifest):
        check_not_nested(os.fspath(target), files=source.filepaths)
    else:
        check_not_nested(os.fspath(target), folder=os.fspath(source))
    way = checked_mode(mode)
    earlier = read_plan(goal)
    if earlier is not None:
        _check_same(earlier, os.path.realpath(root), mode, recipe.as_facts(), os.fspath(target))
        if isinstance(source, Manifest):
            _check_same_rows(earlier, source, as_given=recipe.follows_manifest)
        _warn_of_new_files(earlier, source)
        return earlier
    if os.path.isdir(goal) and holds_more_than_plan(goal):
        raise ExportError(
            f"{os.fspath(target)!r} is not empty. Choose a new folder, or empty this one first."
        )
    manifest = source if isinstance(source, Manifest) else scan(source)
    if manifest.attached:
        raise ExportError(
            f"Images alone are put into folders, and these have {' and '.join(manifest.attached)}, "
            "which would be lost. Split them in memory, with imggen.split, and keep the parts by "
            "Manifest.save."
        )
    made = recipe.make(manifest, progress)
    return make_plan(manifest, made, goal, way, recipe.as_facts())


def carry_out_plan(plan: Plan, progress: Progress | None = None) -> Outcome:
    """Writes the plan down and does what is not done of it yet.

    Raises:
        ExportError: See ``split_directory``.
    """
    try:
        os.makedirs(plan.target, exist_ok=True)
        with hold_run_lock(plan.target):
            earlier = read_plan(plan.target)
            if earlier is None:
                check_possible(plan)
                write_plan(plan)
            elif (earlier.mode, earlier.steps) != (plan.mode, plan.steps):
                raise ExportError(
                    f"Another run has begun to split into {plan.target!r} in the meantime, in "
                    "another way. Run the same again to see how, or choose a new folder."
                )
            return carry_out(plan, progress)
    except ExportError:
        raise
    except OSError as err:
        raise ExportError(f"Cannot write {plan.target!r}: {err}.") from err


def _check_same(
    earlier: Plan, source: str, mode: str, metadata: dict[str, Any], target: str
) -> None:
    then = {"source": earlier.source, "mode": earlier.mode, **earlier.recipe}
    now = {"source": source, "mode": mode, **metadata}
    other = [
        f"{name}={then.get(name)!r} (now {now.get(name)!r})"
        for name in dict.fromkeys([*then, *now])
        if json.dumps(then.get(name)) != json.dumps(now.get(name))  # tuples are read as lists
    ]
    if other:
        raise ExportError(
            f"{target!r} was made with {', '.join(other)}. Call with the same settings to complete "
            "it, or choose a new folder."
        )


def _check_same_rows(plan: Plan, manifest: Manifest, *, as_given: bool) -> None:
    """Refuses a table that says something else of a file than it did when the plan was made."""
    then: dict[str, set[str]] = {}
    for step in plan.steps:
        if step.part >= 0:
            label = plan.class_names[step.label] if step.label >= 0 else ""
            part = plan.names[step.part] if as_given else ""
            then.setdefault(step.source, set()).add(f"{label} {part}".strip())
    for row, path in enumerate(manifest.paths):
        label = "" if manifest.labels is None else manifest.class_names[manifest.labels[row]]
        part = split_name(manifest.splits[row]) if as_given and manifest.splits else ""
        now = f"{label} {part}".strip()
        if path in then and now not in then[path]:
            raise ExportError(
                f"{plan.target!r} was made when {path!r} was {' and '.join(sorted(then[path]))!r}, "
                f"and now it is {now!r}. Choose a new folder."
            )


def _warn_of_new_files(plan: Plan, source: Source) -> None:
    try:
        manifest = source if isinstance(source, Manifest) else scan(source)
    except ScanError:  # all was moved, folders and all
        return
    new = sorted(set(manifest.paths) - {step.source for step in plan.steps})
    if new:
        warnings.warn(
            f"{len(new)} images in {manifest.root!r}, such as {new[0]!r}, are not in "
            f"{plan.target!r}: they came after the split. Split anew to a new folder; with "
            "stable=True the others stay in their parts.",
            ImggenWarning,
            stacklevel=4,
        )


def warn_of(plan: Plan, outcome: Outcome) -> None:
    """Warns the caller's caller of what did not go as planned."""
    for files, what in (
        (outcome.vanished, "are gone since the split was planned, and in no part"),
        (outcome.changed, "have changed since the split was planned, and were taken as they are"),
    ):
        if files:
            first = os.path.join(plan.source, files[0])
            warnings.warn(
                f"{len(files)} files {what}: {first!r}{' ...' if len(files) > 1 else ''}.",
                ImggenWarning,
                stacklevel=3,
            )
