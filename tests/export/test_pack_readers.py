"""Shards as other libraries read them: webdataset, and datasets of Hugging Face."""

import gc

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imggen import Boxes, Manifest, pack
from tests.helpers.images import pixels_of, write_images


@pytest.fixture
def packed(tmp_path):
    """Twelve images with masks and boxes, in two splits of several shards."""
    root = write_images(tmp_path / "in", {"cat": 6, "dog": 6})
    paths = [f"{name}/{number:03d}.png" for name in ("cat", "dog") for number in range(6)]
    Image.fromarray(np.eye(24, 20, dtype=np.uint8)).save(root / "mask.png")
    frame = pd.DataFrame(
        {
            "path": paths,
            "label": [path[:3] for path in paths],
            "mask": "mask.png",
            "box": [[[1, 2, 8, 9]] * (number % 3) for number in range(12)],
        }
    )
    manifest = Manifest.from_frame(
        frame, root=root, mask_col="mask", boxes=Boxes("box", "pascal_voc")
    )
    pack(manifest, tmp_path / "out", split=(0.5, 0.5), shard_size="14kB")
    return tmp_path / "out"


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # which webdataset leaves open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_every_sample(packed, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    frame = pd.read_parquet(packed / "manifest.parquet")
    shards = [str(path) for path in sorted(packed.glob("train-*.tar"))]
    found = list(
        webdataset.WebDataset(shards, shardshuffle=False)
        .decode("rgb8")
        .to_tuple("__key__", "png", "cls", "mask.png", "json")
    )
    gc.collect()
    rows = frame[frame["split"] == "train"]

    assert len(shards) > 1
    assert [key for key, *_ in found] == [f"{row:08d}" for row in rows.index]
    for row, (_, image, label, mask, description) in zip(rows.itertuples(), found, strict=True):
        np.testing.assert_array_equal(image, pixels_of(tmp_path / "in" / description["path"]))
        assert ("cat", "dog")[label] == row.label == description["label"]
        assert mask.shape[:2] == (24, 20)
        assert set(description["box_labels"]) <= {"object"}
        assert len(description["boxes"]) == len(description["box_labels"])


def test_hugging_face_reads_every_sample(packed, tmp_path):
    datasets = pytest.importorskip("datasets")
    frame = pd.read_parquet(packed / "manifest.parquet")
    files = {name: str(packed / f"{name}-*.tar") for name in ("train", "val")}
    found = datasets.load_dataset("webdataset", data_files=files, cache_dir=tmp_path / "cache")

    assert {name: len(part) for name, part in found.items()} == dict(frame["split"].value_counts())
    for split, part in found.items():
        rows = frame[frame["split"] == split]
        for row, sample in zip(rows.itertuples(), part, strict=True):
            source = tmp_path / "in" / sample["json"]["path"]
            np.testing.assert_array_equal(np.asarray(sample["png"]), pixels_of(source))
            assert sample["json"]["label"] == row.label
            assert ("cat", "dog")[sample["cls"]] == row.label
            assert sample["mask.png"].size == (20, 24)
