"""Fixed counts: of every class so many for val and test, and what is left for train."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imggen import Manifest, split
from imggen.core import StringColumn
from imggen.errors import ImggenWarning, SplitError
from tests.helpers.manifests import manifest_of, rows_of, split_quietly

SEEDS = st.integers(0, 2**32 - 1)

# Frozen: other numbers here mean that every user's test set changes.
GOLDEN = (
    [0, 1, 2, 3, 5, 6, 7, 12, 16, 17, 18, 19],
    [4, 10, 11, 13],
    [8, 9, 14, 15],
)


@st.composite
def enough_for(draw, counts):
    """Labels in mixed order: of each class more than the counts take, or none at all."""
    least = sum(counts) + 1
    totals = draw(st.lists(st.just(0) | st.integers(least, least + 9), min_size=1, max_size=5))
    labels = np.repeat(np.arange(len(totals) + 1), [*totals, least])
    return np.random.default_rng(draw(SEEDS)).permutation(labels).tolist()


COUNTS = st.lists(st.integers(1, 6), min_size=1, max_size=2).map(tuple)


def test_val_and_test_get_so_many_of_every_class_and_train_the_rest():
    train, val, test = split(manifest_of([0] * 10 + [1] * 20), counts=(2, 3))
    assert train.class_counts == {"c0": 5, "c1": 15}
    assert val.class_counts == {"c0": 2, "c1": 2}
    assert test.class_counts == {"c0": 3, "c1": 3}


def test_a_single_count_is_for_val():
    parts = split(manifest_of([0] * 10), counts=(4,))
    assert (parts.names, [len(part) for part in parts]) == (("train", "val"), [6, 4])


def test_a_mapping_names_the_parts_after_train_in_its_own_order():
    parts = split(manifest_of([0] * 10), counts={"holdout": 3, "val": 1, "test": 2})
    assert parts.names == ("train", "holdout", "val", "test")
    assert [len(part) for part in parts] == [4, 3, 1, 2]


def test_a_mapping_may_spell_val_otherwise():
    assert split(manifest_of([0] * 10), counts={"Validation": 3}).names == ("train", "val")


@pytest.mark.parametrize("counts", [[2, 3], np.array([2, 3]), (np.int64(2), 3)])
def test_any_sequence_of_whole_numbers_will_do(counts):
    parts = split(manifest_of([0] * 10), counts=counts)
    assert [len(part) for part in parts] == [5, 2, 3]


@settings(deadline=None)
@given(st.data(), COUNTS, SEEDS)
def test_every_class_that_has_samples_gives_exactly_its_counts(data, counts, seed):
    manifest = manifest_of(data.draw(enough_for(counts)))
    parts = split_quietly(manifest, counts=counts, seed=seed)
    for part, count in zip(parts[1:], counts, strict=True):
        assert part.class_counts == {
            name: count if total else 0 for name, total in manifest.class_counts.items()
        }


@settings(deadline=None)
@given(st.data(), COUNTS, SEEDS)
def test_parts_of_fixed_counts_share_no_sample_and_hold_them_all(data, counts, seed):
    labels = data.draw(enough_for(counts))
    parts = split_quietly(manifest_of(labels), counts=counts, seed=seed)
    assert sorted(row for part in parts for row in rows_of(part)) == list(range(len(labels)))


def test_who_goes_where_by_counts_never_changes():
    train, val, test = split(manifest_of([row % 2 for row in range(20)]), counts=(2, 2), seed=7)
    assert (rows_of(train), rows_of(val), rows_of(test)) == GOLDEN


def test_another_seed_takes_others():
    manifest = manifest_of([row % 3 for row in range(90)])
    first, second = (split(manifest, counts=(10,), seed=seed) for seed in (1, 2))
    assert rows_of(first.val) != rows_of(second.val)


def test_one_sample_more_than_asked_for_is_enough():
    train, val, test = split(manifest_of([0] * 6 + [1] * 9), counts=(2, 3))
    assert (train.class_counts, len(val), len(test)) == ({"c0": 1, "c1": 4}, 4, 6)


@pytest.mark.parametrize("total", [1, 4, 5])
def test_a_class_that_would_leave_train_none_is_an_error_that_names_it(total):
    with pytest.raises(
        SplitError,
        match=rf"^5 samples of each class are requested outside train, and 'c1' has {total}; "
        rf"train would be empty\. Request fewer, or pass ratios\.$",
    ):
        split(manifest_of([0] * 20 + [1] * total), counts=(2, 3))


def test_without_strata_counts_are_of_all_together():
    manifest = manifest_of([0] * 2 + [1] * 30)
    parts = [split(manifest, counts=(4, 6), seed=seed, stratify=False) for seed in range(3)]
    assert {tuple(len(part) for part in three) for three in parts} == {(22, 4, 6)}


def test_samples_without_classes_give_counts_of_all_together():
    manifest = Manifest(".", StringColumn.of(map(str, range(10))))
    assert [len(part) for part in split(manifest, counts=(2, 3))] == [5, 2, 3]


def test_counts_are_of_each_value_that_stratify_holds():
    sites = ["north"] * 8 + ["south"] * 12
    parts = split(manifest_of([0] * 20), counts=(3, 2), stratify=sites)
    assert [[sum(row < 8 for row in rows_of(part)), len(part)] for part in parts] == [
        [3, 10],
        [3, 6],
        [2, 4],
    ]


def test_a_value_of_stratify_with_too_few_samples_is_not_called_a_class():
    with pytest.raises(
        SplitError,
        match="^5 samples of each value of stratify are requested outside train, and one has 4; "
        "train would be empty",
    ):
        split(manifest_of([0] * 20), counts=(5,), stratify=[0] * 4 + [1] * 16)


def test_too_few_samples_in_all_are_not_said_to_be_too_few_of_each_class():
    with pytest.raises(
        SplitError,
        match="^20 samples are requested outside train, and there are 20; train would be empty",
    ):
        split(manifest_of([0] * 10 + [1] * 10), counts=(20,), stratify=False)


def test_counts_are_exact_where_whole_groups_can_make_them():
    groups = StringColumn.of(str(row // 2) for row in range(80))
    labels = [row // 2 % 2 for row in range(80)]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ImggenWarning)
        parts = split(manifest_of(labels, groups=groups), counts=(4, 6))
    assert [part.class_counts for part in parts] == [
        {"c0": 30, "c1": 30},
        {"c0": 4, "c1": 4},
        {"c0": 6, "c1": 6},
    ]


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_whole_when_counts_cannot_be_met(seed):
    groups = [str(row // 3) for row in range(60)]
    manifest = manifest_of([0] * 60, groups=StringColumn.of(groups))
    parts = split_quietly(manifest, counts=(4, 8), seed=seed)
    assert sum(len(set(part.groups)) for part in parts) == 20
    assert [len(part) for part in parts] == [48, 3, 9]


def test_counts_that_groups_do_not_allow_are_a_warning():
    groups = StringColumn.of(["one"] * 10 + ["two"] * 10)
    with pytest.warns(
        ImggenWarning,
        match=r"^Groups are kept whole, so the counts deviate: 'c0' in val 10 \(wanted 1\)\.$",
    ) as caught:
        split(manifest_of([0] * 20, groups=groups), counts=(1,))
    assert [warning.filename for warning in caught] == [__file__]


def test_counts_of_classes_that_are_off_in_a_part_of_the_right_size_are_a_warning():
    # Groups of three of one class and of five of the other: val gets 3 and 5, and 4 of each is 8.
    groups = [f"a{row // 3}" for row in range(30)] + [f"b{row // 5}" for row in range(50)]
    manifest = manifest_of([0] * 30 + [1] * 50, groups=StringColumn.of(groups))
    with pytest.warns(ImggenWarning, match=r": 'c0' in val 3 \(wanted 4\), 'c1' in val 5 \("):
        split(manifest, counts=(4,))


def test_a_single_group_cannot_give_counts():
    manifest = manifest_of([0] * 10, groups=StringColumn.of(["patient"] * 10))
    with (
        pytest.warns(ImggenWarning, match="the counts deviate: 'c0' in val 0"),
        pytest.raises(
            SplitError,
            match=r"'val' would be empty: 10 samples cannot be split with the counts \{'val': 2\} "
            "without breaking a group",
        ),
    ):
        split(manifest, counts=(2,))


def test_samples_with_several_labels_have_no_counts():
    with pytest.raises(SplitError, match=r"counts= cannot hold for samples with several labels"):
        split(manifest_of([0] * 20), counts=(2,), stratify=np.eye(20, 2))


def test_counts_and_ratios_together_are_an_error():
    with pytest.raises(
        SplitError,
        match=r"^Both ratios=\(0\.8, 0\.2\) and counts=\(2,\) are given. Pass one of them\.$",
    ):
        split(manifest_of([0] * 20), (0.8, 0.2), counts=(2,))


def test_counts_and_an_array_of_ratios_together_are_an_error():
    with pytest.raises(SplitError, match="are given. Pass one"):
        split(manifest_of([0] * 20), np.array([0.8, 0.2]), counts=(2,))


@pytest.mark.parametrize("ratios", [None, (0.7, 0.15, 0.15)])
def test_no_ratios_and_those_by_default_leave_it_to_the_counts(ratios):
    assert [len(part) for part in split(manifest_of([0] * 20), ratios, counts=(2,))] == [18, 2]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((), r"counts=\(\) has 0 numbers; expected 1 to 2, for val and test"),
        ((1, 1, 1), r"has 3 numbers; .* pass a mapping from name to number\."),
        ((0,), r"counts=\(0,\) must be whole numbers of 1 or more\."),
        ((3, -1), r"counts=\(3, -1\) must be whole numbers of 1 or more"),
        ((2.0,), r"counts=\(2\.0,\) must be whole numbers"),
        ((True,), r"counts=\(True,\) must be whole numbers"),
        (("2",), r"counts=\('2',\) must be whole numbers"),
        ({}, r"counts=\{\} must be whole numbers"),
        ({"val": 0.2}, r"counts=\{'val': 0\.2\} must be whole numbers"),
        (3, r"counts=3 must be whole numbers such as \(20, 20\), for val and test\."),
        ("33", r"counts='33' must be whole numbers such as"),
        ({"Training": 2}, "name 'train', which gets all other samples"),
        ({"dev": 1, "val": 2}, "mapping of counts has 'dev' and 'val', which both mean the split"),
    ],
)
def test_counts_that_make_no_parts_are_explained(counts, message):
    with pytest.raises(SplitError, match=message):
        split(manifest_of([0] * 20), counts=counts)


def test_an_empty_manifest_has_no_counts():
    with pytest.raises(SplitError, match="manifest is empty; expected at least one sample"):
        split(manifest_of([]), counts=(1,))
