"""from_directory, from_dataframe, from_files."""

import importlib
import inspect
import re

import numpy as np
import pandas as pd
import pytest

import imggen
from imggen.augment.adapters import dispatch
from imggen.errors import ImggenWarning, ManifestError, OptionError, ScanError, SplitError
from imggen.sequences.options import SequenceOptions
from tests.helpers.images import write_images

SIZE = {"image_size": (24, 20), "batch_size": 4}


def black(image):
    return np.zeros_like(image)


def is_black(sequence):
    return not sequence[0][0].any()


def test_without_a_split_there_is_one_sequence(photos):
    sequence = imggen.from_directory(photos, **SIZE)
    assert isinstance(sequence, imggen.ImageSequence)
    assert sequence.samples == 16


def test_splits_are_disjoint_and_found_by_position_and_by_name(photos):
    splits = imggen.from_directory(photos, split=(0.5, 0.25, 0.25), seed=7, **SIZE)
    train, val, test = splits
    assert (splits.train, splits.val, splits.test) == (train, val, test)
    paths = [*train.filepaths, *val.filepaths, *test.filepaths]
    assert sorted(paths) == sorted(imggen.scan(photos).filepaths)
    assert len(set(paths)) == 16


@pytest.mark.parametrize(("split", "names"), [((0.5, 0.5), ("train", "val")), ((1.0,), ("train",))])
def test_two_splits_or_one(photos, split, names):
    assert imggen.from_directory(photos, split=split, **SIZE).names == names


def test_only_train_is_augmented(photos):
    splits = imggen.from_directory(photos, split=(0.5, 0.25, 0.25), augment=black, **SIZE)
    assert [is_black(subset) for subset in splits] == [True, False, False]


def test_another_split_is_augmented_by_name(photos):
    splits = imggen.from_directory(
        photos, split=(0.5, 0.25, 0.25), augment={"validation": black}, **SIZE
    )
    assert [is_black(subset) for subset in splits] == [False, True, False]


def test_augmenting_a_missing_split_is_an_error(photos):
    with pytest.raises(
        OptionError, match=r"for the split 'holdout', but the splits are \['train', 'val'\]"
    ):
        imggen.from_directory(photos, split=(0.5, 0.5), augment={"holdout": black}, **SIZE)


def test_naming_splits_without_a_split_is_an_error(photos):
    with pytest.raises(OptionError, match="split=None makes a single sequence"):
        imggen.from_directory(photos, augment={"val": black}, **SIZE)


def test_only_train_is_shuffled_repeated_and_truncated(photos):
    train, val = imggen.from_directory(
        photos, split=(0.5, 0.5), repeats=2, drop_remainder=True, **{**SIZE, "batch_size": 5}
    )
    assert len(train) == 8 * 2 // 5
    assert list(train.served(0)) != list(train.served(1))
    assert list(val.served(0)) == list(val.served(1)) == list(range(8))


def test_without_a_seed_the_split_stays_the_same(photos):
    first, second = (imggen.from_directory(photos, split=(0.5, 0.5), **SIZE) for _ in range(2))
    assert first.train.filepaths == second.train.filepaths
    assert first.train.seed != second.train.seed


def test_folders_that_are_already_split_stay_split(tmp_path):
    for subset, counts in {"train": {"b": 3, "a": 2}, "valid": {"b": 2}, "test": {"a": 1}}.items():
        write_images(tmp_path / subset, counts)
    train, val, test = imggen.from_directory(tmp_path, split="folders", **SIZE)
    assert train.class_names == val.class_names == test.class_names == ("a", "b")
    assert train.labels.tolist() == [0, 0, 1, 1, 1]
    assert val.labels.tolist() == [1, 1]
    assert test.labels.tolist() == [0]


def test_a_class_that_train_does_not_have_is_named(tmp_path):
    write_images(tmp_path / "train", {"a": 2})
    write_images(tmp_path / "val", {"a": 1, "z": 1})
    with pytest.raises(ScanError, match=r"val' has the classes \['z'\]"):
        imggen.from_directory(tmp_path, split="folders", **SIZE)


