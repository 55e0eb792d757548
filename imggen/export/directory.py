"""``split_directory`` and ``undo_split``: class folders to folders of splits, and back."""

from __future__ import annotations

import dataclasses
import os

import numpy.typing as npt

from imggen.core import (
    check_arguments,
    check_not_nested,
    check_output_folder,
    check_path,
    is_inside,
    pluralize,
    shorten,
    warn_user,
)
from imggen.data import (
    Manifest,
    Source,
    Splits,
    as_manifest,
    is_packed,
    is_store,
    load_table,
    scan_all,
    scan_any,
    split_name,
)
from imggen.errors import ExportError, ScanError
from imggen.export.journal import Journal, check_same_settings
from imggen.export.plan import KIND, Mode, Plan, check_mode
from imggen.export.plan_io import read_plan, write_plan
from imggen.export.planning import locate_sources, make_plan
from imggen.export.recipe_splits import make_splits
from imggen.export.steps import Outcome, carry_back, carry_out, check_possible
from imggen.splitting import DEFAULT_RATIOS, Counts, GroupBy, Ratios, Recipe
from imggen.stores import find_uri, parse_address
from imggen.workers import Progress


@check_arguments
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
    """Splits ``source/<class>/**`` into ``target/train|val|test/<class>/**``.

    Sidecar files, which have an image's name with another extension (``1.txt`` or ``1.jpg.json``
    for ``1.jpg``), go where the image goes. Links to one file stay in one split, and so do images
    with a common sidecar (with ``stable``, only content and groups keep images together).

    The plan is written to ``target/.imggen-split`` before any file is touched, and every file is
    written atomically. After an interruption the same call resumes; a call with other settings is
    refused.

    Args:
        source: The folder of class folders, a folder of images without classes, a table (.csv or
            .parquet), or a manifest.
        target: A new folder, an empty one, or one that an interrupted call with the same settings
            has begun to fill.
        ratios: As in ``split``.
        counts: As in ``split``.
        num_folds: Make folds instead, ``fold_0/train``, ``fold_0/val`` and so on; each image is in
            ``val`` once. See ``kfold``.
        seed: As in ``split``.
        stratify: As in ``split``.
        group_by: The groups that stay together, as in ``group_by``.
        near_duplicates: Keep images together that are equal or look alike; see
            ``find_duplicates``.
        stable: As in ``split``; without groups, by content.
        oversample: Repeat images of rare classes in train; see ``oversample``.
        mode: "copy"; "move"; "symlink": symbolic links to absolute paths; or "hardlink": hard
            links, on the same file system.
        progress: Called with (current activity, finished files, all files) from time to time.

    Returns:
        The manifest of each split, with the files in ``target``.

    Raises:
        ExportError: ``target`` holds other files, is inside ``source`` or contains it, or cannot
            be written; a file would have to be moved to two places; the disk is full. Finished
            files stay, and the same call resumes.
        ScanError: See ``scan``.
        SplitError: See ``split``, ``group_by`` and ``kfold``.

    Warns:
        ImggenWarning: Files that have vanished, changed or been added to ``source`` since the plan
            was made; and see ``split``.

    Example:
        >>> import tempfile
        >>> splits = split_directory(photos, tempfile.mkdtemp(), (0.5, 0.25, 0.25))
        >>> splits.train.class_counts
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
    plan = plan_split(load_table(source), target, recipe, mode, progress)
    outcome = carry_out_plan(plan, progress)
    warn_of_outcome(plan, outcome)
    return plan.splits(os.fspath(target), without=outcome.vanished)


@check_arguments
def undo_split(target: str | os.PathLike[str], *, progress: Progress | None = None) -> int:
    """Moves files back that ``split_directory`` with ``mode="move"`` has moved, complete or not.

    An interrupted call can be repeated. Folders of ``target`` that are empty then are removed. If
    ``target`` was moved together with the original folder, files go to where that is now.

    Args:
        target: The folder that files were moved to.
        progress: As in ``split_directory``.

    Returns:
        The number of files in their original places.

    Raises:
        ExportError: ``target`` is not the result of a move, or its plan was edited; both folders
            have been moved, and not together; a file exists in both places and differs, or cannot
            be moved.

    Warns:
        ImggenWarning: Files that are in neither place.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> splits = split_directory(photos, folder, mode="move")
        >>> undo_split(folder)
        16
    """
    check_path(target)
    folder = os.path.realpath(target)
    plan = read_plan(folder)
    if plan is None or plan.mode != "move":
        found = "no split" if plan is None else f"a split made with mode={shorten(plan.mode)}"
        raise ExportError(
            f"{os.fspath(target)!r} holds {found}; expected a split made with mode='move', which "
            "alone can be undone."
        )
    plan = _find_source(plan)
    with plan.journal.locked():
        outcome = carry_back(plan, progress)
    if not outcome.vanished:
        plan.journal.forget()
    else:
        warn_user(
            f"{pluralize(len(outcome.vanished), 'file')} found neither in {plan.source!r} nor in "
            f"{folder!r}, such as {outcome.vanished[0]!r}. The plan is kept; restore the files and "
            "call again."
        )
    return len(plan.steps) - len(outcome.vanished)


def _find_source(plan: Plan) -> Plan:
    """Finds the original folder of a split that may have been moved, alone or with its source.

    Raises:
        ExportError: It is not clear where the source is now.
    """
    way = os.path.relpath(plan.source, plan.made_at)
    moved = os.path.normpath(os.path.join(plan.target, way))
    if plan.target == plan.made_at or moved == plan.source:
        return plan
    is_hidden = any(name.startswith(".") and name != ".." for name in way.split(os.sep))
    if os.path.isdir(moved) and not os.path.lexists(plan.source) and not is_hidden:
        found = os.path.realpath(moved)
        return dataclasses.replace(plan, source=found, root=found)
    raise ExportError(
        f"The split in {plan.target!r} was made as {plan.made_at!r} with files of "
        f"{plan.source!r}. Move it back there, or move both together: the files are then expected "
        f"in {moved!r}."
    )


def plan_split(
    source: Source,
    target: str | os.PathLike[str],
    recipe: Recipe,
    mode: str,
    progress: Progress | None = None,
    *,
    labels: bool = True,
) -> Plan:
    """Makes a plan, or reads that of an interrupted call; writes nothing.

    Args:
        source: As in ``split_directory``.
        target: As in ``split_directory``.
        recipe: The recipe.
        mode: As in ``split_directory``.
        progress: As in ``split_directory``.
        labels: Whether class folders in a folder ``source`` are classes.

    Raises:
        ImggenError: See ``split_directory``.
    """
    root = source.root if isinstance(source, Manifest) else os.fspath(source)
    check_path(root)
    check_path(target)
    _check_on_disk(source)
    goal = os.path.realpath(target)
    settings = recipe.as_metadata() | ({} if labels else {"no_labels": True})
    if isinstance(source, Manifest):
        folder = os.fspath(source.root) if _is_of_class_folders(source) else None
        check_not_nested(os.fspath(target), folder=folder, files=source.filepaths)
    else:
        check_not_nested(os.fspath(target), folder=os.fspath(source))
    plan_mode = check_mode(mode)
    check_output_folder(target)
    earlier = read_plan(goal)
    if earlier is not None:
        check_same_settings(
            os.fspath(target),
            {"source": earlier.root, "mode": earlier.mode, "no_labels": False, **earlier.recipe},
            {"source": os.path.realpath(root), "mode": mode, "no_labels": not labels, **settings},
        )
        _check_same_files(earlier, source, recipe, labels=labels)
        return earlier
    Journal(goal, KIND).check_empty()
    manifest = _scan(source, labels=labels)
    if manifest.attached:
        raise ExportError(
            f"Only images are exported, and these have {' and '.join(manifest.attached)}, which "
            "would be lost. Split the manifest with imggen.split, and save the splits with "
            "Manifest.save."
        )
    result = make_splits(manifest, recipe, progress)
    return make_plan(manifest, result, goal, plan_mode, settings)


def _check_on_disk(source: Source) -> None:
    """Checks that the files of a source can be copied and moved."""
    is_table = isinstance(source, Manifest)
    root = source.root if isinstance(source, Manifest) else parse_address(source)
    first = source.filepath(0) if isinstance(source, Manifest) and len(source) else root
    is_in_shards = not is_store(root) and is_packed(root)
    if is_in_shards or is_store(root) or (is_table and is_store(first)):
        if is_in_shards:
            advice = "unpack them with imggen unpack"
        else:
            is_remote = find_uri(root) is not None or find_uri(first) is not None
            advice = "download them" if is_remote else "extract the archive"
        raise ExportError(
            f"The images of {root!r} are not files on disk, so a split cannot copy or move them. "
            "Split into a table with imggen.split and Manifest.save (on the command line: "
            f"--manifest FILE, without DST); or {advice} first, and split the folder."
        )


def _is_of_class_folders(manifest: Manifest) -> bool:
    """Whether every sample is in the folder of its class, as after a scan of the root."""
    if manifest.labels is None or not manifest.num_samples:
        return False
    folders = [f"{name}/" for name in manifest.class_names]
    return all(
        path.startswith(folders[label])
        for path, label in zip(manifest.paths, manifest.labels.tolist(), strict=True)
    )


def _scan(source: Source, *, labels: bool) -> Manifest:
    return as_manifest(source, scan_any if labels else scan_all)


def carry_out_plan(plan: Plan, progress: Progress | None = None) -> Outcome:
    """Writes the plan, and carries out the steps that are not done yet.

    Raises:
        ExportError: See ``split_directory``.
    """
    with plan.journal.locked():
        earlier = read_plan(plan.target)
        if earlier is None:
            check_possible(plan)
            write_plan(plan)
        elif (earlier.mode, earlier.steps) != (plan.mode, plan.steps):
            raise ExportError(
                f"Another run has begun to split into {plan.target!r} in another way since this "
                "run made its plan. Make the same call again to see how, or choose a new folder."
            )
        return carry_out(plan, progress)


def _check_same_files(plan: Plan, source: Source, recipe: Recipe, *, labels: bool) -> None:
    """Compares the files of a plan with those of this call."""
    try:
        manifest = _scan(source, labels=labels)
    except ScanError:  # a move has emptied the source
        _check_outside(plan, [])
        return
    full_path = locate_sources(manifest)[1]
    full_paths = [full_path[path] for path in manifest.paths]
    _check_outside(plan, full_paths)
    if isinstance(source, Manifest):
        _check_same_rows(plan, source, full_paths, as_given=recipe.follows_manifest)
    planned = {os.path.join(plan.source, step.source) for step in plan.steps}
    new = [
        path for full, path in zip(full_paths, manifest.paths, strict=True) if full not in planned
    ]
    if new:
        warn_user(
            f"Not in {plan.target!r}: {pluralize(len(new), 'image')} added to {manifest.root!r} "
            f"after the split, such as {min(new)!r}. Split again into a new folder; "
            "with stable=True the others stay in their splits."
        )


def _check_outside(plan: Plan, full_paths: list[str]) -> None:
    """Checks that each file of a plan is in the root, or where the source itself leads."""
    folders = {os.path.dirname(os.path.join(plan.source, step.source)) for step in plan.steps}
    outside = {folder for folder in folders if not is_inside(folder, plan.root)}
    if not outside:
        return
    known = {os.path.dirname(path) for path in full_paths}
    for folder, names, _ in os.walk(plan.root):
        places = (os.path.join(folder, name) for name in names)
        known |= {os.path.realpath(place) for place in places if os.path.islink(place)}
    for folder in sorted(outside):
        if not any(is_inside(folder, one) for one in known):
            raise ExportError(
                f"The plan of {plan.target!r} names files in {folder!r}, which is not part of the "
                "source. Choose a new folder."
            )


def _check_same_rows(
    plan: Plan, manifest: Manifest, full_paths: list[str], *, as_given: bool
) -> None:
    """Checks that class and split of each file are the same as when the plan was made."""
    then: dict[str, set[str]] = {}
    for step in plan.steps:
        if step.split >= 0:
            label = plan.class_names[step.label] if step.label >= 0 else ""
            split = plan.split_names[step.split] if as_given else ""
            full = os.path.join(plan.source, step.source)
            then.setdefault(full, set()).add(f"{label} {split}".strip())
    for row, (path, full) in enumerate(zip(manifest.paths, full_paths, strict=True)):
        label = "" if manifest.labels is None else manifest.class_names[manifest.labels[row]]
        split = split_name(manifest.splits[row]) if as_given and manifest.splits else ""
        now = f"{label} {split}".strip()
        if full in then and now not in then[full]:
            raise ExportError(
                f"{plan.target!r} was made when {path!r} was {' and '.join(sorted(then[full]))!r}, "
                f"and now it is {now!r}. Choose a new folder."
            )


def warn_of_outcome(plan: Plan, outcome: Outcome) -> None:
    """Warns of files that have vanished or changed."""
    for files, what in (
        (outcome.vanished, "vanished after the split was planned, so no split contains them"),
        (outcome.changed, "changed after the split was planned, and the new content was used"),
    ):
        if files:
            first = os.path.join(plan.source, files[0])
            more = " ..." if len(files) > 1 else ""
            warn_user(f"{pluralize(len(files), 'file')} {what}: {first!r}{more}.")
