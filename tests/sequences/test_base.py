"""How a sequence keeps step with Keras: epochs, order and passes."""

import pickle
import random
import threading

import keras
import numpy as np
import pytest
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

from imggen.errors import OptionError
from imggen.sequences.base import EpochSequence
from imggen.workers import WorkerOptions
from tests.helpers.cases import each_case


def key_of(epoch, index):
    return epoch, index


class Recorder(EpochSequence):
    """Serves made-up batches and notes which (epoch, index) was asked for."""

    def __init__(self, num_batches, *, workers=0):
        self.served = []
        super().__init__(key_of, num_batches, WorkerOptions(workers, False, max_queue_size=3))

    def _serve(self, made):
        self.served.append(made)
        return np.full((2, 3), made[1], np.float32), np.zeros((2, 1), np.float32)


def tiny_model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def fitted(sequence, model=None, **options):
    """Fits a tiny model and returns what was served after Keras's look at the shapes."""
    model = model or tiny_model()
    before = len(sequence.served)
    model.fit(sequence, verbose=0, **options)
    served = sequence.served[before:]
    # The TensorFlow trainer asks for up to two batches to see their shapes.
    return served[min(2, len(sequence)) :]


def in_order(num_batches, epochs):
    return [(epoch, index) for epoch in epochs for index in range(num_batches)]


def test_fit_is_served_whole_epochs_in_order_though_keras_shuffles():
    sequence = Recorder(6)
    assert fitted(sequence, epochs=3) == in_order(6, range(3))
    assert sequence.epoch == 3


@pytest.mark.parametrize("num_batches", [1, 2, 3])
def test_short_epochs_advance_by_one(num_batches):
    sequence = Recorder(num_batches)
    assert fitted(sequence, epochs=4) == in_order(num_batches, range(4))


@pytest.mark.parametrize("state", [0, 1])
def test_the_order_in_fit_does_not_depend_on_the_global_random_state(state):
    random.seed(state)
    sequence = Recorder(8)
    assert fitted(sequence, epochs=2) == in_order(8, range(2))


def test_the_global_random_state_is_not_disturbed():
    model = tiny_model()  # initializers draw seeds from the global state
    random.seed(3)
    fitted(Recorder(5), model, epochs=2)
    after = random.random()
    random.seed(3)
    for _ in range(2):
        random.shuffle(list(range(5)))  # what Keras itself draws
    assert random.random() == after


