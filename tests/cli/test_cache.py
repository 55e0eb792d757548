"""imggen cache build, info and clear."""

import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import imggen
from imggen.cli import main
from tests.helpers.images import through_jpeg, write_images


def invoke(*arguments):
    return CliRunner().invoke(main, ["cache", *map(str, arguments)])


SIZE = ("--image-size", 16, 12)


def test_training_finds_what_was_built(photos, tmp_path):
    told = invoke("build", photos, tmp_path / "kept", *SIZE, "--workers", 2)
    assert (told.exit_code, told.output) == (
        0,
        f"16 of 16 images are cached in {tmp_path / 'kept'}.\n",
    )

    options = {"image_size": (16, 12), "seed": 1}
    expected = [x for x, _ in imggen.ImageSequence(imggen.scan(photos), **options)]
    sequence = imggen.ImageSequence(imggen.scan(photos), **options, cache=tmp_path / "kept")
    loaded = []
    load = sequence.batch_maker.samples.load
    object.__setattr__(
        sequence.batch_maker.samples, "load", lambda path: loaded.append(path) or load(path)
    )
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
    assert "There are no cached images in" in invoke("info", tmp_path / "kept").output


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
    with pytest.raises(imggen.errors.OptionError, match="no cache to fill"):
        sequence.fill_cache()


# build --pack, --quality, --limit


PACKED = ("--pack", "jpeg", "--quality", 80)


def bytes_kept(folder):
    return sum(file.stat().st_size for file in folder.glob("*/pixels.bin"))


def test_training_finds_what_was_packed(photos, tmp_path):
    folder = tmp_path / "kept"
    told = invoke("build", photos, folder, *SIZE, *PACKED, "--limit", 10**6)
    assert (told.exit_code, told.output) == (0, f"16 of 16 images are cached in {folder}.\n")
    info, kept = invoke("info", folder).output, bytes_kept(folder)
    assert info.startswith("16 images, ")
    assert "    packed as JPEG of quality 80\n" in info

    options = {"image_size": (16, 12), "shuffle": False, "dtype": "uint8"}
    plain = [x for x, _ in imggen.ImageSequence(imggen.scan(photos), **options)]
    cache = imggen.Cache(folder, pack="jpeg", quality=80, limit=10**6)
    with imggen.ImageSequence(imggen.scan(photos), **options, cache=cache) as sequence:
        got = [x for x, _ in sequence]
    for image, other in zip(np.concatenate(got), np.concatenate(plain), strict=True):
        assert np.array_equal(image, through_jpeg(other, 80))
    assert (invoke("info", folder).output, bytes_kept(folder)) == (info, kept)


def test_training_with_another_quality_finds_nothing(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE, *PACKED)
    cache = imggen.Cache(tmp_path / "kept", pack="jpeg", quality=81)
    sequence = imggen.ImageSequence(imggen.scan(photos), image_size=(16, 12), cache=cache)
    sequence.fill_cache()
    told = invoke("info", tmp_path / "kept").output
    assert told.count("16 images, ") == 2
    assert "of quality 80" in told
    assert "of quality 81" in told


def test_info_says_nothing_of_jpegs_where_there_are_none(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE, "--quality", 80)
    assert "JPEG of quality" not in invoke("info", tmp_path / "kept").output


def test_clear_deletes_packed_images_too(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE, *PACKED)
    invoke("clear", tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pack", "png"), "pack='png' is not one of 'raw', 'jpeg'"),
        (("--pack", "jpeg", "--quality", 0), "quality=0 must be a whole number from 1 to 100"),
        (("--quality", 101), "quality=101 must be a whole number from 1 to 100"),
        (("--limit", 0), "limit=0 must be a whole number of 1 or more, or None"),
        (("--pack", "jpeg", "--color-mode", "rgba"), "cannot keep the transparency"),
    ],
    ids=str,
)
def test_cache_settings_that_are_none_are_refused(photos, tmp_path, arguments, message):
    told = invoke("build", photos, tmp_path / "kept", *SIZE, *arguments)
    assert told.exit_code == 1
    assert message in told.output
    assert not (tmp_path / "kept").exists()


def test_a_limit_below_what_is_needed_ends_the_build(photos, tmp_path):
    limit = 16 * 16 * 12 * 3 - 1
    told = invoke("build", photos, tmp_path / "kept", *SIZE, "--limit", limit, "--workers", 1)
    assert told.exit_code == 1
    assert told.stdout == ""
    assert f"16 images of 576 bytes take 9.0 KiB, and limit={limit} allows" in told.stderr


def test_a_packed_build_that_stops_at_its_limit_does_not_say_that_all_are_there(photos, tmp_path):
    told = invoke("build", photos, tmp_path / "kept", *SIZE, *PACKED, "--limit", 3000)
    assert "Warning: " in told.stderr
    assert "stores no more images than" in told.stderr
    assert 0 < bytes_kept(tmp_path / "kept") <= 3000
    assert "16 of 16" not in told.stdout
    assert told.exit_code == 1


def test_a_packed_build_that_stops_at_its_limit_says_so_and_training_goes_on(photos, tmp_path):
    told = invoke("build", photos, tmp_path / "kept", *SIZE, *PACKED, "--limit", 3000)
    assert "stores no more images than" in told.stderr
    kept = bytes_kept(tmp_path / "kept")
    assert 0 < kept <= 3000

    options = {"image_size": (16, 12), "shuffle": False, "workers": 0}
    cache = imggen.Cache(tmp_path / "kept", pack="jpeg", quality=80, limit=3000)
    expected = imggen.Cache("ram", pack="jpeg", quality=80)
    manifest = imggen.scan(photos)
    with pytest.warns(imggen.errors.ImggenWarning, match="stores no more images than"):
        got = [x for x, _ in imggen.ImageSequence(manifest, **options, cache=cache)]
    in_memory = [x for x, _ in imggen.ImageSequence(manifest, **options, cache=expected)]
    assert all(map(np.array_equal, got, in_memory))
    assert bytes_kept(tmp_path / "kept") == kept


def test_the_program_itself_ends_with_an_error_and_a_status(photos, tmp_path):
    command = [sys.executable, "-m", "imggen", "cache", "build", photos, tmp_path / "kept"]
    command += [*SIZE, "--limit", 5000]
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "numpy"},  # starts soonest
    )
    assert done.returncode == 1
    assert "Error: 16 images of 576 bytes take" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
