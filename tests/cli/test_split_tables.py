"""``imggen split`` of tables and to tables."""

import hashlib
import os
import re
from pathlib import Path

import pandas as pd
import pytest

import imggen
from tests.helpers.command_line import csv_rows, invoke, printed_rows
from tests.helpers.split_files import (
    everything_in,
    files_in,
    numbered,
    part_of,
    program,
    write_files,
)

HALVES = ("--ratio", 0.5, 0.25, 0.25)


# --manifest.


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_table_lists_each_image_with_its_label_split_and_hash(photos, tmp_path, name):
    result = invoke("split", photos, "--manifest", tmp_path / name, *HALVES)
    manifest = imggen.Manifest.load(tmp_path / name)
    frame = manifest.to_frame()

    assert result.exit_code == 0, result.stderr
    assert f"Wrote a manifest of 16 images to {tmp_path / name}\n" in result.output
    assert list(frame.columns) == ["path", "label", "split", "hash"]
    assert list(map(os.path.dirname, frame["path"])) == list(frame["label"])
    assert list(frame["hash"]) == [
        hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in manifest.filepaths
    ]
    assert frame.groupby(["label", "split"]).size().to_dict() == {
        (label, part): count
        for label in ("cat", "dog")
        for part, count in (("train", 4), ("val", 2), ("test", 2))
    }


def test_a_table_has_groups_if_images_stay_together(photos, tmp_path):
    invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES, "--group-by", r"/(\d+)")
    table = csv_rows(tmp_path / "m.csv")

    assert list(table[0]) == ["path", "label", "group", "split", "hash"]
    assert {row["group"] for row in table} == {f"{number:03d}" for number in range(8)}
    assert len({(row["group"], row["split"]) for row in table}) == 8


def test_a_table_makes_no_folder_and_moves_no_file(photos, tmp_path):
    before = everything_in(photos)
    invoke("split", photos, "--manifest", tmp_path / "m.csv")

    assert everything_in(photos) == before
    assert sorted(os.listdir(tmp_path)) == ["m.csv", "m.csv.json", "photos"]


def test_a_table_agrees_with_the_folders(photos, tmp_path):
    invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES)
    invoke("split", photos, tmp_path / "out", *HALVES)

    assert {row["path"]: row["split"] for row in csv_rows(tmp_path / "m.csv")} == part_of(
        tmp_path / "out"
    )


def test_a_table_of_folds_names_the_fold_that_validates_on_each_image(photos, tmp_path):
    result = invoke("split", photos, "--manifest", tmp_path / "m.csv", "--kfold", 4)
    table = csv_rows(tmp_path / "m.csv")

    assert result.exit_code == 0, result.stderr
    assert sorted(row["path"] for row in table) == sorted(files_in(photos))
    assert sorted(row["split"] for row in table) == sorted(f"fold_{k % 4}" for k in range(16))


def test_a_table_of_splits_is_exported_by_these_splits(photos, tmp_path):
    invoke("split", photos, "--manifest", tmp_path / "m.csv", *HALVES, "--seed", 9)
    manifest = imggen.Manifest.load(tmp_path / "m.csv")
    imggen.split_directory(manifest, tmp_path / "out", None)

    assert dict(zip(manifest.paths, manifest.splits, strict=True)) == part_of(tmp_path / "out")


def test_names_that_are_not_utf_8_are_written_to_csv_but_not_to_parquet(tmp_path):
    name = os.fsdecode(b"cat/\xff.png")
    photos = write_files(tmp_path / "photos", name, *numbered("dog", 3))
    shares = ("--ratio", 0.5, 0.5, 0, "--no-stratify")
    csv_told = invoke("split", photos, "--manifest", tmp_path / "m.csv", *shares)
    result = invoke("split", photos, "--manifest", tmp_path / "m.parquet", *shares)

    assert csv_told.exit_code == 0, csv_told.stderr
    assert name in {row["path"] for row in csv_rows(tmp_path / "m.csv")}
    assert result.exit_code == 1
    assert "Save as .csv" in result.stderr


def test_a_table_may_have_a_name_that_is_not_utf_8(photos, tmp_path):
    result = program(
        *("split", photos, "--manifest", tmp_path / os.fsdecode(b"\xff.csv"), *HALVES),
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )

    assert (result.returncode, result.stderr) == (0, "")


# A table as the source.


