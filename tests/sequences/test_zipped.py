"""zip_sequences: pairs of two sequences, and orders that do not match."""

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import imggen
from imggen.augment import RandomFlip, RandomRotation
from imggen.errors import OptionError


def draw(shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def make(pixels: int = 0, labels: Any = None, **options: Any) -> Any:
    images = draw((10, 8, 8, 3), pixels)
    given = {"batch_size": 4, "seed": 5, "label_mode": None if labels is None else "int"} | options
    return imggen.from_arrays(images, labels, **given)


def test_pairs_are_the_samples_of_both_in_every_epoch() -> None:
    augment = [RandomFlip(), RandomRotation()]
    images = draw((10, 8, 8, 3))
    options = {"augment": augment, "label_mode": None, "batch_size": 4, "seed": 5}
    a = imggen.from_arrays(images, **options)
    b = imggen.from_arrays(255 - images, **options)
    pairs = imggen.zip_sequences(a, b)
    assert len(pairs) == 3
    assert pairs.samples == 10
    seen = [list(pairs) for _ in range(2)]
    for epoch, batches in enumerate(seen):
        for (x, y), wanted in zip(batches, a, strict=True):
            np.testing.assert_array_equal(x, wanted, err_msg=str(epoch))
            # The same flips and rotations: an image and its negative stay each other's negative.
            np.testing.assert_allclose(x + y, 255, atol=1)
    assert not np.array_equal(seen[0][0][0], seen[1][0][0])
    assert (a.epoch, b.epoch, pairs.epoch) == (2, 0, 2)


def test_two_inputs_with_the_targets_and_weights_of_one() -> None:
    labels = np.arange(10) % 2
    a = make(labels=labels, sample_weight=np.arange(10.0), shuffle=False)
    for other in (make(1, shuffle=False), make(1, labels=labels, shuffle=False)):
        for first, second in ((a, other), (other, a)):
            (xa, xb), y, weights = imggen.zip_sequences(first, second)[1]
            np.testing.assert_array_equal(y, labels[4:8])
            np.testing.assert_array_equal(weights, np.arange(4.0, 8.0))
            of_a, of_other = (xa, xb) if first is a else (xb, xa)
            np.testing.assert_array_equal(of_a, draw((10, 8, 8, 3), 0)[4:8])
            np.testing.assert_array_equal(of_other, draw((10, 8, 8, 3), 1)[4:8])


@pytest.mark.parametrize("workers", [0, 2])
def test_fit_takes_both_forms(workers: int) -> None:
    import keras

    inputs = [keras.Input((8, 8, 3)) for _ in range(2)]
    features = [keras.layers.GlobalAveragePooling2D()(one) for one in inputs]
    scores = keras.layers.Dense(2, "softmax")(keras.layers.concatenate(features))
    model = keras.Model(inputs, scores)
    model.compile("sgd", "sparse_categorical_crossentropy")
    pairs = imggen.zip_sequences(make(labels=[0, 1] * 5, workers=workers), make(1, workers=workers))
    assert len(model.fit(pairs, epochs=2, verbose=0).history["loss"]) == 2
    assert pairs.epoch == 2

    model = keras.Sequential([keras.layers.Conv2D(3, 1)])
    model.compile("sgd", "mse")
    model.fit(imggen.zip_sequences(make(), make(1)), verbose=0)


def test_fit_checks_the_targets_and_weights_their_classes() -> None:
    labels = [["p"], ["p", "q"], []] * 3 + [["q"]]
    a, b = make(labels=labels, label_mode="multi_label", shuffle=False), make(1, shuffle=False)
    for pairs in (imggen.zip_sequences(a, b), imggen.zip_sequences(b, a)):
        weigh = pairs.begin_training(None, {0: 1.0, 1: 3.0})
        assert weigh is not None
        assert weigh(pairs[0], 0, 0)[2].tolist() == [1.0, 2.0, 1.0, 1.0]
        with pytest.raises(OptionError, match="class_weight="):
            pairs.begin_training(None, {5: 1.0})
    assert imggen.zip_sequences(b, make(2, shuffle=False)).begin_training(None, None) is None


def test_the_number_of_threads_follows_from_samples_not_from_whole_batches() -> None:
    pairs = imggen.zip_sequences(make(), make(1))
    assert pairs._prefetcher._batch_size == pairs.a.batch_size == 4


def test_worker_processes_make_the_same_pairs() -> None:
    pairs = imggen.zip_sequences(make(), make(1))
    (x, y), copy = pairs[1], pickle.loads(pickle.dumps(pairs._prefetcher.make))
    first, second = copy((0, 1))
    np.testing.assert_array_equal(first.x, x)
    np.testing.assert_array_equal(second.x, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 5}, "a has batch_size=4 and b has batch_size=5"),
        ({"shuffle": False}, "shuffle=True and b has shuffle=False"),
        ({"seed": 6}, "Pass the same seed"),
        ({"repeats": 2}, "repeats=1 and b has repeats=2"),
        ({"drop_remainder": True}, "drop_remainder"),
        ({"on_error": "skip"}, "on_error='skip'"),
    ],
)
def test_other_orders_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        imggen.zip_sequences(make(), make(1, **options))


def test_other_samples_and_targets_are_refused() -> None:
    nine = imggen.from_arrays(draw((9, 8, 8, 3)), label_mode=None, batch_size=4, seed=5)
    with pytest.raises(OptionError, match="samples=10 and b has samples=9"):
        imggen.zip_sequences(make(), nine)
    labels = np.arange(10) % 2
    for others in (1 - labels, np.array(["a", "b"])[labels]):
        with pytest.raises(OptionError, match="not the same"):
            imggen.zip_sequences(make(labels=labels), make(1, labels=others))
    with pytest.raises(OptionError, match="ImageSequence"):
        imggen.zip_sequences(make(), draw((10, 8, 8, 3)))


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        (["a.jpg", "b.jpg"], ["a.png", "b.png"], False),
        (["a.jpg", "b.jpg"], ["b.png", "a.png"], True),
        (["c/a.jpg", "d/a.jpg"], ["d/a.png", "c/a.png"], True),
        (["i1.jpg", "i2.jpg", "i10.jpg"], ["m1.png", "m10.png", "m2.png"], True),
        (["i1.jpg", "i2.jpg", "i10.jpg"], ["m01.png", "m02.png", "m10.png"], False),
        (["cat.jpg", "dog.jpg"], ["x.png", "y.png"], False),
        (["cat1.jpg", "dog1.jpg"], ["y1.png", "x1.png"], False),
    ],
)
def test_names_that_show_another_order_are_refused(
    first: list[str], second: list[str], is_refused: bool
) -> None:
    a, b = (
        imggen.from_files(names, label_mode=None, loader=len, seed=1) for names in (first, second)
    )
    if is_refused:
        with pytest.raises(OptionError, match="not in the same order"):
            imggen.zip_sequences(a, b)
    else:
        assert imggen.zip_sequences(a, b).samples == len(first)
