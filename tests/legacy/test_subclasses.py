"""Subclasses written for Keras's classes give the same batches over imggen's."""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as theirs
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

from imggen import legacy as ours
from imggen.workers import usable_cores
from tests.helpers.images import write_images

pytestmark = pytest.mark.filterwarnings(
    "ignore:Please import `affine_transform` from the `scipy.ndimage` namespace:DeprecationWarning"
)

AUGMENT = {"rotation_range": 30, "zoom_range": 0.3, "horizontal_flip": True, "rescale": 1 / 255}
SEEDS = [3, None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("photos"), {"cat": 5, "dog": 6}, size=(15, 13))


def arrays(num=11):
    return np.random.default_rng(num).uniform(0, 255, (num, 12, 15, 3)).astype("float32")


def made(module, base=None, **options):
    """A generator of ``base``, or the module's own; imggen's with Keras's bits."""
    exact = {"exact": True} if module is ours else {}
    return (base or module.ImageDataGenerator)(**AUGMENT, **options, **exact)


def assert_same_batches(make):
    """Compares what ``make(module)`` serves, by next, by index, and of chance afterwards."""

    def served(module):
        np.random.seed(21)
        iterator = make(module)
        batches = [next(iterator) for _ in range(2 * len(iterator))]
        for _ in range(2):
            batches += [iterator[index] for index in range(len(iterator))]
            iterator.on_epoch_end()
        return [part for batch in batches for part in (batch if type(batch) is tuple else (batch,))]

    expected, came = served(theirs), served(ours)
    assert len(came) == len(expected)
    for one, other in zip(came, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    first, second = came[0], came[2]
    assert not np.array_equal(first, second)
    return came


def flow(module, generator, folder, kind, **options):
    options = {"batch_size": 4, **options}
    if kind == "arrays":
        return generator.flow(arrays(), np.arange(11), **options)
    return generator.flow_from_directory(folder, target_size=(14, 12), **options)


# Generators


def noisy_standardize(module):
    class Noisy(module.ImageDataGenerator):
        def standardize(self, x):
            return super().standardize(x + np.random.normal(0, 9, x.shape).astype(x.dtype))

    return Noisy


def other_parameters(module):
    class Other(module.ImageDataGenerator):
        def get_random_transform(self, img_shape, seed=None):
            drawn = super().get_random_transform(img_shape, seed)
            return drawn | {"shear": np.random.uniform(-9, 9)}

    return Other


def other_transform(module):
    class Other(module.ImageDataGenerator):
        def apply_transform(self, x, transform_parameters):
            x = super().apply_transform(x, transform_parameters)
            x[:4, :4] = np.random.random()
            return x

    return Other


def set_on_the_object(module):
    def make(**options):
        generator = module.ImageDataGenerator(**options)
        generator.standardize = lambda x: x / 2 + np.random.random()
        return generator

    return make


def one_base_further(module):
    class Further(noisy_standardize(module)):
        pass

    return Further


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["arrays", "directory"])
@pytest.mark.parametrize(
    "subclass",
    [noisy_standardize, other_parameters, other_transform, set_on_the_object, one_base_further],
)
def test_overridden_methods_of_a_generator_do_what_they_do_with_keras(folder, subclass, kind, seed):
    assert_same_batches(
        lambda module: flow(module, made(module, subclass(module)), folder, kind, seed=seed)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_fit_augments_with_an_overridden_random_transform_as_keras_does(seed):
    def found(module):
        class Other(module.ImageDataGenerator):
            def random_transform(self, x, seed=None):
                return super().random_transform(x, seed) * np.random.uniform(0.5, 1)

        np.random.seed(4)
        generator = made(module, Other, featurewise_center=True)
        generator.fit(arrays(), augment=True, rounds=2, seed=seed)
        return generator.mean

    np.testing.assert_array_equal(found(ours), found(theirs))


def test_fit_with_a_seed_and_an_overridden_method_leaves_the_global_state_alone():
    class Other(ours.ImageDataGenerator):
        def random_transform(self, x, seed=None):
            return super().random_transform(x, seed) * np.random.uniform(0.5, 1)

    before = repr(np.random.get_state())
    made(ours, Other, featurewise_center=True).fit(arrays(), augment=True, seed=4)
    assert repr(np.random.get_state()) == before


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["arrays", "directory"])
@pytest.mark.parametrize(
    "function",
    [
        lambda image: image[::-1] * 0.5,
        lambda image: image + np.random.normal(),
        lambda image: np.random.permutation(image),
        lambda image: image + (np.random.random() if image[0, 0, 0] > 128 else 0),
        lambda image: (np.random.seed(5), image)[1],
        lambda image: np.add(image, 1, out=image),
    ],
)
def test_a_preprocessing_function_finds_the_chance_that_keras_gives_it(
    folder, function, kind, seed
):
    assert_same_batches(
        lambda module: flow(
            module, made(module, preprocessing_function=function), folder, kind, seed=seed
        )
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_generator_of_keras_works_in_imggens_iterator_and_the_other_way_round(folder, seed):
    options = {"target_size": (14, 12), "batch_size": 4, "seed": seed}
    assert_same_batches(lambda module: module.DirectoryIterator(folder, made(theirs), **options))
    assert_same_batches(lambda module: module.DirectoryIterator(folder, made(ours), **options))
    assert_same_batches(
        lambda module: module.NumpyArrayIterator(
            arrays(), np.arange(11), made(theirs), batch_size=4, shuffle=True, seed=seed
        )
    )


def test_no_generator_at_all_leaves_images_as_they_are(folder):
    assert_same_batches(
        lambda module: module.DirectoryIterator(folder, None, target_size=(9, 8), batch_size=4)
    )


# Iterators


def with_noise(base):
    class Noisy(base):
        def _get_batches_of_transformed_samples(self, index_array):
            x, y = super()._get_batches_of_transformed_samples(index_array)
            return x + np.random.normal(size=x.shape).astype("float32"), y

    return Noisy


def with_noise_before(base):
    class Noisy(base):
        def _get_batches_of_transformed_samples(self, index_array):
            amount = np.random.random()
            x, y = super()._get_batches_of_transformed_samples(index_array)
            return x * amount, y

    return Noisy


def mixing_two_batches(base):
    class Mixup(base):
        def _get_batches_of_transformed_samples(self, index_array):
            x, y = super()._get_batches_of_transformed_samples(index_array)
            other = np.random.permutation(len(x))
            share = np.float32(np.random.beta(0.2, 0.2))
            return x * share + x[other] * (1 - share), y

    return Mixup


def from_scratch(base):
    class Own(base):
        def _get_batches_of_transformed_samples(self, index_array):
            crops = []
            for _ in index_array:
                x = np.random.uniform(0, 255, (8, 9, 3)).astype("float32")
                crops.append(self.image_data_generator.random_transform(x))
            return np.stack(crops), np.array(index_array)

    return Own


@pytest.mark.parametrize("workers", [0, 4])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["DirectoryIterator", "NumpyArrayIterator"])
@pytest.mark.parametrize(
    "subclass", [with_noise, with_noise_before, mixing_two_batches, from_scratch]
)
def test_overridden_batches_are_keras_and_leave_the_global_state_alone(
    folder, subclass, name, seed, workers
):
    def make(module):
        base = subclass(getattr(module, name))
        options = {"batch_size": 4, "shuffle": True, "seed": seed}
        if module is ours:
            options["workers"] = workers
        if name == "NumpyArrayIterator":
            return base(arrays(), np.arange(11), made(module), **options)
        return base(folder, made(module), target_size=(14, 12), **options)

    assert_same_batches(make)
    iterator = make(ours)
    before = repr(np.random.get_state())
    next(iterator)
    iterator[1]
    assert (repr(np.random.get_state()) == before) == (seed is not None)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_iterator_from_the_base_class_is_keras(seed):
    def make(module):
        class Numbers(module.Iterator):
            def __init__(self, n):
                self.offset = 7
                super().__init__(n, 3, True, seed)

            def _get_batches_of_transformed_samples(self, index_array):
                return index_array * 10 + self.offset, np.random.random(len(index_array))

        return Numbers(10)

    assert_same_batches(make)


