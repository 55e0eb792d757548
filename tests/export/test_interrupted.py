"""Interrupted splits to folders, and files that change meanwhile."""

import os
import shutil
from pathlib import Path

import pytest

import imggen
from imggen import split_directory, undo_split
from imggen.errors import ExportError, ImggenWarning
from tests.helpers.split_files import (
    HALF,
    MODES,
    PLAN,
    everything_in,
    files_in,
    interrupted,
    numbered,
    part_of,
    step_back,
    visible_in,
    without_part,
    write_files,
)

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
        ImggenWarning, match="2 images added to .* after the split, such as 'cat/new.png'"
    ):
        split_directory(many, tmp_path / "out", HALF, mode="move")

    assert len(part_of(tmp_path / "out")) == 48


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_a_changed_file_is_used_as_it_is_with_a_warning(many, tmp_path, mode):
    split_directory(many, tmp_path / "out", HALF, mode=mode)
    step_back(many, tmp_path / "out", "dog/007.png")
    (many / "dog/007.png").write_bytes(b"changed since")
    with pytest.warns(ImggenWarning, match="1 file changed after") as caught:
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
    with pytest.warns(ImggenWarning, match="3 files vanished after the split") as caught:
        split_directory(many, tmp_path / "out", HALF, mode=mode)

    assert repr(str(many / min(gone))) in str(caught[0].message)
    assert set(part_of(tmp_path / "out")) == {*numbered("cat", 24), *numbered("dog", 24)} - {*gone}


def test_files_that_vanished_are_not_in_the_manifests(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF)
    gone = numbered("dog", 24)[5:8]
    for name in gone:
        step_back(many, tmp_path / "out", name)
        (many / name).unlink()
    with pytest.warns(ImggenWarning, match="3 files vanished"):
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
