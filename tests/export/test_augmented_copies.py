"""Augmented copies on disk: names, numbers, resumed runs and errors."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

import imggen
from imggen import Boxes, Keypoints, augment_directory
from imggen.augment import Pipeline, Sample
from imggen.cli import main
from imggen.core.rng import Stream, step_generators
from imggen.errors import AugmentationError, ExportError, OptionError
from tests.helpers.images import write_images

TURN = imggen.augment.RandomRotation((-30, 30))


def files_of(folder):
    """The bytes of every visible file below a folder."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and ".imggen-augment" not in file.parts
    }


def pixels_of(file):
    with Image.open(file) as image:
        return np.array(image)


def test_originals_and_copies_are_in_the_folders_of_their_classes(photos, tmp_path):
    made = augment_directory(photos, tmp_path / "made", TURN, copies=2)
    assert (made.num_originals, made.num_copies, made.unread) == (16, 32, ())
    found = imggen.scan(tmp_path / "made")
    assert found.class_counts == {"cat": 24, "dog": 24}
    assert sorted(found.paths)[:3] == [
        "cat/000-png-aug0.png",
        "cat/000-png-aug1.png",
        "cat/000.png",
    ]


def test_originals_are_copied_byte_by_byte(photos, tmp_path):
    augment_directory(photos, tmp_path / "made", TURN, copies=1)
    made = files_of(tmp_path / "made")
    for name, data in files_of(photos).items():
        assert made[name] == data


def test_a_copy_depends_on_seed_number_and_image_alone(photos, tmp_path):
    augment_directory(photos, tmp_path / "made", TURN, copies=3, seed=5)
    pixels = pixels_of(photos / "cat" / "004.png")
    expected = Pipeline([TURN])(
        Sample(pixels), step_generators(5, Stream.AUGMENT, 2, 4), "here"
    ).sample.image
    np.testing.assert_array_equal(pixels_of(tmp_path / "made/cat/004-png-aug2.png"), expected)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_any_number_of_threads_makes_the_same_files(photos, tmp_path, workers):
    augment_directory(photos, tmp_path / "one", "medium", copies=2, workers=1)
    augment_directory(photos, tmp_path / "other", "medium", copies=2, workers=workers)
    one, other = files_of(tmp_path / "one"), files_of(tmp_path / "other")
    assert one == other


