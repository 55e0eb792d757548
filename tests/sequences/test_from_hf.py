"""from_hf: the batches of from_directory over the same files, for all ways to store them."""

import gc
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from datasets import Array3D, ClassLabel, Dataset, DatasetDict, Features, Image, Sequence, Value
from PIL import Image as PillowImage

import imggen
from imggen import Boxes, from_hf
from imggen.augment import RandomFlip
from imggen.errors import (
    ImageError,
    ImggenWarning,
    ManifestError,
    MissingExtraError,
    OptionError,
    OptionTypeError,
    SplitError,
)
from tests.helpers.image_files import write_modes

FEATURES = Features(image=Image(), label=ClassLabel(names=["a", "b"]))
OPTIONS: dict[str, Any] = {"image_size": (6, 5), "batch_size": 3, "seed": 1, "workers": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_modes(tmp_path_factory.mktemp("modes"))


@pytest.fixture(scope="module")
def manifest(folder: Path) -> imggen.Manifest:
    return imggen.scan(folder)


@pytest.fixture(scope="module")
def stored(manifest: imggen.Manifest) -> Dataset:
    """A dataset with the bytes of the files, as on the Hub."""
    images = [
        {"bytes": Path(f).read_bytes(), "path": f"hub/{i}"} for i, f in enumerate(files(manifest))
    ]
    return Dataset.from_dict({"image": images, "label": labels(manifest)}, features=FEATURES)


def files(manifest: imggen.Manifest) -> list[str]:
    return manifest.filepaths


def labels(manifest: imggen.Manifest) -> list[int]:
    assert manifest.labels is not None
    return manifest.labels.tolist()


def two_epochs(sequence: Any) -> list[Any]:
    return [batch for _ in range(2) for batch in sequence]


def assert_same(sequence: Any, expected: list[Any]) -> None:
    for got, wanted in zip(two_epochs(sequence), expected, strict=True):
        for array, other in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(array, other)


def test_batches_equal_those_of_from_directory(
    folder: Path, manifest: imggen.Manifest, stored: Dataset, tmp_path: Path
) -> None:
    content = [Path(file).read_bytes() for file in files(manifest)]
    names = ["ab"[label] for label in labels(manifest)]
    archive = tmp_path / "images.zip"
    with zipfile.ZipFile(archive, "w") as archived:
        for file in files(manifest):
            archived.write(file, Path(file).name)
    inside = [f"zip://{Path(file).name}::{archive}" for file in files(manifest)]
    stored.save_to_disk(tmp_path / "saved", num_shards=3)
    loaded = datasets.load_from_disk(str(tmp_path / "saved"))
    shuffled = loaded.shuffle(seed=3)
    back = np.argsort(loaded.add_column("row", range(8)).shuffle(seed=3)["row"])
    shards = datasets.concatenate_datasets([stored.select(range(3)), loaded.select(range(3, 8))])
    kinds = {
        "paths": Dataset.from_dict({"image": files(manifest), "label": labels(manifest)}, FEATURES),
        "stored": stored,
        "text columns": Dataset.from_dict({"image": files(manifest), "label": names}),
        "bytes": Dataset.from_dict({"image": content, "label": names}),
        "archive": Dataset.from_dict({"image": inside, "label": labels(manifest)}, FEATURES),
        "mode": stored.cast_column("image", Image(mode="L")),
        "not decoded": stored.cast_column("image", Image(decode=False)),
        "to_hf": manifest.to_hf(),
        "loaded": loaded,
        "selected": shuffled.select(back),
        "concatenated": shards,
        "numpy": shards.with_format("numpy"),
        "transform": loaded.with_transform(lambda rows: {"image": [0] * len(rows["image"])}),
    }
    for more in ({}, {"augment": "light", "color_mode": "rgba"}):
        expected = two_epochs(imggen.from_directory(folder, **OPTIONS, **more))
        for kind, dataset in kinds.items():
            if more and kind not in ("stored", "selected"):
                continue
            sequence = from_hf(dataset, **OPTIONS, **more)
            assert sequence.class_names == ("a", "b"), kind
            if kind in ("stored", "selected"):  # as worker processes get it
                sequence = pickle.loads(pickle.dumps(sequence))
            assert_same(sequence, expected)
    assert from_hf(stored, workers=0)[0][0].shape == (8, 256, 256, 3)


def with_a_byte_more(stored: Dataset) -> bytes:
    """The bytes of the first image, with one more that does not change its pixels."""
    content: bytes = stored.cast_column("image", Image(decode=False))[0]["image"]["bytes"]
    return content + b"0"


def test_caches_of_stored_images(stored: Dataset, tmp_path: Path) -> None:
    options = OPTIONS | {"shuffle": False, "augment": "light"}
    expected = two_epochs(from_hf(stored, **options))
    for cache in ("ram", tmp_path / "c", imggen.Cache("ram", pack="jpeg")):
        cached = from_hf(stored, **options, cache=cache)
        if not isinstance(cache, imggen.Cache):
            assert_same(cached, expected)
        assert cached.fill_cache() == []
    # A later run finds the images by their bytes, wherever they are in the dataset.
    moved = from_hf(stored.select(range(7, -1, -1)), **options, cache=tmp_path / "c")
    assert moved.batch_maker.samples.cache.get(0, lambda: pytest.fail("not cached")).any()
    other = Dataset.from_dict(
        {"image": [with_a_byte_more(stored)], "label": [0]}, features=FEATURES
    )
    changed = from_hf(other, **options, cache=tmp_path / "c")
    with pytest.raises(KeyError, match="loaded"):
        changed.batch_maker.samples.cache.get(0, lambda: {}["loaded"])


def test_images_in_memory_are_read_as_the_dataset_stores_them(tmp_path: Path) -> None:
    arrays = np.random.default_rng(5).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
    columns = {
        "features": (list(arrays), Image()),
        "Pillow": ([PillowImage.fromarray(array) for array in arrays], Image()),
        "Array3D": (arrays, Array3D((6, 5, 3), "uint8")),
        "lists": (arrays.tolist(), Sequence(Sequence(Sequence(Value("int64"))))),
    }
    for name, (images, feature) in columns.items():
        features = Features(image=feature, label=Value("string"))
        dataset = Dataset.from_dict({"image": images, "label": list("abab")}, features=features)
        dataset = dataset.select([3, 2, 1, 0])
        x, _ = from_hf(dataset, image_size=(6, 5), shuffle=False, workers=0)[0]
        np.testing.assert_array_equal(x, arrays[::-1].astype(np.float32), name)
    gray = Dataset.from_dict({"image": arrays[..., 0].tolist()})
    x = from_hf(gray, label=None, image_size=(6, 5), color_mode="grayscale", shuffle=False)[0]
    np.testing.assert_array_equal(x[..., 0], arrays[..., 0].astype(np.float32))

    # datasets keeps the path of an image that Pillow has opened, and not its changes.
    PillowImage.fromarray(arrays[0]).save(tmp_path / "a.png")
    edited = PillowImage.open(tmp_path / "a.png")
    edited.putpixel((0, 0), (1, 2, 3))
    dataset = Dataset.from_dict({"image": [edited]}, features=Features(image=Image()))
    x = from_hf(dataset, label=None, image_size=(6, 5))[0]
    np.testing.assert_array_equal(x[0], np.asarray(dataset[0]["image"]).astype(np.float32))


# datasets leaves the file open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_imagefolder_with_metadata(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in (0, 2):
        os.link(folder / "a" / f"{number}.png", tmp_path / "images" / f"{number}.png")
    (tmp_path / "images" / "metadata.csv").write_text("file_name,kind\n0.png,x\n2.png,y\n")
    dataset = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "images"), cache_dir=str(tmp_path / "cache")
    )
    with pytest.raises(OptionError, match="label='label' is not one of 'image', 'kind'"):
        from_hf(dataset)
    (train,) = from_hf(dataset, label="kind")
    assert train.class_names == ("x", "y")
    assert [Path(path).name for path in train.filepaths] == ["0.png", "2.png"]
    gc.collect()


