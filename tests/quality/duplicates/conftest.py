"""Images that tests of duplicates share."""

import pytest

from tests.helpers.pictures import write_album


@pytest.fixture
def album(tmp_path):
    return write_album(tmp_path / "album")
