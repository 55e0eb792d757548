"""Splits copied to folders, and all that does not depend on the mode."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from imggen import Boxes, Keypoints, Manifest, scan, split_directory
from imggen.errors import ExportError, ImggenWarning, ScanError, SplitError
from tests.helpers.images import write_images
from tests.helpers.split_files import (
    HALF,
    ODD_NAMES,
    PLAN,
    everything_in,
    files_in,
    interrupt_after,
    visible_in,
    without_part,
)


def test_every_file_is_copied_to_exactly_one_split(photos, tmp_path):
    split_directory(photos, tmp_path / "out", HALF)
    copied = files_in(tmp_path / "out")

    assert sorted(map(without_part, copied)) == sorted(files_in(photos))
    assert {without_part(name): data for name, data in copied.items()} == files_in(photos)


def test_every_class_is_split_by_the_ratios(photos, tmp_path):
    split_directory(photos, tmp_path / "out", HALF)
    counts = {
        str(folder.relative_to(tmp_path / "out")): len(list(folder.iterdir()))
        for folder in (tmp_path / "out").glob("[!.]*/*")
    }

    wanted = {"train": 4, "val": 2, "test": 2}
    assert counts == {
        f"{part}/{name}": count for part, count in wanted.items() for name in ("cat", "dog")
    }


def test_splits_may_have_custom_names(photos, tmp_path):
    split_directory(photos, tmp_path / "out", {"fit": 0.75, "check": 0.25})

    assert visible_in(tmp_path / "out") == ["check", "fit"]


def test_copies_keep_their_modification_time(photos, tmp_path):
    for number, path in enumerate(sorted(photos.glob("*/*"))):
        os.utime(path, (1, 1_000_000_000 + number))
    split_directory(photos, tmp_path / "out", HALF)

    for name in files_in(tmp_path / "out"):
        copy, original = tmp_path / "out" / name, photos / without_part(name)
        assert copy.stat().st_mtime == original.stat().st_mtime


def test_the_source_is_unchanged(photos, tmp_path):
    before = files_in(photos)
    split_directory(photos, tmp_path / "out", HALF)

    assert files_in(photos) == before
    assert everything_in(photos) == sorted([*before, "cat", "dog"])


def test_the_splits_depend_on_the_seed(photos, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        split_directory(photos, tmp_path / name, HALF, seed=seed)

    assert files_in(tmp_path / "a") == files_in(tmp_path / "b") != files_in(tmp_path / "c")


def test_an_empty_class_has_a_folder_in_every_split(photos, tmp_path):
    (photos / "eel").mkdir()
    with pytest.warns(ImggenWarning, match="'eel'"):
        parts = split_directory(photos, tmp_path / "out", HALF)

    for name, part in parts.as_dict().items():
        assert os.listdir(tmp_path / "out" / name / "eel") == []
        assert part.class_names == ("cat", "dog", "eel")


def test_a_class_too_small_for_every_split_has_a_folder_in_each(photos, tmp_path):
    for path in sorted((photos / "dog").iterdir())[1:]:
        path.unlink()
    with pytest.warns(ImggenWarning, match="'dog'"):
        split_directory(photos, tmp_path / "out", HALF)

    assert sorted(map(str, (tmp_path / "out").glob("*/dog"))) == [
        str(tmp_path / "out" / part / "dog") for part in ("test", "train", "val")
    ]


def test_folders_within_a_class_are_kept(photos, tmp_path):
    (photos / "cat" / "2024" / "may").mkdir(parents=True)
    (photos / "cat" / "000.png").rename(photos / "cat" / "2024" / "may" / "000.png")
    split_directory(photos, tmp_path / "out", HALF)

    assert len(list((tmp_path / "out").glob("*/cat/2024/may/000.png"))) == 1


def test_files_that_are_neither_images_nor_sidecars_are_not_copied(photos, tmp_path):
    (photos / "cat" / "notes.txt").write_text("x")
    (photos / "cat" / ".hidden.png").write_bytes(b"x")
    split_directory(photos, tmp_path / "out", HALF)

    assert {Path(name).suffix for name in files_in(tmp_path / "out")} == {".png"}
    assert len(files_in(tmp_path / "out")) == 16


def test_a_linked_image_is_copied_as_a_file(photos, tmp_path):
    (photos / "cat" / "000.png").rename(tmp_path / "elsewhere.png")
    (photos / "cat" / "000.png").symlink_to(tmp_path / "elsewhere.png")
    split_directory(photos, tmp_path / "out", HALF)
    [copy] = (tmp_path / "out").glob("*/cat/000.png")

    assert not copy.is_symlink()
    assert copy.read_bytes() == (tmp_path / "elsewhere.png").read_bytes()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_of_a_file_or_class_is_kept(photos, tmp_path, name):
    odd = os.fsencode(photos) + b"/" + name
    os.rename(os.fsencode(photos) + b"/cat", odd)
    os.rename(odd + b"/000.png", odd + b"/" + name)
    parts = split_directory(photos, tmp_path / "out", HALF)

    assert sorted(map(without_part, files_in(tmp_path / "out"))) == sorted(files_in(photos))
    assert all(os.path.isfile(path) for part in parts for path in part.filepaths)


def test_the_manifests_describe_the_copies(photos, tmp_path):
    parts = split_directory(photos, tmp_path / "out", HALF)

    assert parts.names == ("train", "val", "test")
    for name, part in parts.as_dict().items():
        found = sorted(str(path) for path in (tmp_path / "out" / name).glob("*/*"))
        assert sorted(part.filepaths) == found
        classes = [part.class_names[label] for label in part.labels]
        assert classes == [Path(path).parent.name for path in part.filepaths]


def test_progress_counts_every_file_to_the_end(tmp_path):
    write_images(tmp_path / "photos", {"cat": 20, "dog": 20}, size=(2, 2))
    told = []
    split_directory(
        tmp_path / "photos", tmp_path / "out", HALF, progress=lambda *now: told.append(now)
    )
    done = [now[1] for now in told]

    assert {(what, total) for what, _, total in told} == {("copying", 40)}
    assert done == sorted(set(done))
    assert len(done) > 1
    assert done[-1] == 40


@pytest.mark.parametrize("place", ["empty", "new", "new/deep/out"])
def test_the_target_may_be_new_or_empty(photos, tmp_path, place):
    (tmp_path / "empty").mkdir()
    split_directory(str(photos), str(tmp_path / place), HALF)

    assert visible_in(tmp_path / place) == ["test", "train", "val"]


def test_the_target_has_the_permissions_of_a_new_folder(photos, tmp_path):
    (tmp_path / "like").mkdir()
    split_directory(photos, tmp_path / "out", HALF)

    assert (tmp_path / "out").stat().st_mode == (tmp_path / "like").stat().st_mode


@pytest.mark.parametrize("what", ["masks", "inputs", "boxes", "keypoints"])
def test_images_with_masks_or_other_attachments_are_refused(photos, tmp_path, what):
    column = ["cat/000.png"] if what in ("masks", "inputs") else [[[1, 2, 3, 4]]]
    frame = pd.DataFrame({"path": ["cat/000.png"], "label": ["cat"], "more": column})
    options = {
        "masks": {"mask_col": "more"},
        "inputs": {"input_cols": {"other": "more"}},
        "boxes": {"boxes": Boxes(col="more", format="pascal_voc")},
        "keypoints": {"keypoints": Keypoints(col="more", format="xyas")},
    }[what]
    manifest = Manifest.from_frame(frame, root=photos, **options)

    with pytest.raises(
        ExportError, match=rf"these have {what}, which would be lost\. Split the manifest"
    ):
        split_directory(manifest, tmp_path / "out", HALF)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("full", "is not empty"),
        ("file", "is not a folder; expected a new or empty one"),
        ("file/out", "file"),
        ("photos", "contains the other"),
        ("photos/out", "contains the other"),
        ("photos/cat/new/out", "contains the other"),
        ("link/out", "contains the other"),
        (".", "contains the other"),
    ],
)
def test_a_target_with_files_or_inside_the_source_is_refused(photos, tmp_path, target, reason):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(photos)
    before = everything_in(tmp_path)

    with pytest.raises(ExportError, match=reason) as caught:
        split_directory(photos, tmp_path / target, HALF)

    assert repr(str(tmp_path / target)) in str(caught.value)
    assert everything_in(tmp_path) == before


def test_a_target_that_links_to_an_empty_folder_is_filled(photos, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    split_directory(photos, tmp_path / "out", HALF)

    assert len(files_in(tmp_path / "disk")) == 16


def test_the_plan_is_kept_in_a_hidden_folder_of_the_target(photos, tmp_path):
    split_directory(photos, tmp_path / "out", HALF)

    assert sorted(os.listdir(tmp_path / "out" / PLAN)) == ["lock", "plan.jsonl"]
    assert len((tmp_path / "out" / PLAN / "plan.jsonl").read_text("ascii").splitlines()) == 17


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("at", [1, 17, 40])
def test_the_same_call_resumes_an_interrupted_split(tmp_path, at, exists):
    photos = write_images(tmp_path / "photos", {"cat": 20, "dog": 20}, size=(2, 2))
    if exists:
        (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        split_directory(photos, tmp_path / "out", HALF, progress=interrupt_after(at))
    split_directory(photos, tmp_path / "out", HALF)
    split_directory(photos, tmp_path / "whole", HALF)

    assert files_in(tmp_path / "out") == files_in(tmp_path / "whole")
    assert everything_in(tmp_path / "out") == everything_in(tmp_path / "whole")


def test_a_vanished_file_causes_a_warning_and_the_others_are_copied(photos, tmp_path):
    split_directory(photos, tmp_path / "out", HALF)
    [copy] = (tmp_path / "out").glob("*/cat/000.png")
    copy.unlink()
    (photos / "cat" / "000.png").unlink()
    with pytest.warns(ImggenWarning, match="vanished after the split was planned") as caught:
        split_directory(photos, tmp_path / "out", HALF)

    assert repr(str(photos / "cat" / "000.png")) in str(caught[0].message)
    assert sorted(map(without_part, files_in(tmp_path / "out"))) == sorted(files_in(photos))


def test_a_file_that_cannot_be_written_completely_is_an_export_error(tmp_path):
    pytest.importorskip("resource")
    photos = write_images(tmp_path / "photos", {"cat": 8, "dog": 8}, size=(80, 80))
    # The system refuses to write past 10,000 bytes of any file, as a full disk would.
    code = (
        "import resource, sys, imggen; resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))\n"
        "try: imggen.split_directory(*sys.argv[1:])\n"
        "except imggen.errors.ExportError as err: print(err)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(photos), str(tmp_path / "out")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert "File too large" in told
    assert f"stopped when 0 of 16 files were in {str(tmp_path / 'out')!r}" in told
    assert files_in(tmp_path / "out") == {}
    split_directory(photos, tmp_path / "out")
    assert len(files_in(tmp_path / "out")) == 16


@pytest.mark.parametrize(
    ("source", "ratios", "error"),
    [
        ("nowhere", HALF, ScanError),
        ("photos", (0.5, 0.6), SplitError),
        ("photos", (0.98, 0.01, 0.01), SplitError),
    ],
)
def test_a_failed_scan_or_split_writes_no_file(photos, tmp_path, source, ratios, error):
    before = everything_in(tmp_path)
    assert photos.exists()

    with pytest.raises(error):
        split_directory(tmp_path / source, tmp_path / "out", ratios)
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("place", ["new", "cat/new", "train"])
def test_a_folder_among_the_classes_of_a_scan_is_refused(photos, place):
    before = files_in(photos)
    for source in (photos, scan(photos), scan(photos, class_names=["dog"])):
        with pytest.raises(ExportError, match="contains the other, so copies would be taken for"):
            split_directory(source, photos / place)
    assert files_in(photos) == before


def test_a_folder_next_to_the_folder_of_a_table_is_accepted(photos):
    table = scan(photos).to_frame()
    table["path"] = "photos/" + table["path"]
    manifest = Manifest.from_frame(table, root=photos.parent)
    assert len(split_directory(manifest, photos.parent / "out", HALF).train) == 8
