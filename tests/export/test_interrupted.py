"""Interrupted splits to folders, their resumption, and undo."""

import errno
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import imggen
from imggen import split_directory, undo_split
from imggen.errors import ExportError, ImggenWarning
from tests.helpers.disks import remount
from tests.helpers.split_files import (
    HALF,
    MODES,
    PLAN,
    everything_in,
    files_in,
    interrupt_after,
    numbered,
    part_of,
    step_back,
    visible_in,
    without_part,
    write_files,
)


@pytest.fixture
def many(tmp_path) -> Path:
    """Two classes of 24 files that each hold their own name."""
    return write_files(tmp_path / "many", *numbered("cat", 24), *numbered("dog", 24))


def interrupted(source: Path, target: Path, num_files: int, **options) -> None:
    with pytest.raises(KeyboardInterrupt):
        split_directory(source, target, HALF, progress=interrupt_after(num_files), **options)


# Interrupted and resumed.


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("at", [1, 17, 33])
def test_the_same_call_resumes_an_interrupted_split(many, tmp_path, mode, at):
    before = files_in(many)
    split_directory(many, tmp_path / "whole", HALF)
    interrupted(many, tmp_path / "out", at, mode=mode)
    split_directory(many, tmp_path / "out", HALF, mode=mode)

    assert files_in(tmp_path / "out") == files_in(tmp_path / "whole")
    assert files_in(many) == ({} if mode == "move" else before)


@pytest.mark.parametrize("mode", MODES)
def test_an_interruption_leaves_only_complete_files_and_none_twice(many, tmp_path, mode):
    interrupted(many, tmp_path / "out", 17, mode=mode)
    done = files_in(tmp_path / "out")

    assert done
    assert all(data == os.fsencode(without_part(name)) for name, data in done.items())
    assert len(set(done.values())) == len(done)


