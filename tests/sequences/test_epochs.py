"""The current epoch, and copies of a sequence in the worker processes of Keras and torch."""

import pickle

from imggen.sequences.epochs import EpochTracker
from imggen.sequences.keras_compat import WrapperRequest

IN_PROCESS = WrapperRequest(None, is_in_process=True)


def copies(tracker, count):
    """The tracker in worker processes, as a fork leaves it."""
    tracker.before_fork()
    shared = tracker._shared, tracker._asked_at_fork
    return [EpochTracker(4, tracker.epoch, *shared) for _ in range(count)]


def ask(tracker, *indices):
    return [tracker.ask(index, IN_PROCESS).epoch for index in indices]


def test_copies_that_were_asked_for_all_batches_advance_the_epoch():
    tracker = EpochTracker(4)
    for epoch in range(3):
        one, other = copies(tracker, 2)
        assert ask(one, 2, 0) + ask(other, 3) == [epoch] * 3
        assert tracker.epoch == epoch
        assert ask(other, 1) == [epoch]
        assert (tracker.epoch, tracker.served) == (epoch + 1, epoch)


def test_copies_that_live_on_serve_one_epoch_after_the_other():
    tracker = EpochTracker(4)
    one, other = copies(tracker, 2)
    for epoch in range(3):
        assert ask(one, 2, 0) + ask(other, 1, 3) == [epoch] * 4
        one, other = other, one
    assert tracker.epoch == 3


def test_a_pass_of_copies_that_was_broken_off_begins_again():
    tracker = EpochTracker(4)
    (one,) = copies(tracker, 1)
    assert ask(one, 0, 2) == [0, 0]
    for epoch in range(3):
        (one,) = copies(tracker, 1)
        assert ask(one, 3, 2, 1, 0) == [epoch] * 4


def test_setting_the_epoch_forgets_the_pass_of_copies():
    tracker = EpochTracker(4)
    (one,) = copies(tracker, 1)
    ask(one, 0, 1)
    tracker.epoch = 7
    ask(one, 2, 3)
    assert tracker.epoch == 7


def test_a_pickled_tracker_is_in_no_pass():
    tracker = EpochTracker(4, epoch=3)
    tracker.next_index()
    for index in range(3):
        tracker.ask(index, None)
    copy = pickle.loads(pickle.dumps(tracker))
    assert (copy.epoch, copy.served, copy.next_index()) == (3, 3, 0)
    assert copy.ask(3, None).is_complete is False


def test_only_the_first_of_several_passes_over_an_epoch_advances_it():
    tracker = EpochTracker(4)
    assert [tracker.finish(0), tracker.finish(0), tracker.finish(5)] == [True, False, False]
    assert tracker.epoch == 1


def test_a_look_of_keras_at_the_shapes_belongs_to_no_pass():
    tracker = EpochTracker(2)
    look = WrapperRequest(None)
    assert [tracker.ask(index, look) for index in (0, 1)] == [(0, False, False)] * 2
    assert tracker.ask(0, None).is_complete is False
