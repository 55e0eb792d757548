"""``to_tf_dataset``: the batches of a sequence as a ``tf.data.Dataset``."""

import sys

import keras
import numpy as np
import pytest

from imggen.errors import MissingExtraError
from tests.helpers.bridged import (
    KINDS,
    SIZE,
    assert_becomes_true,
    assert_same_epoch,
    make,
    make_tables,
    take_epochs,
    write_files,
)

tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("bridged"))


def arrays(dataset):
    return list(dataset.as_numpy_iterator())


def test_two_passes_are_the_epochs_of_the_sequence_for_each_kind_of_batch(folder):
    for kind, make_kind in KINDS.items():
        sequence = make_kind(folder)
        dataset = sequence.to_tf_dataset()
        first, second = take_epochs(sequence, 0, 1)

        assert len(dataset) == dataset.cardinality() == len(sequence), kind
        assert_same_epoch(arrays(dataset), first)
        assert_same_epoch(arrays(dataset), second)
        specs, parts = tf.nest.flatten(dataset.element_spec), tf.nest.flatten(first[0])
        for spec, array in zip(specs, parts, strict=True):
            assert spec.shape == (None, *array.shape[1:]), kind
            assert spec.dtype == array.dtype, kind


def test_the_dataset_has_the_names_of_the_classes_and_epochs_of_its_own(folder):
    sequence = make(folder, y_col="kind")
    sequence.epoch = 4
    dataset = sequence.to_tf_dataset()

    assert dataset.class_names == sequence.class_names == ("cat", "dog")
    arrays(dataset)
    assert sequence.epoch == 4
    assert_same_epoch(arrays(dataset), *take_epochs(sequence, 5))
    assert not hasattr(make_tables(folder).to_tf_dataset(), "class_names")


def test_a_pass_that_breaks_off_is_repeated_and_two_passes_at_once_are_complete(folder):
    sequence = make(folder, y_col="kind", workers=2)
    dataset = sequence.to_tf_dataset()
    first, second = take_epochs(sequence, 0, 1)

    next(iter(dataset))
    list(dataset.take(2))
    both = [[], []]
    for pair in tf.data.Dataset.zip((dataset, dataset)).as_numpy_iterator():
        for batches, batch in zip(both, pair, strict=True):
            batches.append(batch)
    for batches in both:
        assert_same_epoch(batches, first)
    assert_same_epoch(arrays(dataset), second)


def test_fit_trains_on_each_epoch_once(folder):
    sequence = make(folder, y_col="kind", rescale=1 / 255)
    seen = []

    class Recorder(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(keras.ops.mean(x, (1, 2)))

        def train_step(self, data):
            seen.append([part.numpy() for part in data])
            return super().train_step(data)

    model = Recorder()
    model.compile("sgd", "mse", run_eagerly=True)
    dataset = sequence.to_tf_dataset()
    model.fit(dataset, epochs=2, validation_data=dataset, shuffle=False, verbose=0)
    first, second = take_epochs(sequence, 0, 2)  # epoch 1 was for validation

    assert_same_epoch(seen, first + second)


def test_an_unreadable_file_is_named_wherever_it_is(tmp_path):
    folder = write_files(tmp_path)
    for row in range(7):
        (folder / f"{row}.png").write_bytes(b"no image")
    dataset = make(folder, y_col="kind").to_tf_dataset()

    assert dataset.element_spec[0].shape == (None, *SIZE, 3)
    with pytest.raises(tf.errors.UnknownError, match=r"ImageError: Cannot read '.*\d\.png'"):
        arrays(dataset)


def test_sizes_that_a_loader_changes_are_left_open(folder):
    def load(path):
        number = int(path.rpartition("/")[2][0])
        return np.zeros((8 + number, 6, 3), np.uint8)

    sequence = make(folder, y_col="kind", loader=load, image_size=None, augment=None, batch_size=1)
    dataset = sequence.to_tf_dataset()

    assert dataset.element_spec[0].shape == (None, None, 6, 3)
    assert_same_epoch(arrays(dataset), *take_epochs(sequence, 0))


def test_an_overridden_getitem_makes_the_batches(folder):
    sequence = make(folder, y_col="kind", rescale=1 / 255)

    class Negative(type(sequence)):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return 1 - x, y

    sequence.__class__ = Negative
    dataset = sequence.to_tf_dataset()

    assert_same_epoch(arrays(dataset), *take_epochs(sequence, 0))
    assert max(batch[0].min() for batch in arrays(dataset)) > -1e-6


def test_batches_are_read_ahead_and_images_are_not_copied(folder):
    sequence = make(folder, y_col="kind", workers=1, batch_size=1, augment=None)
    dataset = sequence.to_tf_dataset()
    made = []
    pool = sequence.batch_maker.buffers
    empty = pool.empty

    def note(shape, dtype):
        made.append(empty(shape, dtype))
        return made[-1]

    pool.empty = note
    served = iter(dataset)
    x, _ = next(served)
    x2, _ = next(served)

    assert_becomes_true(lambda: len(made) > 2)
    for tensor, array in ((x, made[0]), (x2, made[1])):
        address = np.from_dlpack(tensor).ctypes.data
        assert address == array.ctypes.data


def test_a_missing_or_old_tensorflow_is_named_with_the_pip_command(folder, monkeypatch):
    sequence = make(folder, y_col="kind")
    monkeypatch.setattr(tf, "__version__", "2.4.1")
    with pytest.raises(MissingExtraError, match=r"2\.18 or newer, and 2\.4\.1 is .*\[tensorflow\]"):
        sequence.to_tf_dataset()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'imggen\[tensorflow\]'"):
        sequence.to_tf_dataset()
