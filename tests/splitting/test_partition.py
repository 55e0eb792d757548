"""Splits are disjoint, complete, stratified to within one sample, and the same everywhere."""

import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imggen import Manifest, Splits, split
from imggen.core import StringColumn
from imggen.errors import ImggenWarning, SplitError
from tests.helpers.manifests import manifest_of, printed, rows_of, split_quietly

RATIOS = st.sampled_from(
    [(1.0,), (0.5, 0.5), (0.8, 0.2), (1 / 3, 2 / 3), (0.7, 0.15, 0.15), (1 / 3, 1 / 3, 1 / 3)]
)
SEEDS = st.integers(0, 2**32 - 1)

# Frozen: other numbers here mean that every user's test set changes.
GOLDEN = (
    [0, 1, 2, 3, 5, 6, 7, 12, 16, 17, 18, 19],
    [4, 10, 11, 13],
    [8, 9, 14, 15],
)


@st.composite
def labelled(draw):
    """Labels of up to six classes in mixed order, at least thirty samples."""
    counts = draw(st.lists(st.integers(0, 40), min_size=1, max_size=6))
    assume(sum(counts) >= 30)
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(SEEDS)).permutation(labels).tolist()


@settings(deadline=None)
@given(labelled(), RATIOS, SEEDS, st.booleans())
def test_parts_share_no_sample_hold_them_all_and_are_near_their_shares(
    labels, ratios, seed, stratify
):
    parts = split_quietly(manifest_of(labels), ratios, seed=seed, stratify=stratify)
    assert sorted(row for part in parts for row in rows_of(part)) == list(range(len(labels)))
    for part, ratio in zip(parts, ratios, strict=True):
        assert abs(len(part) - ratio * len(labels)) < len(ratios)


@settings(deadline=None)
@given(labelled(), RATIOS, SEEDS)
def test_every_class_is_within_one_of_its_exact_share(labels, ratios, seed):
    manifest = manifest_of(labels)
    for part, ratio in zip(split_quietly(manifest, ratios, seed=seed), ratios, strict=True):
        for name, count in part.class_counts.items():
            assert abs(count - ratio * labels.count(int(name[1:]))) < 1 + 1e-6