@pytest.fixture
def table(tmp_path) -> Path:
    """32 files in one folder, with two labels, two columns of 0 and 1, and four per patient."""
    write_files(tmp_path / "in", *numbered("scans", 32))
    frame = pd.DataFrame(
        {
            "path": numbered("scans", 32),
            "label": ["ill", "well"] * 16,
            "clinic": ["north"] * 8 + ["south"] * 24,
            "cough": [0, 1] * 16,
            "fever": [1] * 16 + [0] * 16,
            "words": ["some", "none"] * 16,
            "patient": [f"p{number // 4}" for number in range(32)],
        }
    )
    frame.to_csv(tmp_path / "in" / "t.csv", index=False)
    return tmp_path / "in" / "t.csv"


def test_a_table_is_split_by_its_labels(table, tmp_path):
    result = invoke("split", table, tmp_path / "out", *HALVES)

    assert result.exit_code == 0, result.stderr
    assert printed_rows(result.output)[:2] == [["ill", "8", "4", "4"], ["well", "8", "4", "4"]]
    assert sorted(part_of(tmp_path / "out")) == sorted(
        f"{'well' if number % 2 else 'ill'}/scans/{number:03d}.png" for number in range(32)
    )


def test_a_table_may_be_parquet(table, tmp_path):
    pd.read_csv(table).to_parquet(table.with_suffix(".parquet"))
    for name, ending in (("a", ".csv"), ("b", ".parquet")):
        result = invoke("split", table.with_suffix(ending), tmp_path / name, *HALVES)
        assert result.exit_code == 0, result.stderr

    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")


def test_a_table_saved_by_scan_is_split_like_its_folder(photos, tmp_path):
    (tmp_path / "tables").mkdir()
    invoke("scan", photos, "--save", tmp_path / "tables" / "m.csv")
    result = invoke("split", tmp_path / "tables" / "m.csv", tmp_path / "a", *HALVES)
    invoke("split", photos, tmp_path / "b", *HALVES)

    assert result.exit_code == 0, result.stderr
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")


def test_a_split_of_a_table_is_resumed(table, tmp_path):
    for _ in range(2):
        result = invoke(
            *("split", table, tmp_path / "out", *HALVES, "--move"),
            *("--group-by", "patient", "--stratify-by", "cough"),
        )
        assert result.exit_code == 0, result.stderr

    assert len(part_of(tmp_path / "out")) == 32


def shares_of(folder: Path, values: dict[str, object]) -> dict[tuple[str, object], int]:
    found: dict[tuple[str, object], int] = {}
    for name, part in part_of(folder).items():
        key = part, values[name.partition("/")[2]]
        found[key] = found.get(key, 0) + 1
    return found


def column(table: Path, name: str) -> dict[str, object]:
    frame = pd.read_csv(table)
    return dict(zip(frame["path"], frame[name], strict=True))


def test_stratify_by_keeps_the_ratios_of_another_column(table, tmp_path):
    result = invoke("split", table, tmp_path / "out", *HALVES, "--stratify-by", "clinic")

    assert result.exit_code == 0, result.stderr
    assert shares_of(tmp_path / "out", column(table, "clinic")) == {
        ("train", "north"): 4,
        ("val", "north"): 2,
        ("test", "north"): 2,
        ("train", "south"): 12,
        ("val", "south"): 6,
        ("test", "south"): 6,
    }


def test_stratify_by_keeps_the_ratios_of_several_labels(table, tmp_path):
    result = invoke(
        *("split", table, tmp_path / "out", *HALVES),
        *("--stratify-by", "cough", "--stratify-by", "fever"),
    )

    assert result.exit_code == 0, result.stderr
    for name in ("cough", "fever"):
        shares = shares_of(tmp_path / "out", column(table, name))
        assert [shares[part, 1] for part in ("train", "val", "test")] == [8, 4, 4]


@pytest.mark.parametrize(
    ("columns", "code", "reason"),
    [
        (["cough", "words"], 2, "--stratify-by: columns must hold 0 and 1"),
        (["cough", "size"], 1, "no column 'size'; its columns are"),
        (["size"], 1, "no column 'size'; its columns are"),
    ],
)
def test_columns_that_cannot_be_stratified_by_are_refused(table, tmp_path, columns, code, reason):
    chosen = [word for name in columns for word in ("--stratify-by", name)]
    result = invoke("split", table, tmp_path / "out", *chosen)

    assert result.exit_code == code
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
    assert os.listdir(tmp_path) == ["in"]


