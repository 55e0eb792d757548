"""Folders of images that tests of several verbs share."""

from pathlib import Path

import pytest

from tests.helpers.images import write_images
from tests.helpers.pictures import (
    JPEG,
    PNG,
    data_of,
    photo,
    smaller,
    write_album,
    write_photos,
)


@pytest.fixture
def album(tmp_path) -> Path:
    return write_album(tmp_path / "album")


@pytest.fixture
def splits(tmp_path) -> Path:
    """train, val and test: image 1 is in all of them, 2 in train and val."""
    data = data_of(photo(1), "PNG")
    pictures = {
        "train": {"cat/0.png": 0, "cat/1.png": data, "dog/2.png": 2},
        "val": {"cat/1.png": data, "dog/2 small.png": smaller(photo(2)), "dog/3.png": 3},
        "test": {"cat/1.png": data, "dog/4.png": 4},
    }
    for name, some in pictures.items():
        write_photos(tmp_path / "splits" / name, some)
    return tmp_path / "splits"


@pytest.fixture
def mixed(tmp_path) -> Path:
    """Two classes of four valid images; two faults and a remark."""
    folder = write_images(tmp_path / "mixed", {"cat": 4, "dog": 4})
    more = {"cat/empty.png": b"", "dog/half.jpg": JPEG[:900], "dog/other.jpg": PNG}
    return write_photos(folder, more)
