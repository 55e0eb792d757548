"""Images and what belongs to them in other folders: masks, further images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

from imggen.core import StringColumn
from imggen.errors import ImggenWarning, ScanError

# So many files are listed in a message.
_MOST_LISTED = 10


def paired(
    root: str, paths: StringColumn, files: Sequence[str], directory: str, what: str
) -> StringColumn:
    """Finds the partner of each image: the file of the same name in another folder.

    ``images/cat/1.jpg`` and ``masks/cat/1.png`` are a pair: the same way below each folder, with
    any extension.

    Args:
        root: The folder of the images.
        paths: The images, relative to ``root``.
        files: The files of the other folder, relative to it.
        directory: The other folder.
        what: What they are called in messages, such as "mask".

    Returns:
        The partners, relative to ``root``.

    Raises:
        ScanError: An image has no partner, or several; with a list.
    """
    way = os.path.relpath(directory, root)
    files_of: dict[str, list[str]] = {}
    for file in files:
        files_of.setdefault(os.path.splitext(file)[0], []).append(file)
    partners, alone = [], []
    used: set[str] = set()
    for path in paths:
        found = files_of.get(os.path.splitext(path)[0], [])
        if len(found) > 1:
            raise ScanError(
                f"{path!r} in {root!r} has {len(found)} files of its name in {directory!r}: "
                f"{_listed(found)}. Keep one."
            )
        if found:
            partners.append(os.path.normpath(os.path.join(way, found[0])))
        else:
            alone.append(path)
        used.update(found)
    unused = [file for file in files if file not in used]
    if alone:
        raise ScanError(
            f"{len(alone)} of {len(paths)} images in {root!r} have no {what} of the same name in "
            f"{directory!r}: {_listed(alone)}"
            + (f"; and {len(unused)} there have no image: {_listed(unused)}" if unused else "")
            + ". Add them, or move these images away."
        )
    if unused:
        warnings.warn(
            f"{len(unused)} of {len(files)} files in {directory!r} belong to no image and are left "
            f"out: {_listed(unused)}.",
            ImggenWarning,
            stacklevel=4,
        )
    return StringColumn.of(partners)


def _listed(names: list[str]) -> str:
    some = ", ".join(map(repr, names[:_MOST_LISTED]))
    return some if len(names) <= _MOST_LISTED else f"{some} and {len(names) - _MOST_LISTED} more"
