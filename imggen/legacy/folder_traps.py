"""Traps of ``flow_from_directory``; see ``traps``."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, NamedTuple

from imggen.core import shorten
from imggen.data import SplitLayout, find_split_layout, find_system_name
from imggen.legacy.traps import list_names, warn_of_no_images, warn_of_trap, warn_of_unsplit

_SPLIT_NAMES = {"train", "training", "val", "valid", "validation", "test", "testing", "holdout"}
_WITHOUT_LABELS = ("input", None)
_MAX_FILES_SEEN = 10_000
_MAX_LISTED = 5  # extensions


class ClassFolder(NamedTuple):
    """A class folder of a DirectoryIterator.

    Attributes:
        name: The name of the class.
        path: The path of its folder.
        num_images: The number of images in it.
        num_served: The number of them in the subset.
    """

    name: str
    path: str
    num_images: int
    num_served: int


def warn_of_folder_traps(iterator: Any, folders: list[ClassFolder], given: Any) -> None:
    """Warns of the traps of a DirectoryIterator.

    Args:
        iterator: The iterator; its options are set.
        folders: Its class folders.
        given: The argument ``classes``.
    """
    _warn_of_saving_into(iterator)
    names = [folder.name for folder in folders]
    is_unsplit = warn_of_unsplit(iterator, iterator.image_data_generator, iterator.subset)
    if not any(folder.num_served for folder in folders):
        if not is_unsplit:
            warn_of_no_images(iterator, _reason_for_none(iterator, folders, given))
        return
    _warn_of_empty_classes(iterator, folders, given)
    if given:
        duplicates = [name for name, number in Counter(names).items() if number > 1]
        if duplicates:
            warn_of_trap(
                iterator,
                "duplicate-classes",
                f"classes names {list_names(duplicates)} more than once, so these images are "
                "served more than once and class indices have gaps. Name each class once.",
            )
    if iterator.class_mode in _WITHOUT_LABELS:
        return
    layout = None if given else _find_layout(iterator, names)
    if layout is not None and layout.kind != "splits":
        warn_of_trap(
            iterator,
            "splits-as-classes",
            f"The folders {list_names(layout.names)} are classes here, and look like "
            f"{'folds' if layout.kind == 'folds' else 'splits or folds'} of a data set. Pass the "
            "path of one split, such as fold_0/train, or use imggen.kfold_sequences.",
        )
    elif not given and len(names) > 1 and {name.lower() for name in names} <= _SPLIT_NAMES:
        warn_of_trap(
            iterator,
            "splits-as-classes",
            f"The classes are the folders {list_names(names)}, which look like the splits of a "
            "data set. Pass the path of one of them, and make one iterator per split.",
        )
    if iterator.class_mode == "binary" and len(names) > 2:
        warn_of_trap(
            iterator,
            "binary-classes",
            f'class_mode="binary" with {len(names)} classes ({list_names(names)}) gives the labels '
            f'0 to {len(names) - 1}. Use "sparse" or "categorical", or name two classes with '
            "classes=[...].",
        )


def _find_layout(iterator: Any, names: list[str]) -> SplitLayout | None:
    visible = [name for name in map(os.fsdecode, names) if not name.startswith(".")]
    return find_split_layout(os.fsdecode(iterator.directory), visible)


def _warn_of_saving_into(iterator: Any) -> None:
    target = iterator.save_to_dir
    if not isinstance(target, str | os.PathLike) or not os.fspath(target):
        return
    folder, directory = os.path.realpath(os.fspath(target)), os.path.realpath(iterator.directory)
    if isinstance(folder, str) and os.path.join(folder, "").startswith(
        os.path.join(os.fsdecode(directory), "")
    ):
        warn_of_trap(
            iterator,
            "saves-into-classes",
            f"save_to_dir={shorten(target)} is in {shorten(iterator.directory)}, so the next "
            "iterator reads the saved images as samples. Save them elsewhere.",
        )


def _warn_of_empty_classes(iterator: Any, folders: list[ClassFolder], given: Any) -> None:
    directory = os.fspath(iterator.directory)
    empty = [folder for folder in folders if not folder.num_images]
    if given and empty:
        absent = [folder.name for folder in empty if not os.path.isdir(folder.path)]
        present = [folder.name for folder in empty if os.path.isdir(folder.path)]
        problems = []
        if absent:
            problems.append(
                f"no folder {list_names(absent)} exists in {os.fspath(iterator.directory)!r}"
            )
        if present:
            problems.append(f"no images are in {list_names(present)}")
        hint = " classes must be a list of names." if isinstance(given, str) else ""
        warn_of_trap(
            iterator,
            "empty-class",
            f"{' and '.join(problems)}, so these classes, named by classes=, have no samples."
            f"{hint} Check the names: they are case-sensitive on most systems.",
        )
        return
    if iterator.class_mode in _WITHOUT_LABELS:
        return
    unread = {folder.name: _extensions_in(folder.path) for folder in empty}
    unread = {name: seen for name, seen in unread.items() if seen}
    if unread:
        name, seen = next(iter(unread.items()))
        warn_of_trap(
            iterator,
            "empty-class",
            f"The classes {list_names(unread)} have no samples: their folders hold other files "
            f"({name!r}: {_describe(seen)}), and only {', '.join(iterator.white_list_formats)} "
            "files are read. Convert the images, or name the classes with classes=[...].",
        )
    hidden = [
        folder.name
        for folder in folders
        if folder.name.startswith(".") or find_system_name(folder.name)
    ]
    if hidden and not given:
        warn_of_trap(
            iterator,
            "hidden-class",
            f"The hidden folders or those of a system {list_names(hidden)} in {directory!r} count "
            "as classes. Remove them, or name the classes with classes=[...].",
        )


def warn_of_system_folders(iterator: Any, folders: list[str]) -> None:
    """Warns of samples in folders inside classes that belong to a system, such as thumbnails."""
    if folders:
        names = [os.path.relpath(folder, iterator.directory) for folder in folders]
        warn_of_trap(
            iterator,
            "system-folder",
            f"The folders {list_names(names)} in {os.fspath(iterator.directory)!r} belong to a "
            "system or a network drive, and their images count as samples. Remove these folders.",
        )


def _reason_for_none(iterator: Any, folders: list[ClassFolder], given: Any) -> str:
    """Returns why a DirectoryIterator has no images, and what to do."""
    directory, formats = os.fspath(iterator.directory), iterator.white_list_formats
    if any(folder.num_images for folder in folders):
        most = max(folder.num_images for folder in folders)
        return (
            f'the share of subset="{iterator.subset}" is less than one image of each class, whose '
            f"largest has {most}. Use a larger validation_split."
        )
    absent = [folder.name for folder in folders if not os.path.isdir(folder.path)]
    if given and absent:
        return (
            f"the folders {list_names(absent)}, named by classes=, do not exist in {directory!r}. "
            "Correct the names or the directory."
        )
    seen = _extensions_in(directory)
    direct = [name for name in os.listdir(directory) if name.lower().endswith(formats)]
    if not folders and direct:
        parent, name = os.path.split(os.path.abspath(directory))
        return (
            f"{len(direct)} images lie directly in {directory!r}, which has no class folders. "
            f"Make one folder per class; or, for images without classes, pass {parent!r} with "
            f"classes=[{name!r}] and class_mode=None."
        )
    if seen:
        return (
            f"{directory!r} holds other files ({_describe(seen)}), and only {', '.join(formats)} "
            "files are read. Convert the images, or check the directory."
        )
    return f"{directory!r} holds no files. Check the directory."


def _extensions_in(directory: Any) -> Counter[str]:
    """Counts the extensions of the files in a folder, at any depth; of the first few thousand."""
    seen: Counter[str] = Counter()
    for _, _, files in os.walk(directory):
        seen.update(os.path.splitext(name)[1].lower() or "extensionless" for name in files)
        if seen.total() > _MAX_FILES_SEEN:
            break
    return seen


def _describe(seen: Counter[str]) -> str:
    return ", ".join(f"{number} {suffix}" for suffix, number in seen.most_common(_MAX_LISTED))
