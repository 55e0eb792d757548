"""The facts about imggen and its peers in README.md, checked with the peers themselves."""

import importlib.util
import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import splitfolders
import torch
from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasGenerator
from PIL import Image

import imggen
from tests.helpers.images import write_images

ROOT = Path(__file__).parents[1]
SIZE = (8, 8)
# Of the columns whose peer is a class or function.
FLOW = {"target_size": SIZE, "seed": 0, "shuffle": False}


@pytest.fixture
def folder(tmp_path):
    return write_images(tmp_path / "photos", {"cat": 20, "dog": 20})


def from_directory(folder, **options):
    return imggen.from_directory(folder, image_size=SIZE, split_seed=0, seed=0, **options)


def keras_dataset(folder, **options):
    options = {"image_size": SIZE, "seed": 0, "verbose": False, **options}
    return keras.utils.image_dataset_from_directory(folder, **options)


def random_split(folder, seed=0):
    """Splits 70 : 15 : 15 as torch does; returns the rows of each split."""
    manifest = imggen.scan(folder)
    generator = torch.Generator().manual_seed(seed)
    parts = torch.utils.data.random_split(range(manifest.num_samples), [0.7, 0.15, 0.15], generator)
    return manifest, [list(part) for part in parts]


def count_classes(manifest):
    return np.bincount(manifest.labels, minlength=2).tolist()


def test_train_val_and_test_in_one_call(folder, tmp_path):
    assert len(from_directory(folder, split=(0.7, 0.15, 0.15))) == 3
    assert len(random_split(folder)[1]) == 3
    splitfolders.ratio(folder, tmp_path / "out", ratio=(0.7, 0.15, 0.15))
    assert len(list((tmp_path / "out").iterdir())) == 3

    with pytest.raises((TypeError, ValueError)):
        KerasGenerator(validation_split=(0.15, 0.15))
    with pytest.raises(ValueError, match="subset"):
        keras_dataset(folder, validation_split=0.3, subset="test")


def test_every_class_is_split_by_the_same_ratios(folder, tmp_path):
    by_imggen = imggen.split(folder, (0.7, 0.15, 0.15))
    assert [count_classes(split) for split in by_imggen] == [[14, 14], [3, 3], [3, 3]]
    val = KerasGenerator(validation_split=0.3).flow_from_directory(
        folder, subset="validation", **FLOW
    )
    assert np.bincount(val.classes).tolist() == [6, 6]
    splitfolders.ratio(folder, tmp_path / "out", ratio=(0.7, 0.15, 0.15))
    assert {len(list(of.iterdir())) for of in (tmp_path / "out/test").iterdir()} == {3}

    of_val = {"validation_split": 0.3, "subset": "validation"}
    manifest, parts = random_split(folder)
    assert len({*count_classes(manifest.take(parts[1]))}) == 2
    numbers_of_cats = {
        sum("/cat/" in path for path in keras_dataset(folder, seed=seed, **of_val).file_paths)
        for seed in range(3)
    }
    assert numbers_of_cats != {6}


def test_duplicates_stay_in_one_split(folder, tmp_path):
    for number in range(10):  # each image of cats twice
        copy = folder / "cat" / f"z{number}.png"
        copy.write_bytes(sorted((folder / "cat").iterdir())[number].read_bytes())
    out = tmp_path / "out"
    imggen.split_directory(folder, out, near_duplicates=True)
    assert not imggen.find_leaks(out, near=False).leaks

    manifest, parts = random_split(folder)
    splitfolders.ratio(folder, tmp_path / "copies", ratio=(0.7, 0.15, 0.15))
    flow = [
        KerasGenerator(validation_split=0.3).flow_from_directory(folder, subset=subset, **FLOW)
        for subset in ("training", "validation")
    ]
    datasets = [
        keras_dataset(folder, validation_split=0.3, subset=subset)
        for subset in ("training", "validation")
    ]
    rows = {path: row for row, path in enumerate(manifest.filepaths)}
    for splits in (
        [manifest.take(part) for part in parts],
        [imggen.scan(tmp_path / "copies" / name) for name in ("train", "val", "test")],
        [manifest.take([rows[path] for path in iterator.filepaths]) for iterator in flow],
        [manifest.take([rows[path] for path in dataset.file_paths]) for dataset in datasets],
    ):
        names = map(str, range(len(splits)))
        leaks = imggen.find_leaks(dict(zip(names, splits, strict=True)), near=False)
        assert leaks.leaks


