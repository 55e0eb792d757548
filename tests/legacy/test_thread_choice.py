"""Cheap samples are made by the calling thread, others by all threads."""

import threading

import numpy as np
import pytest

from imggen import legacy
from imggen.legacy import thread_choice
from imggen.legacy.thread_choice import ThreadChoice
from imggen.workers import ThreadMap
from tests.helpers.images import write_images

CHEAP, DEAR = thread_choice._CHEAP / 2, thread_choice._CHEAP * 3


def num_threads_after(*costs, num_threads=4, is_fixed=False):
    choice = ThreadChoice(ThreadMap(num_threads), is_fixed=is_fixed)
    for cost in costs:
        choice.record(cost * 8, cost * 8, 8)
    return choice.threads.num_threads


def test_the_calling_thread_is_tried_after_a_quick_batch_and_kept_if_samples_are_cheap():
    assert num_threads_after() == 4
    assert num_threads_after(CHEAP) == 4  # the next batch was read ahead
    assert num_threads_after(CHEAP, CHEAP) == 1
    assert num_threads_after(CHEAP, CHEAP, CHEAP) == 1
    assert num_threads_after(CHEAP, CHEAP, DEAR) == 4
    assert num_threads_after(CHEAP, CHEAP, CHEAP, CHEAP, DEAR) == 4
    assert num_threads_after(20 * DEAR, 20 * DEAR) == 4


def test_after_a_failed_trial_many_batches_are_made_by_all_threads():
    failed = CHEAP, CHEAP, DEAR
    assert num_threads_after(*failed, *[CHEAP] * 200) == 4
    assert num_threads_after(*failed, *[CHEAP] * 300) == 1


def test_a_number_of_threads_that_was_asked_for_is_kept():
    assert num_threads_after(*[CHEAP] * 9, is_fixed=True) == 4


def test_an_empty_batch_says_nothing():
    choice = ThreadChoice(ThreadMap(4), is_fixed=False)
    for num_samples in (0, 8, 0, 8, 0):
        choice.record(8 * CHEAP, 8 * CHEAP, num_samples)
    assert choice.threads.num_threads == 1


def test_waiting_for_a_slow_disk_is_left_to_all_threads():
    choice = ThreadChoice(ThreadMap(4), is_fixed=False)
    for seconds in (CHEAP, CHEAP, 9 * DEAR):
        choice.record(8 * seconds, 8 * CHEAP, 8)
    assert choice.threads.num_threads == 4


class Watched(legacy.DirectoryIterator):
    """Notes which threads load files."""

    def _pixels(self, path):
        self.threads.add(threading.current_thread() is threading.main_thread())
        return super()._pixels(path)


@pytest.mark.parametrize(("cheap", "by_caller"), [(9, True), (1e-12, False)])
def test_batches_are_the_same_whichever_threads_make_them(tmp_path, monkeypatch, cheap, by_caller):
    monkeypatch.setattr(thread_choice, "_CHEAP", cheap)
    folder = write_images(tmp_path / "photos", {"cat": 8, "dog": 8}, size=(9, 7))
    options = {"target_size": (9, 7), "batch_size": 4, "seed": 3}
    generator = legacy.ImageDataGenerator(horizontal_flip=True, rescale=1 / 255)
    expected = legacy.DirectoryIterator(folder, generator, **options, workers=1)
    iterator = Watched(folder, generator, **options)
    iterator._choice = ThreadChoice(ThreadMap(2), is_fixed=False)
    for _ in range(9):
        iterator.threads = set()
        assert np.array_equal(next(iterator)[0], next(expected)[0])
    assert iterator.threads == {by_caller}
