"""The quarantine of broken files."""

import contextlib
import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imggen import verify
from imggen.errors import ExportError
from tests.helpers.pictures import (
    JPEG,
    listing,
    write_photos,
)
from tests.quality.test_verification import FAULTS

# The quarantine.


def logged(folder: Path) -> list[dict[str, str]]:
    with (folder / "quarantine.csv").open(
        encoding="utf-8", errors="surrogateescape", newline=""
    ) as log:
        return list(csv.DictReader(log))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("quarantine.csv", ".imggen-quarantine")
    }


def test_faults_are_moved_with_their_paths_and_other_files_stay(mixed, tmp_path):
    before = contents(mixed)
    moved = verify(mixed).quarantine(tmp_path / "aside")

    assert moved == FAULTS
    assert contents(tmp_path / "aside") == {path: before[path] for path in FAULTS}
    assert contents(mixed) == {path: before[path] for path in before.keys() - FAULTS}
    assert verify(mixed).faults == ()


def test_the_quarantine_has_a_table_of_the_faults(mixed, tmp_path):
    report = verify(mixed)
    report.quarantine(tmp_path / "aside")

    assert logged(tmp_path / "aside") == [
        {
            "path": finding.path,
            "problem": finding.problem.value,
            "is_fault": "True",
            "detail": finding.detail,
            "witness": finding.witness,
        }
        for finding in report.faults
    ]


def test_a_second_call_adds_files_and_rows(mixed, tmp_path):
    verify(mixed).quarantine(tmp_path / "aside")
    write_photos(mixed, {"dog/later.png": b"broken"})

    assert verify(mixed).quarantine(tmp_path / "aside") == ["dog/later.png"]
    assert sorted(contents(tmp_path / "aside")) == sorted([*FAULTS, "dog/later.png"])
    assert [row["path"] for row in logged(tmp_path / "aside")] == [*FAULTS, "dog/later.png"]


def test_without_faults_no_file_is_moved(photos, tmp_path):
    before = contents(photos)

    assert verify(photos).quarantine(tmp_path / "aside") == []
    assert contents(photos) == before


def test_other_files_in_the_quarantine_stay(mixed, tmp_path):
    write_photos(tmp_path / "aside", {"mine.txt": b"mine", "cat/mine.txt": b"mine"})
    verify(mixed).quarantine(tmp_path / "aside")

    assert contents(tmp_path / "aside")["mine.txt"] == b"mine"
    assert contents(tmp_path / "aside")["cat/mine.txt"] == b"mine"


@pytest.mark.parametrize("inside", ["mixed", "mixed/aside", "mixed/cat/a/b", "link/aside", "to"])
def test_a_folder_inside_the_verified_one_is_refused_before_any_move(mixed, tmp_path, inside):
    (tmp_path / "link").symlink_to("mixed")
    (tmp_path / "to").symlink_to("mixed/cat")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(ExportError, match="is inside .* Choose a folder outside it"):
        verify(mixed).quarantine(tmp_path / inside)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_with_the_same_prefix_is_not_inside(mixed, tmp_path):
    assert verify(mixed).quarantine(tmp_path / "mixed 2") == FAULTS


def test_the_parent_of_the_verified_folder_may_be_the_quarantine(mixed, tmp_path):
    verify(mixed).quarantine(tmp_path)

    assert (tmp_path / "cat" / "empty.png").is_file()


