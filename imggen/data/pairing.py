"""Pairing of images with files of the same name in other folders: masks, further images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

from imggen.core import StringColumn, pluralize
from imggen.errors import ImggenWarning, ScanError

# The most files that a message lists.
_MAX_LISTED = 10


def pair_files(
    root: str, paths: StringColumn, files: Sequence[str], directory: str, noun: str
) -> StringColumn:
    """Finds the file of the same name in another folder for each image.

    ``images/cat/1.jpg`` and ``masks/cat/1.png`` are a pair: the same path below each folder, with
    any extension.

    Args:
        root: The folder of the images.
        paths: The images, relative to ``root``.
        files: The files of the other folder, relative to it.
        directory: The other folder.
        noun: A word for the files in messages, such as "mask".

    Returns:
        The file of each image, relative to ``root``.

    Raises:
        ScanError: An image has no such file, or several; the message lists them.
    """
    relative = os.path.relpath(directory, root)
    files_of: dict[str, list[str]] = {}
    for file in files:
        files_of.setdefault(os.path.splitext(file)[0], []).append(file)
    partners, unpaired = [], []
    used: set[str] = set()
    for path in paths:
        found = files_of.get(os.path.splitext(path)[0], [])
        if len(found) > 1:
            raise ScanError(
                f"{path!r} in {root!r} has {len(found)} files of the same name in {directory!r}: "
                f"{_join(found)}. Keep one."
            )
        if found:
            partners.append(os.path.normpath(os.path.join(relative, found[0])))
        else:
            unpaired.append(path)
        used.update(found)
    unused = [file for file in files if file not in used]
    if unpaired:
        raise ScanError(
            f"{len(unpaired)} of {len(paths)} images in {root!r} have no {noun} of the same name "
            f"in {directory!r}: {_join(unpaired)}"
            + (
                f"; {pluralize(len(unused), 'file')} there without an image: {_join(unused)}"
                if unused
                else ""
            )
            + ". Add the missing files, or move these images away."
        )
    if unused:
        warnings.warn(
            f"{len(unused)} of {len(files)} files in {directory!r} have no image and are ignored: "
            f"{_join(unused)}.",
            ImggenWarning,
            stacklevel=4,
        )
    return StringColumn.of(partners)


def _join(names: list[str]) -> str:
    some = ", ".join(map(repr, names[:_MAX_LISTED]))
    return some if len(names) <= _MAX_LISTED else f"{some} and {len(names) - _MAX_LISTED} more"
