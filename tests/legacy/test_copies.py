"""Orders of the user's own, copies and pickles of iterators, beside Keras's."""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import copy
import pickle
import random
import types

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as theirs

from imggen import legacy as ours
from tests.helpers.images import write_images
from tests.helpers.legacy_oracle import same

pytestmark = pytest.mark.filterwarnings(
    "ignore:Please import `affine_transform` from the `scipy.ndimage` namespace:DeprecationWarning"
)

X = np.random.default_rng(0).uniform(0, 255, (7, 6, 6, 3)).astype("float32")


def flow(module, seed, base=None, **options):
    exact = {"exact": True} if module is ours else {}
    generator = module.ImageDataGenerator(rotation_range=30, horizontal_flip=True, **exact)
    return (base or module.NumpyArrayIterator)(
        X, np.arange(7), generator, batch_size=3, shuffle=True, seed=seed, **options
    )


def play(iterators, script, rng):
    """Asks one of ``iterators`` at a time for batches; a "copy" joins them."""
    got = []
    for step in script:
        iterator = rng.choice(iterators)
        match step:
            case "next":
                got.append(next(iterator))
            case "get":
                got.append(iterator[rng.randrange(3)])
            case "epoch":
                iterator.on_epoch_end()
            case "reset":
                iterator.reset()
            case "copy":
                iterators.append(copy.copy(iterator))
        got.append([iterator.batch_index, iterator.total_batches_seen])
    return got


STEPS = ["next", "next", "next", "get", "get", "epoch", "reset", "copy"]


# Flows


def seeded_as_in_keras(base):
    class Balanced(base):
        def _flow_index(self):
            while True:
                if self.seed is not None:
                    np.random.seed(self.seed + self.total_batches_seen)
                self.total_batches_seen += 1
                yield np.random.permutation(self.n)[: self.batch_size]

    return Balanced


def unseeded(base):
    class Balanced(base):
        def _flow_index(self):
            while True:
                self.total_batches_seen += 1
                yield np.random.choice(self.n, self.batch_size)

    return Balanced


def around_the_flow_of_the_base(base):
    class Thinned(base):
        def _flow_index(self):
            for samples in super()._flow_index():
                yield np.random.permutation(samples)[:2]

    return Thinned


def a_generator_set_later(base):
    def make(*args, **options):
        iterator = base(*args, **options)

        def steps():
            while True:
                yield np.random.permutation(iterator.n)[:2]

        iterator.index_generator = steps()
        return iterator

    return make


def methods_set_on_the_object(base):
    def make(*args, **options):
        iterator = base(*args, **options)
        made = iterator._get_batches_of_transformed_samples

        def noisy(self, index_array):
            noise = np.random.random()
            x, y = made(index_array)
            return x * noise + np.random.random(), y

        def order(self):
            self.index_array = np.random.choice(self.n, self.n)

        iterator._get_batches_of_transformed_samples = types.MethodType(noisy, iterator)
        iterator._set_index_array = types.MethodType(order, iterator)
        return iterator

    return make


def test_flows_and_methods_of_the_users_own_draw_as_in_keras():
    for subclass in (
        seeded_as_in_keras,
        unseeded,
        around_the_flow_of_the_base,
        a_generator_set_later,
        methods_set_on_the_object,
    ):
        for number in range(12):
            script = random.Random(number).choices(STEPS[:-1], k=9)
            outcomes = []
            for module in (theirs, ours):
                np.random.seed(number)
                base = subclass(module.NumpyArrayIterator)
                iterator = flow(module, [None, 5][number % 2], base)
                outcomes.append(play([iterator], script, random.Random(number)))
            assert same(*outcomes), (subclass, script)


def test_a_flow_of_a_subclass_of_files_draws_as_in_keras_after_a_batch_by_number(tmp_path):
    write_images(tmp_path, {"cat": 5, "dog": 6}, size=(15, 13))
    outcomes = []
    for module in (theirs, ours):
        exact = {"exact": True} if module is ours else {}
        iterator = seeded_as_in_keras(module.DirectoryIterator)(
            *(tmp_path, module.ImageDataGenerator(rotation_range=40, **exact)),
            target_size=(14, 12),
            batch_size=4,
            seed=2,
        )
        outcomes.append([iterator[0], next(iterator), iterator[1], next(iterator)])
    assert same(*outcomes)


