"""Folds: every sample is a validation sample once, and a training sample of all other folds."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from imggen import Manifest, kfold
from imggen.core import StringColumn
from imggen.errors import ImggenWarning, OptionError, SplitError
from tests.helpers.manifests import manifest_of, printed, rows_of

SEEDS = st.integers(0, 2**32 - 1)
LABELS = st.lists(st.integers(0, 4), min_size=12, max_size=80)

# Frozen: other numbers here mean that every user's folds change.
GOLDEN = [[0, 1, 6, 12, 17], [2, 3, 7, 16, 18], [4, 5, 10, 13, 19], [8, 9, 11, 14, 15]]


def kfold_quietly(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImggenWarning)
        return kfold(*args, **kwargs)


@settings(deadline=None)
@given(LABELS, st.integers(2, 12), SEEDS, st.booleans())
def test_every_sample_is_in_val_once(labels, num_folds, seed, stratify):
    folds = kfold_quietly(manifest_of(labels), num_folds, seed=seed, stratify=stratify)
    assert len(folds) == num_folds
    assert sorted(row for fold in folds for row in rows_of(fold.val)) == list(range(len(labels)))


@settings(deadline=None)
@given(LABELS, st.integers(2, 12), SEEDS)
def test_train_holds_what_val_does_not(labels, num_folds, seed):
    for fold in kfold_quietly(manifest_of(labels), num_folds, seed=seed):
        assert not set(rows_of(fold.train)) & set(rows_of(fold.val))
        assert sorted(rows_of(fold.train) + rows_of(fold.val)) == list(range(len(labels)))


@settings(deadline=None)
@given(LABELS, st.integers(2, 12), SEEDS)
def test_every_class_is_within_one_of_its_share_in_every_fold(labels, num_folds, seed):
    for fold in kfold_quietly(manifest_of(labels), num_folds, seed=seed):
        for name, count in fold.val.class_counts.items():
            assert abs(count - labels.count(int(name[1:])) / num_folds) < 1


@settings(deadline=None)
@given(LABELS, st.integers(2, 12), SEEDS)
def test_folds_are_of_one_size_or_one_more(labels, num_folds, seed):
    sizes = [len(fold.val) for fold in kfold_quietly(manifest_of(labels), num_folds, seed=seed)]
    assert max(sizes) - min(sizes) <= 1


@settings(deadline=None)
@given(LABELS, st.integers(2, 12), SEEDS)
def test_folds_are_as_even_as_those_of_scikit_learn(labels, num_folds, seed):
    folds = kfold_quietly(manifest_of(labels), num_folds, seed=seed)
    mine = np.array([np.bincount(fold.val.labels, minlength=5) for fold in folds])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes smaller than the number of folds
        # A stratum of its own, large enough, for scikit-learn needs one.
        oracle = StratifiedKFold(num_folds).split(labels + [9] * 12, labels + [9] * 12)
        theirs = np.array(
            [
                np.bincount([labels[row] for row in rows if row < len(labels)], minlength=5)
                for _, rows in oracle
            ]
        )
    assert np.sort(mine, axis=0).tolist() == np.sort(theirs, axis=0).tolist()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=12, max_size=80),
    st.integers(2, 5),
    SEEDS,
)
def test_groups_stay_whole_and_no_fold_is_empty(samples, num_folds, seed):
    samples += [(10 + fold, 0) for fold in range(num_folds)]
    groups = [str(group) for group, _ in samples]
    manifest = manifest_of([label for _, label in samples], groups=StringColumn.of(groups))
    folds = kfold_quietly(manifest, num_folds, seed=seed)
    assert sorted(row for fold in folds for row in rows_of(fold.val)) == list(range(len(samples)))
    assert sum(len(set(fold.val.groups)) for fold in folds) == len(set(groups))
    for fold in folds:
        assert len(fold.val) > 0
        assert not set(fold.train.groups) & set(fold.val.groups)


def test_groups_come_nearer_to_their_shares_than_those_of_scikit_learn():
    far, uneven = {"mine": 0.0, "theirs": 0.0}, {"mine": 0, "theirs": 0}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        groups = rng.integers(0, rng.integers(20, 120), 800)
        chances = rng.dirichlet(np.ones(4), 120)
        labels = np.array([rng.choice(4, p=chances[group]) for group in groups])
        manifest = manifest_of(labels.tolist(), groups=StringColumn.of(map(str, groups)))
        oracle = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        for who, vals in (
            ("mine", [rows_of(fold.val) for fold in kfold_quietly(manifest, 5, seed=seed)]),
            ("theirs", [rows for _, rows in oracle.split(labels, labels, groups)]),
        ):
            counts = np.array([np.bincount(labels[rows], minlength=4) for rows in vals])
            far[who] += np.abs(counts / counts.sum(axis=0) - 0.2).mean()
            uneven[who] += np.ptp(counts.sum(axis=1))
    assert far["mine"] < 0.6 * far["theirs"]
    assert uneven["mine"] < 0.5 * uneven["theirs"]


def test_folds_of_equal_groups_are_equal():
    groups = StringColumn.of(str(row // 4) for row in range(80))
    manifest = manifest_of([row // 4 % 2 for row in range(80)], groups=groups)
    assert [fold.val.class_counts for fold in kfold(manifest, 5)] == [{"c0": 8, "c1": 8}] * 5


def test_rows_of_one_file_stay_in_one_fold():
    paths = StringColumn.of(str(row // 3) for row in range(60))
    for fold in kfold(Manifest(".", paths), 4):
        assert len(fold.val) == 15
        assert not set(fold.train.paths) & set(fold.val.paths)


def test_parts_of_a_fold_are_called_train_and_val():
    manifest = manifest_of([0] * 9, splits=StringColumn.of(["test"] * 9))
    for fold in kfold(manifest, 3):
        assert fold.names == ("train", "val")
        assert (set(fold.train.splits), set(fold.val.splits)) == ({"train"}, {"val"})


def test_samples_of_a_fold_keep_their_order_and_their_columns():
    manifest = manifest_of(
        [row % 2 for row in range(30)],
        weights=np.arange(30, dtype=np.float32),
        hashes=StringColumn.of(f"h{row}" for row in range(30)),
    )
    for part in (part for fold in kfold(manifest, 3) for part in fold):
        assert rows_of(part) == sorted(rows_of(part))
        assert part.weights.tolist() == rows_of(part)
        assert part.labels.tolist() == [row % 2 for row in rows_of(part)]
        assert list(part.hashes) == [f"h{row}" for row in rows_of(part)]
        assert part.class_names == ("c0", "c1")


def test_as_many_folds_as_samples_leave_one_out_each():
    folds = kfold_quietly(manifest_of([0] * 4 + [1] * 3 + [2]), 8)
    assert sorted(rows_of(fold.val) for fold in folds) == [[row] for row in range(8)]


def test_as_many_folds_as_groups_leave_one_group_out_each():
    groups = list("aaaaaabbbcdd")
    folds = kfold_quietly(manifest_of([0] * 12, groups=StringColumn.of(groups)), 4)
    assert sorted("".join(fold.val.groups) for fold in folds) == ["aaaaaa", "bbb", "c", "dd"]


def test_as_many_folds_as_groups_leave_one_group_out_each_however_many():
    groups = ["large"] * 3401 + [str(row) for row in range(999)]
    folds = kfold_quietly(manifest_of([0] * 4400, groups=StringColumn.of(groups)), 1000)
    assert {len(set(fold.val.groups)) for fold in folds} == {1}
    assert sorted(len(fold.val) for fold in folds) == [1] * 999 + [3401]


def test_folds_without_strata_go_by_the_total():
    manifest = manifest_of([0] * 20 + [1] * 20)
    folds = [fold for seed in range(5) for fold in kfold(manifest, 4, seed=seed, stratify=False)]
    assert {len(fold.val) for fold in folds} == {10}
    assert {fold.val.class_counts["c0"] for fold in folds} != {5}


def test_folds_go_by_the_values_that_stratify_holds():
    manifest = Manifest(".", StringColumn.of(map(str, range(40))))
    for fold in kfold(manifest, 4, stratify=["north"] * 8 + ["south"] * 32):
        assert [sum(row < 8 for row in rows_of(part)) for part in fold] == [6, 2]


def test_folds_go_by_several_labels():
    tags = np.random.default_rng(0).random((300, 4)) < [0.5, 0.3, 0.2, 0.05]
    for fold in kfold(Manifest(".", StringColumn.of(map(str, range(300)))), 5, stratify=tags):
        assert len(fold.val) == pytest.approx(60, abs=2)
        assert tags[rows_of(fold.val)].sum(axis=0) == pytest.approx(tags.sum(axis=0) / 5, abs=2)


def test_who_is_in_which_fold_never_changes():
    folds = kfold(manifest_of([row % 2 for row in range(20)]), 4, seed=7)
    assert [rows_of(fold.val) for fold in folds] == GOLDEN


@pytest.mark.parametrize("groups", [None, StringColumn.of(str(row // 2) for row in range(90))])
def test_another_seed_makes_other_folds(groups):
    manifest = manifest_of([row % 3 for row in range(90)], groups=groups)
    first, second = (kfold(manifest, 3, seed=seed) for seed in (1, 2))
    assert rows_of(first[0].val) != rows_of(second[0].val)


@pytest.mark.parametrize("grouped", [False, True])
def test_another_process_makes_the_same_folds(grouped, tmp_path):
    groups = StringColumn.of(f"g{row * row % 31}" for row in range(90)) if grouped else None
    manifest = manifest_of([row % 3 for row in range(90)], groups=groups)
    (tmp_path / "manifest").write_bytes(pickle.dumps(manifest))
    code = (
        "import pickle, warnings, imggen\n"
        "warnings.simplefilter('ignore')\n"
        "manifest = pickle.load(open('manifest', 'rb'))\n"
        "print([list(map(int, fold.val.paths)) for fold in imggen.kfold(manifest, 4, seed=5)])"
    )
    assert printed(code, tmp_path) == {
        str([rows_of(fold.val) for fold in kfold_quietly(manifest, 4, seed=5)])
    }


def test_classes_missing_in_a_fold_are_a_warning_that_names_it():
    with pytest.warns(
        ImggenWarning,
        match=r"^1 class is in one fold only, whose model never trains on it: 'c1' \(1 sample\) "
        r"is in fold [012]\. Add samples, or leave out such classes\.$",
    ) as caught:
        kfold(manifest_of([0] * 20 + [1]), 3)
    assert [warning.filename for warning in caught] == [__file__]


def test_a_large_group_is_a_warning_with_the_shares_that_came_out():
    groups = StringColumn.of(["large"] * 8 + ["b", "c"])
    with pytest.warns(
        ImggenWarning, match=r"kept whole.*fold \d 0\.800 \(wanted 0\.333\)"
    ) as caught:
        kfold(manifest_of([0] * 10, groups=groups), 3)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("num_folds", [1, 0, -3, 2.0, True, "5", None])
def test_fewer_than_two_folds_are_an_error(num_folds):
    with pytest.raises(
        SplitError, match=rf"^num_folds={num_folds!r} must be a whole number of 2 or more\.$"
    ):
        kfold(manifest_of([0] * 20), num_folds)


def test_a_whole_number_of_numpy_will_do():
    assert len(kfold(manifest_of([0] * 20), np.int64(4))) == 4


def test_more_folds_than_samples_are_an_error():
    with pytest.raises(SplitError, match=r"The split 'fold 3' would be empty: 3 samples cannot be"):
        kfold(manifest_of([0] * 3), 4)


def test_more_folds_than_groups_are_an_error():
    groups = StringColumn.of(["one"] * 10 + ["two"] * 10)
    with (
        pytest.warns(ImggenWarning, match="shares deviate"),
        pytest.raises(SplitError, match="'fold 2' would be empty: .* without breaking a group"),
    ):
        kfold(manifest_of([0] * 20, groups=groups), 3)


def test_an_empty_manifest_has_no_folds():
    with pytest.raises(SplitError, match="manifest is empty; expected at least one sample"):
        kfold(manifest_of([]), 2)


def test_a_seed_that_is_no_seed_is_an_error():
    with pytest.raises(OptionError, match="seed=-1 must be a whole number of 0 or more"):
        kfold(manifest_of([0] * 20), 2, seed=-1)
