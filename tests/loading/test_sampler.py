"""The orders in which epochs serve their indices."""

import gc
import pickle
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imggen.loading.sampler import EpochSampler

SEEDS = st.integers(0, 2**40)


@given(st.integers(1, 80), st.integers(1, 4), SEEDS, st.integers(0, 1000), st.booleans())
def test_an_epoch_serves_every_draw_exactly_once(num_samples, repeats, seed, epoch, shuffle):
    indices = EpochSampler(num_samples, shuffle, repeats, seed).indices(epoch)

    assert sorted(indices.tolist()) == list(range(num_samples * repeats))
    assert indices.dtype == np.int64


@given(st.integers(1, 50), st.integers(1, 5), SEEDS)
def test_an_epoch_serves_every_sample_as_often_as_repeats_says(num_samples, repeats, seed):
    indices = EpochSampler(num_samples, shuffle=True, repeats=repeats, seed=seed).indices(0)

    assert np.bincount(indices % num_samples).tolist() == [repeats] * num_samples


def test_repeats_are_served_mixed_with_one_another():
    indices = EpochSampler(num_samples=100, shuffle=True, repeats=2, seed=3).indices(0)

    assert set((indices[:100] // 100).tolist()) == {0, 1}


def test_the_number_of_indices_is_samples_times_repeats():
    assert EpochSampler(num_samples=7, shuffle=True, repeats=3, seed=0).num_indices == 21


@pytest.mark.parametrize("epoch", [0, 1, 9])
@pytest.mark.parametrize("repeats", [1, 3])
def test_without_shuffling_every_epoch_counts_upwards(epoch, repeats):
    sampler = EpochSampler(num_samples=5, shuffle=False, repeats=repeats, seed=7)

    assert sampler.indices(epoch).tolist() == list(range(5 * repeats))


def test_every_epoch_has_an_order_of_its_own():
    sampler = EpochSampler(num_samples=30, shuffle=True, repeats=1, seed=7)

    assert len({tuple(sampler.indices(epoch).tolist()) for epoch in range(20)}) == 20


def test_neighbouring_seeds_share_no_order():
    orders = {
        tuple(EpochSampler(30, shuffle=True, repeats=1, seed=seed).indices(epoch).tolist())
        for seed in range(10)
        for epoch in range(10)
    }

    assert len(orders) == 100


def test_an_order_does_not_depend_on_which_epochs_were_asked_for_before():
    straight, back = (EpochSampler(20, shuffle=True, repeats=2, seed=5) for _ in range(2))
    forwards = [straight.indices(epoch).tolist() for epoch in range(6)]
    backwards = [back.indices(epoch).tolist() for epoch in reversed(range(6))]

    assert forwards == backwards[::-1]
    assert straight.indices(0).tolist() == forwards[0]


def test_shuffling_leaves_numpys_global_state_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - the state under test
    EpochSampler(50, shuffle=True, repeats=1, seed=5).indices(0)

    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("epoch", [0, 1, 12])
def test_an_order_is_the_documented_stream_of_numpys_pcg64(epoch):
    stream = np.random.SeedSequence(7, spawn_key=(1, epoch, 0))
    expected = np.random.Generator(np.random.PCG64(stream)).permutation(40)

    assert (
        EpochSampler(40, shuffle=True, repeats=1, seed=7).indices(epoch).tolist()
        == expected.tolist()
    )


def test_an_order_is_the_same_in_another_process():
    code = (
        "from imggen.loading.sampler import EpochSampler; "
        "print(EpochSampler(25, True, 2, 11).indices(4).tolist())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout

    assert printed.strip() == str(
        EpochSampler(25, shuffle=True, repeats=2, seed=11).indices(4).tolist()
    )


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_order_cannot_be_written_to(shuffle):
    indices = EpochSampler(5, shuffle=shuffle, repeats=1, seed=0).indices(0)

    with pytest.raises(ValueError, match="read-only"):
        indices[0] = 3


def test_an_epoch_asked_for_again_is_not_made_again():
    sampler = EpochSampler(5, shuffle=True, repeats=1, seed=0)

    assert sampler.indices(0) is sampler.indices(0)


def test_epochs_long_past_are_let_go():
    sampler = EpochSampler(1000, shuffle=True, repeats=1, seed=0)
    first = weakref.ref(sampler.indices(0))
    for epoch in range(1, 4):
        sampler.indices(epoch)
    gc.collect()

    assert first() is None


def test_threads_that_ask_for_any_epoch_get_what_one_thread_gets():
    shared, alone = (EpochSampler(500, shuffle=True, repeats=1, seed=9) for _ in range(2))
    epochs = [epoch % 7 for epoch in range(400)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda epoch: shared.indices(epoch).tolist(), epochs))

    assert got == [alone.indices(epoch).tolist() for epoch in epochs]


def test_a_pickled_order_serves_the_same_and_cannot_be_written_to():
    sampler = EpochSampler(50, shuffle=True, repeats=2, seed=3)
    kept = sampler.indices(2).tolist()
    copied = pickle.loads(pickle.dumps(sampler))

    assert copied == sampler
    assert copied.indices(2).tolist() == kept
    assert not copied.indices(2).flags.writeable


def test_a_pickled_order_does_not_carry_the_orders_it_keeps():
    sampler = EpochSampler(100_000, shuffle=True, repeats=1, seed=3)
    sampler.indices(0)

    assert len(pickle.dumps(sampler)) < 1000