def test_names_that_differ_only_by_extension_do_not_collide(tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    for ending in ("png", "jpg", "bmp"):
        Image.new("RGB", (8, 8), "red").save(tmp_path / "in" / "a" / f"x.{ending}")
    made = augment_directory(tmp_path / "in", tmp_path / "out", TURN, copies=2)
    assert made.num_copies == 6
    assert len(files_of(tmp_path / "out")) == 3 + 6 + 3  # and three tables
    assert (tmp_path / "out/a/x-jpg-aug0.jpg").exists()


def test_nested_folders_stay(tmp_path):
    write_images(tmp_path / "in" / "a", {"deep": 1})
    augment_directory(tmp_path / "in", tmp_path / "out", TURN, copies=1)
    assert (tmp_path / "out/a/deep/000-png-aug0.png").exists()


def test_rare_classes_become_as_large_as_the_largest(tmp_path):
    write_images(tmp_path / "in", {"many": 10, "few": 3, "one": 1})
    made = augment_directory(tmp_path / "in", tmp_path / "out", TURN, copies=1, balance=True)
    assert made.manifest.class_counts == {"few": 20, "many": 20, "one": 20}
    per_original = np.unique(np.array(list(made.manifest.groups)), return_counts=True)[1]
    assert set(per_original[:3]) == {6, 7}  # as evenly as 20 of 3 can be


def test_balance_alone_leaves_the_largest_class_as_it_is(tmp_path):
    write_images(tmp_path / "in", {"many": 4, "few": 3})
    made = augment_directory(tmp_path / "in", tmp_path / "out", TURN, copies=0, balance=True)
    assert (made.num_originals, made.num_copies) == (7, 1)


def test_the_table_has_the_parameters_of_each_copy(photos, tmp_path):
    augment_directory(photos, tmp_path / "made", [imggen.augment.RandomFlip(), TURN], copies=2)
    with (tmp_path / "made/augmentations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 32
    assert rows[1]["path"] == "cat/000-png-aug1.png"
    assert (rows[1]["source"], rows[1]["copy"]) == ("cat/000.png", "1")
    flip, turn = json.loads(rows[1]["parameters"])
    assert list(flip) == ["RandomFlip"]
    assert -30 <= turn["RandomRotation"]["degrees"] <= 30


def test_a_split_of_the_manifest_keeps_copies_with_their_original(photos, tmp_path):
    augment_directory(photos, tmp_path / "made", TURN, copies=2)
    manifest = imggen.Manifest.load(tmp_path / "made/manifest.csv")
    train, test = imggen.split(manifest, (0.5, 0.5))
    assert not set(train.groups) & set(test.groups)
    assert len(train) == len(test) == 24


def test_copies_have_the_weights_splits_and_groups_of_their_originals(photos, tmp_path):
    frame = (
        imggen.scan(photos)
        .to_frame()
        .assign(weight=np.arange(16.0), split=["train", "val"] * 8, group=["left", "right"] * 8)
    )
    columns = {"weight_col": "weight", "split_col": "split", "group_col": "group"}
    manifest = imggen.Manifest.from_frame(frame, root=photos, **columns)
    made = augment_directory(manifest, tmp_path / "made", TURN, copies=1).manifest
    for name in ("weights", "splits", "groups"):
        expected = [value for value in getattr(manifest, name) for _ in range(2)]
        assert list(getattr(made, name)) == expected


def test_all_images_have_the_size_that_is_asked_for(photos, tmp_path):
    augment_directory(photos, tmp_path / "made", TURN, copies=1, image_size=(10, 14))
    shapes = {pixels_of(file).shape for file in (tmp_path / "made").rglob("*.png")}
    assert shapes == {(10, 14, 3)}


def test_a_file_that_cannot_be_read_is_left_out_and_counted(photos, tmp_path):
    (photos / "cat/003.png").write_bytes(b"broken")
    made = augment_directory(photos, tmp_path / "made", TURN, copies=1)
    assert (made.num_originals, made.num_copies) == (15, 15)
    assert [os.path.basename(one.path) for one in made.unread] == ["003.png"]
    assert not list((tmp_path / "made/cat").glob("003*"))


def test_a_repeated_call_writes_no_file_again(photos, tmp_path):
    augment_directory(photos, tmp_path / "made", TURN, copies=2)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "made/cat").iterdir()}
    augment_directory(photos, tmp_path / "made", TURN, copies=2)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "made/cat").iterdir()} == before


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"copies": 3}, r"copies=2 \(now 3\)"),
        ({"seed": 1}, r"seed=0 \(now 1\)"),
        ({"augment": "light"}, "another augment="),
        ({"balance": True}, r"balance=False \(now True\)"),
        ({"image_size": (8, 8)}, r"image_size=None \(now \[8, 8\]\)"),
    ],
)
def test_a_call_with_other_settings_is_refused(photos, tmp_path, changed, named):
    augment_directory(photos, tmp_path / "made", TURN, copies=2)
    options = {"augment": TURN, "copies": 2, **changed}
    with pytest.raises(ExportError, match=named):
        augment_directory(photos, tmp_path / "made", options.pop("augment"), **options)


def test_a_folder_with_other_files_is_refused(photos, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made/mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="is not empty"):
        augment_directory(photos, tmp_path / "made", TURN)
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["mine.txt"]


def test_a_file_that_an_earlier_call_could_read_is_left_out_once_it_is_broken(photos, tmp_path):
    augment_directory(photos, tmp_path / "made", TURN, copies=1)
    (photos / "cat/003.png").write_bytes(b"broken")
    (tmp_path / "made/cat/003-png-aug0.png").unlink()
    made = augment_directory(photos, tmp_path / "made", TURN, copies=1)
    assert (made.num_originals, made.num_copies) == (15, 15)
    assert all(os.path.exists(path) for path in made.manifest.filepaths)
    assert "cat/003.png" not in (tmp_path / "made/augmentations.csv").read_text()


