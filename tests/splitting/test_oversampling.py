"""Oversampling repeats samples of rare classes, each as often as the others or once more."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imggen import Manifest, kfold, oversample, split
from imggen.core import StringColumn
from imggen.errors import OptionError, SplitError
from tests.helpers.manifests import manifest_of, rows_of

LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=80)
SEEDS = st.integers(0, 2**32 - 1)


@given(LABELS, SEEDS)
def test_every_class_that_has_samples_gets_as_many_as_the_largest(labels, seed):
    manifest = manifest_of(labels)
    most = max(manifest.class_counts.values())
    assert oversample(manifest, seed=seed).class_counts == {
        name: most if total else 0 for name, total in manifest.class_counts.items()
    }


@given(LABELS, SEEDS)
def test_samples_of_a_class_are_used_as_often_as_one_another_or_once_more(labels, seed):
    times = Counter(rows_of(oversample(manifest_of(labels), seed=seed)))
    most = max(Counter(labels).values())
    for row, label in enumerate(labels):
        least, left = divmod(most, labels.count(label))
        assert times[row] - least in ((0, 1) if left else (0,))


@given(LABELS, SEEDS)
def test_the_order_stays_with_repeats_next_to_each_other(labels, seed):
    balanced = oversample(manifest_of(labels), seed=seed)
    assert rows_of(balanced) == sorted(rows_of(balanced))
    assert balanced.labels.tolist() == [labels[row] for row in rows_of(balanced)]


def test_seven_and_three_samples_make_seven_of_each():
    balanced = oversample(manifest_of([0, 1, 0, 0, 1, 0, 0, 1, 0, 0]))
    times = Counter(rows_of(balanced))
    assert [times[row] for row in (0, 2, 3, 5, 6, 8, 9)] == [1] * 7
    assert sorted(times[row] for row in (1, 4, 7)) == [2, 2, 3]


def test_every_column_goes_with_its_sample():
    balanced = oversample(
        manifest_of(
            [0, 0, 0, 1],
            groups=StringColumn.of("pqrs"),
            hashes=StringColumn.of("abcd"),
            weights=np.array([1, 2, 3, 4], np.float32),
        )
    )
    assert rows_of(balanced) == [0, 1, 2, 3, 3, 3]
    assert "".join(balanced.groups) == "pqrsss"
    assert "".join(balanced.hashes) == "abcddd"
    assert balanced.weights.tolist() == [1, 2, 3, 4, 4, 4]


def test_balanced_classes_stay_as_they_are():
    assert rows_of(oversample(manifest_of([0, 1, 1, 0, 2, 2]))) == [0, 1, 2, 3, 4, 5]


def test_an_empty_class_stays_empty_and_keeps_its_name():
    balanced = oversample(manifest_of([0, 0, 2]))
    assert balanced.class_counts == {"c0": 2, "c1": 0, "c2": 2}


def test_no_samples_stay_no_samples():
    assert len(oversample(Manifest(".", StringColumn.of([]), np.array([], int), ("a",)))) == 0


def test_who_is_repeated_never_changes():
    balanced = oversample(manifest_of([0] * 7 + [1] * 5 + [2] * 4), seed=7)
    assert rows_of(balanced) == [*range(7), 7, 8, 9, 9, 10, 10, 11, 12, 12, 13, 13, 14, 15, 15]


@given(LABELS, SEEDS)
def test_the_same_seed_repeats_the_same(labels, seed):
    manifest = manifest_of(labels)
    assert oversample(manifest, seed=seed).paths == oversample(manifest, seed=seed).paths


def test_another_seed_repeats_others():
    manifest = manifest_of([0] * 30 + [1] * 20)
    assert len({tuple(rows_of(oversample(manifest, seed=seed))) for seed in range(10)}) == 10


def test_over_all_seeds_every_sample_is_repeated_equally_often():
    manifest = manifest_of([0] * 6 + [1] * 4)
    times = Counter(row for seed in range(600) for row in rows_of(oversample(manifest, seed=seed)))
    # Each of the four is the second time in half of all seeds: 300 of 600, give or take 12.
    assert [times[row] for row in range(6, 10)] == pytest.approx([900] * 4, abs=60)


def test_a_seed_that_is_no_seed_is_an_error():
    with pytest.raises(OptionError, match="seed=-1 must be a whole number of 0 or more"):
        oversample(manifest_of([0, 1]), seed=-1)


def test_the_train_part_of_a_split_is_balanced():
    train = split(manifest_of([0] * 40 + [1] * 20), (0.8, 0.2)).train
    assert oversample(train).class_counts == {"c0": 32, "c1": 32}
    assert set(oversample(train).splits) == {"train"}


def test_the_train_part_of_a_fold_is_balanced():
    train = kfold(manifest_of([0] * 40 + [1] * 20), 4)[0].train
    assert oversample(train).class_counts == {"c0": 30, "c1": 30}


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_part_that_evaluates_is_refused(part):
    parts = split(manifest_of([0] * 40 + [1] * 20))
    with pytest.raises(
        SplitError,
        match=rf"^The manifest holds the splits \['{part}'\]; only a training split can be "
        "oversampled, or",
    ):
        oversample(parts.as_dict()[part])


def test_samples_of_several_parts_are_refused():
    manifest = manifest_of([0, 0, 1], splits=StringColumn.of(["val", "train", "train"]))
    with pytest.raises(
        SplitError, match=r"holds the splits \['train', 'val'\]; only a training split"
    ):
        oversample(manifest)


def test_a_train_part_spelt_otherwise_is_balanced():
    manifest = manifest_of([0, 0, 1], splits=StringColumn.of(["Training"] * 3))
    assert len(oversample(manifest)) == 4


@pytest.mark.parametrize("name", ["Validation", "TEST"])
def test_a_part_that_evaluates_is_refused_however_it_is_spelt(name):
    with pytest.raises(SplitError, match="only a training split can be oversampled"):
        oversample(manifest_of([0, 0, 1], splits=StringColumn.of([name] * 3)))


def test_a_part_of_another_name_is_balanced():
    manifest = manifest_of([0, 0, 1], splits=StringColumn.of(["labelled"] * 3))
    assert len(oversample(manifest)) == 4


def test_samples_without_classes_are_refused():
    with pytest.raises(SplitError, match="have no classes"):
        oversample(Manifest(".", StringColumn.of("abc")))
