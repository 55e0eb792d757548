"""The drop-in skips what imggen wrote, and takes every other folder for a class as Keras does."""

import numpy as np
import pytest

import imggen
from imggen.cache.disk import DiskCache
from imggen.errors import KerasTrapWarning
from tests.helpers.images import write_images
from tests.helpers.legacy_oracle import keras_image

ODD_NAMES = ["@eaDir", "#recycle", "lost+found", ".thumbnails", "cache", ".hidden", "~$x", "Temp"]


@pytest.fixture
def photos(tmp_path):
    write_images(tmp_path / "photos", {"cat": 2, "dog": 1}, size=(8, 8))
    return tmp_path / "photos"


def write_outputs(folder, photos):
    cache = DiskCache(folder / "cached", "settings", 1, lambda _: str(photos / "cat" / "000.png"))
    cache.get(0, lambda: np.zeros((2, 2, 3), np.uint8))
    cache.flush()
    # Refused inside of the source, but people move folders.
    split = photos.parent / "split"
    imggen.split_directory(imggen.scan(photos, class_names=["cat"]), split, (0.5, 0.5))
    split.rename(folder / "split")


@pytest.mark.parametrize("place", ["", "cat", "cat/deep"])
def test_an_output_of_imggen_is_not_a_class_and_is_named(photos, place, capsys):
    expected = keras_image.ImageDataGenerator().flow_from_directory(photos)
    (photos / place).mkdir(exist_ok=True)
    write_outputs(photos / place, photos)
    capsys.readouterr()
    found = imggen.ImageDataGenerator().flow_from_directory(photos)
    assert (found.class_indices, found.filenames) == (expected.class_indices, expected.filenames)
    prefix = f"{place}/" if place else ""
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Found 3 images belonging to 2 classes."
    assert lines[1].startswith("Skipped 2 folders written by imggen: ")
    assert f"'{prefix}cached' (cache)" in lines[1]
    assert f"'{prefix}split' (split)" in lines[1]


def test_classes_names_an_output_to_use_it(photos):
    imggen.augment_directory(photos / "cat", photos / "more", "light", copies=1)
    found = imggen.ImageDataGenerator().flow_from_directory(photos, classes=["dog", "more"])
    assert found.classes.tolist() == [0, 1, 1, 1, 1]


@pytest.mark.filterwarnings("ignore::imggen.errors.KerasTrapWarning")
def test_every_other_folder_is_a_class_as_in_keras(photos):
    write_images(photos, dict.fromkeys(ODD_NAMES, 1), size=(8, 8))
    write_images(photos / "cat", dict.fromkeys(ODD_NAMES, 1), size=(8, 8))
    expected = keras_image.ImageDataGenerator().flow_from_directory(photos)
    found = imggen.ImageDataGenerator().flow_from_directory(photos)
    assert (found.class_indices, found.filenames) == (expected.class_indices, expected.filenames)


def test_folders_of_systems_are_warned_of(photos):
    write_images(photos, {"@eaDir": 1}, size=(8, 8))
    with pytest.warns(KerasTrapWarning, match="hidden-class: .*'@eaDir'.*Remove them"):
        imggen.ImageDataGenerator().flow_from_directory(photos)
    imggen.ImageDataGenerator().flow_from_directory(photos, classes=["@eaDir", "cat"])
    write_images(photos / "cat", {"@eaDir": 1}, size=(8, 8))
    with pytest.warns(KerasTrapWarning, match="system-folder: .*'cat/@eaDir'.*Remove these"):
        imggen.ImageDataGenerator().flow_from_directory(photos, classes=["cat", "dog"])
