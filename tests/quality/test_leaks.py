"""find_leaks: images in more than one split, and the splits without them."""

import csv
import dataclasses
import json
import os
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import imggen
from imggen import find_leaks, scan
from imggen.errors import ExportError, OptionError, SplitError
from tests.helpers.pictures import cropped, data_of, listing, photo, smaller, write_photos


def png(seed: int) -> bytes:
    return data_of(photo(seed), "PNG")


def places(found) -> list[list[tuple[str, str]]]:
    """The (split, file name) of each file of each leak."""
    names = [os.path.basename(path) for path in found.manifest.paths]
    return [sorted((found.get_split(row), names[row]) for row in leak) for leak in found.leaks]


def files_of(parts) -> dict[str, list[str]]:
    return {
        name: [os.path.basename(path) for path in part.paths]
        for name, part in parts.as_dict().items()
    }


@pytest.fixture
def parts(tmp_path) -> dict[str, imggen.Manifest]:
    """Three folders: image 1 is in all of them, 2 in train and val, 3 in val and test."""
    pictures = {
        "train": {"cat/0.png": 0, "cat/1.png": png(1), "dog/2.png": 2, "dog/9.png": 9},
        "val": {"cat/1 too.png": png(1), "dog/2 small.png": smaller(photo(2)), "dog/3.png": 3},
        "test": {
            "cat/1 again.png": png(1),
            "dog/3 cut.png": cropped(photo(3), 0.05),
            "dog/4.png": 4,
        },
    }
    return {name: scan(write_photos(tmp_path / name, some)) for name, some in pictures.items()}


# Leaks.


def test_equal_and_similar_images_in_several_splits_are_leaks(parts):
    assert places(find_leaks(parts)) == [
        [("test", "1 again.png"), ("train", "1.png"), ("val", "1 too.png")],
        [("train", "2.png"), ("val", "2 small.png")],
        [("test", "3 cut.png"), ("val", "3.png")],
    ]


def test_near_false_finds_no_similar_images(parts):
    assert places(find_leaks(parts, near=False)) == [
        [("test", "1 again.png"), ("train", "1.png"), ("val", "1 too.png")],
    ]


def test_the_threshold_is_respected(parts):
    assert len(find_leaks(parts, threshold=1).leaks) == 1


def test_duplicates_within_one_split_are_not_leaks(tmp_path):
    train = write_photos(tmp_path / "train", {"cat/0.png": png(0), "cat/again.png": png(0)})
    val = write_photos(tmp_path / "val", {"cat/1.png": 1})
    found = find_leaks({"train": scan(train), "val": scan(val)})

    assert found.leaks == found.drop == ()
    assert len(found.duplicates.groups) == 1


def test_a_split_of_groups_of_duplicates_has_no_leaks(tmp_path):
    pictures = {f"cat/{seed}.png": seed for seed in range(8)}
    copies = {f"cat/{seed} copy.png": smaller(photo(seed)) for seed in range(8)}
    manifest = scan(write_photos(tmp_path, {**pictures, **copies}))
    together = imggen.split(imggen.find_duplicates(manifest).grouped(), (0.5, 0.5))
    apart = imggen.split(manifest, (0.5, 0.5))

    assert find_leaks(together.as_dict()).leaks == ()
    assert len(find_leaks(apart.as_dict()).leaks) > 0


@pytest.mark.parametrize("near", [True, False])
def test_a_file_listed_in_two_splits_is_a_leak(photos, near):
    manifest = scan(photos)
    found = find_leaks({"train": manifest, "val": manifest.take([3, 4])}, near=near)

    assert len(found.leaks) == 2


def test_a_file_with_two_paths_is_a_leak(photos, tmp_path):
    (tmp_path / "link").symlink_to("photos")
    found = find_leaks({"train": scan(photos), "val": scan(tmp_path / "link")}, near=False)

    assert len(found.leaks) == 16


