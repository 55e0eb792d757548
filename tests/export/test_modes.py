"""Modes of split_directory (copy, move, links), folds, oversampling and sidecars."""

import os
from pathlib import Path

import numpy as np
import pytest

import imggen
from imggen import split_directory, undo_split
from imggen.errors import ExportError, OptionError, SplitError
from tests.helpers.split_files import (
    HALF,
    MODES,
    everything_in,
    files_in,
    numbered,
    part_of,
    visible_in,
    without_part,
    write_files,
)


def inodes_in(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_ino, path.lstat().st_mtime_ns)
        for path in folder.rglob("*.png")
    }


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_puts_every_file_into_one_split(photos, tmp_path, mode):
    before = files_in(photos)
    split_directory(photos, tmp_path / "out", HALF, mode=mode)
    made = files_in(tmp_path / "out")

    assert len(made) == 16
    assert {without_part(name): data for name, data in made.items()} == before


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_the_same_splits(photos, tmp_path, mode):
    split_directory(photos, tmp_path / "copied", HALF, seed=3)
    parts = split_directory(photos, tmp_path / "out", HALF, seed=3, mode=mode)

    assert part_of(tmp_path / "out") == part_of(tmp_path / "copied")
    assert all(os.path.isfile(path) for part in parts for path in part.filepaths)


@pytest.mark.parametrize("mode", MODES)
def test_a_second_call_touches_no_file(photos, tmp_path, mode):
    split_directory(photos, tmp_path / "out", HALF, mode=mode)
    before = inodes_in(tmp_path / "out"), everything_in(tmp_path)
    split_directory(photos, tmp_path / "out", HALF, mode=mode)

    assert (inodes_in(tmp_path / "out"), everything_in(tmp_path)) == before


@pytest.mark.parametrize("mode", ["copy", "symlink", "hardlink"])
def test_only_moving_removes_files_from_the_source(photos, tmp_path, mode):
    before = files_in(photos), everything_in(photos)
    split_directory(photos, tmp_path / "out", HALF, mode=mode)

    assert (files_in(photos), everything_in(photos)) == before


def test_moving_leaves_the_folders_of_the_source_empty(photos, tmp_path):
    split_directory(photos, tmp_path / "out", HALF, mode="move")

    assert everything_in(photos) == ["cat", "dog"]


def test_moving_within_a_file_system_renames_files(photos, tmp_path):
    before = inodes_in(photos)
    split_directory(photos, tmp_path / "out", HALF, mode="move")

    assert {without_part(name): found for name, found in inodes_in(tmp_path / "out").items()} == (
        before
    )


def test_moving_to_another_file_system_keeps_bytes_times_and_permissions(photos, other_disk):
    for number, path in enumerate(sorted(photos.glob("*/*"))):
        os.utime(path, ns=(1, 1_000_000_000_123_456_789 + number))
        path.chmod(0o640)
    before = files_in(photos)
    times = {str(path.relative_to(photos)): path.stat().st_mtime_ns for path in photos.glob("*/*")}
    split_directory(photos, other_disk / "out", HALF, mode="move")
    moved = {without_part(name): other_disk / "out" / name for name in files_in(other_disk / "out")}

    assert {name: path.read_bytes() for name, path in moved.items()} == before
    assert {name: path.stat().st_mtime_ns for name, path in moved.items()} == times
    assert {path.stat().st_mode & 0o777 for path in moved.values()} == {0o640}
    assert everything_in(photos) == ["cat", "dog"]


def test_a_copy_is_an_independent_file(photos, tmp_path):
    split_directory(photos, tmp_path / "out", HALF, mode="copy")
    copies = list((tmp_path / "out").rglob("*.png"))

    assert {(path.is_symlink(), path.stat().st_nlink) for path in copies} == {(False, 1)}


def test_hard_links_are_the_same_files(photos, tmp_path):
    split_directory(photos, tmp_path / "out", HALF, mode="hardlink")

    for name in files_in(tmp_path / "out"):
        assert os.path.samefile(tmp_path / "out" / name, photos / without_part(name))
        assert not (tmp_path / "out" / name).is_symlink()