def test_an_interruption_before_the_plan_leaves_no_file(many, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        split_directory(many, tmp_path / "out", HALF, stable=True, progress=interrupt)

    assert visible_in(tmp_path) == ["many"]


def test_files_already_moved_are_not_needed_to_resume(many, tmp_path):
    interrupted(many, tmp_path / "out", 17, mode="move")
    parts = split_directory(many, tmp_path / "out", HALF, mode="move")

    assert sum(map(len, parts)) == 48
    assert all(os.path.isfile(path) for part in parts for path in part.filepaths)


def test_a_complete_move_may_be_repeated_without_its_source(many, tmp_path):
    first = split_directory(many, tmp_path / "out", HALF, mode="move")
    shutil.rmtree(many)
    second = split_directory(many, tmp_path / "out", HALF, mode="move")

    assert [part.filepaths for part in first] == [part.filepaths for part in second]


@pytest.mark.parametrize(
    ("now", "named"),
    [
        ({"seed": 1}, "seed=0 (now 1)"),
        ({"mode": "symlink"}, "mode='copy' (now 'symlink')"),
        (
            {"ratios": (0.8, 0.2)},
            "ratios={'train': 0.5, 'val': 0.25, 'test': 0.25} (now {'train': 0.8, 'val': 0.2})",
        ),
        ({"stratify": False}, "stratify=True (now False)"),
        ({"group_by": "stem"}, "group_by=None (now 'stem')"),
        ({"stable": True}, "stable=False (now True)"),
        ({"oversample": True}, "oversample=False (now True)"),
        ({"num_folds": 3}, "num_folds=None (now 3)"),
        ({"source": "other"}, "source="),
    ],
)
def test_changed_settings_are_refused_by_name(many, tmp_path, now, named):
    split_directory(many, tmp_path / "out", HALF)
    shutil.copytree(many, tmp_path / "other")
    before = everything_in(tmp_path)
    options = {"source": many, "ratios": HALF, **now}
    options["source"] = tmp_path / options["source"]
    with pytest.raises(ExportError, match="was made with") as caught:
        split_directory(target=tmp_path / "out", **options)

    assert named in str(caught.value)
    assert everything_in(tmp_path) == before


def test_groups_must_have_the_same_names_to_resume(many, tmp_path):
    names = [str(number // 4) for number in range(48)]
    split_directory(many, tmp_path / "out", HALF, group_by=names)
    split_directory(many, tmp_path / "out", HALF, group_by=names)

    with pytest.raises(ExportError, match="group_by="):
        split_directory(many, tmp_path / "out", HALF, group_by=names[::-1])


def another_run(source: Path, target: Path, **options):
    """A ``progress=`` that splits to a target once, as a run that works while another one plans."""

    def progress(*_):
        if not target.exists():
            split_directory(source, target, **options)

    return progress


@pytest.mark.filterwarnings("ignore:A stable split is random")
@pytest.mark.parametrize("mode", MODES)
def test_the_second_of_two_runs_with_different_plans_is_refused(many, tmp_path, mode):
    first = another_run(many, tmp_path / "out", ratios=HALF, seed=1)
    before = files_in(many)
    with pytest.raises(ExportError, match="Another run has begun to split .* in another way") as e:
        split_directory(many, tmp_path / "out", (0.6, 0.4), stable=True, mode=mode, progress=first)
    split_directory(many, tmp_path / "same", HALF, seed=1)

    assert repr(str(tmp_path / "out")) in str(e.value)
    assert files_in(tmp_path / "out") == files_in(tmp_path / "same")
    assert files_in(many) == before


@pytest.mark.filterwarnings("ignore:A stable split is random")
@pytest.mark.parametrize("mode", ["copy", "symlink", "hardlink"])
def test_two_runs_with_the_same_plan_both_complete(many, tmp_path, mode):
    options = {"ratios": HALF, "stable": True, "mode": mode}
    first = another_run(many, tmp_path / "out", **options)
    split_directory(many, tmp_path / "out", **options, progress=first)

    assert len(part_of(tmp_path / "out")) == 48


@pytest.mark.filterwarnings("ignore:A stable split is random")
def test_no_run_can_plan_while_another_moves_files(many, tmp_path):
    options = {"ratios": HALF, "stable": True, "mode": "move"}
    before = files_in(many)
    with pytest.raises(ExportError, match="No file was touched yet"):
        split_directory(
            many,
            tmp_path / "out",
            **options,
            progress=another_run(many, tmp_path / "out", **options),
        )
    split_directory(many, tmp_path / "out", **options)

    assert undo_split(tmp_path / "out") == 48
    assert files_in(many) == before


@pytest.mark.filterwarnings("ignore:A stable split is random")
@pytest.mark.parametrize("mode", ["move", "symlink", "hardlink"])
def test_the_second_of_two_runs_with_different_modes_is_refused(many, tmp_path, mode):
    options = {"ratios": HALF, "stable": True}
    first = another_run(many, tmp_path / "out", **options)
    with pytest.raises(ExportError, match="Another run has begun to split"):
        split_directory(many, tmp_path / "out", **options, mode=mode, progress=first)

    assert len(files_in(many)) == 48


@pytest.mark.parametrize("then", [{"ratios": HALF}, {"counts": (2, 2)}])
def test_splits_of_the_manifest_and_ratios_are_different_settings(many, tmp_path, then):
    frame = imggen.scan(many).to_frame().assign(split=["train", "val"] * 24)
    manifest = imggen.Manifest.from_frame(frame, root=many, split_col="split")
    split_directory(imggen.scan(many), tmp_path / "out", **then)
    with pytest.raises(ExportError, match="was made with"):
        split_directory(manifest, tmp_path / "out", None)


# Files that are added, change or vanish.


def test_new_files_cause_a_warning_and_are_not_used(many, tmp_path):
    interrupted(many, tmp_path / "out", 17, mode="move")
    write_files(many, "cat/new.png", "dog/new.png")
    with pytest.warns(
        ImggenWarning, match="2 images in .*'cat/new.png'.* were added after the split"
    ):
        split_directory(many, tmp_path / "out", HALF, mode="move")

    assert len(part_of(tmp_path / "out")) == 48


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_a_changed_file_is_used_as_it_is_with_a_warning(many, tmp_path, mode):
    split_directory(many, tmp_path / "out", HALF, mode=mode)
    step_back(many, tmp_path / "out", "dog/007.png")
    (many / "dog/007.png").write_bytes(b"changed since")
    with pytest.warns(ImggenWarning, match="1 files have changed since") as caught:
        split_directory(many, tmp_path / "out", HALF, mode=mode)

    assert repr(str(many / "dog/007.png")) in str(caught[0].message)
    assert b"changed since" in files_in(tmp_path / "out").values()
    assert len(part_of(tmp_path / "out")) == 48


def test_a_file_that_changed_after_it_was_copied_is_not_copied_again(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF)
    (many / "cat/000.png").write_bytes(b"changed since")
    split_directory(many, tmp_path / "out", HALF)

    assert b"changed since" not in files_in(tmp_path / "out").values()


@pytest.mark.parametrize("edited", ["longer", "of one size", "a folder", "a link"])
@pytest.mark.parametrize("source", ["there", "gone", "changed"])
def test_an_edited_copy_is_never_overwritten(many, tmp_path, edited, source):
    split_directory(many, tmp_path / "out", HALF)
    copy = tmp_path / "out" / part_of(tmp_path / "out")["cat/007.png"] / "cat/007.png"
    copy.unlink()
    if edited == "a folder":
        write_files(copy, "mine.txt")
    elif edited == "a link":
        copy.symlink_to(write_files(tmp_path, "mine.png") / "mine.png")
    else:
        copy.write_bytes(b"edited by somebody" if edited == "longer" else b"cat/0x7.png")
    if source != "there":
        (many / "cat/007.png").unlink()
    if source == "changed":
        (many / "cat/007.png").write_bytes(b"changed since")
    before = everything_in(tmp_path), files_in(tmp_path / "out")
    for _ in range(2):
        with pytest.raises(ExportError, match="The copy has been edited") as caught:
            split_directory(many, tmp_path / "out", HALF)

        assert repr(str(copy)) in str(caught.value)
        assert (everything_in(tmp_path), files_in(tmp_path / "out")) == before


def test_an_edited_copy_that_was_removed_is_copied_again(many, tmp_path):
    interrupted(many, tmp_path / "out", 17)
    done = min(files_in(tmp_path / "out"))
    (tmp_path / "out" / done).write_bytes(b"edited by somebody")
    with pytest.raises(ExportError, match="The copy has been edited"):
        split_directory(many, tmp_path / "out", HALF)
    (tmp_path / "out" / done).rename(tmp_path / "mine.png")
    split_directory(many, tmp_path / "out", HALF)

    assert sorted(files_in(tmp_path / "out").values()) == sorted(files_in(many).values())
    assert (tmp_path / "mine.png").read_bytes() == b"edited by somebody"


def test_a_copy_that_differs_only_in_time_is_accepted(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF)
    for path in (tmp_path / "out").rglob("*.png"):
        os.utime(path, (1, 1_000_000_000))
    before = files_in(tmp_path / "out")
    split_directory(many, tmp_path / "out", HALF)

    assert files_in(tmp_path / "out") == before


@pytest.mark.parametrize("mode", ["copy", "move", "symlink", "hardlink"])
def test_vanished_files_cause_a_warning_and_the_others_are_exported(many, tmp_path, mode):
    split_directory(many, tmp_path / "out", HALF, mode=mode)
    gone = numbered("dog", 24)[5:8]
    for name in gone:
        step_back(many, tmp_path / "out", name)
        (many / name).unlink()
    with pytest.warns(ImggenWarning, match="3 files have vanished since the split") as caught:
        split_directory(many, tmp_path / "out", HALF, mode=mode)

    assert repr(str(many / min(gone))) in str(caught[0].message)
    assert set(part_of(tmp_path / "out")) == {*numbered("cat", 24), *numbered("dog", 24)} - {*gone}


def test_files_that_vanished_are_not_in_the_manifests(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF)
    gone = numbered("dog", 24)[5:8]
    for name in gone:
        step_back(many, tmp_path / "out", name)
        (many / name).unlink()
    with pytest.warns(ImggenWarning, match="3 files have vanished"):
        parts = split_directory(many, tmp_path / "out", HALF)

    assert all(os.path.isfile(path) for part in parts for path in part.filepaths)


def test_finished_hard_links_do_not_need_their_source(many, tmp_path, recwarn):
    split_directory(many, tmp_path / "out", HALF, mode="hardlink")
    (many / "cat" / "000.png").unlink()
    split_directory(many, tmp_path / "out", HALF, mode="hardlink")

    assert not recwarn.list
    assert len(files_in(tmp_path / "out")) == 48


def test_each_run_has_its_own_scratch_folder_and_removes_those_of_killed_runs(many, tmp_path):
    seen = []

    def look(*_):
        seen.append(os.listdir(tmp_path / "out" / PLAN / "scratch"))

    for name in ("0", "0123abcd/0"):
        write_files(tmp_path / "out" / PLAN / "scratch", name)
        split_directory(many, tmp_path / "out", HALF, progress=look)
        shutil.rmtree(tmp_path / "out" / "train")

    assert sorted(os.listdir(tmp_path / "out" / PLAN)) == ["lock", "plan.jsonl"]
    assert len({name for names in seen for name in names} - {"0", "0123abcd"}) == 2


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
    with pytest.warns(ImggenWarning, match="1 files, .* neither in") as caught:
        assert undo_split(tmp_path / "out") == 47

    for named in ("cat/007.png", str(many), str(tmp_path / "out")):
        assert repr(named) in str(caught[0].message)
    assert len(files_in(many)) == 47


def test_restored_files_can_still_be_moved_back(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    part = part_of(tmp_path / "out")["cat/007.png"]
    (tmp_path / "out" / part / "cat/007.png").rename(tmp_path / "taken.png")
    with pytest.warns(ImggenWarning, match="1 files, .* neither in"):
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


# The plan and the lock.


@pytest.mark.parametrize(
    "plan",
    [
        "",
        "{",
        "[]\n",
        "null\n",
        '{"format": "imggen split"}\n',
        '{"format": "another", "version": 1}\n',
        '{"format": "imggen split", "version": 2}\n',
        "\xff\n",
        "WHOLE[1]\n",
        'WHOLE["a", "b", 1, 2, 0\n',
        "WHOLEnull\n",
    ],
)
@pytest.mark.parametrize("what", [split_directory, undo_split])
def test_an_invalid_plan_is_refused_and_no_file_is_touched(many, tmp_path, plan, what):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    file = tmp_path / "out" / PLAN / "plan.jsonl"
    file.write_text(plan.replace("WHOLE", file.read_text("ascii")), "latin-1")
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match=r"The plan .* cannot be read") as caught:
        what(many, tmp_path / "out") if what is split_directory else what(tmp_path / "out")

    assert repr(str(file)) in str(caught.value)
    assert everything_in(tmp_path) == before


def test_a_hidden_folder_without_a_plan_counts_as_an_empty_target(many, tmp_path):
    write_files(tmp_path / "out", f"{PLAN}/.plan.jsonl.0123abcd.tmp", f"{PLAN}/lock")
    split_directory(many, tmp_path / "out", HALF)

    assert len(part_of(tmp_path / "out")) == 48


@pytest.fixture
def other_run(many, tmp_path):
    """Another process that is moving ``many`` to ``out``."""
    code = (
        "import sys, imggen\n"
        "def wait(*_): print('at work', flush=True); sys.stdin.readline()\n"
        "imggen.split_directory(*sys.argv[1:], (0.5, 0.25, 0.25), mode='move', progress=wait)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, many, tmp_path / "out"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "at work\n"
        yield process
        if process.poll() is None:
            process.communicate("\n" * 3)
    assert process.returncode <= 0


@pytest.mark.parametrize("what", [split_directory, undo_split])
def test_no_file_is_touched_while_another_run_holds_the_lock(many, tmp_path, other_run, what):
    before = files_in(many), files_in(tmp_path / "out")
    arguments = [tmp_path / "out"] if what is undo_split else [many, tmp_path / "out", HALF]
    options = {} if what is undo_split else {"mode": "move"}
    with pytest.raises(ExportError, match="Another run is writing to") as caught:
        what(*arguments, **options)

    assert repr(str(tmp_path / "out")) in str(caught.value)
    assert (files_in(many), files_in(tmp_path / "out")) == before


def test_the_same_call_resumes_after_another_run_was_killed(many, tmp_path, other_run):
    other_run.kill()
    other_run.wait()
    split_directory(many, tmp_path / "out", HALF, mode="move")

    assert len(part_of(tmp_path / "out")) == 48
    assert files_in(many) == {}


# Full and read-only disks.


def test_a_full_disk_is_reported_and_the_same_call_resumes_once_there_is_space(
    tmp_path, small_disk
):
    # Of one byte each, so that they fit by their sizes, and not by the blocks that they take.
    photos = write_files(tmp_path / "photos", *numbered("cat", 200))
    for path in photos.rglob("*.png"):
        path.write_bytes(path.name.encode()[2:3])
    before = {f"all/{name}": data for name, data in files_in(photos).items()}
    with pytest.raises(
        ExportError, match=r"The disk is full: stopped when \d+ of 200 files were in"
    ) as caught:
        split_directory(photos, small_disk / "out", {"all": 1.0})

    assert repr(str(small_disk / "out")) in str(caught.value)
    assert 0 < len(files_in(small_disk / "out")) < 200
    assert files_in(small_disk / "out").items() <= before.items()
    remount(small_disk, "size=4m")
    split_directory(photos, small_disk / "out", {"all": 1.0})
    assert files_in(small_disk / "out") == before


def test_a_system_error_is_the_cause_of_the_export_error(many, tmp_path, monkeypatch):
    def rename(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(ExportError, match="broken") as caught:
        split_directory(many, tmp_path / "out", HALF, mode="move")

    assert caught.value.__cause__.errno == errno.EIO


def test_moving_to_a_full_disk_loses_no_file(tmp_path, small_disk):
    photos = write_files(tmp_path / "photos", *numbered("cat", 200))
    before = files_in(photos)
    with pytest.raises(ExportError, match="The disk is full"):
        split_directory(photos, small_disk / "out", {"all": 1.0}, mode="move")
    moved = {name[4:]: data for name, data in files_in(small_disk / "out").items()}

    assert moved
    assert {**files_in(photos), **moved} == before
    assert len(files_in(photos)) + len(moved) == 200
    undo_split(small_disk / "out")
    assert files_in(photos) == before


@pytest.mark.parametrize(
    ("mode", "told"), [("copy", "has 0 bytes free"), ("symlink", "Cannot write .*No space left")]
)
def test_a_disk_without_space_for_the_plan_is_reported(many, small_disk, mode, told):
    (small_disk / "full").write_bytes(bytes(256 * 1024))
    with pytest.raises(ExportError, match=told) as caught:
        split_directory(many, small_disk / "out", HALF, mode=mode)

    assert repr(str(small_disk / "out")) in str(caught.value)
    (small_disk / "full").unlink()
    split_directory(many, small_disk / "out", HALF, mode=mode)
    assert len(part_of(small_disk / "out")) == 48


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_too_little_space_is_reported_before_a_file_is_touched(tmp_path, small_disk, mode):
    photos = write_files(tmp_path / "photos", *numbered("cat", 8))
    for path in photos.rglob("*.png"):
        path.write_bytes(bytes(100_000))
    with pytest.raises(
        ExportError, match=r"8 files take 781\.2 KiB, and .* has 2\d\d\.\d KiB free"
    ):
        split_directory(photos, small_disk / "out", {"all": 1.0}, mode=mode)

    assert len(files_in(photos)) == 8
    assert files_in(small_disk) == {}


def test_links_can_be_chosen_after_too_little_space_was_reported(tmp_path, small_disk):
    photos = write_files(tmp_path / "photos", *numbered("cat", 8))
    for path in photos.rglob("*.png"):
        path.write_bytes(bytes(100_000))
    with pytest.raises(ExportError, match="Free some space, or use links"):
        split_directory(photos, small_disk / "out", {"all": 1.0})
    split_directory(photos, small_disk / "out", {"all": 1.0}, mode="symlink")

    assert len(files_in(small_disk / "out")) == 8


def test_an_unwritable_target_is_reported(many, small_disk):
    remount(small_disk, "ro")
    with pytest.raises(ExportError, match="Cannot write .*Read-only") as caught:
        split_directory(many, small_disk / "out", HALF)

    assert repr(str(small_disk / "out")) in str(caught.value)


def test_a_target_that_becomes_unwritable_is_reported(many, small_disk):
    interrupted(many, small_disk / "out", 17, mode="move")
    remount(small_disk, "ro")
    before = files_in(many)
    with pytest.raises(ExportError, match="Read-only"):
        split_directory(many, small_disk / "out", HALF, mode="move")

    assert files_in(many) == before


def test_undo_reports_an_unwritable_target(many, small_disk):
    split_directory(many, small_disk / "out", HALF, mode="move")
    remount(small_disk, "ro")
    with pytest.raises(ExportError, match="Read-only"):
        undo_split(small_disk / "out")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failed_move_is_reported_with_its_progress(many, tmp_path, monkeypatch, code):
    renames = []

    def rename(source, target, rename=os.rename):
        renames.append(source)
        if len(renames) == 33:
            raise OSError(code, os.strerror(code), source)
        rename(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(ExportError, match="stopped when 32 of 48 files were in .*No file is lost"):
        split_directory(many, tmp_path / "out", HALF, mode="move")

    monkeypatch.undo()
    split_directory(many, tmp_path / "out", HALF, mode="move")
    assert len(part_of(tmp_path / "out")) == 48


def test_files_that_cannot_be_renamed_are_copied_and_then_removed(many, tmp_path, monkeypatch):
    def rename(*_):
        raise OSError(errno.EXDEV, "another file system")

    before = files_in(many)
    monkeypatch.setattr(os, "rename", rename)
    split_directory(many, tmp_path / "out", {"all": 1.0}, mode="move")

    assert {name[4:]: data for name, data in files_in(tmp_path / "out").items()} == before
    assert files_in(many) == {}


# Killed.


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 is of POSIX")
@pytest.mark.parametrize("where", ["here", "on another file system"])
def test_moves_that_are_killed_repeatedly_lose_no_file_and_complete(request, tmp_path, where):
    target = (tmp_path if where == "here" else request.getfixturevalue("other_disk")) / "out"
    chance = random.Random(1)
    photos = tmp_path / "photos"
    wanted = {}
    for number in range(500):
        data = chance.randbytes(chance.randint(1_000, 20_000))
        write_files(photos, f"cat/{number}.png")
        (photos / "cat" / f"{number}.png").write_bytes(data)
        wanted[f"{number}.png"] = hashlib.sha256(data).digest()
    code = (
        "import sys; from imggen import split_directory\n"
        "split_directory(*sys.argv[1:], {'all': 1.0}, mode='move')"
    )
    num_kills = 0
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", code, photos, target]) as process:
            stop_at = _count(target) + chance.randint(1, 60)
            while process.poll() is None and _count(target) < stop_at:
                time.sleep(0.0001)
            process.kill()
        num_kills += process.returncode < 0
        found = [_digests(folder) for folder in (photos / "cat", target / "all" / "cat")]
        both = found[0].keys() & found[1].keys()

        assert {**found[0], **found[1]} == wanted
        assert len(both) <= 1
    split_directory(photos, target, {"all": 1.0}, mode="move")

    assert num_kills
    assert _digests(target / "all" / "cat") == wanted
    assert everything_in(photos) == ["cat"]
    assert sorted(os.listdir(target / PLAN)) == ["lock", "plan.jsonl"]
    assert undo_split(target) == 500
    assert _digests(photos / "cat") == wanted


def _count(target: Path) -> int:
    try:
        return len(os.listdir(target / "all" / "cat"))
    except FileNotFoundError:
        return 0


def _digests(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    return {
        name: hashlib.sha256((folder / name).read_bytes()).digest() for name in os.listdir(folder)
    }


@pytest.mark.parametrize("column", ["split", "label"])
def test_a_table_with_other_labels_than_before_is_refused(photos, tmp_path, column):
    frame = imggen.scan(photos).to_frame()
    before = ["train", "val"] * 8 if column == "split" else frame["label"].tolist()
    after = [*before[:-2], *before[-2:][::-1]] if column == "split" else ["dog", *before[1:]]

    def run(values):
        manifest = imggen.Manifest.from_frame(
            frame.assign(split=["train", "val"] * 8).assign(**{column: values}),
            root=photos,
            split_col="split",
        )
        return split_directory(manifest, tmp_path / "out", None)

    run(before)
    run(before)
    with pytest.raises(ExportError, match=r"was made when '.*' was '.*', and now it is '.*'"):
        run(after)