def test_files_that_cannot_be_read_are_named(parts, tmp_path):
    (tmp_path / "val" / "cat" / "1 too.png").write_bytes(b"no image")

    assert find_leaks(parts).duplicates.unreadable == ("val/cat/1 too.png",)


def test_progress_ends_with_all_files(parts):
    told = []
    find_leaks(parts, progress=lambda *step: told.append(step))

    assert told[-1] == ("comparing", 10, 10)


# Splits of other folders and classes.


def test_all_splits_are_in_one_manifest_with_valid_paths(parts, tmp_path):
    found = find_leaks(parts)

    assert found.manifest.root == str(tmp_path)
    assert list(map(os.path.isfile, found.manifest.filepaths)) == [True] * 10
    assert list(found.manifest.splits) == ["train"] * 4 + ["val"] * 3 + ["test"] * 3


def test_folders_far_from_each_other_are_compared(tmp_path):
    train = write_photos(tmp_path / "a" / "b" / "train", {"cat/0.png": png(0)})
    val = write_photos(tmp_path / "c", {"cat/0.png": png(0), "cat/1.png": 1})
    found = find_leaks({"train": scan(train), "val": scan(val)})

    assert [list(map(found.manifest.filepath, leak)) for leak in found.leaks] == [
        [str(train / "cat/0.png"), str(val / "cat/0.png")]
    ]


def test_a_relative_and_an_absolute_root_are_compared(tmp_path, monkeypatch):
    write_photos(tmp_path / "train", {"cat/0.png": png(0)})
    write_photos(tmp_path / "val", {"cat/0.png": png(0), "cat/1.png": 1})
    monkeypatch.chdir(tmp_path)
    found = find_leaks({"train": scan("train"), "val": scan(tmp_path / "val")})

    assert len(found.leaks) == 1
    assert all(map(os.path.isfile, found.manifest.filepaths))


def test_a_split_may_be_inside_the_folder_of_another(tmp_path):
    write_photos(tmp_path, {"0.png": png(0), "held out/0.png": png(0), "held out/1.png": 1})
    train, held_out = listing(tmp_path, "0.png"), scan(tmp_path / "held out", labels=None)

    assert places(find_leaks({"train": train, "test": held_out})) == [
        [("test", "0.png"), ("train", "0.png")]
    ]


def test_classes_of_all_splits_are_matched_by_name(tmp_path):
    train = write_photos(tmp_path / "train", {"cat/0.png": 0, "dog/1.png": 1, "emu/2.png": 2})
    val = write_photos(tmp_path / "val", {"dog/3.png": 3, "ant/4.png": 4})
    manifest = find_leaks({"train": scan(train), "val": scan(val)}).manifest

    assert manifest.class_names == ("cat", "dog", "emu", "ant")
    assert [manifest.class_names[label] for label in manifest.labels] == [
        path.split("/")[1] for path in manifest.paths
    ]


def test_if_a_split_has_no_classes_the_whole_has_none(tmp_path):
    train = write_photos(tmp_path / "train", {"cat/0.png": png(0)})
    val = write_photos(tmp_path / "val", {"0.png": png(0), "1.png": 1})
    found = find_leaks({"train": scan(train), "val": scan(val, labels=None)})

    assert found.manifest.labels is None
    assert len(found.leaks) == 1
    assert found.to_frame().label.isna().all()


# The split that keeps an image.


def dropped(found) -> list[tuple[str, str]]:
    return [
        (found.get_split(row), os.path.basename(found.manifest.paths[row])) for row in found.drop
    ]


def test_a_leaked_image_is_kept_in_test_rather_than_val_and_in_val_rather_than_train(parts):
    assert dropped(find_leaks(parts)) == [
        ("train", "1.png"),
        ("train", "2.png"),
        ("val", "1 too.png"),
        ("val", "3.png"),
    ]


@pytest.mark.parametrize("order", [*permutations(["train", "val", "test"])], ids=" ".join)
def test_the_order_of_the_splits_does_not_matter(parts, order):
    found = find_leaks({name: parts[name] for name in order})

    assert found.names == ("train", "val", "test")
    assert sorted(dropped(found)) == sorted(dropped(find_leaks(parts)))