def test_kinds_of_targets(stored: Dataset) -> None:
    kind = ClassLabel(names=["u", "v"])
    features = Features(
        image=Image(),
        label=FEATURES["label"],
        number=Value("int64"),
        text=Value("string"),
        float=Value("float32"),
        floats=Sequence(Value("float64")),
        several=Sequence(kind),
        names=Sequence(Value("string")),
        objects={"bbox": Sequence(Sequence(Value("float32"))), "category": Sequence(kind)},
    )
    rows = stored.select(range(3)).to_list()
    dataset = Dataset.from_list(
        [
            row
            | {"number": 7 - 2 * i, "text": "yxy"[i], "float": i / 2, "floats": [i, 1.0]}
            | {"several": [[1], [], [0, 1]][i], "names": [["q"], [], ["p", "q"]][i]}
            | {"objects": {"bbox": [[1, 1, 3, 4]], "category": [1]}}
            for i, row in enumerate(rows)
        ],
        features=features,
    )

    def targets(label: Any, **options: Any) -> tuple[Any, Any]:
        made = from_hf(dataset, label=label, image_size=(7, 9), shuffle=False, workers=0, **options)
        return made[0][1], made.class_names

    cases: list[tuple[Any, dict[str, Any], Any, tuple[str, ...]]] = [
        ("label", {"label_mode": "int"}, [0, 0, 0], ("a", "b")),
        ("label", {"label_mode": "int", "class_names": ["b", "a"]}, [1, 1, 1], ("b", "a")),
        ("number", {"label_mode": "int"}, [2, 1, 0], ("3", "5", "7")),
        ("text", {"label_mode": "int"}, [1, 0, 1], ("x", "y")),
        ("float", {}, [0, 0.5, 1], ()),
        ("floats", {}, [[0, 1], [1, 1], [2, 1]], ()),
        (["float", "number"], {"label_mode": "regression"}, [[0, 7], [0.5, 5], [1, 3]], ()),
        ("several", {}, [[0, 1], [0, 0], [1, 1]], ("u", "v")),
        ("names", {}, [[0, 1], [0, 0], [1, 1]], ("p", "q")),
    ]
    for label, options, expected, names in cases:
        y, found = targets(label, **options)
        np.testing.assert_array_equal(y, expected, f"{label} {options}")
        assert found == names, label
    for label in ("label", "float", "floats", "several"):  # an explicit None stays one
        batch = from_hf(dataset, label=label, label_mode=None, image_size=(7, 9), workers=0)[0]
        assert isinstance(batch, np.ndarray), label
        x, y = from_hf(dataset, label=label, label_mode="input", image_size=(7, 9), workers=0)[0]
        np.testing.assert_array_equal(x, y)
    without = dataset.remove_columns("label")
    assert from_hf(without, label_mode=None, image_size=(7, 9), workers=0)[0].shape == (3, 7, 9, 3)
    y, _ = targets("label", targets={"several": "multi_label", "float": "regression"})
    np.testing.assert_array_equal(y["several"], [[0, 1], [0, 0], [1, 1]])
    np.testing.assert_array_equal(y["float"], [0, 0.5, 1])
    boxes = Boxes(col="objects.bbox", format="coco", labels="objects.category")
    sequence = from_hf(dataset, label=None, boxes=boxes, image_size=(14, 18), workers=0)
    y = sequence.explain(0, 0)
    assert sequence.manifest.boxes.class_names == ("u", "v")
    np.testing.assert_allclose(y.after.boxes, [[2, 2, 8, 10, 1]])


