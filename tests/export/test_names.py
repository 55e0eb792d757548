"""Names and paths of split files: unusual, long and equal ones, and those of tables."""

import os
import shutil
from pathlib import Path

import pytest

from imggen import Manifest, split_directory, undo_split
from imggen.errors import ExportError
from tests.helpers.split_files import (
    MODES,
    ODD_NAMES,
    everything_in,
    files_in,
    numbered,
    part_of,
    visible_in,
    without_part,
    write_files,
)

ALL = {"all": 1.0}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_unusual_names_of_files_classes_and_sidecars_are_kept_in_every_mode(tmp_path, name, mode):
    text = os.fsdecode(name)
    names = [f"{text}/{text}", f"{text}/{text}.json", "dog/1.png", "dog/2.png", f"{text}/1.png"]
    photos = write_files(tmp_path / "photos", *names)
    parts = split_directory(photos, tmp_path / "out", (0.5, 0.5), mode=mode)

    assert sorted(part_of(tmp_path / "out")) == sorted(names)
    assert {without_part(path): data for path, data in files_in(tmp_path / "out").items()} == {
        path: os.fsencode(path) for path in names
    }
    assert all(os.path.isfile(path) for part in parts for path in part.filepaths)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_unusual_names_are_resumed_and_moved_back(tmp_path, name):
    text = os.fsdecode(name)
    photos = write_files(tmp_path / "photos", f"{text}/{text}", *numbered(text, 3))
    before = files_in(photos)
    for _ in range(2):
        split_directory(photos, tmp_path / "out", ALL, mode="move")

    assert len(files_in(tmp_path / "out")) == 4
    undo_split(tmp_path / "out")
    assert files_in(photos) == before


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_source_and_target_may_have_unusual_names(tmp_path, name):
    text = os.fsdecode(name)
    photos = write_files(tmp_path / text / "photos", *numbered("cat", 4))
    split_directory(photos, tmp_path / text / text, ALL, mode="move")
    undo_split(tmp_path / text / text)

    assert len(files_in(photos)) == 4


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("cat/A.png", "cat/a.png"),
        ("Cat/1.png", "cat/1.png"),
        ("cat/caf\u00e9.png", "cat/cafe\u0301.png"),
        ("caf\u00e9/1.png", "cafe\u0301/1.png"),
        ("cat/STRASSE.png", "cat/straße.png"),
    ],
)
def test_names_that_some_file_systems_do_not_distinguish_get_a_number(tmp_path, first, second):
    photos = write_files(tmp_path / "photos", first, second)
    split_directory(photos, tmp_path / "out", ALL)
    made = files_in(tmp_path / "out" / "all")
    later = max(first, second)

    assert made == {
        min(first, second): os.fsencode(min(first, second)),
        f"{later[:-4]}-2.png": os.fsencode(later),
    }


def test_names_in_different_splits_get_no_number(tmp_path):
    photos = write_files(tmp_path / "photos", "cat/a.png", "dog/a.png", "cat/deep/a.png")
    split_directory(photos, tmp_path / "out", ALL)

    assert sorted(files_in(tmp_path / "out" / "all")) == sorted(files_in(photos))


def test_a_number_that_is_taken_is_skipped(tmp_path):
    photos = write_files(tmp_path / "photos", "cat/A-2.png", "cat/A.png", "cat/a.png")
    split_directory(photos, tmp_path / "out", ALL)

    assert files_in(tmp_path / "out" / "all") == {
        "cat/A-2.png": b"cat/A-2.png",
        "cat/A.png": b"cat/A.png",
        "cat/a-3.png": b"cat/a.png",
    }


def test_undo_restores_the_names_of_numbered_files(tmp_path):
    photos = write_files(tmp_path / "photos", "cat/A.png", "cat/a.png", "cat/A.txt", "cat/a.txt")
    before = files_in(photos)
    split_directory(photos, tmp_path / "out", ALL, mode="move")

    assert "cat/a-2.txt" in files_in(tmp_path / "out" / "all")
    undo_split(tmp_path / "out")
    assert files_in(photos) == before


@pytest.mark.parametrize("stem", ["n" * 251, "é" * 125, "ab" + "🐈" * 62], ids=["n", "é", "🐈"])
def test_names_of_255_bytes_get_a_number_too(tmp_path, stem):
    names = [f"dog/{stem}.png", *numbered("cat", 12)]
    photos = write_files(tmp_path / "photos", *names)
    split_directory(photos, tmp_path / "out", {"train": 1.0}, oversample=True)
    made = os.listdir(os.fsencode(tmp_path / "out" / "train" / "dog"))

    assert len(made) == 12
    assert max(map(len, made)) <= 255
    assert all(name.endswith(b".png") for name in made)


