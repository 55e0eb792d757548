"""from_tfds: the batches of from_directory for the files that a dataset was made of."""

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

import imggen
from imggen import from_tfds
from imggen.augment import RandomFlip
from imggen.errors import MissingExtraError, OptionError, OptionTypeError
from tests.helpers.image_files import write_modes

OPTIONS: dict[str, Any] = {"image_size": (6, 5), "batch_size": 3, "workers": 0, "shuffle": False}
FEATURES = tfds.features.FeaturesDict(
    {
        "image": tfds.features.Image(shape=(None, None, 3)),
        "float_image": tfds.features.Image(shape=(2, 2, 1), dtype=np.float32),
        "label": tfds.features.ClassLabel(names=["b", "a"]),
        "text": tfds.features.Text(),
        "number": np.float32,
        "several": tfds.features.Sequence(tfds.features.ClassLabel(names=["u", "v"])),
    }
)


class Modes(tfds.core.GeneratorBasedBuilder):
    """RGB images as files, with labels of all kinds."""

    VERSION = tfds.core.Version("1.0.0")
    code_path = None  # there are no checksums of downloads next to this file
    folder: Path

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(builder=self, features=FEATURES)

    def _split_generators(self, manager: Any) -> dict[str, Any]:
        del manager
        return {"train": self._generate_examples(), "test": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[str, Any]]:
        for file in sorted(self.folder.glob("*/*")):
            yield (
                file.name,
                {
                    "image": str(file),
                    "float_image": np.zeros((2, 2, 1), np.float32),
                    "label": file.parent.name,
                    "text": file.name,
                    "number": int(file.stem) / 2,
                    "several": ["u", "v"][: int(file.stem) % 3],
                },
            )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_modes(tmp_path_factory.mktemp("modes"))


@pytest.fixture(scope="module")
def sources(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    Modes.folder = folder
    builder = Modes(data_dir=tmp_path_factory.mktemp("tfds"), file_format="array_record")
    builder.download_and_prepare()
    return builder.as_data_source()


def test_batches_equal_those_of_the_files(folder: Path, sources: Any) -> None:
    source = sources["train"]
    names = [record["text"].decode() for record in source]
    files = [str(next(folder.glob(f"*/{name}"))) for name in names]
    labels = [Path(file).parent.name for file in files]
    for more in ({}, {"augment": "light", "seed": 1}):
        options = OPTIONS | more
        expected = imggen.from_files(files, labels, root="", class_names=["b", "a"], **options)
        sequence = from_tfds(source, **options)
        assert sequence.class_names == ("b", "a")
        assert sequence.filepaths[1] == "image[1]"
        sequence = pickle.loads(pickle.dumps(sequence))  # as worker processes get it
        for got, wanted in zip(sequence, expected, strict=True):
            for array, other in zip(got, wanted, strict=True):
                np.testing.assert_array_equal(array, other)
    splits = from_tfds(sources, **OPTIONS | {"augment": RandomFlip(), "shuffle": True})
    assert splits.names == ("train", "test")
    assert splits.train.batch_maker.pipeline.steps
    assert not splits.test.batch_maker.pipeline.steps
    np.testing.assert_array_equal(splits.test[0][0], from_tfds(sources["test"], **OPTIONS)[0][0])


def test_kinds_of_targets_and_errors(sources: Any) -> None:
    source = sources["train"]
    numbers = np.array([int(Path(record["text"].decode()).stem) for record in source])
    y = np.concatenate([y for _, y in from_tfds(source, label="number", **OPTIONS)])
    np.testing.assert_array_equal(y, numbers / 2)
    y = np.concatenate([y for _, y in from_tfds(source, label="several", **OPTIONS)])
    np.testing.assert_array_equal(y, np.stack([numbers % 3 > 0, numbers % 3 > 1], axis=1))
    assert len(from_tfds(source, label="text", **OPTIONS).class_names) == 8
    assert from_tfds(source, label=None, **OPTIONS)[0].shape == (3, 6, 5, 3)
    for label in ("label", "number", "several"):  # an explicit None stays one
        sequence = from_tfds(source, label=label, label_mode=None, **OPTIONS)
        assert sequence[0].shape == (3, 6, 5, 3)
        assert sequence.class_names == (("b", "a") if label == "label" else ())
    cases: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (source, {"image": "imag"}, OptionError, "image='imag' .* Did you mean 'image'"),
        (source, {"image": "label"}, OptionError, "8 or 16 bits"),
        (source, {"image": "float_image"}, OptionError, "8 or 16 bits"),
        (source, {"label": "lable"}, OptionError, "label='lable' .* Did you mean 'label'"),
        (source, {"label": "image"}, OptionError, "expected classes or numbers"),
        (source, {"loader": np.load}, OptionError, "loader="),
        (sources, {"split": (0.5, 0.5)}, OptionError, r"data_source\['train'\]"),
        ("mnist", {}, OptionTypeError, "tfds.data_source"),
        ({}, {}, OptionTypeError, "tfds.data_source"),
    ]
    for data_source, options, error, message in cases:
        with pytest.raises(error, match=message):
            from_tfds(data_source, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tensorflow_datasets", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'imggen\[tfds\]'"):
            from_tfds(source)