@pytest.mark.parametrize("target", ["photos", "photos/made", "."])
def test_the_program_writes_no_copies_into_its_source(photos, tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    told = CliRunner().invoke(main, ["augment", "photos", target, "--copies", "1"])
    assert told.exit_code == 1
    assert "contains the other" in told.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_images_without_classes_are_copied_too(photos, tmp_path):
    made = augment_directory(photos / "cat", tmp_path / "made", TURN, copies=1)
    assert (made.num_originals, made.num_copies) == (8, 8)
    assert made.manifest.labels is None


def test_a_manifest_of_class_folders_gets_no_copies_among_them(photos, tmp_path):
    manifest = imggen.scan(photos)
    with pytest.raises(ExportError, match="contains the other"):
        augment_directory(manifest, photos / "made", TURN)
    assert augment_directory(manifest, tmp_path / "made", TURN, copies=1).num_copies == 16


def test_a_table_may_be_next_to_the_target_but_no_image_inside(photos, tmp_path):
    files = [f"photos/{path}" for path in imggen.scan(photos).paths]
    manifest = imggen.Manifest.from_files(files, root=tmp_path)
    made = augment_directory(manifest, tmp_path / "made", TURN, copies=1)
    assert made.num_copies == 16
    with pytest.raises(ExportError, match=r"One of '.*photos' and '.*png' contains the other"):
        augment_directory(manifest, photos, TURN, copies=1)


@pytest.mark.parametrize("what", ["masks", "inputs", "boxes", "keypoints"])
def test_images_with_masks_or_other_attachments_are_refused(photos, tmp_path, what):
    column = ["cat/000.png"] if what in ("masks", "inputs") else [[[1, 2, 3, 4]]]
    frame = pd.DataFrame({"path": ["cat/000.png"], "more": column})
    options = {
        "masks": {"mask_col": "more"},
        "inputs": {"input_cols": {"other": "more"}},
        "boxes": {"boxes": Boxes(col="more", format="pascal_voc")},
        "keypoints": {"keypoints": Keypoints(col="more", format="xyas")},
    }[what]
    manifest = imggen.Manifest.from_frame(frame, root=photos, y_col=None, **options)
    with pytest.raises(OptionError, match=r"which would be lost\. Augment them while training"):
        augment_directory(manifest, tmp_path / "made", TURN)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("place", ["photos", "photos/made", "."])
def test_nested_folders_are_refused(photos, tmp_path, place):
    with pytest.raises(ExportError, match="contains the other"):
        augment_directory(photos, tmp_path / place, TURN)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"copies": -1}, "copies=-1"),
        ({"copies": 1.5}, r"copies=1\.5"),
        ({"seed": -1}, "seed=-1"),
        ({"augment": imggen.augment.MixUp()}, "MixUp mixes labels"),
        ({"augment": imggen.augment.RandomCrop()}, "RandomCrop cuts a window out of images"),
        ({"augment": None}, "holds no augmentation"),
        ({"augment": lambda image, mask: (image, mask)}, "failed on samples without a mask"),
    ],
)
def test_invalid_options_are_refused_before_a_file_is_written(photos, tmp_path, options, named):
    options = {"augment": TURN, **options}
    with pytest.raises((OptionError, AugmentationError), match=named):
        augment_directory(photos, tmp_path / "made", options.pop("augment"), **options)
    assert not (tmp_path / "made").exists()


def test_balance_needs_classes(photos, tmp_path):
    with pytest.raises(OptionError, match="balance=True needs classes"):
        augment_directory(imggen.scan(photos, labels=None), tmp_path / "made", TURN, balance=True)


def test_an_augmentation_that_breaks_its_contract_is_named(photos, tmp_path):
    with pytest.raises(AugmentationError, match=r"'shrink' returned .*000\.png.*copy 0"):
        augment_directory(photos, tmp_path / "made", shrink, workers=1)


def shrink(image):
    return image[:4]


