"""Damaged and crafted files: every reader raises only errors of imggen, and no verb a traceback."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import imggen
from imggen.cache import clear_stores, list_stores
from imggen.cli import main
from imggen.errors import ImggenError
from imggen.export.journal import _checksum
from tests.helpers.images import write_images

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
MAX_MESSAGE = 3000


def damage(content: bytes, rng: random.Random) -> Iterator[bytes]:
    """Yields other contents of any file."""
    yield from CONTENTS
    yield b"\xef\xbb\xbf" + content
    yield content.decode("utf-8", "replace").encode("utf-16")
    yield content + content
    yield b"\n".join(content.splitlines()[::-1])
    for share in (0.1, 0.5, 0.9, 0.99):
        yield content[: int(share * len(content))]
    for _ in range(25):
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


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "photos", {"a": 3, "b": 3}, size=(8, 8))
    return imggen.scan(tmp_path / "photos")


def test_policies(photos, tmp_path):
    import albumentations

    steps = [imggen.augment.RandomFlip(), imggen.augment.RandomRotation(5)]
    steps.append(albumentations.Compose([albumentations.OneOf([albumentations.HorizontalFlip()])]))
    errors = []
    for name in ("p.json", "p.yaml"):
        file = tmp_path / name
        imggen.save_policy(file, steps, overwrite=True)
        content = file.read_bytes()
        read = lambda file=file: imggen.load_policy(file)  # noqa: E731
        errors += find_raw_errors(file, damage(content, random.Random(1)), read)
        imggen.save_policy(tmp_path / "whole.json", steps, overwrite=True)
        errors += find_raw_errors(file, edit_lines((tmp_path / "whole.json").read_bytes()), read)
    bomb = "a: &a [x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    texts = [
        bomb,
        bomb + "augmentations: *i\n",
        bomb + "version: *i\naugmentations: []\n",
        "augmentations: &a [*a]",
        "augmentations:\n- RandomFlip: &a {mode: *a}",
        "augmentations: !!python/object/apply:os.system [ls]",
        "? {a: 1}\n: 2",
        "augmentations:\n- ? [RandomFlip]\n  : 1",
        "augmentations:\n- RandomRotation: {degrees: .inf}",
        "augmentations:\n- RandomRotation: {degrees: 1:30}",
        "augmentations:\n- RandomRotation: {degrees: 2001-99-99}",
        "augmentations:\n- RandomRotation: {degrees: !!binary '*'}",
        "augmentations:\n- RandomRotation: {<<: 5}",
        "--- a\n--- b",
        "%YAML 9.9\n---\na",
        "!!set {a, b}",
        "!!omap [a: 1]",
    ]
    errors += find_raw_errors(
        tmp_path / "p.yaml",
        (text.encode() for text in texts),
        lambda: imggen.load_policy(tmp_path / "p.yaml"),
    )
    assert errors == []


@pytest.fixture
def manifest(photos, tmp_path):
    """A manifest with every kind of column."""
    frame = photos.to_frame()
    frame["boxes"] = ["[[1, 2, 3, 4]]", "[]"] * 3
    frame["box_labels"] = ['["x"]', "[]"] * 3
    frame["keypoints"] = ["[[1, 2]]"] * 6
    frame["weight"], frame["group"] = 1.0, list("uvwuvw")
    return imggen.Manifest.from_frame(
        frame,
        root=tmp_path / "photos",
        y_col="label",
        weight_col="weight",
        group_col="group",
        boxes=imggen.Boxes(col="boxes", format="pascal_voc", labels="box_labels"),
        keypoints=imggen.Keypoints(col="keypoints", format="xy"),
    )


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_manifests(manifest, tmp_path, ending):
    table = tmp_path / f"m.{ending}"
    manifest.save(table)

    def read():
        imggen.Manifest.load(table)

    errors = find_raw_errors(table, damage(table.read_bytes(), random.Random(1)), read)
    if ending == "csv":
        errors += find_raw_errors(table, edit_cells(table.read_bytes()), read)
    side = tmp_path / f"m.{ending}.json"
    errors += find_raw_errors(side, damage(side.read_bytes(), random.Random(1)), read)
    errors += find_raw_errors(side, edit_lines(side.read_bytes()), read)
    assert errors == []


def test_labels_without_metadata(photos, tmp_path):
    from imggen.cli.source import all_images

    table = tmp_path / "photos" / "labels.csv"
    table.write_text("path,label,group,weight\n" + "a/000.png,x,1,1\nb/001.png,y,2,1\n")
    errors = find_raw_errors(
        table, damage(table.read_bytes(), random.Random(2)), lambda: all_images(table)
    )
    errors += find_raw_errors(table, edit_cells(table.read_bytes()), lambda: all_images(table))
    assert errors == []


def test_plans_of_splits(photos, tmp_path):
    imggen.split_directory("photos", "moved", (0.5, 0.5), mode="move", seed=1)
    plan = tmp_path / "moved" / ".imggen-split" / "plan.jsonl"
    content = plan.read_bytes()

    def undo():
        try:
            imggen.undo_split("moved")
        finally:
            shutil.rmtree("photos", ignore_errors=True)

    def resume():
        imggen.split_directory("photos", "moved", (0.5, 0.5), mode="move", seed=1)

    errors = []
    for read in (undo, resume):
        contents = [
            *damage(content, random.Random(3)),
            *map(sign, damage(content, random.Random(4))),
            *map(sign, list(edit_lines(content))[::5]),
        ]
        errors += find_raw_errors(plan, contents, read, "moved")
    assert errors == []


def test_records_of_augmented_copies(photos, tmp_path):
    def augment():
        imggen.augment_directory("photos", "copies", "light", copies=1, seed=1)

    augment()
    errors = []
    for file in sorted(Path("copies", ".imggen-augment").iterdir()):
        content = file.read_bytes()
        contents = [*damage(content, random.Random(5)), *map(sign, list(edit_lines(content))[::9])]
        errors += find_raw_errors(file, contents[::2], augment, "copies")
    assert errors == []


def test_cache_folders(photos, tmp_path):
    def read():
        if os.path.exists("kept"):
            list_stores("kept")
        with imggen.from_directory("photos", image_size=(8, 8), cache="kept", workers=0) as opened:
            opened[0]

    read()
    (store,) = (path for path in Path("kept").iterdir() if path.is_dir())
    errors = []
    for name in ("about.txt", "journal.bin", "pixels.bin", "unfinished", "lock"):
        (store / name).touch()
        content = (store / name).read_bytes()
        contents = [*damage(content, random.Random(6))]
        errors += find_raw_errors(store / name, contents, read, "kept")
        errors += find_raw_errors(store / name, contents, lambda: clear_stores("kept"), "kept")
    assert errors == []


def test_tables_of_sequences(photos, tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,b,y\n1,2,0\n3,4,1\n")

    def read():
        with imggen.TableSequence([file], target="y", workers=0) as opened:
            opened[0]

    errors = find_raw_errors(file, damage(file.read_bytes(), random.Random(8)), read)
    errors += find_raw_errors(file, edit_cells(file.read_bytes()), read)
    assert errors == []


def notebook() -> bytes:
    source = ["from keras.preprocessing.image import ImageDataGenerator\n", "x = 1"]
    cell = {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    ).encode()


def run(*arguments: object) -> None:
    """Runs a verb; raises what it raises in place of an exit status."""
    result = CliRunner().invoke(main, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception


def test_verbs(manifest, tmp_path):
    """Each verb that reads a file, with the damages that raised most kinds of errors."""
    manifest.save("m.csv")
    imggen.save_policy("p.yaml", [imggen.augment.RandomFlip()])
    imggen.split_directory("photos", "split", (0.5, 0.5), seed=1)
    Path("n.ipynb").write_bytes(notebook())
    verbs = [
        ("m.csv", ("scan", "m.csv")),
        ("m.csv", ("verify", "m.csv")),
        ("m.csv.json", ("verify", "m.csv")),
        ("m.csv", ("duplicates", "m.csv")),
        ("m.csv", ("leaks", "m.csv")),
        ("m.csv", ("preview", "m.csv", "--variants", 1, "-o", "x.png", "--force")),
        ("m.csv.json", ("split", "m.csv", "made.csv")),
        ("p.yaml", ("preview", "photos", "--policy", "p.yaml", "-o", "x.png", "--force")),
        ("p.yaml", ("augment", "photos", "made", "--policy", "p.yaml")),
        ("split/.imggen-split/plan.jsonl", ("split", "--undo", "split")),
        ("n.ipynb", ("migrate", "n.ipynb")),
    ]
    errors = []
    for name, arguments in verbs:
        content = Path(name).read_bytes()
        contents = [*CONTENTS[::2], content[:-9], b"\xef\xbb\xbf" + content]
        errors += find_raw_errors(Path(name), contents, lambda arguments=arguments: run(*arguments))
    assert errors == []


def test_cache_verbs(photos, tmp_path):
    build = ("cache", "build", "photos", "kept", "--image-size", 8, 8)
    run(*build)
    (store,) = (path for path in Path("kept").iterdir() if path.is_dir())
    errors = []
    for name in ("about.txt", "journal.bin", "pixels.bin"):
        content = (store / name).read_bytes()
        contents = [*CONTENTS[::3], content[:-9]]
        for arguments in (build, ("cache", "info", "kept"), ("cache", "clear", "kept")):
            errors += find_raw_errors(
                store / name, contents, lambda arguments=arguments: run(*arguments), "kept"
            )
    assert errors == []
