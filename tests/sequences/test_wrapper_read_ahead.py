"""Read-ahead behind a user's own PyDataset: in Keras's order, and gone at the end of the pass."""

import gc
import threading
import time

import keras
import numpy as np
import pytest

from tests.helpers.recording import Counting, tiny_model


@pytest.fixture(autouse=True)
def _threads_work(monkeypatch):
    """These batches cost nothing, and the calling thread would make them all."""
    monkeypatch.setattr("imggen.workers.pace._LOCKED_SECONDS", 1e-12)
    monkeypatch.setattr("imggen.workers.pace._MIN_SECONDS_SAVED", 0)


class Wrapper(keras.utils.PyDataset):
    def __init__(self, sequence, batch_of=lambda index: index, **options):
        super().__init__(**options)
        self.sequence, self.batch_of, self.ahead = sequence, batch_of, []

    def __len__(self):
        return len(self.sequence)

    def __getitem__(self, index):
        batch = self.sequence[self.batch_of(index)]
        self.ahead.append(sorted(self.sequence._prefetcher._pending))
        return batch


def one_pass(wrapper, shuffle=False):
    """The batches of a pass of Keras without its looks, and what was ahead after each."""
    adapter = keras.src.trainers.data_adapters.py_dataset_adapter.PyDatasetAdapter(
        wrapper, shuffle=shuffle
    )
    return [int(x[0, 0]) for x, _ in adapter._get_iterator()]


def test_the_next_batches_of_the_pass_are_made_ahead_and_no_others():
    sequence = Counting(6)
    wrapper = Wrapper(sequence)
    for epoch in (0, 1):
        assert one_pass(wrapper) == [0, 1, 2, 3, 4, 5]
        assert wrapper.ahead[6 * epoch : 6 * epoch + 5] == [
            [(epoch, after) for after in range(index + 1, 6)[:3]] for index in range(5)
        ]
    assert len(sequence.made) == 12
    assert sequence.epoch == 2


def test_a_shuffled_pass_is_read_ahead_in_its_order():
    sequence = Counting(20)
    wrapper = Wrapper(sequence)
    order = one_pass(wrapper, shuffle=True)
    assert sorted(order) == list(range(20))
    assert wrapper.ahead[4] == sorted((0, index) for index in order[5:8])
    assert sorted(sequence.made) == [(0, index) for index in range(20)]


def test_a_wrapper_with_an_order_of_its_own_has_nothing_made_in_vain():
    sequence = Counting(6)
    wrapper = Wrapper(sequence, lambda index: (index + 2) % 6)
    assert sorted(one_pass(wrapper)) == [0, 1, 2, 3, 4, 5]
    assert wrapper.ahead == [[]] * 6
    assert len(sequence.made) == 6


def test_several_workers_of_keras_ask_for_batches_that_they_make_themselves():
    sequence = Counting(6)
    wrapper = Wrapper(sequence, workers=3)
    tiny_model().fit(wrapper, epochs=2, shuffle=False, verbose=0)
    assert {batch for batch in sequence.made if batch[0] > 1} == set()
    assert wrapper.ahead == [[]] * len(wrapper.ahead)
    assert sequence._prefetcher._pool is None


def test_after_each_pass_neither_threads_nor_batches_are_left():
    sequence = Counting(6)
    wrapper = Wrapper(sequence)
    before = threading.active_count()
    one_pass(wrapper)
    assert (sequence._prefetcher._pool, sequence._prefetcher._pending) == (None, {})
    deadline = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.005)
    assert threading.active_count() <= before


def test_a_pass_that_was_broken_off_leaves_nothing_once_it_is_idle(monkeypatch):
    monkeypatch.setattr("imggen.workers.prefetcher._IDLE_SECONDS_OF_KEPT", 0.01)
    sequence = Counting(6)
    adapter = keras.src.trainers.data_adapters.py_dataset_adapter.PyDatasetAdapter(
        Wrapper(sequence), shuffle=False
    )
    batches = adapter._get_iterator()
    next(batches)
    deadline = time.monotonic() + 20
    while sequence._prefetcher._pool is not None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert (sequence._prefetcher._pool, sequence._prefetcher._pending) == (None, {})
    gc.collect()
    assert [int(x[0, 0]) for x, _ in batches] == [1, 2, 3, 4, 5]  # it goes on where it was
    assert np.unique([epoch for epoch, _ in sequence.served]) == [0]