@pytest.mark.timeout(240)
def test_a_killed_run_is_resumed(tmp_path):
    write_images(tmp_path / "in", {"a": 40, "b": 40}, size=(150, 150))
    augment_directory(tmp_path / "in", tmp_path / "whole", "medium", copies=4)
    command = [sys.executable, "-m", "imggen", "augment", str(tmp_path / "in")]
    target = tmp_path / "killed"
    kills = 0
    for pause in (0.1, 0.4, 0.8):
        run = subprocess.Popen([*command, str(target), "--copies", "4", "--workers", "1"])
        while not list(target.rglob("*-aug*")) and run.poll() is None:
            time.sleep(0.01)
        time.sleep(pause)
        kills += run.poll() is None
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert kills
    done = CliRunner().invoke(main, ["augment", str(tmp_path / "in"), str(target), "--copies", "4"])
    assert done.exit_code == 0, done.output
    assert "80 originals and 320 copies" in done.output
    whole, killed = files_of(tmp_path / "whole"), files_of(target)
    assert {name for name in killed if not name.endswith(".csv.json")} == {
        name for name in whole if not name.endswith(".csv.json")
    }
    for name, data in whole.items():
        if name.endswith(".png"):
            assert killed[name] == data


def test_a_full_disk_is_reported_and_the_run_resumes_once_there_is_space(tmp_path, small_disk):
    from tests.helpers.disks import remount

    write_images(tmp_path / "in", {"a": 12}, size=(60, 60))
    with pytest.raises(
        ExportError, match=r"The disk is full: stopped when \d+ of 60 files were in"
    ):
        augment_directory(tmp_path / "in", small_disk / "made", TURN, copies=4)
    remount(small_disk, "size=8m")
    made = augment_directory(tmp_path / "in", small_disk / "made", TURN, copies=4)
    assert (made.num_originals, made.num_copies) == (12, 48)
    for file in (small_disk / "made").rglob("*.png"):
        assert pixels_of(file).shape == (60, 60, 3)


def test_the_command_prints_counts_and_unreadable_files(photos, tmp_path):
    (photos / "dog/001.png").write_bytes(b"broken")
    told = CliRunner().invoke(
        main, ["augment", str(photos), str(tmp_path / "made"), "--policy", "light", "--copies", "2"]
    )
    assert told.exit_code == 1
    assert "cat: 24\ndog: 21\n" in told.output
    assert "15 originals and 30 copies" in told.output
    assert "cannot read" in told.stderr


def test_a_missing_copy_is_made_again(photos, tmp_path):
    augment_directory(photos, tmp_path / "made", TURN, copies=2)
    gone = tmp_path / "made/dog/005-png-aug1.png"
    before = gone.read_bytes()
    gone.unlink()
    augment_directory(photos, tmp_path / "made", TURN, copies=2)
    assert gone.read_bytes() == before


def test_other_images_than_before_are_refused(photos, tmp_path):
    augment_directory(photos, tmp_path / "made", TURN, copies=2)
    (photos / "cat/003.png").rename(photos / "dog/other.png")
    with pytest.raises(ExportError, match="was made with other images"):
        augment_directory(photos, tmp_path / "made", TURN, copies=2)


def test_resized_originals_keep_their_format(tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    for ending in ("png", "jpg", "bmp", "webp", "gif"):
        Image.new("RGB", (12, 12), "red").save(tmp_path / "in" / "a" / f"{ending}.{ending}")
    augment_directory(tmp_path / "in", tmp_path / "out", TURN, copies=1, image_size=(8, 8))
    for ending, kind in (("jpg", "JPEG"), ("bmp", "BMP"), ("webp", "WEBP"), ("gif", "GIF")):
        with Image.open(tmp_path / "out" / "a" / f"{ending}.{ending}") as image:
            assert (image.format, image.size) == (kind, (8, 8))


def test_a_table_without_rows_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "none.csv").write_text("path,label\n")
    with pytest.raises(ExportError, match="The manifest is empty"):
        augment_directory(tmp_path / "none.csv", tmp_path / "made", TURN)
    assert not (tmp_path / "made").exists()