def test_masks_and_inputs_are_columns_of_images(stored: Dataset) -> None:
    sizes = [image.size for image in stored["image"]]
    masks = [
        PillowImage.fromarray(np.full(size[::-1], index, np.uint8))
        for index, size in enumerate(sizes)
    ]
    rows = [
        row | {"../mask": masks[i], "size": i / 2, "../count": i}
        for i, row in enumerate(stored.to_list())
    ]
    more = {"../mask": Image(), "size": Value("float32"), "../count": Value("int16")}
    features = Features({**FEATURES, **more})
    dataset = Dataset.from_list(rows, features=features).select([4, 1])
    sequence = from_hf(
        dataset,
        mask_col="../mask",
        input_cols={"same": "image", "number": "size", "count": "../count"},
        image_size=(4, 4),
        shuffle=False,
        workers=0,
    )
    x, y = sequence[0]
    assert y[:, 0, 0, 0].tolist() == [4, 1]
    np.testing.assert_array_equal(x["same"], x["image"])
    assert x["number"].tolist() == [[2], [0.5]]
    assert x["count"].tolist() == [[4], [1]]
    arrays = [np.full(size[::-1], index % 2).tolist() for index, size in enumerate(sizes)]
    listed = stored.add_column("mask", arrays)
    y = from_hf(listed, mask_col="mask", image_size=(4, 4), shuffle=False, workers=0)[0][1]
    assert y[:, 0, 0, 0].tolist() == [0, 1] * 4


