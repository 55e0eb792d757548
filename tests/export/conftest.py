"""Files that tests of exports share."""

from pathlib import Path

import pytest

from tests.helpers.split_files import numbered, write_files


@pytest.fixture
def many(tmp_path) -> Path:
    """Two classes of 24 files that each hold their own name."""
    return write_files(tmp_path / "many", *numbered("cat", 24), *numbered("dog", 24))