def test_a_mistyped_option_is_refused_before_any_file_is_opened():
    with pytest.raises(OptionError, match="Did you mean 'image_size'"):
        imggen.from_directory("/does/not/exist", imagesize=(3, 3))


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("class_mode", "Use label_mode=."),
        ("target_size", "Use image_size=."),
        ("validation_split", "Use split=."),
        ("preprocessing_function", "Use preprocess=."),
        ("num_workers", "Use workers=."),
        ("horizontal_flip", "Pass augment=[imggen.augment.RandomFlip(...)]."),
        ("class_weight", "Pass it to fit: class_weight=train.class_weight()."),
        ("group_by", "Call imggen.group_by with a manifest, then imggen.split."),
        ("batchsize", "Did you mean 'batch_size'?"),
    ],
)
def test_the_names_of_keras_are_answered_with_those_of_imggen(name, advice):
    with pytest.raises(OptionError) as caught:
        imggen.from_directory("/does/not/exist", **{name: 1})
    start = f"from_directory has no argument {name!r}. {advice} The arguments are image_size, "
    assert str(caught.value).startswith(start)


def test_advice_about_options_names_what_exists():
    advice = vars(importlib.import_module("imggen.sequences.option_names"))
    assert all(hasattr(imggen.augment, name) for name in advice["_AUGMENTATIONS"].values())
    for sentence in advice["_OWN"].values():
        assert all(hasattr(imggen, name) for name in re.findall(r"imggen\.(\w+)", sentence))
    names = set(SequenceOptions.__annotations__)
    for factory in (imggen.from_directory, imggen.from_dataframe, imggen.from_arrays):
        names |= set(inspect.signature(factory).parameters)
    assert set(advice["_RENAMED"].values()) <= names
    assert not names & {*advice["_RENAMED"], *advice["_OWN"], *advice["_AUGMENTATIONS"]} - {
        "sample_weight"  # an argument of from_arrays alone
    }
    # An argument that a function does not have is not proposed.
    with pytest.raises(OptionError, match=r"no argument 'validation_split'. The arguments are"):
        imggen.from_packed("packed", validation_split=0.2)


def test_an_unknown_word_for_split_is_refused(photos):
    with pytest.raises(OptionError, match="split='folder' .* Did you mean 'folders'"):
        imggen.from_directory(photos, split="folder")


def test_images_without_classes_have_no_targets(photos):
    sequence = imggen.from_directory(photos / "cat", labels=None, **SIZE)
    assert sequence.labels is None
    assert sequence[0].shape == (4, 24, 20, 3)


def test_a_class_too_small_for_every_split_causes_a_warning(tmp_path):
    write_images(tmp_path, {"many": 10, "few": 2})
    with pytest.warns(ImggenWarning, match=r"'few' \(2 samples\) is missing in test"):
        imggen.from_directory(tmp_path, split=(0.8, 0.1, 0.1), **SIZE)


def test_ratios_that_do_not_sum_to_one_are_refused(photos):
    with pytest.raises(SplitError, match="sum to 0.9"):
        imggen.from_directory(photos, split=(0.7, 0.2), **SIZE)


@pytest.fixture
def frame(photos):
    table = imggen.scan(photos).to_frame()
    table.index = np.arange(16)[::-1] * 3  # must be ignored
    return table


def test_a_dataframe_gives_the_same_sequence_as_its_folder(photos, frame):
    one = imggen.from_dataframe(frame, root=photos, shuffle=False, **SIZE)
    other = imggen.from_directory(photos, shuffle=False, **SIZE)
    for (x, y), (x_other, y_other) in zip(one, other, strict=True):
        assert np.array_equal(x, x_other)
        assert np.array_equal(y, y_other)


def test_a_column_can_name_the_splits(photos, frame):
    frame["fold"] = ["train"] * 10 + ["test"] * 6
    splits = imggen.from_dataframe(frame, root=photos, split="fold", **SIZE)
    assert {name: subset.samples for name, subset in splits.as_dict().items()} == {
        "train": 10,
        "test": 6,
    }