@pytest.mark.parametrize("stem", ["é" * 125, "ab" + "🐈" * 62], ids=["é", "🐈"])
def test_truncated_names_are_valid_utf_8(tmp_path, stem):
    photos = write_files(tmp_path / "photos", f"dog/{stem}.png", *numbered("cat", 12))
    split_directory(photos, tmp_path / "out", {"train": 1.0}, oversample=True)

    for name in os.listdir(os.fsencode(tmp_path / "out" / "train" / "dog")):
        assert name.decode("utf-8")


def test_names_of_sidecars_do_not_exceed_the_limit(tmp_path):
    names = ["dog/" + "n" * 246 + ".jpg", "dog/" + "n" * 246 + ".jpg.json", *numbered("cat", 3)]
    photos = write_files(tmp_path / "photos", *names)
    split_directory(photos, tmp_path / "out", {"train": 1.0}, oversample=True)

    assert len(files_in(tmp_path / "out" / "train" / "dog")) == 6


# Tables.


def table(folder: Path, paths: list, labels: list) -> Manifest:
    return Manifest.from_files(paths, labels, root=folder)


def test_a_table_puts_files_into_folders_of_their_labels(tmp_path):
    folder = write_files(tmp_path / "in", *numbered("flat", 8))
    manifest = table(folder, numbered("flat", 8), ["cat", "dog"] * 4)
    split_directory(manifest, tmp_path / "out", (0.5, 0.5))

    assert sorted(part_of(tmp_path / "out")) == sorted(
        f"{'dog' if number % 2 else 'cat'}/flat/{number:03d}.png" for number in range(8)
    )


@pytest.mark.parametrize("kind", ["absolute", "above", "roundabout"])
def test_files_outside_the_root_go_into_the_folders_of_their_labels(tmp_path, kind):
    write_files(tmp_path / "elsewhere", *numbered("x", 4), *numbered("y", 4))
    (tmp_path / "in").mkdir()
    names = numbered("x", 4) + numbered("y", 4)
    start = {"absolute": str(tmp_path), "above": "..", "roundabout": f"./.././../{tmp_path.name}"}
    paths = [f"{start[kind]}/elsewhere/{name}" for name in names]
    manifest = table(tmp_path / "in", paths, ["cat"] * 4 + ["dog"] * 4)
    parts = split_directory(manifest, tmp_path / "out", (0.5, 0.5))

    assert part_of(tmp_path / "out").keys() == {*numbered("cat", 4), *numbered("dog", 4)}
    assert sorted(files_in(tmp_path / "out").values()) == sorted(map(os.fsencode, names))
    assert all(os.path.isfile(path) for part in parts for path in part.filepaths)


def test_files_of_the_same_name_from_two_folders_are_numbered(tmp_path):
    write_files(tmp_path / "elsewhere", "a/1.png", "b/1.png", "c/1.png")
    (tmp_path / "in").mkdir()
    paths = [f"../elsewhere/{name}/1.png" for name in "abc"]
    split_directory(table(tmp_path / "in", paths, ["cat"] * 3), tmp_path / "out", ALL)

    assert files_in(tmp_path / "out" / "all") == {
        "cat/1.png": b"a/1.png",
        "cat/1-2.png": b"b/1.png",
        "cat/1-3.png": b"c/1.png",
    }


def test_files_outside_the_root_are_moved_there_and_back(tmp_path):
    write_files(tmp_path / "elsewhere", "a/1.png", "b/1.png", "a/1.txt")
    before = files_in(tmp_path / "elsewhere")
    (tmp_path / "in").mkdir()
    paths = [f"{tmp_path}/elsewhere/a/1.png", "../elsewhere/b/1.png"]
    split_directory(table(tmp_path / "in", paths, ["cat"] * 2), tmp_path / "out", ALL, mode="move")

    assert sorted(files_in(tmp_path / "out" / "all")) == ["cat/1-2.png", "cat/1.png", "cat/1.txt"]
    assert files_in(tmp_path / "elsewhere") == {}
    undo_split(tmp_path / "out")
    assert files_in(tmp_path / "elsewhere") == before


