"""Cross-validation: the train and val sequences of each fold."""

import warnings

import numpy as np
import pytest

import imggen
from imggen.errors import ImggenWarning, OptionError, ScanError, SplitError
from tests.helpers.command_line import invoke
from tests.helpers.images import write_images

SIZE = {"image_size": (8, 8), "batch_size": 4}


@pytest.fixture
def photos(tmp_path):
    return write_images(tmp_path / "photos", {"cat": 6, "dog": 6}, size=(8, 8))


def names_in(sequence):
    """The files of a sequence below the folder of their split."""
    parts = (path.replace("\\", "/").split("/") for path in sequence.filepaths)
    return sorted("/".join(path[-2:]) for path in parts)


def fold_names(folds):
    return [(names_in(train), names_in(val)) for train, val in folds]


def test_every_image_is_in_val_once_and_in_train_otherwise(photos):
    folds = fold_names(imggen.kfold_sequences(photos, 3, **SIZE))
    every = sorted(f"{name}/{number:03d}.png" for name in ("cat", "dog") for number in range(6))
    assert sorted(name for _, val in folds for name in val) == every
    assert [sorted(train + val) for train, val in folds] == [every] * 3
    assert [len(val) for _, val in folds] == [4] * 3


def test_the_folds_are_those_of_kfold(photos):
    manifest = imggen.scan(photos)
    rows = np.arange(12) % 2
    for source in (photos, str(photos), manifest):
        sequences = imggen.kfold_sequences(source, 4, split_seed=3, stratify=rows, **SIZE)
        expected = imggen.kfold(manifest, 4, seed=3, stratify=rows)
        for found, fold in zip(sequences, expected, strict=True):
            assert found.names == ("train", "val")
            assert list(found.train.manifest.paths) == list(fold.train.paths)
            assert list(found.val.manifest.paths) == list(fold.val.paths)


def test_there_are_five_folds_by_default(photos):
    assert len(list(imggen.kfold_sequences(photos, **SIZE))) == 5


def test_train_alone_is_shuffled_and_augmented_with_the_seed(photos):
    options = {"augment": imggen.augment.RandomBrightness((0.2, 0.6)), "seed": 7, **SIZE}
    plain = imggen.kfold_sequences(photos, 2, **SIZE)
    for train, val in imggen.kfold_sequences(photos, 2, **options):
        _, raw = next(plain)
        assert (train.seed, val.seed) == (7, 7)
        np.testing.assert_array_equal(val[0][0], raw[0][0])
        alone = imggen.ImageSequence(train.manifest, **options)
        np.testing.assert_array_equal(train[0][0], alone[0][0])
        unaugmented = imggen.ImageSequence(train.manifest, seed=7, **SIZE)
        assert not np.array_equal(alone[1][0], unaugmented[1][0])
        every = [np.concatenate([labels for _, labels in sequence]) for sequence in (train, val)]
        is_in_order = [(np.sort(rows.argmax(1)) == rows.argmax(1)).all() for rows in every]
        assert is_in_order == [False, True]
    both = {"train": options["augment"], "val": options["augment"]}
    _, val = next(imggen.kfold_sequences(photos, 2, **{**options, "augment": both}))
    assert not np.array_equal(val[0][0], next(imggen.kfold_sequences(photos, 2, **SIZE))[1][0][0])


def test_options_of_sequences_pass_through(photos):
    train, val = next(
        imggen.kfold_sequences(
            photos,
            3,
            labels=None,
            color_mode="grayscale",
            drop_remainder=True,
            batch_size=3,
            image_size=(5, 6),
            rescale=1 / 255,
        )
    )
    assert (len(train), len(val)) == (2, 2)
    assert (train[0].shape, val[1].shape) == ((3, 5, 6, 1), (1, 5, 6, 1))
    assert float(train[0].max()) <= 1
    _, val = next(imggen.kfold_sequences(photos, 3, class_names=["dog"], **SIZE))
    assert val.class_names == ("dog",)


def test_groups_of_a_manifest_stay_whole(photos):
    manifest = imggen.group_by(imggen.scan(photos), r"00(\d)")
    for train, val in imggen.kfold_sequences(manifest, 3, **SIZE):
        assert not set(train.manifest.groups) & set(val.manifest.groups)