def test_validation_images_are_not_augmented(folder):
    _, val = from_directory(folder, split=(0.5, 0.5), augment=imggen.augment.Inversion())
    originals = imggen.ImageSequence(val.manifest, image_size=SIZE, shuffle=False)
    np.testing.assert_array_equal(val[0][0], originals[0][0])

    generator = KerasGenerator(brightness_range=(0.1, 0.1), validation_split=0.5)
    augmented = generator.flow_from_directory(folder, subset="validation", **FLOW)
    plain = KerasGenerator(validation_split=0.5).flow_from_directory(
        folder, subset="validation", **FLOW
    )
    assert augmented[0][0].mean() < plain[0][0].mean() / 2


class Samples(torch.utils.data.Dataset):
    """A dataset as in the documentation of albumentations."""

    def __init__(self, files):
        import albumentations

        self.files = files
        self.augment = albumentations.RandomBrightnessContrast(p=1.0)
        self.augment.set_random_seed(7)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.augment(image=np.asarray(Image.open(self.files[index])))["image"]


def test_the_same_batches_with_any_number_of_workers(folder):
    batches = [
        from_directory(folder, augment="light", workers=workers)[0][0] for workers in (0, 1, 2)
    ]
    np.testing.assert_array_equal(batches[0], batches[1])
    np.testing.assert_array_equal(batches[0], batches[2])

    files = imggen.scan(folder).filepaths
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fork beside threads
        alone, with_workers = (
            torch.cat(list(torch.utils.data.DataLoader(Samples(files), 4, num_workers=workers)))
            for workers in (0, 2)
        )
    assert not torch.equal(alone, with_workers)


def test_a_file_that_cannot_be_read_is_named_or_skipped(folder):
    broken = folder / "cat" / "000.png"
    broken.write_bytes(b"not an image")
    with pytest.raises(imggen.errors.ImageError, match=re.escape(str(broken))):
        list(from_directory(folder))
    skipping = from_directory(folder, on_error="skip")
    with pytest.warns(UserWarning, match="1 "):
        batches = list(skipping)
    assert sum(len(x) for x, _ in batches) == 39

    with pytest.raises(Exception) as raised:
        list(zip(range(2), KerasGenerator().flow_from_directory(folder, **FLOW), strict=False))
    assert "000.png" not in str(raised.value)
    with pytest.raises(Exception) as raised:
        list(keras_dataset(folder))
    assert "000.png" not in str(raised.value)


@pytest.mark.skipif(importlib.util.find_spec("fastai") is None, reason="needs fastai")
def test_the_column_of_fastai(folder):
    for number in range(10):  # each image of cats twice
        (folder / "cat" / f"01{number}.png").write_bytes(
            (folder / "cat" / f"00{number}.png").read_bytes()
        )
    script = ROOT / "tests" / "helpers" / "fastai_facts.py"
    command = [sys.executable, "-W", "ignore", script, folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    facts = json.loads(done.stdout)
    assert [len(splits) for splits in facts["splits"]] == [2] * 3
    assert {sum("/cat/" in file for file in val) for _, val in facts["splits"]} != {6}
    originals = [re.sub(r"/cat/01", "/cat/00", file) for file in facts["splits"][0][0]]
    assert set(originals) & set(facts["splits"][0][1])
    assert not facts["val_is_augmented"]
    assert facts["repeats_itself"]
    assert not facts["is_same_with_workers"]
    assert "cat/000.png" in facts["of_no_image"]
    assert "truncated" in facts["of_half_an_image"]
    assert "000.png" not in facts["of_half_an_image"]


def test_the_images_per_second_are_those_of_the_benchmark():
    works = json.loads((ROOT / "assets/benchmark.json").read_text())["works"]
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| (First epoch[^|]*|Later epochs[^|]*) \|(.*)\|$", readme, re.MULTILINE)
    assert len(rows) == 3
    for title, cells in rows:
        measured = works[title.strip()]
        shown = [cell.strip() for cell in cells.split("|")]
        columns = {
            "imggen": ("imggen native", "imggen native, bilinear"),
            "Keras legacy": ("Keras legacy",),
            "tf.data": ("tf.data", "tf.data, bilinear", "tf.data, samples"),
            "torch": ("torch",),
        }
        for cell, names in zip(shown, columns.values(), strict=True):
            found = [measured[name]["images_per_second"] for name in names if name in measured]
            assert cell == (f"{found[0]:,.0f}" if found else "–"), title
