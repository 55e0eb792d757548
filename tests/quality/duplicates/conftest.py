"""Images that tests of duplicates share."""

import pytest

from tests.helpers.pictures import cropped, data_of, photo, smaller, write_photos


@pytest.fixture
def album(tmp_path):
    """Six images: two files of the same bytes, a small and a cropped copy, two others."""
    first = data_of(photo(1), "PNG")
    return write_photos(
        tmp_path / "album",
        {
            "cat/0.png": 0,
            "cat/1.png": first,
            "cat/small.png": smaller(photo(0)),
            "dog/1 again.png": first,
            "dog/2.png": 2,
            "dog/cut.jpg": cropped(photo(0), left=0.05),
        },
    )
