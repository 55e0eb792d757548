"""split_directory with counts, groups, stable splits, folds and oversampling."""

import os
from pathlib import Path

import numpy as np
import pytest

import imggen
from imggen import split_directory
from imggen.errors import ExportError, SplitError
from tests.helpers.split_files import (
    HALF,
    everything_in,
    files_in,
    numbered,
    part_of,
    visible_in,
    without_part,
    write_files,
)

# Counts, groups, given splits, stable splits.


def test_counts_set_the_size_of_val_and_test_per_class(photos, tmp_path):
    parts = split_directory(photos, tmp_path / "out", counts=(1, 2))

    assert [part.class_counts for part in parts] == [
        {"cat": 5, "dog": 5},
        {"cat": 1, "dog": 1},
        {"cat": 2, "dog": 2},
    ]
    assert len(files_in(tmp_path / "out")) == 16


def test_counts_may_be_numpy_integers(photos, tmp_path):
    parts = split_directory(photos, tmp_path / "out", counts=(np.int64(1), np.int64(2)))

    assert list(map(len, parts)) == [10, 2, 4]


def test_a_mapping_may_hold_numpy_integers(photos, tmp_path):
    parts = split_directory(photos, tmp_path / "out", counts={"val": np.int64(1)})

    assert list(map(len, parts)) == [14, 2]


@pytest.mark.parametrize("seed", range(4))
def test_a_group_stays_in_one_split(tmp_path, seed):
    names = [f"{name}/p{number // 3}_{number}.png" for name in ("a", "b") for number in range(24)]
    photos = write_files(tmp_path / "photos", *names)
    split_directory(photos, tmp_path / "out", HALF, seed=seed, group_by=r"/(p\d+)_")
    parts = {
        (Path(name).name.partition("_")[0], part)
        for name, part in part_of(tmp_path / "out").items()
    }

    assert len(parts) == 8


def test_groups_may_be_the_parent_folders(tmp_path):
    names = [f"{name}/{folder}/{k}.png" for name in "ab" for folder in "uvwx" for k in range(3)]
    photos = write_files(tmp_path / "photos", *names)
    split_directory(photos, tmp_path / "out", HALF, group_by="parent")
    parts = {(os.path.dirname(name), part) for name, part in part_of(tmp_path / "out").items()}

    assert len(parts) == 8


def test_groups_may_come_from_a_function_which_resumes_the_split(photos, tmp_path):
    def number(path):
        return path[-7:-4]

    for _ in range(2):
        split_directory(photos, tmp_path / "out", HALF, group_by=number)
    parts = part_of(tmp_path / "out")

    assert all(parts[f"cat/{n:03d}.png"] == parts[f"dog/{n:03d}.png"] for n in range(8))


def test_groups_may_come_from_a_callable_without_a_name(photos, tmp_path):
    class Stems:
        def __call__(self, path):
            return path[:-4]

    split_directory(photos, tmp_path / "out", HALF, group_by=Stems())

    assert len(files_in(tmp_path / "out")) == 16


def test_without_classes_files_are_directly_in_the_splits(photos, tmp_path):
    parts = split_directory(imggen.scan(photos / "cat", labels=None), tmp_path / "out", HALF)

    assert sorted(map(without_part, files_in(tmp_path / "out"))) == sorted(
        os.listdir(photos / "cat")
    )
    assert list(map(len, parts)) == [4, 2, 2]
    assert all(part.labels is None for part in parts)


def test_without_ratios_the_splits_of_the_manifest_are_exported(photos, tmp_path):
    names = numbered("cat", 8)
    frame = imggen.scan(photos).to_frame().assign(split=["Validation"] * 8 + ["training"] * 8)
    manifest = imggen.Manifest.from_frame(frame, root=photos, split_col="split")
    split_directory(manifest, tmp_path / "out", None)

    assert {name for name, part in part_of(tmp_path / "out").items() if part == "val"} == set(names)


@pytest.mark.filterwarnings("ignore:A stable split is random")
def test_a_stable_split_keeps_files_in_their_splits_when_others_are_added(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 40), *numbered("dog", 40))
    split_directory(photos, tmp_path / "first", HALF, stable=True)
    write_files(photos, *(f"cat/more{number}.png" for number in range(40)))
    split_directory(photos, tmp_path / "second", HALF, stable=True)
    first, second = part_of(tmp_path / "first"), part_of(tmp_path / "second")

    assert len(second) == 120
    assert first.items() <= second.items()


