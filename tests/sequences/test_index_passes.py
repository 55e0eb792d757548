"""The epoch of each request of a loop by index."""

import random

import pytest

from imggen.sequences.index_passes import IndexPasses


class Loop:
    """Asks for batches, and advances the current epoch as a sequence does."""

    def __init__(self, num_batches):
        self.passes = IndexPasses(num_batches)
        self.current = 0

    def ask(self, *indices):
        """The epochs that the requests get."""
        epochs = []
        for index in indices:
            request = self.passes.ask(index, self.current)
            self.current += request.is_complete and request.epoch == self.current
            epochs.append(request.epoch)
        return epochs


@pytest.mark.parametrize("num_batches", [1, 2, 3, 7])
def test_each_loop_in_order_is_an_epoch(num_batches):
    loop = Loop(num_batches)
    for epoch in range(4):
        assert loop.ask(*range(num_batches)) == [epoch] * num_batches


@pytest.mark.parametrize("looks", [(0,), (5,), (3, 1), (4, 5), (5, 0, 1)])
def test_looks_before_between_and_within_loops_do_not_disturb_them(looks):
    loop = Loop(6)
    loop.ask(*looks)
    for epoch in range(3):
        assert loop.ask(*range(6)) == [epoch] * 6
        loop.ask(*[look for look in looks if look > 0])
    for epoch in range(3, 6):
        assert loop.ask(0, 1, 2) == [epoch] * 3
        loop.ask(*[look for look in looks if look > 0])
        assert loop.ask(3, 4, 5) == [epoch] * 3


def test_each_pass_in_a_random_order_is_an_epoch():
    loop = Loop(12)
    rng = random.Random(0)
    for epoch in range(200):
        assert loop.ask(*rng.sample(range(12), 12)) == [epoch] * 12


def test_each_pass_backwards_is_an_epoch():
    loop = Loop(3)
    for epoch in range(3):
        assert loop.ask(2, 1, 0) == [epoch] * 3


def test_a_loop_that_was_broken_off_begins_again():
    loop = Loop(4)
    assert loop.ask(0, 1, 0, 1, 2, 3, 0) == [0, 0, 0, 0, 0, 0, 1]


def test_after_a_loop_its_batches_are_looked_at_until_the_first_is_asked_for():
    loop = Loop(4)
    assert loop.ask(*range(4), 3, 1, 0, 1, 3) == [0, 0, 0, 0, 0, 0, 1, 1, 1]


def test_closing_a_pass_ends_the_look_back():
    loop = Loop(4)
    loop.ask(*range(4))
    loop.passes.close()
    assert loop.ask(3) == [1]


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 2, 0, 1, 3)])
def test_a_pass_under_way_stays_in_its_epoch_when_another_one_ends(order):
    loop = Loop(5)
    assert loop.ask(*order[:3]) == [0] * 3
    loop.current = 1  # evaluate() has ended
    assert loop.ask(*order[3:]) == [0] * 2
    assert loop.ask(0) == [1]


def test_a_look_is_at_the_current_epoch_however_many_have_ended():
    loop = Loop(5)
    assert loop.ask(3) == [0]
    loop.current = 4
    assert loop.ask(1, 3, 0) == [4] * 3


@pytest.fixture
def ask_in(monkeypatch):
    """Asks a loop for batches in a thread of a name."""

    def ask(thread, loop, *indices):
        monkeypatch.setattr("threading.get_ident", lambda: thread)
        return loop.ask(*indices)

    return ask


def test_after_a_pass_of_several_threads_any_batch_begins_the_next_epoch(ask_in):
    loop = Loop(3)
    assert ask_in("a", loop, 0, 1) + ask_in("b", loop, 2) == [0] * 3
    assert ask_in("a", loop, 1) + ask_in("b", loop, 0) + ask_in("a", loop, 2) == [1] * 3


def test_several_threads_may_begin_an_epoch_before_the_last_one_is_complete(ask_in):
    loop = Loop(5)

    def ask(thread, *indices):
        return ask_in(thread, loop, *indices)

    assert ask("a", 0, 2) + ask("b", 1, 3) == [0] * 4
    assert ask("a", 0) + ask("b", 4) + ask("a", 2) == [1, 0, 1]
    assert ask("b", 1, 3) + ask("a", 1) + ask("b", 4) == [1, 1, 2, 1]
    assert ask("a", 4, 3) + ask("b", 2, 0) == [2] * 4
    assert loop.current == 3
