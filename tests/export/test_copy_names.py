"""Names of augmented copies, and the number of them."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from imggen import Manifest, augment_directory
from imggen.augment import RandomFlip
from imggen.errors import ExportError, OptionError
from imggen.export.names import TargetNames
from imggen.export.path_keys import path_key
from tests.helpers.command_line import csv_rows
from tests.helpers.images import write_images

FLIP = [RandomFlip(p=1.0)]


def write_shades(folder, *names):
    """Images of one gray level each, by which they are recognized."""
    for shade, name in enumerate(names):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 10 * shade, np.uint8)).save(place)
    return folder


def shade_of(path) -> int:
    with Image.open(path) as image:
        return round(image.convert("L").getpixel((0, 0)) / 10)


LONG = {
    "ascii": "n" * 251 + ".png",
    "cjk": "写" * 83 + ".png",
    "emoji": "🐈" * 62 + ".jpg",
    "jpeg": "é" * 124 + ".jpeg",
    "not utf-8": os.fsdecode(b"\xff" * 250 + b".png"),
}


@pytest.mark.parametrize("name", LONG.values(), ids=LONG)
def test_long_names_are_shortened_for_copies_and_kept_for_originals(tmp_path, name):
    twin = name[0] * (len(name) - 6) + "zz" + name[name.index(".") :]
    write_shades(tmp_path / "in/c", "a.png", name, twin[-len(name) :] if twin == name else twin)
    made = augment_directory(tmp_path / "in", tmp_path / "out", FLIP, copies=12)
    names = os.listdir(os.fsencode(tmp_path / "out/c"))

    assert made.num_copies == 36
    assert len(names) == 39
    assert max(map(len, names)) <= 255
    assert os.fsencode(name) in names
    original = {row["path"]: row["source"] for row in csv_rows(tmp_path / "out/augmentations.csv")}
    assert len(original) == 36
    for copy, source in original.items():
        assert shade_of(tmp_path / "out" / copy) == shade_of(tmp_path / "out" / source)


@pytest.mark.parametrize(
    "twins",
    [
        ("A.jpg", "a.jpg"),
        ("caf\u00e9.png", "cafe\u0301.png"),
        ("STRASSE.png", "straße.png"),
        ("x.JPG", "x.jpg", "X.jpg"),
        ("a.png", "a-png-aug0.png", "A-PNG-aug0.png"),
        ("n" * 250 + "1.png", "n" * 250 + "2.png"),
    ],
)
def test_names_that_some_file_systems_do_not_distinguish_are_numbered(tmp_path, twins):
    write_shades(tmp_path / "in/c", *twins)
    made = augment_directory(tmp_path / "in", tmp_path / "out", FLIP, copies=2)
    names = os.listdir(tmp_path / "out/c")

    assert len({path_key(name) for name in names}) == len(names) == 3 * len(twins)
    shades = [shade_of(made.manifest.resolve(path)) for path in made.manifest.paths]
    assert sorted(shades) == sorted(list(range(len(twins))) * 3)
    for path, original in zip(made.manifest.paths, made.manifest.groups, strict=True):
        assert shade_of(tmp_path / "out" / path) == shade_of(tmp_path / "out" / original)
    again = augment_directory(tmp_path / "in", tmp_path / "out", FLIP, copies=2)
    assert list(again.manifest.paths) == list(made.manifest.paths)


def test_an_original_keeps_a_name_that_a_copy_would_have(tmp_path):
    write_shades(tmp_path / "in/c", "a.png", "a-png-aug0.png")
    augment_directory(tmp_path / "in", tmp_path / "out", FLIP, copies=1)

    assert shade_of(tmp_path / "out/c/a-png-aug0.png") == 1
    assert shade_of(tmp_path / "out/c/a-png-aug0-png-aug0.png") == 1
    assert shade_of(tmp_path / "out/c/a-2-png-aug0.png") == 0


def test_keys_are_equal_for_names_that_some_system_does_not_distinguish():
    for one, other in (
        ("Cat/1.PNG", "cat/1.png"),
        ("caf\u00e9", "cafe\u0301"),
        ("a./b ", "a/b"),
        ("a. . /b", "a/b"),
        ("x.", "x"),
    ):
        assert path_key(one) == path_key(other)
    for one, other in (("a.b", "ab"), ("a/b", "ab"), (".a", "a"), ("a b", "ab"), ("../a", "a")):
        assert path_key(one) != path_key(other)


def test_paths_that_the_target_cannot_hold_are_refused_before_a_file_is_written(tmp_path):
    photos = write_images(tmp_path / "in", {"c": 2})
    deep = photos / "c"
    for _ in range(14):
        deep /= "d" * 200
        os.mkdir(deep)
    write_shades(deep, "x.png")
    target = tmp_path / ("t" * 200) / ("u" * 200) / ("v" * 200) / ("w" * 200) / ("x" * 200)
    target /= "y" * 200
    with pytest.raises(ExportError, match="a path of more than 4095 bytes"):
        augment_directory(photos, target, FLIP, copies=1)
    assert not (tmp_path / ("t" * 200)).exists()


def test_a_file_system_with_short_names_gets_short_names(tmp_path, monkeypatch):
    monkeypatch.setattr("os.pathconf", lambda *_: 20)  # as on an encrypted folder: 143
    names = TargetNames(str(tmp_path))

    assert names.reserve("c/" + "n" * 30 + ".png") == "c/" + "n" * 16 + ".png"
    assert names.reserve("c/" + "n" * 31 + ".png") == "c/" + "n" * 14 + "-2.png"
    assert names.reserve_copies("c/nnnnnnnnnn", ["-png-aug0.png"]) == "c/nnnnnnn"
    with pytest.raises(ExportError, match="has a name of more than 20 bytes"):
        names.reserve("d" * 21 + "/1.png")


def test_a_source_outside_the_root_is_refused(tmp_path):
    write_images(tmp_path / "elsewhere", {"c": 2})
    (tmp_path / "in").mkdir()
    for path in ("../elsewhere/c/000.png", str(tmp_path / "elsewhere/c/000.png")):
        manifest = Manifest.from_files([path], root=tmp_path / "in")
        with pytest.raises(ExportError, match="is outside"):
            augment_directory(manifest, tmp_path / "out", FLIP, copies=1)
    assert not (tmp_path / "out").exists()


# Numbers of copies.


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("copies", [10**7, 10**9, 10**30])
def test_too_many_copies_are_refused_at_once(tmp_path, copies, balance):
    photos = write_images(tmp_path / "in", {"a": 2, "b": 1})
    began = time.process_time()  # which other programs do not prolong
    with pytest.raises(OptionError, match=r"more than 10,000,000 files\. Make fewer copies, or"):
        augment_directory(photos, tmp_path / "out", FLIP, copies=copies, balance=balance)

    assert time.process_time() - began < 2
    assert not (tmp_path / "out").exists()


def test_copies_that_the_disk_cannot_hold_are_refused(tmp_path, small_disk):
    photos = write_images(tmp_path / "in", {"a": 2})
    free = os.statvfs(small_disk)
    with pytest.raises(ExportError, match="has space for at most"):
        augment_directory(
            photos, small_disk / "out", FLIP, copies=min(free.f_bavail, free.f_favail)
        )
    assert os.listdir(small_disk) == []


# Records of finished images.


def test_damaged_records_are_made_again(tmp_path):
    photos = write_images(tmp_path / "in", {"a": 4})
    augment_directory(photos, tmp_path / "whole", FLIP, copies=2)
    augment_directory(photos, tmp_path / "out", FLIP, copies=2)
    results = tmp_path / "out/.imggen-augment/results.jsonl"
    lines = results.read_text().split("\n")
    for damaged in (
        '["a/000.png"]',
        '["a/000.png", null]',
        '["a/000.png", ["x", "y"]]',
        '["a/000.png", [[{}]]]',
        '["a/000.png", [[1], [2]]]',
        '{"a/000.png": []}',
        "[" * 100_000,
        '[["a"], []]',
        "7",
        "\x00\xff",
    ):
        results.write_text("\n".join([*(line for line in lines if "000" not in line), damaged]))
        augment_directory(photos, tmp_path / "out", FLIP, copies=2)
        for name in ("augmentations.csv", "manifest.csv"):
            assert (tmp_path / "out" / name).read_bytes() == (
                tmp_path / "whole" / name
            ).read_bytes()
