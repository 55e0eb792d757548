"""The command line, in this process and as a program."""

import csv
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

import imggen
from tests.helpers.command_line import invoke, printed_rows
from tests.helpers.images import write_images


def program(*arguments, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "imggen", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_every_verb_with_a_summary(option):
    result = invoke(option).output

    for verb, first_word in (
        ("bench", "Time"),
        ("cache", "Build,"),
        ("demo", "Train"),
        ("duplicates", "Find"),
        ("leaks", "Find"),
        ("migrate", "Find"),
        ("augment", "Write"),
        ("predict", "Predict"),
        ("preview", "Draw"),
        ("studio", "Tune"),
        ("scan", "Show"),
        ("split", "Split"),
        ("verify", "Decode"),
    ):
        assert re.search(rf"^  {verb} +{first_word} ", result, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "verb",
    [
        *(
            "augment",
            "bench",
            "cache",
            "demo",
            "duplicates",
            "leaks",
            "migrate",
            "predict",
            "preview",
        ),
        *("scan", "split", "studio"),
        "verify",
    ],
)
def test_every_verb_has_help_of_its_own(verb):
    result = invoke(verb, "--help")

    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {verb} ")


def test_the_program_calls_itself_imggen():
    result = program("--help")

    assert result.returncode == 0
    assert result.stdout.startswith("Usage: imggen ")
    assert result.stderr == ""


def test_version_is_the_installed_one():
    assert invoke("--version").output.strip().endswith(f"version {version('imggen')}")


def test_help_and_scanning_load_neither_keras_nor_pages(photos):
    code = (
        "import sys; from click.testing import CliRunner; from imggen.cli import main\n"
        "for line in (['--help'], ['scan', sys.argv[1]]):\n"
        "    assert CliRunner().invoke(main, line).exit_code == 0\n"
        "print('keras' in sys.modules, 'imggen.reports' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(photos)], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "False False"


def test_scan_prints_each_class_with_its_count_and_share(tmp_path):
    write_images(tmp_path, {"cat": 6, "dog": 2})
    result = invoke("scan", tmp_path)

    assert result.exit_code == 0
    assert "8 images in 2 classes" in result.output
    assert ["0", "cat", "6", "75.0%"] in printed_rows(result.output)
    assert ["1", "dog", "2", "25.0%"] in printed_rows(result.output)


def test_scan_prints_what_it_skipped_and_why(photos):
    (photos / "cat" / "notes.txt").write_text("x")
    (photos / "cat" / "more.txt").write_text("x")
    (photos / "cat" / ".hidden.png").write_text("x")
    result = invoke("scan", photos).output

    assert "skipped: 2 not an image (.txt)" in result
    assert "skipped: 1 hidden" in result


def test_scan_prints_no_skipped_files_if_there_are_none(photos):
    assert "skipped" not in invoke("scan", photos).output


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_scan_saves_a_manifest_that_can_be_loaded(photos, tmp_path, name):
    result = invoke("scan", photos, "--save", tmp_path / name)
    manifest = imggen.Manifest.load(tmp_path / name)

    assert result.exit_code == 0
    assert name in result.output
    assert manifest.class_counts == {"cat": 8, "dog": 8}
    assert all(map(os.path.isfile, manifest.filepaths))


def test_without_save_scan_writes_nothing(photos, tmp_path):
    invoke("scan", photos)

    assert os.listdir(tmp_path) == ["photos"]


def test_a_path_is_printed_in_one_piece(photos, tmp_path):
    target = tmp_path / f"{'long' * 30}.csv"

    assert (
        f"Wrote a manifest of 16 images to {target}\n"
        in invoke("scan", photos, "--save", target).output
    )


def test_split_prints_the_number_of_images_by_class_and_split(photos, tmp_path):
    result = invoke("split", photos, tmp_path / "out", "--ratio", 0.5, 0.25, 0.25)

    assert result.exit_code == 0
    assert "16 images in" in result.output
    assert "deviation" not in result.output
    assert printed_rows(result.output) == [
        ["cat", "4", "2", "2"],
        ["dog", "4", "2", "2"],
        ["all", "8", "4", "4"],
    ]


def test_split_copies_every_image(photos, tmp_path):
    result = program("split", photos, tmp_path / "out", "--ratio", 0.5, 0.25, 0.25)
    copies = sorted(path.read_bytes() for path in (tmp_path / "out").glob("*/*/*.png"))

    assert (result.returncode, result.stderr) == (0, "")
    assert copies == sorted(path.read_bytes() for path in photos.glob("*/*.png"))


def test_split_takes_the_seed(photos, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        invoke("split", photos, tmp_path / name, "--ratio", 0.5, 0.25, 0.25, "--seed", seed)
    a, b, c = (
        sorted(str(path.relative_to(tmp_path / name)) for path in (tmp_path / name).glob("*/*/*"))
        for name in "abc"
    )

    assert a == b != c


@pytest.mark.parametrize("verb", ["scan", "split"])
@pytest.mark.parametrize("name", ["cats [old]", "[red]"])
def test_brackets_in_the_name_of_a_class_are_printed(tmp_path, name, verb):
    write_images(tmp_path / "in", {name: 8, "dog": 8})
    more = () if verb == "scan" else (tmp_path / "out", "--ratio", 0.5, 0.25, 0.25)

    assert name in invoke(verb, tmp_path / "in", *more).output


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (["scan", "nowhere"], "'nowhere' does not exist; expected a folder"),
        (["scan", "file.txt"], "'file.txt' is a file; expected a folder"),
        (["scan", "empty"], "Found 0 images in 'empty'"),
        (["scan", "photos", "--save", "m.xls"], r"'m\.xls' must end in \.csv or \.parquet"),
        (["split", "nowhere", "out"], "'nowhere' does not exist"),
        (["split", "photos", "photos"], "'photos' and 'photos' contains the other"),
        (["split", "photos", "photos/out"], "'photos/out' and 'photos' contains the other"),
        (["split", "photos", "out", "--ratio", ".5", ".5", ".5"], r"sum to 1\.5; they must sum"),
        (["split", "photos", "out", "--seed", "-1"], "--seed -1 must be a whole number"),
        (["scan", "photos", "--save", "no/m.csv"], r"no/m\.csv"),
    ],
)
def test_errors_are_printed_on_one_line_with_exit_status_1(photos, tmp_path, line, reason):
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    result = program(*line, cwd=tmp_path)

    assert result.returncode == 1
    assert re.fullmatch(rf"Error: .*{reason}.*\n", result.stderr)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (["scna", "photos"], "'scna'"),
        (["scan"], "SRC"),
        (["split", "photos"], "DST"),
        (["split", "a", "b", "--split", "1"], "--split"),
        (["split", "a", "b", "--seed", "x"], "'x'"),
        (["demo", "--epochs", "0"], "--epochs"),
        (["scan", "photos", "--sve", "m.csv"], "--sve"),
        (["scan", ""], "SRC"),
        (["cache", "clear", ""], "FOLDER"),
        (["verify", "photos", "--quarantine", ""], "--quarantine"),
        (["demo", "--output", ""], "--output"),
        (["migrate", ""], "PATH"),
    ],
)
def test_usage_errors_name_the_argument_with_exit_status_2(line, named):
    result = invoke(*line)

    assert result.exit_code == 2
    assert named in result.stderr
    assert result.stdout == ""


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, str]:
    # Brackets, so that a test can see whether they are printed.
    output = tmp_path_factory.mktemp("demo") / "run [new]"
    result = program("demo", "--output", output, "--epochs", 7)
    assert result.returncode == 0, result.stderr
    return output, result.stdout