def test_groups_of_a_dataframe_stay_together(photos, frame):
    frame["patient"] = [f"p{number // 2}" for number in range(16)]
    train, val = imggen.from_dataframe(
        frame, root=photos, group_col="patient", split=(0.5, 0.5), **SIZE
    )
    groups = [set(subset.manifest.groups) for subset in (train, val)]
    assert not groups[0] & groups[1]
    assert train.samples == val.samples == 8


def test_columns_may_have_other_names(photos):
    frame = pd.DataFrame({"file": ["cat/000.png", "dog/000.png"], "kind": ["c", "d"], "w": [1, 2]})
    sequence = imggen.from_dataframe(
        frame, root=photos, x_col="file", y_col="kind", weight_col="w", shuffle=False, **SIZE
    )
    _, y, weights = sequence[0]
    assert (y.tolist(), weights.tolist()) == ([[1, 0], [0, 1]], [1, 2])


def test_a_missing_column_is_named_with_the_existing_ones(photos, frame):
    with pytest.raises(ManifestError, match=re.escape("no column 'y'; its columns are ['path'")):
        imggen.from_dataframe(frame, root=photos, y_col="y", **SIZE)


def test_a_list_of_files_with_names_as_labels(photos):
    sequence = imggen.from_files(
        ["dog/001.png", "cat/002.png"], ["dog", "cat"], root=photos, shuffle=False, **SIZE
    )
    assert sequence.class_names == ("cat", "dog")
    assert sequence[0][1].tolist() == [[0, 1], [1, 0]]


def test_ids_reach_the_loader_unchanged():
    asked = []

    def load(name):
        asked.append(name)
        return np.ones(3)

    sequence = imggen.from_files(["id-1", "id-2"], [0, 1], root="", loader=load, workers=0)
    sequence[0]
    assert sorted(asked) == ["id-1", "id-2"]


def test_files_without_labels_have_no_targets(photos):
    sequence = imggen.from_files(["cat/000.png"], root=photos, **SIZE)
    assert sequence[0].shape == (1, 24, 20, 3)


def test_a_file_without_a_label_is_named(photos):
    with pytest.raises(ManifestError, match=r"1 of 2 files have no label; the first is 'b'"):
        imggen.from_files(["a", "b"], {"a": 0})


def test_a_saved_manifest_gives_the_same_batches_elsewhere(photos, tmp_path):
    train, _ = imggen.split(imggen.scan(photos), (0.5, 0.5), seed=3)
    train.save(photos / "train.csv")
    elsewhere = photos.rename(tmp_path / "moved")
    again = imggen.Manifest.load(elsewhere / "train.csv")
    one = imggen.ImageSequence(again, seed=1, **SIZE)[0]
    moved_back = elsewhere.rename(photos)
    other = imggen.ImageSequence(train, seed=1, **SIZE)[0]
    assert moved_back == photos
    assert np.array_equal(one[1], other[1])


@pytest.mark.parametrize(
    "names",
    [
        ("train", "valid", "test"),
        ("Train", "Val", "Test"),
        ("TRAINING", "dev", "testing"),
        ("training", "Validation", "test"),
    ],
)
def test_splits_are_recognized_in_any_spelling(photos, frame, names):
    frame["subset"] = [names[0]] * 8 + [names[1]] * 5 + [names[2]] * 3
    train, val, test = imggen.from_dataframe(
        frame, root=photos, split="subset", augment=black, **SIZE
    )
    assert (train.samples, val.samples, test.samples) == (8, 5, 3)
    assert is_black(train)
    assert not is_black(val)


def test_ratios_may_use_other_names_of_splits(photos):
    splits = imggen.from_directory(
        photos, split={"Training": 0.75, "Validation": 0.25}, augment=black, **SIZE
    )
    assert splits.names == ("train", "val")
    assert is_black(splits.train)


def test_two_spellings_of_one_split_are_an_error(photos, frame):
    frame["subset"] = ["train"] * 8 + ["val"] * 4 + ["valid"] * 4
    with pytest.raises(SplitError, match="'val' and 'valid', which both mean the split 'val'"):
        imggen.from_dataframe(frame, root=photos, split="subset", **SIZE)


