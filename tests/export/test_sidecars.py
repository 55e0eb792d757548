"""Sidecars: files of an image's name with another extension."""

from pathlib import Path

import pytest

import imggen
from imggen import split_directory
from tests.helpers.split_files import (
    HALF,
    MODES,
    files_in,
    numbered,
    part_of,
    without_part,
    write_files,
)

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


# Names that differ in case.


@pytest.mark.parametrize("mode", MODES)
def test_sidecars_whose_names_differ_in_case_go_along_under_their_own_names(tmp_path, mode):
    along = ["cat/img.txt", "cat/IMG.xml", "cat/Img.jpg.JSON", "dog/cafe\u0301.txt", "dog/x.TXT"]
    images = ["cat/IMG.JPG", "dog/caf\u00e9.png", "dog/X.png"]
    photos = write_files(tmp_path / "photos", *images, *along, "cat/imga.txt")
    before = files_in(photos)
    split_directory(photos, tmp_path / "out", {"all": 1.0}, mode=mode)

    assert sorted(files_in(tmp_path / "out/all")) == sorted([*images, *along])
    if mode == "move":
        assert list(files_in(photos)) == ["cat/imga.txt"]
        assert imggen.undo_split(tmp_path / "out") == 8
        assert files_in(photos) == before


def test_a_sidecar_belongs_to_the_image_of_its_exact_name_first(tmp_path):
    names = ["cat/A.png", "cat/a.png", "cat/A.txt", "cat/a.txt"]
    photos = write_files(tmp_path / "photos", *names)
    split_directory(photos, tmp_path / "out", {"all": 1.0})

    assert files_in(tmp_path / "out/all") == {
        "cat/A.png": b"cat/A.png",
        "cat/A.txt": b"cat/A.txt",
        "cat/a-2.png": b"cat/a.png",
        "cat/a-2.txt": b"cat/a.txt",
    }


def test_of_two_sidecars_with_one_name_in_two_cases_the_exact_one_goes_along(tmp_path):
    photos = write_files(tmp_path / "photos", "cat/IMG.JPG", "cat/IMG.txt", "cat/img.txt")
    split_directory(photos, tmp_path / "out", {"all": 1.0}, mode="move")

    assert sorted(files_in(tmp_path / "out/all")) == ["cat/IMG.JPG", "cat/IMG.txt"]
    assert list(files_in(photos)) == ["cat/img.txt"]


def test_a_sidecar_in_another_case_gets_the_number_of_its_image(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 3), "dog/IMG.png", "dog/img.txt")
    split_directory(photos, tmp_path / "out", {"train": 1.0}, oversample=True)

    assert sorted(files_in(tmp_path / "out/train/dog")) == sorted(
        ["IMG.png", "img.txt", "IMG-2.png", "IMG-2.txt", "IMG-3.png", "IMG-3.txt"]
    )
