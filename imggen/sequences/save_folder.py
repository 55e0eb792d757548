"""A folder of saves of a training: each is complete or absent, whenever the process is killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import InputFile, parse_json, warn_user
from imggen.errors import ExportError, ResumeError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_POINTER, _LOCK = "resume.json", "resume.lock"
_SAVE = re.compile(r"resume-(\d{8,})\.zip")
_TEMPORARY = re.compile(r"\.resume-.*\.tmp")
_FACTS = "state.json"
_MAX_FACTS = 2**26  # bytes
# The locks that this process holds, by folder.
_LOCKS: dict[str, BinaryIO] = {}

Arrays = Mapping[str, npt.NDArray[Any]]


class Save(NamedTuple):
    """A save: facts that JSON can hold, and arrays by name."""

    facts: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]


@final
@dataclass(frozen=True)
class SaveFolder:
    """The saves in a folder, of which the file ``resume.json`` names the latest.

    A save is written under a new name and flushed to the disk before it is named, and older ones
    are removed afterwards.

    Attributes:
        path: The folder; created with the first save.
        num_kept: The number of saves that are kept.
    """

    path: str
    num_kept: int

    def write(self, facts: Mapping[str, Any], arrays: Arrays) -> None:
        """Writes a save.

        Raises:
            ExportError: It cannot be written; earlier ones are intact.
        """
        try:
            os.makedirs(self.path, exist_ok=True)
            earlier = self._list_names()
            name = f"resume-{_number(earlier[0]) + 1 if earlier else 1:08d}.zip"
            latest = self._read_pointer()
            kept = earlier[earlier.index(latest) :] if latest in earlier else earlier
            self._replace(name, lambda file: _write_zip(file, facts, arrays))
            text = json.dumps({"version": 1, "latest": name})
            self._replace(_POINTER, lambda file: file.write(text.encode()))
        except OSError as err:
            raise ExportError(
                f"Training cannot be saved to {self.path!r}: {err.strerror or err}. Earlier saves "
                "are intact: free some space, and run the script again to go on from the last one."
            ) from err
        self._remove_except([name, *kept[: self.num_kept - 1]])

    def read_latest(self) -> Save | None:
        """Returns the latest save, or an older one with a warning if it is damaged.

        Returns:
            None if there are no saves.

        Raises:
            ResumeError: There are saves, and none can be read.
        """
        names = self._list_names()
        latest = self._read_pointer()
        if latest in names:
            names = names[names.index(latest) :]  # a later one was not finished
        elif latest is not None:
            warn_user(f"The latest save in {self.path!r}, {latest}, is missing.")
        problem: ResumeError | None = None
        for name in names:
            try:
                save = _read_zip(os.path.join(self.path, name))
            except ResumeError as err:
                problem = problem or err
                continue
            if problem is not None:
                warn_user(f"{problem} An older save is used in its place: {name}.")
            return save
        if problem is not None:
            raise ResumeError(
                f"{problem} {self.path!r} has no other one. Delete the folder to start again."
            )
        return None

    def lock(self) -> None:
        """Keeps other processes from using the folder until ``unlock`` or the end of this one.

        Does nothing where the system or the file system has no locks.

        Raises:
            ResumeError: Another process has locked it.
            ExportError: The folder cannot be written to.
        """
        key = os.path.realpath(self.path)
        if fcntl is None or key in _LOCKS:
            return
        try:
            os.makedirs(self.path, exist_ok=True)
            file = open(os.path.join(self.path, _LOCK), "ab")  # noqa: SIM115 - held
        except OSError as err:
            raise ExportError(f"Cannot write to {self.path!r}: {err.strerror or err}.") from err
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.close()
            raise ResumeError(
                f"Another process is training with {self.path!r}. Wait for its end, or pass "
                "Resume a folder of its own for each training."
            ) from None
        except OSError:  # a network without locks
            file.close()
            return
        _LOCKS[key] = file

    def unlock(self) -> None:
        """Lets other processes use the folder."""
        file = _LOCKS.pop(os.path.realpath(self.path), None)
        if file is not None:
            file.close()

    def _list_names(self) -> list[str]:
        """Returns the names of all saves, the latest first."""
        try:
            names = [name for name in os.listdir(self.path) if _SAVE.fullmatch(name)]
        except FileNotFoundError:
            return []
        except OSError as err:
            raise ExportError(f"{self.path!r} cannot be read: {err.strerror or err}.") from err
        return sorted(names, key=_number, reverse=True)

    def _read_pointer(self) -> str | None:
        """Returns the name of the latest save; None if it is unknown."""
        path = os.path.join(self.path, _POINTER)
        if not os.path.lexists(path):
            return None
        try:
            name = InputFile(path, ResumeError).read_json_object().get("latest")
        except ResumeError as err:
            warn_user(f"{err} The latest save that is complete is used.")
            return None
        return name if isinstance(name, str) and _SAVE.fullmatch(name) else None

    def _replace(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Writes a file in full, flushes it to the disk, and only then gives it its name."""
        temporary = os.path.join(self.path, f".{os.path.splitext(name)[0]}-{os.getpid()}.tmp")
        try:
            with open(temporary, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, os.path.join(self.path, name))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _flush_folder(self.path)

    def _remove_except(self, kept: Sequence[str]) -> None:
        with contextlib.suppress(OSError):
            for name in os.listdir(self.path):
                is_old = _SAVE.fullmatch(name) and name not in kept
                if is_old or _TEMPORARY.fullmatch(name):
                    with contextlib.suppress(OSError):
                        os.unlink(os.path.join(self.path, name))


def _number(name: str) -> int:
    match = _SAVE.fullmatch(name)
    return 0 if match is None else int(match[1])


def _flush_folder(path: str) -> None:
    """Flushes the names in a folder to the disk, where the system can."""
    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write_zip(file: BinaryIO, facts: Mapping[str, Any], arrays: Arrays) -> None:
    shapes = {name: [array.dtype.name, list(array.shape)] for name, array in arrays.items()}
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_FACTS, json.dumps({**facts, "arrays": shapes}))
        for name, array in arrays.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(array.tobytes())


def _read_zip(path: str) -> Save:
    """Reads a save as a whole, with its checksums.

    Raises:
        ResumeError: It is damaged.
    """
    source = InputFile(path, ResumeError, what="a save of Resume")
    with source.translate_errors(), zipfile.ZipFile(path) as archive:
        if archive.getinfo(_FACTS).file_size > _MAX_FACTS:
            raise ValueError("its description is too large")
        facts = parse_json(archive.read(_FACTS).decode())
        arrays = {
            name: _read_array(archive, name, dtype, tuple(shape))
            for name, (dtype, shape) in facts.pop("arrays").items()
        }
        return Save(facts, arrays)


def _read_array(
    archive: zipfile.ZipFile, name: str, dtype: str, shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    member = archive.getinfo(name)
    kind = np.dtype(dtype)
    expected = int(np.prod(shape, dtype=object)) * kind.itemsize
    if member.file_size != expected or member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"the array {name} has another size than its description")
    return np.frombuffer(archive.read(member), kind).reshape(shape)
