"""A split to folders of files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from imggen.errors import ExportError
from imggen.manifest import Manifest
from imggen.parts import Parts
from imggen.scan import scan
from imggen.split import Ratios, split


def split_directory(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    ratios: Ratios = (0.7, 0.15, 0.15),
    *,
    seed: int = 0,
    stratify: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Parts[Manifest]:
    """Copies ``source/<class>/**`` to ``target/train|val|test/<class>/**``.

    Everything is copied to a folder beside ``target`` first, which becomes ``target`` in one step
    when it is complete: an interrupted run leaves no half-filled target.

    Args:
        source: The folder of class folders; it is only read.
        target: Where to put the parts; must not exist, or be an empty folder.
        ratios: As in ``split``.
        seed: As in ``split``.
        stratify: As in ``split``.
        progress: Called with (files copied, files in all) after each file.

    Returns:
        The manifest of each part, of the files in ``target``.

    Raises:
        ExportError: ``target`` holds something, lies in ``source`` or the reverse, or cannot be
            written.
        ScanError: See ``scan``.
        SplitError: See ``split``.

    Example:
        >>> import tempfile
        >>> parts = split_directory(photos, tempfile.mkdtemp(), (0.5, 0.25, 0.25))
        >>> parts.train.class_counts
        {'cat': 4, 'dog': 4}
    """
    origin, goal = Path(source), Path(target)
    _check_places(origin, goal)
    manifest = scan(origin)
    parts = split(manifest, ratios, seed=seed, stratify=stratify)
    # The folder itself, where the target is a link to one: a link cannot be replaced by a folder.
    place = goal.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    except OSError as err:
        raise ExportError(f"Cannot write beside {str(goal)!r}: {err}.") from err
    try:
        done = 0
        for name, part in parts.as_dict().items():
            for class_name in part.class_names:
                (building / name / class_name).mkdir(parents=True, exist_ok=True)
            for path in part.paths:
                copy = building / name / path
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(origin / path, copy)
                done += 1
                if progress is not None:
                    progress(done, manifest.num_samples)
        building.chmod(0o777 & ~_umask())  # mkdtemp makes private folders
        os.replace(building, place)
    except OSError as err:
        raise ExportError(f"Cannot copy {str(origin)!r} to {str(goal)!r}: {err}.") from err
    finally:
        shutil.rmtree(building, ignore_errors=True)
    copied = {
        name: Manifest(
            os.fspath(goal / name),
            part.paths,
            part.labels,
            part.class_names,
        )
        for name, part in parts.as_dict().items()
    }
    return Parts(copied.values(), tuple(copied))


def _check_places(origin: Path, goal: Path) -> None:
    if goal.is_dir() and any(goal.iterdir()):
        raise ExportError(
            f"{str(goal)!r} is not empty. Choose a new folder, or empty this one first."
        )
    if goal.exists() and not goal.is_dir():
        raise ExportError(f"{str(goal)!r} is a file; expected a folder, new or empty.")
    inner, outer = goal.resolve(), origin.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise ExportError(
            f"{str(goal)!r} and {str(origin)!r} lie in one another, so that copies would be taken "
            "for a class. Choose a folder beside the source."
        )


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
