"""The journal of a run: a plan on disk, written before any file is touched.

Both kinds of export work this way: the plan is written first; each step is atomic; finished steps
are recognized by their files; other settings are refused; a lock allows one run at a time. So an
interrupted run is resumed by the same call.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, final

from imggen.core import InputFile, is_inside, mark_name, parse_json, replace_files, shorten
from imggen.errors import ExportError, ImggenError
from imggen.workers import Progress, ThreadMap

_VERSION = 2
# The files of the hidden folder, and those that a killed run may have left in it.
_OWN_FILES = re.compile(r"plan\.jsonl|results\.jsonl|lock|\..+\.tmp")
_SCRATCH = "scratch"
_MAX_SHOWN = 80  # characters of a setting in an error message

S = TypeVar("S")
R = TypeVar("R")


@final
class Journal:
    """The hidden folder of a target in which its plan is kept.

    Args:
        target: The folder that the run writes to.
        kind: "split" or "augment"; names the hidden folder.
    """

    def __init__(self, target: str, kind: str) -> None:
        self.target = target
        self._kind = kind
        # Its name is the mark by which scans recognize the target.
        self._folder = Path(target, mark_name(kind))
        self._plan = self._folder / "plan.jsonl"
        self._results = self._folder / "results.jsonl"
        self._lock = threading.Lock()
        self._checked: dict[str, tuple[int, int]] = {}

    def __reduce__(self) -> tuple[type[Journal], tuple[str, str]]:
        """Makes another object for the same folder; locks cannot be pickled."""
        return Journal, (self.target, self._kind)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock of the target, which is created.

        Raises:
            ExportError: Another process holds it, or the system reports an error in the meantime.
        """
        from filelock import FileLock, Timeout

        try:
            self._check_own()
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / "lock").acquire(timeout=0):
                yield
        except Timeout as err:
            raise ExportError(
                f"Another run is writing to {self.target!r}. Wait for it to end, or stop it."
            ) from err
        except ImggenError:
            raise
        except OSError as err:
            raise ExportError(f"Cannot write {self.target!r}: {err}.") from err

    def check_empty(self) -> None:
        """Checks that the target has a plan, or holds no other files, or does not exist.

        Raises:
            ExportError: It holds other files.
        """
        if os.path.exists(self._plan) or not os.path.isdir(self.target):
            return
        if set(os.listdir(self.target)) - {self._folder.name}:
            raise ExportError(
                f"{self.target!r} is not empty. Choose a new folder, or empty this one first."
            )

    def write(self, metadata: Mapping[str, Any], steps: Iterable[Sequence[Any]]) -> None:
        """Writes a plan: a line of metadata, and a line per step.

        Raises:
            OSError: It cannot be written.
        """
        header = {"format": f"imggen {self._kind}", "version": _VERSION, **metadata}
        # ASCII, so that file names that are not valid UTF-8 survive as escapes.
        lines = [json.dumps(step) for step in steps]
        header["checksum"] = _checksum(header, lines)

        def write(place: Path) -> None:
            with place.open("w", encoding="ascii") as file:
                file.writelines(
                    f"{line}\n" for line in itertools.chain([json.dumps(header)], lines)
                )
                file.flush()
                os.fsync(file.fileno())

        self._folder.mkdir(parents=True, exist_ok=True)
        replace_files({self._plan: write})

    def read(self, parse: Callable[[dict[str, Any], list[Any]], R]) -> R | None:
        """Reads the plan, if there is one.

        Args:
            parse: Makes the plan from its metadata and steps, and checks that no path in it leads
                outside: the plan may have been edited, or downloaded with its folder.

        Raises:
            ExportError: The plan is damaged or was edited.
        """
        self._check_own()
        if not os.path.exists(self._plan):
            return None
        file = InputFile(
            self._plan,
            lambda message: ExportError(f"The plan {message}"),
            advice="Without it the original locations are lost; restore it, or choose a new "
            "target.",
        )
        lines = list(file.read_lines())
        with file.translate_errors():
            metadata: dict[str, Any] = parse_json(lines.pop(0))
            kind, version = metadata["format"], metadata["version"]
            if (kind, version) != (f"imggen {self._kind}", _VERSION):
                raise ValueError(
                    f"it is {shorten(kind)} of version {shorten(version)}; expected {_VERSION}"
                )
            if metadata.pop("checksum") != _checksum(metadata, lines):
                raise ValueError("it has been edited, since its checksum differs")
            del metadata["format"], metadata["version"]
            return parse(metadata, parse_json(f"[{','.join(lines)}]"))

    def record(self, result: Any) -> None:
        """Appends the result of a step; safe to call from several threads."""
        with self._lock, self._results.open("a", encoding="ascii") as file:
            file.write(f"\n{json.dumps(result)}")

    def recorded(self) -> Iterator[Any]:
        """Iterates over the results of all steps so far."""
        if os.path.exists(self._results):
            # Lines that an interruption cut off, or that are damaged, are steps to repeat.
            for line in self._results.read_text("ascii", "replace").splitlines():
                with contextlib.suppress(ValueError):
                    yield parse_json(line)

    def check_folders(self, folders: Iterable[str]) -> None:
        """Checks that no folder of the target leads outside it.

        Raises:
            ExportError: A folder does.
        """
        try:
            for folder in folders:
                self.locate(os.path.join(folder, "file"))
        except OSError as err:
            raise ExportError(f"{err}. Remove it, or choose a new folder.") from err

    def locate(self, path: str) -> str:
        """Returns the full path of a file that a step reads or writes in the target.

        Raises:
            OSError: A link leads outside the target, so that another file would be touched.
        """
        place = os.path.join(self.target, path)
        folder = os.path.dirname(place)
        try:
            found = os.stat(folder)
            identity = (found.st_dev, found.st_ino)
        except FileNotFoundError:  # to be created
            identity = None
        # Links are resolved once per folder, unless another folder is in its place by now.
        if identity is None or self._checked.get(folder) != identity:
            if not is_inside(os.path.realpath(folder), os.path.realpath(self.target)):
                raise OSError(errno.EXDEV, f"A link leads outside {self.target!r}", place)
            if identity is not None:
                self._checked[folder] = identity
        return place

    def forget(self) -> None:
        """Removes the journal, all folders of the target that are empty then, and the target."""
        for name in os.listdir(self._folder):
            if _OWN_FILES.fullmatch(name):
                os.unlink(self._folder / name)
        shutil.rmtree(self._folder / _SCRATCH, ignore_errors=True)
        for folder, _, _ in os.walk(self.target, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def carry_out(
        self,
        what: str,
        do: Callable[[S, str], R],
        steps: Sequence[S],
        outputs: Collection[str],
        *,
        folders: Collection[str] = (),
        threads: ThreadMap,
        progress: Progress | None = None,
    ) -> list[R]:
        """Carries out the steps that are not done yet.

        Args:
            what: The name of the work, for ``progress``.
            do: Carries out one step, unless its files show that it is done. It gets the step and
                a path that is free for a temporary file, on the file system of the target.
            steps: All steps.
            outputs: The files that the steps make, relative to the target. Their folders are
                created.
            folders: Further folders to create.
            threads: The threads that call ``do``.
            progress: Called with ``what``, the number of finished steps and of all steps.

        Returns:
            The result of each step.

        Raises:
            ExportError: See ``working``.
        """
        numbers = itertools.count()
        with self.working(outputs, folders) as scratch:
            return list(
                threads.imap_with_progress(
                    what, lambda step: do(step, str(scratch / str(next(numbers)))), steps, progress
                )
            )

    @contextlib.contextmanager
    def working(self, outputs: Collection[str], folders: Collection[str] = ()) -> Iterator[Path]:
        """Provides a folder for temporary files, on the file system of the target.

        Args:
            outputs: The files that are made, relative to the target. Their folders are created.
            folders: Further folders to create.

        Raises:
            ExportError: A step fails for a reason that later steps would fail for too, such as a
                full disk.
        """
        # One folder per run: a thread of an interrupted run may still be writing.
        scratch = self._folder / _SCRATCH / secrets.token_hex(4)
        self._check_own()
        places = {*folders, *map(os.path.dirname, outputs)}
        self.check_folders(places)
        with self.translate_errors(outputs):
            try:
                for folder in sorted(places):
                    os.makedirs(os.path.join(self.target, folder), exist_ok=True)
                scratch.mkdir(parents=True)
                yield scratch
            finally:
                shutil.rmtree(scratch.parent, ignore_errors=True)  # with those of killed runs
                with contextlib.suppress(OSError):
                    os.rmdir(self._folder)

    @contextlib.contextmanager
    def translate_errors(self, outputs: Collection[str]) -> Iterator[None]:
        """Turns an error of the system in the block, such as a full disk, into an ``ExportError``.

        Args:
            outputs: The files that the block makes, relative to the target.
        """
        try:
            yield
        except ImggenError:
            raise
        except OSError as err:
            raise self._stopped(err, outputs) from err

    def _check_own(self) -> None:
        """Checks that the hidden folder leads nowhere else, by links of someone else.

        Raises:
            ExportError: The folder or a file in it is a link.
        """
        try:
            if stat.S_ISDIR(os.lstat(self._folder).st_mode):
                entries = list(os.scandir(self._folder))
            else:
                raise NotADirectoryError
            odd = [entry.path for entry in entries if not _is_own(entry)]
        except NotADirectoryError:
            if not os.path.lexists(self._folder):  # the target is a file
                return
            odd = [str(self._folder)]
        except OSError:  # there is none, or its name is too long
            return
        if odd:
            raise ExportError(
                f"{odd[0]!r} is a link or another kind of file than imggen writes there, so that "
                "other files could be overwritten. Remove it, or choose a new folder."
            )

    def _stopped(self, err: OSError, outputs: Collection[str]) -> ExportError:
        reason = "The disk is full" if err.errno in (errno.ENOSPC, errno.EDQUOT) else str(err)
        done = sum(os.path.lexists(os.path.join(self.target, path)) for path in outputs)
        return ExportError(
            f"{reason}: stopped when {done} of {len(outputs)} files were in {self.target!r}. No "
            "file is lost. Fix the cause, and make the same call again to resume."
        )


def check_same_settings(target: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Checks that a target was begun with the settings of this call.

    Args:
        target: The target, for the message.
        then: The settings of its plan.
        now: Those of this call.

    Raises:
        ExportError: Settings differ.
    """
    changed = [
        _describe_change(name, then.get(name), now.get(name))
        for name in dict.fromkeys([*then, *now])
        if json.dumps(then.get(name)) != json.dumps(now.get(name))  # tuples are read as lists
    ]
    if changed:
        raise ExportError(
            f"{target!r} was made with {', '.join(changed)}. Use the same settings to complete it, "
            "or choose a new folder."
        )


def _describe_change(name: str, then: Any, now: Any) -> str:
    if max(len(str(then)), len(str(now))) > _MAX_SHOWN:
        return f"another {name}="
    return f"{name}={shorten(then)} (now {shorten(now)})"


def _checksum(header: Mapping[str, Any], lines: Iterable[str]) -> str:
    digest = hashlib.sha256(json.dumps(header).encode("ascii"))
    for line in lines:
        digest.update(f"\n{line}".encode("ascii"))
    return digest.hexdigest()


def _is_own(entry: os.DirEntry[str]) -> bool:
    """Whether writing to an entry of the hidden folder changes no other file."""
    if entry.name == _SCRATCH:
        return entry.is_dir(follow_symlinks=False)
    if not _OWN_FILES.fullmatch(entry.name):
        return True  # never touched
    # Only these two are written in place, through further names (hard links) of the file too.
    is_alone = entry.name not in ("lock", "results.jsonl") or (
        entry.stat(follow_symlinks=False).st_nlink == 1
    )
    return entry.is_file(follow_symlinks=False) and is_alone
