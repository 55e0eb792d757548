"""Folders that imggen or a system wrote are not classes and hold no samples."""

import shutil

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen.cache.disk import DiskCache, clear_stores
from imggen.core import describe_output, mark_folder, unmark_folder
from imggen.core.output_marks import mark_name
from imggen.data import has_folders, scan, scan_splits
from imggen.data.system_names import find_system_name
from imggen.errors import OptionError, ScanError


def draw(*files):
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number * 9, 0, 0)).save(file)


@pytest.fixture
def photos(tmp_path):
    draw(*(tmp_path / "photos" / name / f"{i}.png" for name in ("cat", "dog") for i in range(2)))
    return tmp_path / "photos"


def fill_cache(folder, image):
    cache = DiskCache(folder, "settings", 1, lambda _: str(image))
    cache.get(0, lambda: np.zeros((2, 2, 3), np.uint8))
    cache.flush()


def write_outputs(folder, others):
    """Writes one output of each kind below ``folder``; returns the kind of each."""
    one = imggen.scan(others)
    fill_cache(folder / "cached", others / "ape" / "0.png")
    imggen.split_directory(one, folder / "split", (0.5, 0.5), seed=1)
    imggen.split_directory(one, folder / "folds", None, num_folds=2)
    imggen.split_directory(one, folder / "linked", (0.5, 0.5), mode="hardlink")
    imggen.augment_directory(others, folder / "more", "light", copies=1)
    (others / "ape" / "9.png").write_bytes(b"")
    imggen.verify(others).quarantine(folder / "bad")
    shutil.copytree(folder / "split", folder / "nested" / "deep" / "split")
    return {
        "cached": "cache",
        "split": "split",
        "folds": "split",
        "linked": "split",
        "more": "augmented copies",
        "bad": "quarantine",
        "nested": "split",
    }


@pytest.fixture
def others(tmp_path):
    draw(*(tmp_path / "others" / "ape" / f"{number}.png" for number in range(4)))
    return tmp_path / "others"


@pytest.mark.parametrize("place", ["", "cat", "cat/deep"])
def test_no_output_of_imggen_is_a_class_or_holds_samples(photos, others, place):
    before = scan(photos)
    (photos / place).mkdir(exist_ok=True)
    kinds = write_outputs(photos / place, others)

    after = scan(photos)
    assert (after.class_counts, list(after.paths)) == (before.class_counts, list(before.paths))
    expected = {}
    for kind in kinds.values():
        reason = f"folder written by imggen ({kind})"
        expected[reason] = expected.get(reason, 0) + 1
    assert after.skipped == expected
    assert scan(photos, labels=None).skipped == expected
    assert sorted(scan(photos, labels=None).paths) == sorted(before.paths)
    assert imggen.verify(photos).num_files == len(before)


def test_an_output_itself_can_be_scanned(photos, others):
    write_outputs(photos, others)
    assert scan(photos / "more").class_counts == {"ape": 8}
    assert set(scan_splits(photos / "split").splits) == {"train", "val"}
    assert scan(photos / "split" / "train").class_counts == {"ape": 2}


def test_a_folder_of_nothing_but_a_cache_has_no_class_folders(photos, tmp_path):
    draw(tmp_path / "flat" / "1.png")
    fill_cache(tmp_path / "flat" / "cached", tmp_path / "flat" / "1.png")
    assert not has_folders(tmp_path / "flat")
    with pytest.raises(ScanError, match=r"skipped: 1 folder written by imggen \(cache\)"):
        scan(tmp_path / "flat")


def test_a_cache_without_a_mark_is_recognized(photos):
    fill_cache(photos / "cached", photos / "cat" / "0.png")
    (photos / "cached" / ".imggen-cache").unlink()
    assert scan(photos).class_counts == {"cat": 2, "dog": 2}
    fill_cache(photos, photos / "cat" / "0.png")  # in the dataset itself, which is not marked
    assert not (photos / ".imggen-cache").exists()
    assert scan(photos).skipped == {"folder written by imggen (cache)": 2}


def test_a_cleared_cache_is_still_not_a_class(photos):
    fill_cache(photos / "cached", photos / "cat" / "0.png")
    clear_stores(photos / "cached")
    assert scan(photos).class_counts == {"cat": 2, "dog": 2}


def test_only_folders_without_other_files_are_marked(photos):
    mark_folder(photos / "cat", "cache")
    assert scan(photos).class_counts == {"cat": 2, "dog": 2}
    (photos / "new").mkdir()
    mark_folder(photos / "new", "cache")
    assert describe_output(photos / "new") == "cache"
    unmark_folder(photos / "new", "cache")  # still empty
    assert describe_output(photos / "new") == "cache"
    draw(photos / "new" / "1.png")
    unmark_folder(photos / "new", "cache")
    assert describe_output(photos / "new") is None
    mark_folder(photos / "nowhere", "cache")  # cannot be written, which is no error
    with pytest.raises(OptionError, match="kind='other'"):
        mark_name("other")


def test_a_folder_that_class_names_names_is_a_class_whatever_it_is(photos, others):
    imggen.augment_directory(others / "ape", photos / "ape", "light", copies=1)
    draw(photos / ".hidden" / "1.png", photos / "@tmp" / "1.png", photos / "@eaDir" / "1.png")
    names = ["ape", ".hidden", "dog", "@tmp"]
    found = scan(photos, class_names=names)
    assert found.class_counts == {"ape": 8, ".hidden": 1, "dog": 2, "@tmp": 1}
    assert found.skipped["folder not in class_names"] == 1
    assert found.skipped["system folder (@eaDir)"] == 1
    for name in ("../others", "cat/../dog", "."):
        with pytest.raises(ScanError, match="no such folder"):
            scan(photos, class_names=["cat", name])


