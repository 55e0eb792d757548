"""``imggen split``: folders, dry runs and undo."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

import imggen
from tests.helpers.command_line import csv_rows, invoke, printed_rows
from tests.helpers.split_files import (
    HALF,
    ODD_NAMES,
    PLAN,
    everything_in,
    files_in,
    numbered,
    part_of,
    program,
    visible_in,
    without_part,
    write_files,
)

HALVES = ("--ratio", 0.5, 0.25, 0.25)


# To folders.


def test_classes_are_split_70_15_15_by_default(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 20), *numbered("dog", 20))
    result = invoke("split", photos, tmp_path / "out")

    assert result.exit_code == 0, result.stderr
    assert printed_rows(result.output) == [
        ["cat", "14", "3", "3"],
        ["dog", "14", "3", "3"],
        ["all", "28", "6", "6"],
    ]
    assert len(part_of(tmp_path / "out")) == 40


def test_the_program_writes_the_same_splits_as_the_function(photos, tmp_path):
    result = program("split", photos, tmp_path / "out", *HALVES, "--seed", 5)
    imggen.split_directory(photos, tmp_path / "same", HALF, seed=5)

    assert (result.returncode, result.stderr) == (0, "")
    assert files_in(tmp_path / "out") == files_in(tmp_path / "same")


@pytest.mark.parametrize(
    ("ratio", "parts"),
    [
        ((0.5, 0.5, 0), {"train": 8, "val": 8}),
        ((0.75, 0, 0.25), {"train": 12, "test": 4}),
        ((0, 0.25, 0.75), {"val": 4, "test": 12}),
        ((1, 0, 0), {"train": 16}),
    ],
)
def test_a_ratio_of_0_leaves_out_the_split(photos, tmp_path, ratio, parts):
    result = invoke("split", photos, tmp_path / "out", "--ratio", *ratio)

    assert result.exit_code == 0, result.stderr
    assert visible_in(tmp_path / "out") == sorted(parts)
    assert printed_rows(result.output)[-1] == ["all", *map(str, parts.values())]


@pytest.mark.parametrize(
    ("count", "parts"), [((1, 2), "10 2 4"), ((2, 0), "12 4"), ((0, 3), "10 6")]
)
def test_count_sets_the_size_of_val_and_test_per_class(photos, tmp_path, count, parts):
    result = invoke("split", photos, tmp_path / "out", "--count", *count)

    assert result.exit_code == 0, result.stderr
    assert printed_rows(result.output)[-1] == ["all", *parts.split()]


def test_kfold_makes_folds(photos, tmp_path):
    result = invoke("split", photos, tmp_path / "out", "--kfold", 4)

    assert result.exit_code == 0, result.stderr
    assert visible_in(tmp_path / "out") == ["fold_0", "fold_1", "fold_2", "fold_3"]
    assert printed_rows(result.output)[-1] == ["all", "4", "4", "4", "4"]


@pytest.mark.parametrize("mode", ["--copy", "--move", "--symlink", "--hardlink"])
def test_every_mode_has_an_option(photos, tmp_path, mode):
    before = files_in(photos)
    result = invoke("split", photos, tmp_path / "out", *HALVES, mode)
    found = list((tmp_path / "out").rglob("*.png"))

    assert result.exit_code == 0, result.stderr
    assert {without_part(name): data for name, data in files_in(tmp_path / "out").items()} == before
    assert files_in(photos) == ({} if mode == "--move" else before)
    assert {(path.is_symlink(), path.stat().st_nlink) for path in found} == {
        (mode == "--symlink", 2 if mode == "--hardlink" else 1)
    }


def test_oversample_repeats_images_of_rare_classes(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 10), *numbered("dog", 5))
    result = invoke("split", photos, tmp_path / "out", "--ratio", 0.6, 0.4, 0, "--oversample")

    assert result.exit_code == 0, result.stderr
    assert printed_rows(result.output) == [["cat", "6", "4"], ["dog", "6", "2"], ["all", "12", "6"]]


@pytest.mark.parametrize("more", [["out"], ["--manifest", "m.csv"]])
def test_repeats_of_rare_classes_are_no_deviation_from_the_ratios(tmp_path, monkeypatch, more):
    write_files(tmp_path / "photos", *numbered("cat", 20), *numbered("dog", 5))
    monkeypatch.chdir(tmp_path)
    options = ["--ratio", 0.5, 0.5, 0, "--oversample", "--html", "page.html"]
    result = invoke("split", "photos", *more, *options)

    deviation = r"argest deviation from its ratio: dog in (train|val): [23] of 5 \("
    assert re.search(deviation, result.stdout)
    assert re.search(deviation, (tmp_path / "page.html").read_text(encoding="utf-8"))


def test_without_stratification_ratios_hold_for_the_whole_set(photos, tmp_path):
    result = invoke("split", photos, tmp_path / "out", *HALVES, "--no-stratify", "--seed", 1)

    assert printed_rows(result.output)[-1] == ["all", "8", "4", "4"]
    assert printed_rows(result.output)[0] != ["cat", "4", "2", "2"]


def test_split_prints_the_largest_deviation_from_the_ratios(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 20), *numbered("dog", 10))
    result = invoke("split", photos, tmp_path / "out", "--ratio", 0.75, 0.25, 0).output

    assert re.search(
        r"^largest deviation from its ratio: dog in (train: [78] of 10 \((70|80)\.0%\) for 75\.0%|"
        r"val: [23] of 10 \((20|30)\.0%\) for 25\.0%)$",
        result,
        flags=re.MULTILINE,
    )


def test_sidecar_files_are_counted(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 8), "cat/000.txt", "cat/001.json")
    result = invoke("split", photos, tmp_path / "out", *HALVES).output

    assert "8 images in" in result
    assert "also copied: 2 sidecar files" in result


def test_the_same_command_resumes_an_interrupted_run(photos, tmp_path):
    line = ["split", photos, tmp_path / "out", *HALVES, "--move"]
    invoke(*line)
    moved = next(iter(files_in(tmp_path / "out")))
    (tmp_path / "out" / moved).rename(photos / without_part(moved))
    result = program(*line)

    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out" / moved).is_file()
    assert files_in(photos) == {}


def test_a_command_other_than_the_interrupted_one_is_refused(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", *HALVES)
    result = program("split", photos, tmp_path / "out", *HALVES, "--seed", 1)

    assert result.returncode == 1
    assert re.fullmatch(r"Error: .* was made with --seed 0 \(now 1\)\. .*\n", result.stderr)


def test_the_resuming_command_may_spell_out_the_default_ratios(photos, tmp_path):
    write_files(photos, *numbered("cat", 20), *numbered("dog", 20))
    invoke("split", photos, tmp_path / "out")

    assert invoke("split", photos, tmp_path / "out", "--ratio", 0.7, 0.15, 0.15).exit_code == 0


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="there is no Ctrl+C to send")
def test_ctrl_c_prints_no_traceback_and_the_same_command_resumes(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 2000))
    line = ["split", photos, tmp_path / "out", *HALVES]
    with subprocess.Popen(
        [sys.executable, "-m", "imggen", *map(str, line)], stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not (tmp_path / "out" / PLAN / "scratch").exists():
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        result = process.communicate()[1]

    assert "Traceback" not in result
    assert process.returncode in (0, 1)
    was_interrupted = process.returncode == 1
    assert ("\nInterrupted. Rerun the same command to resume.\n" in result) == was_interrupted
    assert program(*line).returncode == 0
    assert len(part_of(tmp_path / "out")) == 2000


# --ratio with two numbers, --no-labels.


@pytest.mark.parametrize(
    "line",
    [
        ["photos", "out", "--ratio", "0.75", "0.25"],
        ["--ratio", "0.75", "0.25", "photos", "out"],
        ["photos", "--ratio=0.75", "0.25", "out"],
        ["--ratio", "0.75", "0.25", "--seed", "0", "photos", "out"],
        ["--ratio", "0.75", "0.25", "--", "photos", "out"],
        ["--ratio", "0.75", "0.25", "0", "photos", "out"],
        ["--ratio", "0.5", "0.5", "--ratio", ".75", ".25", "photos", "out"],
        ["--ratio", "0.75", "0.25", "2020", "out"],
    ],
)
def test_two_ratios_make_train_and_val(photos, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    if "2020" in line:
        photos.rename("2020")
    result = invoke("split", *line)

    assert result.exit_code == 0, result.stderr
    assert visible_in(tmp_path / "out") == ["train", "val"]
    assert printed_rows(result.output)[-1] == ["all", "12", "4"]


@pytest.mark.parametrize("nested", [False, True])
def test_images_are_split_without_classes(tmp_path, nested):
    names = [f"{'cat/' * (row % 2 * nested)}{row}.png" for row in range(10)]
    photos = write_files(tmp_path / "photos", *names, "0.txt", "0.png.json")
    line = ["split", photos, tmp_path / "out", "--ratio", 0.8, 0.2, "--no-labels", "--move"]
    result = invoke(*line)

    assert result.exit_code == 0, result.stderr
    assert printed_rows(result.output) == [["all", "8", "2"]]
    parts = part_of(tmp_path / "out")
    assert set(parts) == {*names, "0.txt", "0.png.json"}
    assert parts["0.png"] == parts["0.txt"] == parts["0.png.json"]
    assert invoke(*line).exit_code == 0
    with_classes = invoke(*[text for text in line if text != "--no-labels"])
    assert with_classes.exit_code == 1
    assert "was made with --no-labels (now not)" in with_classes.stderr


def test_a_table_is_split_without_its_labels(photos, tmp_path):
    imggen.scan(photos).save(tmp_path / "in.csv")
    line = ["split", tmp_path / "in.csv", "--manifest", tmp_path / "m.csv", "--no-labels"]
    assert printed_rows(invoke(*line, "--dry-run").output) == [["all", "11", "3", "2"]]


# --dry-run and --list.


@pytest.mark.parametrize("more", [[], ["--move"], ["--kfold", 2], ["--stable"]])
def test_list_prints_each_step_and_touches_nothing(tmp_path, more):
    photos = write_files(tmp_path / "photos", *numbered("cat", 40), "cat/000.txt")
    before = everything_in(tmp_path), files_in(photos)
    result = invoke("split", photos, tmp_path / "out", *more, "--list")
    mode = "move" if more == ["--move"] else "copy"
    steps = re.findall(rf"^{mode} (\S+) -> (\S+)$", result.stdout, flags=re.MULTILINE)

    assert result.exit_code == 0, result.stderr
    assert (everything_in(tmp_path), files_in(photos)) == before
    assert {source for source, _ in steps} == set(files_in(photos))
    assert len(steps) == (82 if "--kfold" in more else 41)


def test_a_dry_run_predicts_the_run(photos, tmp_path):
    line = ["split", photos, tmp_path / "out", *HALVES]
    result = invoke(*line, "--dry-run", "--list").output
    invoke(*line)

    assert sorted(re.findall(r" -> (\S+)$", result, flags=re.MULTILINE)) == sorted(
        files_in(tmp_path / "out")
    )


def test_a_dry_run_writes_no_table(photos, tmp_path):
    result = invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES, "--dry-run")

    assert result.exit_code == 0
    assert printed_rows(result.output)[-1] == ["all", "8", "4", "4"]
    assert os.listdir(tmp_path) == ["photos"]


def test_a_dry_run_is_a_summary_on_stdout(tmp_path):
    photos = write_files(tmp_path / "photos", *numbered("cat", 12), "dog/a.png", "dog/a.txt")
    line = ["split", photos, tmp_path / "out", "--ratio", 0.75, 0.25]
    result = invoke(*line, "--dry-run")
    size = sum(map(len, files_in(photos).values()))
    folders = f"{tmp_path / 'out/train'}, {tmp_path / 'out/val'}"
    missing = "'dog' (1 sample) is missing in val"

    assert (result.exit_code, result.stderr) == (0, "")
    assert printed_rows(result.stdout) == [["cat", "9", "3"], ["dog", "1", "0"], ["all", "10", "3"]]
    assert result.stdout.splitlines()[-4:] == [
        "also to copy: 1 sidecar file",
        f"would copy 14 files ({size} bytes) into {folders}",
        "nothing was written; --list prints the files",
        f"warning: 1 class is too small to appear in every split: {missing}.",
    ]
    assert " -> " not in result.stdout
    assert os.listdir(tmp_path) == ["photos"]
    # Of a run that is done already.
    invoke(*line)
    assert (
        "would copy 0 files (0 bytes), 14 of them done already" in invoke(*line, "--dry-run").stdout
    )


def test_list_prints_files_only_in_the_order_of_the_plan(photos, tmp_path):
    line = ["split", photos, tmp_path / "out", *HALVES]
    listed = invoke(*line, "--list").stdout.splitlines()
    both = invoke(*line, "--list", "--dry-run").stdout.splitlines()

    assert len(listed) == 16
    assert all(text.startswith(("copy cat/", "copy dog/")) for text in listed)
    splits = [text.partition(" -> ")[2].partition("/")[0] for text in listed]
    assert splits == sorted(splits, key=["train", "val", "test"].index)
    start = both.index(listed[0])
    assert both[start : start + 16] == listed
    assert printed_rows("\n".join(both))[-1] == ["all", "8", "4", "4"]
    assert os.listdir(tmp_path) == ["photos"]


def test_list_prints_the_split_of_each_row_of_a_table(photos, tmp_path):
    line = ["split", photos, "--manifest", tmp_path / "m.csv", *HALVES]
    listed = invoke(*line, "--list").stdout.splitlines()
    invoke(*line)

    assert listed == [f"{row['path']} -> {row['split']}" for row in csv_rows(tmp_path / "m.csv")]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_unusual_names_are_split_and_printed(tmp_path, name):
    text = os.fsdecode(name)
    names = [f"{text}/{text}", *numbered(text, 7), *numbered("#", 8)]
    photos = write_files(tmp_path / "photos", *names)
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    line = ("split", photos, tmp_path / "out", *HALVES)
    result = program(*line, "--dry-run", env=environment)

    assert (result.returncode, result.stderr) == (0, "")
    assert len(printed_rows(result.stdout)) == 3
    assert invoke(*line).exit_code == 0
    assert len(part_of(tmp_path / "out")) == 16


@pytest.mark.parametrize("name", [b"caf\xe9 \xff", b"line\nbreak"])
def test_the_class_with_the_largest_deviation_may_have_an_unusual_name(tmp_path, name):
    text = os.fsdecode(name)
    photos = write_files(tmp_path / "photos", *numbered(text, 7), *numbered("x", 8))
    result = program(
        *("split", photos, tmp_path / "out", *HALVES),
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert re.search(
        r"^largest deviation from its ratio: .* in .*%$", result.stdout, flags=re.MULTILINE
    )


# --undo.


def test_undo_moves_files_back(photos, tmp_path):
    before = files_in(photos)
    invoke("split", photos, tmp_path / "out", *HALVES, "--move")
    result = program("split", "--undo", tmp_path / "out")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"Moved 16 files back from {tmp_path / 'out'}\n"
    assert files_in(photos) == before
    assert os.listdir(tmp_path) == ["photos"]


@pytest.mark.parametrize("what", ["never split", "copied"])
def test_undo_of_a_copy_is_refused(photos, tmp_path, what):
    if what == "copied":
        invoke("split", photos, tmp_path / "out", *HALVES)
    result = program("split", "--undo", tmp_path / "out")

    assert result.returncode == 1
    assert re.fullmatch(r"Error: .*which alone can be undone\.\n", result.stderr)


@pytest.mark.parametrize(
    "line",
    [
        ["out", "--dry-run"],
        ["out", "--list"],
        ["out", "--manifest", "m.csv"],
        ["out", "--report", "page.html"],
        ["photos", "out"],
    ],
)
def test_undo_accepts_only_one_folder(photos, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    invoke("split", "photos", "out", *HALVES, "--move")
    before = everything_in(tmp_path)
    result = invoke("split", "--undo", *line)

    assert result.exit_code == 2
    assert "--undo expects only the folder that files were moved to." in result.stderr
    assert everything_in(tmp_path) == before
