"""What the drop-in's iterators promise beyond Keras's: chance of their own, workers, order."""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imggen import legacy
from tests.helpers.cases import each_case
from tests.helpers.images import write_images

AUGMENT = {
    "rotation_range": 30,
    "width_shift_range": 0.2,
    "zoom_range": 0.3,
    "horizontal_flip": True,
    "rescale": 1 / 255,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("photos"), {"cat": 7, "dog": 6}, size=(15, 13))


@pytest.fixture
def chance():
    """NumPy's and Python's global state, at a known place."""
    np.random.seed(99)
    random.seed(99)

    def state():
        return np.random.get_state(), random.getstate()

    return state


def same_state(one, other):
    (one_numpy, one_python), (other_numpy, other_python) = one, other
    return one_python == other_python and repr(one_numpy) == repr(other_numpy)


def arrays(num=11, size=(12, 15, 3)):
    return np.random.default_rng(num).uniform(0, 255, (num, *size)).astype("float32")


def flow(generator, folder, kind="directory", **options):
    """An iterator of each kind, over the same number of samples."""
    options = {"batch_size": 4, "seed": 3, **options}
    if kind == "arrays":
        return generator.flow(arrays(13), np.arange(13), **options)
    options |= {"target_size": (14, 12), "class_mode": options.get("class_mode", "sparse")}
    if kind == "directory":
        return generator.flow_from_directory(folder, **options)
    files = [
        f"{name}/{at:03d}.png" for name, num in {"cat": 7, "dog": 6}.items() for at in range(num)
    ]
    frame = pd.DataFrame({"filename": files, "class": [file[:3] for file in files]})
    return generator.flow_from_dataframe(frame, folder, **options)


KINDS = ["arrays", "directory", "dataframe"]


def bits(batch):
    return [part.tobytes() for part in (batch if isinstance(batch, tuple) else (batch,))]


def served(iterator, epochs=2):
    """All that an iterator gives in some epochs, by next and by index, one after the other."""
    batches = [bits(next(iterator)) for _ in range(epochs * len(iterator))]
    for _ in range(epochs):
        batches += [bits(iterator[index]) for index in range(len(iterator))]
        iterator.on_epoch_end()
    return batches


# Chance


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "preprocess", [None, lambda image: image + 1, lambda image: image + np.random.normal()]
)
def test_an_iterator_with_a_seed_leaves_the_global_state_alone(
    folder, kind, preprocess, chance, tmp_path
):
    before = chance()
    generator = legacy.ImageDataGenerator(**AUGMENT, preprocessing_function=preprocess)
    iterator = flow(generator, folder, kind, save_to_dir=tmp_path)
    for use in (
        lambda: next(iterator),
        lambda: iterator[2],
        iterator.on_epoch_end,
        lambda: iterator[0],
        iterator.reset,
        lambda: next(iterator.index_generator),
        lambda: [next(iterator) for _ in range(2 * len(iterator))],
    ):
        use()
        assert same_state(chance(), before)
    assert list(tmp_path.iterdir())


def test_methods_with_a_seed_leave_the_global_state_alone(chance):
    before = chance()
    generator = legacy.ImageDataGenerator(featurewise_center=True, **AUGMENT)
    generator.get_random_transform((12, 15, 3), seed=4)
    generator.random_transform(arrays()[0], seed=4)
    generator.fit(arrays(), augment=True, rounds=2, seed=4)
    assert same_state(chance(), before)


@pytest.mark.parametrize("kind", KINDS)
def test_what_draws_elsewhere_does_not_reach_an_iterator_with_a_seed(folder, kind):
    generator = legacy.ImageDataGenerator(**AUGMENT, preprocessing_function=lambda image: image)
    expected = served(flow(generator, folder, kind))
    iterator, came = flow(generator, folder, kind), []
    for _ in range(2 * len(iterator)):
        np.random.seed(len(came))
        came.append(bits(next(iterator)))
    assert came == expected[: len(came)]


