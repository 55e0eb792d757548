"""Undo of splits by moving."""

import json
import os
import shutil

import pytest

from imggen import split_directory, undo_split
from imggen.errors import ExportError, ImggenWarning
from tests.helpers.split_files import (
    HALF,
    PLAN,
    everything_in,
    files_in,
    interrupt_after,
    interrupted,
    numbered,
    part_of,
    visible_in,
    write_files,
)

# Undo.


@pytest.mark.parametrize("at", [1, 17, 48])
def test_undo_moves_back_the_files_of_complete_and_incomplete_moves(many, tmp_path, at):
    write_files(many, "cat/000.txt", "cat/001.png.json")
    before = files_in(many)
    interrupted(many, tmp_path / "out", at, mode="move")

    assert undo_split(tmp_path / "out") == 50
    assert files_in(many) == before


def test_undo_moves_back_the_same_files_with_their_times(many, tmp_path):
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in many.rglob("*.png")}
    split_directory(many, tmp_path / "out", HALF, mode="move")
    undo_split(tmp_path / "out")
    after = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in many.rglob("*.png")}

    assert before == after


def test_undo_moves_files_back_from_another_file_system(many, other_disk):
    before = files_in(many)
    split_directory(many, other_disk / "out", HALF, mode="move")
    undo_split(other_disk / "out")

    assert files_in(many) == before
    assert os.listdir(other_disk) == []


def test_undo_removes_the_target_and_its_folders(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    undo_split(tmp_path / "out")

    assert os.listdir(tmp_path) == ["many"]


def test_undo_restores_the_source(many, tmp_path):
    before = everything_in(many)
    split_directory(many, tmp_path / "out", HALF, mode="move")
    undo_split(tmp_path / "out")

    assert everything_in(many) == before


@pytest.mark.parametrize("left", ["scratch/0", "scratch/0123abcd/0", ".plan.jsonl.0123abcd.tmp"])
def test_undo_removes_the_leftovers_of_a_killed_run(many, tmp_path, left):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    write_files(tmp_path / "out" / PLAN, left)
    undo_split(tmp_path / "out")

    assert os.listdir(tmp_path) == ["many"]


def test_undo_keeps_foreign_files_in_the_target(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    write_files(tmp_path / "out", "train/cat/mine.png", "notes.txt")
    undo_split(tmp_path / "out")

    assert sorted(files_in(tmp_path / "out")) == ["notes.txt", "train/cat/mine.png"]
    assert visible_in(tmp_path / "out") == ["notes.txt", "train"]


def test_an_interrupted_undo_is_resumed(many, tmp_path):
    before = files_in(many)
    split_directory(many, tmp_path / "out", HALF, mode="move")
    with pytest.raises(KeyboardInterrupt):
        undo_split(tmp_path / "out", progress=interrupt_after(17))

    assert 0 < len(files_in(many)) < 48
    assert undo_split(tmp_path / "out") == 48
    assert files_in(many) == before


def test_an_interrupted_undo_may_be_followed_by_the_split(many, tmp_path):
    split_directory(many, tmp_path / "whole", HALF)
    split_directory(many, tmp_path / "out", HALF, mode="move")
    with pytest.raises(KeyboardInterrupt):
        undo_split(tmp_path / "out", progress=interrupt_after(17))
    split_directory(many, tmp_path / "out", HALF, mode="move")

    assert files_in(tmp_path / "out") == files_in(tmp_path / "whole")


def test_undo_reports_its_progress(many, tmp_path):
    told = []
    split_directory(many, tmp_path / "out", HALF, mode="move")
    undo_split(tmp_path / "out", progress=lambda *now: told.append(now))

    assert told[-1] == ("moving back", 48, 48)


def test_undo_creates_missing_folders(many, tmp_path):
    before = files_in(many)
    split_directory(many, tmp_path / "out", HALF, mode="move")
    shutil.rmtree(many)
    undo_split(tmp_path / "out")

    assert files_in(many) == before


@pytest.mark.parametrize("what", ["never split", "undone", "removed", "a file"])
def test_a_folder_without_a_split_cannot_be_undone(many, tmp_path, what):
    target = tmp_path / "out"
    if what == "a file":
        target.write_text("x")
    elif what != "never split":
        split_directory(many, target, HALF, mode="move")
        undo_split(target) if what == "undone" else shutil.rmtree(target)
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match="holds no split; expected a split made") as caught:
        undo_split(target)

    assert repr(str(target)) in str(caught.value)
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("mode", ["copy", "symlink", "hardlink"])
def test_splits_in_other_modes_cannot_be_undone(many, tmp_path, mode):
    split_directory(many, tmp_path / "out", HALF, mode=mode)
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match=f"a split made with mode='{mode}'"):
        undo_split(tmp_path / "out")

    assert everything_in(tmp_path) == before


