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


def test_training_uses_the_cache_that_was_built(photos, tmp_path):
    result = invoke("build", photos, tmp_path / "kept", *SIZE, "--workers", 2)
    assert (result.exit_code, result.output) == (
        0,
        f"16 of 16 images are cached in {tmp_path / 'kept'}\n",
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


def test_an_interrupted_build_is_resumed(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE)
    before = invoke("info", tmp_path / "kept").output
    write_images(photos, {"emu": 2}, size=(9, 9))

    assert "18 of 18" in invoke("build", photos, tmp_path / "kept", *SIZE).output
    after = invoke("info", tmp_path / "kept").output
    assert before.startswith("16 images, ")
    assert after.startswith("18 images, ")


def test_broken_files_are_named_and_the_rest_is_built(photos, tmp_path):
    (photos / "cat" / "000.png").write_bytes(b"")
    result = invoke("build", photos, tmp_path / "kept", *SIZE)

    assert result.exit_code == 1
    assert "000.png: the file is empty" in result.stderr
    assert "15 of 16 images" in result.stdout


def test_info_lists_each_set_of_settings(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE)
    invoke("build", photos, tmp_path / "kept", *SIZE, "--color-mode", "grayscale")
    result = invoke("info", tmp_path / "kept").output

    assert result.count("16 images, ") == 2
    assert "color mode grayscale" in result
    assert "image size 16 × 12," in result


def test_clear_deletes_only_files_of_imggen(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE)
    (tmp_path / "kept" / "mine").mkdir()
    (tmp_path / "kept" / "mine" / "about.txt").write_text("my own notes")

    assert "Deleted " in invoke("clear", tmp_path / "kept").output
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["mine"]
    assert (tmp_path / "kept" / "mine" / "about.txt").read_text() == "my own notes"
    assert "There are no cached images in" in invoke("info", tmp_path / "kept").output


@pytest.mark.parametrize("verb", ["info", "clear"])
def test_a_missing_folder_is_named(tmp_path, verb):
    result = invoke(verb, tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "nowhere' cannot be read: No such file" in result.output


def test_invalid_settings_are_refused(photos, tmp_path):
    result = invoke("build", photos, tmp_path / "kept", *SIZE, "--color-mode", "blue")
    assert result.exit_code == 2
    assert "Invalid value for '--color-mode': 'blue' is not one of 'rgb', 'rgba'" in result.output


def test_a_sequence_without_a_cache_has_none_to_fill(photos):
    sequence = imggen.ImageSequence(imggen.scan(photos))
    with pytest.raises(imggen.errors.OptionError, match="no cache to fill"):
        sequence.fill_cache()


# build --pack, --quality, --limit


PACKED = ("--pack", "jpeg", "--quality", 80)


def bytes_kept(folder):
    return sum(file.stat().st_size for file in folder.glob("*/pixels.bin"))


def test_training_uses_the_jpegs_that_were_built(photos, tmp_path):
    folder = tmp_path / "kept"
    result = invoke("build", photos, folder, *SIZE, *PACKED, "--limit", 10**6)
    assert (result.exit_code, result.output) == (0, f"16 of 16 images are cached in {folder}\n")
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


def test_training_with_another_quality_uses_no_jpegs_of_the_first(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE, *PACKED)
    cache = imggen.Cache(tmp_path / "kept", pack="jpeg", quality=81)
    sequence = imggen.ImageSequence(imggen.scan(photos), image_size=(16, 12), cache=cache)
    sequence.fill_cache()
    result = invoke("info", tmp_path / "kept").output
    assert result.count("16 images, ") == 2
    assert "of quality 80" in result
    assert "of quality 81" in result


def test_info_mentions_no_jpegs_if_there_are_none(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE, "--quality", 80)
    assert "JPEG of quality" not in invoke("info", tmp_path / "kept").output


def test_clear_deletes_packed_images_too(photos, tmp_path):
    invoke("build", photos, tmp_path / "kept", *SIZE, *PACKED)
    invoke("clear", tmp_path / "kept")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [".imggen-cache"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pack", "jpeg", "--quality", 0), "--quality 0 must be a whole number from 1 to 100"),
        (("--quality", 101), "--quality 101 must be a whole number from 1 to 100"),
        (("--limit", 0), "--limit 0 must be a whole number of 1 or more."),
        (("--pack", "jpeg", "--color-mode", "rgba"), "cannot keep the transparency"),
    ],
    ids=str,
)
def test_invalid_cache_settings_are_refused(photos, tmp_path, arguments, message):
    result = invoke("build", photos, tmp_path / "kept", *SIZE, *arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / "kept").exists()


def test_a_limit_that_is_too_low_ends_the_build(photos, tmp_path):
    limit = 16 * 16 * 12 * 3 - 1
    result = invoke("build", photos, tmp_path / "kept", *SIZE, "--limit", limit, "--workers", 1)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"16 images of 576 bytes take 9.0 KiB, and --limit {limit} allows" in result.stderr


def test_a_jpeg_build_that_stops_at_its_limit_does_not_count_all_images(photos, tmp_path):
    result = invoke("build", photos, tmp_path / "kept", *SIZE, *PACKED, "--limit", 3000)
    assert "Warning: " in result.stderr
    assert "stores no more images than" in result.stderr
    assert 0 < bytes_kept(tmp_path / "kept") <= 3000
    assert "16 of 16" not in result.stdout
    assert result.exit_code == 1


def test_a_jpeg_build_that_stops_at_its_limit_warns_and_training_continues(photos, tmp_path):
    result = invoke("build", photos, tmp_path / "kept", *SIZE, *PACKED, "--limit", 3000)
    assert "stores no more images than" in result.stderr
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
