"""Which errors blame the file: ``except ImageError`` must not throw good files away."""

import errno
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen import ImageSpec, load_image
from imggen.decode import concerns_file, load_mask, source_geometry
from imggen.errors import ImageError, OptionError, OptionTypeError
from tests.helpers.cases import case

SPEC = ImageSpec((8, 8))


@pytest.fixture
def png(tmp_path) -> Path:
    file = tmp_path / "good.png"
    Image.new("P", (9, 9)).save(file)  # with a palette, which only Pillow reads
    return file


def readers(file: Path):
    """Every function that reads a file, with the module in which it opens one."""
    yield lambda: load_image(file, SPEC)
    yield lambda: load_mask(str(file), str(file), SPEC)
    yield lambda: source_geometry(str(file), SPEC)


def test_a_wrong_argument_is_not_an_image_error(png):
    for spec in ((8, 8), {"image_size": (8, 8)}, 8, "rgb", object()):
        with case(repr(spec)), pytest.raises(OptionTypeError, match=r"^spec=.*imggen\.ImageSpec"):
            load_image(png, spec)
    for source in (None, 8, ["a.png"], object(), "\0"):
        with case(repr(source)), pytest.raises(OptionTypeError, match=r"^source="):
            load_image(source, SPEC)


def test_a_null_character_in_a_path_is_named():
    with pytest.raises(OptionTypeError, match="^source=.* contains a null character; expected"):
        load_image("a\0b.png")
    with pytest.raises(ImageError, match="its path contains a null character"):
        load_mask("a\0b.png", "a\0b.png", SPEC)


def test_advice_for_batches_is_given_for_batches_only(png):
    png.write_bytes(b"broken")
    with pytest.raises(ImageError, match=r"Fix or remove the file\.$"):
        load_image(png)
    sequence = imggen.from_files([str(png)], root="", workers=0)
    with pytest.raises(ImageError, match=r'or pass on_error="skip"'):
        sequence[0]


def test_a_broken_file_is_an_image_error(png):
    png.write_bytes(png.read_bytes()[:40])
    for read in list(readers(png))[:2]:
        with pytest.raises(ImageError, match=r"good\.png"):
            read()


def test_a_machine_that_is_exhausted_is_not_an_image_error(png, monkeypatch):
    for raised in (MemoryError(), OSError(errno.EMFILE, "too many"), OSError(errno.ENFILE, "too")):

        def fail(*args, raised=raised, **kwargs):
            raise raised

        monkeypatch.setattr(Image, "open", fail)
        for read in readers(png):
            with pytest.raises(type(raised)) as caught:
                read()
            assert caught.value is raised


def test_an_unreadable_file_is_an_image_error(png, monkeypatch):
    for raised in (PermissionError(errno.EACCES, "no"), OSError(errno.EIO, "broken"), KeyError(1)):

        def fail(*args, raised=raised, **kwargs):
            raise raised

        monkeypatch.setattr(Image, "open", fail)
        for read in readers(png):
            with pytest.raises(ImageError, match=r"good\.png"):
                read()


def test_a_time_limit_is_not_an_image_error(png, monkeypatch):
    def expire(number, frame):
        raise TimeoutError("out of time")

    before = signal.signal(signal.SIGUSR1, expire)
    try:
        monkeypatch.setattr(Image, "open", lambda *args: signal.raise_signal(signal.SIGUSR1))
        for read in readers(png):
            with pytest.raises(TimeoutError, match="^out of time$"):
                read()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_errors_of_imggen_concern_the_file_if_they_are_image_errors():
    assert concerns_file(ImageError.of("a.png", "broken"))
    assert concerns_file(ValueError())
    assert not concerns_file(OptionError("spec"))


def test_a_size_may_be_an_array():
    spec = ImageSpec(np.array([4, 6]))
    assert spec == ImageSpec((4, 6))
    assert [type(side) for side in spec.image_size] == [int, int]
    with pytest.raises(OptionError, match=r"^image_size=array\(\[4, 6, 3\]\)"):
        ImageSpec(np.array([4, 6, 3]))