def test_a_row_without_a_stratum_is_refused(table, tmp_path):
    frame = pd.read_csv(table)
    frame.assign(clinic=["", *"ab" * 15, ""]).to_csv(table, index=False)
    result = invoke("split", table, tmp_path / "out", "--stratify-by", "clinic")

    assert result.exit_code == 2
    assert "--stratify-by clinic: 2 of 32 rows have no value, such as row 0" in result.stderr
    assert os.listdir(tmp_path) == ["in"]


def test_labels_other_than_0_and_1_are_refused(table, tmp_path):
    frame = pd.read_csv(table)
    frame.assign(fever=range(32)).to_csv(table, index=False)
    result = invoke(
        *("split", table, tmp_path / "out", "--stratify-by", "cough", "--stratify-by", "fever")
    )

    assert result.exit_code == 1
    assert "values other than 0 and 1" in result.stderr


def test_stratify_by_requires_a_table(photos, tmp_path):
    result = invoke("split", photos, tmp_path / "out", "--stratify-by", "label")

    assert result.exit_code == 2
    assert "--stratify-by needs a table" in result.stderr


@pytest.mark.parametrize("seed", range(3))
def test_group_by_accepts_a_column_of_the_table(table, tmp_path, seed):
    result = invoke(
        "split", table, tmp_path / "out", *HALVES, "--group-by", "patient", "--seed", seed
    )

    assert result.exit_code == 0, result.stderr
    assert len(shares_of(tmp_path / "out", column(table, "patient"))) == 8


def test_a_row_without_a_group_is_refused(table, tmp_path):
    frame = pd.read_csv(table)
    frame.loc[5, "patient"] = ""
    frame.to_csv(table, index=False)
    result = invoke("split", table, tmp_path / "out", "--group-by", "patient")

    assert result.exit_code == 2
    assert "1 of 32 rows have no group, such as row 5" in result.stderr
    assert os.listdir(tmp_path) == ["in"]


def test_a_table_is_not_overwritten(table):
    before = table.read_bytes()
    result = invoke("split", table, "--manifest", table)

    assert result.exit_code == 2
    assert "is inside SRC" in result.stderr
    assert table.read_bytes() == before


def test_group_by_accepts_a_regular_expression(tmp_path):
    names = [f"{name}/p{number // 3}_{number}.png" for name in ("a", "b") for number in range(24)]
    photos = write_files(tmp_path / "photos", *names)
    result = invoke("split", photos, tmp_path / "out", *HALVES, "--group-by", r"p(\d+)_")
    found = {
        (Path(name).name.partition("_")[0], part)
        for name, part in part_of(tmp_path / "out").items()
    }

    assert result.exit_code == 0, result.stderr
    assert len(found) == 8
    assert "kept 8 groups whole; none is in several splits\n" in result.output


def test_the_number_of_groups_is_shown_wherever_they_come_from(table, tmp_path):
    page = tmp_path / "page.html"
    for command, kind in (
        (("split", table, tmp_path / "out", "--html", page), "splits"),
        (("split", table, tmp_path / "out"), "splits"),  # resumed, from its plan
        (("split", table, "--manifest", tmp_path / "m.csv"), "splits"),
        (("split", table, tmp_path / "folds", "--kfold", "2"), "folds"),
    ):
        result = invoke(*command, "--group-by", "patient", "--seed", 0)
        assert f"kept 8 groups whole; none is in several {kind}\n" in result.output
    assert "Groups that stay together (--group-by): 8." in page.read_text()
    saved = invoke("split", tmp_path / "m.csv", "--manifest", tmp_path / "again.csv", "--json")
    assert '"num_groups": 8' in saved.stdout
    assert " whole;" not in invoke("split", table, tmp_path / "none").output


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        ("(", "valid regular expression"),
        ("patient", "is not found in 16 of 16 paths"),
        ("parent", "a single group of each class"),
    ],
)
def test_impossible_groups_are_refused(photos, tmp_path, by, reason):
    result = invoke("split", photos, tmp_path / "out", "--group-by", by)

    assert result.exit_code == 1
    assert re.fullmatch(rf"Error: .*{reason}.*\n", result.stderr)
    assert os.listdir(tmp_path) == ["photos"]


def test_a_table_may_be_next_to_its_target(table):
    result = program("split", "t.csv", "out", *HALVES, cwd=table.parent)

    assert (result.returncode, result.stderr) == (0, "")
    assert len(part_of(table.parent / "out")) == 32