def accuracy(printed: str) -> str:
    return re.search(r"^test accuracy (\d\.\d{4})$", printed, flags=re.MULTILINE).group(1)


@pytest.mark.timeout(180)
def test_the_demo_classifies_digits_of_the_test_split(demo):
    assert 0.95 <= float(accuracy(demo[1])) <= 1


@pytest.mark.timeout(180)
def test_the_demo_prints_its_steps_in_order(demo):
    steps = re.findall(r"^(\d)\. ", demo[1], flags=re.MULTILINE)

    assert steps == ["1", "2", "3", "3", "4", "5"]
    assert "1258 train, 270 val, 269 test" in demo[1]


@pytest.mark.timeout(180)
def test_the_table_of_the_demo_has_the_printed_accuracy(demo):
    output, printed = demo
    with (output / "predictions.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))

    right = sum(row["true"] == row["predicted"] for row in table)
    assert len(table) == 269
    assert f"{right / 269:.4f}" == accuracy(printed)
    assert all(Path(row["path"]).parent.name == row["true"] for row in table)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "name",
    [
        "augmentations-photos.png",
        "augmentations-digits.png",
        "confusion-matrix.png",
        "mistakes.png",
    ],
)
def test_the_demo_draws_its_pictures(demo, name):
    with Image.open(demo[0] / name) as picture:
        assert min(picture.size) > 200
        assert len(picture.convert("L").getcolors()) > 10


@pytest.mark.timeout(180)
def test_the_demo_prints_where_its_pictures_are(demo):
    output, printed = demo

    assert f"confusion matrix: {output / 'confusion-matrix.png'}" in printed
