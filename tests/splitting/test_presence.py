"""Training gets a sample of every class, whatever the splitter and however rare the class."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imggen import Manifest, kfold, split
from imggen.core import StringColumn
from imggen.data.multi_labels import MultiLabelColumn
from imggen.errors import ImggenWarning, SplitError
from tests.helpers.manifests import manifest_of, rows_of, split_quietly

SEEDS = st.integers(0, 2**32 - 1)
RATIOS = st.sampled_from(
    [(0.8, 0.2), (0.5, 0.5), (1 / 3, 2 / 3), (0.7, 0.15, 0.15), (0.05, 0.05, 0.9)]
)


@st.composite
def rare_labels(draw):
    """Labels in mixed order: up to eight classes of 1 to 4 samples, and a large one."""
    rare = draw(st.lists(st.integers(1, 4), min_size=1, max_size=8))
    counts = [draw(st.integers(20, 60)), *rare]
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(SEEDS)).permutation(labels).tolist()


def labels_in(part, labels):
    return {labels[row] for row in rows_of(part)}


@settings(deadline=None)
@given(rare_labels(), RATIOS, SEEDS, st.sampled_from(["classes", "values", "no strata"]))
def test_train_has_every_class(labels, ratios, seed, way):
    stratify = {"classes": True, "values": labels, "no strata": False}[way]
    manifest = manifest_of(labels)
    if way == "values":
        manifest = Manifest(".", manifest.paths)
    parts = split_quietly(manifest, ratios, seed=seed, stratify=stratify)
    if way != "no strata" or len(parts.train) >= len(set(labels)):
        assert labels_in(parts.train, labels) == set(labels)
    assert sorted(row for part in parts for row in rows_of(part)) == list(range(len(labels)))
    for part, ratio in zip(parts, ratios, strict=True):
        slack = 1 if way == "no strata" else len(ratios) + len(set(labels))
        assert abs(len(part) - ratio * len(labels)) < slack


@settings(deadline=None)
@given(rare_labels(), SEEDS, st.booleans())
def test_train_has_every_class_with_counts(labels, seed, stratify):
    labels += [label for label in set(labels) for _ in range(3)]
    parts = split_quietly(manifest_of(labels), None, counts=(2, 1), seed=seed, stratify=stratify)
    assert labels_in(parts.train, labels) == set(labels)
    assert [len(part) for part in parts[1:]] == (
        [2 * len(set(labels)), len(set(labels))] if stratify else [2, 1]
    )


@settings(deadline=None)
@given(rare_labels(), RATIOS, SEEDS, st.sampled_from([True, False]), st.integers(4, 30))
def test_train_has_every_class_when_groups_stay_whole(labels, ratios, seed, stratify, num_groups):
    codes = np.random.default_rng(seed).integers(0, num_groups, len(labels))
    codes[: len(ratios)] = range(100, 100 + len(ratios))
    groups = list(map(str, codes))
    manifest = manifest_of(labels, groups=StringColumn.of(groups))
    parts = split_quietly(manifest, ratios, seed=seed, stratify=stratify)
    assert sum(len(set(part.groups)) for part in parts) == len(set(groups))
    lacking = set(labels) - labels_in(parts.train, labels)
    # Another split would be empty, or nothing in train could be spared.
    for label in lacking:
        owners = {group for group, known in zip(groups, labels, strict=True) if known == label}
        homes = [part for part in parts if owners & set(part.groups)]
        assert not stratify or all(len(set(home.groups)) == 1 for home in homes)


def test_a_class_of_one_group_goes_to_train():
    labels = [0] * 40 + [1] * 6
    groups = StringColumn.of([*(str(row // 2) for row in range(40)), *["rare"] * 6])
    for seed in range(12):
        parts = split_quietly(manifest_of(labels, groups=groups), (0.5, 0.5), seed=seed)
        assert "rare" in set(parts.train.groups)
        assert [len(part) for part in parts] == [pytest.approx(23, abs=4)] * 2


@settings(deadline=None)
@given(rare_labels(), SEEDS, st.sampled_from(["values", "classes", "no strata"]))
def test_train_has_every_one_of_several_labels(labels, seed, way):
    tags = np.eye(max(labels) + 1, dtype=bool)[labels]
    tags[:, 0] |= np.random.default_rng(seed).random(len(labels)) < 0.5
    paths = StringColumn.of(map(str, range(len(labels))))
    if way == "values":
        manifest, stratify = Manifest(".", paths), tags
    else:
        names = tuple(f"c{index}" for index in range(tags.shape[1]))
        column = MultiLabelColumn.from_matrix(tags)
        manifest = Manifest(".", paths, class_names=names, multi_labels=column)
        stratify = way == "classes"
    parts = split_quietly(manifest, (0.6, 0.2, 0.2), seed=seed, stratify=stratify)
    assert tags[rows_of(parts.train)].any(axis=0).all()


@settings(deadline=None)
@given(rare_labels(), st.integers(2, 6), SEEDS, st.booleans(), st.booleans())
def test_every_fold_trains_on_each_class_of_two_samples_or_groups(
    labels, num_folds, seed, stratify, grouped
):
    codes = np.random.default_rng(seed).integers(0, 4 if grouped else 9**9, len(labels))
    groups = [f"{label} {code}" for label, code in zip(labels, codes, strict=True)]
    columns = {"groups": StringColumn.of(groups)} if grouped else {}
    owners = {label: set() for label in labels}
    for group, label in zip(groups, labels, strict=True):
        owners[label].add(group)
    assume(len(set(groups)) >= 2 * num_folds)
    manifest = manifest_of(labels, **columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImggenWarning)
        folds = kfold(manifest, num_folds, seed=seed, stratify=stratify)
    assert sorted(row for fold in folds for row in rows_of(fold.val)) == list(range(len(labels)))
    for fold in folds:
        for label in set(labels) - labels_in(fold.train, labels):
            assert len(owners[label]) == 1


def test_val_comes_before_test():
    labels = [0] * 40 + [1] + [2] * 2 + [3] * 3
    for seed in range(5):
        parts = split_quietly(manifest_of(labels), (0.7, 0.15, 0.15), seed=seed)
        assert [list(part.class_counts.values())[1:] for part in parts] == [
            [1, 1, 2],
            [0, 1, 1],
            [0, 0, 0],
        ]
    # By name, not by position.
    parts = split_quietly(manifest_of(labels), {"test": 0.15, "val": 0.15, "train": 0.7})
    assert [list(part.class_counts.values())[1:] for part in parts][::-1] == [
        [1, 1, 2],
        [0, 1, 1],
        [0, 0, 0],
    ]


def test_the_first_split_is_for_training_if_none_is_called_train():
    parts = split_quietly(manifest_of([0] * 12 + [1]), {"fit": 0.2, "rest": 0.8})
    assert parts.fit.class_counts == {"c0": 2, "c1": 1}


def test_large_classes_make_up_for_small_ones():
    for large, small, ratios in (
        ([31, 33], [2] * 20, (0.8, 0.1, 0.1)),
        ([23, 33, 17], [2] * 3, (0.8, 0.2)),
        ([23, 33, 17], [1] * 4, (0.5, 0.5)),
    ):
        counts = large + small  # the large ones come first in index
        labels = np.repeat(np.arange(len(counts)), counts).tolist()
        parts = split_quietly(manifest_of(labels), ratios)
        assert [len(part) for part in parts] == [
            pytest.approx(len(labels) * ratio, abs=1.3) for ratio in ratios
        ]


def test_classes_of_one_sample_that_would_leave_val_empty_are_an_error():
    with pytest.raises(
        SplitError,
        match=r"'val' would be empty: 12 samples .* since 'train' needs a sample of each of 12 "
        r"classes\. Add samples, make fewer splits, or ignore the classes \(stratify=False\)\.$",
    ):
        split(manifest_of(range(12)), (0.5, 0.5))


def test_a_group_that_another_split_cannot_spare_is_a_warning():
    manifest = manifest_of([0] * 10 + [1] * 10, groups=StringColumn.of(["a"] * 10 + ["b"] * 10))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        split(manifest, (0.5, 0.5))
    assert re.fullmatch(
        r"1 class is missing in train, since groups are kept whole and no split may be empty: "
        r"'c[01]' \(10 samples\) is in val\. Add samples, or make fewer splits\.",
        str(caught[0].message),
    )
    assert caught[0].filename == __file__


def test_a_stable_split_names_the_classes_that_train_lacks():
    names = StringColumn.of(map(str, range(2000)))
    manifest = manifest_of([1, *[0] * 1999], groups=names)
    for seed in range(20):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train, val = split(manifest, (0.5, 0.5), stable=True, seed=seed)
        if 0 in rows_of(val):
            assert str(caught[0].message) == (
                "1 class is missing in train, since a stable split never moves a file because of "
                "others: 'c1' (1 sample) is in val. Add samples, or choose another seed."
            )
        # The others stay where they are, whatever is added.
        fewer = split_quietly(manifest.take(np.arange(1000)), (0.5, 0.5), stable=True, seed=seed)
        assert rows_of(fewer.train) == [row for row in rows_of(train) if row < 1000]


def test_a_stratum_of_one_goes_to_train_with_a_warning():
    manifest = Manifest(".", StringColumn.of(map(str, range(21))))
    for seed in range(8):
        with pytest.warns(
            ImggenWarning,
            match=r"^1 value of stratify is too small to appear in every split: 'b' \(1 sample\) "
            r"is missing in val\.$",
        ):
            train, _ = split(manifest, (0.5, 0.5), stratify=["a"] * 20 + ["b"], seed=seed)
        assert 20 in rows_of(train)
