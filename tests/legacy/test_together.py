"""Iterators side by side, one inside another, and in forked processes: none waits for ever."""
# ruff: noqa: NPY002 - the drop-in is about NumPy's legacy generator

import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from imggen import legacy
from imggen.legacy import random_parameters

ROOT = Path(__file__).parents[2]


def arrays(num=12):
    return np.random.default_rng(num).uniform(0, 255, (num, 9, 8, 3)).astype("float32")


def flow(seed=1, **options):
    generator = legacy.ImageDataGenerator(rotation_range=10, **options)
    return generator.flow(arrays(), batch_size=4, seed=seed, workers=2)


def within(seconds, function):
    """What a function returns, or a failure when it takes too long."""
    got = []
    thread = threading.Thread(target=lambda: got.append(function()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return got[0]


class Pairs(legacy.Iterator):
    """Batches of two iterators, asked side by side."""

    def __init__(self, one, other, **options):
        self.both = (one, other)
        super().__init__(one.n, one.batch_size, False, **options)

    def _get_batches_of_transformed_samples(self, index_array):
        with ThreadPoolExecutor(2) as threads:
            return tuple(threads.map(next, self.both))


@pytest.mark.parametrize("seed", [None, 5])
def test_an_iterator_may_ask_others_in_threads_of_its_own(seed):
    made = within(15, lambda: next(Pairs(flow(1), flow(2), seed=seed)))
    assert np.array_equal(made[0], next(flow(1)))
    assert np.array_equal(made[1], next(flow(2)))


@pytest.mark.parametrize("seed", [None, 5])
def test_a_function_may_wait_for_a_thread_that_reads_another_iterator(seed):
    inner = flow(2)

    def with_background(image):
        with ThreadPoolExecutor(1) as threads:
            return image + 0 * threads.submit(next, inner).result()[0]

    outer = flow(seed, preprocessing_function=with_background)
    assert within(15, lambda: next(outer)).shape == (4, 9, 8, 3)


def test_two_that_wait_for_each_other_are_let_through_with_a_warning(monkeypatch):
    monkeypatch.setattr(random_parameters, "_TIMEOUT", 0.2)
    inner = flow(2, preprocessing_function=np.abs)

    def with_background(image):
        with ThreadPoolExecutor(1) as threads:
            return image + 0 * threads.submit(next, inner).result()[0]

    outer = flow(5, preprocessing_function=with_background)
    with pytest.warns(UserWarning, match="no longer waits for it"):
        assert within(15, lambda: next(outer)).shape == (4, 9, 8, 3)


FORKING = """
    import os, threading, time, warnings
    warnings.simplefilter("ignore")
    from tests.legacy.test_together import flow
    import numpy as np

    def slow(image):
        time.sleep(0.002)
        return image

    busy, other = flow(3, preprocessing_function=slow), flow(4, preprocessing_function=np.abs)
    expected = flow(4, preprocessing_function=np.abs)[0]
    ended = False

    def keep_asking():
        while not ended:
            next(busy)

    thread = threading.Thread(target=keep_asking)
    thread.start()
    for _ in range(6):
        time.sleep(0.01)
        child = os.fork()
        if child == 0:
            made = flow(4, preprocessing_function=np.abs)[0]
            os._exit(0 if np.array_equal(made, expected) else 1)
        assert os.waitpid(child, 0)[1] == 0
    ended = True
    thread.join()
    print("all well")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_beside_a_busy_iterator_can_make_batches():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORKING)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        env={**os.environ, "KERAS_BACKEND": "numpy"},  # starts soonest
    )
    assert done.stdout.endswith("all well\n"), done.stderr[-2000:]


def test_iterators_with_as_many_workers_share_their_threads():
    def imggen_threads():
        return {thread for thread in threading.enumerate() if thread.name.startswith("imggen")}

    others = imggen_threads()  # of earlier tests
    kept = [flow(seed) for seed in range(6)]
    for iterator in kept:
        next(iterator)
    assert len(imggen_threads() - others) <= 2


def test_few_images_wait_while_a_function_is_slow():
    threads = legacy.iterator.ThreadMap(2)
    started = []
    results = threads.imap(lambda item: started.append(item) or item, range(100))
    assert next(results) == 0
    assert len(started) <= 6
    assert list(results) == list(range(1, 100))


def test_keras_2_is_told_that_it_cannot_read_from_an_iterator():
    asking = {"__name__": "tf_keras.src.engine.data_adapter", "iterator": flow()}
    with pytest.raises(TypeError, match="works with Keras 3"):
        exec("next(iterator)", asking)


@pytest.mark.parametrize("bases", ["mixin first", "iterator first"])
def test_a_class_may_name_its_bases_in_any_order(bases):
    order = (legacy.BatchFromFilesMixin, legacy.Iterator)
    made = type("Mine", order if bases == "mixin first" else order[::-1], {})
    assert issubclass(made, legacy.Iterator)


def test_a_method_set_on_the_class_is_called(monkeypatch):
    monkeypatch.setattr(legacy.ImageDataGenerator, "standardize", lambda self, x: x * 0 + 7)
    assert np.unique(next(flow())).tolist() == [7]


def test_a_next_of_the_users_own_finds_the_chance_of_its_batch():
    class Noisy(legacy.NumpyArrayIterator):
        def _get_batches_of_transformed_samples(self, index_array):
            x = super()._get_batches_of_transformed_samples(index_array)
            return x + np.random.random(x.shape)

    class Old(Noisy):
        def next(self):
            with self.lock:
                index_array = next(self.index_generator)
            return self._get_batches_of_transformed_samples(index_array)

    generator = legacy.ImageDataGenerator(rotation_range=5)
    state = np.random.get_state()[1].copy()
    for of_new, of_old in [
        [maker(arrays(), None, generator, 4, seed=2) for maker in (Noisy, Old)] for _ in range(2)
    ]:
        for _ in range(4):
            assert np.array_equal(next(of_new), of_old.next())
    assert np.array_equal(np.random.get_state()[1], state)


def test_keras_own_functions_are_called_on_the_threads_with_the_same_result():
    from keras.applications.resnet50 import preprocess_input

    seen = set()

    def spy(image):
        seen.add(threading.current_thread().name)
        return preprocess_input(image)

    spy.__module__ = preprocess_input.__module__
    got = next(flow(preprocessing_function=spy))
    plain = next(flow(preprocessing_function=lambda image: preprocess_input(image)))
    assert all(name.startswith("imggen") for name in seen)
    assert np.abs(got - plain).max() <= 0.02