def test_a_dataset_dict_gives_one_sequence_per_split(stored: Dataset) -> None:
    dataset = DatasetDict(train=stored.select(range(5)), validation=stored.select(range(5, 8)))
    splits = from_hf(dataset, augment=RandomFlip(), **OPTIONS)
    assert splits.names == ("train", "val")
    assert (splits.train.samples, splits.val.samples) == (5, 3)
    assert splits.train.batch_maker.pipeline.steps
    assert not splits.val.batch_maker.pipeline.steps
    assert splits.val.filepaths[1] == "validation image[1] hub/6"
    whole = from_hf(stored.select(range(5, 8)), **OPTIONS, shuffle=False)
    assert_same(splits.val, two_epochs(whole))
    train, val = from_hf(stored, split=(0.5, 0.5), **OPTIONS)
    assert (train.samples, val.samples) == (4, 4)


def test_rows_without_a_readable_image_follow_on_error(manifest: imggen.Manifest) -> None:
    content = [Path(file).read_bytes() for file in files(manifest)]
    for damaged, reason in ((None, "the row has no image"), (content[1][:50], "truncated")):
        images: list[Any] = [{"bytes": one, "path": f"{i}.png"} for i, one in enumerate(content)]
        images[1] = damaged and {"bytes": damaged, "path": "1.png"}
        columns = {"image": images, "label": labels(manifest)}
        whole = Dataset.from_dict(columns, features=FEATURES)
        for rows, row in ((range(8), 1), ([0, 2, 1], 2)):
            dataset = whole.select(rows)
            if damaged is None:
                with pytest.raises(ManifestError, match=rf"no image in 1 of \d rows.* row {row}\."):
                    from_hf(dataset, **OPTIONS)
            else:
                with pytest.raises(ImageError, match=rf"'image\[{row}\] 1\.png': .*{reason}"):
                    list(from_hf(dataset, **OPTIONS))
            for on_error, count in (("skip", len(dataset) - 1), ("substitute", len(dataset))):
                sequence = from_hf(dataset, **OPTIONS, on_error=on_error)
                with pytest.warns(ImggenWarning, match=rf"image\[{row}\]"):
                    assert sum(len(y) for _, y in sequence) == count


def test_remote_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    images = [f"zip://{row}.png::{tmp_path / 'none.zip'}" for row in range(2)]
    dataset = Dataset.from_dict({"image": images})
    with pytest.raises(ImageError, match=r"'image\[0\] zip.*FileNotFoundError: .*none\.zip"):
        list(from_hf(dataset, label=None, **OPTIONS | {"shuffle": False}))


