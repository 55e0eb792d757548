"""imggen bench."""

import re
from importlib import import_module

import keras
import pytest
from click.testing import CliRunner
from PIL import Image

from imggen.cli import main
from imggen.cli.bench import translate_advice
from tests.helpers.images import write_images

# Keras 3.15 saves weights in a way that NumPy warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

QUICK = ("--seconds", 0.2, "--batch-size", 4)


def invoke(*arguments):
    return CliRunner().invoke(main, ["bench", *map(str, (*arguments, *QUICK))])


def saved_model(file, *, shape=(16, 12, 3), classes=2, loss="categorical_crossentropy"):
    last = keras.layers.Dense(classes, "softmax" if classes > 1 else "sigmoid")
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), last])
    if loss:
        model.compile("sgd", loss)
    model.save(file)
    return file


def test_the_table_is_printed(photos):
    result = invoke(photos, "--image-size", 16, 12, "--workers", 2)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output.startswith(
        "16 images of 16 × 12 × 3 as float32, batches of 4, 2 threads on "
    )
    for name in ("read", "decode", "resize", "augment", "encode", "work", "served", "wait"):
        assert re.search(rf"^{name} +[\d.,]+ ms ", result.output, flags=re.MULTILINE)
    for name in ("now", "machine", "cached"):
        assert re.search(rf"^{name} +[\d.,]+ images/s ", result.output, flags=re.MULTILINE)
    assert "\n- " in result.output
    assert "picture" not in result.output


def test_the_picture_is_written(photos, tmp_path):
    result = invoke(photos, "-o", tmp_path / "bench.png")

    assert result.output.endswith(f"Wrote a chart to {tmp_path / 'bench.png'}\n")
    assert result.output.startswith("16 images of 256 × 256 × 3 ")
    with Image.open(tmp_path / "bench.png") as picture:
        assert len(picture.getcolors(10**6)) > 10


def test_images_without_classes_can_be_timed(tmp_path):
    write_images(tmp_path, {".": 6})

    assert invoke(tmp_path, "--workers", 0).output.startswith("6 images of ")


@pytest.mark.parametrize("where", ["ram", "kept"])
def test_a_cache_is_timed(photos, tmp_path, where, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(photos, "--image-size", 16, 12, "--cache", where)

    assert result.exit_code == 0
    assert re.search(r"^cache +[\d.,]+ ms ", result.output, flags=re.MULTILINE)
    assert "decode" not in result.output
    assert (tmp_path / "kept").is_dir() == (where == "kept")


@pytest.mark.parametrize(
    ("options", "timed"),
    [
        ({}, "train_on_batch"),
        ({"loss": "sparse_categorical_crossentropy"}, "train_on_batch"),
        ({"loss": "binary_crossentropy", "classes": 1}, "train_on_batch"),
        ({"classes": 7}, "predict_on_batch"),
        ({"loss": None}, "predict_on_batch"),
        ({"shape": (16, 12, 1)}, "train_on_batch"),
    ],
)
def test_a_model_is_timed_on_images_of_its_size(photos, tmp_path, options, timed):
    result = invoke(photos, "--model", saved_model(tmp_path / "m.keras", **options))

    channels = options.get("shape", (16, 12, 3))[2]
    assert result.output.startswith(f"16 images of 16 × 12 × {channels} as ")
    assert re.search(rf"^model +[\d.,]+ images/s +{timed}$", result.output, flags=re.MULTILINE)
    assert re.search("^- Loading is (too slow|fast enough)", result.output, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (["nowhere"], "'nowhere' does not exist"),
        (["photos", "--image-size", "0", "12"], "--image-size 0 12 must be"),
        (["photos", "--batch-size", "0"], "--batch-size 0 must be"),
        (["photos", "--workers", "-1"], "--workers -1 must be"),
        (["photos", "--seconds", "0"], r"--seconds 0\.0 must be"),
        (["photos", "--cache", "disk"], "--cache disk is neither"),
        (["photos", "--model", "no.keras"], "Cannot load 'no.keras' as a Keras model"),
        (["photos", "--model", "m.keras", "--image-size", "9", "9"], "inputs of shape"),
        (["photos", "-o", "bench.xyz"], "'bench.xyz' must end in .png"),
        (["photos", "-o", "no/bench.png"], "Cannot write 'no/bench.png'"),
    ],
)
def test_errors_are_printed_on_one_line(photos, tmp_path, line, reason, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved_model(tmp_path / "m.keras")
    result = CliRunner().invoke(main, ["bench", *QUICK_WORDS, *line])

    assert result.exit_code == 1
    assert re.fullmatch(rf"Error: .*{reason}.*\n", result.stderr)
    assert result.stdout == ""


QUICK_WORDS = [str(word) for word in QUICK]


def test_advice_about_arguments_without_an_option_stays_in_python():
    command = import_module("imggen.cli.bench").bench
    for text, shown in (
        ("cache='ram': about 9 images/s.", "--cache ram: about 9 images/s."),
        ("use_multiprocessing=True: about 9.", "use_multiprocessing=True: about 9."),
        ('dtype="uint8", and more: about 9.', 'dtype="uint8", and more: about 9.'),
        ("A faster augmentation: about 9.", "A faster augmentation: about 9."),
        (
            'cache="ram": about 9. The cache takes 1 MiB, or 9 kB with pack="jpeg". That fits.',
            "--cache ram: about 9. The cache takes 1 MiB. That fits.",
        ),
    ):
        assert translate_advice(text, command) == shown
