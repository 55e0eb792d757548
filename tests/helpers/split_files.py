"""Helpers for tests of ``split_directory``: files of known bytes, and checks of the result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imggen import split_directory

HALF = (0.5, 0.25, 0.25)
MODES = ("copy", "move", "symlink", "hardlink")

# The folder of the plan, in the target of a split.
PLAN = ".imggen-split"

ODD_NAMES = (
    b"a b  c.png",
    "🐈é.png".encode(),
    b"line\nbreak.png",
    b"caf\xe9 \xff.png",
    b"-rf.png",
)


def write_files(folder: Path, *names: str) -> Path:
    """Writes files that each hold their own name."""
    for name in names:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.fsencode(name))
    return folder


def numbered(class_name: str, count: int) -> list[str]:
    return [f"{class_name}/{number:03d}.png" for number in range(count)]


def files_in(folder: Path) -> dict[str, bytes]:
    """Path to bytes, without the folder of the plan."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and PLAN not in path.parts
    }


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def visible_in(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def without_part(name: str) -> str:
    return name.partition("/")[2]


def part_of(folder: Path) -> dict[str, str]:
    """Path within its split to the name of the split; each path is in one split."""
    found = [name.partition("/") for name in files_in(folder)]
    parts = {inside: part for part, _, inside in found}
    assert len(parts) == len(found)
    return parts


def step_back(source: Path, target: Path, inside: str) -> None:
    """Puts one file where an interruption before its step would have left it."""
    place = target / part_of(target)[inside] / inside
    if (source / inside).exists():
        place.unlink()
    else:
        place.rename(source / inside)


def interrupt_after(num_files: int):
    """A ``progress=`` that interrupts after a number of files."""

    def progress(what, done, _):
        if what != "reading" and done >= num_files:
            raise KeyboardInterrupt

    return progress


def program(*arguments, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "imggen", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def interrupted(source: Path, target: Path, num_files: int, **options) -> None:
    with pytest.raises(KeyboardInterrupt):
        split_directory(source, target, HALF, progress=interrupt_after(num_files), **options)