def test_an_iterator_without_samples_is_keras():
    def outcomes(module, batch_size, shuffle):
        class Numbers(module.Iterator):
            def _get_batches_of_transformed_samples(self, index_array):
                return np.asarray(index_array) * 10.0

        iterator = Numbers(0, batch_size, shuffle, 3)
        for call in (
            lambda: len(iterator),
            lambda: next(iterator),
            lambda: iterator[0],
            iterator.on_epoch_end,
            iterator.reset,
            lambda: next(iterator),
            lambda: [iterator.batch_index, iterator.total_batches_seen],
        ):
            try:
                yield call()
            except (ValueError, ZeroDivisionError) as err:
                yield "division" if isinstance(err, ZeroDivisionError) else "value"

    for batch_size in (1, 3, 0):
        for shuffle in (False, True):
            expected, got = (list(outcomes(each, batch_size, shuffle)) for each in (theirs, ours))
            assert same(expected, got), (batch_size, shuffle)


def test_a_generator_of_any_class_can_transform_the_images():
    class Plain:
        _validation_split = 0.5

        def get_random_transform(self, shape):
            return np.random.random()

        def apply_transform(self, x, parameters):
            return x * parameters

        def standardize(self, x):
            return x

    outcomes = []
    for module in (theirs, ours):
        np.random.seed(2)
        labels = np.arange(7) % 2
        options = {"batch_size": 3, "subset": "training", "seed": 1, "shuffle": True}
        outcomes.append(next(module.NumpyArrayIterator(X / 255, labels, Plain(), **options)))
    assert same(*outcomes)


# Copies


def test_a_shallow_copy_takes_turns_with_its_iterator_as_in_keras():
    for number in range(40):
        script = ["copy", *random.Random(number).choices(STEPS, k=12)]
        outcomes = []
        for module in (theirs, ours):
            np.random.seed(number)
            iterator = flow(module, [5, None][number % 2])
            outcomes.append(play([iterator], script, random.Random(number)))
        assert same(*outcomes), (number, script)


def continued(iterator):
    np.random.seed(9)
    batches = [next(iterator) for _ in range(5)]
    iterator.on_epoch_end()
    return [*batches, iterator[1], next(iterator), iterator.batch_index]


def test_pickles_and_deep_copies_go_on_where_their_iterator_was_and_leave_it_alone(tmp_path):
    write_images(tmp_path, {"cat": 3, "dog": 4}, size=(6, 6))
    files = {"target_size": (6, 6), "batch_size": 3, "cache": "ram"}

    def of_files(seed):
        return ours.ImageDataGenerator(rotation_range=20).flow_from_directory(
            tmp_path, seed=seed, **files
        )

    for make in (lambda seed: flow(ours, seed, workers=2), of_files):
        for seed in (5, None):
            for script in ([], ["next"], ["next"] * 3, ["get"], ["get", "next"], ["epoch"]):
                iterator = make(seed)
                np.random.seed(1)
                play([iterator], script, random.Random(0))
                copies = [pickle.loads(pickle.dumps(iterator)), copy.deepcopy(iterator)]
                assert [copied.workers for copied in copies] == [iterator.workers] * 2
                outcomes = [continued(each) for each in (*copies, iterator)]
                assert same(outcomes[0], outcomes[2]), (seed, script)
                assert same(outcomes[1], outcomes[2]), (seed, script)


def test_a_pickled_subclass_keeps_its_flow():
    iterator = flow(ours, 5, Repeated)
    next(iterator)
    copied = pickle.loads(pickle.dumps(iterator))
    assert next(copied)[1].tolist() == next(iterator)[1].tolist() == [0, 0]


class Repeated(ours.NumpyArrayIterator):
    def _flow_index(self):
        while True:
            yield np.zeros(2, dtype=int)


# Batches that hold lists


def asked_by_keras(iterator):
    return eval("iterator[0]", {"__name__": "keras.some.module", "iterator": iterator})


def test_lists_in_batches_are_tuples_for_tensorflow_alone(monkeypatch):
    beside = {"x": (X, [np.arange(7), np.arange(7)])}

    class Own(ours.NumpyArrayIterator):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return {"x": x, "more": [y, [y]]}, y

    for backend, kind in (("tensorflow", tuple), ("jax", list), ("torch", list)):
        monkeypatch.setattr(keras.backend, "backend", lambda backend=backend: backend)
        for base in (ours.NumpyArrayIterator, Own):
            iterator = base(beside["x"], np.arange(7), ours.ImageDataGenerator())
            given, _ = asked_by_keras(iterator)
            by_hand, _ = iterator[0]
            if base is Own:
                assert type(given["more"][1]) is kind
                assert type(by_hand["more"][1]) is list
                given, by_hand = given["x"], by_hand["x"]
            assert type(given) is kind
            assert type(by_hand) is type(next(iterator)[0] if base is not Own else by_hand) is list
            assert same(list(given), by_hand)
