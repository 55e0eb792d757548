"""Manifest.to_hf, and back through from_hf."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, DatasetDict, Image

from imggen import (
    Boxes,
    ImageSequence,
    Keypoints,
    Manifest,
    from_arrays,
    from_dataframe,
    from_hf,
    scan,
)
from imggen.core import StringColumn
from imggen.errors import ManifestError
from tests.helpers.images import write_images
from tests.helpers.manifests import split_quietly

OPTIONS: dict[str, Any] = {"image_size": (6, 5), "batch_size": 4, "seed": 1, "workers": 0}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = write_images(tmp_path_factory.mktemp("photos"), {"a": 3, "c": 3})
    found = scan(folder)
    return dataclasses.replace(found, labels=2 - 2 * found.labels, class_names=("c", "b", "a"))


def assert_same(sequence: ImageSequence, other: ImageSequence) -> None:
    for _ in range(2):
        for got, wanted in zip(sequence, other, strict=True):
            assert str(got) == str(wanted)
            np.testing.assert_equal(got, wanted)


def test_the_dataset_has_the_files_and_the_classes(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(manifest.root)
    dataset = dataclasses.replace(manifest, root=".").to_hf()
    assert dataset.features["image"] == Image()
    assert dataset.features["label"] == ClassLabel(names=["c", "b", "a"])
    stored = dataset.cast_column("image", Image(decode=False))["image"]
    assert [row["path"] for row in stored] == [os.path.abspath(f) for f in manifest.filepaths]
    with dataset[1]["image"] as image:
        assert image.filename == manifest.filepath(1)
    sequence = from_hf(dataset, augment="light", **OPTIONS)
    assert_same(sequence, ImageSequence(manifest, augment="light", **OPTIONS))
    assert sequence.class_names == ("c", "b", "a")


def test_all_columns_come_back(manifest: Manifest) -> None:
    frame = pd.DataFrame(
        {
            "path": list(manifest.paths),
            "label": list("aabbcc"),
            "group": list("uuvvww"),
            "weight": [0.1, 1, 2, 3, 4, 5],
            "mask": list(manifest.paths),
            "kind": [["v"], [], ["v", "w"], ["w"], ["v"], []],
            "box": [[[1, 1, 9, 9.1]], [], [[2, 2, 5, 6], [0, 0, 1.5, 3]], [], [], []],
            "points": [[[1, 1.1]], [], [[2, 2], [3, 3]], [[1, 1]], [], []],
            "tags": ["x;y", "x", "", "y", "x", "z"],
            "age": [0.1, 1, 2, 3, 4, 5],
            "width": [1, 2, 3, 4, 5, 6.5],
        }
    )
    frame["kind"] = [["v"] * len(box) for box in frame["box"]]
    frame["kind"] = [names[:1] + ["w"] * len(names[1:]) for names in frame["kind"]]
    root = manifest.root
    columns = {"group_col": "group", "weight_col": "weight"}
    made = from_dataframe(frame, root=root, **columns, **OPTIONS)
    assert_same(from_hf(made.manifest.to_hf(), **columns, **OPTIONS), made)
    assert list(from_hf(made.manifest.to_hf(), **columns).manifest.groups) == list("uuvvww")

    boxes = Boxes(col="box", format="pascal_voc", labels="kind")
    made = from_dataframe(frame, root=root, boxes=boxes, **OPTIONS)
    of_dataset = Boxes(col="boxes", format="pascal_voc", labels="box_labels")
    assert_same(from_hf(made.manifest.to_hf(), boxes=of_dataset, **OPTIONS), made)

    made = from_dataframe(frame, root=root, keypoints=Keypoints(col="points"), **OPTIONS)
    dataset = made.manifest.to_hf()
    assert_same(from_hf(dataset, keypoints=Keypoints(col="keypoints"), **OPTIONS), made)

    masked = {"mask_values": {range(256): 1}, "mask_col": "mask"}
    gray = frame.assign(mask=[str(Path(root, "m.png"))] * 6)
    write_mask(Path(root, "m.png"))
    made = from_dataframe(gray, root=root, **masked, **OPTIONS)
    assert_same(from_hf(made.manifest.to_hf(), **masked, **OPTIONS), made)

    made = from_dataframe(frame, root=root, y_col="tags", label_mode="multi_label", **OPTIONS)
    assert_same(from_hf(made.manifest.to_hf(), **OPTIONS), made)
    for y_col, label in (("age", "age"), (["age", "width"], ["age", "width"])):
        made = from_dataframe(frame, root=root, y_col=y_col, label_mode="regression", **OPTIONS)
        dataset = made.manifest.to_hf()
        assert_same(from_hf(dataset, label=label, label_mode="regression", **OPTIONS), made)

    targets = {"label": "categorical", "age": "regression", "tags": "multi_label"}
    weights = {"age": "weight"}
    inputs = {"other": "path", "size": ["age", "width"]}
    made = from_dataframe(
        frame, root=root, targets=targets, weight_col=weights, input_cols=inputs, **OPTIONS
    )
    dataset = made.manifest.to_hf()
    inputs = {"other": "other", "size": ["size:age", "size:width"]}
    weights = {"age": "weight:age"}
    again = from_hf(dataset, targets=targets, weight_col=weights, input_cols=inputs, **OPTIONS)
    assert_same(again, made)


def write_mask(path: Path) -> None:
    from PIL import Image as PillowImage

    PillowImage.new("L", (20, 24), 7).save(path)


def test_several_splits_become_a_dataset_dict(manifest: Manifest) -> None:
    splits = split_quietly(manifest, {"train": 0.5, "val": 0.5})
    dataset = Manifest.concatenate(list(splits)).to_hf()
    assert isinstance(dataset, DatasetDict)
    assert list(dataset) == ["train", "val"]
    for name, sequence in from_hf(dataset, **OPTIONS).as_dict().items():
        assert_same(
            sequence, ImageSequence(getattr(splits, name), **OPTIONS, shuffle=name == "train")
        )
    assert isinstance(splits.train.to_hf(), datasets.Dataset)
    named = dataclasses.replace(manifest, splits=["dev", "dev", "train", "dev", "train", "train"])
    assert [len(one) for one in named.to_hf().values()] == [3, 3]


def test_what_a_dataset_cannot_hold_is_refused(manifest: Manifest) -> None:
    with pytest.raises(ManifestError, match=r"'x\[0\]' is not a file"):
        from_arrays(np.zeros((2, 4, 4), np.uint8), [0, 1]).manifest.to_hf()
    frame = manifest.to_frame().assign(image=0.5)
    targets = {"image": "regression", "label": "int"}
    table = from_dataframe(frame, root=manifest.root, targets=targets).manifest
    with pytest.raises(ManifestError, match="Two columns of the dataset would be named 'image'"):
        table.to_hf()
    groups = StringColumn.of(["a\udcff"] * manifest.num_samples)
    with pytest.raises(ManifestError, match="not valid UTF-8"):
        dataclasses.replace(manifest, groups=groups).to_hf()
