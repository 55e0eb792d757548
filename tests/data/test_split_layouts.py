"""Splits and folds are not classes; classes with the names of splits are."""

import shutil

import pytest

import imggen
from imggen.data import scan, scan_any, scan_splits
from imggen.errors import ScanError
from tests.helpers.command_line import invoke
from tests.helpers.images import write_images


@pytest.fixture
def photos(tmp_path):
    return write_images(tmp_path / "photos", {"cat": 6, "dog": 6})


@pytest.fixture
def folds(photos, tmp_path):
    assert invoke("split", photos, tmp_path / "kf", "--kfold", 3).exit_code == 0
    return tmp_path / "kf"


@pytest.mark.parametrize("marked", [True, False])
def test_folds_are_not_classes(folds, tmp_path, marked):
    if not marked:
        shutil.rmtree(folds / ".imggen-split")
    expected = (
        r"kf' holds \['fold_0', 'fold_1', 'fold_2'\], which are folds and not classes\. Pass the "
        r"folder to kfold_sequences: for train, val in kfold_sequences\(DIR\); for a single fold, "
        r'pass split="folders" and the folder of the fold to from_directory\.'
    )
    for call in (scan, scan_any, scan_splits, imggen.from_directory):
        with pytest.raises(ScanError, match=expected):
            call(folds)
    with pytest.raises(ScanError, match="which are folds"):
        imggen.split_directory(folds, tmp_path / "again")
    with pytest.raises(ScanError, match="which are folds"):
        imggen.from_directory(folds, split="folders")
    for verb in ("scan", "split"):
        result = invoke(verb, folds, *([tmp_path / "again"] if verb == "split" else []))
        assert result.exit_code == 1
        assert result.stderr.endswith(
            "which are folds and not classes. Pass train or val of one of them; in Python, "
            "kfold_sequences yields each fold.\n"
        )
    # The user's own word.
    assert scan(folds, class_names=["fold_0", "fold_1"]).class_counts == {
        "fold_0": 12,
        "fold_1": 12,
    }
    assert len(scan(folds, labels=None)) == 36


@pytest.mark.parametrize("name", ["fold_1", "best", "Fold 2", "cat2"])
def test_a_single_fold_elsewhere_is_not_a_class(photos, folds, tmp_path, name):
    shutil.copytree(folds / "fold_1", tmp_path / "alone")
    with pytest.raises(ScanError, match=r"\['train', 'val'\], which look like splits"):
        scan(tmp_path / "alone")
    shutil.copytree(folds / "fold_1", photos / name)
    with pytest.raises(
        ScanError,
        match=rf"photos' holds \['{name}'\] with \['train', 'val'\] inside, which looks like a "
        r"part of a dataset and not like a class\. Move it out of the folder; or, to choose",
    ):
        scan(photos)
    assert scan(photos, class_names=["cat", "dog"]).class_counts == {"cat": 6, "dog": 6}


def test_folds_without_classes_are_recognized(tmp_path):
    flat = write_images(tmp_path, {"flat": 6}) / "flat"
    imggen.split_directory(flat, tmp_path / "kf", num_folds=2)
    with pytest.raises(ScanError, match="which are folds and not classes"):
        scan(tmp_path / "kf")
    shutil.copytree(tmp_path / "kf" / "fold_1", tmp_path / "data" / "fold_1")
    write_images(tmp_path / "data", {"cat": 1})
    with pytest.raises(ScanError, match=r"\['fold_1'\] with \['train', 'val'\] inside"):
        scan(tmp_path / "data")


@pytest.mark.parametrize("names", [["val", "test"], ["train"], ["Test"], ["valid", "train"]])
def test_splits_that_hold_classes_are_not_classes(tmp_path, names):
    for name in names:
        write_images(tmp_path / name, {"cat": 1, "dog": 1})
    with pytest.raises(ScanError, match="which look like splits and not like classes"):
        scan(tmp_path)


def test_a_split_next_to_the_classes_that_it_holds_is_not_a_class(photos):
    write_images(photos / "train", {"cat": 1, "dog": 1})
    with pytest.raises(ScanError, match=r"\['train'\] with \['cat', 'dog'\] inside"):
        scan(photos)


@pytest.mark.parametrize(
    "layout",
    [
        {"cat": 1, "test": 1},
        {"val": 1, "test": 1},
        {"train": 1, "plane": 1},
        {"train/steam": 1, "train/electric": 1, "plane/jet": 1},
        {"test/left": 1, "cat/left": 1},
        {"cat/train": 1, "cat/val": 1, "dog/train": 1, "dog/val": 1},
        {"cat/train/monday": 1, "cat/val/tuesday": 1, "dog/train/friday": 1, "dog/val/sunday": 1},
        {"fold_0": 1, "fold_1": 1},
        {"fold_0/up": 1, "fold_1/down": 1},
        {"fold_0/train": 1, "cat": 1},
        {"test": 1},
    ],
)
def test_classes_with_the_names_of_splits_are_classes(tmp_path, layout):
    write_images(tmp_path, layout)
    expected = {}
    for name, count in layout.items():
        first = name.partition("/")[0]
        expected[first] = expected.get(first, 0) + count
    assert scan(tmp_path).class_counts == dict(sorted(expected.items()))


def test_a_class_folder_is_not_listed_to_its_end(photos, monkeypatch):
    import imggen.data.split_layout as module

    seen = []
    scandir = module.os.scandir

    class Entries:
        def __init__(self, path):
            self.entries = scandir(path)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.entries.close()

        def __iter__(self):
            for entry in self.entries:
                seen.append(entry.name)
                yield entry

    monkeypatch.setattr(module.os, "scandir", Entries)
    module.find_split_layout(str(photos), ["cat", "dog"])
    assert 2 <= len(seen) <= 4