@pytest.mark.parametrize("label", ["a/b", "..", ".", "", "/", "a\0b", ".x"])
def test_a_label_that_cannot_be_a_visible_folder_is_refused(tmp_path, label):
    folder = write_files(tmp_path / "in", *numbered("flat", 4))
    manifest = table(folder, numbered("flat", 4), [label, label, "dog", "dog"])
    with pytest.raises(ExportError, match="cannot be names of folders") as caught:
        split_directory(manifest, tmp_path / "out", (0.5, 0.5))

    assert repr(label) in str(caught.value)
    assert visible_in(tmp_path) == ["in"]


@pytest.mark.parametrize("name", ["../beside", "..", ".imggen-split", ".val", "a/b", ""])
def test_a_split_name_that_cannot_be_a_folder_is_refused(tmp_path, name):
    photos = write_files(tmp_path / "photos", *numbered("cat", 4))
    with pytest.raises(ExportError, match="The splits .* cannot be names of folders") as caught:
        split_directory(photos, tmp_path / "deep" / "out", {"train": 0.5, name: 0.5})

    assert repr(name) in str(caught.value)
    assert visible_in(tmp_path) == ["photos"]


def test_labels_that_windows_cannot_store_are_refused_there(tmp_path, monkeypatch):
    folder = write_files(tmp_path / "in", *numbered("flat", 2))
    for label in ("CON", "nul.x", "com1", "a:b", "a?", "x.", "x ", "a\\b", "tab\t"):
        manifest = table(folder, numbered("flat", 2), [label, "console"])
        monkeypatch.setattr("imggen.export.names._IS_WINDOWS", True)
        with pytest.raises(ExportError, match=r"classes \[.*\] cannot be names of folders"):
            split_directory(manifest, tmp_path / "out", ALL)
        monkeypatch.setattr("imggen.export.names._IS_WINDOWS", False)
        split_directory(manifest, tmp_path / "out", ALL)
        assert sorted(os.listdir(tmp_path / "out/all")) == sorted([label, "console"])
        shutil.rmtree(tmp_path / "out")


def test_a_label_may_be_unusual_and_long(tmp_path):
    folder = write_files(tmp_path / "in", *numbered("flat", 4))
    labels = ["x.", "a\nb ", "é" * 127, "🐈"]
    split_directory(table(folder, numbered("flat", 4), labels), tmp_path / "out", ALL)

    assert sorted(os.listdir(tmp_path / "out" / "all")) == sorted(labels)


def test_a_file_with_two_labels_is_in_one_split_under_both(tmp_path):
    folder = write_files(tmp_path / "in", *numbered("flat", 8))
    paths = [name for name in numbered("flat", 8) for _ in range(2)]
    split_directory(table(folder, paths, ["cat", "dog"] * 8), tmp_path / "out", (0.5, 0.5))
    parts = part_of(tmp_path / "out")

    assert len(parts) == 16
    assert all(parts[f"cat/{name}"] == parts[f"dog/{name}"] for name in numbered("flat", 8))


def test_moving_a_file_with_two_labels_is_refused(tmp_path):
    folder = write_files(tmp_path / "in", *numbered("flat", 8))
    paths = [name for name in numbered("flat", 8) for _ in range(2)]
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match="would be in several places, .* cannot be moved"):
        split_directory(
            table(folder, paths, ["cat", "dog"] * 8), tmp_path / "out", (0.5, 0.5), mode="move"
        )

    assert everything_in(tmp_path) == before


def test_a_missing_file_is_refused_before_a_file_is_touched(tmp_path):
    folder = write_files(tmp_path / "in", *numbered("flat", 3))
    manifest = table(folder, [*numbered("flat", 3), "flat/gone.png"], ["cat"] * 4)
    with pytest.raises(ExportError, match="No such file or directory. No file was touched") as err:
        split_directory(manifest, tmp_path / "out", ALL, mode="move")

    assert repr(str(folder / "flat/gone.png")) in str(err.value)
    assert visible_in(tmp_path) == ["in"]
    assert len(files_in(folder)) == 3


def test_files_that_a_table_does_not_list_stay(tmp_path):
    folder = write_files(tmp_path / "in", *numbered("flat", 8))
    split_directory(
        table(folder, numbered("flat", 4), ["cat"] * 4), tmp_path / "out", ALL, mode="move"
    )

    assert sorted(files_in(folder)) == numbered("flat", 8)[4:]


def test_a_table_may_be_next_to_its_target(tmp_path):
    write_files(tmp_path, *numbered("flat", 4))
    split_directory(table(tmp_path, numbered("flat", 4), ["cat"] * 4), tmp_path / "out", ALL)

    assert len(files_in(tmp_path / "out")) == 4