def test_an_order_of_the_users_own_repeats_with_a_seed_as_in_keras():
    def make(module):
        class Balanced(module.NumpyArrayIterator):
            def _set_index_array(self):
                self.index_array = np.random.choice(self.n, self.n)

        return Balanced(arrays(), np.arange(11), made(module), batch_size=4, seed=3)

    assert_same_batches(make)


def test_an_order_of_the_users_own_is_keras_without_a_seed():
    def make(module):
        class Balanced(module.NumpyArrayIterator):
            def _set_index_array(self):
                self.index_array = np.random.choice(self.n, self.n)

        return Balanced(arrays(), np.arange(11), made(module), batch_size=4)

    assert_same_batches(make)


def test_other_file_formats_can_be_listed(folder, tmp_path):
    write_images(tmp_path, {"cat": 5, "dog": 6}, size=(15, 13), suffix=".webp")
    write_images(tmp_path, {"cat": 2, "dog": 2})

    def make(module):
        class WebP(module.DirectoryIterator):
            white_list_formats = ("webp",)

        return WebP(tmp_path, made(module), target_size=(14, 12), batch_size=4, seed=1)

    assert_same_batches(make)
    assert {path[-5:] for path in make(ours).filenames} == {".webp"}


def test_paths_labels_and_weights_can_be_the_users_own(folder):
    def make(module):
        class Weighted(module.DirectoryIterator):
            @property
            def filepaths(self):
                return self._filepaths[::-1]

            @property
            def labels(self):
                return np.arange(self.samples) * 0.5

            @property
            def sample_weight(self):
                return np.linspace(1, 2, self.samples)

        iterator = Weighted(folder, made(module), target_size=(14, 12), batch_size=4, seed=1)
        iterator.class_mode = "raw"
        return iterator

    came = assert_same_batches(make)
    assert [part.shape[1:] for part in came[:3]] == [(14, 12, 3), (), ()]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mixin_makes_batches_of_the_users_own_files(folder, seed):
    paths = sorted(str(path) for path in folder.rglob("*.png"))

    def make(module):
        class Own(module.BatchFromFilesMixin, module.Iterator):
            class_mode, dtype = "categorical", "float32"
            filepaths = property(lambda self: paths)
            labels = property(lambda self: self.classes)
            sample_weight = property(lambda self: None)

            def __init__(self):
                self.set_processing_attrs(
                    *(made(module), (14, 12), "rgb", "channels_last", None, "", "png", None),
                    *("bilinear", True),
                )
                self.classes = ["dog" in path[-8:] for path in paths]
                self.class_indices = {"a": 0, "b": 1}
                super().__init__(len(paths), 4, True, seed)

        return Own()

    assert_same_batches(make)


