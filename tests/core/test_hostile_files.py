"""Damaged and crafted files: every reader raises only errors of imggen, and no verb a traceback."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

import imggen
from imggen.cache import clear_stores, list_stores
from imggen.cli import main
from imggen.errors import ImggenError
from tests.helpers.hostile import (
    CONTENTS,
    MAX_MESSAGE,
    damage,
    edit_cells,
    edit_lines,
    find_raw_errors,
    sign,
)
from tests.helpers.images import write_images


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
        errors += find_raw_errors(
            file,
            list(edit_lines((tmp_path / "whole.json").read_bytes()))[
                :: 2 if name == "p.json" else 7
            ],
            read,
        )
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


CELLS = (
    "[" * 100_000,
    "[" * 300 + "]" * 300,
    "(" * 5000,
    "9" * 5000,
    "[[1, 2, 3, " + "9" * 400 + "]]",
    "[[1, 2, 3, 1e999]]",
    "-" * 5000 + "1",
    "1+" * 3000 + "1",
    "[[1, 2, 3, 4]] * 10**9",
    "{[1]}",
    '{"a": 1}',
    "[[1, 2, 3, \0]]",
    "__import__('os')",
    "[[1j, 2, 3, 4]]",
    "not x" * 2000,
    "a" * 10**6,
    [[1, 2, 3, 10**400]],
    [[[[1]]]],
    object(),
)


def test_cells_of_boxes(photos):
    boxes = imggen.Boxes(col="boxes", format="pascal_voc", labels="classes")
    keypoints = imggen.Keypoints(col="points", format="xy")
    frame = photos.to_frame().astype(object)
    for column in ("boxes", "classes", "points"):
        frame[column] = "[]"
        frame[column] = frame[column].astype(object)
    for column in ("boxes", "classes", "points"):
        for cell in CELLS:
            edited = frame.copy()
            edited.at[0, column] = cell
            with pytest.raises(ImggenError) as caught:
                imggen.Manifest.from_frame(
                    edited, root="photos", y_col="label", boxes=boxes, keypoints=keypoints
                )
            assert len(str(caught.value)) < MAX_MESSAGE


def test_labels_without_metadata(photos, tmp_path):
    from imggen.data import as_manifest

    table = tmp_path / "photos" / "labels.csv"
    table.write_text("path,label,group,weight\n" + "a/000.png,x,1,1\nb/001.png,y,2,1\n")
    errors = find_raw_errors(
        table, damage(table.read_bytes(), random.Random(2)), lambda: as_manifest(table)
    )
    errors += find_raw_errors(table, edit_cells(table.read_bytes()), lambda: as_manifest(table))
    assert errors == []


def test_plans_of_splits(photos, tmp_path):
    imggen.split_directory("photos", "moved", (0.5, 0.5), mode="move", seed=1)
    plan = tmp_path / "moved" / ".imggen-split" / "plan.jsonl"
    content = plan.read_bytes()

    def undo():
        imggen.undo_split("moved")

    def resume():
        imggen.split_directory("photos", "moved", (0.5, 0.5), mode="move", seed=1)

    errors = []
    for read in (undo, resume):
        contents = [
            *damage(content, random.Random(3)),
            *map(sign, list(damage(content, random.Random(4)))[::2]),
            *map(sign, list(edit_lines(content))[::25]),
        ]
        errors += find_raw_errors(
            plan, contents[::2] if read is resume else contents, read, "moved"
        )
    assert errors == []


def test_records_of_augmented_copies(photos, tmp_path):
    def augment():
        imggen.augment_directory("photos", "copies", "light", copies=1, seed=1)

    augment()
    errors = []
    for file in sorted(Path("copies", ".imggen-augment").iterdir()):
        content = file.read_bytes()
        contents = [*damage(content, random.Random(5)), *map(sign, list(edit_lines(content))[::9])]
        errors += find_raw_errors(file, contents[::3], augment, "copies")
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
        contents = list(damage(content, random.Random(6)))[:: 1 if name == "about.txt" else 3]
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


def table_sequence():
    imggen.TableSequence(["t.csv"], target="y", workers=0)


@pytest.mark.parametrize("kind", ["pipe", "endless", "loop", "folder"])
def test_what_is_not_a_file_is_refused_and_not_waited_for(photos, kind):
    photos.save("m.csv")
    photos.save("m.parquet")
    imggen.save_policy("p.yaml", [imggen.augment.RandomFlip()])
    imggen.split_directory("photos", "split", (0.5, 0.5), seed=1)
    Path("n.ipynb").write_bytes(notebook())
    Path("t.csv").write_text("a,y\n1,2\n")
    readers = {
        "m.csv": lambda: imggen.Manifest.load("m.csv"),
        "m.csv.json": lambda: imggen.Manifest.load("m.csv"),
        "m.parquet": lambda: imggen.Manifest.load("m.parquet"),
        "p.yaml": lambda: imggen.load_policy("p.yaml"),
        "split/.imggen-split/plan.jsonl": lambda: imggen.undo_split("split"),
        "t.csv": table_sequence,
    }
    for name, read in [*readers.items(), ("n.ipynb", lambda: run("migrate", "n.ipynb"))]:
        file = Path(name)
        file.rename("whole")
        if kind == "pipe":
            os.mkfifo(file)
        elif kind == "folder":
            file.mkdir()
        else:
            file.symlink_to("/dev/zero" if kind == "endless" else file.name)
        if name in readers:
            with pytest.raises(ImggenError):
                read()
        else:
            read()
        if kind == "folder":
            file.rmdir()
        os.replace("whole", file)