def test_splits_of_other_names_come_last_in_the_given_order(tmp_path):
    for name in "abc":
        write_photos(tmp_path / name, {"0.png": png(0), f"{name}.png": ord(name)})
    of = {name: scan(tmp_path / name, labels=None) for name in "abc"}
    found = find_leaks({"late": of["a"], "test": of["b"], "early": of["c"]})

    assert found.names == ("test", "late", "early")
    assert sorted(part for part, _ in dropped(found)) == ["late", "test"]


@pytest.mark.parametrize(
    ("name", "part"), [("Validation", "val"), ("TRAINING", "train"), ("dev", "val")]
)
def test_splits_are_known_by_their_usual_names(parts, name, part):
    other = "val" if part == "train" else "train"
    found = find_leaks({name: parts[part], other: parts[other]})

    assert set(found.names) == {"train", "val"}
    assert [name for name, _ in dropped(found)] == ["train", "train"]


def test_two_names_of_one_split_are_refused(parts):
    with pytest.raises(SplitError, match="both mean the split 'val'"):
        find_leaks({"train": parts["train"], "val": parts["val"], "valid": parts["test"]})


def test_all_files_of_a_leaked_image_are_dropped_from_all_but_the_last_split(tmp_path):
    copies = {"0.png": png(0), "again.png": png(0), "small.png": smaller(photo(0))}
    for name, more in (("train", 1), ("val", 2)):
        write_photos(tmp_path / name, {**copies, "other.png": more})
    found = find_leaks({name: scan(tmp_path / name, labels=None) for name in ("train", "val")})

    assert sorted(dropped(found)) == [("train", name) for name in sorted(copies)]


# The splits without leaks.


def test_fixed_splits_have_no_leaks(parts):
    fixed = find_leaks(parts).fix()

    assert find_leaks(fixed.as_dict()).leaks == ()


def test_fixed_splits_keep_all_other_samples(parts):
    assert files_of(find_leaks(parts).fix()) == {
        "train": ["0.png", "9.png"],
        "val": ["2 small.png"],
        "test": ["1 again.png", "3 cut.png", "4.png"],
    }


def test_fixed_splits_have_valid_paths_and_the_same_classes(parts):
    fixed = find_leaks(parts).fix()

    assert fixed.names == ("train", "val", "test")
    assert all(os.path.isfile(path) for part in fixed for path in part.filepaths)
    assert {part.class_names for part in fixed} == {("cat", "dog")}
    assert {name: set(part.splits) for name, part in fixed.as_dict().items()} == {
        name: {name} for name in fixed.names
    }


def test_a_class_of_leaks_only_is_kept(tmp_path):
    train = write_photos(tmp_path / "train", {"cat/0.png": png(0), "dog/1.png": 1})
    val = write_photos(tmp_path / "val", {"cat/0.png": png(0), "dog/2.png": 2})
    fixed = find_leaks({"train": scan(train), "val": scan(val)}).fix()

    assert fixed.train.class_counts == {"cat": 0, "dog": 1}


def test_splits_without_leaks_are_unchanged(photos):
    parts = imggen.split(scan(photos), (0.5, 0.25, 0.25))
    fixed = find_leaks(parts.as_dict()).fix()

    assert [part.filepaths for part in fixed] == [part.filepaths for part in parts]
    assert [part.labels.tolist() for part in fixed] == [part.labels.tolist() for part in parts]


@pytest.mark.parametrize("column", ["weights", "groups"])
def test_fixed_splits_keep_the_other_columns(photos, column):
    manifest = scan(photos)
    values = {
        "weights": np.arange(16, dtype=np.float32),
        "groups": imggen.core.StringColumn.of(map(str, range(16))),
    }
    manifest = dataclasses.replace(manifest, **{column: values[column]})
    parts = imggen.split(manifest, (0.5, 0.5))
    fixed = find_leaks(parts.as_dict()).fix()

    assert [list(getattr(part, column)) for part in fixed] == [
        list(getattr(part, column)) for part in parts
    ]