def test_errors_name_the_argument_and_the_way_out(
    stored: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A streamed dataset would import torch, which takes seconds.
    monkeypatch.setattr(datasets.config, "TORCH_AVAILABLE", False)
    unlabeled = Dataset.from_list(
        [row | {"label": -1} for row in stored.to_list()], features=FEATURES
    )
    no_label = Dataset.from_list(
        [row | {"label": None} for row in stored.to_list()], features=FEATURES
    )
    other = stored.cast_column("label", ClassLabel(names=["a", "c"]))
    channels_first = Dataset.from_dict({"image": np.zeros((2, 3, 8, 8), np.uint8)})
    fractions = Dataset.from_dict({"image": [[[0.5, 1.0]]]})
    ragged = Dataset.from_dict({"image": [[[1, 2], [3]]]})
    lists = Dataset.from_dict(
        {"image": [[row["image"]] for row in stored.to_list()]},
        features=Features(image=Sequence(Image())),
    )
    with_lists = Dataset.from_list(
        [row | {"v": [0.5] * (i + 1)} for i, row in enumerate(stored.to_list())]
    )
    cases: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (stored.to_iterable_dataset(), {}, OptionTypeError, "streaming=False"),
        ("beans", {}, OptionTypeError, "load_dataset"),
        (DatasetDict(), {}, OptionError, "without splits.*load_dataset"),
        (DatasetDict(train=stored, test=stored.select([])), {}, SplitError, "'test' .* no rows"),
        (Dataset.from_dict({}), {}, OptionError, "dataset is empty"),
        (stored.remove_columns("label"), {}, OptionError, r"label='label' .*pass label=None\."),
        (stored, {"image": "imag"}, OptionError, "image='imag' is not one of .*'label'.*'image'"),
        (stored, {"label": "lable"}, OptionError, "label='lable' .* Did you mean 'label'"),
        (stored, {"mask_col": "masks"}, OptionError, "mask_col='masks' is not one of"),
        (stored, {"label": "x", "targets": {"label": "int"}}, OptionError, "label='x' both name"),
        (stored, {"label": None, "label_mode": "regression"}, OptionError, "got label=None"),
        (stored, {"boxes": Boxes(col="b", format="coco")}, OptionError, "boxes.col='b' is not"),
        (stored, {"group_col": "g"}, OptionError, "group_col='g' is not one of"),
        (
            stored,
            {"input_cols": {"n": "label"}},
            OptionError,
            "not a column of images, or of one number",
        ),
        (stored, {"image": "label"}, OptionError, "one image per row"),
        (stored, {"label": "image"}, OptionError, "holds image files"),
        (stored, {"batchsize": 2}, OptionError, "batch_size"),
        (stored, {"loader": np.load}, OptionError, "loader="),
        (stored.select([]), {}, OptionError, "empty"),
        (unlabeled, {}, ManifestError, "-1 in row 0.*label=None"),
        (no_label, {}, ManifestError, "no value in 8 of 8 rows"),
        (with_lists, {"label": "v"}, ManifestError, "2 in row 1"),
        (lists, {"label": None}, OptionError, "one image per row"),
        (channels_first, {"label": None}, OptionError, "channels, which come last"),
        (fractions, {"label": None}, OptionError, r"image\[0\].* 255"),
        (ragged, {"label": None}, OptionError, r"image\[0\]: .* different lengths"),
        (DatasetDict(train=stored, test=unlabeled), {}, ManifestError, "Split 'test': .* -1"),
        (DatasetDict(train=stored, test=other), {}, ManifestError, "different classes"),
        (
            DatasetDict(train=stored, test=stored.remove_columns("label")),
            {},
            OptionError,
            "split 'test' has no column 'label'",
        ),
        (DatasetDict(val=stored, validation=stored), {}, SplitError, "both mean"),
        (DatasetDict(train=stored), {"split": (0.5, 0.5)}, OptionError, r"dataset\['train'\]"),
    ]
    for dataset, options, error, message in cases:
        with pytest.raises(error, match=message):
            from_hf(dataset, **options)


def test_a_missing_or_old_library_is_named_with_the_pip_command(
    stored: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "__version__", "2.14.5")
    with pytest.raises(MissingExtraError, match=r"3\.0 or newer, and 2\.14\.5 is .*huggingface"):
        from_hf(stored)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'imggen\[huggingface\]'"):
        from_hf(stored)
