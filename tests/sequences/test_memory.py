"""Memory does not grow with the number of epochs, nor with the number of sequences."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest

import imggen
from imggen.sequences.keras_compat import PeekedArray
from tests.helpers.images import write_images

SCRIPT = """
import sys
import imggen

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

def noise(image, rng):
    return rng.integers(0, 256, image.shape, dtype="uint8")

sequence = imggen.from_directory(
    sys.argv[1], image_size=(96, 96), batch_size=8, augment=noise, workers=2, max_queue_size=3
)
for epoch in range(20):
    for batch in sequence:
        pass
    if epoch in (2, 19):
        print(resident())
"""


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="reads its own memory from /proc")
def test_twenty_epochs_take_no_more_memory_than_three(tmp_path):
    folder = write_images(tmp_path, {"cat": 40, "dog": 40})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": "numpy"},  # starts soonest
    )
    third, twentieth = map(int, done.stdout.split())
    assert twentieth <= 1.05 * third


PEAK_SCRIPT = """
import sys
import tracemalloc
import numpy as np
import imggen

def noise(image, rng):
    return rng.integers(0, 256, image.shape, dtype="uint8")

options = {"image_size": (160, 160), "batch_size": 4, "augment": noise}
for _ in imggen.from_directory(sys.argv[1], workers=1, **options):  # imports what will be needed
    pass
for case in sys.argv[2:]:
    workers, queue_size = map(int, case.split(","))
    tracemalloc.start()  # which counts the memory of NumPy's arrays too
    sequence = imggen.from_directory(
        sys.argv[1], workers=workers, max_queue_size=queue_size, **options
    )
    for epoch in range(4):
        for x, y in sequence:
            pass
    print(tracemalloc.get_traced_memory()[1] / x.nbytes)
    sequence.close()
    del sequence, x, y
    tracemalloc.stop()  # which forgets what is allocated
"""

CASES = [(0, 10), (2, 1), (2, 6), (8, 6)]  # workers and max_queue_size


@pytest.fixture(scope="module")
def peaks(tmp_path_factory):
    """The peak of the memory in use, in batches; one process measures all cases."""
    folder = write_images(tmp_path_factory.mktemp("photos"), {"cat": 24, "dog": 24})
    done = subprocess.run(
        [sys.executable, "-c", PEAK_SCRIPT, folder, *(f"{one},{two}" for one, two in CASES)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": "numpy"},  # starts soonest
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(CASES, map(float, done.stdout.split()), strict=True))


@pytest.mark.parametrize(("workers", "queue_size"), CASES)
def test_batches_take_no_more_memory_than_waits_and_is_in_use(peaks, workers, queue_size):
    # What waits, what is served, what was served before, and images in the making.
    assert peaks[workers, queue_size] <= 2.5 + queue_size * (workers > 0) + 0.25 * workers


def our_threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("imggen")}


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


class Wrapper(keras.utils.PyDataset):
    def __init__(self, sequence):
        super().__init__()
        self.sequence = sequence

    def __len__(self):
        return len(self.sequence)

    def __getitem__(self, index):
        return self.sequence[index]


def fit(model, sequence):
    model.fit(sequence, epochs=2, verbose=0)


def fit_interrupted(model, sequence):
    with pytest.raises(KeyboardInterrupt):
        model.fit(sequence, verbose=0, callbacks=[Interrupt()])


def validate(model, sequence):
    model.fit(np.zeros((1, 8, 8, 3)), np.zeros((1, 1)), validation_data=sequence, verbose=0)


@pytest.mark.parametrize("use", [fit, fit_interrupted, validate])
def test_a_deleted_sequence_leaves_nothing_behind_though_keras_has_read_it(tmp_path, use):
    folder = write_images(tmp_path, {"cat": 6, "dog": 6})
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    before = our_threads()
    sequence = imggen.from_directory(
        folder, image_size=(8, 8), batch_size=3, label_mode="binary", cache="ram", workers=2
    )
    use(model, sequence)
    assert len(our_threads() - before) == 2
    maker = sequence.batch_maker
    parts = (sequence, sequence.manifest, sequence._prefetcher, maker.buffers, maker.samples.cache)
    left = [weakref.ref(part) for part in parts]
    del sequence, maker, parts
    for thread in our_threads() - before:
        thread.join(timeout=20)
    assert our_threads() <= before
    gc.collect()  # the workers' last batch
    assert [reference() for reference in left] == [None] * 5


def test_a_wrapper_of_the_users_own_starts_no_threads_that_keras_would_keep(tmp_path):
    folder = write_images(tmp_path, {"cat": 6, "dog": 6})
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    before = our_threads()
    sequence = imggen.from_directory(
        folder, image_size=(8, 8), batch_size=3, label_mode="binary", workers=2
    )
    model.fit(Wrapper(sequence), epochs=2, verbose=0)
    assert sequence.epoch == 2
    assert our_threads() <= before
    assert sequence.batch_maker.buffers._buffers == []


def peeked_arrays():
    return [each for each in gc.get_objects() if isinstance(each, PeekedArray)]


def test_a_generator_that_keras_keeps_holds_neither_batches_nor_workers(tmp_path):
    of_other_tests = peeked_arrays()  # which TensorFlow keeps until the process ends
    folder = write_images(tmp_path, {"cat": 6, "dog": 6})
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    before = our_threads()
    sequence = imggen.from_directory(
        folder, image_size=(8, 8), batch_size=3, label_mode="binary", cache="ram", workers=2
    )
    cache, buffers = sequence.batch_maker.samples.cache, sequence.batch_maker.buffers
    generator = sequence.generator()
    model.fit(generator, steps_per_epoch=4, epochs=2, shuffle=False, verbose=0)
    assert len(our_threads() - before) == 2
    left = weakref.ref(sequence)
    del sequence
    assert left() is None
    for thread in our_threads() - before:
        thread.join(timeout=20)
    assert our_threads() <= before
    assert buffers._buffers == []
    assert cache._bytes_stored == 0
    held = [each for each in peeked_arrays() if each not in of_other_tests]
    if keras.backend.backend() == "tensorflow":
        assert held
    assert all(each._array is None for each in held)
    assert next(generator)[0].shape == (3, 8, 8, 3)  # it still serves
    generator.close()


def test_an_array_that_was_read_is_released_and_made_again():
    peeked = PeekedArray(np.arange(3.0), lambda: np.arange(3.0))
    assert (peeked.shape, peeked.dtype, peeked.ndim) == ((3,), np.float64, 1)
    for _ in range(2):
        assert np.asarray(peeked).tolist() == [0.0, 1.0, 2.0]
        assert peeked._array is None
    assert np.asarray(peeked, dtype=np.float32).dtype == np.float32