@pytest.mark.parametrize("name", ["filepaths", "labels", "sample_weight"])
def test_the_mixin_says_what_a_subclass_must_define(name):
    with pytest.raises(NotImplementedError, match=name):
        getattr(ours.BatchFromFilesMixin.__new__(ours.BatchFromFilesMixin), name)


# What Keras is told of workers


def told(iterator):
    """What Keras's own code reads off an iterator."""
    names = {"__name__": "keras.some.module", "iterator": iterator}
    return eval("iterator.workers, iterator.use_multiprocessing", names)


def has_workers_of_keras(iterator):
    return PyDatasetAdapter(iterator).enqueuer is not None


def test_keras_starts_no_workers_of_its_own(folder):
    for options in ({}, {"workers": 8}, {"workers": 8, "use_multiprocessing": True}):
        for base in (None, noisy_standardize(ours)):
            iterator = made(ours, base).flow_from_directory(folder, **options)
            assert told(iterator) == (1, False)
            assert not has_workers_of_keras(iterator)
            assert iterator.use_multiprocessing == options.get("use_multiprocessing", False)
            assert iterator.workers == options.get("workers", usable_cores())


def test_keras_starts_workers_for_batches_that_a_subclass_makes(folder):
    subclass = with_noise(ours.DirectoryIterator)
    iterator = subclass(folder, made(ours), workers=3)
    assert told(iterator) == (3, False)
    assert has_workers_of_keras(iterator)
    assert not has_workers_of_keras(subclass(folder, made(ours), workers=1))
    assert told(subclass(folder, made(ours), workers=2, use_multiprocessing=True)) == (2, True)
    iterator.workers, iterator.use_multiprocessing = 5, True
    assert told(iterator) == (5, True)
    assert (iterator.workers, iterator.use_multiprocessing) == (5, True)


def test_a_subclass_that_asks_for_no_workers_has_none_of_keras_as_over_keras(folder):
    assert not has_workers_of_keras(with_noise(theirs.DirectoryIterator)(folder, made(theirs)))
    assert not has_workers_of_keras(with_noise(ours.DirectoryIterator)(folder, made(ours)))