SYSTEM_FOLDERS = [
    *"@eaDir #recycle @Recycle @Recently-Snapshot #snapshot @tmp @__thumb lost+found".split(),
    *"@Transcode RECYCLER".split(),
    *"$RECYCLE.BIN __pycache__ __MACOSX ~snapshot OneDriveTemp FOUND.000".split(),
    *"$WINDOWS.~BT $WinREAgent Config.Msi msdownld.tmp _vti_cnf".split(),
    "System Volume Information",
    "Network Trash Folder",
    "Temporary Items",
]
SYSTEM_FILES = ["Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r", "~$1.png", "Picasa.ini"]
HIDDEN_FOLDERS = """.ipynb_checkpoints .thumbnails .Trash-1000 .Trashes .dropbox.cache .stfolder
.sync .AppleDouble .@__thumb .snapshot .git .imggen-split""".split()
HIDDEN_FILES = ["._1.png", ".DS_Store", ".nfs0000001.png", ".fuse_hidden0001.png"]
OTHER_FILES = [
    "1.png.part",
    "2.png.crdownload",
    "3.png.tmp",
    "4.png@SynoEAStream",
    "5.jpg.filepart",
]


def test_what_systems_leave_is_skipped_counted_and_named(photos):
    clean = list(scan(photos).paths)
    for place in (photos, photos / "cat", photos / "cat" / "deep"):
        for name in SYSTEM_FOLDERS + HIDDEN_FOLDERS[:-1]:
            draw(place / name / "1.png", place / name / "2" / "1.png")
        for name in SYSTEM_FILES + HIDDEN_FILES + OTHER_FILES:
            draw(place / "x.png")
            (place / "x.png").rename(place / name)
    for found in (scan(photos), scan(photos, labels=None)):
        assert sorted(found.paths) == sorted(clean)
        for name in SYSTEM_FOLDERS:
            assert found.skipped[f"system folder ({name})"] == 3
        for name in ("Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\\r", "~$*", "Picasa.ini"):
            assert found.skipped[f"system file ({name})"] == 3
        assert found.skipped["hidden"] == 3 * (len(HIDDEN_FOLDERS) - 1 + len(HIDDEN_FILES))
        assert found.skipped["not an image (.part)"] == 3
    assert scan(photos, extensions=["db", "png"]).class_counts == {"cat": 2, "dog": 2}


def test_only_exact_names_count(tmp_path):
    names = """cache caches split splits train2 augment recycle Recycle recycled snapshot tmp temp
    recycler Recycler CVS cvs Transcode
    thumbs thumbnails @ # ~ ~cat lost found found.00 pycache eaDir @eaDir2 icon Icon desktop trash
    quarantine report demo 0123456789abcdef""".split()
    for name in names:
        assert find_system_name(name) is None
        draw(tmp_path / name / "1.png", tmp_path / name / "~1.png", tmp_path / name / "$1.png")
    (tmp_path / "cache" / "about.txt").write_text("imggen cache, format 1\n")
    found = scan(tmp_path)
    assert found.class_counts == dict.fromkeys(sorted(names), 3)
    assert found.skipped == {"not an image (.txt)": 1}


def test_records_of_cvs_are_not_a_class(photos):
    clean = list(scan(photos).paths)
    for place in (photos, photos / "cat"):
        (place / "CVS").mkdir()
        (place / "CVS" / "Entries").write_text("/0.png/1.1/Thu Jan  1 00:00:00 1970/-kb/\n")
        draw(place / "CVS" / "Base" / "1.png")
    assert list(scan(photos).paths) == clean
    assert scan(photos).skipped == {"system folder (CVS)": 2}


def test_splits_hold_no_such_folders(tmp_path, others):
    root = tmp_path / "data"
    draw(*(root / split / "ape" / "1.png" for split in ("train", "val")))
    for place in (root, root / "train", root / "val", root / "val" / "ape"):
        draw(place / "@eaDir" / "1.png")
        fill_cache(place / "cached", others / "ape" / "0.png")
    found = scan_splits(root)
    assert list(found.paths) == ["train/ape/1.png", "val/ape/1.png"]
    assert found.skipped == {
        "system folder (@eaDir)": 4,
        "folder written by imggen (cache)": 4,
    }
    # Copies of the train split are the train split, if they are in its place.
    shutil.rmtree(root / "train")
    imggen.augment_directory(others, root / "train", "light", copies=1)
    assert list(scan_splits(root).splits) == ["train"] * 8 + ["val"]


def test_folders_of_masks_and_inputs_hold_no_such_folders_either(photos, others):
    masks = photos.with_name("masks")
    shutil.copytree(photos, masks)
    draw(masks / "cat" / "@eaDir" / "0.png", masks / "cat" / "._0.png")
    fill_cache(masks / "cached", masks / "cat" / "0.png")
    found = scan(photos, mask_dir=masks, input_dirs={"depth": masks})
    expected = {"system folder (@eaDir)": 1, "hidden": 1, "folder written by imggen (cache)": 1}
    assert found.skipped == {
        f"{noun}: {reason}": count
        for noun in ("masks", "input 'depth'")
        for reason, count in expected.items()
    }
    assert scan(photos).skipped == {}
