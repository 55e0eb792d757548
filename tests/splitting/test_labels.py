"""Strata that the user brings: one value per sample, or several labels for each."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imggen import Manifest, split
from imggen.core import StringColumn
from imggen.errors import SplitError
from imggen.splitting import Recipe
from tests.helpers.manifests import printed, rows_of, split_quietly

RATIOS = st.sampled_from([(0.5, 0.5), (0.8, 0.2), (0.7, 0.15, 0.15), (1 / 3, 1 / 3, 1 / 3)])
SEEDS = st.integers(0, 2**32 - 1)

# Frozen: other numbers here mean that every user's test set changes.
GOLDEN = (
    [0, 1, 2, 3, 4, 5, 7, 10, 12, 13, 14, 15],
    [6, 9, 11, 16],
    [8, 17, 18, 19],
)


def manifest_of(num_samples, **columns):
    """Samples "0", "1", ..."""
    return Manifest(".", StringColumn.of(map(str, range(num_samples))), **columns)


def tags_of(num_samples, frequencies, seed):
    """Labels that come together more often than by chance, as those of pictures do."""
    rng = np.random.default_rng(seed)
    mood = rng.random(num_samples)[:, None]
    return (rng.random((num_samples, len(frequencies))) + mood) / 2 < np.array(frequencies)


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=40, max_size=90), RATIOS, SEEDS)
def test_every_value_is_within_one_of_its_exact_share(values, ratios, seed):
    parts = split_quietly(manifest_of(len(values)), ratios, seed=seed, stratify=values)
    for part, ratio in zip(parts, ratios, strict=True):
        got = [values[row] for row in rows_of(part)]
        for value in set(values):
            assert abs(got.count(value) - ratio * values.count(value)) < 1 + 1e-6


@pytest.mark.parametrize(
    "values",
    [
        ["b"] * 30 + ["a"] * 10,
        np.repeat([7.5, -1.0], [30, 10]),
        np.repeat([True, False], [30, 10]),
        pd.Series(["b"] * 30 + ["a"] * 10, index=range(100, 140)),
        pd.Series([1] * 30 + [0] * 10, dtype="category"),
    ],
)
def test_values_may_be_of_any_kind(values):
    train, val = split(manifest_of(40), (0.8, 0.2), stratify=values)
    assert [sum(row < 30 for row in rows_of(part)) for part in (train, val)] == [24, 6]


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=30, max_size=60), RATIOS, SEEDS)
def test_classes_as_values_make_the_same_split_as_classes(labels, ratios, seed):
    labels = [0, 1, 2, 3, *labels]
    manifest = manifest_of(len(labels), labels=np.array(labels), class_names=tuple("abcd"))
    by_class = split_quietly(manifest, ratios, seed=seed)
    by_value = split_quietly(manifest, ratios, seed=seed, stratify=labels)
    assert list(map(rows_of, by_value)) == list(map(rows_of, by_class))


def test_values_take_the_place_of_classes():
    manifest = manifest_of(40, labels=np.arange(40), class_names=tuple(map(str, range(40))))
    train, val = split(manifest, (0.5, 0.5), stratify=[0] * 8 + [1] * 32)
    assert [sum(row < 8 for row in rows_of(part)) for part in (train, val)] == [4, 4]


@pytest.mark.parametrize("seed", range(3))
def test_values_keep_their_shares_when_groups_stay_whole(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 150, 1500)
    values = groups % 4
    manifest = manifest_of(1500, groups=StringColumn.of(map(str, groups)))
    parts = split(manifest, seed=seed, stratify=values)
    assert sum(len(set(part.groups)) for part in parts) == len(set(groups.tolist()))
    for part, ratio in zip(parts, (0.7, 0.15, 0.15), strict=True):
        assert np.bincount(values[rows_of(part)]) / np.bincount(values) == pytest.approx(
            ratio, abs=0.04
        )


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.booleans()] * 4), min_size=30, max_size=90), RATIOS, SEEDS, st.data()
)
def test_parts_by_several_labels_share_no_sample_and_hold_them_all(tags, ratios, seed, data):
    codes = data.draw(st.none() | st.lists(st.integers(0, 12), min_size=len(tags), max_size=90))
    groups = None if codes is None else [*"pqr", *map(str, codes)][: len(tags)]
    manifest = manifest_of(len(tags), groups=None if codes is None else StringColumn.of(groups))
    parts = split_quietly(manifest, ratios, seed=seed, stratify=np.array(tags))
    assert sorted(row for part in parts for row in rows_of(part)) == list(range(len(tags)))
    if groups is not None:
        assert sum(len(set(part.groups)) for part in parts) == len(set(groups))


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.booleans()] * 4), min_size=40, max_size=120), RATIOS, SEEDS)
def test_every_label_and_the_whole_are_within_four_of_their_shares(tags, ratios, seed):
    tags = np.array(tags)
    parts = split_quietly(manifest_of(len(tags)), ratios, seed=seed, stratify=tags)
    for part, ratio in zip(parts, ratios, strict=True):
        assert abs(len(part) - ratio * len(tags)) <= 4
        assert np.abs(tags[rows_of(part)].sum(axis=0) - ratio * tags.sum(axis=0)).max() <= 4


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_many_samples_are_within_one_of_their_shares(seed):
    tags = tags_of(2000, [0.5, 0.3, 0.2, 0.12, 0.08], seed)
    parts = split(manifest_of(2000), seed=seed, stratify=tags)
    for part, ratio in zip(parts, (0.7, 0.15, 0.15), strict=True):
        assert np.abs(tags[rows_of(part)].sum(axis=0) - ratio * tags.sum(axis=0)).max() < 1 + 1e-6


def test_labels_come_five_times_nearer_to_their_shares_than_by_chance():
    far = {"by label": 0.0, "by chance": 0.0}
    for seed in range(10):
        tags = tags_of(500, [0.5, 0.3, 0.2, 0.12, 0.08], seed)
        for way, strata in zip(far, (tags, False), strict=True):
            parts = split(manifest_of(500), seed=seed, stratify=strata)
            got = np.array([tags[rows_of(part)].sum(axis=0) for part in parts])
            far[way] += np.abs(got - np.outer((0.7, 0.15, 0.15), tags.sum(axis=0))).sum()
    assert 5 * far["by label"] < far["by chance"]


def test_a_label_of_few_samples_is_shared_out_before_the_others():
    tags = np.zeros((60, 3), bool)
    tags[:, 0] = True
    tags[:30, 1] = True
    tags[:3, 2] = True
    parts = split(manifest_of(60), (1 / 3, 1 / 3, 1 / 3), stratify=tags)
    assert [tags[rows_of(part)].sum(axis=0).tolist() for part in parts] == [[20, 10, 1]] * 3


def test_a_label_of_a_single_sample_leaves_the_others_in_their_shares():
    tags = np.zeros((40, 2), int)
    tags[:20, 0] = 1
    tags[7, 1] = 1
    parts = split(manifest_of(40), (0.75, 0.25), stratify=tags)
    assert [(len(part), tags[rows_of(part), 0].sum()) for part in parts] == [(30, 15), (10, 5)]


def test_a_label_that_no_sample_has_changes_nothing():
    tags = tags_of(80, [0.5, 0.3], 0)
    padded = np.column_stack([tags, np.zeros(80, bool)])
    first, second = (split(manifest_of(80), stratify=strata) for strata in (tags, padded))
    assert list(map(rows_of, first)) == list(map(rows_of, second))


def test_samples_without_any_label_get_their_shares_too():
    tags = np.zeros((40, 1), int)
    tags[::2] = 1
    parts = split(manifest_of(40), (0.75, 0.25), stratify=tags)
    assert [tags[rows_of(part)].sum() for part in parts] == [15, 5]
    assert [len(part) for part in parts] == [30, 10]


@pytest.mark.parametrize("num_labels", [0, 3])
def test_where_no_sample_has_a_label_the_total_is_split(num_labels):
    parts = split(manifest_of(20), (0.75, 0.25), stratify=np.zeros((20, num_labels)))
    assert [len(part) for part in parts] == [15, 5]


def test_samples_with_the_same_labels_are_split_by_the_total():
    parts = split(manifest_of(20), (0.75, 0.25), stratify=np.ones((20, 3), int))
    assert [len(part) for part in parts] == [15, 5]


def test_one_label_each_is_as_good_as_classes():
    classes = np.random.default_rng(0).integers(0, 4, 203)
    tags = np.eye(4, dtype=int)[classes]
    for part, ratio in zip(split(manifest_of(203), stratify=tags), (0.7, 0.15, 0.15), strict=True):
        exact = ratio * tags.sum(axis=0)
        assert np.abs(tags[rows_of(part)].sum(axis=0) - exact).max() < 1 + 1e-6


@pytest.mark.parametrize(
    "as_given",
    [
        lambda tags: tags.astype(int),
        lambda tags: tags.astype(float),
        lambda tags: tags.tolist(),
        lambda tags: pd.DataFrame(tags.astype(int), columns=list("abc")),
    ],
)
def test_labels_may_be_given_as_any_zeros_and_ones(as_given):
    tags = tags_of(60, [0.5, 0.3, 0.2], 0)
    expected = split(manifest_of(60), stratify=tags)
    parts = split(manifest_of(60), stratify=as_given(tags))
    assert list(map(rows_of, parts)) == list(map(rows_of, expected))


@pytest.mark.parametrize("seed", range(3))
def test_labels_keep_their_shares_when_groups_stay_whole(seed):
    tags = tags_of(1500, [0.5, 0.3, 0.2, 0.1], seed)
    groups = np.random.default_rng(seed).integers(0, 300, 1500)
    manifest = manifest_of(1500, groups=StringColumn.of(map(str, groups)))
    parts = split(manifest, seed=seed, stratify=tags)
    assert sum(len(set(part.groups)) for part in parts) == len(set(groups.tolist()))
    for part, ratio in zip(parts, (0.7, 0.15, 0.15), strict=True):
        assert np.abs(tags[rows_of(part)].sum(axis=0) - ratio * tags.sum(axis=0)).max() < 4


def test_rows_of_one_file_with_several_labels_stay_together():
    paths = StringColumn.of(str(row // 2) for row in range(80))
    parts = split(Manifest(".", paths), (0.75, 0.25), stratify=tags_of(80, [0.5, 0.3], 0))
    assert not set(parts.train.paths) & set(parts.val.paths)


def test_who_goes_where_by_several_labels_never_changes():
    tags = [[row % 2, row % 3 == 0] for row in range(20)]
    train, val, test = split(manifest_of(20), (0.6, 0.2, 0.2), seed=7, stratify=tags)
    assert (rows_of(train), rows_of(val), rows_of(test)) == GOLDEN


def test_another_seed_makes_another_split_by_several_labels():
    tags = tags_of(100, [0.5, 0.3], 0)
    first, second = (split(manifest_of(100), seed=seed, stratify=tags) for seed in (1, 2))
    assert rows_of(first.test) != rows_of(second.test)


@pytest.mark.parametrize("grouped", [False, True])
def test_another_process_makes_the_same_split_by_several_labels(grouped, tmp_path):
    groups = StringColumn.of(f"g{row * row % 31}" for row in range(120)) if grouped else None
    manifest, tags = manifest_of(120, groups=groups), tags_of(120, [0.5, 0.3, 0.1], 0)
    (tmp_path / "given").write_bytes(pickle.dumps((manifest, tags)))
    code = (
        "import pickle, warnings, imggen\n"
        "warnings.simplefilter('ignore')\n"
        "manifest, tags = pickle.load(open('given', 'rb'))\n"
        "parts = imggen.split(manifest, seed=5, stratify=tags)\n"
        "print([list(map(int, part.paths)) for part in parts])"
    )
    assert printed(code, tmp_path) == {
        str(list(map(rows_of, split_quietly(manifest, seed=5, stratify=tags))))
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["a"] * 19,
            r"stratify has shape \(19,\); expected one value per sample, \(20,\), or 0 and",
        ),
        (np.zeros((19, 2)), r"shape \(19, 2\); .* for several labels, \(20, num_labels\)\."),
        (np.zeros((20, 2, 1)), r"stratify has shape \(20, 2, 1\); expected one value per sample"),
        ("label", r"stratify has shape \(\); expected one value per sample"),
        (None, r"stratify has shape \(\); expected one value per sample"),
        (np.full((20, 2), 2), "stratify has two dimensions and holds values other than 0 and 1"),
        (np.full((20, 2), 0.5), "stratify has two dimensions and holds values other than 0 and 1"),
        (
            np.full((20, 2), np.nan),
            "stratify has two dimensions and holds values other than 0 and 1",
        ),
        (
            np.full((20, 2), "cat"),
            "stratify has two dimensions and holds values other than 0 and 1",
        ),
        ([None, *"a" * 19], "^stratify has no value in 1 of 20 rows, first in row 0"),
        (pd.Series([*"a" * 19, None], dtype="string"), "stratify has no value .* row 19"),
        (np.array([*[1.0] * 18, np.nan, np.nan]), "stratify has no value in 2 of 20 .* row 18"),
        ([object() for _ in range(20)], "stratify holds values that cannot be compared"),
        ([["cat"]] * 10 + [["cat", "dog"]] * 10, "stratify=.* cannot be converted to an array"),
    ],
)
def test_strata_that_cannot_be_gone_by_are_explained(values, message):
    with pytest.raises(SplitError, match=message):
        split(manifest_of(20), stratify=values)


def test_strata_are_read_from_every_container():
    strata = ["a", "b"] * 10
    codes = [0, 1] * 10
    expected = list(map(rows_of, split(manifest_of(20), stratify=strata)))
    for values in [
        np.array(strata),
        pd.Series(strata, dtype="string"),
        pd.Categorical(strata),
        (value for value in strata),
        pd.Series(codes, dtype="Int64"),
        pytest.importorskip("torch").tensor(codes),
    ]:
        assert list(map(rows_of, split(manifest_of(20), stratify=values))) == expected


def test_iterators_are_read_once():
    recipe = Recipe(
        iter((0.5, 0.5)), stratify=iter(["a", "b"] * 10), group_by=(i // 2 for i in range(20))
    )
    assert recipe.as_metadata() == recipe.as_metadata()
    assert recipe.group_by == [i // 2 for i in range(20)]


def test_names_of_splits_are_text():
    for names in ({0: 0.5, 1: 0.5}, {None: 0.5, "val": 0.5}):
        with pytest.raises(SplitError, match="^ratios=.* must map the names of splits"):
            split(manifest_of(20), names)
