"""Hints of the drop-in: attributes that are set without effect, and notes of Keras's errors."""

import numpy as np
import pandas as pd
import pytest

from imggen import legacy as ours
from imggen.errors import KerasTrapWarning
from tests.helpers.images import write_images


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("hints"), {"a": 3, "b": 4}, size=(8, 8))


def frame(root):
    files = sorted(str(path.relative_to(root)) for path in root.rglob("*.png"))
    return pd.DataFrame({"filename": files, "class": [file[0] for file in files]})


def flows_of_files(root):
    generator = ours.ImageDataGenerator()
    yield generator.flow_from_directory(root, classes=["a", "b"], target_size=(8, 8))
    yield generator.flow_from_dataframe(frame(root), root, target_size=(8, 8))


def test_setting_what_was_read_when_an_iterator_was_made_is_warned_of(root):
    values = {"filenames": ["c/000.png"], "directory": "elsewhere", "samples": 3}
    values |= {"class_indices": {"b": 0, "a": 1}, "subset": "training"}
    for name, value in values.items():
        for iterator in flows_of_files(root):
            if name == "class_indices":
                value = dict.fromkeys(iterator.class_indices, 0)
            with pytest.warns(KerasTrapWarning, match=f"ignored-assignment: '{name}'") as caught:
                _ = [setattr(iterator, name, value) for _ in range(2)]
            assert len(caught) == 1
            assert caught[0].filename == __file__
    *_, iterator = flows_of_files(root)
    with pytest.warns(KerasTrapWarning, match="ignored-assignment: 'dataframe'"):
        iterator.dataframe = None


def test_settings_with_an_effect_and_settings_of_a_subclass_cause_no_warning(root):
    for iterator in flows_of_files(root):
        iterator.batch_size, iterator.shuffle, iterator.seed = 2, False, 1
        iterator.classes = iterator.classes[::-1]
        iterator.filenames = list(iterator.filenames)
        iterator.samples = iterator.n
        iterator._filepaths = iterator.filepaths[::-1]
        iterator.filenames = iterator.filenames[::-1]
        iterator.class_indices = {**iterator.class_indices, "more": 9}

    class Own(ours.DataFrameIterator):
        def __init__(self, dataframe, *args, **options):
            super().__init__(dataframe, *args, **options)
            self.df, self.filenames = dataframe, ["mine"]

        def later(self):
            self.dataframe = None

    Own(frame(root), root).later()


# Notes of errors


def notes(error, call):
    with pytest.raises(error) as raised:
        call()
    return " ".join(raised.value.__notes__)


def test_a_missing_column_is_named_with_its_option_and_the_columns(root):
    generator = ours.ImageDataGenerator()
    for option, value, mode in (
        ("x_col", "file", None),
        ("y_col", "label", "sparse"),
        ("y_col", ["class", "label"], "multi_output"),
        ("weight_col", "w", None),
    ):
        with pytest.raises(KeyError) as raised:
            generator.flow_from_dataframe(frame(root), root, class_mode=mode, **{option: value})
        missing = value[-1] if isinstance(value, list) else value
        assert str(raised.value) == (
            f"{option}={missing!r} must name a column of dataframe; it has ['filename', 'class']."
        )


def test_a_folder_to_save_to_that_does_not_exist_is_named(root, tmp_path):
    target = tmp_path / "nowhere"
    batches = ours.ImageDataGenerator().flow_from_directory(root, save_to_dir=target, workers=0)
    with pytest.raises(FileNotFoundError, match="save_to_dir='"):
        next(batches)
    target.mkdir()
    next(batches)
    assert len(list(target.iterdir())) == 7


def test_images_of_a_dtype_that_scipy_cannot_resample_raise_keras_error_with_the_remedy():
    for exact in (False, True):
        generator = ours.ImageDataGenerator(rotation_range=20, dtype="float16", exact=exact)
        batches = generator.flow(np.ones((2, 8, 8, 3)), seed=1)
        told = notes(RuntimeError, lambda batches=batches: next(batches))
        assert 'images of float16. Pass images of float32, or dtype="float32"' in told