def test_all_rows_of_a_file_listed_twice_are_dropped(tmp_path):
    write_photos(tmp_path, {"0.png": png(0), "copy.png": png(0), "1.png": 1})
    train = listing(tmp_path, "0.png", "0.png", "1.png")
    fixed = find_leaks({"train": train, "val": listing(tmp_path, "copy.png")}).fix()

    assert list(fixed.train.paths) == ["1.png"]


def test_a_split_that_would_be_empty_is_named(tmp_path):
    train = write_photos(tmp_path / "train", {"cat/0.png": png(0)})
    val = write_photos(tmp_path / "val", {"cat/0.png": png(0), "cat/1.png": 1})
    found = find_leaks({"train": scan(train), "val": scan(val)})

    with pytest.raises(SplitError, match=r"train would be empty: all its images"):
        found.fix()


@pytest.mark.parametrize("names", [[], ["train"]])
def test_fewer_than_two_splits_are_refused(photos, names):
    with pytest.raises(SplitError, match="two or more"):
        find_leaks({name: scan(photos) for name in names})


# The table.


def test_the_table_has_a_row_for_each_file_in_a_leak(parts):
    found = find_leaks(parts)
    frame = found.to_frame()

    assert list(frame.columns) == ("leak conflict split path label is_dropped similarity".split())
    assert frame.leak.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert frame.path.tolist() == [
        found.manifest.paths[row] for leak in found.leaks for row in leak
    ]
    assert frame["split"].tolist() == [path.split("/")[0] for path in frame.path]
    assert frame.label.tolist() == [path.split("/")[1] for path in frame.path]
    assert frame.similarity.tolist()[:3] == [1, 1, 1]
    assert frame.similarity.between(0.95, 1).all()
    assert sorted(frame.path[frame.is_dropped]) == sorted(
        found.manifest.paths[row] for row in found.drop
    )


def test_a_file_that_two_splits_list_has_the_similarity_of_equal_files(tmp_path):
    folder = write_photos(tmp_path, {"0.png": 0, "1.png": 1, "1 small.png": smaller(photo(1))})
    rows = {"train": ["0.png", "1.png", "1 small.png"], "val": ["0.png", "1.png"]}
    splits = {
        name: imggen.Manifest.from_frame(pd.DataFrame({"path": paths}), root=folder, y_col=None)
        for name, paths in rows.items()
    }
    found = find_leaks(splits)
    frame = found.to_frame()
    similarity = dict(
        zip(zip(frame["split"], frame.path, strict=True), frame.similarity, strict=True)
    )

    assert [similarity[split, "0.png"] for split in ("train", "val")] == [1, 1]
    assert [similarity[split, "1.png"] for split in ("train", "val")] == [1, 1]
    assert 0.95 <= similarity["train", "1 small.png"] < 1


def test_a_saved_csv_has_the_rows_of_the_table(parts, tmp_path):
    found = find_leaks(parts)
    found.save(tmp_path / "leaks.csv")
    with (tmp_path / "leaks.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))

    assert rows == [
        list(found.to_frame().columns),
        *([str(value) for value in row] for row in found.to_frame().itertuples(index=False)),
    ]


def test_a_saved_json_has_the_rows_and_the_metadata(parts, tmp_path):
    found = find_leaks(parts, threshold=0.9)
    found.save(tmp_path / "leaks.json")

    assert json.loads((tmp_path / "leaks.json").read_text()) == {
        "num_conflicts": 0,
        "root": str(tmp_path),
        "threshold": 0.9,
        "rows": found.to_frame().to_dict("records"),
    }


def test_an_unwritable_file_is_named(parts, tmp_path):
    found = find_leaks(parts, near=False)

    with pytest.raises(OptionError, match=r"leaks\.txt"):
        found.save(tmp_path / "leaks.txt")
    with pytest.raises(ExportError, match=r"nowhere/leaks\.csv"):
        found.save(tmp_path / "nowhere" / "leaks.csv")
