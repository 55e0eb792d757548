"""from_arrays: the batches of from_directory for the same pixels, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import imggen
from imggen.augment import MixUp, RandomFlip, RandomResizedCrop, RandomRotation
from imggen.errors import ImggenError, ManifestError, OptionError

Pixels = npt.NDArray[np.uint8]


def draw(shape: tuple[int, ...]) -> Pixels:
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


def write_folder(root: Path, images: Pixels, labels: npt.NDArray[np.int64]) -> Path:
    """Writes images as PNGs in class folders; ``labels`` are sorted."""
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        file = root / f"c{label}" / f"{index:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[:, :, 0] if image.shape[2:] == (1,) else image).save(file)
    return root


def all_batches(sequence: Any, epochs: int = 2) -> Iterator[tuple[Any, ...]]:
    for _ in range(epochs):
        yield from sequence


OPTIONS: list[dict[str, Any]] = [
    {},
    {"image_size": (9, 7)},
    {"image_size": (9, 7), "crop_to_aspect_ratio": True, "interpolation": "bicubic"},
    {"image_size": (9, 7), "pad_to_aspect_ratio": True, "rescale": 1 / 255},
    {"image_size": (9, 7), "augment": [RandomFlip(), RandomRotation()]},
    {"augment": [RandomFlip(), MixUp()]},
    {"image_size": (6, 6), "augment": RandomResizedCrop()},
    {"data_format": "channels_first", "dtype": "uint8"},
    {"image_size": (9, 7), "color_mode": "grayscale"},
]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_batches_equal_those_of_files(tmp_path: Path, channels: int) -> None:
    images = draw((6, 8, 12, channels))
    labels = np.repeat([0, 1], 3)
    folder = write_folder(tmp_path, images, labels)
    color_mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
    for given in OPTIONS if channels == 3 else OPTIONS[:4]:
        of_files = {"image_size": (8, 12), "color_mode": color_mode} | given
        expected = imggen.from_directory(folder, batch_size=4, seed=3, workers=0, **of_files)
        wanted = list(all_batches(expected))
        for more in ({"workers": 0}, {"workers": 2}, {"workers": 1, "cache": "ram"}):
            sequence = imggen.from_arrays(images, labels, batch_size=4, seed=3, **given, **more)
            for (x, y), (wanted_x, wanted_y) in zip(all_batches(sequence), wanted, strict=True):
                np.testing.assert_array_equal(x, wanted_x, err_msg=str((given, more)))
                np.testing.assert_array_equal(y, wanted_y)
            sequence.close()


def test_masks_equal_those_of_files(tmp_path: Path) -> None:
    images, masks = draw((6, 8, 12, 3)), draw((6, 8, 12)) % 3
    labels = np.zeros(6, np.int64)
    write_folder(tmp_path / "images", images, labels)
    write_folder(tmp_path / "masks", masks, labels)
    values = {0: 0, 1: 2, 2: 1}
    for given in ({}, {"image_size": (5, 9), "augment": [RandomFlip(), RandomRotation()]}):
        given = {"batch_size": 4, "seed": 3, "mask_values": values, **given}
        expected = imggen.from_directory(
            tmp_path / "images",
            mask_dir=tmp_path / "masks",
            **{"image_size": (8, 12)} | given,
        )
        for given_masks in (masks, masks[..., None], masks.astype(np.int64), list(masks)):
            sequence = imggen.from_arrays(images, masks=given_masks, **given)
            for (x, y), (wanted_x, wanted_y) in zip(
                all_batches(sequence), all_batches(expected), strict=True
            ):
                np.testing.assert_array_equal(x, wanted_x)
                np.testing.assert_array_equal(y, wanted_y)
            expected.epoch = 0


def test_color_masks() -> None:
    colors = np.array([[0, 0, 0], [255, 0, 0]], np.uint8)
    classes = draw((4, 6, 6)) % 2
    sequence = imggen.from_arrays(
        draw((4, 6, 6, 3)),
        masks=colors[classes],
        mask_values={(0, 0, 0): 0, (255, 0, 0): 1},
        shuffle=False,
    )
    np.testing.assert_array_equal(sequence[0][1][..., 0], classes)
    with pytest.raises(imggen.errors.ImageError, match=r"masks\[\d\].*\(6, 6, 3\)"):
        imggen.from_arrays(draw((4, 6, 6, 3)), masks=colors[classes])[0]


def test_processes_give_the_same_batches() -> None:
    images, labels = draw((6, 4, 4, 3)), [0, 1] * 3
    expected = imggen.from_arrays(images, labels, batch_size=3, seed=1, augment=RandomFlip())
    sequence = imggen.from_arrays(
        images, labels, batch_size=3, seed=1, augment=RandomFlip(), workers=1,
        use_multiprocessing=True,
    )  # fmt: skip
    for (x, y), (wanted_x, wanted_y) in zip(sequence, expected, strict=True):
        np.testing.assert_array_equal(x, wanted_x)
        np.testing.assert_array_equal(y, wanted_y)
    sequence.close()


def test_every_form_of_classes() -> None:
    images = draw((4, 4, 4))
    one_hot = np.eye(3)[[2, 0, 1, 0]]
    for y in ([2, 0, 1, 0], np.array([[2], [0], [1], [0]]), one_hot, np.array([2.0, 0, 1, 0])):
        sequence = imggen.from_arrays(images, y, shuffle=False)
        np.testing.assert_array_equal(sequence[0][1], one_hot)
    named = imggen.from_arrays(images, ["b", "a", "b", "c"], shuffle=False, label_mode="int")
    assert named.class_names == ("a", "b", "c")
    np.testing.assert_array_equal(named[0][1], [1, 0, 1, 2])


def test_numbers_weights_and_groups() -> None:
    images, ages = draw((6, 4, 4)), np.arange(6, dtype=np.float64)
    weights = np.linspace(0.5, 1, 6)
    x, y, w = imggen.from_arrays(
        images, ages, label_mode="regression", sample_weight=weights, shuffle=False
    )[0]
    np.testing.assert_array_equal(y, ages.astype(np.float32))
    np.testing.assert_array_equal(w, weights.astype(np.float32))
    np.testing.assert_array_equal(x[..., 0], images)
    pairs = imggen.from_arrays(
        images, np.stack([ages, -ages], axis=1), label_mode="regression", shuffle=False
    )
    assert pairs[0][1].shape == (6, 2)
    train, test = imggen.from_arrays(
        images, [0, 1] * 3, groups=list("aabbcc"), split={"train": 0.6, "test": 0.4}
    )
    assert not set(train.manifest.groups or ()) & set(test.manifest.groups or ())
    assert train.samples + test.samples == 6


def test_arrays_are_not_copied_nor_changed() -> None:
    images = draw((6, 8, 8, 3))
    before = images.copy()
    sequence = imggen.from_arrays(images, [0, 1] * 3, augment="strong", seed=1, cache="ram")
    for _ in all_batches(sequence):
        pass
    sequence.close()
    np.testing.assert_array_equal(images, before)
    loaded = sequence.batch_maker.samples.image(2)
    assert np.shares_memory(loaded, images)


def test_images_of_different_sizes() -> None:
    images = [draw((8, 6, 3)), draw((5, 9)), draw((4, 4, 1))]
    sequence = imggen.from_arrays(images, [0, 1, 1], image_size=(4, 4), shuffle=False)
    x, _ = sequence[0]
    assert x.shape == (3, 4, 4, 3)
    np.testing.assert_array_equal(x[2], np.repeat(images[2], 3, axis=2))


def test_previews_and_predictions_show_the_names() -> None:
    import keras

    sequence = imggen.from_arrays(draw((3, 8, 8, 3)), [0, 1, 1], augment=RandomFlip(), seed=2)
    assert sequence.explain(0, 1).path == "x[1]"
    assert sequence.show_batch(cell=16).width > 16
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    table = sequence.predict(model)
    assert table["path"].tolist() == ["x[0]", "x[1]", "x[2]"]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (draw((4, 4)), r"shape \(4, 4\)"),
        (draw((0, 4, 4)), r"shape \(0, 4, 4\)"),
        (draw((2, 4, 0, 3)), "no pixels"),
        (draw((2, 3, 4, 5)), r"x\[0\] has shape .*channels"),
        (draw((2, 4, 4)) / 255, r"astype\('uint8'\)"),
        (np.ones((2, 4, 4), np.float32), r"astype\('uint8'\)"),
        (draw((2, 4, 4)).astype(np.int64) * 300, "0 to 255"),
        (draw((2, 4, 4)).astype(float) - 128, "from -1"),
        (np.full((2, 4, 4), np.nan), "nan"),
        (draw((2, 4, 4)) > 3, "bool"),
        (np.full((2, 4, 4), "a"), "dtype"),
        (None, "shape"),
        ("photos", "shape"),
    ],
)
def test_x_that_are_no_images_are_refused(x: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        imggen.from_arrays(x)


def test_whole_numbers_of_any_dtype_are_images() -> None:
    images = draw((2, 4, 4, 3))
    for dtype in (np.float32, np.float64, np.int64, np.uint16):
        x = imggen.from_arrays(images.astype(dtype), shuffle=False)[0]
        np.testing.assert_array_equal(x, images)


def test_what_does_not_fit_is_refused() -> None:
    images = draw((4, 4, 4))
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (ManifestError, "4", {"y": [0, 1, 2]}),
        (ManifestError, "one-hot", {"y": np.ones((4, 2))}),
        (ManifestError, "4", {"y": np.eye(3)}),
        (ManifestError, "row 3", {"y": [1.0, 2, 3, np.nan], "label_mode": "regression"}),
        (ManifestError, "sample_weight", {"sample_weight": [1, 2]}),
        (OptionError, "masks has 3", {"masks": draw((3, 4, 4))}),
        (OptionError, r"masks\[0\] has \(4, 5\)", {"masks": draw((4, 4, 5))}),
        (OptionError, "loader=", {"y": [0, 1, 0, 1], "loader": np.load}),
        (OptionError, "imagesize", {"imagesize": (4, 4)}),
    ]
    for error, message, given in refused:
        with pytest.raises(error, match=message):
            imggen.from_arrays(images, **given)


def test_several_classes_and_several_outputs() -> None:
    images = draw((4, 4, 4))
    rows = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]])
    for y in (rows, [["0", "2"], [], ["1"], ["0", "1", "2"]]):
        sequence = imggen.from_arrays(images, y, label_mode="multi_label", shuffle=False)
        np.testing.assert_array_equal(sequence[0][1], rows)
    both = imggen.from_arrays(
        images,
        {"kind": ["a", "b", "a", "b"], "age": np.arange(4.0)[:, None]},
        targets={"kind": "int", "age": "regression"},
        shuffle=False,
    )
    targets = both[0][1]
    np.testing.assert_array_equal(targets["kind"], [0, 1, 0, 1])
    np.testing.assert_array_equal(targets["age"], np.arange(4.0))


def test_inputs_beside_the_images() -> None:
    images = draw((6, 4, 4, 3))
    ages, sizes = np.arange(6), np.stack([np.arange(6.0), -np.arange(6.0)], axis=1)
    for options in ({}, {"augment": RandomFlip()}, {"image_size": (8, 8), "cache": "ram"}):
        sequence = imggen.from_arrays(
            images,
            ages % 2,
            inputs={"age": ages, "size": sizes, "depth": 255 - images[..., :1]},
            color_mode="rgb",
            batch_size=4,
            seed=1,
            **options,
        )
        for _ in range(2):
            for index, (x, y) in enumerate(sequence):
                rows = sequence.served()[index * 4 : index * 4 + 4]
                assert set(x) == {"image", "age", "size", "depth"}
                np.testing.assert_array_equal(x["age"], ages[rows, None])
                np.testing.assert_array_equal(x["size"], sizes[rows])
                assert x["age"].dtype == np.float32
                np.testing.assert_allclose(x["image"][..., 0] + x["depth"][..., 0], 255, atol=1)
                np.testing.assert_array_equal(y.argmax(axis=1), rows % 2)
    for message, inputs in (
        (r"inputs\['age'\] has 5 rows and x has 6", {"age": np.arange(5)}),
        ("dtype", {"age": list("abcdef")}),
        ("has 5; expected", {"depth": draw((5, 4, 4))}),
        ("reserved", {"image": ages}),
    ):
        with pytest.raises((ManifestError, OptionError), match=message):
            imggen.from_arrays(images, inputs=inputs)
    with pytest.raises(OptionError, match="MixUp"):
        imggen.from_arrays(images, ages % 2, inputs={"age": ages}, augment=MixUp())


def test_outputs_have_masks_and_weights_of_their_own() -> None:
    x = draw((6, 8, 8, 3))
    masks = x[..., 0] % 2
    kind, age, weights = [0, 1] * 3, np.arange(6.0), np.arange(6.0) + 1
    sequence = imggen.from_arrays(
        x,
        {"kind": kind, "age": age},
        masks=masks,
        targets={"kind": "int", "age": "regression", "area": "mask"},
        sample_weight={"age": weights},
        shuffle=False,
    )
    _, y, sample_weight = sequence[0]
    np.testing.assert_array_equal(y["area"][..., 0], masks)
    np.testing.assert_array_equal(sample_weight["age"], weights)
    np.testing.assert_array_equal(sample_weight["kind"], np.ones(6))
    for _, val in imggen.kfold_sequences(sequence, 3, batch_size=2):
        rows = [int(name[2:-1]) for name in val.manifest.paths]
        np.testing.assert_array_equal(val[0][0], x[rows])
        np.testing.assert_array_equal(val[0][1]["area"][..., 0], masks[rows])


def test_errors_name_the_arguments_of_from_arrays() -> None:
    x, y = draw((4, 8, 8, 3)), {"kind": [0, 1, 0, 1], "age": [1.0, 2.0, 3.0, 4.0]}
    targets = {"kind": "int", "age": "regression"}
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (y, {}, "y maps the outputs .* Pass targets="),
        ({**y, "other": y["age"]}, {"targets": targets}, "With targets=, y must be a mapping"),
        ({**y, "age": [1.0, np.nan, 3.0, 4.0]}, {"targets": targets}, r"y\['age'\]: .* in row 1"),
        ([0, 1, 0], {}, "y: Got 4 files and 3 labels"),
        (y, {"targets": targets, "sample_weight": {"b": [1] * 4}}, "sample_weight is for the out"),
        (y, {"targets": targets, "sample_weight": {"age": [1]}}, r"sample_weight\['age'\] has sh"),
        (y["kind"], {"inputs": {"n": [1.0]}}, r"inputs\['n'\] has 1 rows and x has 4"),
        (y["kind"], {"inputs": {"n": [1, 2, np.inf, 4]}}, r"inputs\['n'\] is \[inf\] in row 2"),
    ]
    for values, options, message in cases:
        with pytest.raises(ImggenError, match=message):
            imggen.from_arrays(x, values, **options)


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_an_output_of_several_numbers_is_saved_whole(tmp_path: Path, extension: str) -> None:
    y = {"kind": [0, 1, 0, 1], "place": np.arange(8.0).reshape(4, 2)}
    targets: Any = {"kind": "int", "place": "regression"}
    manifest = imggen.from_arrays(draw((4, 8, 8, 3)), y, targets=targets).manifest
    manifest.save(tmp_path / f"table.{extension}")
    loaded = imggen.Manifest.load(tmp_path / f"table.{extension}").outputs["place"].targets
    assert loaded is not None
    assert (loaded.names, loaded.is_single) == (("0", "1"), False)
    np.testing.assert_array_equal(loaded.values, y["place"])
