"""One tar shard of a packed set, as a function of its rows and the settings alone.

A shard is written under a temporary name and renamed; then its index is written in the same way:
a file with a line for the shard and a line per sample. A shard with an index is done.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import InputFile, mark_name, parse_json, replace_files, shorten, size_and_mtime
from imggen.data import Shard
from imggen.decode import ImageSpec
from imggen.errors import ExportError, ImageError, StoreError
from imggen.export.pack_samples import Packed, pack_sample
from imggen.export.pack_source import PackSource
from imggen.export.ustar import END, MAX_MEMBER, build_header, member_length, pad
from imggen.stores import identity, read
from imggen.workers import ThreadMap

_SCRATCH = "scratch"
_ROWS_PER_CALL = 16
_MEMBER = re.compile(r"\d{8,}\.[a-z0-9_.]+")
_CHANGED = (
    "changed since the set was planned. Wait until the source stays as it is, and pack it into a "
    "new folder."
)


@final
@dataclass(frozen=True, eq=False)
class ShardTask:
    """A shard to write.

    Attributes:
        folder: The packed set.
        name: The file name of the shard.
        first: The number of its first sample.
        source: Its samples.
        digests: What each sample is, as ``digest_samples`` returns it for the plan.
        spec: How images are resized; None: files are packed as they are.
        skips: Whether samples that cannot be read are left out.
        workers: The number of threads.
    """

    folder: str
    name: str
    first: int
    source: PackSource
    digests: npt.NDArray[np.uint64]
    spec: ImageSpec | None
    skips: bool
    workers: int | None = None


@final
class IndexRow(NamedTuple):
    """A sample of a shard.

    Attributes:
        row: Its number in the shard's rows.
        unread: The path and the reason if it could not be read, and is left out; else None.
        files: The name, offset and length of each of its files; see ``PackSource.files``.
        sha256: The SHA-256 of its image, as hexadecimal digits.
        boxes: See ``Packed``.
        keypoints: See ``Packed``.
    """

    row: int
    unread: tuple[str, str] | None = None
    files: Sequence[tuple[str, int, int]] = ()
    sha256: str = ""
    boxes: list[list[float]] | None = None
    keypoints: list[list[float]] | None = None


def digest_samples(source: PackSource) -> Iterator[tuple[int, int]]:
    """Yields a digest of each sample, and the number of bytes that it takes in a shard as it is.

    The digest is of everything known about the sample and of the state of its files (size and time
    of the last change), in 64 bits.
    """
    for row, description in enumerate(source.describe()):
        states = [_find_state(path) for path in source.files(row)]
        text = json.dumps(description)
        contents = [len(text), *(state[0] for state in states if state is not None)]
        labels = source.manifest.labels
        if labels is not None:
            contents.append(len(str(labels[row])))
        yield _digest(text, states), sum(map(member_length, contents))


def index_file(folder: str, name: str) -> Path:
    """Returns the path of the index of a shard."""
    return Path(folder, mark_name("pack"), f"{name}.index")


def prepare_folder(folder: str) -> None:
    """Makes the place for incomplete shards, without those of killed runs."""
    scratch = Path(folder, mark_name("pack"), _SCRATCH)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for left in Path(folder).glob(".imggen-*.tmp"):
        left.unlink()


def remove_leftovers(folder: str) -> None:
    """Removes what is not needed once the manifest is written."""
    shutil.rmtree(Path(folder, mark_name("pack"), _SCRATCH), ignore_errors=True)
    for index in index_file(folder, "").parent.glob("*.index"):
        index.unlink()


def write_shard(task: ShardTask, done: Callable[[int], object] | None = None) -> Shard:
    """Writes a shard and its index, each atomically.

    Args:
        task: The shard.
        done: Called with the number of samples so far, from time to time.

    Raises:
        ExportError: A file has changed since the plan, or is too large for a tar archive.
        ImageError: A file cannot be read, and ``skips`` is False.
        OSError: The disk is full, for example.
    """
    scratch = Path(task.folder, mark_name("pack"), _SCRATCH)
    temporary = scratch / f"{secrets.token_hex(8)}.tmp"
    load = functools.partial(_load, task)
    numbered = enumerate(zip(task.source.describe(), task.digests.tolist(), strict=True))
    rows = []
    try:
        with temporary.open("wb") as file:
            out = _HashedFile(file)
            for row, packed in ThreadMap(task.workers).imap(load, numbered):
                if isinstance(packed, Packed):
                    rows.append(_write_sample(out, f"{task.first + row:08d}", row, packed))
                else:
                    rows.append(IndexRow(row, packed))
                if done is not None and len(rows) % _ROWS_PER_CALL == 0:
                    done(len(rows))
            out.write(END)
            file.flush()
            os.fsync(file.fileno())
        num_samples = sum(row.unread is None for row in rows)
        if num_samples:
            os.replace(temporary, Path(task.folder, task.name))
    finally:
        temporary.unlink(missing_ok=True)
    shard = Shard(task.name, out.position, out.digest.hexdigest(), num_samples)
    lines = [json.dumps(line) for line in (shard, *rows)]
    text = "\n".join(lines) + "\n"
    file_of_index = index_file(task.folder, task.name)
    replace_files({file_of_index: lambda place: place.write_text(text, encoding="ascii")})
    return shard


def read_index(folder: str, name: str) -> tuple[Shard, list[IndexRow]] | None:
    """Returns a shard that is done, and its samples; None if it is not done.

    Raises:
        ExportError: The index is damaged.
    """
    place = index_file(folder, name)
    if not place.exists():
        return None
    file = InputFile(place, ExportError, advice="Pack the images into a new folder.")
    lines = file.read_lines()
    with file.translate_errors():
        shard = Shard(*parse_json(next(lines)))
        rows = [IndexRow(*parse_json(line)) for line in lines]
        if shard.name != name or sum(row.unread is None for row in rows) != shard.num_samples:
            raise ValueError("it is of another shard")
        for row in rows:
            for member, offset, length in row.files:
                if not (_MEMBER.fullmatch(member) and offset + length <= shard.num_bytes):
                    raise ValueError(f"it has the member {shorten(member)}")
    target = Path(folder, name)
    size = target.stat().st_size if target.exists() else 0
    return (shard, rows) if size == (shard.num_bytes if shard.num_samples else 0) else None


@final
class _HashedFile:
    """A file that knows how many bytes were written to it, and their SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.position += len(data)


