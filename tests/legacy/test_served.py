"""served_indices: which file each row is, whatever was shuffled, left out or substituted."""

import numpy as np
import pytest

import imggen
from imggen import legacy
from tests.helpers.images import write_images


@pytest.fixture
def folder(tmp_path):
    return write_images(tmp_path / "photos", {"cat": 6, "dog": 5}, size=(12, 12))


def flow(folder, **options):
    options = {"target_size": (12, 12), "batch_size": 4, "seed": 3, **options}
    return legacy.ImageDataGenerator().flow_from_directory(folder, **options)


def rows_of(iterator, x):
    """The sample that each row shows."""
    pixels = [
        np.asarray(legacy.load_img(path), dtype="float32") if path else None
        for path in iterator.filepaths
    ]
    return [next(at for at, image in enumerate(pixels) if np.array_equal(image, row)) for row in x]


def test_nothing_is_served_at_first(folder):
    assert flow(folder).served_indices.tolist() == []


def test_rows_by_index_in_whatever_order_they_are_asked_for(folder):
    iterator = flow(folder)
    batches = {at: iterator[at][0] for at in (2, 0, 1)}

    x = np.concatenate([batches[at] for at in range(3)])
    assert iterator.served_indices.tolist() == rows_of(iterator, x)


def test_an_epoch_that_has_ended_can_still_be_looked_up(folder):
    iterator = flow(folder)
    for _ in range(2):
        x = np.concatenate([iterator[at][0] for at in range(3)])
        iterator.on_epoch_end()
        assert iterator.served_indices.tolist() == rows_of(iterator, x)


def test_rows_of_next(folder):
    iterator = flow(folder)
    for num_batches in (3, 3, 1):
        x = np.concatenate([next(iterator)[0] for _ in range(num_batches)])
        assert iterator.served_indices.tolist() == rows_of(iterator, x)


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_rows_where_a_file_cannot_be_read(folder, on_error):
    iterator = flow(folder, on_error=on_error)
    broken = iterator.filepaths[4]
    with open(broken, "wb"):
        pass
    with pytest.warns(imggen.errors.ImggenWarning, match="cannot be read"):
        x = np.concatenate([iterator[at][0] for at in range(3)])
    readable = iterator.served_indices
    iterator._filepaths[4] = ""

    assert len(x) == (10 if on_error == "skip" else 11)
    assert readable.tolist() == rows_of(iterator, x)


def test_rows_of_predictions(folder):
    import keras

    iterator = flow(folder, workers=0)  # TensorFlow keeps it, and its threads, for ever
    model = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Flatten()])
    for _ in range(2):
        predicted = model.predict(iterator, verbose=0).reshape(-1, 12, 12, 3)
        assert iterator.served_indices.tolist() == rows_of(iterator, predicted)


def test_rows_of_a_subclass_that_makes_its_own_batches(folder):
    class Brighter(legacy.DirectoryIterator):
        def _get_batches_of_transformed_samples(self, index_array):
            x, y = super()._get_batches_of_transformed_samples(index_array)
            return x + 1, y

    iterator = Brighter(folder, legacy.ImageDataGenerator(), (12, 12), batch_size=4, seed=3)
    x = np.concatenate([iterator[at][0] for at in range(3)]) - 1
    assert iterator.served_indices.tolist() == rows_of(iterator, x)