@pytest.mark.filterwarnings("ignore:A stable split is random")
def test_a_stable_split_depends_on_content_and_not_on_names(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 40))
    split_directory(photos, tmp_path / "first", HALF, stable=True)
    for name in numbered("cat", 40):
        (photos / name).rename(photos / name.replace("/", "/new"))
    split_directory(photos, tmp_path / "second", HALF, stable=True)
    first, second = part_of(tmp_path / "first"), part_of(tmp_path / "second")

    assert {name.replace("/", "/new"): part for name, part in first.items()} == second


def test_near_duplicates_and_stable_exclude_each_other(photos, tmp_path):
    with pytest.raises(SplitError, match="exclude each other"):
        split_directory(photos, tmp_path / "out", near_duplicates=True, stable=True)

    assert visible_in(tmp_path) == ["photos"]


# Folds.


def test_each_image_is_in_val_of_one_fold_and_in_train_of_the_others(photos, tmp_path):
    split_directory(photos, tmp_path / "out", num_folds=4)
    in_val = [name for name in files_in(tmp_path / "out") if name.split("/")[1] == "val"]
    everything = sorted(files_in(photos))

    assert sorted(name.split("/", 2)[2] for name in in_val) == everything
    for number in range(4):
        fold = files_in(tmp_path / "out" / f"fold_{number}")
        assert {without_part(name): data for name, data in fold.items()} == files_in(photos)
        assert sorted(map(without_part, fold)) == everything


def test_folds_are_splits_named_by_fold(photos, tmp_path):
    parts = split_directory(photos, tmp_path / "out", num_folds=2)

    assert parts.names == ("fold_0/train", "fold_0/val", "fold_1/train", "fold_1/val")
    assert visible_in(tmp_path / "out") == ["fold_0", "fold_1"]
    for name, part in parts.as_dict().items():
        found = sorted(str(path) for path in (tmp_path / "out" / name).glob("*/*"))
        assert sorted(part.filepaths) == found
        assert part.class_counts == {"cat": 4, "dog": 4}


@pytest.mark.parametrize("mode", ["symlink", "hardlink"])
def test_folds_may_be_links(photos, tmp_path, mode):
    split_directory(photos, tmp_path / "out", num_folds=3, mode=mode)

    assert len(files_in(tmp_path / "out")) == 3 * 16
    for name in files_in(tmp_path / "out"):
        assert os.path.samefile(tmp_path / "out" / name, photos / name.split("/", 2)[2])


def test_moving_to_folds_is_refused_and_moves_no_file(photos, tmp_path):
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match="would be in several places, .* cannot be moved"):
        split_directory(photos, tmp_path / "out", num_folds=3, mode="move")

    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("more", [{"stable": True}, {"counts": (1, 1)}])
def test_folds_exclude_counts_and_stable(photos, tmp_path, more):
    with pytest.raises(SplitError, match="num_folds="):
        split_directory(photos, tmp_path / "out", num_folds=3, **more)

    assert visible_in(tmp_path) == ["photos"]


# Oversampling.


@pytest.fixture
def uneven(tmp_path) -> Path:
    return write_files(tmp_path / "uneven", *numbered("cat", 20), *numbered("dog", 5))


@pytest.mark.parametrize("mode", ["copy", "symlink", "hardlink"])
def test_rare_classes_are_repeated_in_train_under_names_with_a_number(uneven, tmp_path, mode):
    parts = split_directory(uneven, tmp_path / "out", (0.6, 0.2, 0.2), oversample=True, mode=mode)
    dogs = files_in(tmp_path / "out" / "train" / "dog")

    assert parts.train.class_counts == {"cat": 12, "dog": 12}
    assert len(dogs) == 12
    assert {name.partition("-")[0].removesuffix(".png") for name in dogs} == {
        Path(data.decode()).stem for data in dogs.values()
    }
    assert {data.decode().partition("/")[0] for data in dogs.values()} == {"dog"}


def test_validation_and_test_images_are_not_repeated(uneven, tmp_path):
    parts = split_directory(uneven, tmp_path / "out", (0.6, 0.2, 0.2), oversample=True)

    assert parts.val.class_counts == parts.test.class_counts == {"cat": 4, "dog": 1}


def test_the_train_split_of_every_fold_is_balanced(uneven, tmp_path):
    parts = split_directory(uneven, tmp_path / "out", num_folds=5, oversample=True)

    for train, val in zip(parts[::2], parts[1::2], strict=True):
        assert train.class_counts == {"cat": 16, "dog": 16}
        assert val.class_counts == {"cat": 4, "dog": 1}


def test_moving_with_oversampling_is_refused_and_moves_no_file(uneven, tmp_path):
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match="would be in several places, .* cannot be moved"):
        split_directory(uneven, tmp_path / "out", oversample=True, mode="move")

    assert everything_in(tmp_path) == before
