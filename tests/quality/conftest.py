"""Images that tests of verification share."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from imggen.quality import verification
from imggen.quality.witnesses import HelperPool
from tests.helpers.images import write_images
from tests.helpers.pictures import FRAMES, JPEG, PICTURE, PNG, data_of, write_photos


@pytest.fixture(scope="session")
def helpers() -> Iterator[HelperPool]:
    """Helper processes for all tests of this folder, since each takes a while to start."""
    with HelperPool() as pool:
        yield pool


@pytest.fixture(autouse=True)
def shared_helpers(helpers, monkeypatch) -> None:
    """Has ``verify`` use these helper processes."""
    monkeypatch.setattr(verification, "HelperPool", lambda: contextlib.nullcontext(helpers))


@pytest.fixture
def mixed(tmp_path) -> Path:
    """Two classes of four valid images, three faults, and three remarks."""
    folder = write_images(tmp_path / "mixed", {"cat": 4, "dog": 4})
    return write_photos(
        folder,
        {
            "cat/empty.png": b"",
            "cat/half.jpg": JPEG[: len(JPEG) // 2],
            "cat/moving.gif": data_of(PICTURE, "GIF", **FRAMES),
            "dog/deep/er/text.jpg": b"text",
            "dog/other.jpg": PNG,
            "loose.jpg": PNG,
            "notes.txt": b"text",
            ".hidden.png": b"",
        },
    )
