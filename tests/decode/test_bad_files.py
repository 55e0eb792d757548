"""Files that cannot be loaded, and the reasons that errors give."""

import pickle

import pytest
from PIL import Image

from imggen.decode import load_image
from imggen.errors import ImageError
from tests.decode.test_load import encoded, noise
from tests.helpers.cases import case

PNG, JPEG = encoded(noise(40, 50)), encoded(noise(40, 50), "JPEG")
BAD_FILES = {
    "empty.png": (b"", "the file is empty"),
    "text.jpg": (b"<html>404</html>", "not in an image format"),
    "broken-stream.png": (PNG[:60] + b"\xff" * 40 + PNG[100:], "broken data stream"),
    "broken-checksum.png": (PNG[:29] + b"\0\0\0\0" + PNG[33:], "not in an image format"),
    "zeros.png": (PNG[:60] + bytes(len(PNG) - 60), "broken data stream"),
    "zeros.jpg": (JPEG[:20] + bytes(len(JPEG) - 20), "not in an image format"),
    **{
        f"{kind}-cut-at-{share}": (data[: int(len(data) * share)], "")
        for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
        for data in [encoded(noise(40, 50), kind)]
        for share in (0.01, 0.3, 0.7, 0.98)
    },
}


def refused(path) -> ImageError:
    with pytest.raises(OSError, match=r"^Cannot read ") as caught:
        load_image(path)
    error = caught.value
    assert type(error) is ImageError
    assert error.path == str(path)
    assert error.reason
    assert str(error).startswith(f"Cannot read {str(path)!r}: {error.reason}.")
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.path, copied.reason, str(copied)) == (error.path, error.reason, str(error))
    return error


def test_a_bad_file_is_an_image_error_that_says_why(tmp_path):
    for name in BAD_FILES:
        with case(name):
            data, reason = BAD_FILES[name]
            (tmp_path / name).write_bytes(data)

            assert reason in refused(tmp_path / name).reason


def test_a_missing_file_is_an_image_error_that_says_so(tmp_path):
    assert refused(tmp_path / "none.png").reason == "there is no such file"


def test_a_decompression_bomb_is_an_image_error_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    (tmp_path / "bomb.png").write_bytes(encoded(noise(15, 15)))

    assert "too large" in refused(tmp_path / "bomb.png").reason


def test_a_folder_is_an_image_error(tmp_path):
    assert "directory" in refused(tmp_path).reason


def test_the_reason_is_without_the_path(tmp_path):
    assert str(tmp_path) not in refused(tmp_path).reason
