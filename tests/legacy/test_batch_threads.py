"""Batches are the same whichever threads make them."""

import threading

import numpy as np
import pytest

from imggen import legacy
from imggen.workers import BatchThreads
from tests.helpers.images import write_images


class Watched(legacy.DirectoryIterator):
    """Notes which threads load files."""

    def _pixels(self, path, row=None):
        self.threads.add(threading.current_thread() is threading.main_thread())
        return super()._pixels(path, row)


@pytest.mark.parametrize(("locked", "by_caller"), [(9, True), (1e-12, False)])
def test_batches_are_the_same_whichever_threads_make_them(tmp_path, monkeypatch, locked, by_caller):
    monkeypatch.setattr("imggen.workers.pace._LOCKED_SECONDS", locked)
    folder = write_images(tmp_path / "photos", {"cat": 8, "dog": 8}, size=(9, 7))
    options = {"target_size": (9, 7), "batch_size": 4, "seed": 3}
    generator = legacy.ImageDataGenerator(horizontal_flip=True, rescale=1 / 255)
    expected = legacy.DirectoryIterator(folder, generator, **options, workers=1)
    iterator = Watched(folder, generator, **options)
    iterator._batch_threads = BatchThreads(2, is_fixed=False)
    for _ in range(9):
        iterator.threads = set()
        assert np.array_equal(next(iterator)[0], next(expected)[0])
    assert iterator.threads == {by_caller}
