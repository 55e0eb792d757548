"""Plans, locks, full disks and killed runs of splits to folders."""

import errno
import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import imggen
from imggen import split_directory, undo_split
from imggen.errors import ExportError
from tests.helpers.disks import remount
from tests.helpers.split_files import (
    HALF,
    PLAN,
    everything_in,
    files_in,
    interrupted,
    numbered,
    part_of,
    write_files,
)

# The plan and the lock.


@pytest.mark.parametrize(
    "plan",
    [
        "",
        "{",
        "[]\n",
        "null\n",
        '{"format": "imggen split"}\n',
        '{"format": "another", "version": 2}\n',
        '{"format": "imggen split", "version": 1}\n',
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
