"""Random numbers depend on their key and on nothing else."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imggen.core.rng import (
    SampleGenerators,
    Stream,
    check_seed,
    generator,
    seeded,
    step_generators,
)
from imggen.errors import OptionError
from tests.helpers.cases import case

KEYS = st.tuples(
    st.integers(0, 2**64), st.sampled_from(Stream), st.integers(0, 10**6), st.integers(0, 10**9)
)

# Frozen: other numbers would change splits and augmentations for every user.
GOLDEN = [879, 862, 579, 678, 563, 163, 601, 223]


def draw(key):
    return generator(*key).integers(0, 2**63, 4).tolist()


@settings(deadline=None)
@given(KEYS)
def test_the_same_key_gives_the_same_numbers(key):
    assert draw(key) == draw(key)


@settings(deadline=None)
@given(KEYS, KEYS)
def test_different_keys_give_different_numbers(one, other):
    assert (draw(one) == draw(other)) == (one == other)


def test_changing_one_item_of_the_key_changes_the_numbers():
    for item in [0, 1, 2, 3]:
        with case(item):
            key = [7, Stream.SHUFFLE, 3, 11]
            changed = [8, Stream.AUGMENT, 4, 12]
            assert draw(key) != draw([*key[:item], changed[item], *key[item + 1 :]])


def test_neighboring_seeds_and_samples_share_no_numbers():
    firsts = {
        draw((seed, Stream.AUGMENT, epoch, index))[0]
        for seed in range(8)
        for epoch in range(8)
        for index in range(8)
    }
    assert len(firsts) == 8 * 8 * 8


def test_epoch_and_index_are_not_interchangeable():
    assert draw((7, Stream.AUGMENT, 1, 2)) != draw((7, Stream.AUGMENT, 2, 1))


def test_epoch_and_index_begin_at_zero():
    assert draw((7, Stream.SPLIT)) == draw((7, Stream.SPLIT, 0, 0))


def test_the_numbers_of_one_key_never_change():
    assert generator(7, Stream.AUGMENT, epoch=2, index=31).integers(0, 1000, 8).tolist() == GOLDEN


def test_the_numbers_of_one_key_are_the_same_in_another_process():
    code = (
        "from imggen.core.rng import Stream, generator\n"
        "print(generator(7, Stream.AUGMENT, epoch=2, index=31).integers(0, 1000, 8).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(GOLDEN)


# Frozen too: the first numbers of the steps 0, 1 and 2 of that sample.
GOLDEN_STEPS = [[879, 862, 579, 678], [321, 766, 798, 915], [216, 635, 559, 584]]


def steps_of(*key):
    rng_for = step_generators(*key)
    return [rng_for(step).integers(0, 1000, 4).tolist() for step in range(3)]


def test_the_numbers_of_steps_never_change():
    assert steps_of(7, Stream.AUGMENT, 2, 31) == GOLDEN_STEPS


def test_the_first_step_has_the_generator_of_the_sample():
    assert GOLDEN_STEPS[0] == GOLDEN[:4]


def test_steps_do_not_depend_on_other_steps_or_their_order():
    rng_for = step_generators(7, Stream.AUGMENT, 2, 31)
    for step in (2, 0, 1, 1, 0, 2):
        rng = rng_for(step)
        assert rng.integers(0, 1000, 4).tolist() == GOLDEN_STEPS[step]
        # Half of a word must not be left over for the next step either.
        rng.integers(0, 2**16, 3, dtype=np.uint32)
        rng.normal(size=1001)


def test_the_steps_of_neighboring_samples_share_no_numbers():
    firsts = {
        step_generators(seed, Stream.AUGMENT, epoch, index)(step).integers(2**63)
        for seed in range(4)
        for epoch in range(4)
        for index in range(8)
        for step in range(8)
    }
    assert len(firsts) == 4 * 4 * 8 * 8


def test_a_generator_depends_on_its_number():
    firsts = [seeded(number).integers(2**63) for number in (0, 1, 2**32 - 1, 0, 1, 2**32 - 1)]
    assert firsts[:3] == firsts[3:]
    assert len(set(firsts)) == 3


def test_the_stream_numbers_never_change():
    assert {stream.name: stream.value for stream in Stream} == {
        "SPLIT": 0,
        "SHUFFLE": 1,
        "AUGMENT": 2,
        "SUBSTITUTE": 3,
        "TRIAL": 4,
        "OVERSAMPLE": 5,
        "MIX": 6,
        "PARTNER": 7,
    }


def test_the_global_state_of_numpy_is_unchanged():
    np.random.seed(1)  # noqa: NPY002
    expected = np.random.random(3).tolist()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    generator(7, Stream.SPLIT).random(100)
    check_seed(None)
    assert np.random.random(3).tolist() == expected  # noqa: NPY002


def test_the_global_state_of_numpy_does_not_matter():
    np.random.seed(1)  # noqa: NPY002
    before = draw((7, Stream.SPLIT))
    np.random.seed(2)  # noqa: NPY002
    assert draw((7, Stream.SPLIT)) == before


def test_a_legal_seed_is_returned_as_an_int():
    for seed in [0, 7, 2**70, np.int64(7), np.uint8(255)]:
        with case(seed):
            assert check_seed(seed) == int(seed)
            assert type(check_seed(seed)) is int


def test_none_gives_a_new_seed_of_32_bits():
    seeds = [check_seed(None) for _ in range(8)]
    assert len(set(seeds)) > 1
    assert all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds)


def test_an_illegal_seed_is_refused_with_the_legal_values():
    for seed in [-1, np.int64(-3), 1.0, "7", True, np.True_, [1]]:
        with (
            case(seed),
            pytest.raises(
                OptionError, match=r"^seed=.* must be a whole number of 0 or more, or None\.$"
            ),
        ):
            check_seed(seed)


def test_the_message_shows_the_seed():
    with pytest.raises(OptionError, match=r"^seed='7' must be"):
        check_seed("7")


# The words of seeds, epochs and indices have 32 bits.
WIDE = st.integers(0, 2**32 + 2) | st.integers(0, 2**200)


@settings(deadline=None, max_examples=50)
@given(WIDE, st.sampled_from(Stream), WIDE, st.lists(WIDE, min_size=1, max_size=5))
def test_the_generators_of_a_batch_are_those_of_its_samples(seed, stream, epoch, indices):
    generators = SampleGenerators(seed, stream, epoch, indices)
    for index in indices:
        rng_of, expected_of = (
            generators.for_sample(index),
            step_generators(seed, stream, epoch, index),
        )
        for step in (0, 3, 1, 0):
            rng, expected = rng_of(step), expected_of(step)
            # Half of 64 random bits waits for the next draw, but not for the next step.
            assert rng.integers(2**31, dtype=np.uint32) == expected.integers(2**31, dtype=np.uint32)
            assert rng.bit_generator.state == expected.bit_generator.state


def test_no_seed_is_hashed_for_no_samples():
    with pytest.raises(KeyError):
        SampleGenerators(7, Stream.MIX, 0, []).for_sample(0)
