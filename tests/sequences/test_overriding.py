"""Subclasses of ImageSequence that override __getitem__ or on_epoch_end."""

from typing import Any

import keras
import numpy as np
import pytest

import imggen
from imggen import ImageSequence

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), dtype=np.uint8)


class Shifted(ImageSequence):  # type: ignore[misc]  # final for type checkers alone
    """Adds 1,000 to images, and notes the ends of epochs."""

    def __getitem__(self, index: int) -> Any:
        x, y = super().__getitem__(index)
        return x + 1000, y

    def on_epoch_end(self) -> None:
        super().on_epoch_end()
        self.__dict__.setdefault("_ended", []).append(self.epoch)


class Both(ImageSequence):  # type: ignore[misc]
    """Serves the mean of two batches of an epoch."""

    def __getitem__(self, index: int) -> Any:
        x, y = super().__getitem__(index)
        other, _ = super().__getitem__((index + 1) % len(self))
        return (x + other) / 2, y


def make(kind: type[ImageSequence] = ImageSequence, **options: Any) -> Any:
    plain = imggen.from_arrays(IMAGES, np.arange(10) % 2)
    given = {"batch_size": 5, "seed": 3, "image_size": (8, 8), "augment": "light"} | options
    return kind(plain.manifest, loader=plain.batch_maker.samples.load.func.__self__, **given)


def wanted(epochs: int) -> list[Any]:
    plain = make()
    return [x for _ in range(epochs) for x, _ in plain]


class Seen(keras.layers.Layer):  # type: ignore[misc]
    """Keeps what it is given."""

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor(x.shape, x.dtype)

    def call(self, x: Any) -> Any:
        self.batches = [*getattr(self, "batches", []), keras.ops.convert_to_numpy(x)]
        return x


def fit(sequence: Any, epochs: int, **options: Any) -> list[Any]:
    seen = Seen()
    model = keras.Sequential([seen, keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(sequence, epochs=epochs, verbose=0, **options)
    return list(seen.batches)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_way_of_reading_uses_it(workers: int) -> None:
    batches = wanted(3)
    ways = {
        "fit": lambda one: fit(one, 3),
        "iteration": lambda one: [x for _ in range(3) for x, _ in one],
        "index": lambda one: [one[index][0] for _ in range(3) for index in range(len(one))],
        "next": lambda one: [next(one)[0] for _ in range(6)],
        "generator": lambda one: [x for (x, _), _ in zip(one.generator(), range(6), strict=False)],
        "fit on a generator": lambda one: fit(one.generator(), 3, steps_per_epoch=2, shuffle=False),
    }
    for name, read in ways.items():
        sequence = make(Shifted, workers=workers)
        found = read(sequence)
        for batch, expected in zip(found[-6:], batches, strict=True):
            np.testing.assert_allclose(batch, expected + 1000, err_msg=name)
        sequence.close()


def test_other_batches_of_the_same_epoch_are_at_hand() -> None:
    batches = wanted(2)
    expected = [(batches[i] + batches[j]) / 2 for i, j in ((0, 1), (1, 0), (2, 3), (3, 2))]
    by_hand = make(Both)
    for found in (fit(make(Both), 2)[-4:], [x for _ in range(2) for x, _ in by_hand]):
        for batch, mean in zip(found, expected, strict=True):
            np.testing.assert_allclose(batch, mean, rtol=1e-6)


def test_keras_ends_the_epochs_of_a_subclass() -> None:
    sequence = make(Shifted)
    fit(sequence, 3)
    assert len(sequence._ended) == 3
    assert sequence.epoch == 3


def test_batches_of_a_subclass_are_read_ahead() -> None:
    sequence = make(Shifted, workers=1)
    upcoming: list[list[tuple[int, int]]] = []
    get = sequence._prefetcher.get

    def note(key: tuple[int, int], later: Any = (), **options: Any) -> Any:
        upcoming.append(list(later))
        return get(key, later, **options)

    sequence._prefetcher.get = note
    list(sequence)
    assert upcoming == [[(0, 1)], []]
    sequence.close()