def test_many_small_classes_leave_no_part_behind():
    parts = split_quietly(manifest_of([row // 3 for row in range(120)]), (0.7, 0.15, 0.15))
    assert [len(part) for part in parts] == pytest.approx([84, 18, 18], abs=2)


@settings(deadline=None)
@given(labelled(), RATIOS, SEEDS)
def test_samples_of_a_part_keep_their_order_and_their_labels(labels, ratios, seed):
    for part in split_quietly(manifest_of(labels), ratios, seed=seed):
        assert rows_of(part) == sorted(rows_of(part))
        assert part.labels.tolist() == [labels[row] for row in rows_of(part)]


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=30, max_size=80), RATIOS, SEEDS)
def test_groups_stay_whole_and_shares_near(sizes, ratios, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes).astype(str).tolist()
    manifest = manifest_of([0] * len(groups), groups=StringColumn.of(groups))
    parts = split_quietly(manifest, ratios, seed=seed)
    assert sorted(row for part in parts for row in rows_of(part)) == list(range(len(groups)))
    assert sum(len(set(part.groups)) for part in parts) == len(sizes)
    for part, ratio in zip(parts, ratios, strict=True):
        assert abs(len(part) - ratio * len(groups)) <= len(ratios) * max(sizes)


@pytest.mark.parametrize("seed", range(5))
def test_classes_keep_their_shares_when_groups_stay_whole(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 200, 2000)
    manifest = manifest_of((groups % 3).tolist(), groups=StringColumn.of(map(str, groups)))
    parts = split(manifest, seed=seed)
    for part, ratio in zip(parts, (0.7, 0.15, 0.15), strict=True):
        for name, total in manifest.class_counts.items():
            assert part.class_counts[name] / total == pytest.approx(ratio, abs=0.04)


def test_a_group_of_several_classes_stays_whole():
    groups = [str(row // 4) for row in range(80)]
    manifest = manifest_of([row % 2 for row in range(80)], groups=StringColumn.of(groups))
    train, val = split(manifest, (0.75, 0.25), seed=3)
    assert not set(train.groups) & set(val.groups)
    assert (train.class_counts, val.class_counts) == ({"c0": 30, "c1": 30}, {"c0": 10, "c1": 10})


def test_who_goes_where_never_changes():
    train, val, test = split(manifest_of([row % 2 for row in range(20)]), (0.6, 0.2, 0.2), seed=7)
    assert (rows_of(train), rows_of(val), rows_of(test)) == GOLDEN


@pytest.mark.parametrize("grouped", [False, True])
def test_another_process_makes_the_same_split(grouped, tmp_path):
    groups = StringColumn.of(str(row // 2) for row in range(90)) if grouped else None
    manifest = manifest_of([row % 3 for row in range(90)], groups=groups)
    (tmp_path / "manifest").write_bytes(pickle.dumps(manifest))
    code = (
        "import pickle, imggen\n"
        "manifest = pickle.load(open('manifest', 'rb'))\n"
        "print([list(map(int, part.paths)) for part in imggen.split(manifest, seed=5)])"
    )
    assert printed(code, tmp_path) == {str([rows_of(part) for part in split(manifest, seed=5)])}


@pytest.mark.parametrize("groups", [None, StringColumn.of(str(row // 2) for row in range(90))])
def test_another_seed_makes_another_split(groups):
    manifest = manifest_of([row % 3 for row in range(90)], groups=groups)
    assert rows_of(split(manifest, seed=1).test) != rows_of(split(manifest, seed=2).test)


def test_the_default_shares_are_70_15_15():
    assert [len(part) for part in split(manifest_of([0] * 100 + [1] * 100))] == [140, 30, 30]


def test_a_split_without_strata_goes_by_the_total():
    manifest = manifest_of([0] * 20 + [1] * 20)
    parts = [split(manifest, (0.5, 0.5), seed=seed, stratify=False) for seed in range(5)]
    assert {len(part) for pair in parts for part in pair} == {20}
    assert {pair.train.class_counts["c0"] for pair in parts} != {10}


def test_a_split_without_strata_does_not_warn_of_missing_classes():
    assert len(split(manifest_of(range(10)), (0.8, 0.2), stratify=False).train) == 8


def test_samples_without_classes_are_split():
    manifest = Manifest(".", StringColumn.of(map(str, range(10))))
    assert [len(part) for part in split(manifest, (0.8, 0.2))] == [8, 2]


def test_class_names_without_labels_do_not_hinder_a_split():
    manifest = Manifest(".", StringColumn.of(map(str, range(10))), None, ("cat", "dog"))
    assert [len(part) for part in split(manifest, (0.8, 0.2))] == [8, 2]


def test_every_column_goes_with_its_sample():
    manifest = manifest_of(
        [row % 2 for row in range(40)],
        groups=StringColumn.of(f"g{row}" for row in range(40)),
        weights=np.arange(40, dtype=np.float32),
    )
    for part in split(manifest, (0.5, 0.5)):
        assert list(part.groups) == [f"g{row}" for row in rows_of(part)]
        assert part.weights.tolist() == rows_of(part)


def test_all_parts_keep_all_classes():
    with pytest.warns(ImggenWarning):
        parts = split(manifest_of([0] * 9 + [3]), (0.5, 0.5))
    assert [part.class_names for part in parts] == [("c0", "c1", "c2", "c3")] * 2


def test_a_mapping_names_the_parts():
    parts = split(manifest_of([0] * 20), {"fit": 0.5, "tune": 0.25, "a": 0.15, "b": 0.1})
    assert parts.names == ("fit", "tune", "a", "b")
    assert [len(part) for part in parts] == [10, 5, 3, 2]


def test_the_splits_column_decides_in_the_order_train_val_test_others():
    given_parts = ["d", "test", "a", "train", "e", "c", "val", "b", "train"]
    parts = split(manifest_of([0] * 9, splits=StringColumn.of(given_parts)), None)
    assert parts.names == ("train", "val", "test", "a", "b", "c", "d", "e")
    assert [rows_of(part) for part in parts] == [[3, 8], [6], [1], [2], [7], [5], [0], [4]]


@pytest.mark.parametrize(
    ("ratios", "message"),
    [
        ((), r"ratios=\(\) has 0 numbers; expected 1 to 3, for train, val and test"),
        ((0.25,) * 4, r"has 4 numbers; expected 1 to 3.* pass a mapping from name to share"),
        ((0.8, 0.3), r"ratios=\(0\.8, 0\.3\) sum to 1\.1; they must sum to 1"),
        ({"a": 0.5}, r"ratios=\(0\.5,\) sum to 0\.5; they must sum to 1"),
        ((1.0, 0.0), r"ratios=\(1\.0, 0\.0\) must all be greater than 0. Leave out empty splits"),
        ((1.5, -0.5), "must all be greater than 0"),
        ((float("nan"), 1.0), "must all be greater than 0"),
        ((float("inf"), 1.0), "must all be greater than 0"),
        ({}, "must all be greater than 0"),
        ("0.7", r"ratios='0\.7' must be numbers such as \(0\.7, 0\.15, 0\.15\)"),
        (0.7, r"ratios=0\.7 must be numbers such as \(0\.7, 0\.15, 0\.15\)"),
        (("most", "rest"), r"ratios=\('most', 'rest'\) must be numbers: could not convert"),
        (None, "this manifest has none. Pass ratios, or build it with a split column"),
    ],
)
def test_ratios_that_make_no_parts_are_explained(ratios, message):
    with pytest.raises(SplitError, match=message):
        split(manifest_of([0] * 20), ratios)


@pytest.mark.parametrize("ratios", [(0.1 + 0.2, 0.7), (0.3333333, 0.3333333, 0.3333333)])
def test_ratios_may_sum_to_one_up_to_rounding(ratios):
    assert sum(map(len, split(manifest_of([0] * 20), ratios))) == 20


def test_an_empty_manifest_cannot_be_split():
    with pytest.raises(SplitError, match="manifest is empty; expected at least one sample"):
        split(manifest_of([]))


def test_a_part_without_samples_is_an_error():
    with pytest.raises(
        SplitError,
        match=r"The split 'test' would be empty: 3 samples cannot be split "
        r"by the ratios \(0\.7, 0\.15, 0\.15\)\. Give it a larger share, or make fewer splits",
    ):
        split(manifest_of([0] * 3))


def test_a_single_group_cannot_be_split():
    manifest = manifest_of([0] * 10, groups=StringColumn.of(["patient"] * 10))
    with (
        pytest.warns(ImggenWarning, match="shares deviate"),
        pytest.raises(SplitError, match=r"'val' would be empty: .* without breaking a group"),
    ):
        split(manifest, (0.8, 0.2))


def test_a_large_group_is_a_warning_with_the_shares_that_came_out():
    groups = StringColumn.of(["large"] * 8 + ["small"] * 2)
    with pytest.warns(
        ImggenWarning,
        match=r"kept whole.* train 0\.800 \(wanted 0\.500\), val 0\.200 \(wanted 0\.5",
    ) as caught:
        split(manifest_of([0] * 10, groups=groups), (0.5, 0.5))
    assert caught[0].filename == __file__


def test_classes_missing_in_a_part_are_a_warning_that_names_them():
    with pytest.warns(
        ImggenWarning,
        match=r"^1 class is too small to appear in every split: 'c1' \(1 sample\) is missing in "
        r"val\.$",
    ) as caught:
        split(manifest_of([0] * 20 + [1]), (0.5, 0.5))
    assert caught[0].filename == __file__


def test_only_the_first_ten_missing_classes_are_listed():
    with pytest.warns(ImggenWarning, match="^12 classes are too small") as caught:
        split(manifest_of([*range(12), *[12] * 20]), (0.5, 0.5))
    assert str(caught[0].message).count("is missing in") == 10


def test_parts_unpack_and_have_names():
    parts = Splits([1, 2], names=("train", "val"))
    train, val = parts
    assert (train, val) == (parts.train, parts.val) == (parts[0], parts[1]) == (1, 2)
    assert parts.as_dict() == {"train": 1, "val": 2}
    assert {"train", "val"} <= set(dir(parts))
    assert repr(parts) == "Splits(train=1, val=2)"


def test_a_part_that_is_not_there_is_an_error_that_lists_the_parts():
    with pytest.raises(AttributeError, match=r"no split 'test'; the splits are \['train', 'val'\]"):
        _ = Splits([1, 2], names=("train", "val")).test


def test_parts_come_back_from_a_pickle():
    back = pickle.loads(pickle.dumps(Splits([1, 2], names=("fit", "tune"))))
    assert (type(back), back, back.names, back.tune) == (Splits, (1, 2), ("fit", "tune"), 2)
