"""Loaders of the user's own that fail."""

import numpy as np
import pytest

import imggen
from imggen.errors import ImageError, OptionError, OptionTypeError

FILES = ["a", "b", "c", "d"]


def made(loader, **options):
    return imggen.from_files(FILES, root="", loader=loader, batch_size=4, workers=0, **options)


def test_the_loader_is_named_first():
    def load(path):
        raise KeyError("pixels")

    with pytest.raises(ImageError) as caught:
        made(load)[0]

    text = str(caught.value)
    assert (
        "the loader raised KeyError: 'pixels'. If this is a fault of the loader, fix loader="
        in text
    )
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.path in FILES


def test_a_wrong_argument_within_the_loader_is_not_an_image_error(photos):
    with pytest.raises(OptionError, match="^spec="):
        made(lambda path: imggen.load_image(photos / "cat/000.png", (8, 8)))[0]


def test_an_error_of_decoding_within_the_loader_keeps_its_reason():
    with pytest.raises(ImageError, match=r"Cannot read '[abcd]': there is no such file\. Fix"):
        made(lambda path: imggen.load_image("/nowhere.png"))[0]


def test_files_that_the_loader_refuses_are_skipped():
    def load(path):
        if path == "b":
            raise ValueError("broken")
        return np.full((2, 2, 1), ord(path))

    sequence = made(load, on_error="skip", shuffle=False)
    with pytest.warns(imggen.errors.ImggenWarning, match="the loader raised ValueError: broken"):
        batch = sequence[0]
    assert batch[:, 0, 0, 0].tolist() == [97, 99, 100]


def test_a_loader_that_cannot_be_called_with_a_path_is_refused():
    for loader, fault in (
        (lambda: 0, "has other parameters"),
        (lambda path, mode: 0, "has other parameters"),
        ("numpy.load", "is of type str"),
        (3, "is of type int"),
    ):
        message = rf"^loader=.* {fault}; expected a function with 1 parameter"
        with pytest.raises(OptionTypeError, match=message):
            made(loader)


def test_time_and_memory_run_out_as_they_are():
    def load(path):
        raise MemoryError

    with pytest.raises(MemoryError):
        made(load, on_error="skip")[0]
