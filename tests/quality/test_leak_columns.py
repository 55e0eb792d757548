"""find_leaks keeps and compares all that is known about the samples, whatever it is."""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imggen import Manifest, find_leaks, scan
from imggen.data import Boxes, Keypoints
from tests.helpers.images import write_images


def annotate(root: Path, start: int) -> Manifest:
    """Images with every kind of column, of which the numbers begin with ``start``."""
    frame = scan(root).to_frame()
    numbers = np.arange(start, start + len(frame))
    frame = frame.assign(
        weight=numbers / 10,
        group=[f"patient {number}" for number in numbers],
        box=[[[0, 0, 1, number + 1]] for number in numbers],
        points=[[[number, 2]] for number in numbers],
        age=numbers,
        price=numbers * 2.0,
        grade=frame["label"],
    )
    return Manifest.from_frame(
        frame,
        root=root,
        weight_col="weight",
        group_col="group",
        mask_col="path",
        input_cols={"second": "path", "meta": ["age"]},
        boxes=Boxes(col="box", format="pascal_voc", labels=None),
        keypoints=Keypoints(col="points"),
        target_cols=["price"],
    )


def describe(manifest: Manifest) -> list[dict[str, object]]:
    """All that is known about each sample, with absolute paths."""
    frame = manifest.to_frame()
    for name in ("path", "mask", "input:second"):
        frame[name] = [os.path.normpath(manifest.resolve(path)) for path in frame[name]]
    return frame.to_dict("records")


def test_fixed_splits_keep_all_columns_from_folders_and_classes_of_their_own(tmp_path):
    train = annotate(write_images(tmp_path / "a/train", {"cat": 3, "dog": 2}, size=(8, 8)), 0)
    val = annotate(write_images(tmp_path / "val", {"ant": 1, "dog": 2}, size=(8, 9)), 10)
    shutil.copy(val.filepath(2), train.filepath(1))
    fixed = find_leaks({"train": train, "val": val}, near=False).fix()

    expected = {"train": describe(train.take([0, 2, 3, 4])), "val": describe(val)}
    for name, part in fixed.as_dict().items():
        assert describe(dataclasses.replace(part, splits=None, hashes=None)) == expected[name]
    assert fixed.train.class_names == ("cat", "dog", "ant")


def test_classes_of_samples_with_several_get_common_numbers(tmp_path):
    root = write_images(tmp_path / "photos", {"any": 4}, size=(8, 8))
    paths = [f"{root}/{path}" for path in scan(root).paths]

    def make(rows: slice, cells: list[str], names: list[str]) -> Manifest:
        frame = pd.DataFrame({"path": paths[rows], "tags": cells})
        return Manifest.from_frame(
            frame, root=root, y_col=None, multi_label_cols="tags", class_names=names
        )

    train = make(slice(0, 2), ["b;c", ""], ["b", "c"])
    val = make(slice(2, 4), ["a;c;b", "a"], ["a", "b", "c"])
    fixed = find_leaks({"train": train, "val": val}, near=False).fix()
    cells = [part.multi_labels.to_cells(part.class_names) for part in fixed]
    assert fixed.train.class_names == ("b", "c", "a")
    assert cells == [['["b", "c"]', "[]"], ['["b", "c", "a"]', '["a"]']]


def test_leaks_with_other_annotations_are_conflicts(tmp_path):
    root = write_images(tmp_path / "photos", {"cat": 2}, size=(8, 8))
    first = scan(root).paths[0]
    shutil.copy(root / first, root / "cat/copy.png")
    frame = scan(root).to_frame().assign(price=[1.0, 2.0, 3.0], split=["train", "train", "val"])
    manifest = Manifest.from_frame(frame, root=root, target_cols=["price"], split_col="split")
    conflicts = find_leaks(manifest, near=False).conflicts
    assert [conflict.columns for conflict in conflicts] == [("target",)]


def test_columns_that_do_not_fit_together_are_left_out(tmp_path):
    train = annotate(write_images(tmp_path / "train", {"cat": 2}, size=(8, 8)), 0)
    val = annotate(write_images(tmp_path / "val", {"cat": 2}, size=(8, 9)), 10)
    boxes = dataclasses.replace(val.boxes, format="coco")
    val = dataclasses.replace(val, boxes=boxes, masks=None, inputs={})
    fixed = find_leaks({"train": train, "val": val}, near=False).fix()
    assert all(part.boxes is part.masks is None and not part.inputs for part in fixed)
    assert all(part.targets is not None and part.numbers for part in fixed)
    assert pytest.approx(fixed.val.weights) == np.array([1.0, 1.1])