def test_a_failing_preprocessing_function_leaves_the_global_state_as_it_was(folder, chance):
    def fail(image):
        np.random.random()
        raise KeyError("broken on purpose")

    before = chance()
    generator = legacy.ImageDataGenerator(**AUGMENT, preprocessing_function=fail)
    iterator = flow(generator, folder)
    for _ in range(2):
        with pytest.raises(KeyError, match="on purpose"):
            next(iterator)
    assert same_state(chance(), before)
    generator.preprocessing_function = None
    assert next(iterator)[0].shape == (4, 14, 12, 3)


def test_two_iterators_with_seeds_do_not_disturb_each_other_in_two_threads():
    def slow(image):
        finish.wait(0.001)  # as long as a preprocessing function may take; it draws nothing
        return image

    finish = threading.Event()
    generator = legacy.ImageDataGenerator(**AUGMENT, preprocessing_function=slow)

    def batches(seed):
        iterator = generator.flow(arrays(), batch_size=4, seed=seed, workers=1)
        return [bits(next(iterator)) for _ in range(9)]

    expected = [batches(seed) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(batches, (1, 2))) == expected


@pytest.mark.parametrize("shuffle", [True, False])
def test_pairs_of_images_and_masks_stay_in_step(folder, shuffle):
    options = {"shuffle": shuffle, "class_mode": None}
    images, masks = (
        flow(legacy.ImageDataGenerator(**AUGMENT), folder, **options) for _ in range(2)
    )
    seen = list(itertools.islice(zip(images, masks, strict=True), 3 * len(images)))
    assert all(np.array_equal(image, mask) for image, mask in seen)
    assert len({image.tobytes() for image, _ in seen}) == len(seen)


def test_pairs_of_arrays_and_masks_stay_in_step():
    x, generator = arrays(), legacy.ImageDataGenerator(**AUGMENT)
    pairs = zip(
        generator.flow(x, seed=5, batch_size=3),
        generator.flow(x * 0.5, seed=5, batch_size=3),
        strict=True,
    )
    for image, mask in itertools.islice(pairs, 12):
        np.testing.assert_allclose(mask, image / 2, atol=1e-3)


# Workers


def draw_sometimes(image):
    return image + np.random.normal() if image[0, 0, 0] % 3 < 1 else image


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("seed", [3, None])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"brightness_range": (0.5, 1.5), "channel_shift_range": 20},
        {"preprocessing_function": lambda image: image * np.random.uniform(0.5, 1)},
        {"preprocessing_function": draw_sometimes},
        {"samplewise_center": True, "samplewise_std_normalization": True, "dtype": "float64"},
    ],
)
def test_batches_are_the_same_for_any_number_of_workers(folder, kind, options, seed, exact):
    def with_workers(workers):
        np.random.seed(11)
        generator = legacy.ImageDataGenerator(**(AUGMENT | options), exact=exact)
        batches = served(flow(generator, folder, kind, seed=seed, workers=workers))
        return batches, np.random.random()

    expected, *others = (with_workers(workers) for workers in (0, 1, 2, 8, None))
    assert len({part for batch in expected[0] for part in batch[:1]}) == len(expected[0])
    assert all(other == expected for other in others)


@pytest.mark.parametrize("seed", [3, None])
def test_saved_pictures_are_the_same_for_any_number_of_workers(folder, tmp_path, seed):
    def saved(workers):
        target = tmp_path / str(workers)
        target.mkdir()
        np.random.seed(11)
        generator = legacy.ImageDataGenerator(**AUGMENT)
        served(flow(generator, folder, seed=seed, workers=workers, save_to_dir=target))
        return {path.name: path.read_bytes() for path in target.iterdir()}

    assert saved(0) == saved(1) == saved(8) != {}


@pytest.mark.parametrize("workers", [0, 1, 4])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("draws", [False, True])
def test_a_preprocessing_function_is_called_once_an_image_in_order_by_the_caller(
    folder, kind, workers, draws
):
    calls = []

    def note(image):
        calls.append((image.copy(), threading.get_ident()))
        return image + np.random.random() if draws else image

    generator = legacy.ImageDataGenerator(preprocessing_function=note)
    plain = flow(legacy.ImageDataGenerator(), folder, kind, shuffle=False)
    iterator = flow(generator, folder, kind, shuffle=False, workers=workers)
    for index in range(len(iterator)):
        assert len(calls) == 4 * index
        iterator[index]
    images = np.concatenate([plain[index][0] for index in range(len(plain))])
    np.testing.assert_array_equal([image for image, _ in calls], images)
    assert {thread for _, thread in calls} == {threading.get_ident()}


