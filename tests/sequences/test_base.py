"""Epochs, order and passes of a sequence in Keras and in loops of the user."""

import pickle
import random

import keras
import pytest
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

from imggen.errors import OptionError
from tests.helpers.cases import case
from tests.helpers.recording import Recorder, fitted, in_order, tiny_model


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
    assert [index for _, index in validation.served[-9:]] == [0, 1, 2] * 3


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


def test_a_loop_over_all_batches_before_fit_is_an_epoch():
    sequence = Recorder(5)
    for index in range(len(sequence)):
        sequence[index]
    assert fitted(sequence, epochs=1) == in_order(5, [1])


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


def test_breaking_at_the_last_batch_completes_the_epoch():
    sequence = Recorder(3)
    for index, _ in enumerate(sequence):
        if index == 2:
            break
    assert sequence.epoch == 1


@pytest.mark.parametrize("calls_hook", [False, True])
def test_a_training_loop_by_index_moves_on(calls_hook):
    sequence = Recorder(4)
    for epoch in range(2):
        for index in range(len(sequence)):
            sequence[index]
        if calls_hook:
            sequence.on_epoch_end()
        assert sequence.epoch == epoch + 1
    assert sequence.served == in_order(4, range(2))


def test_a_loop_by_hand_moves_on_only_after_every_batch():
    sequence = Recorder(3)
    for asked, epoch in (((0,), 0), ((2, 2), 0), ((1,), 1), ((0, 0, 0), 1), ((2, 1), 2)):
        for index in asked:
            sequence[index]
        sequence.on_epoch_end()
        assert sequence.epoch == epoch, asked


def test_after_a_loop_by_index_other_batches_than_the_first_may_be_looked_at():
    sequence = Recorder(4)
    for index in range(4):
        sequence[index]
    sequence[2]
    assert sequence.served[-1] == (0, 2)
    sequence.on_epoch_end()
    sequence[2]
    assert sequence.served[-1] == (1, 2)


def test_next_serves_batches_epoch_after_epoch():
    sequence = Recorder(3)
    for _ in range(7):
        next(sequence)
    assert sequence.served == in_order(3, range(3))[:7]


def test_a_pass_of_keras_does_not_disturb_a_loop_by_index_or_an_iterator():
    sequence = Recorder(5)
    model = tiny_model()
    iterator = iter(sequence)
    for index in range(5):
        sequence[index]
        next(iterator)
        if index == 2:
            before = len(sequence.served)
            model.evaluate(sequence, verbose=0)
            evaluated = sequence.served[before:][-5:]
            del sequence.served[before:]
    assert evaluated == in_order(5, [0])
    assert sequence.served[::2] == sequence.served[1::2] == in_order(5, [0])
    assert sequence.epoch == 1


def test_a_pass_of_a_few_steps_is_no_epoch_though_tensorflow_prefetches_the_rest():
    sequence = Recorder(6)
    tiny_model().evaluate(sequence, steps=2, verbose=0)
    assert sequence.epoch == 0


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


@pytest.mark.parametrize("name", ["shuffle", "seed", "workers", "max_queue_size", "typo"])
def test_settings_assigned_later_are_refused(name):
    with pytest.raises(OptionError, match=f"{name} cannot be set later"):
        setattr(Recorder(4), name, 1)


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


class StopAt(keras.callbacks.Callback):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = batch == self.batch


def test_training_that_a_callback_stops_at_the_last_batch_was_a_complete_epoch():
    for batch, complete in ((5, 1), (2, 0)):
        for epochs in (1, 3):
            sequence, model = Recorder(6), tiny_model()
            fitted(sequence, model, epochs=epochs, callbacks=[StopAt(batch)])
            with case((batch, epochs)):
                assert sequence.epoch == complete
                fitted(sequence, model, epochs=1)
                assert sequence.served[-6:] == in_order(6, [complete])


def test_a_sequence_can_be_copied_after_a_fit_that_was_stopped():
    sequence = Recorder(3)
    fitted(sequence, epochs=1, callbacks=[StopAt(2)])
    assert pickle.loads(pickle.dumps(sequence)).epoch == 1