def test_symbolic_links_are_absolute_even_for_a_relative_source(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    split_directory("photos", "out", HALF, mode="symlink")

    for name in files_in(tmp_path / "out"):
        assert os.readlink(tmp_path / "out" / name) == str(photos / without_part(name))


def test_a_hard_link_of_a_symbolic_link_is_one_of_its_file(photos, tmp_path):
    (photos / "cat" / "000.png").rename(tmp_path / "elsewhere.png")
    (photos / "cat" / "000.png").symlink_to(tmp_path / "elsewhere.png")
    split_directory(photos, tmp_path / "out", HALF, mode="hardlink")
    [link] = (tmp_path / "out").glob("*/cat/000.png")

    assert not link.is_symlink()
    assert os.path.samefile(link, tmp_path / "elsewhere.png")


def test_hard_links_to_another_file_system_are_refused(photos, other_disk):
    with pytest.raises(ExportError, match="different file systems") as caught:
        split_directory(photos, other_disk / "out", HALF, mode="hardlink")

    assert repr(str(photos)) in str(caught.value)
    assert repr(str(other_disk / "out")) in str(caught.value)
    assert files_in(other_disk) == {}


def test_another_mode_can_be_chosen_after_hard_links_were_refused(photos, other_disk):
    with pytest.raises(ExportError, match='Use mode="copy" or "symlink"'):
        split_directory(photos, other_disk / "out", HALF, mode="hardlink")
    split_directory(photos, other_disk / "out", HALF, mode="symlink")

    assert len(files_in(other_disk / "out")) == 16


def test_an_unknown_mode_is_an_option_error_and_writes_no_file(photos, tmp_path):
    with pytest.raises(OptionError, match="Did you mean 'symlink'"):
        split_directory(photos, tmp_path / "out", HALF, mode="symlnk")

    assert visible_in(tmp_path) == ["photos"]


# Counts, groups, given splits, stable splits.


def test_counts_set_the_size_of_val_and_test_per_class(photos, tmp_path):
    parts = split_directory(photos, tmp_path / "out", counts=(1, 2))

    assert [part.class_counts for part in parts] == [
        {"cat": 5, "dog": 5},
        {"cat": 1, "dog": 1},
        {"cat": 2, "dog": 2},
    ]
    assert len(files_in(tmp_path / "out")) == 16


def test_counts_may_be_numpy_integers(photos, tmp_path):
    parts = split_directory(photos, tmp_path / "out", counts=(np.int64(1), np.int64(2)))

    assert list(map(len, parts)) == [10, 2, 4]


def test_a_mapping_may_hold_numpy_integers(photos, tmp_path):
    parts = split_directory(photos, tmp_path / "out", counts={"val": np.int64(1)})

    assert list(map(len, parts)) == [14, 2]


@pytest.mark.parametrize("seed", range(4))
def test_a_group_stays_in_one_split(tmp_path, seed):
    names = [f"{name}/p{number // 3}_{number}.png" for name in ("a", "b") for number in range(24)]
    photos = write_files(tmp_path / "photos", *names)
    split_directory(photos, tmp_path / "out", HALF, seed=seed, group_by=r"/(p\d+)_")
    parts = {
        (Path(name).name.partition("_")[0], part)
        for name, part in part_of(tmp_path / "out").items()
    }

    assert len(parts) == 8


def test_groups_may_be_the_parent_folders(tmp_path):
    names = [f"{name}/{folder}/{k}.png" for name in "ab" for folder in "uvwx" for k in range(3)]
    photos = write_files(tmp_path / "photos", *names)
    split_directory(photos, tmp_path / "out", HALF, group_by="parent")
    parts = {(os.path.dirname(name), part) for name, part in part_of(tmp_path / "out").items()}

    assert len(parts) == 8


def test_groups_may_come_from_a_function_which_resumes_the_split(photos, tmp_path):
    def number(path):
        return path[-7:-4]

    for _ in range(2):
        split_directory(photos, tmp_path / "out", HALF, group_by=number)
    parts = part_of(tmp_path / "out")

    assert all(parts[f"cat/{n:03d}.png"] == parts[f"dog/{n:03d}.png"] for n in range(8))


def test_groups_may_come_from_a_callable_without_a_name(photos, tmp_path):
    class Stems:
        def __call__(self, path):
            return path[:-4]

    split_directory(photos, tmp_path / "out", HALF, group_by=Stems())

    assert len(files_in(tmp_path / "out")) == 16


def test_without_classes_files_are_directly_in_the_splits(photos, tmp_path):
    parts = split_directory(imggen.scan(photos / "cat", labels=None), tmp_path / "out", HALF)

    assert sorted(map(without_part, files_in(tmp_path / "out"))) == sorted(
        os.listdir(photos / "cat")
    )
    assert list(map(len, parts)) == [4, 2, 2]
    assert all(part.labels is None for part in parts)


def test_without_ratios_the_splits_of_the_manifest_are_exported(photos, tmp_path):
    names = numbered("cat", 8)
    frame = imggen.scan(photos).to_frame().assign(split=["Validation"] * 8 + ["training"] * 8)
    manifest = imggen.Manifest.from_frame(frame, root=photos, split_col="split")
    split_directory(manifest, tmp_path / "out", None)

    assert {name for name, part in part_of(tmp_path / "out").items() if part == "val"} == set(names)


@pytest.mark.filterwarnings("ignore:A stable split is random")
def test_a_stable_split_keeps_files_in_their_splits_when_others_are_added(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 40), *numbered("dog", 40))
    split_directory(photos, tmp_path / "first", HALF, stable=True)
    write_files(photos, *(f"cat/more{number}.png" for number in range(40)))
    split_directory(photos, tmp_path / "second", HALF, stable=True)
    first, second = part_of(tmp_path / "first"), part_of(tmp_path / "second")

    assert len(second) == 120
    assert first.items() <= second.items()


