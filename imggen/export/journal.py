"""The plan on disk: written before anything else, so that an interrupted run can go on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from imggen.core import replace_files
from imggen.core import run_lock as runs
from imggen.errors import ExportError
from imggen.export.plan import Plan, Step

# Hidden, so that no scan takes it for a part or a class.
_FOLDER = ".imggen-split"
_VERSION = 1


def scratch_folder(place: str) -> str:
    """Where files lie until they are complete; on the file system of where they go."""
    return os.path.join(place, _FOLDER, "scratch")


def write_plan(plan: Plan) -> None:
    """Writes the plan into its target, which is made if need be.

    Raises:
        OSError: It cannot be written.
    """
    metadata = asdict(plan)
    steps = metadata.pop("steps")
    folder = Path(plan.target, _FOLDER)
    folder.mkdir(parents=True, exist_ok=True)

    def write(place: Path) -> None:
        # In ASCII: file names that are no text survive as escapes.
        with place.open("w", encoding="ascii") as file:
            file.write(
                json.dumps({"format": "imggen split", "version": _VERSION, **metadata}) + "\n"
            )
            file.writelines(json.dumps(step) + "\n" for step in steps)
            file.flush()
            os.fsync(file.fileno())

    replace_files({folder / "plan.jsonl": write})


def read_plan(target: str) -> Plan | None:
    """Reads the plan that a target was made by, or None.

    Raises:
        ExportError: There is one that cannot be understood.
    """
    file = Path(target, _FOLDER, "plan.jsonl")
    try:
        with file.open(encoding="ascii") as lines:
            metadata: dict[str, Any] = json.loads(next(lines))
            kind, found_version = metadata.pop("format"), metadata.pop("version")
            if kind != "imggen split" or found_version != _VERSION:
                raise ValueError(f"{kind!r} of version {found_version}, and this imggen reads 1")
            steps = [Step(*json.loads(line)) for line in lines]
        metadata |= {key: tuple(metadata[key]) for key in ("names", "class_names")}
        metadata["target"] = target  # which may have been moved since
        return Plan(**metadata, steps=steps)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, StopIteration) as err:
        raise ExportError(
            f"The plan {str(file)!r} cannot be read: {err!r}. Without it nobody knows where files "
            "came from; restore it, or choose a new target."
        ) from err


def holds_more_than_plan(target: str) -> bool:
    """Whether a folder holds anything but what an interrupted ``write_plan`` leaves."""
    return any(name != _FOLDER for name in os.listdir(target))


def forget_plan(target: str) -> None:
    """Removes the plan, and all folders below the target that are empty then, and the target."""
    shutil.rmtree(os.path.join(target, _FOLDER), ignore_errors=True)
    for below, _, _ in os.walk(target, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(below)


def remove_scratch(place: str) -> None:
    """Removes the scratch folder, also what killed runs left in it, and its folder if empty."""
    shutil.rmtree(scratch_folder(place), ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.join(place, _FOLDER))


@contextlib.contextmanager
def hold_run_lock(target: str) -> Iterator[None]:
    """Holds the target's lock.

    Raises:
        ExportError: Another process holds it.
    """
    with runs.hold_run_lock(Path(target, _FOLDER), target):
        yield
