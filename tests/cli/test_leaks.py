"""imggen leaks: output, files and exit status."""

import json
import shutil

import pytest

import imggen
from tests.helpers.command_line import csv_rows, invoke
from tests.helpers.images import write_images

LEAKS = [
    "drop train: train/cat/1.png",
    "drop val: val/cat/1.png",
    "keep test: test/cat/1.png",
    "",
    "drop train: train/dog/2.png",
    "keep val: val/dog/2 small.png",
    "",
    "8 files, 2 images in more than one split",
]


def printed(result) -> list[list[str]]:
    """The lines of each leak, sorted, and the last line; the order of files does not matter."""
    leaks, _, last = result.output.rstrip("\n").rpartition("\n\n")
    return [sorted(leak.splitlines()) for leak in leaks.split("\n\n")] + [[last]]


def test_leaks_are_printed_with_the_split_that_keeps_the_image(splits):
    result = invoke("leaks", splits / "train", splits / "val", splits / "test")

    assert result.exit_code == 1
    assert printed(result) == [sorted(LEAKS[:3]), sorted(LEAKS[4:6]), LEAKS[7:]]


def test_the_folder_that_contains_the_splits_is_accepted(splits):
    each = invoke("leaks", splits / "train", splits / "val", splits / "test")

    assert printed(invoke("leaks", splits)) == printed(each)


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_table_of_all_splits_is_accepted(splits, tmp_path, name):
    imggen.scan(splits, class_names=["train", "val", "test"]).to_frame().rename(
        columns={"label": "split"}
    ).pipe(
        lambda frame: imggen.Manifest.from_frame(
            frame, root=str(splits), y_col=None, split_col="split"
        )
    ).save(tmp_path / name)

    assert printed(invoke("leaks", tmp_path / name)) == printed(invoke("leaks", splits))


def test_a_split_into_folders_has_no_leaks_if_duplicates_were_kept_together(album, tmp_path):
    apart = ["split", album, tmp_path / "out", "--ratio", 0.5, 0.5, 0]
    together = invoke(*apart, "--near-duplicates")

    assert together.exit_code == 0
    assert invoke("leaks", tmp_path / "out").exit_code == 0


def test_no_leaks_give_exit_status_0(photos, tmp_path):
    other = write_images(tmp_path / "other", {"cat": 3}, size=(30, 30))
    result = invoke("leaks", photos, other)

    assert (result.exit_code, result.output) == (
        0,
        "19 files, 0 images in more than one split\n",
    )


def test_exact_finds_leaks_of_the_same_bytes_only(splits):
    assert "8 files, 1 image" in invoke("leaks", splits, "--exact").output


def test_folders_of_the_same_name_are_train_val_and_test_in_this_order(splits, tmp_path):
    for place, name in (("a", "test"), ("b", "train"), ("c", "val")):
        shutil.copytree(splits / name, tmp_path / place / "images")
    result = invoke("leaks", *(tmp_path / place / "images" for place in "abc"))

    assert result.exit_code == 1
    assert {line for line in result.output.splitlines() if line.startswith("keep")} == {
        "keep test: c/images/cat/1.png",
        "keep test: c/images/dog/2 small.png",
    }


@pytest.mark.parametrize("name", ["found.csv", "found.json"])
def test_all_leaks_are_written_to_a_file(splits, tmp_path, name):
    invoke("leaks", splits, "-o", tmp_path / name)
    file = tmp_path / name
    rows = csv_rows(file) if name.endswith("csv") else json.loads(file.read_text())["rows"]

    assert sorted((row["split"], row["path"], str(row["is_dropped"])) for row in rows) == [
        ("test", "test/cat/1.png", "False"),
        ("train", "train/cat/1.png", "True"),
        ("train", "train/dog/2.png", "True"),
        ("val", "val/cat/1.png", "True"),
        ("val", "val/dog/2 small.png", "False"),
    ]


@pytest.mark.parametrize("name", ["fixed.csv", "fixed.parquet"])
def test_fix_writes_a_manifest_without_leaks(splits, tmp_path, name):
    result = invoke("leaks", splits, "--fix", tmp_path / name)
    fixed = imggen.Manifest.load(tmp_path / name)

    assert result.exit_code == 0
    closing = f"Wrote a manifest of 5 images without leaks to {tmp_path / name}"
    assert result.output.splitlines()[-1] == closing
    assert sorted(zip(fixed.splits, fixed.paths, strict=True)) == [
        ("test", "test/cat/1.png"),
        ("test", "test/dog/4.png"),
        ("train", "train/cat/0.png"),
        ("val", "val/dog/2 small.png"),
        ("val", "val/dog/3.png"),
    ]
    assert invoke("leaks", tmp_path / name).exit_code == 0


def test_more_than_twenty_leaks_are_truncated_and_counted(tmp_path):
    write_images(tmp_path / "train", {"cat": 23}, size=(4, 4))
    shutil.copytree(tmp_path / "train", tmp_path / "val")
    result = invoke("leaks", tmp_path / "train", tmp_path / "val", "--exact")

    assert result.output.count("keep ") == 20
    assert "... and 3 more; -v prints all, -o FILE writes all\n" in result.output
    assert "46 files, 23 images" in result.output


def test_groups_in_several_splits_are_printed_and_give_exit_status_1(photos, tmp_path):
    invoke("split", photos, tmp_path / "out", "--ratio", 0.5, 0.5, 0)
    names = sorted(path.name for path in (tmp_path / "out/train/cat").iterdir())
    result = invoke("leaks", tmp_path / "out", "--exact", "--group-by", "(cat|dog)/")

    assert result.exit_code == 1
    assert f"group cat: {len(names)} in train, " in result.output
    assert "0 images and 2 groups in more than one split" in result.output

    table = tmp_path / "split.csv"
    invoke("split", photos, "--ratio", 0.5, 0.5, 0, "--manifest", table)
    assert invoke("leaks", table, "--exact").exit_code == 0
    by_column = invoke("leaks", table, "--exact", "--group-by", "label")
    assert f"group cat: {len(names)} in train, " in by_column.output
    assert invoke("leaks", table, "--group-by", "patient").exit_code == 2
