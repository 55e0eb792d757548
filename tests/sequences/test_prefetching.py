"""Prefetching: the batches that are made ahead, without any other effect."""

import threading

import pytest

from tests.helpers.cases import each_case
from tests.helpers.recording import Counting, fitted, in_order, tiny_model


@pytest.fixture(autouse=True)
def _threads_work(monkeypatch):
    """These batches cost nothing, and the calling thread would make them all."""
    monkeypatch.setattr("imggen.workers.pace._LOCKED_SECONDS", 1e-12)
    monkeypatch.setattr("imggen.workers.pace._MIN_SECONDS_SAVED", 0)


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


@pytest.mark.parametrize("uses_all_cores", [False, True])
def test_fit_takes_turns_with_the_threads_where_keras_uses_all_cores(monkeypatch, uses_all_cores):
    monkeypatch.setattr("imggen.sequences.keras_view.uses_all_cores", lambda: uses_all_cores)
    asked = []
    sequence = Counting(5)
    get = sequence._prefetcher.get
    monkeypatch.setattr(
        sequence._prefetcher,
        "get",
        lambda *args, in_turns: asked.append(in_turns) or get(*args, in_turns=in_turns),
    )

    assert fitted(sequence, epochs=2) == in_order(5, range(2))
    assert set(asked) == {uses_all_cores}
    assert [x[0, 0] for x, _ in sequence] == [0, 1, 2, 3, 4]
    assert not any(asked[-5:])


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