@pytest.mark.filterwarnings("ignore:A stable split is random")
def test_a_stable_split_depends_on_content_and_not_on_names(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 40))
    split_directory(photos, tmp_path / "first", HALF, stable=True)
    for name in numbered("cat", 40):
        (photos / name).rename(photos / name.replace("/", "/new"))
    split_directory(photos, tmp_path / "second", HALF, stable=True)
    first, second = part_of(tmp_path / "first"), part_of(tmp_path / "second")

    assert {name.replace("/", "/new"): part for name, part in first.items()} == second


def test_near_duplicates_and_stable_exclude_each_other(photos, tmp_path):
    with pytest.raises(SplitError, match="exclude each other"):
        split_directory(photos, tmp_path / "out", near_duplicates=True, stable=True)

    assert visible_in(tmp_path) == ["photos"]


# Folds.


def test_each_image_is_in_val_of_one_fold_and_in_train_of_the_others(photos, tmp_path):
    split_directory(photos, tmp_path / "out", num_folds=4)
    in_val = [name for name in files_in(tmp_path / "out") if name.split("/")[1] == "val"]
    everything = sorted(files_in(photos))

    assert sorted(name.split("/", 2)[2] for name in in_val) == everything
    for number in range(4):
        fold = files_in(tmp_path / "out" / f"fold_{number}")
        assert {without_part(name): data for name, data in fold.items()} == files_in(photos)
        assert sorted(map(without_part, fold)) == everything


def test_folds_are_splits_named_by_fold(photos, tmp_path):
    parts = split_directory(photos, tmp_path / "out", num_folds=2)

    assert parts.names == ("fold_0/train", "fold_0/val", "fold_1/train", "fold_1/val")
    assert visible_in(tmp_path / "out") == ["fold_0", "fold_1"]
    for name, part in parts.as_dict().items():
        found = sorted(str(path) for path in (tmp_path / "out" / name).glob("*/*"))
        assert sorted(part.filepaths) == found
        assert part.class_counts == {"cat": 4, "dog": 4}


@pytest.mark.parametrize("mode", ["symlink", "hardlink"])
def test_folds_may_be_links(photos, tmp_path, mode):
    split_directory(photos, tmp_path / "out", num_folds=3, mode=mode)

    assert len(files_in(tmp_path / "out")) == 3 * 16
    for name in files_in(tmp_path / "out"):
        assert os.path.samefile(tmp_path / "out" / name, photos / name.split("/", 2)[2])


def test_moving_to_folds_is_refused_and_moves_no_file(photos, tmp_path):
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match="would be in several places, .* cannot be moved"):
        split_directory(photos, tmp_path / "out", num_folds=3, mode="move")

    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("more", [{"stable": True}, {"counts": (1, 1)}])
