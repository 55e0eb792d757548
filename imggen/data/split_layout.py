"""Recognition of folders that hold splits or folds of a dataset, and not its classes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from imggen.core import mark_name
from imggen.data.folder_trees import find_tree, list_names
from imggen.data.splits import SPLIT_NAMES, split_name
from imggen.data.system_names import find_system_name
from imggen.decode import image_extensions

_FOLD = re.compile(r"k?fold[ _-]?\d+", re.IGNORECASE)


class SplitLayout(NamedTuple):
    """Folders that are not classes.

    Attributes:
        kind: "splits": train, val and so on; "folds": folders of these, as ``imggen split --kfold``
            writes them; "nested": a single copy of either, next to class folders.
        names: The names of the folders.
    """

    kind: Literal["splits", "folds", "nested"]
    names: tuple[str, ...]


def find_split_layout(root: str, names: Sequence[str]) -> SplitLayout | None:
    """Looks for splits and folds among the folders that would be classes.

    A class may have the name of a split, and classes may be split inside of their folders
    (``cat/train/1.png``): neither counts, as long as no class folders are in there.

    Args:
        root: The folder.
        names: The names of its subfolders that would be classes.

    Returns:
        None if all may be classes.
    """
    if {"train"} < set(map(split_name, names)) <= set(SPLIT_NAMES):
        return SplitLayout("splits", tuple(names))
    inside = {name: list_subfolders(os.path.join(root, name)) for name in names}
    if set(map(split_name, names)) <= set(SPLIT_NAMES) and _are_same_classes(inside.values()):
        return SplitLayout("splits", tuple(names))
    folds = find_folds(root, names)
    is_output = mark_name("split") in list_names(root)
    if folds and (len(folds) == len(names) or is_output):
        return SplitLayout("folds", tuple(folds))
    nested = [
        name
        for name, folders in inside.items()
        if name in folds
        or (_are_splits(folders) and _hold_same_classes(os.path.join(root, name), folders))
        or (split_name(name) in SPLIT_NAMES and folders and {*folders} <= {*names} - {name})
    ]
    return SplitLayout("nested", tuple(nested)) if nested else None


def find_folds(root: str, names: Sequence[str]) -> list[str]:
    """Returns the names of folders like ``fold_0`` that hold splits, in order of their numbers."""
    found = [
        name
        for name in names
        if _FOLD.fullmatch(name) and _are_splits(list_subfolders(os.path.join(root, name)))
    ]
    return sorted(found, key=lambda name: (int(re.sub(r"\D", "", name)), name))


def is_fold_name(name: str) -> bool:
    """Returns whether a name is one of a fold, such as "fold_0"."""
    return _FOLD.fullmatch(name) is not None


def list_subfolders(folder: str) -> list[str]:
    """Returns the names of the visible folders in a folder; none if images are directly in it."""
    extensions = image_extensions()
    found = []
    try:
        with find_tree(folder).scandir(os.fsencode(folder)) as entries:
            for entry in entries:
                name = os.fsdecode(entry.name)
                if name.startswith(".") or find_system_name(name):
                    continue
                if entry.is_dir():
                    found.append(name)
                elif os.path.splitext(name)[1].lower() in extensions:
                    return []  # mostly the first entry of a class with many images
    except OSError:
        return []
    return sorted(found)


def _are_splits(names: Sequence[str]) -> bool:
    """Whether all names are those of splits, and there are at least two."""
    splits = set(map(split_name, names))
    return 1 < len(splits) == len(names) and splits <= set(SPLIT_NAMES)


def _hold_same_classes(folder: str, splits: Sequence[str]) -> bool:
    return _are_same_classes([list_subfolders(os.path.join(folder, name)) for name in splits])


def _are_same_classes(listed: Iterable[Sequence[str]]) -> bool:
    """Whether every folder holds folders, all of them those of the folder with the most."""
    folders = [set(names) for names in listed]
    return bool(folders) and all(folders) and all(max(folders, key=len) >= one for one in folders)