def _write_sample(out: _HashedFile, key: str, row: int, packed: Packed) -> IndexRow:
    places = []
    for extension, content in (*packed.files, *packed.texts):
        name = f"{key}.{extension}"
        out.write(build_header(name, len(content)))
        places.append((name, out.position, len(content)))
        out.write(content)
        out.write(pad(len(content)))
    return IndexRow(
        row,
        None,
        places[: len(packed.files)],
        hashlib.sha256(packed.files[0].content).hexdigest(),
        packed.boxes,
        packed.keypoints,
    )


def _load(
    task: ShardTask, numbered: tuple[int, tuple[dict[str, Any], int]]
) -> tuple[int, Packed | tuple[str, str]]:
    """Reads the files of a sample; returns the path and the reason if that is not possible."""
    row, (description, digest) = numbered
    paths = task.source.files(row)
    states = [_find_state(path) for path in paths]
    if _digest(json.dumps(description), states) != digest:
        raise ExportError(f"{paths[0]!r} has {_CHANGED}")
    try:
        contents = []
        for path, state in zip(paths, states, strict=True):
            content = _read(path)
            if state is None or len(content) != state[0] or _find_state(path) != state:
                raise ExportError(f"{path!r} has {_CHANGED}")
            if len(content) > MAX_MEMBER:
                raise ExportError(
                    f"{path!r} has {len(content)} bytes; a tar archive holds files of up to "
                    f"{MAX_MEMBER}."
                )
            contents.append(content)
        return row, pack_sample(task.source, row, contents, description, task.spec)
    except ImageError as err:
        if not task.skips:
            raise
        return row, (err.path, err.reason)


def _read(path: str) -> bytes:
    """Reads a file.

    Raises:
        ImageError: This one cannot be read, though others may be.
        OSError: None may be read for the same reason.
    """
    try:
        return read(path)
    except StoreError as err:
        raise ImageError.of_file(path, err.reason) from err
    except (FileNotFoundError, NotADirectoryError) as err:
        raise ImageError.of_file(path, "there is no such file") from err
    except PermissionError as err:
        raise ImageError.of_file(path, "reading it is not permitted") from err
    except IsADirectoryError as err:
        raise ImageError.of_file(path, "it is a folder") from err


def _find_state(path: str) -> tuple[int, str] | None:
    """Returns the size of a file and what changes with its content; None if it is missing."""
    try:
        size, time = size_and_mtime(path)
    except (OSError, ValueError):  # a path may hold a null character
        with contextlib.suppress(OSError, ValueError):
            found = identity(path)
            return found.size, found.version
        return None
    return size, str(time)


def _digest(text: str, states: list[tuple[int, str] | None]) -> int:
    whole = f"{text}\n{states}".encode("ascii", "backslashreplace")
    return int.from_bytes(hashlib.blake2b(whole, digest_size=8).digest(), "big")