@pytest.mark.parametrize("flat", [False, True])
def test_folds_on_disk_are_served_as_they_are(photos, tmp_path, flat):
    source = photos / "cat" if flat else photos
    assert invoke("split", source, tmp_path / "kf", "--kfold", 3, "--seed", 5).exit_code == 0
    options = {**SIZE, "augment": "light", "seed": 1}
    expected = imggen.kfold(imggen.scan(source, labels=None if flat else "inferred"), 3, seed=5)
    found = list(imggen.kfold_sequences(tmp_path / "kf", **options))
    assert len(list(imggen.kfold_sequences(tmp_path / "kf", 3, **options))) == len(found) == 3
    for fold, known in zip(found, expected, strict=True):
        assert [sequence.samples for sequence in fold] == [len(split) for split in known]
        names = sorted(path.rpartition("/")[2] for path in known.val.paths)
        assert sorted(name.rpartition("/")[2] for name in names_in(fold.val)) == names
        assert fold.train.class_names == (() if flat else ("cat", "dog"))


def test_folds_are_in_order_of_their_numbers(photos, tmp_path):
    imggen.split_directory(photos, tmp_path / "kf", num_folds=12, stratify=False)
    roots = [str(val.manifest.root) for _, val in imggen.kfold_sequences(tmp_path / "kf", **SIZE)]
    assert [root.rpartition("_")[2] for root in roots] == [str(number) for number in range(12)]


def test_a_table_of_folds_is_followed(photos, tmp_path):
    line = ["split", photos, "--kfold", 3, "--manifest", tmp_path / "folds.csv", "--seed", 2]
    assert invoke(*line).exit_code == 0
    manifest = imggen.Manifest.load(tmp_path / "folds.csv")
    found = fold_names(imggen.kfold_sequences(manifest, **SIZE))
    expected = imggen.kfold(imggen.scan(photos), 3, seed=2)
    assert found == [tuple(sorted(split.paths) for split in fold) for fold in expected]


def test_a_class_of_one_image_is_a_warning(photos):
    write_images(photos, {"ape": 1}, size=(8, 8))
    with pytest.warns(ImggenWarning, match=r"^1 class is in one fold only.*'ape' \(1 sample\)"):
        imggen.kfold_sequences(photos, 3, **SIZE)


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        ("kf", {"num_folds": 4}, SplitError, r"num_folds=4, and source has 3 folds already\. Lea"),
        ("kf", {"split_seed": 1}, OptionError, "make folds, and source has folds already"),
        ("kf", {"stratify": False}, OptionError, "make folds, and source has folds already"),
        ("kf/fold_1", {}, ScanError, "which look like splits and not like classes"),
        ("nothing", {}, ScanError, "nothing' does not exist"),
        ("photos", {"num_folds": 1}, SplitError, "num_folds=1 must be a whole number of 2 or more"),
        ("photos", {"num_folds": 50}, SplitError, "cannot be split into num_folds=50"),
        ("photos", {"batchsize": 4}, OptionError, "Did you mean 'batch_size'"),
        ("photos", {"batch_size": 0}, OptionError, "batch_size=0"),
        ("photos", {"augment": {"test": "light"}}, OptionError, "augment= is for the split 'test'"),
    ],
)
def test_errors_come_at_the_call(photos, tmp_path, source, options, error, message):
    imggen.split_directory(photos, tmp_path / "kf", num_folds=3)
    with pytest.raises(error, match=message):
        imggen.kfold_sequences(tmp_path / source, **{**SIZE, **options})


def test_options_of_folders_do_not_apply_to_manifests(photos):
    for options in ({"labels": None}, {"class_names": ["cat"]}):
        with pytest.raises(OptionError, match=r"^labels= and class_names= are for folders"):
            imggen.kfold_sequences(imggen.scan(photos), **options, **SIZE)


def test_a_fold_that_was_used_is_released(photos):
    import gc
    import weakref

    folds = imggen.kfold_sequences(photos, 3, **SIZE)
    seen = []
    for train, val in folds:
        seen.append(weakref.ref(train))
        del train, val
        gc.collect()
        assert [ref() for ref in seen[:-1]] == [None] * (len(seen) - 1)


def test_several_iterations_need_several_calls(photos):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds = imggen.kfold_sequences(photos, 2, **SIZE)
        assert (len(list(folds)), len(list(folds))) == (2, 0)