def test_another_file_of_the_same_name_is_an_error_and_both_stay(mixed, tmp_path):
    write_photos(tmp_path / "aside", {"cat/half.jpg": b"another"})
    with pytest.raises(ExportError, match=r"Stopped after 1 of 3 files: .*cat/half\.jpg"):
        verify(mixed).quarantine(tmp_path / "aside")

    assert contents(tmp_path / "aside")["cat/half.jpg"] == b"another"
    assert (mixed / "cat" / "half.jpg").read_bytes() == JPEG[: len(JPEG) // 2]
    assert [row["path"] for row in logged(tmp_path / "aside")][:1] == ["cat/empty.png"]


def test_a_file_that_is_already_in_the_quarantine_is_only_removed(mixed, tmp_path):
    write_photos(tmp_path / "aside", {"cat/half.jpg": JPEG[: len(JPEG) // 2]})

    assert verify(mixed).quarantine(tmp_path / "aside") == FAULTS
    assert sorted(contents(tmp_path / "aside")) == FAULTS
    assert not (mixed / "cat" / "half.jpg").exists()


def test_a_quarantine_that_is_a_file_is_refused(mixed, tmp_path):
    (tmp_path / "aside").write_text("mine")

    with pytest.raises(ExportError, match="is not a folder; expected a new or empty one"):
        verify(mixed).quarantine(tmp_path / "aside")
    assert (tmp_path / "aside").read_text() == "mine"


def test_faults_are_moved_to_another_disk(mixed, other_disk):
    before = contents(mixed)
    verify(mixed).quarantine(other_disk / "aside")

    assert contents(other_disk / "aside") == {path: before[path] for path in FAULTS}
    assert contents(mixed).keys() == before.keys() - FAULTS


def test_names_that_are_not_utf_8_are_moved_and_listed(photos, tmp_path):
    names = [os.fsdecode(b"cat/caf\xe9 \xff.png"), 'cat/line\nbreak, "quoted".png']
    write_photos(photos, dict.fromkeys(names, b"broken"))

    assert sorted(verify(photos).quarantine(tmp_path / "aside")) == sorted(names)
    assert sorted(contents(tmp_path / "aside")) == sorted(names)
    assert sorted(row["path"] for row in logged(tmp_path / "aside")) == sorted(names)


KILLED = """
import os, signal, sys
import imggen

report = imggen.verify(sys.argv[1])
event, left = sys.argv[3], int(sys.argv[4])

def kill(what, _):
    global left
    if what == event:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
report.quarantine(sys.argv[2])
"""


def killed(source: Path, folder: Path, event: str, at: int) -> int:
    """Runs a quarantine that is killed just before the given event."""
    command = [sys.executable, "-c", KILLED, str(source), str(folder), event, str(at)]
    return subprocess.run(command, check=False).returncode


@pytest.mark.parametrize(
    ("event", "at"), [("os.rename", 1), ("os.rename", 3), ("os.mkdir", 2)], ids=str
)
def test_a_killed_run_is_completed_by_another(mixed, tmp_path, event, at):
    before = contents(mixed)

    assert killed(mixed, tmp_path / "aside", event, at) == -signal.SIGKILL
    assert {**contents(mixed), **contents(tmp_path / "aside")} == before
    verify(mixed).quarantine(tmp_path / "aside")
    assert contents(tmp_path / "aside") == {path: before[path] for path in FAULTS}
    assert contents(mixed).keys() == before.keys() - FAULTS
    assert {row["path"] for row in logged(tmp_path / "aside")} == set(FAULTS)


# To another disk, a file is copied under a temporary name, renamed, and removed here.


@pytest.mark.parametrize(("event", "at"), [("os.rename", 2), ("os.rename", 4), ("os.remove", 2)])
def test_a_killed_run_to_another_disk_is_completed(mixed, other_disk, event, at):
    before = contents(mixed)

    assert killed(mixed, other_disk / "aside", event, at) == -signal.SIGKILL
    verify(mixed).quarantine(other_disk / "aside")
    assert contents(other_disk / "aside") == {path: before[path] for path in FAULTS}
    assert contents(mixed).keys() == before.keys() - FAULTS


def test_a_missing_file_does_not_prevent_moving_the_others(mixed, tmp_path):
    manifest = listing(mixed, "cat/gone.png", "cat/empty.png")

    assert verify(manifest).quarantine(tmp_path / "aside") == ["cat/empty.png"]


@pytest.mark.parametrize("is_absolute", [True, False], ids=["absolute", "with .."])
def test_a_file_outside_of_the_folder_is_never_lost(tmp_path, is_absolute):
    write_photos(tmp_path, {"elsewhere/a.jpg": b"broken", "in/b.jpg": JPEG})
    path = str(tmp_path / "elsewhere" / "a.jpg") if is_absolute else "../elsewhere/a.jpg"
    with contextlib.suppress(ExportError):
        verify(listing(tmp_path / "in", path, "b.jpg")).quarantine(tmp_path / "aside")

    assert b"broken" in contents(tmp_path).values()


def test_a_link_in_the_quarantine_points_to_the_same_file(tmp_path):
    write_photos(tmp_path, {"store/a.jpg": b"broken", "in/b.jpg": JPEG})
    (tmp_path / "in" / "a.jpg").symlink_to("../store/a.jpg")
    verify(tmp_path / "in").quarantine(tmp_path / "deep" / "aside")

    assert (tmp_path / "deep" / "aside" / "a.jpg").read_bytes() == b"broken"


def test_a_quarantine_writes_through_no_planted_link(mixed, tmp_path):
    victim = tmp_path / "victim"
    (victim / "deep").mkdir(parents=True)
    (victim / "list.csv").write_text("path,problem,is_fault,detail,witness\n")
    (victim / "file").write_text("mine")
    before, images = contents(victim), contents(mixed)
    report = verify(mixed)
    for name, place in {"cat": "deep", "quarantine.csv": "list.csv"}.items():
        folder = tmp_path / f"q-{name}"
        folder.mkdir()
        (folder / ".part").symlink_to(victim / "file")
        (folder / name).symlink_to(victim / place)
        with pytest.raises(ExportError, match="link"):
            report.quarantine(folder)

        assert contents(victim) == before
        assert all((mixed / path).exists() or path in contents(folder) for path in images)


@pytest.mark.parametrize("folder", ["", "a\0b", "\ud800", "n" * 300])
def test_what_cannot_be_a_folder_is_refused(mixed, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ExportError):
        verify(mixed).quarantine(folder)

    assert sorted(tmp_path.rglob("*")) == before
