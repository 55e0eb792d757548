"""Shards: the parts of each batch that several processes serve."""

import numpy as np
import pytest

import imggen
from imggen.augment import CutMix, MixUp, RandomFlip, RandomRotation
from imggen.errors import OptionError
from imggen.loading import Shard, choose_seed

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (45, 8, 8, 3), dtype=np.uint8)
Y = RNG.integers(0, 3, 45)


def make(x=X, y=Y, **options):
    return imggen.from_arrays(x, y, **{"batch_size": 16, "seed": 3, "workers": 0, **options})


def shards_of(count, **options):
    return [make(shard=(index, count), **options) for index in range(count)]


def join(batches):
    """The real rows of the batches of all shards."""
    kept = [[array[batch[2] > 0] for array in batch] for batch in batches]
    return [np.concatenate(arrays) for arrays in zip(*kept, strict=True)]


@pytest.mark.parametrize(
    "options",
    [
        {"augment": [RandomFlip(), RandomRotation(20)], "repeats": 2},
        {"augment": [RandomFlip(), MixUp(0.5)]},
        {"augment": CutMix(), "shuffle": False, "data_format": "channels_first"},
        {"label_mode": "input", "augment": MixUp(), "cache": "ram", "image_size": (4, 4)},
        {"sample_weight": Y + 1.0, "augment": MixUp()},
    ],
    ids=["augmented", "mixup", "cutmix", "input", "weights"],
)
def test_shards_together_serve_the_batches_of_one_sequence_bit_for_bit(options):
    whole = make(**options)
    for count in (2, 4, 8):
        shards = shards_of(count, **options)
        for epoch in (0, 1):
            for sequence in (whole, *shards):
                sequence.epoch = epoch
            for index in range(len(whole)):
                parts = [shard[index] for shard in shards]
                assert {part[0].shape for part in parts} == {(16 // count, *whole[0][0].shape[1:])}
                x, y, *weights = whole[index]
                joined = join(parts)
                np.testing.assert_array_equal(joined[0], x)
                np.testing.assert_array_equal(joined[1], y)
                if weights:  # those of the last batch are larger, as it is padded
                    factor = np.float32(16 / len(x))
                    np.testing.assert_allclose(joined[2], weights[0] * factor, rtol=1e-6)
            rows = [shard.served(epoch) for shard in shards]
            assert sorted(np.concatenate(rows)) == sorted(whole.served(epoch))


def test_batches_have_weights_only_if_the_last_one_is_padded():
    for shard in shards_of(2, drop_remainder=True):
        assert [len(shard[index]) for index in range(2)] == [2, 2]
        assert len(shard) == 2
    for shard, real in zip(shards_of(4), (4, 4, 4, 1), strict=True):
        assert shard[0][2].tolist() == [1] * 4
        x, _, weights = shard[2]
        np.testing.assert_allclose(weights, [16 / 13] * real + [0] * (4 - real), rtol=1e-6)
        np.testing.assert_array_equal(x[real:], x[np.arange(4 - real) % real])
    assert len(make(label_mode=None, y=None, shard=(1, 2))[0]) == 8  # images alone
    multi = {"targets": {"a": "int", "b": "regression"}, "targets_as": "tuple"}
    served = make(y={"a": Y, "b": Y}, shard=(1, 2), **multi)[2]
    assert [weights.shape for weights in served[2]] == [(8,), (8,)]


def test_more_shards_than_samples_serve_padding():
    shards = shards_of(8, x=X[:3], y=Y[:3], shuffle=False, batch_size=8)
    assert [shard[0][2].tolist() for shard in shards] == [[np.float32(8 / 3)]] * 3 + [[0]] * 5
    assert [shard.served().tolist() for shard in shards] == [[0], [1], [2]] + [[]] * 5
    assert all(len(shard) == 1 for shard in shards)
    np.testing.assert_array_equal(shards[4][0][0], shards[1][0][0])


def test_processes_and_workers_of_other_libraries_make_the_same_shards():
    plain = make(shard=(1, 4), augment=MixUp())
    with make(shard=(1, 4), augment=MixUp(), workers=1, use_multiprocessing=True) as sequence:
        for index in (0, 2):
            for ours, theirs in zip(plain[index], sequence[index], strict=True):
                np.testing.assert_array_equal(ours, theirs)
    assert [part.shape[0] for part in plain.example(0)] == [1, 1, 1]
    assert plain.batch_function()(0, 2)[2].tolist() == plain[2][2].tolist()


def test_repeated_and_oversampled_rows_are_served_once_each():
    balanced = imggen.oversample(make().manifest, seed=1)
    options = {"batch_size": 16, "seed": 1, "loader": make()._source.arrays, "image_size": (8, 8)}
    whole = imggen.ImageSequence(balanced, **options)
    rows = [
        imggen.ImageSequence(balanced, shard=(index, 2), **options).served() for index in range(2)
    ]
    assert sorted(np.concatenate(rows)) == sorted(whole.served()) == list(range(len(balanced)))


def test_a_shard_without_a_seed_has_the_seed_that_the_others_have():
    assert [choose_seed(None, (index, 2)) for index in range(2)] == [0, 0]
    assert make(seed=None, shard=(1, 2)).seed == 0
    train, _ = make(seed=None, shard=(1, 2), split={"train": 0.5, "val": 0.5})
    assert train.seed == 0
    assert make(seed=None, shard=(0, 1)).seed != make(seed=None, shard=(0, 1)).seed
    first, second = (Shard(index, 2).take(np.arange(6), 4).tolist() for index in range(2))
    assert (first, second) == ([0, 1, 4, 5], [2, 3])


def test_bad_shards_are_refused():
    for shard, options, message in [
        ((2, 2), {}, "the index 2, which is out of range; expected 0 to 1"),
        ((-1, 2), {}, "the index -1, which is out of range"),
        ((0, 0), {}, "the count 0; expected at least 1"),
        ((0, -2), {}, "the count -2"),
        ((0, 1.5), {}, "not a pair of whole numbers"),
        ((0, True), {}, "not a pair of whole numbers"),
        ((0, "2"), {}, "not a pair of whole numbers"),
        ((0, None), {}, "not a pair of whole numbers"),
        ((0,), {}, "not a pair of whole numbers"),
        ((0, 1, 2), {}, "not a pair of whole numbers"),
        (2, {}, "not a pair of whole numbers"),
        ("02", {}, "not a pair of whole numbers"),
        ({0: 1, 1: 2}, {}, "not a pair of whole numbers"),
        ((0, 3), {}, "batch_size=16 cannot be divided by 3 shards.*such as 18"),
        ((0, 32), {}, "such as 32"),
        ((0, 2), {"on_error": "skip"}, 'on_error="skip" makes batches of different sizes'),
        ((0, 2), {"drop_remainder": True, "batch_size": 46}, "leaves no batch"),
    ]:
        with pytest.raises(OptionError, match=message):
            make(shard=shard, **options)
    assert make(shard=[np.int64(1), 2]).batch_maker.shard == Shard(1, 2)
    assert make(shard=(0, 1), on_error="skip").batch_maker.shard is None