@pytest.mark.parametrize("options", [{"augment": black}, {"repeats": 2}, {"shuffle": True}])
def test_options_for_train_need_a_split_of_that_name(photos, options):
    with pytest.raises(OptionError, match=r"split 'train', but the splits are \['a', 'b'\]"):
        imggen.from_directory(photos, split={"a": 0.5, "b": 0.5}, **options, **SIZE)


def test_the_seed_of_a_run_repeats_it_and_does_not_change_the_split(photos):
    first = imggen.from_directory(photos, split=(0.5, 0.5), augment=with_noise, **SIZE)
    assert first.train.seed == first.val.seed
    again = imggen.from_directory(
        photos, split=(0.5, 0.5), augment=with_noise, seed=first.train.seed, **SIZE
    )
    assert np.array_equal(first.train[1][0], again.train[1][0])


def with_noise(image, rng):
    return rng.integers(0, 256, image.shape, dtype=np.uint8)


def test_a_split_seed_gives_another_split(photos):
    splits = [
        imggen.from_directory(photos, split=(0.5, 0.5), split_seed=seed, **SIZE) for seed in (0, 1)
    ]
    assert splits[0].train.filepaths != splits[1].train.filepaths


def test_rows_of_one_file_stay_in_one_split(photos, frame):
    respelt = frame.replace({"path": {"cat/000.png": "./cat/000.png"}})
    repeated = pd.concat([frame, frame, respelt])
    train, val = imggen.from_dataframe(repeated, root=photos, split=(0.5, 0.5), **SIZE)
    files = [{path.removeprefix("./") for path in subset.manifest.paths} for subset in (train, val)]
    assert not files[0] & files[1]
    assert train.samples + val.samples == 48


def test_a_folder_of_splits_is_not_a_folder_of_classes(tmp_path):
    for subset in ("train", "Validation", "test"):
        write_images(tmp_path / subset, {"a": 2})
    with pytest.raises(ScanError, match='look like splits .*split="folders"'):
        imggen.from_directory(tmp_path, **SIZE)


def test_a_table_with_two_kinds_of_targets_needs_a_label_mode(photos, frame):
    frame["boxes"], frame["points"] = [[[1, 2, 9, 9]]] * len(frame), [[[3, 4]]] * len(frame)
    columns = {
        "boxes": imggen.Boxes(col="boxes", format="pascal_voc"),
        "keypoints": imggen.Keypoints(col="points"),
    }
    options = {"root": photos, "batch_size": 4, **columns, **SIZE}
    with pytest.raises(OptionError, match="has boxes and keypoints, and targets can only be one"):
        imggen.from_dataframe(frame, **options)

    _, y = imggen.from_dataframe(frame, label_mode="keypoints", **options)[0]
    assert y.shape == (4, 1, 2)
    _, y = imggen.from_dataframe(frame, label_mode="categorical", **options)[0]
    assert y.shape == (4, 2)


@pytest.mark.parametrize("mode", ["boxes", "keypoints"])
def test_a_prediction_table_needs_classes(photos, frame, mode):
    frame["boxes"], frame["points"] = [[[1, 2, 9, 9]]] * len(frame), [[[3, 4]]] * len(frame)
    columns = {
        "boxes": imggen.Boxes(col="boxes", format="pascal_voc"),
        "keypoints": imggen.Keypoints(col="points"),
    }
    options = {"root": photos, "y_col": None, "label_mode": mode, **columns, **SIZE}
    sequence = imggen.from_dataframe(frame, **options)
    with pytest.raises(OptionError, match=rf"table of classes, and targets here are {mode}"):
        sequence.predict(None)


def test_a_policy_file_is_read_once_for_all_splits(tmp_path, monkeypatch):
    images = np.zeros((8, 4, 4, 3), np.uint8)
    policy = tmp_path / "policy.yaml"
    imggen.save_policy(policy, [imggen.augment.RandomFlip()])
    read, load = [], dispatch._load
    monkeypatch.setattr(dispatch, "_load", lambda path: read.append(path) or load(path))
    splits = imggen.from_arrays(images, [0, 1] * 4, split=(0.5, 0.25, 0.25), augment=policy, seed=1)
    assert len(read) == 1
    assert [step.name for step in splits.train.explain(0, 0).steps] == ["RandomFlip"]