def test_folds_exclude_counts_and_stable(photos, tmp_path, more):
    with pytest.raises(SplitError, match="num_folds="):
        split_directory(photos, tmp_path / "out", num_folds=3, **more)

    assert visible_in(tmp_path) == ["photos"]


# Oversampling.


@pytest.fixture
def uneven(tmp_path) -> Path:
    return write_files(tmp_path / "uneven", *numbered("cat", 20), *numbered("dog", 5))


@pytest.mark.parametrize("mode", ["copy", "symlink", "hardlink"])
def test_rare_classes_are_repeated_in_train_under_names_with_a_number(uneven, tmp_path, mode):
    parts = split_directory(uneven, tmp_path / "out", (0.6, 0.2, 0.2), oversample=True, mode=mode)
    dogs = files_in(tmp_path / "out" / "train" / "dog")

    assert parts.train.class_counts == {"cat": 12, "dog": 12}
    assert len(dogs) == 12
    assert {name.partition("-")[0].removesuffix(".png") for name in dogs} == {
        Path(data.decode()).stem for data in dogs.values()
    }
    assert {data.decode().partition("/")[0] for data in dogs.values()} == {"dog"}


def test_validation_and_test_images_are_not_repeated(uneven, tmp_path):
    parts = split_directory(uneven, tmp_path / "out", (0.6, 0.2, 0.2), oversample=True)

    assert parts.val.class_counts == parts.test.class_counts == {"cat": 4, "dog": 1}


def test_the_train_split_of_every_fold_is_balanced(uneven, tmp_path):
    parts = split_directory(uneven, tmp_path / "out", num_folds=5, oversample=True)

    for train, val in zip(parts[::2], parts[1::2], strict=True):
        assert train.class_counts == {"cat": 16, "dog": 16}
        assert val.class_counts == {"cat": 4, "dog": 1}


def test_moving_with_oversampling_is_refused_and_moves_no_file(uneven, tmp_path):
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match="would be in several places, .* cannot be moved"):
        split_directory(uneven, tmp_path / "out", oversample=True, mode="move")

    assert everything_in(tmp_path) == before


# Sidecars: files of an image's name with another extension.


@pytest.mark.parametrize("mode", MODES)
def test_sidecars_go_where_their_image_goes(tmp_path, mode):
    names = numbered("cat", 12)
    along = [
        ending
        for name in names
        for ending in (name[:-4] + ".txt", name + ".json", name[:-4] + ".a.b")
    ]
    photos = write_files(tmp_path / "photos", *names, *along)
    split_directory(photos, tmp_path / "out", HALF, mode=mode)
    parts = part_of(tmp_path / "out")

    assert sorted(parts) == sorted([*names, *along])
    for name in names:
        beside = {parts[name[:-4] + ".txt"], parts[name + ".json"], parts[name[:-4] + ".a.b"]}
        assert beside == {parts[name]}
    assert all(
        data.decode() == without_part(name) for name, data in files_in(tmp_path / "out").items()
    )


def test_hidden_files_and_files_of_other_names_are_no_sidecars(tmp_path):
    stays = ["cat/.000.txt", "cat/.000.png.json", "cat/notes.txt", "cat/0000.txt", "dog/000.txt"]
    photos = write_files(tmp_path / "photos", *numbered("cat", 4), *stays, "dog/009.png")
    split_directory(photos, tmp_path / "out", {"all": 1.0}, mode="move")

    assert sorted(files_in(photos)) == sorted(stays)


def test_the_manifests_do_not_list_sidecars(photos, tmp_path):
    write_files(photos, "cat/000.txt", "cat/001.json")
    parts = split_directory(photos, tmp_path / "out", HALF)

    assert sum(map(len, parts)) == 16
    assert {Path(path).suffix for part in parts for path in part.paths} == {".png"}


