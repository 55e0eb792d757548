"""Numbers that a model gets beside the images: columns of a table, and manifests on disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import imggen
from imggen import Manifest
from imggen.errors import ManifestError

FRAME = pd.DataFrame(
    {
        "path": ["a.png", "b.png", "c.png", "d.png"],
        "label": ["x", "y", "x", "y"],
        "age": [1, 2, 3, 4],
        "height": [0.5, 1.5, 2.5, 3.5],
        "weight kg": [9.0, 8.0, 7.0, 6.0],
        "depth": ["da.png", "db.png", "dc.png", "dd.png"],
    }
)
COLUMNS = {"years": "age", "body": ["height", "weight kg"], "depth": "depth"}


def make() -> Manifest:
    return Manifest.from_frame(FRAME, input_cols=COLUMNS)


def test_columns_of_numbers_and_of_paths() -> None:
    manifest = make()
    assert set(manifest.inputs) == {"depth"}
    assert manifest.numbers["years"].names == ("age",)
    np.testing.assert_array_equal(manifest.numbers["years"].values, [[1], [2], [3], [4]])
    body = manifest.numbers["body"]
    assert (body.names, body.values.dtype) == (("height", "weight kg"), np.float32)


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_they_survive_files_rows_and_splits(tmp_path: Path, extension: str) -> None:
    manifest = make()
    manifest.save(tmp_path / f"m.{extension}")
    loaded = Manifest.load(tmp_path / f"m.{extension}")
    for other in (
        loaded,
        Manifest.concatenate([manifest.take([0, 1]), manifest.take([2, 3])]),
        manifest.take([3, 2, 1, 0]).take([3, 2, 1, 0]),
    ):
        assert set(other.numbers) == {"years", "body"}
        for name, column in other.numbers.items():
            assert column.names == manifest.numbers[name].names
            np.testing.assert_array_equal(column.values, manifest.numbers[name].values)


def test_what_is_refused() -> None:
    for columns, message in (
        ({"n": ["age", "depth"]}, "'depth' holds 'da.png' in row 0"),
        ({"n": "nowhere"}, "nowhere"),
        ({"a:b": "age"}, "colon"),
        ({"image": "age"}, "reserved"),
        ({"n": []}, "empty"),
    ):
        with pytest.raises(ManifestError, match=message):
            Manifest.from_frame(FRAME, input_cols=columns)
    with pytest.raises(ManifestError, match="age.*row 1"):
        Manifest.from_frame(FRAME.assign(age=[1, None, 2, 3]), input_cols={"n": "age"})


def test_fit_and_predict_take_them(tmp_path: Path) -> None:
    import keras
    from PIL import Image

    for name in FRAME["path"]:
        Image.new("RGB", (8, 8), "red").save(tmp_path / name)
    sequence = imggen.from_dataframe(
        FRAME, root=tmp_path, input_cols={"body": ["height", "weight kg"]}, image_size=(8, 8)
    )
    image, body = keras.Input((8, 8, 3), name="image"), keras.Input((2,), name="body")
    features = [keras.layers.GlobalAveragePooling2D()(image), body]
    scores = keras.layers.Dense(2, "softmax")(keras.layers.concatenate(features))
    model = keras.Model({"image": image, "body": body}, scores)
    model.compile("sgd", "categorical_crossentropy")
    model.fit(sequence, verbose=0)
    table = sequence.predict(model)
    images = np.broadcast_to(np.float32([255, 0, 0]), (4, 8, 8, 3))
    wanted = model.predict(
        {"image": images, "body": FRAME[["height", "weight kg"]].to_numpy(np.float32)}, verbose=0
    )
    np.testing.assert_allclose(table[["p_x", "p_y"]].to_numpy(), wanted, atol=1e-6)
