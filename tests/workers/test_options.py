"""The options of workers, as one value."""

import dataclasses
import pickle

import pytest

from imggen.errors import OptionError
from imggen.workers import WorkerOptions, usable_cores

OPTIONS = WorkerOptions(workers=2, use_multiprocessing=True, max_queue_size=5)


@pytest.mark.parametrize("workers", [-1, 1.5, True, "2"])
def test_a_number_of_workers_that_is_not_a_whole_one_is_refused(workers):
    with pytest.raises(OptionError, match=r"workers=.* must be a whole number of 0 or more"):
        WorkerOptions(workers, use_multiprocessing=False, max_queue_size=5)


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None])
def test_a_queue_size_that_is_not_a_whole_number_of_one_or_more_is_refused(size):
    with pytest.raises(OptionError, match=r"max_queue_size=.* must be a whole number of 1 or more"):
        WorkerOptions(workers=0, use_multiprocessing=False, max_queue_size=size)


def test_changed_options_are_validated_like_new_ones():
    with pytest.raises(OptionError, match="workers=-3"):
        dataclasses.replace(OPTIONS, workers=-3)


@pytest.mark.parametrize(("workers", "count"), [(0, 0), (3, 3), (None, usable_cores())])
def test_the_number_of_workers_is_the_one_given_or_one_per_core(workers, count):
    assert dataclasses.replace(OPTIONS, workers=workers).num_workers == count


def test_without_workers_nothing_is_prefetched():
    assert OPTIONS.max_prefetched == 5
    assert dataclasses.replace(OPTIONS, workers=0).max_prefetched == 0


def test_options_are_equal_to_their_copies_and_cannot_be_changed():
    assert pickle.loads(pickle.dumps(OPTIONS)) == OPTIONS
    with pytest.raises(dataclasses.FrozenInstanceError):
        OPTIONS.workers = 4