@pytest.mark.parametrize("seed", range(6))
def test_images_that_share_a_sidecar_stay_in_one_split(tmp_path, seed):
    names = [f"cat/{number:03d}.{end}" for number in range(12) for end in ("jpg", "png", "txt")]
    photos = write_files(tmp_path / "photos", *names)
    split_directory(photos, tmp_path / "out", HALF, seed=seed)
    parts = part_of(tmp_path / "out")

    assert sorted(parts) == sorted(names)
    for number in range(12):
        assert len({parts[f"cat/{number:03d}.{end}"] for end in ("jpg", "png", "txt")}) == 1


def test_images_of_the_same_name_without_a_common_sidecar_may_be_separated(tmp_path):
    names = [f"cat/{number:03d}.{end}" for number in range(12) for end in ("jpg", "png")]
    photos = write_files(tmp_path / "photos", *names)
    split_directory(photos, tmp_path / "out", HALF)
    parts = part_of(tmp_path / "out")

    assert any(parts[f"cat/{n:03d}.jpg"] != parts[f"cat/{n:03d}.png"] for n in range(12))


def test_sidecars_get_the_number_of_their_image(tmp_path):
    photos = write_files(
        tmp_path / "photos", *numbered("cat", 3), "dog/1.png", "dog/1.txt", "dog/1.png.json"
    )
    split_directory(photos, tmp_path / "out", {"train": 1.0}, oversample=True)
    dogs = files_in(tmp_path / "out" / "train" / "dog")

    assert dogs == {
        f"1{number}{end}": f"dog/1{end}".encode()
        for number in ("", "-2", "-3")
        for end in (".png", ".txt", ".png.json")
    }


def test_two_images_never_get_the_same_sidecar(tmp_path):
    photos = write_files(
        tmp_path / "photos",
        *numbered("cat", 4),
        *("dog/1.jpg", "dog/1.txt", "dog/1-2.png", "dog/1-2.txt"),
    )
    split_directory(photos, tmp_path / "out", {"train": 1.0}, oversample=True)
    dogs = files_in(tmp_path / "out" / "train" / "dog")

    assert len(dogs) == 8
    for name, data in dogs.items():
        if not name.endswith(".txt"):
            beside = dogs[str(Path(name).with_suffix(".txt"))]
            assert beside == str(Path(data.decode()).with_suffix(".txt")).encode()


def test_sidecars_of_the_same_name_from_two_folders_are_both_copied(tmp_path):
    elsewhere = write_files(tmp_path / "in", "a/1.jpg", "a/1.json", "b/1.png", "b/1.json")
    manifest = imggen.Manifest.from_files(
        [elsewhere / "a/1.jpg", elsewhere / "b/1.png"], ["cat", "cat"], root=tmp_path / "in"
    )
    split_directory(manifest, tmp_path / "out", {"train": 1.0})

    assert sorted(files_in(tmp_path / "out").values()) == sorted(files_in(elsewhere).values())


def test_a_link_cycle_does_not_hide_sidecars(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 2), "cat/000.txt")
    (photos / "cat" / "loop").symlink_to("loop")
    split_directory(photos, tmp_path / "out", {"train": 1.0})

    assert sorted(files_in(tmp_path / "out" / "train" / "cat")) == ["000.png", "000.txt", "001.png"]


# Links in the source.


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_links_to_one_file_stay_in_one_split(tmp_path, link, seed):
    photos = write_files(tmp_path / "photos", *numbered("cat", 12))
    for number in range(12):
        name = f"{number:03d}.png"
        if link == "symlink":
            (photos / "cat" / f"link-{name}").symlink_to(name)
        else:
            (photos / "cat" / f"link-{name}").hardlink_to(photos / "cat" / name)
    split_directory(photos, tmp_path / "out", HALF, seed=seed)
    parts = part_of(tmp_path / "out")

    assert len(parts) == 24
    assert all(parts[f"cat/{n:03d}.png"] == parts[f"cat/link-{n:03d}.png"] for n in range(12))