def test_undo_overwrites_no_new_file_at_an_original_place(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    (many / "cat/007.png").write_bytes(b"another")
    with pytest.raises(ExportError, match="Another file exists") as caught:
        undo_split(tmp_path / "out")

    assert repr(str(many / "cat/007.png")) in str(caught.value)
    assert (many / "cat/007.png").read_bytes() == b"another"
    assert b"cat/007.png" in files_in(tmp_path / "out").values()
    (many / "cat/007.png").unlink()
    assert undo_split(tmp_path / "out") == 48


def test_a_file_that_is_in_both_places_and_equal_is_kept_once(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    (many / "cat/007.png").write_bytes(b"cat/007.png")
    undo_split(tmp_path / "out")

    assert len(files_in(many)) == 48
    assert not (tmp_path / "out").exists()


def test_moving_overwrites_no_new_file_in_the_target(many, tmp_path):
    interrupted(many, tmp_path / "out", 17, mode="move")
    plan = (tmp_path / "out" / PLAN / "plan.jsonl").read_text().splitlines()
    source, target, *_ = json.loads(plan[-1])
    (tmp_path / "out" / target).write_bytes(b"another")
    with pytest.raises(ExportError, match="Another file exists"):
        split_directory(many, tmp_path / "out", HALF, mode="move")

    assert (many / source).read_bytes() == os.fsencode(source)
    assert (tmp_path / "out" / target).read_bytes() == b"another"


@pytest.mark.parametrize("mode", ["symlink", "hardlink"])
def test_a_link_replaces_no_other_file(many, tmp_path, mode):
    interrupted(many, tmp_path / "out", 1, mode=mode)
    plan = (tmp_path / "out" / PLAN / "plan.jsonl").read_text().splitlines()
    target = json.loads(plan[-1])[1]
    (tmp_path / "out" / target).write_bytes(b"another")
    with pytest.raises(ExportError, match="Another file exists") as caught:
        split_directory(many, tmp_path / "out", HALF, mode=mode)

    assert str(tmp_path / "out" / target) in str(caught.value)
    assert (tmp_path / "out" / target).read_bytes() == b"another"


def test_undo_warns_of_missing_files_and_moves_the_others_back(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    part = part_of(tmp_path / "out")["cat/007.png"]
    (tmp_path / "out" / part / "cat/007.png").rename(tmp_path / "taken.png")
    with pytest.warns(ImggenWarning, match="1 file found neither in") as caught:
        assert undo_split(tmp_path / "out") == 47

    for named in ("cat/007.png", str(many), str(tmp_path / "out")):
        assert repr(named) in str(caught[0].message)
    assert len(files_in(many)) == 47


def test_restored_files_can_still_be_moved_back(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    part = part_of(tmp_path / "out")["cat/007.png"]
    (tmp_path / "out" / part / "cat/007.png").rename(tmp_path / "taken.png")
    with pytest.warns(ImggenWarning, match="1 file found neither in"):
        undo_split(tmp_path / "out")
    (tmp_path / "taken.png").rename(tmp_path / "out" / part / "cat/007.png")

    assert undo_split(tmp_path / "out") == 48
    assert len(files_in(many)) == 48
    assert not (tmp_path / "out").exists()


def test_a_renamed_target_can_be_undone(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    (tmp_path / "out").rename(tmp_path / "renamed")
    undo_split(tmp_path / "renamed")

    assert len(files_in(many)) == 48


def test_a_renamed_target_is_complete(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF)
    (tmp_path / "out").rename(tmp_path / "renamed")
    split_directory(many, tmp_path / "renamed", HALF)

    assert visible_in(tmp_path) == ["many", "renamed"]


# A project that was moved.


@pytest.fixture
def project(tmp_path):
    """A folder with a source and what was moved out of it; and the files as they were."""
    photos = write_files(tmp_path / "project/photos", *(f"c/{number}.png" for number in range(8)))
    before = files_in(photos)
    split_directory(photos, tmp_path / "project/split", HALF, mode="move")
    return tmp_path / "project", before


def test_undo_finds_the_source_of_a_project_that_was_moved(project, tmp_path):
    folder, before = project
    (tmp_path / "other/deep").mkdir(parents=True)
    folder.rename(tmp_path / "other/deep/renamed")

    assert undo_split(tmp_path / "other/deep/renamed/split") == 8
    assert files_in(tmp_path / "other/deep/renamed/photos") == before
    assert os.listdir(tmp_path) == ["other"]


def test_an_interrupted_undo_of_a_moved_project_is_resumed(project, tmp_path):
    folder, before = project
    folder.rename(tmp_path / "renamed")
    with pytest.raises(KeyboardInterrupt):
        undo_split(tmp_path / "renamed/split", progress=interrupt_after(3))

    assert undo_split(tmp_path / "renamed/split") == 8
    assert files_in(tmp_path / "renamed/photos") == before


@pytest.mark.parametrize("what", ["copied", "without its source", "alone", "below a hidden folder"])
def test_undo_refuses_where_the_source_is_not_clear(project, tmp_path, what):
    folder, _ = project
    if what == "copied":
        shutil.copytree(folder, tmp_path / "new")
    elif what == "alone":
        (tmp_path / "new").mkdir()
        (folder / "split").rename(tmp_path / "new/split")
    elif what == "without its source":
        folder.rename(tmp_path / "new")
        shutil.rmtree(tmp_path / "new/photos")
    else:
        shutil.rmtree(folder)
        (tmp_path / ".ssh").mkdir()
        split_directory(
            write_files(tmp_path / "a/.ssh", *numbered("c", 8)), tmp_path / "a/b/split", mode="move"
        )
        (tmp_path / "a/b").rename(tmp_path / "new")
        shutil.rmtree(tmp_path / "a")
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match=r"was made as '.*' with files of .* Move it back"):
        undo_split(tmp_path / "new/split")

    assert everything_in(tmp_path) == before
