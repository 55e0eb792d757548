"""imggen cache build, info and clear."""

import numpy as np
import pytest
from click.testing import CliRunner

import imggen
from imggen.cli import main
from tests.conftest import write_images


def invoke(*arguments):
    return CliRunner().invoke(main, ["cache", *map(str, arguments)])


SIZE = ("--image-size", 16, 12)


def test_training_finds_what_was_built(photos, tmp_path):
    told = invoke("build", photos, tmp_path / "kept", *SIZE, "--workers", 2)
    assert (told.exit_code, told.output) == (0, f"16 of 16 images are in {tmp_path / 'kept'}.\n")

    options = {"image_size": (16, 12), "seed": 1}
    expected = [x for x, _ in imggen.ImageSequence(imggen.scan(photos), **options)]
    sequence = imggen.ImageSequence(imggen.scan(photos), **options, cache=tmp_path / "kept")
    loaded = []
    load = sequence._maker.load
    object.__setattr__(sequence._maker, "load", lambda path: loaded.append(path) or load(path))
    assert all(np.array_equal(x, other) for (x, _), other in zip(sequence, expected, strict=True))
    assert loaded == []


def test_a_build_goes_on_where_it_was(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE)
    before = invoke("info", tmp_path / "kept").output
    write_images(photos, {"emu": 2})

    assert "18 of 18" in invoke("build", photos, tmp_path / "kept", *SIZE).output
    after = invoke("info", tmp_path / "kept").output
    assert before.startswith("16 images, ")
    assert after.startswith("18 images, ")


def test_broken_files_are_named_and_the_rest_is_built(photos, tmp_path):
    (photos / "cat" / "000.png").write_bytes(b"")
    told = invoke("build", photos, tmp_path / "kept", *SIZE)

    assert told.exit_code == 1
    assert "000.png: the file is empty" in told.stderr
    assert "15 of 16 images" in told.stdout


def test_info_tells_of_each_way_that_images_were_loaded(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE)
    invoke("build", photos, tmp_path / "kept", *SIZE, "--color-mode", "grayscale")
    told = invoke("info", tmp_path / "kept").output

    assert told.count("16 images, ") == 2
    assert "color_mode='grayscale'" in told
    assert "image_size=(16, 12)" in told


def test_clear_deletes_what_is_imggens_and_nothing_else(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE)
    (tmp_path / "kept" / "mine").mkdir()
    (tmp_path / "kept" / "mine" / "about.txt").write_text("my own notes")

    assert "MiB deleted" in invoke("clear", tmp_path / "kept").output
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["mine"]
    assert (tmp_path / "kept" / "mine" / "about.txt").read_text() == "my own notes"
    assert "holds no loaded images" in invoke("info", tmp_path / "kept").output


@pytest.mark.parametrize("verb", ["info", "clear"])
def test_a_folder_that_is_not_there_is_named(tmp_path, verb):
    told = invoke(verb, tmp_path / "nowhere")
    assert told.exit_code == 1
    assert "nowhere' cannot be read: No such file" in told.output


def test_settings_that_are_none_are_refused(photos, tmp_path):
    told = invoke("build", photos, tmp_path / "kept", *SIZE, "--color-mode", "blue")
    assert told.exit_code == 1
    assert "color_mode='blue' is not one of" in told.output


def test_a_sequence_without_a_cache_has_none_to_fill(photos):
    sequence = imggen.ImageSequence(imggen.scan(photos))
    with pytest.raises(imggen.OptionError, match="no cache to fill"):
        sequence.fill_cache()