@pytest.mark.parametrize("kind", ["relative", "absolute", "through a linked folder"])
def test_a_moved_link_points_to_its_file_and_is_restored_by_undo(tmp_path, kind):
    photos = write_files(tmp_path / "photos", *numbered("cat", 4))
    write_files(tmp_path, "elsewhere/deep/x.png")
    held = {
        "relative": "../../elsewhere/deep/x.png",
        "absolute": str(tmp_path / "elsewhere/deep/x.png"),
        "through a linked folder": "../../short/x.png",
    }[kind]
    (tmp_path / "short").symlink_to("elsewhere/deep")
    (photos / "cat" / "link.png").symlink_to(held)
    split_directory(photos, tmp_path / "new" / "out", {"all": 1.0}, mode="move")
    [moved] = (tmp_path / "new" / "out").rglob("link.png")

    assert moved.is_symlink()
    assert os.path.samefile(moved, tmp_path / "elsewhere/deep/x.png")
    undo_split(tmp_path / "new" / "out")
    assert os.readlink(photos / "cat" / "link.png") == held


@pytest.mark.parametrize("kind", ["relative", "absolute"])
def test_a_moved_link_points_to_the_moved_file(tmp_path, kind):
    photos = write_files(tmp_path / "photos", *numbered("cat", 4))
    held = "000.png" if kind == "relative" else str(photos / "cat" / "000.png")
    (photos / "cat" / "link.png").symlink_to(held)
    split_directory(photos, tmp_path / "out", {"all": 1.0}, mode="move")

    assert (tmp_path / "out" / "all" / "cat" / "link.png").read_bytes() == b"cat/000.png"


def test_undo_restores_a_moved_link_to_a_moved_file(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 4))
    (photos / "cat" / "link.png").symlink_to("000.png")
    split_directory(photos, tmp_path / "out", {"all": 1.0}, mode="move")
    undo_split(tmp_path / "out")

    assert os.readlink(photos / "cat" / "link.png") == "000.png"
    assert (photos / "cat" / "link.png").read_bytes() == b"cat/000.png"


def test_a_link_is_moved_to_another_file_system_as_a_link(tmp_path, other_disk):
    photos = write_files(tmp_path / "photos", *numbered("cat", 4))
    write_files(tmp_path, "x.png")
    (photos / "cat" / "link.png").symlink_to("../../x.png")
    split_directory(photos, other_disk / "out", {"all": 1.0}, mode="move")
    [moved] = (other_disk / "out").rglob("link.png")

    assert os.readlink(moved) == str(tmp_path / "x.png")
    assert not (photos / "cat" / "link.png").is_symlink()


@pytest.fixture
def twice(tmp_path) -> Path:
    """A folder whose class "dog" is a link to its class "cat"."""
    write_files(tmp_path / "twice", *numbered("cat", 8))
    (tmp_path / "twice" / "dog").symlink_to("cat")
    return tmp_path / "twice"


def test_moving_a_file_with_two_paths_is_refused(twice, tmp_path):
    before = everything_in(tmp_path)
    with pytest.raises(ExportError, match=r"'cat/00\d.png' and 'dog/00\d.png' are the same file"):
        split_directory(twice, tmp_path / "out", HALF, mode="move")

    assert everything_in(tmp_path) == before


def test_a_file_with_two_paths_is_copied_to_one_split(twice, tmp_path):
    split_directory(twice, tmp_path / "out", HALF)
    parts = part_of(tmp_path / "out")

    assert len(parts) == 16
    assert all(parts[name] == parts[name.replace("cat", "dog")] for name in numbered("cat", 8))


def test_files_of_a_linked_class_folder_are_moved_there_and_back(photos, tmp_path):
    (photos / "cat").rename(tmp_path / "elsewhere")
    (photos / "cat").symlink_to(tmp_path / "elsewhere")
    before = files_in(tmp_path / "elsewhere")
    split_directory(photos, tmp_path / "out", HALF, mode="move")

    assert len(files_in(tmp_path / "out")) == 16
    assert files_in(tmp_path / "elsewhere") == {}
    undo_split(tmp_path / "out")
    assert files_in(tmp_path / "elsewhere") == before


@pytest.mark.parametrize("mode", MODES)
def test_link_cycles_end(photos, tmp_path, mode):
    (photos / "cat" / "again").symlink_to(".")
    (photos / "dog" / "up").symlink_to("..")
    (photos / "dog" / "self.png").symlink_to("self.png")
    (photos / "dog" / "nowhere.png").symlink_to("nowhere")
    split_directory(photos, tmp_path / "out", HALF, mode=mode)

    assert len(files_in(tmp_path / "out")) == 16
    assert len(part_of(tmp_path / "out")) == 16
