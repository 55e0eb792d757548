"""find_leaks: groups of images, such as patients, in more than one split."""

import os

import pytest

import imggen
from imggen import find_leaks, scan
from tests.helpers.pictures import data_of, photo, write_photos


def png(seed: int) -> bytes:
    return data_of(photo(seed), "PNG")


@pytest.fixture
def patients(tmp_path) -> dict[str, imggen.Manifest]:
    """Patient 1 is in train and test, 2 in train, 3 in val; image 3 is in val and test."""
    pictures = {
        "train": {"cat/p1_a.png": 0, "cat/p1_b.png": 1, "cat/p2_a.png": 2},
        "val": {"cat/p3_a.png": png(3)},
        "test": {"cat/p1_c.png": 4, "cat/p4_a.png": png(3)},
    }
    return {name: scan(write_photos(tmp_path / name, some)) for name, some in pictures.items()}


def test_a_group_in_several_splits_is_found_and_kept_in_the_last(patients):
    found = find_leaks(patients, group_by=r"p(\d)_")

    assert [found.describe_group_leak(leak) for leak in found.group_leaks] == [
        "group 1: 2 in train, 1 in test"
    ]
    assert len(found.leaks) == 1
    assert [os.path.basename(found.manifest.paths[row]) for row in found.drop] == [
        "p1_a.png",
        "p1_b.png",
        "p3_a.png",
    ]
    assert "1 group in several splits" in repr(found)
    assert list(found.to_frame()["leak"]) == [0, 0, 1, 1, 1]


def test_groups_that_the_splits_have_are_checked_without_being_named(patients):
    grouped = {name: imggen.group_by(part, r"p(\d)_") for name, part in patients.items()}

    assert len(find_leaks(grouped).group_leaks) == 1
    assert find_leaks(grouped, group_by="stem").group_leaks == ()
    assert find_leaks(patients).group_leaks == ()


def test_a_notebook_states_the_number_of_all_leaks_that_it_does_not_show(tmp_path):
    numbers = range(6)
    train = {f"p{number}_a.png": png(number) for number in numbers}
    test = {f"p{number}_b.png": png(number) for number in numbers}
    parts = {
        name: scan(write_photos(tmp_path / name, some), labels=None)
        for name, some in (("train", train), ("test", test))
    }
    found = find_leaks(parts, group_by=r"p(\d)_")

    # Four of the six images, and four of the six groups, are shown.
    assert (len(found.leaks), len(found.group_leaks)) == (6, 6)
    assert "and 4 more leaks" in found._repr_html_()
