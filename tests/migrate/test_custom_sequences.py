"""imggen migrate shows the lines that replace a Sequence that reads images; they run."""

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imggen.migrate import examine
from tests.migrate.scripts import read

NAME = "custom Sequence"
FILES = """\
import cv2, numpy as np
from keras.utils import Sequence, to_categorical
class Photos(Sequence):
    def __init__(self, paths, labels, batch_size=32, size=(9, 9), shuffle=True):
        super().__init__()
        self.paths, self.labels, self.batch_size, self.size = paths, labels, batch_size, size
    def __len__(self):
        return len(self.paths) // self.batch_size
    def __getitem__(self, i):
        part = slice(i * self.batch_size, (i + 1) * self.batch_size)
        images = [self.load(path) for path in self.paths[part]]
        return np.array(images), to_categorical(self.labels[part], 2)
    def load(self, path):
        return cv2.resize(cv2.imread(path), self.size[::-1]) / 255
"""
MASKS = """\
import numpy as np
from PIL import Image
import tensorflow as tf
def load(path):
    return np.array(Image.open(path).resize((8, 6)))
class Pairs(tf.keras.utils.Sequence):
    def __init__(self, image_paths, mask_paths, batch_size):
        self.x, self.y = image_paths, mask_paths
    def __getitem__(self, i):
        return np.array([load(p) for p in self.x]), np.array([load(p) for p in self.y])
"""


def shown(folder, source):
    """The line of the class, and the lines that are shown."""
    (trap,) = (trap for trap in examine(read(folder, source)).traps if trap.name == NAME)
    head, *lines = trap.detail.splitlines()
    return trap.line, head, "\n".join(lines)


@pytest.fixture
def photos(tmp_path):
    paths = [str(tmp_path / f"{number}.png") for number in range(4)]
    for number, path in enumerate(paths):
        Image.new("RGB", (12, 10), (number, 0, 0)).save(path)
    return paths


def test_a_sequence_of_paths_is_replaced_by_from_files(tmp_path, photos):
    source = FILES + "train = Photos(paths, labels, 2, size=(5, 7), shuffle=False)\n"
    line, head, lines = shown(tmp_path, source)
    names = {"paths": photos, "labels": [0, 1, 0, 1]}
    exec(lines, names)
    old = dict(names)
    exec(source, old)

    assert (line, head) == (3, "Photos reads images with cv2.imread; imggen can replace it:")
    assert "train = imggen.from_files(paths, labels, " in lines
    assert isinstance(names["train"], keras.utils.PyDataset)
    for new, custom in zip(names["train"][0], old["train"][0], strict=True):
        assert new.shape == custom.shape
    assert np.array_equal(names["train"][0][1], old["train"][0][1])
    assert names["train"][0][0].max() <= 1


def test_a_sequence_of_pairs_is_replaced_by_a_table_with_masks(tmp_path, photos):
    masks = [path.replace(".png", "_mask.png") for path in photos]
    for path in masks:
        Image.new("L", (12, 10), 1).save(path)
    line, head, lines = shown(tmp_path, MASKS + "pairs = Pairs(images, masks, 4)\n")
    names = {"images": photos, "masks": masks}
    exec(lines, names)
    x, y = names["pairs"][0]

    assert (line, head.partition(";")[0]) == (6, "Pairs reads images with PIL.Image.open")
    assert (x.shape, y.shape) == ((4, 6, 8, 3), (4, 6, 8, 1))
    assert np.all(y == 1)


def test_a_table_is_replaced_by_from_dataframe(tmp_path, photos):
    source = FILES.replace("paths, labels, batch_size=32", "df, batch_size=32")
    lines = shown(tmp_path, source + "data = Photos(frame, batch_size=4)\n")[2]
    names = {"frame": pd.DataFrame({"path": photos, "label": ["a", "b", "a", "b"]})}
    exec(lines, names)

    assert names["data"][0][0].shape == (4, 224, 224, 3)


def test_names_in_a_folder_are_replaced_with_its_root(tmp_path, photos):
    source = FILES.replace("paths, labels, b", "names, labels, image_dir, b")
    lines = shown(tmp_path, source + "data = Photos(names, labels, folder, 4)\n")[2]
    names = {"names": [path.rpartition("/")[2] for path in photos], "labels": [0, 1, 0, 1]}
    names["folder"] = str(tmp_path)
    exec(lines, names)

    assert names["data"][0][0].shape == (4, 224, 224, 3)


def test_folders_that_the_class_lists_are_replaced_by_from_directory(tmp_path, photos):
    for number, path in enumerate(photos):
        for name in ("images", "masks"):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.open(path).convert("L").save(tmp_path / name / f"{number}.png")
    source = (
        MASKS.replace("import numpy", "import os, numpy")
        .replace("image_paths, mask_paths", "image_path, mask_path")
        .replace("self.x, self.y =", "self.names = os.listdir(image_path); self.x, self.y =")
    )
    head = f"images, masks = {str(tmp_path / 'images')!r}, {str(tmp_path / 'masks')!r}\n"
    lines = shown(tmp_path, source + "data = Pairs(images, masks, 4)\n")[2]
    names: dict = {}
    exec(head + lines, names)

    assert "imggen.from_directory(images, mask_dir=masks, " in lines
    assert [array.shape for array in names["data"][0]] == [(4, 6, 8, 3), (4, 6, 8, 1)]


def test_a_size_that_the_class_writes_out_is_height_and_width(tmp_path):
    source = FILES.replace("self.size[::-1]", "(20, 30)")  # OpenCV has the width first

    assert "image_size=(30, 20)" in shown(tmp_path, source)[2]


def test_a_class_that_is_never_created_is_shown_once(tmp_path):
    line, _, lines = shown(tmp_path, FILES)

    assert line == 3
    assert "data = imggen.from_files(files, labels, " in lines
    assert lines.startswith("import imggen\n# files, labels: ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cv2.imread(path)", "np.load(path)"),
        ("(Sequence)", "(object)"),
        ("from keras.utils import Sequence", "from mine import Sequence"),
        ("__getitem__", "get"),
        ("self.load(path)", "self.load(path), boxes"),
    ],
)
def test_other_classes_are_not_shown(tmp_path, old, new):
    assert old in FILES
    assert examine(read(tmp_path, FILES.replace(old, new))).traps == ()