@pytest.mark.parametrize("workers", [-1, 1.5, "2", True])
def test_workers_other_than_whole_numbers_are_refused(folder, workers):
    for kind in KINDS:
        with pytest.raises(ValueError, match=f"workers={workers!r} must be a whole number"):
            flow(legacy.ImageDataGenerator(), folder, kind, workers=workers)
    iterator = flow(legacy.ImageDataGenerator(), folder)
    with pytest.raises(ValueError, match="workers"):
        iterator.workers = workers


def test_workers_can_be_set_later_and_change_no_batch(folder):
    generator = legacy.ImageDataGenerator(**AUGMENT)
    iterator = flow(generator, folder, workers=2)
    assert iterator.workers == 2
    expected = served(flow(generator, folder))
    came = [bits(next(iterator))]
    iterator.workers = 5
    assert iterator.workers == 5
    came.append(bits(next(iterator)))
    iterator.workers = 0
    assert iterator.workers == 0
    came.append(bits(next(iterator)))
    assert came == expected[:3]


# Which samples a batch holds


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_index_array_and_filepaths_say_which_files_a_batch_holds(folder, kind, shuffle):
    generator = legacy.ImageDataGenerator()
    iterator = flow(generator, folder, kind, shuffle=shuffle)
    for epoch in range(2):
        for index in range(len(iterator)):
            x, y = iterator[index]
            samples = iterator.index_array[4 * index : 4 * index + 4]
            paths = [iterator.filepaths[sample] for sample in samples]
            expected = [
                Image.open(path).resize((12, 14), Image.Resampling.NEAREST) for path in paths
            ]
            np.testing.assert_array_equal(x, np.stack([np.asarray(one) for one in expected]))
            np.testing.assert_array_equal(y, ["dog" in path[len(str(folder)) :] for path in paths])
        if epoch == 0:
            first = iterator.index_array.copy()
            iterator.on_epoch_end()
    assert np.array_equal(first, iterator.index_array) == (not shuffle)


@each_case("seed", [3, None])
@each_case("workers", [0, 4])
@each_case(("num", "batch_size"), [(60, 5), (61, 7), (16, 16), (3, 10)])
def test_threads_that_ask_at_once_get_each_sample_of_an_epoch_once(num, batch_size, workers, seed):
    iterator = legacy.ImageDataGenerator(**AUGMENT).flow(
        arrays(num, (4, 5, 1)),
        np.arange(num),
        batch_size=batch_size,
        seed=seed,
        workers=workers,
    )
    epochs = 3
    with ThreadPoolExecutor(8) as pool:
        labels = list(pool.map(lambda _: next(iterator)[1].tolist(), range(epochs * len(iterator))))
    counts = np.bincount(np.concatenate(labels), minlength=num)
    np.testing.assert_array_equal(counts, np.full(num, epochs))
    with ThreadPoolExecutor(8) as pool:
        by_index = pool.map(lambda index: iterator[index][1].tolist(), range(len(iterator)))
        assert sorted(itertools.chain(*by_index)) == list(range(num))


@pytest.mark.parametrize("preprocess", [None, lambda image: image + np.random.random()])
@pytest.mark.parametrize("workers", [0, 2])
def test_threads_that_ask_at_once_get_the_batches_that_one_thread_gets(workers, preprocess):
    generator = legacy.ImageDataGenerator(**AUGMENT, preprocessing_function=preprocess)

    def iterator():
        return generator.flow(arrays(30), batch_size=5, seed=1, workers=workers)

    alone, shared = iterator(), iterator()
    expected = [next(alone).tobytes() for _ in range(60)]
    with ThreadPoolExecutor(8) as pool:
        came = list(pool.map(lambda _: next(shared).tobytes(), range(60)))
    assert sorted(came) == sorted(expected)
