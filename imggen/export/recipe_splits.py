"""Splits of a manifest whose equal, similar and linked files stay together."""

from __future__ import annotations

import dataclasses
import os
import warnings
from typing import NamedTuple

from imggen.core import StringColumn, number_strings
from imggen.data import Manifest, Splits
from imggen.errors import ImggenWarning
from imggen.export.sidecars import find_sidecars
from imggen.quality import find_duplicates, hash_files
from imggen.splitting import Recipe, group_by, join_groups, split_by_recipe
from imggen.workers import Progress


class RecipeSplits(NamedTuple):
    """The result of a recipe.

    Attributes:
        splits: One manifest per split.
        duplicates: The paths of each group of duplicates that was kept together; None if
            duplicates were not searched for.
        num_separated: The number of these groups that would otherwise be in several splits.
        num_groups: The number of groups by ``group_by`` or of the manifest; None without groups.
    """

    splits: Splits[Manifest]
    duplicates: list[list[str]] | None = None
    num_separated: int = 0
    num_groups: int | None = None


def make_splits(
    manifest: Manifest, recipe: Recipe, progress: Progress | None = None
) -> RecipeSplits:
    """Splits a manifest, and keeps links to one file and files with a common sidecar together.

    The splits of folds are named "fold_0/train", "fold_0/val" and so on.

    Raises:
        SplitError: See ``split``, ``kfold`` and ``group_by``.
        ManifestError: A file that must be hashed or compared cannot be read.
    """
    if recipe.group_by is not None:
        manifest = group_by(manifest, recipe.group_by)
    num_groups = None
    if manifest.groups is not None:
        num_groups = len(number_strings(manifest.groups).first_rows)
    if not recipe.stable:  # which is by content, since links and sidecars may change later
        manifest = _join_links_and_sidecars(manifest)
    if recipe.stable and manifest.groups is None and manifest.hashes is None:
        manifest = hash_files(manifest, progress=progress)
    if not recipe.near_duplicates:
        return RecipeSplits(split_by_recipe(manifest, recipe), num_groups=num_groups)
    found = find_duplicates(manifest, progress=progress)
    splits = split_by_recipe(found.grouped(), recipe)
    groups = [[manifest.paths[row] for row in sorted(group)] for group in found.groups]
    with warnings.catch_warnings():  # of a split that is only compared
        warnings.simplefilter("ignore", ImggenWarning)
        num_separated = _count_separated(groups, manifest, recipe)
    return RecipeSplits(splits, groups, num_separated, num_groups)


def merge_splits(splits: Splits[Manifest], recipe: Recipe) -> Manifest:
    """Returns one manifest of all splits; for folds, each sample with the fold that validates it.

    Args:
        splits: The result of ``make_splits``.
        recipe: The recipe that made them.
    """
    return Manifest.concatenate(
        [
            dataclasses.replace(split, splits=StringColumn.of([name] * len(split)))
            for name, split in recipe.disjoint(splits).as_dict().items()
        ]
    )


def _count_separated(groups: list[list[str]], manifest: Manifest, recipe: Recipe) -> int:
    """Counts the groups that would be in several splits if they had not been searched for."""
    splits = recipe.disjoint(split_by_recipe(manifest, recipe)).as_dict()
    split_of = {path: name for name, split in splits.items() for path in split.paths}
    return sum(len({split_of[path] for path in group}) > 1 for group in groups)


def _join_links_and_sidecars(manifest: Manifest) -> Manifest:
    """Puts links to one file, and files with a common sidecar, into one group."""
    for names in (_name_linked_files(manifest), _name_common_sidecars(manifest)):
        if len(set(names)) < len(names):
            manifest = join_groups(manifest, names)
    return manifest


def _name_linked_files(manifest: Manifest) -> list[str]:
    """Returns a name per sample, equal for links to one file."""
    first: dict[tuple[int, int], str] = {}
    names = []
    for row, path in enumerate(manifest.paths):
        try:
            found = os.stat(manifest.filepath(row))
        except OSError:  # reported when the file is read
            names.append(path)
        else:
            names.append(first.setdefault((found.st_dev, found.st_ino), path))
    return names


def _name_common_sidecars(manifest: Manifest) -> list[str]:
    """Returns a name per sample, equal for samples with a common sidecar."""
    names = list(manifest.paths)
    for sidecar in find_sidecars(manifest):
        for row in sidecar.rows[1:]:
            names[row] = names[sidecar.rows[0]]
    return names
