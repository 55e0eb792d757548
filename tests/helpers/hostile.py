"""Contents of damaged and crafted files, and the errors that reading them raises."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from imggen.errors import ImggenError
from imggen.export.journal import _checksum

# In place of any value of a JSON file, or any cell of a table.
VALUES = (
    None,
    True,
    -1,
    0,
    2**70,
    10**400,
    float("nan"),
    float("inf"),
    1e300,
    "",
    "x",
    "\0",
    "\ud800",
    "../x",
    "/etc/passwd",
    "a" * 70_000,
    [],
    {},
    [[]],
    ["x", 5],
    {"x": None},
)
CONTENTS = (
    b"",
    b"\n",
    b"\0" * 100,
    b"\xff\xfe\xff",
    b"{",
    b"[]",
    b"{}",
    b"5",
    b'"a"',
    b"null",
    b"NaN",
    b"[NaN, Infinity, -Infinity, 1e999]",
    b"[" * 100_000,
    b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"9" * 5000,
    b"- " * 3000 + b"a",
    b'"' + b"a," * 50_000,
    b'{"version": 1, "version": 2}',
)
MAX_MESSAGE = 4000  # characters, also with a list of all choices


def damage(content: bytes, rng: random.Random) -> Iterator[bytes]:
    """Yields other contents of any file."""
    yield from CONTENTS
    yield b"\xef\xbb\xbf" + content
    yield content.decode("utf-8", "replace").encode("utf-16")
    yield content + content
    yield b"\n".join(content.splitlines()[::-1])
    for share in (0.1, 0.5, 0.9, 0.99):
        yield content[: int(share * len(content))]
    for _ in range(12):
        changed = bytearray(content)
        for _ in range(rng.choice([1, 3])):
            at = rng.randrange(len(changed) or 1)
            changed[at : at + rng.choice([0, 1, 5])] = rng.randbytes(rng.choice([0, 1, 5]))
        yield bytes(changed)


def edit(value: object) -> Iterator[object]:
    """Yields a JSON value with each of its parts replaced by each of VALUES, or missing."""
    spots = [()]
    for spot in spots:
        part = get(value, spot)
        keys = (
            list(part)
            if isinstance(part, dict)
            else range(len(part))
            if isinstance(part, list)
            else ()
        )
        spots += [(*spot, key) for key in list(keys)[:8]]
    for spot in spots:
        for other in VALUES:
            yield put(value, spot, other)
        if spot:
            yield put(value, spot, None, remove=True)


def get(value, spot):
    for key in spot:
        value = value[key]
    return value


def put(value, spot, other, *, remove=False):
    if not spot:
        return other
    value = copy.deepcopy(value)
    parent = get(value, spot[:-1])
    if remove:
        del parent[spot[-1]]
    else:
        parent[spot[-1]] = other
    return value


def edit_lines(content: bytes) -> Iterator[bytes]:
    """Yields JSON, or lines of JSON, with parts of the values replaced."""
    lines = content.decode().splitlines()
    try:
        values = [json.loads(content)]
        lines = [content.decode()]
    except ValueError:
        values = [json.loads(line) if line else None for line in lines]
    for row, value in list(enumerate(values))[:3]:
        for edited in edit(value):
            yield "\n".join([*lines[:row], json.dumps(edited), *lines[row + 1 :]]).encode()


def edit_cells(content: bytes) -> Iterator[bytes]:
    rows = [line.split(b",") for line in content.splitlines()]
    for row in (0, 1):
        for column in range(len(rows[0])):
            for value in (*VALUES, [[1, 2]], [[1, 2, 3, float("nan")]]):
                cell = str(value).encode("utf-8", "replace").replace(b'"', b'""')
                edited = [list(line) for line in rows]
                edited[row][column] = b'"' + cell + b'"'
                yield b"\n".join(b",".join(line) for line in edited)


def sign(content: bytes) -> bytes:
    """Gives an edited plan the checksum that imggen would give it."""
    try:
        head, *lines = content.decode().splitlines()
        metadata = json.loads(head)
        metadata.pop("checksum", None)
        metadata["checksum"] = _checksum(metadata, lines)
    except Exception:  # noqa: BLE001
        return content
    return "\n".join([json.dumps(metadata), *lines]).encode()


def find_raw_errors(
    file: Path,
    contents: Iterable[bytes],
    read: Callable[[], object],
    folder: str | None = None,
) -> list[str]:
    """Returns the errors that ``read`` raises which are not imggen's, for each content.

    Args:
        file: The file that gets the contents.
        contents: The contents.
        read: Reads the file.
        folder: A folder that ``read`` may change, and which is restored before each call.
    """
    found: dict[str, str] = {}
    before = file.read_bytes()
    if folder:
        shutil.copytree(folder, "whole")
    for content in contents:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree("whole", folder)
        file.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read()
        except ImggenError as err:
            if len(str(err)) > MAX_MESSAGE:
                found.setdefault("long message", f"{content[:150]!r}: {str(err)[:200]}")
        except BaseException as err:  # noqa: BLE001
            found.setdefault(f"{type(err).__name__}: {str(err)[:80]}", repr(content[:150]))
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
        os.rename("whole", folder)
    file.write_bytes(before)
    return [f"{file.name}: {error} for {content}" for error, content in found.items()]