@pytest.mark.parametrize("steps", [3, 4, 12])
def test_a_pass_over_several_keras_epochs_serves_every_batch_once(steps):
    sequence = Recorder(12)
    served = fitted(sequence, epochs=12 // steps * 2, steps_per_epoch=steps)
    assert served[:24] == in_order(12, range(2))


def test_evaluate_and_predict_are_served_in_order():
    model = tiny_model()
    sequence = Recorder(4)
    model.evaluate(sequence, verbose=0)
    assert sequence.served[-4:] == in_order(4, [0])
    model.predict(sequence, verbose=0)
    assert sequence.served[-4:] == in_order(4, [1])


def test_validation_during_fit_is_served_in_order_each_time():
    model = tiny_model()
    validation = Recorder(3)
    model.fit(Recorder(4), validation_data=validation, epochs=3, verbose=0)
    assert [index for _, index in validation.served[2:]] == [0, 1, 2] * 3


def test_two_fits_go_on_where_the_first_one_stopped():
    sequence = Recorder(4)
    fitted(sequence, epochs=2)
    assert fitted(sequence, epochs=1) == in_order(4, [2])


def test_an_interrupted_fit_does_not_confuse_the_next_one():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt

    sequence = Recorder(9)
    with pytest.raises(KeyboardInterrupt):
        fitted(sequence, epochs=1, callbacks=[Stop()])
    assert fitted(sequence, epochs=1) == in_order(9, [0])


def test_requests_for_a_pass_that_was_given_up_do_not_disturb_the_next_one():
    # TensorFlow may still be prefetching for a fit that was interrupted.
    sequence = Recorder(6)
    adapter = PyDatasetAdapter(sequence, shuffle=True)
    given_up, current = adapter._get_iterator(), adapter._get_iterator()
    for _ in range(2):
        next(given_up)
    served = []
    for _ in range(6):
        served.append(next(current)[0][0, 0])
        next(given_up, None)
    adapter.on_epoch_end()
    assert served == list(range(6))
    assert sequence.epoch == 1


def test_looking_at_batches_during_fit_shows_them_and_does_not_disturb_the_pass():
    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert len(sequence) == 8
            looks.append(int(sequence[batch][0][0, 0]))

    looks = []
    sequence = Recorder(8)
    served = fitted(sequence, epochs=2, callbacks=[Look()])
    assert looks == [*range(8), *range(8)]
    assert sorted(dict.fromkeys(served)) == in_order(8, range(2))
    assert sequence.epoch == 2


@pytest.mark.parametrize("state", [1, 2, 3])
def test_after_a_fit_that_ended_within_a_pass_an_index_is_that_batch(state):
    sequence = Recorder(8)
    model = tiny_model()
    random.seed(state)
    model.fit(sequence, steps_per_epoch=3, verbose=0)
    assert [sequence[index][0][0, 0] for index in range(8)] == list(range(8))


def test_looking_at_all_batches_before_fit_is_no_epoch():
    sequence = Recorder(5)
    for index in range(len(sequence)):
        sequence[index]
    assert fitted(sequence, epochs=1) == in_order(5, [0])


def test_closing_stops_the_workers_and_another_batch_restarts_them():
    with Recorder(4, workers=2) as sequence:
        sequence[1]
    assert sequence._prefetcher._pool is None
    assert sequence[2][0][0, 0] == 2


def test_iterating_serves_an_epoch_and_moves_on():
    sequence = Recorder(3)
    for _ in range(2):
        assert len(list(sequence)) == 3
    assert sequence.served == in_order(3, range(2))
    assert sequence.epoch == 2


def test_breaking_out_of_an_iteration_stays_in_the_epoch():
    sequence = Recorder(3)
    for _ in sequence:
        break
    assert sequence.epoch == 0


def test_a_training_loop_by_hand_moves_on_with_on_epoch_end():
    sequence = Recorder(4)
    for _ in range(2):
        for index in range(len(sequence)):
            sequence[index]
        sequence.on_epoch_end()
    assert sequence.served == in_order(4, range(2))


def test_a_loop_by_hand_moves_on_only_after_every_batch():
    sequence = Recorder(3)
    for asked, epoch in (((0,), 0), ((2, 2), 0), ((1,), 1), ((0, 0, 0), 1), ((2, 1), 2)):
        for index in asked:
            sequence[index]
        sequence.on_epoch_end()
        assert sequence.epoch == epoch, asked


def test_on_epoch_end_alone_does_not_move_on():
    sequence = Recorder(4)
    sequence.on_epoch_end()
    sequence[0]
    sequence.on_epoch_end()
    assert sequence.epoch == 0


def test_the_generator_never_ends_and_every_pass_is_whole():
    sequence = Recorder(5)
    generator = sequence.generator()
    for _ in range(12):
        assert isinstance(next(generator), tuple)
    assert sequence.served == in_order(5, range(3))[:12]
    assert sequence.epoch == 0


def test_fit_on_the_generator_is_served_epochs_in_order():
    sequence = Recorder(5)
    model = tiny_model()
    model.fit(sequence.generator(), steps_per_epoch=3, epochs=3, shuffle=False, verbose=0)
    assert sequence.served[:9] == in_order(5, range(2))[:9]


def test_the_epoch_can_be_set():
    sequence = Recorder(2)
    sequence.epoch = 7
    sequence[1]
    assert sequence.served == [(7, 1)]


@pytest.mark.parametrize("epoch", [-1, 1.5, "2", True])
def test_an_epoch_that_is_no_whole_number_is_refused(epoch):
    with pytest.raises(OptionError, match="whole number of 0 or more"):
        Recorder(2).epoch = epoch


def test_negative_indices_count_from_the_end():
    sequence = Recorder(4)
    sequence[-1]
    assert sequence.served == [(0, 3)]


@pytest.mark.parametrize("index", [4, -5])
def test_a_batch_beyond_the_end_is_an_index_error(index):
    with pytest.raises(IndexError, match="4 batches"):
        Recorder(4)[index]


def test_keras_is_told_of_one_worker():
    sequence = Recorder(4, workers=8)
    assert (sequence.workers, sequence.num_workers) == (1, 8)
    with pytest.raises(OptionError, match="when creating the sequence"):
        sequence.workers = 4


def test_a_pickled_sequence_serves_the_same():
    sequence = Recorder(4)
    sequence.epoch = 3
    copy = pickle.loads(pickle.dumps(sequence))
    copy[2]
    assert copy.served == [(3, 2)]


# Made ahead


class Counting(EpochSequence):
    """Notes which batches workers have made, and which of them were served."""

    def __init__(self, num_batches, *, workers=2, max_queue_size=3):
        self.made, self.served = [], []
        super().__init__(self.make, num_batches, WorkerOptions(workers, False, max_queue_size))

    def make(self, epoch, index):
        self.made.append((epoch, index))
        return epoch, index

    def _serve(self, key):
        self.served.append(key)
        return np.full((2, 3), key[1], np.float32), np.zeros((2, 1), np.float32)

    def ahead(self):
        """What was made and not served, once the workers have nothing to do."""
        for future in list(self._prefetcher._pending.values()):
            future.result(timeout=20)
        return sorted(set(self.made) - set(self.served))


def evaluate(sequence):
    tiny_model().evaluate(sequence, verbose=0)


def fit_one_epoch(sequence):
    tiny_model().fit(sequence, verbose=0)


def by_index(sequence):
    for index in range(len(sequence)):
        sequence[index]
    sequence.on_epoch_end()


PASSES = {"evaluate": evaluate, "fit": fit_one_epoch, "for": list, "by index": by_index}


@each_case("workers", [1, 3])
@each_case("num_batches", [1, 2, 7])
@each_case("one_pass", PASSES)
def test_the_first_pass_makes_no_batch_of_another_epoch(one_pass, num_batches, workers):
    sequence = Counting(num_batches, workers=workers)
    PASSES[one_pass](sequence)

    assert sequence.ahead() == []
    assert {epoch for epoch, _ in sequence.made} == {0}


@pytest.mark.parametrize("one_pass", PASSES)
def test_from_the_second_pass_on_batches_of_the_next_epoch_are_made_ahead(one_pass):
    sequence = Counting(7)
    for epoch in (1, 2, 3):
        PASSES[one_pass](sequence)
        if epoch > 1:
            assert sequence.ahead() == [(epoch, index) for index in range(3)]


@pytest.mark.parametrize("one_pass", ["for", "by index"])
@pytest.mark.parametrize("num_batches", [1, 2, 3, 7])
def test_no_batch_is_made_twice(one_pass, num_batches):
    sequence = Counting(num_batches, workers=3)
    for _ in range(5):
        PASSES[one_pass](sequence)
    ahead = sequence.ahead()

    assert len(sequence.made) == len(set(sequence.made)) == 5 * num_batches + len(ahead)


@each_case("workers", [0, 1, 4])
@each_case("num_batches", [1, 2, 7])
@each_case("one_pass", ["for", "by index"])
def test_batches_made_ahead_are_served_in_the_order_they_always_were(
    one_pass, num_batches, workers
):
    sequence = Counting(num_batches, workers=workers)
    for _ in range(4):
        PASSES[one_pass](sequence)

    assert sequence.served == in_order(num_batches, range(4))


@pytest.mark.parametrize("workers", [1, 4])
def test_fit_for_several_epochs_is_served_in_the_order_it_always_was(workers):
    sequence = Counting(5, workers=workers)
    assert fitted(sequence, epochs=4) == in_order(5, range(4))


@pytest.mark.parametrize(
    ("one_pass", "num_batches", "max_queue_size"),
    [
        *(
            (one_pass, *numbers)
            for one_pass in ("for", "by index", "generator")
            for numbers in ((5, 3), (5, 1), (2, 7))
        ),
        # By index, one batch is no order yet.
        ("for", 1, 4),
        ("generator", 1, 4),
    ],
)
def test_never_more_is_made_ahead_than_may_wait(one_pass, num_batches, max_queue_size):
    most = 0

    class Watched(Counting):
        def _serve(self, key):
            nonlocal most
            most = max(most, len(self._prefetcher._pending))
            return super()._serve(key)

    sequence = Watched(num_batches, max_queue_size=max_queue_size)
    if one_pass == "generator":
        generator = sequence.generator()
        for _ in range(4 * num_batches):
            next(generator)
    else:
        for _ in range(4):
            PASSES[one_pass](sequence)

    assert most == max_queue_size
    following = in_order(num_batches, range(4, 4 + max_queue_size))[:max_queue_size]
    assert sequence.ahead() == following


def test_the_generator_makes_batches_of_the_next_epoch_ahead_from_the_first_on():
    sequence = Counting(4)
    generator = sequence.generator()
    for _ in range(3):
        next(generator)

    assert sequence.ahead() == [(0, 3), (1, 0), (1, 1)]


def test_setting_the_epoch_serves_it_and_gives_up_what_was_made_ahead():
    sequence = Counting(4)
    for _ in range(2):
        list(sequence)
    sequence.epoch = 9
    list(sequence)

    assert sequence.served[-4:] == in_order(4, [9])
    assert sorted(sequence._prefetcher._pending) == [(10, 0), (10, 1), (10, 2)]


def test_a_batch_out_of_order_has_nothing_made_ahead():
    sequence = Counting(9)
    list(sequence)
    for index in (4, 2, 8, 0):
        sequence[index]

    assert sequence.ahead() == []


def test_an_error_of_the_next_epoch_shows_only_when_its_batch_is_asked_for():
    class Failing(Counting):
        def make(self, epoch, index):
            if (epoch, index) == (2, 0):
                raise ValueError("the first batch of the third epoch")
            return super().make(epoch, index)

    sequence = Failing(3)
    for _ in range(2):
        assert len(list(sequence)) == 3
    with pytest.raises(ValueError, match="third epoch"):
        list(sequence)


def test_two_threads_that_ask_for_batches_get_their_own():
    sequence = Counting(40, workers=3)
    list(sequence)
    got = {}
    threads = [
        threading.Thread(
            target=lambda first=first: got.update(
                {index: sequence[index][0][0, 0] for index in range(first, 40, 4)}
            )
        )
        for first in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == {index: index for index in range(40)}
