"""Pairing of images with files that belong to them: masks, further images."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from imggen.core import StringColumn, pluralize, warn_user
from imggen.data.name_pattern import NamePattern
from imggen.errors import ScanError
from imggen.stores import normalize_address, relative_address

# The most files that a message lists.
_MAX_LISTED = 10
# The most images, and the most files, whose names are compared to suggest a pattern.
_MAX_COMPARED, _MAX_NAMES = 100, 10_000


def pair_files(
    root: str,
    paths: StringColumn,
    files: Sequence[str],
    directory: str,
    noun: str,
    pattern: NamePattern,
) -> StringColumn:
    """Finds the file that belongs to each image, by its name.

    ``images/cat/1.jpg`` and ``masks/cat/1.png`` are a pair: the same path below each folder, with
    any extension; or, with a pattern such as "{stem}_mask", ``masks/cat/1_mask.png``.

    Args:
        root: The folder of the images.
        paths: The images, relative to ``root``.
        files: The files of the other folder, relative to it.
        directory: The other folder.
        noun: A word for the files in messages, such as "mask".
        pattern: The names of the files.

    Returns:
        The file of each image, relative to ``root``.

    Raises:
        ScanError: An image has no such file, or several; the message lists them.
    """
    relative = relative_address(directory, root)
    files_of: dict[str, list[str]] = {}
    for file in files:
        if pattern.accepts(file):
            files_of.setdefault(os.path.splitext(file)[0], []).append(file)
    partners, unpaired = [], []
    used: set[str] = set()
    for path in paths:
        wanted = pattern.find(path)
        found = [] if wanted is None else files_of.get(wanted, [])
        if len(found) > 1:
            raise ScanError(
                f"{path!r} in {root!r} has {len(found)} files of the same name in {directory!r}: "
                f"{_join(found)}. Keep one, or pass mask_pattern= with an extension."
            )
        if found:
            partners.append(normalize_address(os.path.join(relative, found[0])))
        else:
            unpaired.append(path)
        used.update(found)
    unused = [file for file in files if file not in used]
    if unpaired:
        name = "of the same name" if pattern == NamePattern() else f"named {pattern.name!r}"
        raise ScanError(
            f"{len(unpaired)} of {len(paths)} images in {root!r} have no {noun} {name} "
            f"in {directory!r}: {_join(unpaired)}"
            + (
                f"; {pluralize(len(unused), 'file')} there without an image: {_join(unused)}"
                if unused
                else ""
            )
            + ". Add the missing files, or move these images away."
            + (_suggest(unpaired, unused) if noun == "mask" else "")
        )
    if unused:
        warn_user(
            f"{len(unused)} of {len(files)} files in {directory!r} have no image and are ignored: "
            f"{_join(unused)}."
        )
    return StringColumn.of(partners)


def separate(
    root: str, paths: StringColumn, files: Sequence[str], pattern: NamePattern
) -> tuple[list[int], list[str]]:
    """Separates images and masks that are in the same folder.

    Args:
        root: The folder.
        paths: The files found as images.
        files: All files of the folder, with any extension of an image.
        pattern: The names of the masks.

    Returns:
        The rows of the images among ``paths``, and the masks among ``files``.

    Raises:
        ScanError: The names do not distinguish images from masks.
    """
    if pattern == NamePattern():
        images = set(paths)
        masks = [file for file in files if file not in images]
        stems = {os.path.splitext(mask)[0] for mask in masks}
        if not any(os.path.splitext(path)[0] in stems for path in paths):
            raise ScanError(
                f"The masks are in the folder of the images, {root!r}, so every image would be its "
                "own mask. Pass mask_pattern=, the name of a mask with '{stem}' in place of the "
                f"name of its image.{_suggest(list(paths), files)}"
            )
        return list(range(len(paths))), masks
    rows = [row for row, path in enumerate(paths) if not pattern.matches(path)]
    if not rows:
        raise ScanError(
            f"All of the {len(paths)} images in {root!r} are named like masks, {pattern.name!r}. "
            "Pass a mask_pattern= that images do not have."
        )
    return rows, [file for file in files if pattern.matches(file)]


def _suggest(paths: Sequence[str], files: Sequence[str]) -> str:
    """Suggests the pattern that most of the files have; empty if there is none."""
    names: dict[str, list[str]] = {}
    for file in files[:_MAX_NAMES]:
        folder, name = os.path.split(file)
        names.setdefault(folder, []).append(name)
    patterns: Counter[str] = Counter()
    for path in paths[:_MAX_COMPARED]:
        folder, own_name = os.path.split(path)
        stem = os.path.splitext(own_name)[0]
        for name in names.get(folder, []):
            base, extension = os.path.splitext(name)
            if name != own_name and stem in base:
                made = base.replace(stem, "{stem}", 1)
                patterns[made if made != "{stem}" else made + extension] += 1
    if not patterns:
        return ""
    (best, _), *_ = patterns.most_common(1)
    return f" The names of files suggest mask_pattern={best!r}."


def _join(names: list[str]) -> str:
    some = ", ".join(map(repr, names[:_MAX_LISTED]))
    return some if len(names) <= _MAX_LISTED else f"{some} and {len(names) - _MAX_LISTED} more"
