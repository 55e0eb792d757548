"""Kills every verb that writes at random moments, and compares the result with one never killed.

    python -m tests.helpers.kill_storm --kills 60 --seed 1

Each verb runs in a forked process on a copy of the same folder. It is killed (SIGKILL) at a random
moment: in turns, after a part of its usual time, and before one of its calls that create, rename or
remove a file. It is repeated, up to three times killed again, until it ends. After each
kill, nothing may be lost: every file of the source exists with its content, somewhere; and every
visible output is complete, or the one from before. At the end all files are those of a run that was
never killed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

_NUM_IMAGES = 24
_MAX_KILLS_PER_FOLDER = 3


class Verb(NamedTuple):
    """A command, in a folder with ``photos`` and ``other``.

    Attributes:
        line: Its arguments.
        before: The arguments of a command that runs before it, if any.
        moves: Whether files of the source may be elsewhere afterwards.
    """

    line: tuple[str, ...]
    before: tuple[str, ...] = ()
    moves: bool = False


_PACK = ("pack", "photos", "out", "--shard-size", "8KB")
_SMALL = ("--image-size", "16", "16")
VERBS = {
    "split --copy": Verb(("split", "photos", "out")),
    "split --move": Verb(("split", "photos", "out", "--move"), moves=True),
    "split --symlink": Verb(("split", "photos", "out", "--symlink")),
    "split --hardlink": Verb(("split", "photos", "out", "--hardlink")),
    "split --kfold": Verb(("split", "photos", "out", "--kfold", "3")),
    "split --undo": Verb(("split", "--undo", "out"), ("split", "photos", "out", "--move"), True),
    "split --manifest": Verb(("split", "photos", "--manifest", "m.csv", "--report", "r.html")),
    "augment": Verb(("augment", "photos", "out", "--copies", "2", "--policy", "light")),
    "pack": Verb(_PACK),
    "pack --split": Verb((*_PACK, "--split", "0.5", "0.5", "--image-size", "8")),
    "unpack": Verb(("unpack", "packed", "out"), ("pack", "photos", "packed")),
    "verify -o": Verb(("verify", "photos", "-o", "v.csv")),
    "verify --quarantine": Verb(("verify", "photos", "--quarantine", "q"), moves=True),
    "duplicates -o": Verb(("duplicates", "photos", "-o", "d.json", "--html", "d.html")),
    "leaks -o": Verb(("leaks", "photos", "other", "-o", "l.csv", "--fix", "f.csv")),
    "scan -o": Verb(("scan", "photos", "-o", "s.csv", "--save", "m.csv", "--html", "s.html")),
    "preview -o png": Verb(("preview", "photos", "-o", "p.png", *_SMALL, "--variants", "2")),
    "preview -o html": Verb(("preview", "photos", "-o", "p.html", *_SMALL, "--variants", "2")),
    "migrate --write": Verb(("migrate", "scripts", "--write")),
}


class Outcome(NamedTuple):
    """The result of a storm.

    Attributes:
        num_kills: The number of processes that were killed.
        num_during: Those that had begun to write, or to move, by then.
        faults: What was lost or differs, in words.
    """

    num_kills: int
    num_during: int
    faults: list[str]


def storm(verb: Verb, num_kills: int, seed: int) -> Outcome:
    """Kills a verb a number of times, in as many folders as that takes."""
    chance = random.Random(seed)
    faults: list[str] = []
    num_done = num_during = 0
    with tempfile.TemporaryDirectory() as scratch:
        # In one place, since plans and pages hold full paths.
        start, place = Path(scratch, "start"), Path(scratch, "run")
        _write_inputs(place)
        if verb.before:
            _wait(_fork(place, verb.before))
        shutil.copytree(place, start, symlinks=True)
        count_file = Path(scratch, "count")
        began = time.monotonic()
        _wait(_fork(place, verb.line, count_file=count_file))
        seconds, num_calls = time.monotonic() - began, int(count_file.read_text())
        goal, first, contents = _state(place), _state(start), _contents(start)
        shutil.rmtree(place)
        by_time = itertools.cycle([True, False])
        while num_done < num_kills:
            shutil.copytree(start, place, symlinks=True)
            for _ in range(_MAX_KILLS_PER_FOLDER):
                if next(by_time):
                    process = _fork(place, verb.line)
                    time.sleep(chance.uniform(0, seconds))
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                else:
                    process = _fork(place, verb.line, kill_at=chance.randrange(num_calls))
                if os.WIFSIGNALED(_wait(process)):
                    num_done += 1
                    now = _state(place)
                    num_during += now != first
                    faults += _find_faults(verb, now, first, goal, contents - _contents(place))
                if num_done >= num_kills:
                    break
            _wait(_fork(place, verb.line))
            end = _state(place)
            faults += [
                f"other result: {path}"
                for path in sorted(goal.keys() | end.keys())
                if goal.get(path) != end.get(path)
            ]
            shutil.rmtree(place)
    return Outcome(num_done, num_during, faults)


def _find_faults(
    verb: Verb,
    now: dict[str, bytes],
    first: dict[str, bytes],
    goal: dict[str, bytes],
    lost: Counter[bytes],
) -> list[str]:
    faults = [f"lost: {content[:40]!r}" for content in lost]
    for path, content in now.items():
        # The list of a quarantine grows line by line.
        if content not in (first.get(path), goal.get(path)) and path != "q/quarantine.csv":
            faults.append(f"incomplete: {path}")
    if not verb.moves:
        faults += [f"changed: {path}" for path in first if path not in now]
    return faults


def _write_inputs(folder: Path) -> None:
    for number in range(_NUM_IMAGES):
        place = folder / "photos" / ("cat", "dog")[number % 2] / f"{number:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number // 2).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels if number < 8 else 255 - pixels).save(place)
        place.with_suffix(".txt").write_text(f"sidecar {number}")
        if number % 6 == 5:
            place.write_bytes(b"broken" + bytes([number]))
    for number in range(4):
        place = folder / "other" / "cat" / f"{number:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng((100 + number) if number else 0)
        Image.fromarray(pixels.integers(0, 256, (16, 16, 3), np.uint8)).save(place)
        script = folder / "scripts" / f"{number}.py"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            "from keras.preprocessing.image import ImageDataGenerator\n"
            f"generator = ImageDataGenerator(rescale=1 / {number + 1})\n"
        )


_CALLS = ("open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink")


def _fork(
    folder: Path,
    line: tuple[str, ...],
    *,
    kill_at: int | None = None,
    count_file: Path | None = None,
) -> int:
    """Starts a command; it kills itself before a call that changes a file, or counts them."""
    process = os.fork()
    if process:
        return process
    try:
        os.chdir(folder)
        numbers, here, last = itertools.count(), os.getcwd(), 0

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal last
            if event not in _CALLS or not isinstance(arguments[0], str | bytes | os.PathLike):
                return
            if event == "open" and not int(arguments[2]) & (os.O_WRONLY | os.O_RDWR):  # type: ignore[call-overload]
                return
            if os.path.abspath(os.fsdecode(arguments[0])).startswith(here):
                last = next(numbers)
                if last == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        from imggen.cli import main

        main(list(line))
    except BaseException:  # noqa: BLE001  # a child must never return
        pass
    if count_file is not None:
        count_file.write_text(str(last + 1))
    os._exit(0)


def _wait(process: int) -> int:
    return os.waitpid(process, 0)[1]


def _state(folder: Path) -> dict[str, bytes]:
    """Path to content of all visible files; a list is compared without its order and repeats."""
    state = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not any(part.startswith(".") for part in name.split("/")):
            content = path.read_bytes()
            if path.name == "quarantine.csv":
                lines = content.splitlines(keepends=True)
                content = b"".join(sorted(set(lines)))
            state[name] = content
    return state


def _contents(folder: Path) -> Counter[bytes]:
    """Content of all images, wherever they are."""
    images = (path for path in folder.rglob("*.png") if path.is_file())
    return Counter({path.read_bytes(): 1 for path in images})


def main() -> int:
    """Prints a line per verb; returns 1 if anything was lost or differs."""
    parser = argparse.ArgumentParser(description="Kill every verb that writes.")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("verbs", nargs="*", default=list(VERBS))
    options = parser.parse_args()
    failed = False
    for name in options.verbs:
        began = time.monotonic()
        outcome = storm(VERBS[name], options.kills, options.seed)
        failed |= bool(outcome.faults)
        print(
            f"{name:20} {outcome.num_kills} kills, {outcome.num_during} after the first change, "
            f"{len(outcome.faults)} faults, {time.monotonic() - began:.0f} s",
            *outcome.faults[:5],
            sep="\n    ",
            flush=True,
        )
    return failed


if __name__ == "__main__":
    # Imported before the processes fork, with a backend that starts no threads.
    os.environ["KERAS_BACKEND"] = "numpy"
    import imggen.preview
    import imggen.reports
    import imggen.sequences  # noqa: F401

    sys.exit(main())
