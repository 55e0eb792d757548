"""Plans that were edited, or that came with a downloaded folder, touch no other file."""

import json
import os
import shutil
from pathlib import Path

import pytest

from imggen import Manifest, augment_directory, split_directory, undo_split
from imggen.errors import ExportError, ImggenError
from imggen.export.journal import _checksum
from tests.helpers.images import write_images
from tests.helpers.split_files import (
    HALF,
    PLAN,
    everything_in,
    files_in,
    interrupted,
    numbered,
    write_files,
)


@pytest.fixture
def victim(tmp_path):
    """A folder that neither the source nor the target contains."""
    return write_files(tmp_path / "victim", "secret.png", "same.png")


def edit_plan(target: Path, change, *, sign: bool = True) -> None:
    """Applies ``change(header, steps)`` to a plan, with a checksum of the new content."""
    file = target / PLAN / "plan.jsonl"
    header, *steps = map(json.loads, file.read_text("ascii").splitlines())
    change(header, steps)
    lines = list(map(json.dumps, steps))
    if sign:
        del header["checksum"]
        header["checksum"] = _checksum(header, lines)
    file.write_text("\n".join([json.dumps(header), *lines]) + "\n", "ascii")


def files_in_plan(target: Path) -> list[str]:
    lines = (target / PLAN / "plan.jsonl").read_text("ascii").splitlines()[1:]
    return [json.loads(line)[0] for line in lines]


def state_of(folder: Path) -> dict[str, object]:
    """What an enemy could change: every entry with its content or its link."""
    return {
        str(path.relative_to(folder)): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in sorted(folder.rglob("*"))
    }


def steps_with(victim: Path) -> dict[str, tuple[int, object]]:
    """Values of a step that no split writes: (position, value)."""
    deep = "train/cat/" + "../" * 12
    return {
        "source ..": (0, "../victim/secret.png"),
        "source absolute": (0, str(victim / "new.png")),
        "source inside ..": (0, "cat/../../victim/new.png"),
        "source .": (0, "."),
        "source ./": (0, "./cat/000.png"),
        "source empty": (0, ""),
        "source double slash": (0, "cat//000.png"),
        "source NUL": (0, "cat/0\0.png"),
        "source null": (0, None),
        "source number": (0, 3),
        "source list": (0, ["cat"]),
        "source twice": (0, "cat/001.png"),
        "target ..": (1, "../victim/secret.png"),
        "target absolute": (1, str(victim / "secret.png")),
        "target deep": (1, deep + str(victim).lstrip("/") + "/secret.png"),
        "target device": (1, "/dev/zero"),
        "target empty": (1, ""),
        "target folder": (1, "train"),
        "target another split": (1, "elsewhere/cat/000.png"),
        "target another class": (1, "train/other/000.png"),
        "target hidden": (1, f"{PLAN}/lock"),
        "size negative": (2, -1),
        "size text": (2, "1"),
        "size huge list": (2, [[[]]]),
        "mtime null": (3, None),
        "split unknown": (4, 9),
        "split true": (4, True),
        "sidecar without an image": (4, -1),
        "label unknown": (5, 9),
        "link NUL": (6, "\0"),
        "link number": (6, 1),
    }


def headers_with(victim: Path) -> dict[str, tuple[str, object]]:
    return {
        "source relative": ("source", "photos"),
        "source ..": ("source", f"{victim}/../victim"),
        "source null": ("source", None),
        "root elsewhere": ("root", str(victim)),
        "made_at null": ("made_at", None),
        "mode": ("mode", "shred"),
        "recipe": ("recipe", []),
        "split ..": ("split_names", ["..", "val", "test"]),
        "split numbers": ("split_names", [1, 2, 3]),
        "class ..": ("class_names", ["..", "cat"]),
        "class twice": ("class_names", ["cat", "cat"]),
        "duplicates": ("duplicates", [["/etc/passwd"]]),
        "separated": ("num_separated", "many"),
        "groups": ("num_groups", "many"),
        "unknown": ("command", "rm"),
    }


def test_no_edited_step_is_carried_out(many, tmp_path, victim):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    file = tmp_path / "out" / PLAN / "plan.jsonl"
    whole = file.read_text()
    for name, (position, value) in steps_with(victim).items():

        def change(_, steps, position=position, value=value):
            row = next(i for i, step in enumerate(steps) if step[0] == "cat/000.png")
            steps[row][position] = value

        edit_plan(tmp_path / "out", change)
        before = state_of(tmp_path)
        with pytest.raises(ExportError, match=r"The plan .* cannot be read"):
            undo_split(tmp_path / "out")
        with pytest.raises(ExportError, match=r"The plan .* cannot be read"):
            split_directory(many, tmp_path / "out", HALF, mode="move")
        assert state_of(tmp_path) == before, name
        file.write_text(whole)
    assert undo_split(tmp_path / "out") == 48


