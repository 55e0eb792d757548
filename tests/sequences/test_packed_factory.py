"""Sequences from packed sets, local and remote."""

import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen import Boxes, Keypoints, Manifest, from_packed, pack
from imggen.errors import ManifestError, OptionError
from tests.helpers.images import write_images
from tests.helpers.stores import FileServer


def assert_same_batches(one, other):
    assert len(one) == len(other)
    for index in range(len(one)):
        for found, expected in zip(one[index], other[index], strict=True):
            if isinstance(expected, dict):
                assert found.keys() == expected.keys()
                for name, values in expected.items():
                    np.testing.assert_array_equal(found[name], values)
            else:
                np.testing.assert_array_equal(found, expected)


def test_batches_are_those_of_the_source(photos, tmp_path):
    pack(photos, tmp_path / "whole", shard_size="14kB")
    pack(photos, tmp_path / "split", split=(0.5, 0.25, 0.25), split_seed=4)
    options = {"image_size": 8, "batch_size": 3, "seed": 5, "augment": "medium"}

    whole = from_packed(tmp_path / "whole", **options)
    assert_same_batches(whole, imggen.from_directory(photos, **options))
    assert_same_batches(pickle.loads(pickle.dumps(whole)), whole)
    splits = from_packed(tmp_path / "split", **options)
    expected = imggen.from_directory(photos, split=(0.5, 0.25, 0.25), split_seed=4, **options)
    assert splits.names == ("train", "val", "test")
    for one, other in zip(splits, expected, strict=True):
        assert_same_batches(one, other)


@pytest.mark.parametrize("image_size", [None, (16, 12)])
def test_annotations_are_those_of_the_source(tmp_path, image_size):
    root = write_images(tmp_path / "in", {"x": 4})
    for number in range(4):
        mask = np.arange(480, dtype=np.uint8).reshape(24, 20) % (number + 2)
        Image.fromarray(mask).save(root / f"{number}.png")
    frame = pd.DataFrame(
        {
            "path": [f"x/{number:03d}.png" for number in range(4)],
            "mask": [f"{number}.png" for number in range(4)],
            "right": [f"x/{3 - number:03d}.png" for number in range(4)],
            "age": [1.5, 2, 3, 4],
            "box": [[[2, 3, 9, 20]], [], [[0, 0, 30, 30], [5, 5, 7, 9]], [[1, 1, 19, 3]]],
            "point": [[[2, 3, 45]], [[0, 0, 90]], [[19, 23, 0]], [[7, 7, 7]]],
        }
    )
    manifest = Manifest.from_frame(
        frame,
        root=root,
        y_col=None,
        mask_col="mask",
        input_cols={"right": "right"},
        boxes=Boxes("box", "coco"),
        keypoints=Keypoints("point", "xya"),
        target_cols="age",
    )
    pack(manifest, tmp_path / "out", image_size=image_size, shard_size="14kB")
    for mode in ("mask", "boxes", "keypoints", "regression"):
        options = {"image_size": (16, 12), "label_mode": mode, "seed": 1, "augment": "light"}
        found = from_packed(tmp_path / "out", **options)
        assert_same_batches(found, imggen.ImageSequence(manifest, **options))


def test_a_remote_set_takes_one_request_per_image(photos, tmp_path):
    pack(photos, tmp_path / "out", shard_size="14kB")
    files = {
        f"set/{path.name}": path.read_bytes()
        for path in (tmp_path / "out").iterdir()
        if path.is_file()
    }
    server = FileServer(files)
    remote = from_packed(f"{server.url}/set", image_size=8, shuffle=False)
    server.requests.clear()
    assert_same_batches(remote, imggen.from_directory(photos, image_size=8, shuffle=False))
    assert [method for method, _ in server.requests].count("GET") == 16


def test_what_is_not_a_packed_set_is_refused(photos, tmp_path):
    with pytest.raises(ManifestError, match=r"has no manifest\.parquet; expected"):
        from_packed(photos)
    with pytest.raises(ManifestError, match="does not exist"):
        from_packed(tmp_path / "nothing")
    pack(photos, tmp_path / "out")
    with pytest.raises(OptionError, match="image_sise"):
        from_packed(tmp_path / "out", image_sise=8)
    with pytest.raises(OptionError, match="augment"):
        from_packed(tmp_path / "out", augment={"train": "light"})
    imggen.scan(photos).save(tmp_path / "photos/manifest.parquet")
    with pytest.raises(ManifestError, match="is a packed set of version None"):
        from_packed(photos)