def test_no_edited_header_is_used(many, tmp_path, victim):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    file = tmp_path / "out" / PLAN / "plan.jsonl"
    whole = file.read_text()
    for name, (key, value) in headers_with(victim).items():
        edit_plan(tmp_path / "out", lambda header, _, k=key, v=value: header.update({k: v}))
        before = state_of(tmp_path)
        with pytest.raises(ExportError, match=r"The plan .* cannot be read"):
            undo_split(tmp_path / "out")
        assert state_of(tmp_path) == before, name
        file.write_text(whole)


@pytest.mark.parametrize("key", ["source", "mode", "seed", "step", "a line less"])
def test_a_plan_that_does_not_fit_its_checksum_is_refused(many, tmp_path, victim, key):
    split_directory(many, tmp_path / "out", HALF, mode="move")

    def change(header, steps):
        if key == "step":
            steps[0][2] += 1
        elif key == "a line less":
            steps.pop()
        elif key == "seed":
            header["recipe"]["seed"] = 7
        else:
            header[key] = {"source": str(victim), "mode": "copy"}[key]

    edit_plan(tmp_path / "out", change, sign=False)
    before = state_of(tmp_path)
    with pytest.raises(ExportError, match="edited, since its checksum differs"):
        undo_split(tmp_path / "out")
    assert state_of(tmp_path) == before


def test_a_deeply_nested_plan_is_refused(many, tmp_path):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    file = tmp_path / "out" / PLAN / "plan.jsonl"
    for text in ("[" * 100_000, file.read_text() + "[" * 100_000 + "\n"):
        file.write_text(text)
        with pytest.raises(ExportError, match="cannot be read"):
            undo_split(tmp_path / "out")


# Links that lead elsewhere.


def test_undo_takes_no_file_through_a_planted_link(many, tmp_path, victim):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    write_files(victim, *numbered("cat", 24))
    shutil.rmtree(tmp_path / "out/train/cat")
    (tmp_path / "out/train/cat").symlink_to(victim / "cat")
    before = state_of(tmp_path)
    with pytest.raises(ExportError, match="A link leads outside"):
        undo_split(tmp_path / "out")

    assert state_of(tmp_path) == before


def test_undo_puts_no_file_through_a_planted_link(many, tmp_path, victim):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    shutil.rmtree(many / "cat")
    (many / "cat").symlink_to(victim)
    before = state_of(tmp_path)
    with pytest.raises(ExportError, match="A link leads outside"):
        undo_split(tmp_path / "out")

    assert state_of(tmp_path) == before


@pytest.mark.parametrize("mode", ["copy", "move", "symlink", "hardlink"])
def test_a_resumed_split_writes_nothing_through_a_planted_link(many, tmp_path, victim, mode):
    interrupted(many, tmp_path / "out", 1, mode=mode)
    for folder in (tmp_path / "out").glob("*/cat"):
        shutil.rmtree(folder)
        folder.symlink_to(victim)
    before = files_in(victim)
    with pytest.raises(ExportError, match="A link leads outside"):
        split_directory(many, tmp_path / "out", HALF, mode=mode)

    assert files_in(victim) == before


@pytest.mark.parametrize("name", ["", "lock", "results.jsonl", "plan.jsonl", "scratch"])
@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_the_folder_of_a_plan_leads_nowhere_else(many, tmp_path, victim, name, link):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    place = tmp_path / "out" / PLAN / name
    folder = name in ("", "scratch")
    if (link == "hardlink" and folder) or (link == "hardlink" and name == "plan.jsonl"):
        return  # cannot be made; and a plan is only read, and replaced
    if place.is_dir():
        place.rename(tmp_path / "moved")
    else:
        place.unlink(missing_ok=True)
    to = victim if folder else victim / "secret.png"
    place.symlink_to(to) if link == "symlink" else place.hardlink_to(to)
    before = state_of(tmp_path)
    for call in (
        lambda: undo_split(tmp_path / "out"),
        lambda: split_directory(many, tmp_path / "out", HALF, mode="move"),
    ):
        with pytest.raises(ExportError, match="is a link or another kind of file"):
            call()
    assert state_of(tmp_path) == before


def test_the_scratch_folder_of_an_undo_leads_nowhere_else(many, tmp_path, victim):
    split_directory(many, tmp_path / "out", HALF, mode="move")
    (many / PLAN).symlink_to(victim)
    before = state_of(victim)
    with pytest.raises(ExportError, match="is a link or another kind of file"):
        undo_split(tmp_path / "out")

    assert state_of(victim) == before


def test_a_plan_with_files_outside_is_resumed_only_for_the_same_table(tmp_path, victim):
    photos = write_files(tmp_path / "photos", *numbered("cat", 8))
    interrupted(photos, tmp_path / "out", 1, mode="move")

    def change(header, steps):
        header["source"] = str(tmp_path)
        for step in steps:
            step[0] = f"photos/{step[0]}"
        steps[-1][0] = "victim/secret.png"

    edit_plan(tmp_path / "out", change)
    with pytest.raises(ExportError, match="is not part of the source"):
        split_directory(photos, tmp_path / "out", HALF, mode="move")
    assert (victim / "secret.png").exists()


def test_an_interrupted_split_of_files_outside_the_root_is_resumed_and_undone(tmp_path):
    write_files(tmp_path / "elsewhere", *numbered("a", 6), "a/000.txt")
    write_files(tmp_path / "in", *numbered("b", 6))
    before = files_in(tmp_path / "elsewhere"), files_in(tmp_path / "in")
    (tmp_path / "in/linked").symlink_to(tmp_path / "elsewhere")
    paths = [f"../elsewhere/a/{i:03d}.png" for i in range(3)]
    paths += [f"linked/a/{i:03d}.png" for i in range(3, 6)] + numbered("b", 6)
    manifest = Manifest.from_files(paths, ["x", "y"] * 6, root=tmp_path / "in")
    for at in (1, 5, 9):
        interrupted(manifest, tmp_path / "out", at, mode="move")
    split_directory(manifest, tmp_path / "out", HALF, mode="move")

    assert len(files_in(tmp_path / "out")) == 13
    assert undo_split(tmp_path / "out") == 13
    assert (files_in(tmp_path / "elsewhere"), files_in(tmp_path / "in")) == before


def test_undo_of_a_plan_with_another_source_replaces_no_file(many, tmp_path, victim):
    write_files(victim, "cat/000.png", "cat/other.png")
    (victim / "cat" / "000.png").write_bytes(b"the victim's")
    before = state_of(victim)
    split_directory(many, tmp_path / "out", HALF, mode="move")
    for made_at in (str(tmp_path / "out"), str(tmp_path / "elsewhere" / "out")):

        def change(header, _, made_at=made_at):
            header |= {"root": str(victim), "source": str(victim), "made_at": made_at}

        edit_plan(tmp_path / "out", change)
        with pytest.raises(ExportError):
            undo_split(tmp_path / "out")
        after = state_of(victim)
        assert {name: after[name] for name in before} == before
        assert set(after) - set(before) <= {*files_in_plan(tmp_path / "out"), "dog", PLAN}


def test_no_file_of_the_target_is_taken_for_a_file_of_the_source(tmp_path):
    write_files(tmp_path, *numbered("flat", 4))
    manifest = Manifest.from_files(numbered("flat", 4), ["a"] * 4, root=tmp_path)
    split_directory(manifest, tmp_path / "out", {"all": 1.0}, mode="move")

    def change(_, steps):
        steps[0][0] = f"out/{PLAN}/results.jsonl"

    edit_plan(tmp_path / "out", change)
    before = state_of(tmp_path)
    with pytest.raises(ExportError, match="cannot be read"):
        undo_split(tmp_path / "out")
    assert state_of(tmp_path) == before


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "n" * 300])
def test_what_cannot_be_a_path_is_refused(many, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    before = everything_in(tmp_path)
    for call in (
        lambda: undo_split(path),
        lambda: split_directory(many, path),
        lambda: split_directory(path, "out"),
        lambda: augment_directory(many, path, "light"),
        lambda: augment_directory(path, "out", "light"),
    ):
        with pytest.raises(ImggenError):
            call()
    assert everything_in(tmp_path) == before


def test_augmented_copies_are_written_through_no_planted_link(tmp_path, victim):
    photos = write_images(tmp_path / "photos", {"cat": 3})
    augment_directory(photos, tmp_path / "out", "light", copies=1)
    before = state_of(victim)
    for name in ("cat", ".imggen-augment/scratch", ".imggen-augment/results.jsonl"):
        place, kept = tmp_path / "out" / name, tmp_path / "kept"
        if place.exists():
            place.rename(kept)
        place.symlink_to(victim / "secret.png" if name.endswith("jsonl") else victim)
        with pytest.raises(ExportError, match="link"):
            augment_directory(photos, tmp_path / "out", "light", copies=1)
        assert state_of(victim) == before, name
        place.unlink()
        if kept.exists():
            kept.rename(place)
    augment_directory(photos, tmp_path / "out", "light", copies=1)


def test_a_link_in_the_place_of_a_copy_is_replaced_and_not_followed(tmp_path, victim):
    photos = write_images(tmp_path / "photos", {"cat": 3})
    augment_directory(photos, tmp_path / "whole", "light", copies=1)
    augment_directory(photos, tmp_path / "out", "light", copies=1)
    (tmp_path / "out/.imggen-augment/results.jsonl").unlink()
    for path in (tmp_path / "out/cat").iterdir():
        path.unlink()
        path.symlink_to(victim / "secret.png")
    augment_directory(photos, tmp_path / "out", "light", copies=1)

    assert files_in(victim) == {name: name.encode() for name in ("secret.png", "same.png")}
    assert files_in(tmp_path / "out/cat") == files_in(tmp_path / "whole/cat")
